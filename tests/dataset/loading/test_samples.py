"""Samples and batches: the same bit for bit whatever workers, cache and interruptions; labels stay honest."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import BrickbenchError, SettingsError
from dataset.loading.batches import Key
from dataset.loading.loader import PictureLoader, make_loader
from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD, network_input
from dataset.loading.samples import Samples
from dataset.loading.settings import LoadingSettings
from dataset.pile_dataset import PileDataset


def settings(**more: object) -> LoadingSettings:
    return LoadingSettings.parse({"input_size_px": 48, "batch_size": 5, "seed": 3} | more)


def loader(root: Path, *, with_masks: bool = False, **more: object) -> PictureLoader:
    return make_loader(root, "train", settings(**more), with_masks=with_masks)


def assert_same(mine: list[Any], theirs: list[Any]) -> None:
    assert len(mine) == len(theirs) > 0
    for one, other in zip(mine, theirs, strict=True):
        for first, second in zip(one, other, strict=True):
            assert (first is None and second is None) or torch.equal(first, second)


@pytest.mark.parametrize("preset", ["simple", "renders"])
def test_same_batches_whatever_workers_and_cache(toy_dataset: Path, floors: Path, preset: str) -> None:
    common: dict[str, Any] = {"augment_renders": preset, "backgrounds": str(floors), "with_masks": True}
    plain = list(loader(toy_dataset, **common).epoch(2))
    for more in ({"workers": 1}, {"workers": 2}, {"cache_mb": 0}, {"workers": 2, "cache_mb": 0}):
        assert_same(list(loader(toy_dataset, **common, **more).epoch(2)), plain)


def test_an_epoch_before_changes_nothing_and_workers_stay(toy_dataset: Path) -> None:
    plain = list(loader(toy_dataset).epoch(2))
    again = loader(toy_dataset, workers=2)
    list(again.epoch(1))
    next(again.epoch(5))  # broken off
    assert_same(list(again.epoch(2)), plain)
    assert not torch.equal(next(again.epoch(3)).images, plain[0].images)


def test_torchs_generator_is_left_alone(toy_dataset: Path) -> None:
    """Dropout draws from it: batches with and without workers must leave it in the same state."""
    for workers in (0, 1):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        list(loader(toy_dataset, workers=workers).epoch(1))
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("taken", [0, 2, 5])
def test_resumed_in_mid_epoch(toy_dataset: Path, workers: int, taken: int) -> None:
    whole = loader(toy_dataset)
    expected = [*whole.epoch(3), *whole.epoch(4)]
    first = loader(toy_dataset, workers=workers)
    batches = first.epoch(3)
    got = [next(batches) for _ in range(taken)]
    if not taken:
        first.load_state_dict(first.state_dict() | {"epoch": 3})
    state = first.state_dict()
    second = loader(toy_dataset, workers=workers)
    second.load_state_dict(state)
    got += second.rest()
    got += second.epoch(4) if taken < 5 else []
    assert_same(got, expected)


def test_rest_after_a_whole_epoch_is_the_next(toy_dataset: Path) -> None:
    some = loader(toy_dataset)
    list(some.epoch(1))
    assert_same(list(some.rest()), list(loader(toy_dataset).epoch(2)))


def test_a_state_of_other_settings_is_refused(toy_dataset: Path) -> None:
    state = loader(toy_dataset).state_dict()
    loader(toy_dataset, workers=1, cache_mb=0).load_state_dict(state)  # neither decides a batch
    with pytest.raises(SettingsError) as caught:
        loader(toy_dataset, seed=4).load_state_dict(state)
    assert str(caught.value) == (
        "The state is that of a loader of other pictures or settings, so its place means nothing here: load it with "
        "the same dataset and settings."
    )


def test_ranks_share_the_batches_of_one(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "train")
    whole = list(PictureLoader(pictures, settings(batch_size=6)).epoch(1))
    parts = [list(PictureLoader(pictures, settings(batch_size=6), rank=rank, ranks=3).epoch(1)) for rank in range(3)]
    for batch, *shares in zip(whole, *parts, strict=True):
        indices = torch.cat([share.indices for share in shares])
        assert sorted(indices.tolist()) == sorted(batch.indices.tolist())
        for share in shares:
            for place, index in enumerate(share.indices.tolist()):
                same = batch.indices.tolist().index(index)
                assert torch.equal(share.images[place], batch.images[same])


def test_plain_pictures_are_the_networks_input_in_order(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "val")
    got = list(PictureLoader(pictures, settings(workers=1)).plain())
    images = torch.cat([batch.images for batch in got])
    assert torch.cat([batch.indices for batch in got]).tolist() == list(range(len(pictures)))
    for index, image in enumerate(images):
        assert torch.equal(image, network_input(pictures.image(index), 48, IMAGENET_MEAN, IMAGENET_STD))
    np.testing.assert_array_equal(torch.cat([batch.targets for batch in got]).numpy(), pictures.targets)
    assert got[0].images.is_contiguous(memory_format=torch.channels_last)


def test_masks_of_plain_pictures_are_the_datasets(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "val", with_masks=True)
    batches = list(PictureLoader(pictures, settings(input_size_px=64), with_masks=True).plain())
    masks = torch.cat([batch.masks for batch in batches if batch.masks is not None])
    assert masks.dtype == torch.bool
    assert masks.shape == (len(pictures), 3, 64, 64)
    for index in range(len(pictures)):
        np.testing.assert_array_equal(masks[index].any(0).numpy(), pictures.all_bricks_mask(index))
        for part_id, mask in pictures.masks(index).items():
            np.testing.assert_array_equal(masks[index, pictures.classes.index(part_id)].numpy(), mask)
    assert all(batch.has_mask is not None and batch.has_mask.all() for batch in batches)


@pytest.mark.parametrize("preset", ["simple", "renders"])
def test_asking_for_masks_changes_nothing_else(toy_dataset: Path, preset: str) -> None:
    without = list(loader(toy_dataset, augment_renders=preset).epoch(1))
    with_masks = list(loader(toy_dataset, augment_renders=preset, with_masks=True).epoch(1))
    assert_same([batch[:3] for batch in without], [batch[:3] for batch in with_masks])


def test_masks_come_only_when_asked_for(toy_dataset: Path) -> None:
    batch = next(loader(toy_dataset).epoch(1))
    assert batch.masks is None
    assert batch.has_mask is None


def test_labels_after_a_crop_are_those_of_the_visible_pixels(toy_dataset: Path) -> None:
    """By hand: the share of each brick's pixels that the drawn frame keeps, against the label rule."""
    from dataset.index import open_index
    from dataset.loading.bricks import Bricks
    from dataset.loading.viewpoint import inside_frame
    from dataset.manifest import Manifest
    from dataset.masks import decode_mask

    pictures = PileDataset(toy_dataset, "train")
    rule = Manifest.load_folder(toy_dataset).label_rule
    samples = Samples(
        pictures, settings(input_size_px=64, augment_renders={"preset": "none", "crop_area_min": 0.1}), with_masks=True
    )
    dropped = 0
    bricks = Bricks(pictures)
    with open_index(toy_dataset) as index:
        rows = index.execute("SELECT image_id, part_id, visible_px, visible_fraction, visible_rle FROM instances")
        instances = rows.fetchall()
    for picture in range(len(pictures)):
        for epoch in range(1, 6):
            crop_box = np.zeros((64, 64), dtype=bool)
            generator = np.random.default_rng([picture, epoch])
            left, top = generator.integers(0, 40, size=2)
            side = int(generator.integers(16, 25))
            crop_box[top : top + side, left : left + side] = True
            scale = 64 / side
            matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale], [0, 0, 1]])
            np.testing.assert_array_equal(inside_frame(matrix, 64, 64), crop_box)
            expected = np.zeros(3, dtype=np.float32)
            for image_id, part_id, pixels, fraction, rle in instances:
                if image_id == pictures.image_ids[picture] and pixels:
                    share = (decode_mask(rle, 64, 64) & crop_box).sum() / pixels
                    if fraction * share >= rule.min_visible_fraction and pixels * share >= rule.min_visible_px:
                        expected[pictures.classes.index(part_id)] = 1
            target = pictures.targets[picture]
            brick_map = samples.brick_map(picture)
            got = bricks.target_in_frame(picture, target, matrix, brick_map, 64, 64)
            np.testing.assert_array_equal(got, expected)
            dropped += int((target > got).sum())
            assert (samples.sample(Key(epoch, picture))[1] <= target).all()
    assert dropped > 20


