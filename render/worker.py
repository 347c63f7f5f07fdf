"""What a worker process does: it keeps one Blender alive and renders shard after shard."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.files import sha256_hex
from core.seeding import Purpose, generator
from dataset.masks import encode_mask
from dataset.records import ImageRecord, InstanceRecord
from dataset.shards import write_shard
from render import blender
from render.camera import Camera, frame_pile
from render.labels import PileMasks, cast_masks
from render.physics import NotAtRestError, settle
from render.pile import Pile, sample_pile
from render.scene import looking_through, set_up_renderer, staged, take_picture
from render.settings import RenderSettings
from render.settled import SettledPile

ATTEMPTS = 5
"""Start poses that are tried before a pile is given up; the first comes to rest in more than 99 of 100."""

JPEG_QUALITY = WEBP_QUALITY = 95


@dataclass(frozen=True)
class ShardJob:
    """One shard to make: a pure work item."""

    root: Path
    settings: RenderSettings
    seed: int
    shard_index: int
    pile_indices: range


@dataclass(frozen=True)
class View:
    """One picture of a pile, with its camera and masks."""

    view_index: int
    camera: Camera
    image: NDArray[np.uint8]  # (H, W, 3), sRGB
    masks: PileMasks


def start_blender(threads: int) -> None:
    """Make this process ready to render with `threads` CPU threads."""
    with blender.quiet():
        blender.reset(threads)


def render_shard(job: ShardJob) -> int:
    """Render one shard into its dataset and return its number of pictures."""
    count = 0

    def pictures() -> Iterator[tuple[ImageRecord, bytes]]:
        nonlocal count
        for pile_index in job.pile_indices:
            settled = settled_pile(job.settings, job.seed, pile_index)
            for view in render_views(settled, job.settings):
                count += 1
                yield _record(settled, view, job.settings.image_format)

    write_shard(job.root, job.shard_index, pictures())
    return count


def settled_pile(settings: RenderSettings, seed: int, pile_index: int) -> SettledPile:
    """Return a pile at rest; when one keeps moving, other start poses of the same bricks are tried.

    Raises:
        NotAtRestError: none of `ATTEMPTS` start poses came to rest.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return settle(sample_pile(settings, seed, pile_index, attempt))
        except NotAtRestError:
            continue
    return settle(sample_pile(settings, seed, pile_index, ATTEMPTS - 1))


def render_views(settled: SettledPile, settings: RenderSettings) -> Iterator[View]:
    """Yield the pictures and masks of a settled pile, one a camera."""
    pile = settled.pile
    points = np.concatenate(settled.vertices_mm())
    with tempfile.TemporaryDirectory(prefix="brickbench-") as scratch, blender.quiet():
        set_up_renderer(settings.samples)
        with staged(settled):
            for view_index, draw in enumerate(pile.cameras):
                camera = frame_pile(draw, points, settings.image_size_px)
                noise_seed = int(generator(pile.seed, pile.pile_index, Purpose.NOISE, view_index).integers(2**31))
                with looking_through(camera):
                    image = take_picture(Path(scratch), noise_seed)
                yield View(view_index, camera, image, cast_masks(settled, camera))


def _record(settled: SettledPile, view: View, image_format: str) -> tuple[ImageRecord, bytes]:
    pile = settled.pile
    image_id = f"{pile.pile_index:08d}-{view.view_index:02d}"
    data = _encode(view.image, image_format)
    draw = pile.cameras[view.view_index]
    record = ImageRecord(
        image_id=image_id,
        source="synthetic",
        file=f"images/{image_id}.{image_format}",
        content_hash=sha256_hex(data),
        width=view.image.shape[1],
        height=view.image.shape[0],
        pile_index=pile.pile_index,
        view_index=view.view_index,
        seed=pile.seed,
        background=pile.floor.name,
        lighting=pile.lighting.name,
        exposure=pile.lighting.exposure_ev,
        camera_focal_px=view.camera.focal_px,
        camera_from_world=tuple(view.camera.camera_from_world.ravel().tolist()),
        camera_azimuth_deg=draw.azimuth_deg,
        camera_elevation_deg=draw.elevation_deg,
        camera_distance_mm=float(np.linalg.norm(view.camera.position_mm)),
        instances=tuple(_instances(pile, settled.world_from_part, view.masks)),
    )
    return record, data


def _instances(pile: Pile, world_from_part: NDArray[np.float64], masks: PileMasks) -> Iterator[InstanceRecord]:
    for k, brick in enumerate(pile.bricks):
        visible, amodal = masks.visible[k], masks.amodal[k]
        visible_px, amodal_px = int(visible.sum()), int(amodal.sum())
        yield InstanceRecord(
            instance_id=k,
            part_id=brick.part_id,
            color_id=brick.color.color_id,
            box_xywh_px=_box(visible),
            visible_px=visible_px,
            amodal_px=amodal_px,
            visible_fraction=visible_px / amodal_px if amodal_px else 0.0,
            visible_rle=encode_mask(visible),
            amodal_rle=encode_mask(amodal),
            world_from_part=tuple(world_from_part[k].ravel().tolist()),
        )


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return x, y, width, height of the pixels of `mask`; all 0 for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def _encode(image: NDArray[np.uint8], image_format: str) -> bytes:
    options = {
        "jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY],
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 4],
    }[image_format]
    return cv2.imencode(f".{image_format}", image[:, :, ::-1], options)[1].tobytes()
