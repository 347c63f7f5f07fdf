"""Pixel-exact labels by casting one ray through every pixel's centre with Embree, without a second render."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from blender_assets.mesh import PartMesh
from render.camera import Camera, normalise
from render.edge import Edge, floor_distances_mm
from render.label_maps import EMPTY, NOTHING, Crop, PileMasks
from render.pile import SettledPile
from render.tray import tray_mesh

RAYS_AT_ONCE = 400_000
"""Rays that are cast in one go, which bounds memory to some 60 MB whatever the picture's size."""

OUTSIDE_PX, CURVED_OUTSIDE_PX = 4_000_000, 250_000
"""Rays that are cast at most for one thing's silhouette beyond the frame; a larger one is sampled more coarsely.

The second where lines are curved, and each ray has to be followed through the lens.
"""

GRID = 129
"""Lines, each way, of the grid on which a curved picture is looked at to find where a thing may be."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two exclusive."""


@dataclass(frozen=True)
class Geometry:
    """What lies at each pixel's centre, whatever lens blur and noise do to the picture."""

    depth_m: NDArray[np.float32]
    """Distance along the camera's axis, (H, W), in metres; infinite where nothing is met."""

    normals: NDArray[np.float16]
    """Unit normal of the surface in the camera's axes (x right, y up, z towards the camera), (H, W, 3); 0 where
    nothing is met."""


@dataclass(frozen=True)
class _Thing:
    number: int
    vertices: NDArray[np.float64]  # (V, 3), in the world
    mesh: PartMesh
    rotation: NDArray[np.float64]  # (3, 3)


def cast_masks(settled: SettledPile, camera: Camera) -> PileMasks:
    """Return the masks of the things of a settled pile in one camera; absent bricks have empty ones.

    A pixel belongs to the thing that the ray through its centre meets first; lens blur, motion blur, noise and the
    reconstruction filter of the picture do not move it. Everything counts as opaque: what is seen through a
    transparent brick is hidden.
    """
    return _cast(settled, camera, None)


def cast_labels(settled: SettledPile, camera: Camera, edge: Edge | None = None) -> tuple[PileMasks, Geometry]:
    """Return the masks, and depth and normals of everything: bricks, props, tray and floor, which ends at `edge`."""
    shape = camera.lens.height_px, camera.lens.width_px
    geometry = Geometry(np.full(shape, np.inf, np.float32), np.zeros((*shape, 3), np.float16))
    return _cast(settled, camera, geometry, edge), geometry


def _cast(settled: SettledPile, camera: Camera, geometry: Geometry | None, edge: Edge | None = None) -> PileMasks:
    """Return the masks; fill in `geometry`."""
    width, height = camera.lens.width_px, camera.lens.height_px
    things = _things(settled)
    everything = EmbreeScene()
    # Embree reads the geometry from these objects for as long as the scene lives.
    kept = [TriangleMesh(everything, thing.vertices.astype(np.float32), thing.mesh.faces) for thing in things]
    count = len(settled.world_from_thing) + (settled.pile.tray is not None)
    number_of_mesh = np.array([*(thing.number for thing in things), NOTHING], dtype=np.int16)  # geomID -1: met nothing
    seen = np.empty((height, width), dtype=np.int16)
    for top, bottom in _bands(0, height, width):
        origins, directions = camera.rays(0, top, width, bottom)
        hits = everything.run(origins, directions, query="INTERSECT", output=True)
        met = np.asarray(hits["geomID"]).astype(np.int32)
        seen[top:bottom] = number_of_mesh[met].reshape(-1, width)
        if geometry is not None:
            depth_m, normals = _surfaces(things, camera, edge, directions.astype(np.float64), met, hits)
            geometry.depth_m[top:bottom] = depth_m.reshape(-1, width)
            geometry.normals[top:bottom] = normals.reshape(-1, width, 3)
    del kept
    silhouettes, in_frame = [EMPTY] * count, np.zeros(count)
    grid = None if camera.is_plain else _Grid.of(camera)
    for thing in things:
        silhouettes[thing.number], in_frame[thing.number] = _cast_alone(camera, thing, seen, grid)
    return PileMasks(seen, tuple(silhouettes), in_frame)


