"""What each row of the registry says of zeros and of chance, by adding constants and by simulating noise."""

import numpy as np
import pytest

from evaluation.faithfulness.registry import FAITHFULNESS
from evaluation.localization import score
from evaluation.localization.registry import DEFINITIONS, METRICS, MOSAIC_METRICS, SPLIT_METRICS, Scorer, Truth
from evaluation.localization.registry import metric_settings as settings_of
from evaluation.measure import FloatArray

SIDE = 24
SPLIT_LEVELS = {"max_box_acc": "whole-picture box", "pxap": "chance"}


def _truth(count: int) -> Truth:
    """Return `count` pictures with a brick of the class, two bricks of others, and a floor."""
    masks = np.zeros((count, SIDE, SIDE), dtype=np.bool_)
    others = np.zeros_like(masks)
    masks[:, 5:11, 4:13] = True
    others[:, 13:19, 2:8] = others[:, 3:8, 16:22] = True
    return Truth(masks, others)


def _values(name: str, maps: FloatArray, truth: Truth) -> FloatArray:
    if name in SPLIT_METRICS:
        value, _, _ = _split(name, maps, truth)
        return np.array([value])
    given = {"threshold": 0.4} if name == "iou_best" else {}
    return score(name, maps, truth.masks, others=truth.others, **given).values


def _split(name: str, maps: FloatArray, truth: Truth) -> tuple[float, float, float]:
    metric, settings = SPLIT_METRICS[name], settings_of(name, {})
    sums, _ = Scorer(maps, truth).sums(metric, settings)
    assert metric.finish is not None
    value, level, threshold = metric.finish(np.append(float(len(maps)), sums.sum(axis=0)), settings)
    return float(value), float(level), float(threshold)


@pytest.mark.parametrize("name", list(DEFINITIONS))
def test_a_measure_needs_a_zero_if_a_constant_changes_it(name: str) -> None:
    truth = _truth(3)
    maps = np.random.default_rng(0).normal(size=truth.masks.shape) - 1.5 * truth.masks  # most of the mask lies below 0
    moved = _values(name, maps + 3.0, truth)
    assert (not np.allclose(moved, _values(name, maps, truth), atol=1e-9)) == DEFINITIONS[name].needs_zero


def test_measures_of_faithfulness_that_need_a_zero_are_known() -> None:
    needing = {name for name, row in FAITHFULNESS.items() if row.needs_zero}
    shares_of_the_maximum = {"average_drop", "increase_in_confidence"}
    sums = {"infidelity", "monotonicity", "complexity", "sparseness"}
    twins = {"twin_rank", "twin_top", "twin_capture"}
    assert needing == shares_of_the_maximum | sums | twins | {"max_sensitivity"}


@pytest.mark.parametrize("name", [*METRICS, *MOSAIC_METRICS])
def test_chance_is_what_uniform_noise_scores(name: str) -> None:
    truth = _truth(400)
    maps = np.random.default_rng(1).random(truth.masks.shape)
    given = {"threshold": 0.4} if name == "iou_best" else {}
    found = score(name, maps, truth.masks, others=truth.others, cell_px=np.full(400, 3.0), **given)
    error = found.values.std() / np.sqrt(400)
    assert abs(found.values.mean() - found.chance.mean()) <= 4 * error + 1e-3
    assert (METRICS | MOSAIC_METRICS)[name].level == "chance"


def test_of_splits_one_level_is_chance_and_the_other_says_that_it_is_not() -> None:
    truth = _truth(300)
    maps = np.random.default_rng(2).random(truth.masks.shape)
    for name, level_name in SPLIT_LEVELS.items():
        value, level, _ = _split(name, maps, truth)
        assert SPLIT_METRICS[name].level == level_name
        assert (abs(value - level) < 0.01) == (level_name == "chance"), (name, value, level)
    assert set(SPLIT_LEVELS) == set(SPLIT_METRICS)


def test_within_a_cell_is_the_pointing_game_with_each_maps_own_tolerance() -> None:
    truth = _truth(4)
    maps = np.zeros(truth.masks.shape)
    for row, column in enumerate((12, 13, 15, 16)):  # the mask ends with column 12
        maps[row, 7, column] = 1.0
    cells = np.array([1.0, 1.0, 3.0, 3.0])
    found = score("pointing_game_cell", maps, truth.masks, cell_px=cells)
    assert found.values.tolist() == [1.0, 1.0, 1.0, 0.0]
    for row, cell in enumerate(cells):
        alone = score("pointing_game", maps[row : row + 1], truth.masks[row : row + 1], tolerance_px=cell)
        assert (alone.values[0], alone.chance[0]) == (found.values[row], found.chance[row])
    assert score("pointing_game_cell", maps, truth.masks).values.tolist() == [1.0, 1.0, 0.0, 0.0]
