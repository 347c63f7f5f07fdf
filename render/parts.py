"""Meshes inside Blender: datablocks for each part or prop and its collision hull, made once and used by every pile."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from blender_assets.colors import FINISHES
from blender_assets.mesh import PartMesh, sloping_faces
from blender_assets.paint import UNPAINTED
from blender_assets.prints import Print
from blender_assets.rays import sphere_directions
from render.blender import UNIT_MM, bpy
from render.pile import Brick, Pile

TOLERANCE_MM = 0.16
"""How far the hull may be cut short, and so a brick sink into what it lies on: a third of a pixel of most pictures. The
lowest of those 320 bricks lay 0.14 mm deep. Corners of boxes all stay."""

DIRECTIONS = 2048


@functools.cache
def _directions() -> NDArray[np.float64]:
    """Return unit vectors spread evenly over the sphere, with those of the axes: (D, 3)."""
    return np.concatenate([np.eye(3), -np.eye(3), sphere_directions(DIRECTIONS)])


def few_corners(points: NDArray[np.floating[Any]], tolerance_mm: float = TOLERANCE_MM) -> NDArray[np.float64]:
    """Return corners of the convex hull of `points` (N, 3) so chosen that few of them come close to it: (C, 3).

    Greedily the corner that sticks out farthest is taken: first along directions all over the sphere, then above the
    faces of the hull so far, on which a brick would come to lie, until none sticks out by more than `tolerance_mm`.
    """
    corners = np.asarray(points, dtype=np.float64)
    corners = corners[np.sort(ConvexHull(corners).vertices)]
    reach = _directions() @ corners.T
    whole = reach.max(axis=1)
    kept = np.full(len(whole), -np.inf)
    chosen: list[int] = []
    while not chosen or (whole - kept).max() > tolerance_mm:
        chosen.append(int(reach[(whole - kept).argmax()].argmax()))
        kept = np.maximum(kept, reach[:, chosen[-1]])
    while True:
        faces = ConvexHull(corners[chosen]).equations  # (F, 4)
        above = (faces[:, :3] @ corners.T + faces[:, 3:]).max(axis=0)
        if above.max() <= tolerance_mm:
            return corners[sorted(chosen)]
        chosen.append(int(above.argmax()))


def blender_mesh(
    name: str, part: PartMesh, origin_mm: NDArray[np.float64] | None = None, *, grained: bool = False
) -> "bpy.types.Mesh":
    """Return the datablock called `name`, made from `part`, its sloping faces marked if they are `grained`.

    Its origin is `origin_mm`; without one the centre of mass, where Bullet wants it.
    """
    known = bpy.data.meshes.get(name)
    if known is not None:
        return known
    origin_mm = part.centroid_mm if origin_mm is None else origin_mm
    faces = part.faces
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(part.vertices_mm))
    mesh.vertices.foreach_set("co", ((part.vertices_mm - origin_mm) / UNIT_MM).astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    mesh.update(calc_edges=True)
    mesh.normals_split_custom_set(part.corner_normals.reshape(-1, 3))
    if part.paint is not None or part.print is not None:
        _paint_faces(mesh, part)
    if grained:
        grain = mesh.attributes.new("grain", "FLOAT", "FACE")
        grain.data.foreach_set("value", sloping_faces(part).astype(np.float32))
    mesh.use_fake_user = True
    return mesh


def _paint_faces(mesh: "bpy.types.Mesh", part: PartMesh) -> None:
    """Give each face its own colour, and the slot of its finish.

    Slot 0 is of the brick's colour, then come those of `FINISHES`, then that of printed faces. In the colour attribute
    an opacity of 0 stands for the brick's colour.
    """
    finish = np.full(len(part.faces), UNPAINTED, dtype=np.int8) if part.paint is None else part.paint.finish
    rgba = np.zeros((len(part.faces), 4), dtype=np.float32)
    if part.paint is not None:
        rgba = np.column_stack([part.paint.rgb, part.paint.finish != UNPAINTED]).astype(np.float32)
    colors = mesh.attributes.new("paint", "FLOAT_COLOR", "CORNER")
    colors.data.foreach_set("color", np.repeat(rgba, 3, axis=0).ravel())
    slots = finish.astype(np.int32) - UNPAINTED
    for _ in range(2 + len(FINISHES)):
        mesh.materials.append(None)
    if part.print is not None:
        slots[part.print.faces] = 1 + len(FINISHES)
        mesh.uv_layers.new(name="print").data.foreach_set("uv", np.nan_to_num(part.print.uv).astype(np.float32).ravel())
        mesh["print"], mesh["repeats"] = _picture(mesh.name, part.print).name, part.print.repeats
    mesh.polygons.foreach_set("material_index", slots)


def _picture(name: str, one: Print) -> "bpy.types.Image":
    height, width = one.picture.shape[:2]
    image = bpy.data.images.new(f"print of {name}", width, height, alpha=True)
    image.alpha_mode = "CHANNEL_PACKED"  # colours are not multiplied by opacity
    image.pixels.foreach_set((one.picture[::-1].astype(np.float32) / 255).ravel())
    image.pack()
    image.use_fake_user = True
    return image


def brick_mesh(pile: Pile, brick: Brick, *, stud_logo: bool = False) -> "bpy.types.Mesh":
    """Return the datablock of a brick's part, with lettering on its studs if asked for."""
    logo = " with logo" if stud_logo else ""
    category = pile.catalogue[brick.part_id].category.lower()
    grained = "slope" in category and "curved" not in category
    plain = pile.catalogue.mesh(brick.part_id)
    part = pile.catalogue.mesh(brick.part_id, stud_logo=True) if stud_logo else plain
    return blender_mesh(f"{_name(pile, brick)}{logo}", part, plain.centroid_mm, grained=grained)


def hull_mesh(pile: Pile, thing: int) -> "bpy.types.Mesh":
    """Return the datablock of a brick's or prop's collision hull: points around its centre of mass."""
    bricks = len(pile.bricks)
    name = _name(pile, pile.bricks[thing]) if thing < bricks else f"prop {pile.props[thing - bricks].kind}"
    known = bpy.data.meshes.get(f"hull of {name}")
    if known is not None:
        return known
    part = pile.mesh(thing)
    mesh = bpy.data.meshes.new(f"hull of {name}")
    mesh.from_pydata((few_corners(part.vertices_mm - part.centroid_mm) / UNIT_MM).tolist(), [], [])
    mesh.use_fake_user = True
    return mesh


def _name(pile: Pile, brick: Brick) -> str:
    built_in = pile.catalogue[brick.part_id].source == "built-in"
    return f"part {brick.part_id}" + ("" if built_in else f" of {pile.sources.digest}")