def _bands(top: int, bottom: int, width: int, step: int = 1) -> Iterator[tuple[int, int]]:
    """Yield first and last rows of bands that have not too many rays, all beginning a multiple of `step` from `top`."""
    rows = max(RAYS_AT_ONCE * step // max(width, 1), 1) * step
    for start in range(top, bottom, rows):
        yield start, min(start + rows, bottom)


def _things(settled: SettledPile) -> list[_Thing]:
    """Return all that can hide something; the tray comes last, with the number after that of the last thing."""
    poses = settled.world_from_thing
    things = [
        _Thing(thing, settled.vertices_mm(thing), settled.pile.mesh(thing), poses[thing, :, :3])
        for thing in settled.things()
    ]
    if settled.pile.tray is not None:
        mesh = tray_mesh(settled.pile.tray)
        things.append(_Thing(len(poses), mesh.vertices_mm.astype(np.float64), mesh, np.eye(3)))
    return things


def _cast_alone(camera: Camera, thing: _Thing, seen: NDArray[np.int16], grid: "_Grid | None") -> tuple[Crop, float]:
    """Return the silhouette of one thing, and the share of it that is inside the picture."""
    alone = EmbreeScene()
    kept = TriangleMesh(alone, thing.vertices.astype(np.float32), thing.mesh.faces)

    def hit(viewer: Camera, box: Box, step: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """Yield the directions of rays band by band, and which of them meet the thing."""
        left, top, right, bottom = box
        for first, last in _bands(top, bottom, right - left, step):
            origins, directions = viewer.rays(left, first, right, last, step)
            met = alone.run(origins, directions, query="INTERSECT", output=True)["geomID"]
            yield directions, np.asarray(met).astype(np.int32) == 0

    points = normalise(camera.in_axes(thing.vertices))
    around = _box_of(camera.lens.plain.pixels(points))
    box = around if grid is None else grid.box_of(points)
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], seen.shape[1]), min(box[3], seen.shape[0])
    if left >= right or top >= bottom:
        return EMPTY, 0.0
    inside = np.concatenate([met for _, met in hit(camera, (left, top, right, bottom), 1)])
    # The same ray against the same triangles, in two scenes: rounding may differ on an edge.
    mask = inside.reshape(bottom - top, right - left) | (seen[top:bottom, left:right] == thing.number)
    silhouette = Crop(left, top, mask)
    if (left, top, right, bottom) == box:
        return silhouette, 1.0
    # What lies outside is measured as a plain lens would show it: no other is defined out there.
    most = OUTSIDE_PX if grid is None else CURVED_OUTSIDE_PX
    step = int(np.ceil(np.sqrt((around[2] - around[0]) * (around[3] - around[1]) / most)))
    shown = whole = 0
    for directions, met in hit(replace(camera, lens=camera.lens.plain, motion=None), around, step):
        whole += int(met.sum())
        shown += int(camera.shows(directions[met].astype(np.float64)).sum())
    del kept
    return silhouette, shown / whole if whole else float(mask.any())


def _box_of(pixels: NDArray[np.float64]) -> Box:
    left, top = (np.floor(pixels.min(axis=0)) - 1).astype(int).tolist()
    right, bottom = (np.ceil(pixels.max(axis=0)) + 1).astype(int).tolist()
    return left, top, right, bottom


@dataclass(frozen=True)
class _Grid:
    """Some pixels of a picture in which straight lines are curved, so that corners do not bound what is between."""

    across: NDArray[np.float64]  # (GRID,), pixels
    down: NDArray[np.float64]
    seen: NDArray[np.float64]  # (GRID, GRID, 2), normalised coordinates
    cell: float
    """Largest step between neighbours in `seen`."""

    @staticmethod
    def of(camera: Camera) -> "_Grid":
        across, down = (np.linspace(0, side, GRID) for side in (camera.lens.width_px, camera.lens.height_px))
        pixels = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
        seen = normalise(camera.directions(pixels)).reshape(GRID, GRID, 2)
        return _Grid(across, down, seen, float(max(np.abs(np.diff(seen, axis=axis)).max() for axis in (0, 1))))

    def box_of(self, points: NDArray[np.float64]) -> Box:
        """Return pixels that hold what lies between normalised coordinates (N, 2).

        They end beyond the border where it may go on outside.
        """
        low, high = points.min(axis=0) - 2 * self.cell, points.max(axis=0) + 2 * self.cell
        rows, columns = np.nonzero(((self.seen >= low) & (self.seen <= high)).all(axis=2))
        if not len(rows):
            return 0, 0, 0, 0
        first, last = (columns.min(), rows.min()), (columns.max(), rows.max())
        left, top = (int(axis[k]) - int(k == 0) for axis, k in zip((self.across, self.down), first, strict=True))
        right, bottom = (
            int(np.ceil(axis[k])) + int(k == GRID - 1) for axis, k in zip((self.across, self.down), last, strict=True)
        )
        return left, top, right, bottom


def _surfaces(
    things: list[_Thing],
    camera: Camera,
    edge: Edge | None,
    rays: NDArray[np.float64],
    met: NDArray[np.int32],
    hits: dict[str, NDArray[np.generic]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return depth in metres (N,) and normals (N, 3) in the camera's axes where rays in the world end."""
    distance = np.where(met >= 0, np.asarray(hits["tfar"], dtype=np.float64), np.inf)
    normals = np.zeros((len(rays), 3))
    # Whatever lies on the floor is met before it, unless the ray passes beside.
    to_floor, floor_normals = floor_distances_mm(edge, camera.position_mm, rays)
    on_floor = to_floor < distance
    distance = np.where(on_floor, to_floor, distance)
    normals[on_floor] = floor_normals[on_floor]
    for k in np.unique(met[met >= 0]).tolist():
        thing, pixels = things[k], np.flatnonzero((met == k) & ~on_floor)
        corners = thing.mesh.corner_normals[np.asarray(hits["primID"])[pixels].astype(np.int64)].astype(np.float64)
        u, v = (np.asarray(hits[name], dtype=np.float64)[pixels, None] for name in ("u", "v"))
        local = corners[:, 0] * (1 - u - v) + corners[:, 1] * u + corners[:, 2] * v
        normals[pixels] = local @ thing.rotation.T
    normals = normals @ camera.camera_from_world[:, :3].T
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return distance * (rays @ camera.forward) / 1000, normals
