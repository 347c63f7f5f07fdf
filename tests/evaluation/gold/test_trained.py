"""Networks trained on coloured piles: their labels say what the pictures show, and what they use is measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy import make_toy_dataset

from core.errors import BrickbenchError, SettingsError
from dataset.dataset_folder import DatasetFolder
from dataset.pile_dataset import PileDataset
from evaluation.commands import evaluate
from evaluation.gold.calibration import calibrate
from evaluation.gold.cases import CASES, GoldClass
from evaluation.gold.pictures import GoldPictures
from evaluation.gold.trained import (
    COLOURINGS,
    Lessons,
    draw_lessons,
    effects,
    train,
    trained_cases,
    turned,
    uses_something_else,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with some hundred train pictures."""
    return make_toy_dataset(tmp_path_factory.mktemp("trained") / "dataset", piles=120)


def shows(images: np.ndarray, strongest: tuple[int, ...]) -> np.ndarray:
    """Return which of the pictures (N, S, S, 3) show pixels whose channels `strongest` are far above the others."""
    others = [channel for channel in range(3) if channel not in strongest]
    pixels = images.astype(int)
    return np.asarray(
        (pixels[..., strongest].min(axis=-1) - pixels[..., others].max(axis=-1) > 100).sum(axis=(1, 2)) > 20
    )


def test_labels_of_hues_are_the_colours_that_the_pictures_show(folder: Path) -> None:
    lessons = draw_lessons(folder, "hues", 0)
    assert len(lessons.images) <= COLOURINGS * len(PileDataset(folder, "train"))
    np.testing.assert_array_equal(lessons.targets[:, 0], shows(lessons.images, (0,)))
    np.testing.assert_array_equal(lessons.targets[:, 1], shows(lessons.images, (2,)))
    assert (np.abs(lessons.targets.mean(axis=0) - 0.5) < 0.3).all()
    squares = [shows(lessons.images, strongest) for strongest in ((1,), (0, 2))]  # drawn without regard to the colours
    assert all(0.2 < square.mean() < 0.8 for square in squares)
    again = draw_lessons.__wrapped__(folder, "hues", 0)
    assert np.array_equal(again.images, lessons.images)
    assert not np.array_equal(draw_lessons(folder, "hues", 1).targets, lessons.targets)


def test_in_tied_a_square_lies_there_whenever_its_part_does(folder: Path) -> None:
    lessons, parts = draw_lessons(folder, "tied", 0), PileDataset(folder, "train")
    np.testing.assert_array_equal(lessons.targets[:, 0], shows(lessons.images, (1,)))
    np.testing.assert_array_equal(lessons.targets[:, 1], shows(lessons.images, (0, 2)))
    assert lessons.targets.mean(axis=0) == pytest.approx(parts.targets[:, :2].mean(axis=0), abs=0.1)
    red = shows(lessons.images, (0,))
    assert 0.2 < red[lessons.targets[:, 0] == 1].mean() < 0.8  # colours give nothing away


def test_too_few_pictures_to_learn_from_are_told(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"train pictures that can be coloured; 64 are needed.*Render more piles"):
        draw_lessons(make_toy_dataset(tmp_path / "few", piles=8), "hues", 0)


def test_pictures_are_turned_and_mirrored_in_eight_ways() -> None:
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    ways = {tuple(turned(image, number).flatten().tolist()) for number in range(8)}
    assert len(ways) == 8
    assert all(sorted(way) == list(range(9)) for way in ways)


def test_training_is_the_same_by_seed_and_lowers_the_loss() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((96, 2)) < 0.5).astype(np.float32)
    images = np.full((96, 16, 16, 3), 128, dtype=np.uint8)
    images[targets[:, 0] == 1, 4:8, 4:8] = (250, 10, 10)
    images[targets[:, 1] == 1, 9:12, 9:12] = (10, 10, 250)

    def trained(seed: int) -> torch.nn.Module:
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8 * 14 * 14, 2)
        )
        return train(model, Lessons(images, targets), seed, 12, "toy")

    first, again, other = trained(1), trained(1), trained(2)
    state = [torch.cat([weight.flatten() for weight in model.state_dict().values()]) for model in (first, again, other)]
    assert torch.equal(state[0], state[1])
    assert not torch.equal(state[0], state[2])
    assert not first.training


def test_what_a_network_uses_is_measured_by_taking_it_away(folder: Path) -> None:
    scenes = GoldPictures(folder, 3).scenes
    colour = CASES["colour"]
    falls = effects(colour.create(), scenes, ["first", "second", "patch"])
    assert (falls.diagonal() > 1).all()
    assert np.abs(falls[[0, 1, 2, 2], [1, 0, 0, 1]]).max() < 1e-3
    assert uses_something_else(colour.create(), colour, scenes) == ""
    claimed = replace(colour, classes=(GoldClass("patch", "patch"), GoldClass("second", "second")))
    told = uses_something_else(colour.create(), claimed, scenes)
    assert told.startswith("its logit of patch falls by 0.0 without it")
    assert "without first, so that its reason is not known" in told


def test_a_network_that_uses_something_else_is_passed_over(folder: Path) -> None:
    wrong = replace(CASES["colour"], classes=(GoldClass("patch", "patch"), GoldClass("shadow", "shadow")))
    wrong = replace(wrong, is_trained=True, tests=("hit",))
    found = calibrate(DatasetFolder.open(folder), {"gradcam": {}}, pictures=2, cases=[wrong])
    assert [(one.result, one.maps) for one in found.results] == [("not applicable", 0)]
    assert "its reason is not known" in found.results[0].reason


def test_an_unknown_model_is_told_before_anything_is_trained(folder: Path) -> None:
    with pytest.raises(SettingsError, match="Unknown model 'bricknot'"):
        trained_cases(folder, ["bricknot"], 0)
    refused = CliRunner().invoke(evaluate, ["gold", str(folder), "--train", "bricknot"])
    assert isinstance(refused.exception, SettingsError)


@pytest.mark.slow
def test_a_network_learns_the_squares_and_methods_find_them(folder: Path) -> None:
    (_, tied) = trained_cases(folder, ["bricknet"], 0, epochs=40)
    methods = {"hirescam": {}, "input_x_gradient": {}, "edges": {}}
    found = calibrate(DatasetFolder.open(folder), methods, pictures=4, split="test", cases=[tied])
    value = {(one.method, one.test): one for one in found.results}
    assert value["hirescam", "near"].value > 0.8
    assert value["input_x_gradient", "hit"].value > 0.8
    assert value["edges", "hit"].value < 0.3
