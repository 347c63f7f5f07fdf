"""Photos beside renders: mixed by share, cropped only where it is known what a crop cuts off."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.files import sha256_hex
from dataset.index import update_index
from dataset.loading.batches import Key
from dataset.loading.bricks import Bricks
from dataset.loading.loader import PictureLoader
from dataset.loading.samples import Samples
from dataset.loading.settings import LoadingSettings
from dataset.masks import encode_mask
from dataset.pile_dataset import PileDataset
from dataset.records import PhotoInstance, PhotoRecord
from dataset.shards import write_photo_shard

SIZE = 48
BOX = (4, 6, 10, 12)  # left, top, width, height


def photo(number: int, labels: tuple[str, ...], *, box: bool = False, mask: bool = False) -> tuple[PhotoRecord, bytes]:
    image = np.random.default_rng(number).integers(0, 256, size=(SIZE, SIZE, 3), dtype=np.uint8)
    data = cv2.imencode(".png", image)[1].tobytes()
    seen = np.zeros((SIZE, SIZE), dtype=np.bool_)
    seen[6:18, 4:14] = True
    instances = tuple(
        PhotoInstance(
            part_id=label,
            box_xywh_px=BOX,
            visible_px=120 if mask else None,
            visible_rle=encode_mask(seen) if mask else None,
        )
        for label in labels
        if box or mask
    )
    name = f"photo-{number:016x}"
    record = PhotoRecord(
        image_id=name,
        group_id=name,
        file=f"images/{name}.png",
        width=SIZE,
        height=SIZE,
        content_hash=sha256_hex(data),
        original_file=f"{number}.png",
        split="train",
        split_given=True,
        labels=labels,
        instances=instances,
    )
    return record, data


@pytest.fixture(scope="module")
def mixed(make_toy: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return toy piles and four photos: a box, a mask, a label of which no place is known, and no brick."""
    root = make_toy(tmp_path_factory.mktemp("mixed") / "dataset", piles=20, size=SIZE)
    photos = [photo(1, ("3003",), box=True), photo(2, ("3003",), mask=True), photo(3, ("3003",)), photo(4, ())]
    write_photo_shard(root, 0, photos)
    update_index(root)
    return root


def photos_of(root: Path) -> tuple[PileDataset, Bricks]:
    pictures = PileDataset(root, "train", sources=["real"])
    return pictures, Bricks(pictures)


def test_what_is_known_of_photos(mixed: Path) -> None:
    _, bricks = photos_of(mixed)
    assert bricks.placed.tolist() == [True, True, False, True]
    assert bricks.masked.tolist() == [False, True, False, True]
    renders = Bricks(PileDataset(mixed, "train", sources=["synthetic"]))
    assert renders.placed.all()
    assert renders.masked.all()


@pytest.mark.parametrize(("shown_from", "labelled"), [(2, True), (11, True), (12, False), (20, False)])
def test_a_box_or_mask_cut_by_hand(mixed: Path, shown_from: int, labelled: bool) -> None:
    """The brick reaches from column 4 to 14. A quarter of it must stay: 3 columns of 10, 2 columns are too few."""
    pictures, bricks = photos_of(mixed)
    matrix = np.array([[1.0, 0, -shown_from], [0, 1, 0], [0, 0, 1]])
    samples = Samples(pictures, LoadingSettings(input_size_px=SIZE), with_masks=True)
    for row in (0, 1):
        got = bricks.target_in_frame(row, pictures.targets[row], matrix, samples.brick_map(row), SIZE, SIZE)
        assert got.tolist() == [float(labelled), 0.0, 0.0]


def test_only_photos_with_places_are_cropped(mixed: Path) -> None:
    pictures, _ = photos_of(mixed)
    crops = {"preset": "none", "crop_area_min": 0.1}
    samples = Samples(pictures, LoadingSettings.parse({"input_size_px": SIZE, "augment_photos": crops}))
    for row, cropped in enumerate([True, True, False, True]):
        changed = [
            not np.array_equal(samples.sample(Key(epoch, row))[0], pictures.image(row)) for epoch in range(1, 12)
        ]
        assert any(changed) == cropped
    assert all(samples.sample(Key(epoch, 2))[1].tolist() == [1.0, 0.0, 0.0] for epoch in range(1, 12))


def test_batches_hold_the_share_of_photos(mixed: Path) -> None:
    settings = LoadingSettings(input_size_px=SIZE, batch_size=4, photo_share=0.5, seed=1)
    pictures = PileDataset(mixed, "train")
    loader = PictureLoader(pictures, settings, with_masks=True)
    shown = [batch.indices.numpy() for batch in loader.epoch(1)]
    assert sum(map(len, shown)) == len(pictures)
    for indices in shown:
        assert abs(pictures.source_is_real[indices].sum() - len(indices) / 2) <= 0.5
    first = next(loader.epoch(1))
    assert first.has_mask is not None
    assert first.masks is not None
    known = {name: row for row, name in enumerate(pictures.image_ids)}
    unknown = {known[f"photo-{number:016x}"] for number in (1, 3)}
    assert [not has for has in first.has_mask.tolist()] == [index in unknown for index in first.indices.tolist()]
    assert not first.masks[~first.has_mask].any()
