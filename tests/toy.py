"""A small dataset that needs no Blender: flat shapes on textured grey, with exact masks, and an index."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from core.files import sha256_hex
from core.seeding import Purpose, generator
from dataset.index import update_index
from dataset.manifest import LabelRule, Manifest, PartInfo, SplitRule
from dataset.masks import encode_mask
from dataset.records import ImageRecord, InstanceRecord
from dataset.shards import PILES_PER_SHARD, write_shard
from dataset.splits import pile_group

PARTS = (
    PartInfo(part_id="3003", name="Brick 2 x 2", category="brick"),
    PartInfo(part_id="3010", name="Brick 1 x 4", category="brick"),
    PartInfo(part_id="4032", name="Plate 2 x 2 Round", category="round"),
)
EYE_3X4 = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def make_toy_dataset(root: Path, *, piles: int = 40, size: int = 64, seed: int = 0, views: int = 1) -> Path:
    """Write a dataset of squares (3003), wide bars (3010) and discs (4032), index it, and return `root`."""
    rule = LabelRule(min_visible_fraction=0.25, min_visible_px=max(size * size // 200, 1))
    Manifest(seed=seed, parts=PARTS, label_rule=rule, split_rule=SplitRule(train=0.6, val=0.2, test=0.2)).save_folder(
        root
    )
    for shard_index in range((piles + PILES_PER_SHARD - 1) // PILES_PER_SHARD):
        first = shard_index * PILES_PER_SHARD
        write_shard(
            root, shard_index, toy_pictures(seed, range(first, min(first + PILES_PER_SHARD, piles)), size, views)
        )
    update_index(root)
    return root


def toy_pictures(seed: int, piles: range, size: int, views: int = 1) -> Iterator[tuple[ImageRecord, bytes]]:
    """Yield the pictures of some piles with their PNG bytes."""
    for pile_index in piles:
        for view_index in range(views):
            yield toy_picture(seed, pile_index, view_index, size)


def toy_picture(seed: int, pile_index: int, view_index: int = 0, size: int = 64) -> tuple[ImageRecord, bytes]:
    """Return one picture's record and PNG bytes; pile p always shows part p mod 3, and up to two others."""
    rng = generator(seed, pile_index, Purpose.CONTENT, view_index)
    image = _floor(rng, size)
    codes = [pile_index % 3, *rng.integers(0, 3, size=int(rng.integers(0, 3)))]
    amodal = [_shape(rng, int(code), size) for code in codes]
    for mask in amodal:
        colour = rng.integers(0, 256, size=3)
        colour[rng.integers(3)] = 255  # never grey: it stands out from the floor
        image[mask] = colour
    bricks = []
    covered = np.zeros((size, size), dtype=np.bool_)
    for instance_id, (code, mask) in reversed(list(enumerate(zip(codes, amodal, strict=True)))):
        bricks.append(instance_record(instance_id, PARTS[int(code)].part_id, mask & ~covered, mask))
        covered |= mask
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    image_id = f"p{pile_index:06d}_v{view_index:02d}"
    record = ImageRecord(
        image_id=image_id, group_id=pile_group(pile_index), file=f"images/{image_id}.png", width=size, height=size,
        content_hash=sha256_hex(data), pile_index=pile_index, view_index=view_index, seed=seed,
        geometry_file=None, twin_of=None, twin_mode=None, removed_part_id=None, attempts=1,
        arrangement="scattered", distractors=0,
        sensor_gain=0.0, jpeg_quality=100, camera_aperture_mm=0.0,
        background=("grey", "wood")[pile_index % 2], lighting="flat", exposure=0.0, camera_fx_px=float(size),
        camera_fy_px=float(size), camera_cx_px=(size - 1) / 2, camera_cy_px=(size - 1) / 2,
        camera_distortion=(0.0,) * 5, camera_turn_deg_per_s=(0.0,) * 3,
        camera_from_world=EYE_3X4, camera_azimuth_deg=0.0, camera_elevation_deg=90.0, camera_distance_mm=300.0,
        instances=tuple(reversed(bricks)),
    )  # fmt: skip
    return record, data


def instance_record(
    instance_id: int, part_id: str, visible: npt.NDArray[np.bool_], amodal: npt.NDArray[np.bool_]
) -> InstanceRecord:
    """Return the record of one brick with these masks, (H, W) bool each."""
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    box = (0, 0, 0, 0)
    if rows.size:
        left, top = int(columns[0]), int(rows[0])
        box = (left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)
    visible_px, amodal_px = int(visible.sum()), int(amodal.sum())
    return InstanceRecord(
        instance_id=instance_id, part_id=part_id, color_id=4, box_xywh_px=box, visible_px=visible_px,
        amodal_px=amodal_px, in_frame_fraction=1.0, visible_fraction=visible_px / amodal_px if amodal_px else 0.0,
        visible_rle=encode_mask(visible), amodal_rle=encode_mask(amodal), world_from_part=EYE_3X4,
    )  # fmt: skip


def _floor(rng: np.random.Generator, size: int) -> npt.NDArray[np.uint8]:
    grey = rng.integers(70, 150) + rng.normal(0.0, 12.0, size=(size, size, 1))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8), 3, axis=2)


def _shape(rng: np.random.Generator, code: int, size: int) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:size, :size]
    half = size * float(rng.uniform(0.11, 0.15))
    centre_y, centre_x = rng.uniform(2 * half, size - 2 * half, size=2)
    if code == 0:
        return np.asarray((abs(y - centre_y) <= half) & (abs(x - centre_x) <= half))
    if code == 1:
        return np.asarray((abs(y - centre_y) <= half / 2) & (abs(x - centre_x) <= 2 * half))
    return np.asarray((y - centre_y) ** 2 + (x - centre_x) ** 2 <= half**2)