def test_sharper_crops_from_a_larger_working_size(toy_dataset: Path) -> None:
    large = loader(toy_dataset, input_size_px=32, working_size_px=64)
    assert next(large.epoch(1)).images.shape[1:] == (3, 32, 32)
    pictures = PileDataset(toy_dataset, "train")
    plain = next(large.plain()).images
    assert torch.equal(plain[1], network_input(pictures.image(1), 32, IMAGENET_MEAN, IMAGENET_STD))


@pytest.mark.slow
def test_importing_asks_no_server() -> None:
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "import dataset.loading.variation, albumentations.check_version as check\n"
        "import os; assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[3],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_damaged_picture_is_named(tmp_path: Path, make_toy: Callable[..., Path]) -> None:
    root = make_toy(tmp_path / "d", piles=12)
    split = PileDataset(root, "train")
    file = next(root.glob(f"shards/*/images/{split.image_ids[0]}.png"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(BrickbenchError, match=rf"^The image {file} is damaged or missing"):
        PictureLoader(split, settings())


def test_a_folder_without_backgrounds_is_named(toy_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError) as caught:
        loader(toy_dataset, augment_renders="renders", backgrounds=str(tmp_path))
    assert str(caught.value) == (
        f"The folder of backgrounds {tmp_path} holds no picture (.bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp): put "
        "pictures of floors without bricks in it, or leave backgrounds out."
    )
