"""Which measures tell right maps from noise: one that does, one that does not, and what the ladder is made of."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy import make_toy_dataset

from evaluation.faithfulness.unlearned import layers_from_the_top
from evaluation.gold.candidates import BASE, KNOW_NOTHING, STEPS, Mixed, UnlearnedGold, candidates, step_names
from evaluation.gold.cases import CASES
from evaluation.gold.measures import MeasureOnGold, hold_measures
from evaluation.gold.pictures import GoldPictures

QUICK = ("oracle", "lrp", BASE)
NAMES = ("mass_accuracy", "sensitivity_n", "average_drop", "completeness", "random_logit")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset in which some pictures show two parts."""
    return make_toy_dataset(tmp_path_factory.mktemp("gold") / "dataset", piles=12)


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, MeasureOnGold]:
    """Return what a few measures say of one network, on one picture."""
    return {row.measure: row for row in hold_measures(folder, NAMES, [CASES["colour"]], pictures=1, truths=QUICK)}


def test_right_maps_beat_those_that_know_nothing_by_a_measure_that_can_tell(found: dict[str, MeasureOnGold]) -> None:
    for name in ("mass_accuracy", "sensitivity_n", "random_logit"):
        asked = set(KNOW_NOTHING) if name != "random_logit" else set(KNOW_NOTHING) - {"one_pixel"}
        assert found[name].beaten == dict.fromkeys({"100 %", *asked}, 1.0), name
    assert (found["mass_accuracy"].ordered, found["mass_accuracy"].reversed) == (1.0, 0.0)
    steps = [found["mass_accuracy"].means[name] for name in (BASE, *step_names())]
    assert steps == sorted(steps, reverse=True)


def test_a_measure_that_a_uniform_map_wins_does_not_tell(found: dict[str, MeasureOnGold]) -> None:
    assert found["average_drop"].beaten["uniform"] <= 0.5


def test_maps_that_a_measure_is_not_for_take_no_part(found: dict[str, MeasureOnGold]) -> None:
    complete = found["completeness"]
    assert np.isnan(complete.means["oracle"])
    assert complete.means[BASE] < complete.means["50 %"]
    assert "oracle" not in found["random_logit"].means  # it explains nothing anew


def test_the_ladder_goes_from_a_right_map_to_noise_of_its_size(folder: Path) -> None:
    made = candidates(CASES["colour"], GoldPictures(folder, 1), QUICK)
    assert list(made.maps) == [*QUICK, *KNOW_NOTHING, *step_names()]
    right, noise = made.maps[BASE].maps, made.maps["100 %"].maps
    assert np.square(noise).mean() == pytest.approx(np.square(right).mean(), rel=1e-4)
    assert abs(np.corrcoef(right.ravel(), noise.ravel())[0, 1]) < 0.05
    for share, name in zip(STEPS, step_names(), strict=True):
        np.testing.assert_allclose(made.maps[name].maps, (1 - share) * right + share * noise, atol=1e-6)
    assert isinstance(made.maps["50 %"].reexplainer, Mixed)


def test_unlearned_networks_keep_their_lower_layers() -> None:
    case = CASES["colour"]
    before = case.create().state_dict()
    half, whole = (network.state_dict() for network in UnlearnedGold(case).cascade(2, 0))
    names = layers_from_the_top(case.create())
    kept = [name for name in names if torch.equal(half[f"{name}.weight"], before[f"{name}.weight"])]
    assert kept == names[round(len(names) / 2) :]
    assert not any(torch.equal(whole[f"{name}.weight"], before[f"{name}.weight"]) for name in names)
