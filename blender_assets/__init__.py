"""Parts and colours: true-to-size LEGO meshes as numpy arrays, made without Blender."""
