"""Parts of an LDraw library as meshes: files, lines, geometry, surfaces, colours (https://www.ldraw.org/article/218)."""
