"""Metrics against plain loops and scikit-learn, and the properties that they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation.localization.metrics.iou import expected_iou
from evaluation.localization.registry import METRICS, Scorer, Truth, metric_settings, score
from evaluation.measure import Scores

# A brick of three pixels in the upper left; the map has its peak on it and a negative pixel elsewhere.
MASK = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
MAP = np.array([[4.0, 1, 0, 0], [2, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, -6]])
NEEDED: dict[str, dict[str, object]] = {"iou_best": {"threshold": 0.4}}
"""Settings without which a metric has no value."""
COUNT_MASS = [name for name, row in METRICS.items() if row.zero_mass.startswith("undefined")]

small_maps = arrays(np.float64, (5, 4, 3), elements=st.integers(-3, 3).map(float))
small_masks = arrays(np.bool_, (5, 4, 3))


def odd_pixels(masks: np.ndarray) -> np.ndarray:
    """Return every second pixel that is not in a mask, (N, H, W), as other bricks."""
    chosen = np.arange(masks[0].size).reshape(masks.shape[1:]) % 2 == 1
    return np.asarray(chosen & ~masks)


def rate(metric: str, maps: np.ndarray, masks: np.ndarray) -> Scores:
    """Return the scores of any metric of maps, given what it needs."""
    return score(metric, maps, masks, others=odd_pixels(masks), **NEEDED.get(metric, {}))


@pytest.mark.parametrize("value", [0.0, 1.0, -2.0, 1e-300, 0.1])
def test_a_constant_map_scores_chance_and_never_a_hit(value: float) -> None:
    constant = np.full((1, 4, 4), value)
    for metric in ("pointing_game", "rank_accuracy", "pixel_auroc"):
        scores = score(metric, constant, MASK[None])
        np.testing.assert_allclose(scores.values, scores.chance, rtol=1e-12)
    chance_of_uniform = [name for name, row in METRICS.items() if row.uniform == "chance"]
    for metric in chance_of_uniform if value > 0 else set(chance_of_uniform) - set(COUNT_MASS):
        scores = rate(metric, constant, MASK[None])
        np.testing.assert_allclose(scores.values, scores.chance, rtol=1e-12)
    if value > 0:
        for metric in ("mass_accuracy", "lift"):
            scores = score(metric, constant, MASK[None])
            np.testing.assert_allclose(scores.values, scores.chance, rtol=1e-12)
        assert score("iou_fixed", constant, MASK[None]).values[0] == pytest.approx(3 / 16)


@pytest.mark.parametrize("metric", list(METRICS))
def test_rows_and_columns_are_alike_where_pictures_are_not_square(metric: str) -> None:
    rng = np.random.default_rng(1)
    maps, labels = rng.normal(size=(3, 6, 9)), rng.integers(0, 2, (3, 6, 9)) * 2
    labels[:, 1:4, 2:7] = rng.integers(0, 2, (3, 3, 5))
    upright, turned = (
        score(metric, turn(maps), turn(labels == 1), others=turn(labels == 2), **NEEDED.get(metric, {}))
        for turn in (np.asarray, lambda given: given.transpose(0, 2, 1))
    )
    assert (upright.status == "ok").all()
    np.testing.assert_allclose(turned.values, upright.values, rtol=1e-12)
    np.testing.assert_allclose(turned.chance, upright.chance, rtol=1e-12)


@pytest.mark.parametrize("metric", list(METRICS))
def test_undefined_cases_have_a_reason(metric: str) -> None:
    maps = np.stack([MAP, MAP, np.where(MASK, np.nan, MAP), np.where(MASK, np.inf, MAP), MAP])
    masks = np.stack([np.zeros_like(MASK), np.ones_like(MASK), MASK, MASK, MASK])
    scores = rate(metric, maps, masks)
    assert scores.status.tolist() == ["empty_mask", "full_mask", "nonfinite", "nonfinite", "ok"]
    assert np.isnan(scores.values).tolist() == [True, True, True, True, False]
    assert np.isnan(scores.chance).tolist() == [True, True, False, False, False]


def test_zero_mass_is_undefined_only_where_mass_is_counted() -> None:
    flat = np.stack([np.zeros((4, 4)), -MASK.astype(float)])
    masks = np.stack([MASK, MASK])
    for metric in METRICS:
        status = rate(metric, flat, masks).status.tolist()
        counts_mass = metric in ("mass_accuracy", "lift", "iou_fixed", *COUNT_MASS)
        assert status == (["zero_mass"] * 2 if counts_mass else ["ok"] * 2), metric
    assert score("mass_accuracy", flat, masks, sign="absolute").status.tolist() == ["zero_mass", "ok"]


@pytest.mark.parametrize("metric", list(METRICS))
def test_the_oracle_mask_scores_the_maximum(metric: str) -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((20, 6, 5)) < 0.3
    masks[:, 0] = False  # so that no box is the whole picture
    scores = rate(metric, masks.astype(np.float32), masks)
    best = 1 / masks.mean(axis=(1, 2)) if metric == "lift" else 1.0
    if metric == "attribution_localization_weighted":
        best = 1 / np.array([tight_box(mask).mean() for mask in masks])
    if METRICS[metric].direction == "lower":
        np.testing.assert_array_equal(scores.values, 0.0)
        assert (scores.chance > scores.values).all()
        return
    np.testing.assert_allclose(scores.values, best, rtol=1e-12)
    assert (scores.chance < scores.values).all()


@given(maps=small_maps, masks=small_masks)
@settings(max_examples=60, deadline=None)
def test_against_loops_and_scikit_learn(maps: np.ndarray, masks: np.ndarray) -> None:
    found = {name: rate(name, maps, masks) for name in METRICS}
    others = odd_pixels(masks)
    for index in range(len(maps)):
        values, mask = maps[index].ravel(), masks[index].ravel()
        if mask.all() or not mask.any():
            continue
        expected = loop_scores(values, mask) | more_loop_scores(values, mask, others[index].ravel())
        assert set(expected) == set(METRICS) == set(found)
        for name, value in expected.items():
            assert found[name].values[index] == pytest.approx(value, abs=1e-12, nan_ok=True), name


def loop_scores(values: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    size = int(mask.sum())
    top = [pixel for pixel in range(len(values)) if values[pixel] == max(values)]
    positive = [max(value, 0.0) for value in values]
    # Expected rank accuracy: every order of the pixels that agrees with the values, by inclusion probabilities.
    ranked = 0.0
    for pixel in np.flatnonzero(mask):
        higher = int((values > values[pixel]).sum())
        equal = int((values == values[pixel]).sum())
        ranked += min(max(size - higher, 0), equal) / equal
    mass = sum(value for value, inside in zip(positive, mask, strict=True) if inside)
    region = values >= 0.5 * max(values)
    defined = max(values) > 0
    return {
        "pointing_game": sum(mask[pixel] for pixel in top) / len(top),
        "pointing_game_cell": sum(_within_one(mask.reshape(4, 3), *divmod(pixel, 3)) for pixel in top) / len(top),
        "mass_accuracy": mass / sum(positive) if defined else np.nan,
        "lift": mass / sum(positive) / mask.mean() if defined else np.nan,
        "rank_accuracy": ranked / size,
        "iou_fixed": (region & mask).sum() / (region | mask).sum() if defined else np.nan,
        "pixel_auroc": float(roc_auc_score(mask, values)),
        "pixel_ap": float(average_precision_score(mask, values)),
    }


def _within_one(mask: np.ndarray, row: int, column: int) -> bool:
    """Return whether a pixel lies on `mask` or beside it: at most one away, not across a corner."""
    return any(abs(row - y) + abs(column - x) <= 1 for y, x in np.argwhere(mask))


def more_loop_scores(values: np.ndarray, mask: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """Return the other metrics by plain loops; `values`, `mask` and `others` are (12,), of a picture of 4 x 3."""
    top, positive = max(values), np.maximum(values, 0.0)
    total, floor = positive.sum(), ~(mask | others)
    on_mask, on_others, on_floor = positive[mask].sum(), positive[others].sum(), positive[floor].sum()
    box = tight_box(mask.reshape(4, 3)).ravel()
    nan = float("nan")
    highest = [pixel for pixel in range(12) if values[pixel] == top]  # 0.02 of 12 pixels: one
    overlaps = [
        (mask & (values >= cut)).sum() / (mask | (values >= cut)).sum() for cut in {*values.tolist()} if cut > 0
    ]
    at_cut = values >= 0.4 * top
    energy = nan if box.all() or total == 0 else positive[box].sum() / total
    return {
        "top_k": sum(mask[pixel] for pixel in highest) / len(highest),
        "iou_best": (at_cut & mask).sum() / (at_cut | mask).sum() if top > 0 else nan,
        "iou_oracle": max(overlaps) if overlaps else nan,
        "energy": energy,
        "attribution_localization": energy,
        "attribution_localization_weighted": energy / box.mean(),
        "target_vs_distractor": on_mask / (on_mask + on_others) if others.any() and on_mask + on_others > 0 else nan,
        "mass_on_others": on_others / total if others.any() and total > 0 else nan,
        "mass_on_floor": on_floor / total if floor.any() and total > 0 else nan,
        "lift_on_others": on_others / total / others.mean() if others.any() and total > 0 else nan,
        "lift_on_floor": on_floor / total / floor.mean() if floor.any() and total > 0 else nan,
    }


def tight_box(mask: np.ndarray) -> np.ndarray:
    """Return the smallest rectangle around `mask` (H, W), filled."""
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return box


@given(maps=small_maps, masks=small_masks, scale=st.sampled_from([1e-200, 1e-3, 0.7, 3.0, 1e200]))
@settings(max_examples=40, deadline=None)
def test_batch_equals_single_and_positive_scaling_changes_nothing(
    maps: np.ndarray, masks: np.ndarray, scale: float
) -> None:
    for name in METRICS:
        batch = rate(name, maps, masks)
        scaled = rate(name, maps * scale, masks)
        np.testing.assert_allclose(scaled.values, batch.values, rtol=1e-12)
        assert scaled.status.tolist() == batch.status.tolist()
        for index in range(len(maps)):
            single = rate(name, maps[index : index + 1], masks[index : index + 1])
            np.testing.assert_array_equal(single.values, batch.values[index : index + 1])
            np.testing.assert_array_equal(single.chance, batch.chance[index : index + 1])


@given(maps=small_maps, masks=small_masks)
@settings(max_examples=40, deadline=None)
def test_values_stay_in_their_range(maps: np.ndarray, masks: np.ndarray) -> None:
    for name, row in METRICS.items():
        values = rate(name, maps, masks).values
        defined = values[~np.isnan(values)]
        assert (defined >= row.range[0]).all()
        assert (defined <= row.range[1]).all()


@pytest.mark.parametrize("metric", list(METRICS))
@pytest.mark.parametrize(
    ("mask_px", "draws"), [(5, 2000), *(pytest.param(size, 20000, marks=pytest.mark.slow) for size in (1, 5, 14))]
)
def test_chance_is_what_uniform_random_maps_score(metric: str, mask_px: int, draws: int) -> None:
    rng = np.random.default_rng(7)
    mask = np.arange(15).reshape(1, 3, 5) < mask_px
    scores = rate(metric, rng.random((draws, 3, 5)), np.repeat(mask, draws, axis=0))
    if mask_px == 14 and np.isnan(scores.chance[0]):  # 15 pixels: its box is the picture, or no floor is left
        assert set(scores.status.tolist()) <= {"full_box", "no_floor", "no_others"}
        return
    error = scores.values.std() / np.sqrt(draws)
    assert scores.values.mean() == pytest.approx(scores.chance[0], abs=4.5 * error)


@pytest.mark.parametrize(
    "threshold", [0.5, *(pytest.param(other, marks=pytest.mark.slow) for other in (0.2, 0.9, 1.0))]
)
def test_expected_iou_at_other_thresholds(threshold: float) -> None:
    rng = np.random.default_rng(3)
    mask = np.arange(12).reshape(1, 3, 4) < 4
    scores = score("iou_fixed", rng.random((20000, 3, 4)), np.repeat(mask, 20000, axis=0), threshold=threshold)
    error = scores.values.std() / np.sqrt(20000)
    assert scores.values.mean() == pytest.approx(scores.chance[0], abs=4.5 * error)


def test_expected_iou_of_a_large_picture_is_near_its_limit() -> None:
    # Half of the pixels are marked: a/2 in common of a + (1 - a)/2.
    assert expected_iou(6554, 65536, 0.5) == pytest.approx(0.1 / 1.1, rel=1e-3)


def test_scores_together_equal_each_alone() -> None:
    rng = np.random.default_rng(1)
    maps, masks = rng.normal(size=(8, 5, 5)), rng.random((8, 5, 5)) < 0.2
    chosen = {name: metric_settings(name, NEEDED.get(name, {})) for name in METRICS}
    together = Scorer(maps, Truth(masks, odd_pixels(masks))).scores(chosen)
    for name in METRICS:
        np.testing.assert_array_equal(together[name].values, rate(name, maps, masks).values)


def test_the_three_shares_sum_to_one() -> None:
    rng = np.random.default_rng(5)
    maps, masks = rng.normal(size=(9, 6, 5)).astype(np.float32), rng.random((9, 6, 5)) < 0.2
    names = ("mass_accuracy", "mass_on_others", "mass_on_floor")
    shares = [score(name, maps, masks, others=odd_pixels(masks)).values for name in names]
    np.testing.assert_allclose(np.sum(shares, axis=0), 1.0, rtol=1e-12)


def test_float16_and_float32_maps_score_as_their_float64_copies() -> None:
    rng = np.random.default_rng(6)
    masks = rng.random((5, 6, 5)) < 0.3
    for dtype in (np.float16, np.float32):
        maps = rng.normal(size=masks.shape).astype(dtype)
        for name in METRICS:
            np.testing.assert_allclose(
                rate(name, maps, masks).values, rate(name, maps.astype(np.float64), masks).values, rtol=1e-12
            )
