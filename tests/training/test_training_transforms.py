"""Pictures as networks take them: exact without variation, a function of seed, epoch and place with it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dataset.loader import PileDataset
from training.pictures import Pictures
from training.randomness import AUGMENT, epoch_batches, stream
from training.settings import AugmentSettings, TrainingSettings
from training.transforms import eval_transform, network_input, resize_transform, seed_transform, train_transform

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def test_eval_at_its_own_size_is_plain_arithmetic() -> None:
    image = picture(32, 32)
    expected = ((image / 255 - MEAN) / STD).transpose(2, 0, 1)
    tensor = network_input(image, 32, MEAN, STD)
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor.numpy(), expected, atol=1e-5)


def test_eval_resizes_by_area_and_keeps_the_whole_picture() -> None:
    image = picture(64, 128)
    expected = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(resize_transform(32)(image=image)["image"], expected)
    whole = eval_transform(32, MEAN, STD)(image=image)["image"]
    assert torch.equal(whole, network_input(expected, 32, MEAN, STD))


def test_train_without_variation_is_eval() -> None:
    image = picture()
    transform = train_transform(32, MEAN, STD, AugmentSettings(enabled=False))
    assert torch.equal(transform(image=image)["image"], network_input(image, 32, MEAN, STD))


def varied(seed: int, epoch: int, index: int, augment: AugmentSettings) -> np.ndarray:
    transform = train_transform(32, (0.0,) * 3, (1.0,) * 3, augment)
    seed_transform(transform, stream(seed, AUGMENT, epoch, index))
    result: np.ndarray = transform(image=picture(32, 32))["image"].numpy()
    return result


def test_seeded_by_seed_epoch_and_index_alone() -> None:
    augment = AugmentSettings()
    first = varied(0, 1, 2, augment)
    np.testing.assert_array_equal(varied(0, 1, 2, augment), first)
    for other in ((1, 1, 2), (0, 2, 2), (0, 1, 3)):
        assert not np.array_equal(varied(*other, augment), first)


def test_flips_and_quarter_turns_give_all_eight_and_nothing_else() -> None:
    plain = picture(32, 32)
    augment = AugmentSettings(rotate_deg=0, zoom=1, brightness=0, hue=0, saturation=0)
    eight = {np.rot90(side, turns).tobytes() for side in (plain, plain[:, ::-1]) for turns in range(4)}
    seen = set()
    for index in range(80):
        image = np.rint(varied(0, 1, index, augment).transpose(1, 2, 0) * 255).astype(np.uint8)
        seen.add(image.tobytes())
    assert seen == eight


def test_steps_draw_independently() -> None:
    """One seed for all steps, as albumentations has it, would tie which pictures are flipped to which are hued."""
    augment = AugmentSettings(quarter_turns=False, rotate_deg=0, zoom=1, brightness=0, hue=90, saturation=0)
    gradient = np.broadcast_to(np.arange(32, dtype=np.uint8)[None, :, None] * 7, (32, 32, 3)).copy()
    gradient[..., 0] = 255  # red, so that a shift of hue shows
    outcomes = set()
    for index in range(60):
        transform = train_transform(32, (0.0,) * 3, (1.0,) * 3, augment)
        seed_transform(transform, stream(0, AUGMENT, 1, index))
        image = transform(image=gradient)["image"].numpy()
        turned = image[:, :, 0].sum() > image[:, :, -1].sum()
        coloured = not np.allclose(image[0], 1, atol=0.02)
        outcomes.add((bool(turned), coloured))
    assert len(outcomes) == 4


def test_warping_keeps_what_is_well_inside() -> None:
    """A brick that keeps 6% of the picture's side from the edge stays wholly in it at the default settings."""
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[40:60, 6:12] = 255
    augment = AugmentSettings(rotate_deg=0, brightness=0, hue=0, saturation=0)
    for index in range(30):
        transform = train_transform(100, (0.0,) * 3, (1.0,) * 3, augment)
        seed_transform(transform, stream(0, AUGMENT, 1, index))
        shown = transform(image=image)["image"].numpy()[0].sum()
        assert shown > 0.8 * 20 * 6


def make_pictures(root: Path, **settings: object) -> Pictures:
    base: dict[str, object] = {"input_size_px": 48, "batch_size": 5, "seed": 3}
    return Pictures(PileDataset(root, "train"), TrainingSettings.parse(base | settings), MEAN, STD)


def batches_of(pictures: Pictures, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
    parts = list(pictures.training_batches(epoch))
    return torch.cat([images for images, _ in parts]), torch.cat([targets for _, targets in parts])


def test_same_pictures_whatever_workers_and_cache(toy_dataset: Path) -> None:
    plain = batches_of(make_pictures(toy_dataset), 2)
    for settings in ({"workers": 2}, {"cache_mb": 0}, {"workers": 1, "cache_mb": 0}):
        other = batches_of(make_pictures(toy_dataset, **settings), 2)
        assert torch.equal(other[0], plain[0])
        assert torch.equal(other[1], plain[1])
    again = make_pictures(toy_dataset)
    batches_of(again, 1)  # an epoch before changes nothing
    assert torch.equal(batches_of(again, 2)[0], plain[0])


def test_plain_batches_are_the_pictures_in_order(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "train", transform=eval_transform(48, MEAN, STD))
    cached = torch.cat([images for images, _ in make_pictures(toy_dataset).plain_batches()])
    for index, image in enumerate(cached):
        assert torch.equal(image, pictures[index].image)


def test_epoch_batches_cover_all_and_differ_by_one() -> None:
    for count, size in ((33, 32), (5, 2), (1, 4), (64, 32)):
        batches = epoch_batches(0, 1, count, size)
        assert sorted(np.concatenate(batches)) == list(range(count))
        sizes = {len(batch) for batch in batches}
        assert max(sizes) <= size
        assert max(sizes) - min(sizes) <= 1
    assert not np.array_equal(epoch_batches(0, 1, 33, 32)[0], epoch_batches(0, 2, 33, 32)[0])


def test_importing_asks_no_server() -> None:
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "import training.transforms, albumentations.check_version as check\n"
        "import os; assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'"
    )
    root = Path(__file__).parents[2]
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_damaged_picture_is_named(tmp_path: Path, make_toy: Callable[..., Path]) -> None:
    from core.errors import BrickbenchError

    root = make_toy(tmp_path / "d", piles=12)
    split = PileDataset(root, "train")
    file = next(root.glob(f"shards/*/images/{split.image_ids[0]}.png"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(BrickbenchError, match=rf"^The image {file} is damaged or missing"):
        make_pictures(root)
