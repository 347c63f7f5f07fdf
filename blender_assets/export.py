"""Parts as files for other programs: OBJ and STL in millimetres, binary glTF in metres."""

from typing import Literal, get_args

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from blender_assets.colors import FINISHES, Color
from blender_assets.mesh import PartMesh
from blender_assets.paint import UNPAINTED, srgb_from_linear

Format = Literal["obj", "stl", "glb"]
FORMATS: tuple[Format, ...] = get_args(Format)

ROUGHNESS = 0.25
CLEAR_ALPHA = 128
"""Opacity of clear plastic, of 255, in programs that do not refract."""

_Y_UP_FROM_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


Piece = tuple[trimesh.Trimesh, NDArray[np.float64], int]
"""A surface, its colour, scene-linear (3,), and the place of its finish."""


def part_file(mesh: PartMesh, color: Color, kind: Format) -> bytes:
    """Return the bytes of a file that holds a part; faces without a colour of their own are of `color`.

    - ``obj``: millimetres, z up, vertex normals, colours by vertex (``v x y z r g b``, sRGB).
    - ``stl``: binary, millimetres, z up. The format has neither smooth normals nor colours.
    - ``glb``: metres, y up as glTF 2.0 demands, vertex normals, a material for each colour and finish.
    """
    if kind == "stl":
        plain = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
        return bytes(trimesh.exchange.stl.export_stl(plain))
    pieces = _pieces(mesh, color)
    if kind == "glb":
        scene = trimesh.Scene()
        for number, (surface, rgb, finish) in enumerate(pieces):
            turned = trimesh.Trimesh(
                surface.vertices @ _Y_UP_FROM_Z_UP.T / 1000,
                surface.faces,
                vertex_normals=surface.vertex_normals @ _Y_UP_FROM_Z_UP.T,
                visual=TextureVisuals(material=_material(rgb, finish)),  # type: ignore[no-untyped-call]
                process=False,
            )
            scene.add_geometry(turned, geom_name=f"colour {number}")
        return bytes(trimesh.exchange.gltf.export_glb(scene, include_normals=True))  # type: ignore[no-untyped-call]
    whole = _colored(pieces)
    text = trimesh.exchange.obj.export_obj(whole, include_normals=True, include_color=True)  # type: ignore[no-untyped-call]
    return str(text).encode()


def _colored(pieces: list[Piece]) -> trimesh.Trimesh:
    """Return the pieces as one surface with colours by vertex."""
    surfaces = [surface for surface, _, _ in pieces]
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces[:-1])])
    colors = [
        np.tile(np.append(np.round(srgb_from_linear(rgb) * 255), 255), (len(surface.vertices), 1))
        for surface, rgb, _ in pieces
    ]
    return trimesh.Trimesh(
        np.concatenate([surface.vertices for surface in surfaces]),
        np.concatenate([surface.faces + start for surface, start in zip(surfaces, starts, strict=True)]),
        vertex_normals=np.concatenate([surface.vertex_normals for surface in surfaces]),
        vertex_colors=np.concatenate(colors).astype(np.uint8),
        process=False,
    )


def _pieces(mesh: PartMesh, color: Color) -> list[Piece]:
    """Return the faces of each colour as a surface."""
    own = color.finish_number
    if mesh.paint is None:
        return [(_surface(mesh, np.arange(len(mesh.faces))), np.array(color.linear_rgb), own)]
    finish = np.where(mesh.paint.finish == UNPAINTED, own, mesh.paint.finish)
    looks, look = np.unique(np.column_stack([mesh.paint.over(color), finish]), axis=0, return_inverse=True)
    return [(_surface(mesh, np.flatnonzero(look.ravel() == k)), row[:3], int(row[3])) for k, row in enumerate(looks)]


def _surface(mesh: PartMesh, faces: NDArray[np.int64]) -> trimesh.Trimesh:
    """Return some faces; corners with the same place and the same normal are one vertex, so that edges stay sharp."""
    index = mesh.faces[faces].ravel()
    normals = mesh.corner_normals[faces].reshape(-1, 3)
    key = np.column_stack([index, np.round(normals * 1000)]).astype(np.int64)
    _, first, corner = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return trimesh.Trimesh(
        mesh.vertices_mm[index[first]].astype(np.float64),
        corner.reshape(-1, 3),
        vertex_normals=normals[first],
        process=False,
    )


def _material(rgb: NDArray[np.float64], finish: int) -> PBRMaterial:
    clear = FINISHES[finish] == "transparent"
    return PBRMaterial(  # type: ignore[no-untyped-call]
        baseColorFactor=[*rgb.tolist(), CLEAR_ALPHA / 255 if clear else 1.0],
        metallicFactor=0.85 if FINISHES[finish] == "metallic" else 0.0,
        roughnessFactor=ROUGHNESS,
        alphaMode="BLEND" if clear else "OPAQUE",
    )
