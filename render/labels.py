"""Pixel-exact labels by casting one ray through every pixel's centre with Embree, without a second render."""

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from blender_assets.mesh import PartMesh
from render.camera import Camera
from render.edge import Edge, floor_distances_mm
from render.pile import SettledPile
from render.tray import tray_mesh

OUTSIDE_PX = 4_000_000
"""Rays that are cast at most for one brick's silhouette beyond the frame; a larger one is sampled more coarsely."""


@dataclass(frozen=True)
class PileMasks:
    """Where each of B bricks is seen (visible), and where it would be seen with nothing in front of it (amodal)."""

    visible: NDArray[np.bool_]  # (B, H, W)
    amodal: NDArray[np.bool_]  # (B, H, W)
    in_frame_fraction: NDArray[np.float64]
    """Share of each brick's whole silhouette that lies inside the picture, (B,); 0 for one that is outside."""


@dataclass(frozen=True)
class Geometry:
    """What lies at each pixel's centre, whatever lens and noise do to the picture."""

    depth_m: NDArray[np.float32]
    """Distance along the camera's axis, (H, W), in metres; infinite where nothing is met."""

    normals: NDArray[np.float16]
    """Unit normal of the surface in the camera's axes (x right, y up, z towards the camera), (H, W, 3); 0 where
    nothing is met."""


def cast_masks(settled: SettledPile, camera: Camera) -> PileMasks:
    """Return the masks of the bricks of a settled pile in one camera; absent bricks have empty ones.

    A pixel belongs to the brick that the ray through its centre meets first; lens blur, noise and the
    reconstruction filter of the picture do not move it. Everything counts as opaque: what is seen through a
    transparent brick is hidden.
    """
    return _cast(settled, camera)[0]


def cast_labels(settled: SettledPile, camera: Camera, edge: Edge | None = None) -> tuple[PileMasks, Geometry]:
    """Return the masks, and depth and normals of everything: bricks, props, tray and floor, which ends at `edge`."""
    masks, hits = _cast(settled, camera)
    return masks, _geometry(settled, camera, edge, hits)


def _cast(settled: SettledPile, camera: Camera) -> tuple[PileMasks, dict[str, NDArray[np.generic]]]:
    size, count = camera.size_px, len(settled.pile.bricks)
    things = _things(settled)
    everything = EmbreeScene()
    # Embree reads the geometry from these objects for as long as the scene lives.
    kept = [TriangleMesh(everything, vertices.astype(np.float32), mesh.faces) for _, vertices, mesh in things]
    hits = everything.run(*camera.rays(0, 0, size, size), query="INTERSECT", output=True)
    thing_of_mesh = np.array([thing for thing, _, _ in things] + [-1])  # the ray that meets nothing has geomID -1
    first = thing_of_mesh[np.asarray(hits["geomID"]).astype(np.int32)].reshape(size, size)
    del kept
    visible = first[None] == np.arange(count)[:, None, None]
    amodal, in_frame = np.zeros_like(visible), np.zeros(count)
    for thing, vertices, mesh in things:
        if thing < count:
            in_frame[thing] = _cast_alone(camera, vertices, mesh, amodal[thing])
    # The same ray against the same triangles, in two scenes: rounding may differ on an edge.
    return PileMasks(visible, amodal | visible, in_frame), hits


def _things(settled: SettledPile) -> list[tuple[int, NDArray[np.float64], PartMesh]]:
    """Return number, world vertices and mesh of all that can hide something; the tray comes last."""
    things = [(thing, settled.vertices_mm(thing), settled.pile.mesh(thing)) for thing in settled.things()]
    if settled.pile.tray is not None:
        mesh = tray_mesh(settled.pile.tray)
        things.append((len(settled.world_from_thing), mesh.vertices_mm.astype(np.float64), mesh))
    return things


def _cast_alone(camera: Camera, vertices: NDArray[np.float64], mesh: PartMesh, amodal: NDArray[np.bool_]) -> float:
    """Fill in the amodal mask (H, W) of one brick; return the share of its silhouette that is inside the picture."""
    size = camera.size_px
    pixels = camera.project(vertices)
    x0, y0 = np.floor(pixels.min(axis=0)).astype(int) - 1
    x1, y1 = np.ceil(pixels.max(axis=0)).astype(int) + 1
    alone = EmbreeScene()
    kept = TriangleMesh(alone, vertices.astype(np.float32), mesh.faces)

    def hit(left: int, top: int, right: int, bottom: int, step: int) -> NDArray[np.bool_]:
        rays = camera.rays(left, top, right, bottom, step)
        met = np.asarray(alone.run(*rays, query="INTERSECT", output=True)["geomID"]).astype(np.int32) == 0
        return np.asarray(met.reshape(len(range(top, bottom, step)), len(range(left, right, step))))

    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, size), min(y1, size)
    if left >= right or top >= bottom:
        return 0.0
    inside = hit(left, top, right, bottom, 1)
    amodal[top:bottom, left:right] = inside
    if (left, top, right, bottom) == (x0, y0, x1, y1):
        return 1.0
    step = int(np.ceil(np.sqrt((x1 - x0) * (y1 - y0) / OUTSIDE_PX)))
    whole = float(hit(x0, y0, x1, y1, step).sum()) * step**2
    del kept
    return min(float(inside.sum()) / whole, 1.0) if whole else 0.0


def _geometry(
    settled: SettledPile, camera: Camera, edge: Edge | None, hits: dict[str, NDArray[np.generic]]
) -> Geometry:
    size = camera.size_px
    _, directions = camera.rays(0, 0, size, size)
    rays = directions.astype(np.float64)
    met = np.asarray(hits["geomID"]).astype(np.int32)
    distance = np.where(met >= 0, np.asarray(hits["tfar"], dtype=np.float64), np.inf)
    normals = np.zeros((size * size, 3))
    # Whatever lies on the floor is met before it, unless the ray passes beside.
    to_floor, floor_normals = floor_distances_mm(edge, camera.position_mm, rays)
    on_floor = to_floor < distance
    distance = np.where(on_floor, to_floor, distance)
    normals[on_floor] = floor_normals[on_floor]
    for k, (thing, _, mesh) in enumerate(_things(settled)):
        pixels = np.flatnonzero((met == k) & ~on_floor)
        corners = mesh.corner_normals[np.asarray(hits["primID"])[pixels].astype(np.int64)].astype(np.float64)
        u, v = (np.asarray(hits[name], dtype=np.float64)[pixels, None] for name in ("u", "v"))
        local = corners[:, 0] * (1 - u - v) + corners[:, 1] * u + corners[:, 2] * v
        rotation = settled.world_from_thing[thing, :, :3] if thing < len(settled.world_from_thing) else np.eye(3)
        normals[pixels] = local @ rotation.T
    normals = normals @ camera.camera_from_world[:, :3].T
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    depth = distance * (rays @ camera.forward) / 1000
    return Geometry(depth.reshape(size, size).astype(np.float32), normals.reshape(size, size, 3).astype(np.float16))
