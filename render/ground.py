"""The floor of one picture inside Blender: the table, sheets on it, its edge and what lies below."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from render.blender import UNIT_MM, bpy
from render.edge import Edge
from render.floor_materials import UV, pattern_uv, shadow_material, surface_material
from render.floors import Floor
from render.sheets import Sheet

Floats = NDArray[np.float64]

HALF_MM = 20_000.0
"""How far a floor reaches."""

LIFT_MM = 0.05
"""Of each sheet above what lies below it: about the thickness of paper, and less than bricks sink in."""

SHADOW_MM = 2.2
"""Width of the shadow beside a sheet's edge, which is nowhere quite flat."""

CHAMFER_MM = 1.2
"""Of the table's edge."""


@contextlib.contextmanager
def laid(floor: Floor, pixel_mm: float) -> Iterator[None]:
    """Lay the floor for the length of the block; `pixel_mm` is the size of a pixel where the pile lies."""
    with contextlib.ExitStack() as stack:
        ground, edge = floor.ground, floor.edge
        material, size = surface_material(ground, "floor", pixel_mm)
        if edge is None or edge.at_mm is None:
            corners = HALF_MM * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
            faces = [_level(corners, 0.0)]
            flat = corners
        else:
            faces, flat = _board(edge, edge.at_mm)
            below, below_size = surface_material(edge.below, "floor below", pixel_mm * 2)
            corners = HALF_MM * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
            stack.enter_context(
                _shown(
                    "floor below", [_level(corners, -edge.drop_mm)], pattern_uv(corners, edge.below, below_size), below
                )
            )
        stack.enter_context(_shown("floor", faces, pattern_uv(flat, ground, size), material))
        for k, sheet in enumerate(floor.sheets):
            stack.enter_context(_sheet(sheet, k, pixel_mm))
        yield


def _level(points: Floats, height_mm: float) -> Floats:
    return np.column_stack([points, np.full(len(points), height_mm)])


def _board(edge: Edge, at_mm: float) -> tuple[list[Floats], Floats]:
    """Return the faces of a table that ends at its edge, (4, 3) each, and the corners' places on its pattern, (N, 2).

    The pattern goes on over the edge.
    """
    outwards = edge.outwards
    along = np.array([-outwards[1], outwards[0]])
    chamfer = CHAMFER_MM
    profile = [(-HALF_MM, 0.0), (at_mm - chamfer, 0.0), (at_mm, -chamfer), (at_mm, -edge.thickness_mm)]
    faces, flat, run = [], [], -HALF_MM
    for (a, z_a), (b, z_b) in itertools.pairwise(profile):
        length = float(np.hypot(b - a, z_b - z_a))
        ends = [
            (-HALF_MM, a, z_a, run),
            (-HALF_MM, b, z_b, run + length),
            (HALF_MM, b, z_b, run + length),
            (HALF_MM, a, z_a, run),
        ]
        faces.append(np.array([[*(s * along + n * outwards), z] for s, n, z, _ in ends]))
        flat += [s * along + r * outwards for s, _, _, r in ends]
        run += length
    return faces, np.array(flat)


@contextlib.contextmanager
def _sheet(sheet: Sheet, place: int, pixel_mm: float) -> Iterator[None]:
    material, covers_mm = surface_material(sheet.surface, f"sheet {place}", pixel_mm)
    outline = sheet.outline_mm
    uv = outline / (sheet.size_mm if sheet.drawn_to_its_edges else covers_mm) + 0.5
    height = LIFT_MM * (2 * place + 2)
    half = np.array(sheet.size_mm) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    inner, outer = corners * (half - 0.3), corners * (half + SHADOW_MM)
    ring = [
        _level(sheet.on_floor(np.array([inner[k], outer[k], outer[k - 3], inner[k - 3]])), height - LIFT_MM)
        for k in range(4)
    ]
    ring_uv = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], (4, 1))
    with (
        _shown(f"shadow of sheet {place}", ring, ring_uv, shadow_material()),
        _shown(f"sheet {place}", [_level(sheet.on_floor(outline), height)], uv, material),
    ):
        yield


@contextlib.contextmanager
def _shown(name: str, faces: Sequence[Floats], uv: Floats, material: "bpy.types.Material") -> Iterator[None]:
    """Show `faces`, corners (N, 3) in mm each, with texture coordinates (corners of all, 2)."""
    mesh = bpy.data.meshes.new(name)
    item = bpy.data.objects.new(name, mesh)
    try:
        points = np.concatenate(list(faces)) / UNIT_MM
        ends = np.cumsum([0, *(len(face) for face in faces)])
        mesh.from_pydata(points.tolist(), [], [list(range(a, b)) for a, b in itertools.pairwise(ends.tolist())])
        mesh.uv_layers.new(name=UV).data.foreach_set("uv", np.asarray(uv, np.float32).ravel())
        mesh.materials.append(material)
        bpy.context.scene.collection.objects.link(item)
        yield
    finally:
        bpy.data.objects.remove(item)
        bpy.data.meshes.remove(mesh)
