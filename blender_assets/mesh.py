"""A part's surface as numpy arrays, with shading normals that keep flat faces flat and curves smooth."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from manifold3d import Manifold
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from blender_assets.colors import Color
from blender_assets.paint import Paint
from blender_assets.plastic import volume_and_centroid
from blender_assets.prints import Print

ABS_G_PER_MM3 = 1.05e-3

SMOOTH_ANGLE_DEG = 50.0
"""Faces that meet at less are shaded as one curve: above a chamfer's 45 degrees, below a corner's 90."""

GRAINED_MM2 = 15.0

_COPLANAR_COSINE = 1.0 - 1e-5


@dataclass(frozen=True)
class PartMesh:
    """A triangle mesh in the part frame (see `dimensions`), in millimetres.

    Built-in parts are closed; those of an LDraw library and a user's own may have holes.
    """

    vertices_mm: NDArray[np.float32]  # (V, 3)
    faces: NDArray[np.int32]  # (F, 3), counter-clockwise from outside
    corner_normals: NDArray[np.float32]  # (F, 3, 3), unit length
    paint: Paint | None = None
    """Colours of its own, if it has any."""

    own_mass_g: float | None = None
    """Mass as its user says; None: that of its volume of ABS."""

    print: Print | None = None
    """A picture on some of its faces."""

    @cached_property
    def bounds_mm(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest corner of the axis-aligned box, each (3,)."""
        return self.vertices_mm.min(axis=0), self.vertices_mm.max(axis=0)

    @property
    def size_mm(self) -> NDArray[np.float32]:
        """Edge lengths of the axis-aligned box, (3,)."""
        low, high = self.bounds_mm
        return high - low

    @cached_property
    def radius_mm(self) -> float:
        """Radius of the sphere around the centre of mass that holds the part."""
        return float(np.linalg.norm(self.vertices_mm - self.centroid_mm, axis=1).max())

    @property
    def volume_mm3(self) -> float:
        """Volume of the plastic, positive; measured also where the surface has holes (see `plastic`)."""
        return self._plastic[0]

    @property
    def centroid_mm(self) -> NDArray[np.float64]:
        """Centre of mass of the solid plastic, (3,)."""
        return self._plastic[1]

    @property
    def mass_g(self) -> float:
        """Mass in grams, positive."""
        return ABS_G_PER_MM3 * self.volume_mm3 if self.own_mass_g is None else self.own_mass_g

    @cached_property
    def _plastic(self) -> tuple[float, NDArray[np.float64]]:
        return volume_and_centroid(self.vertices_mm, self.faces)


def seen_colors(
    mesh: PartMesh, color: Color, face: NDArray[np.integer[Any]], place: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return the scene-linear colour at places of faces, (R, 3), of a brick of `color`.

    Args:
        mesh: its part.
        color: what faces have that are neither painted nor printed.
        face: numbers of faces, (R,).
        place: shares of their three corners, (R, 3).
    """
    plain = np.tile(color.linear_rgb, (len(face), 1)) if mesh.paint is None else mesh.paint.over(color)[face]
    if mesh.print is None:
        return plain
    printed = mesh.print.at(face, place)
    return np.asarray(plain + (printed[:, :3] - plain) * printed[:, 3:])


def mesh_from_solid(solid: Manifold) -> PartMesh:
    """Return the surface of `solid` with its shading normals."""
    raw = solid.to_mesh()
    vertices = np.ascontiguousarray(raw.vert_properties[:, :3], dtype=np.float32)
    faces = np.ascontiguousarray(raw.tri_verts, dtype=np.int32)
    return PartMesh(vertices, faces, smooth_corner_normals(vertices, faces))


def smooth_corner_normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return a unit normal for each corner of each face, (F, 3, 3).

    A corner's normal is the mean of the normals of the flat regions that meet at its vertex at less
    than `SMOOTH_ANGLE_DEG`, each weighted by the area of the whole region. So a large face keeps its
    own normal up to its edge, and the chamfer beside it bends: one chamfer looks like a rounded edge.
    """
    normals, doubled_area = face_normals(vertices[faces].astype(np.float64))
    region = _flat_regions(faces, normals)
    weight = np.bincount(region, weights=doubled_area)[region]

    corner_face = np.repeat(np.arange(len(faces)), 3)
    order = np.argsort(faces.ravel(), kind="stable")
    face_of, vertex_of = corner_face[order], faces.ravel()[order]
    starts = np.flatnonzero(np.r_[True, vertex_of[1:] != vertex_of[:-1]])
    result = np.empty((len(faces) * 3, 3))
    cosine = np.cos(np.radians(SMOOTH_ANGLE_DEG))
    for start, stop in zip(starts, np.r_[starts[1:], len(vertex_of)], strict=True):
        around = normals[face_of[start:stop]]  # (D, 3)
        near = (around @ around.T >= cosine) * weight[face_of[start:stop]]
        # Several triangles of one flat region at a vertex count once.
        result[order[start:stop]] = (near / _multiplicity(around)) @ around
    lengths = np.linalg.norm(result, axis=1, keepdims=True)
    # Needles without area have no direction; they cannot be seen, but a unit normal is promised.
    result = np.where(lengths > 1e-9, result / np.maximum(lengths, 1e-9), (0.0, 0.0, 1.0))
    return result.reshape(-1, 3, 3).astype(np.float32)


def face_normals(triangles: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return normals (F, 3) and doubled areas (F,) of triangles (F, 3, 3); needles have shorter normals."""
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    doubled_area = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(doubled_area, 1e-12)[:, None], doubled_area


def sloping_faces(mesh: PartMesh) -> NDArray[np.bool_]:
    """Return which faces belong to a sloping surface that looks upwards, (F,): moulds give these a grain.

    Chamfers do not count: a surface has at least `GRAINED_MM2` and is flat.
    """
    normals, doubled_area = face_normals(mesh.vertices_mm[mesh.faces].astype(np.float64))
    region = _flat_regions(mesh.faces, normals)
    large = np.bincount(region, weights=doubled_area / 2)[region] >= GRAINED_MM2
    return np.asarray(large & (normals[:, 2] > 0.2) & (normals[:, 2] < 0.97))


def _multiplicity(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    # At least 1: a needle triangle without area has no direction, and no weight either.
    return np.asarray(np.maximum((normals @ normals.T >= _COPLANAR_COSINE).sum(axis=1), 1), dtype=np.float64)


def _flat_regions(faces: NDArray[np.int32], normals: NDArray[np.float64]) -> NDArray[np.int32]:
    """Label each face with its connected coplanar region, (F,)."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    owner = np.repeat(np.arange(len(faces)), 3)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    edges, owner = edges[order], owner[order]
    same_edge = (edges[1:] == edges[:-1]).all(axis=1)
    left, right = owner[:-1][same_edge], owner[1:][same_edge]
    flat = np.einsum("ij,ij->i", normals[left], normals[right]) >= _COPLANAR_COSINE
    graph = coo_matrix((np.ones(flat.sum()), (left[flat], right[flat])), shape=(len(faces), len(faces)))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels
