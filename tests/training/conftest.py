"""A dataset of renders and photos with a run, for the tests of validation."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.files import sha256_hex
from dataset.index import update_index
from dataset.pile_dataset import PileDataset
from dataset.records import PhotoInstance, PhotoRecord
from dataset.shards import write_photo_shard

PHOTOS = 48


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """Return `trained` with 48 photos in val, the first two of which are duplicates: read it, never write into it."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("mixed") / "dataset"))
    return add_photos(root, ["val"] * PHOTOS)


@pytest.fixture
def with_photos(make_toy: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a dataset of 30 toy piles, 16 photos to train on, and 8 to validate on."""
    return add_photos(make_toy(tmp_path / "bricks", piles=30), ["train"] * 16 + ["val"] * 8)


def add_photos(root: Path, splits: list[str]) -> Path:
    """Add a photo for each of `splits`, the first two duplicates, and return `root`.

    A photo is a darker render of the train split. Every second one has boxes.
    """
    renders = PileDataset(root, "train")
    photos = []
    for number, split in enumerate(splits):
        row = number % len(renders)
        image = (renders.image(row) * (0.4 + 0.005 * number)).astype(np.uint8)
        data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
        labels = tuple(name for name, target in zip(renders.classes, renders.targets[row], strict=True) if target)
        instances = tuple(PhotoInstance(name, (0, 0, 8, 8)) for name in labels) if number % 2 == 0 else ()
        record = PhotoRecord(
            image_id=f"photo-{number:016x}", group_id=f"photo-{max(number, 1):016x}",
            file=f"images/photo-{number:016x}.png", width=image.shape[1], height=image.shape[0],
            content_hash=sha256_hex(data), original_file=f"kitchen/{number}.png", split=split, split_given=True,
            labels=labels, instances=instances,
        )  # fmt: skip
        photos.append((record, data))
    write_photo_shard(root, 0, photos)
    update_index(root)
    return root
