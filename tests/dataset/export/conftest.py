"""A dataset with everything an export can meet: renders, a twin, stored photos, and a photo that lies elsewhere."""

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy import instance_record, toy_picture

from core.files import sha256_hex
from dataset.index import update_index
from dataset.masks import encode_mask
from dataset.records import PhotoInstance, PhotoRecord
from dataset.shards import write_photo_shard, write_shard

WIDTH, HEIGHT = 48, 36  # of photos


def photo_bytes(seed: int, width: int = WIDTH, height: int = HEIGHT, orientation: int = 1) -> bytes:
    """Return a smooth JPEG; `width` and `height` are those in the file, before `orientation` turns it."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def photo_record(data: bytes, **changes: object) -> PhotoRecord:
    """Return the record of a stored photo, in a group of its own, drawn for training, showing a 3003 without a mask."""
    image_id = f"photo-{sha256_hex(data)[:16]}"
    record = PhotoRecord(
        image_id=image_id, group_id=image_id, file=f"images/{image_id}.jpg", width=WIDTH, height=HEIGHT,
        content_hash=sha256_hex(data), original_file="a.jpg", split="train", split_given=False, labels=("3003",),
        instances=(PhotoInstance("3003", (3, 4, 20, 10)),),
    )  # fmt: skip
    return replace(record, **changes)  # type: ignore[arg-type]


def write_mixed(root: Path, elsewhere: Path, make_toy: Callable[..., Path]) -> Path:
    """Write the dataset into `root`, and the photo that it only names into `elsewhere`."""
    make_toy(root, piles=24)
    original, data = toy_picture(0, 0)
    twin = replace(
        original,
        image_id="p000000_v00_without_3003",
        file="images/p000000_v00_without_3003.png",
        twin_of=original.image_id,
        twin_mode="removed",
        removed_part_id="3003",
        instances=tuple(brick for brick in original.instances if brick.part_id != "3003"),
    )
    empty = np.zeros((64, 64), dtype=np.bool_)
    corner = empty.copy()
    corner[:2, :5] = True
    covered = tuple(instance_record(number, "3010", mask, ~empty) for number, mask in enumerate((empty, corner)))
    hidden = replace(toy_picture(0, 24)[0], instances=covered)
    write_shard(root, 1, [(twin, data), (hidden, toy_picture(0, 24)[1])])
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask[5:20, 10:30] = mask[25:30, 40:44] = True
    mask[8:12, 14:18] = False
    masked = PhotoInstance("4032", (10, 5, 34, 25), int(mask.sum()), encode_mask(mask))
    one, two, turned = photo_bytes(1), photo_bytes(2), photo_bytes(3, 2 * HEIGHT, 2 * WIDTH, orientation=6)
    elsewhere.mkdir(parents=True)
    (elsewhere / "turned.jpg").write_bytes(turned)
    photos = [
        (photo_record(one, labels=("4032", "3003"), instances=(masked, PhotoInstance("3003", (0, 0, 48, 36)))), one),
        (photo_record(two, split="test", split_given=True), two),
        (photo_record(turned, file=str(elsewhere / "turned.jpg"), labels=(), instances=()), None),
    ]
    write_photo_shard(root, 0, photos)
    update_index(root)
    return root


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory, make_toy: Callable[..., Path]) -> Path:
    """Return the dataset: read it, never write into it."""
    base = tmp_path_factory.mktemp("mixed")
    return write_mixed(base / "dataset", base / "elsewhere", make_toy)


@pytest.fixture
def own_mixed(mixed: Path, tmp_path: Path) -> Path:
    """Return a copy of `mixed` to write into."""
    return Path(shutil.copytree(mixed, tmp_path / "dataset"))
