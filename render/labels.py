"""Pixel-exact labels by casting one ray through every pixel's centre with Embree, without a second render."""

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from blender_assets.catalogue import load_catalogue
from render.camera import Camera
from render.settled import SettledPile


@dataclass(frozen=True)
class PileMasks:
    """Where each of B bricks is seen (visible), and where it would be seen with nothing in front of it (amodal)."""

    visible: NDArray[np.bool_]  # (B, H, W)
    amodal: NDArray[np.bool_]  # (B, H, W)


def cast_masks(pile: SettledPile, camera: Camera) -> PileMasks:
    """Return the masks of a settled pile in one camera.

    A pixel belongs to the brick that the ray through its centre meets first; lens blur, noise and the
    reconstruction filter of the picture do not move it. Parts are opaque.
    """
    size = camera.size_px
    origins, directions = camera.rays()
    bricks = [
        (vertices.astype(np.float32), load_catalogue().mesh(brick.part_id).faces)
        for vertices, brick in zip(pile.vertices_mm(), pile.pile.bricks, strict=True)
    ]
    everything = EmbreeScene()
    # Embree reads the geometry from these objects for as long as the scene lives.
    kept = [TriangleMesh(everything, vertices, faces) for vertices, faces in bricks]
    first = np.asarray(everything.run(origins, directions, query="INTERSECT", output=True)["geomID"])
    first = first.astype(np.int64).reshape(size, size)
    visible = first[None] == np.arange(len(kept))[:, None, None]

    amodal = np.zeros_like(visible)
    rays = origins.reshape(size, size, 3), directions.reshape(size, size, 3)
    for k, (vertices, faces) in enumerate(bricks):
        pixels = camera.project(vertices.astype(np.float64))
        low = np.clip(np.floor(pixels.min(axis=0)).astype(int) - 1, 0, size)
        high = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + 1, 0, size)
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        alone = EmbreeScene()
        mesh = TriangleMesh(alone, vertices, faces)
        near_origins, near_directions = (np.ascontiguousarray(ray[window].reshape(-1, 3)) for ray in rays)
        hit = np.asarray(alone.run(near_origins, near_directions, query="INTERSECT", output=True)["geomID"])
        amodal[(k, *window)] = (hit.astype(np.int64) == 0).reshape(high[1] - low[1], high[0] - low[0])
        del mesh
    # The same ray against the same triangles, in two scenes: rounding may differ on an edge.
    return PileMasks(visible, amodal | visible)
