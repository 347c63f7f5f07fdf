"""A mesh file as a part: read with trimesh, put into the part frame, checked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from blender_assets.ldraw.surface import corner_normals, outward_faces, sound_faces, weld
from blender_assets.mesh import PartMesh
from blender_assets.own.file_colors import face_colors, face_print
from blender_assets.own.settings import OwnMesh, OwnMeshError
from blender_assets.paint import UNPAINTED, make_paint
from blender_assets.plastic import is_closed
from blender_assets.prints import Print, join_prints, turned_with

LONGEST_MM, SHORTEST_MM = 600.0, 1.0
"""Sizes of a whole part that are believed. The longest brick has 128 mm; beyond this a unit is wrong."""

THINNEST_MM = 0.05
MOST_TRIANGLES = 2_000_000
"""Of one part. Scanners make some hundred thousand; a picture shows fewer."""

_Z_FROM_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class ReadMesh:
    """A mesh, and what its user should know of it."""

    mesh: PartMesh
    remarks: tuple[str, ...]


@cache
def read_own_mesh(part_id: str, own: OwnMesh) -> ReadMesh:
    """Return the mesh in the part frame, in millimetres: box centred in x and y, standing on z = 0.

    Corners nearer than 0.004 mm are welded, needles and repeated faces dropped. Faces that are not turned alike are
    turned outwards. Of a surface with holes the mass and its centre are measured as `plastic` does.

    Raises:
        OwnMeshError: the file cannot be read, holds no surface, is flat, has too many faces, or its size cannot be
            that of a part.
    """
    pieces = [_piece(geometry, own) for geometry in _geometries(part_id, own)]
    count = sum(len(triangles) for triangles, *_ in pieces)
    if not count:
        raise OwnMeshError(f"The mesh {own.file} of part {part_id} holds no face.")
    if count > MOST_TRIANGLES:
        raise OwnMeshError(
            f"The mesh {own.file} of part {part_id} has {count:,} triangles; a part may have {MOST_TRIANGLES:,}. "
            "Simplify it first."
        )
    triangles, rgb, finish = (np.concatenate([piece[k] for piece in pieces]) for k in range(3))
    prints = join_prints([(len(piece[0]), piece[3]) for piece in pieces])
    _require_sensible_size(part_id, own, triangles)
    low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    vertices, index = weld((triangles - origin).reshape(-1, 3))
    faces = index.reshape(-1, 3)
    kept = sound_faces(vertices, faces)
    if not len(kept):
        raise OwnMeshError(f"The mesh {own.file} of part {part_id} has no face with an area.")
    faces = given = faces[kept]
    closed = is_closed(faces)
    if not closed or _signed_volume(vertices, faces) <= 0:
        faces = outward_faces(vertices, faces, np.zeros(len(faces), dtype=np.bool_))
        closed = is_closed(faces)
    no_edges = np.empty((0, 2), dtype=np.int64)
    normals = corner_normals(vertices, faces, no_edges, no_edges)
    used, compact = np.unique(faces, return_inverse=True)
    mesh = PartMesh(
        np.ascontiguousarray(vertices[used], dtype=np.float32),
        np.ascontiguousarray(compact.reshape(-1, 3), dtype=np.int32),
        normals,
        make_paint(rgb[kept], finish[kept]),
        own.mass_g,
        None if prints is None else replace(prints, uv=turned_with(prints.uv[kept], given, faces)),
    )
    return ReadMesh(mesh, () if closed else (_open_words(part_id, own, mesh),))


def _geometries(part_id: str, own: OwnMesh) -> Iterator[trimesh.Trimesh]:
    """Yield the surfaces of a file, each where its scene puts it."""
    if not Path(own.file).is_file():
        raise OwnMeshError(f"The mesh {own.file} of part {part_id} is not there; paths start at the current folder.")
    try:
        scene = trimesh.load_scene(own.file)
    except Exception as error:  # each of trimesh's readers fails in its own way
        raise OwnMeshError(f"The mesh {own.file} of part {part_id} cannot be read: {error}.") from error
    for node in scene.graph.nodes_geometry:
        world_from_geometry, name = scene.graph[node]
        geometry = scene.geometry[name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            yield geometry.copy().apply_transform(world_from_geometry)


def _piece(
    geometry: trimesh.Trimesh, own: OwnMesh
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8], Print | None]:
    """Return triangles (F, 3, 3) in millimetres, z up, the colour (F, 3) and finish (F,) of each, and their texture."""
    up = own.up or ("y" if own.is_glb else "z")
    vertices = np.asarray(geometry.vertices, dtype=np.float64) * own.unit_mm
    if up == "y":
        vertices = vertices @ _Z_FROM_Y_UP.T
    faces = np.asarray(geometry.faces)
    if own.color == "as_in_file":
        rgb, finish = face_colors(geometry, linear=own.is_glb)
    else:
        rgb, finish = np.zeros((len(faces), 3)), np.full(len(faces), UNPAINTED, dtype=np.int8)
    return vertices[faces], rgb, finish, face_print(geometry) if own.color == "as_in_file" else None


def _require_sensible_size(part_id: str, own: OwnMesh, triangles: NDArray[np.float64]) -> None:
    if not np.isfinite(triangles).all():
        raise OwnMeshError(f"The mesh {own.file} of part {part_id} has coordinates that are no numbers.")
    corners = triangles.reshape(-1, 3)
    longest = float(np.ptp(corners, axis=0).max())
    if not SHORTEST_MM <= longest <= LONGEST_MM:
        unit = own.unit or ("m" if own.is_glb else "mm")
        raise OwnMeshError(
            f"Part {part_id} is {_length(longest)} long: is its unit right? {own.file} was read in {unit}; "
            f"a part has {SHORTEST_MM:g} to {LONGEST_MM:g} mm. Set unit to mm, cm, m or in."
        )
    thickness = 2 * np.sqrt(3 * np.linalg.eigvalsh(np.cov(corners.T)).clip(min=0)).min()
    if thickness < THINNEST_MM:
        raise OwnMeshError(f"The mesh {own.file} of part {part_id} is flat; it cannot fall. Give it a thickness.")


def _length(mm: float) -> str:
    return f"{mm / 1000:,.3g} m" if mm >= 1000 else f"{mm:.3g} mm"


def _signed_volume(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _open_words(part_id: str, own: OwnMesh, mesh: PartMesh) -> str:
    mass = "" if own.mass_g else f" Its mass was measured as {mesh.mass_g:.2f} g; mass_g sets it."
    return (
        f"The mesh {own.file} of part {part_id} is not watertight: its picture and masks are right, its centre of mass "
        f"is measured by columns through it or its convex hull.{mass}"
    )
