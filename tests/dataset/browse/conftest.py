"""A dataset with all that the page tells apart: views, twins, photos with and without masks, lights, floors."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient
from toy import PARTS, make_toy_dataset, toy_picture

from core.files import sha256_hex
from dataset.browse.app import create_app
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index, update_index
from dataset.masks import encode_mask
from dataset.records import ImageRecord, PhotoInstance, PhotoRecord
from dataset.shards import write_photo_shard, write_shard

PORT = 8321
LIGHTS = ("flash", "sun_sky", "window")


def _render(pile: int, view: int) -> tuple[ImageRecord, bytes]:
    record, data = toy_picture(0, pile, view, 48)
    return replace(
        record, lighting=LIGHTS[(pile + view) % 3], arrangement=("scattered", "heap")[pile % 5 == 0]
    ), data  # fmt: skip


def _twin(pile: int) -> tuple[ImageRecord, bytes]:
    record, data = _render(pile, 0)
    gone = record.instances[0].part_id
    name = f"{record.image_id}_without"
    return replace(
        record, image_id=name, file=f"images/{name}.png", twin_of=record.image_id, twin_mode="removed",
        removed_part_id=gone, instances=tuple(brick for brick in record.instances if brick.part_id != gone),
    ), data  # fmt: skip


def _photo(number: int, place: Path | None) -> tuple[PhotoRecord, bytes | None]:
    picture = np.full((60, 90, 3), (200, 90 + number, 30), dtype=np.uint8)
    data = cv2.imencode(".png", picture)[1].tobytes()
    mask = np.zeros((60, 90), dtype=np.bool_)
    mask[10:30, 20:50] = True
    image_id = f"photo-{number:016x}"
    file = f"images/{image_id}.png"
    if place is not None:
        (place / f"{number}.png").write_bytes(data)
        file = str(place / f"{number}.png")
    instances = (
        PhotoInstance("3003", (2, 3, 20, 30)),
        PhotoInstance("4032", (20, 10, 30, 20), int(mask.sum()), encode_mask(mask)),
    )
    record = PhotoRecord(
        image_id=image_id, group_id=f"photo-{number // 2:016x}", file=file, width=90, height=60,
        content_hash=sha256_hex(data), original_file=f"kitchen/{number}.png",
        split=("train", "test")[number // 2 % 2], split_given=True, labels=("3003", "4032")[: 1 + number % 2],
        instances=instances if number % 3 else (),
    )  # fmt: skip
    return record, None if place is not None else data


def make_mixed(folder: Path) -> Path:
    """Write a dataset of 130 renders, 10 twins and 12 photos, of which 4 lie beside it, and return its folder."""
    root = folder / "mixed"
    make_toy_dataset(root, piles=1, size=48)
    write_shard(root, 1, [_render(pile, view) for pile in range(64, 128) for view in range(2)])
    write_shard(root, 2, [_twin(pile) for pile in range(128, 138)] + [_render(128, 0)])
    (folder / "photos").mkdir()
    write_photo_shard(root, 0, [_photo(number, None) for number in range(8)])
    write_photo_shard(root, 1, [_photo(number, folder / "photos") for number in range(8, 12)])
    update_index(root)
    with open_index(root, read_only=False) as index:  # a run's rows, as `train predict` and `evaluate` leave them
        index.execute("INSERT INTO runs VALUES ('one', 'runs/one', 'bricknet', NULL, 0)")
        for number, part in enumerate(PARTS):
            index.execute(
                "INSERT INTO predictions VALUES ('one', 'epoch_0001', 'p000064_v00', ?, ?)",
                [part.part_id, 2.0 - number],
            )
        index.execute(
            "INSERT INTO attributions VALUES "
            "('a', 'one', 'epoch_0001', 'p000064_v00', '3003', 'gradcam', 'x', 'maps/0.npy', 3, 0.1)"
        )
        index.execute("INSERT INTO scores VALUES ('one', 'a', 'pointing_game', 1.0, 'ok', 0.125)")
    return root


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the dataset of `make_mixed` that tests share: read it, never write into it."""
    return make_mixed(tmp_path_factory.mktemp("browse"))


@pytest.fixture
def own_mixed(tmp_path: Path) -> Path:
    """Return a dataset of `make_mixed` to write into."""
    return make_mixed(tmp_path)


@pytest.fixture(scope="module")
def page(mixed: Path) -> Iterator[TestClient]:
    """Return a client of the page for `mixed`."""
    with TestClient(create_app(DatasetFolder.open(mixed), PORT), base_url=f"http://127.0.0.1:{PORT}") as client:
        yield client
