"""Casting rays at one part's surface, with Embree."""

from typing import Any

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray


class RayCaster:
    """The triangles of one surface, ready for rays."""

    def __init__(self, vertices: NDArray[np.floating[Any]], faces: NDArray[np.integer[Any]]) -> None:
        """Take vertices (V, 3) and faces (F, 3)."""
        self._scene = EmbreeScene()
        # Embree reads the geometry from this object for as long as the scene lives.
        self._mesh = TriangleMesh(self._scene, vertices.astype(np.float32), faces.astype(np.int32))

    def first_hits(
        self, origins: NDArray[np.floating[Any]], directions: NDArray[np.floating[Any]]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return for each ray the face it meets first (R,), -1 if none, its distance (R,), and the place in the face.

        The place is (R, 3): the shares of the face's three corners. Origins and directions are (R, 3), the
        latter of unit length.
        """
        hits = self._scene.run(
            np.ascontiguousarray(origins, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            query="INTERSECT",
            output=True,
        )
        face = np.asarray(hits["primID"]).astype(np.int64)
        second, third = np.asarray(hits["u"], dtype=np.float64), np.asarray(hits["v"], dtype=np.float64)
        place = np.stack([1 - second - third, second, third], axis=1)
        return face, np.where(face >= 0, np.asarray(hits["tfar"], dtype=np.float64), np.inf), place

    def blocked(self, origins: NDArray[np.floating[Any]], directions: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return for each ray whether it meets the surface, (R,)."""
        return np.asarray(self.first_hits(origins, directions)[0] >= 0)


def sphere_directions(count: int) -> NDArray[np.float64]:
    """Return `count` unit vectors spread evenly over the sphere, (count, 3): a Fibonacci lattice."""
    k = np.arange(count) + 0.5
    z, angle = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
