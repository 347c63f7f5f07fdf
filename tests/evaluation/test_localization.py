"""Metrics against cases worked by hand, plain loops, scikit-learn, and the properties that they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from core.errors import BrickbenchError, SettingsError
from evaluation.localization import METRICS, Truth, metric_rows, metric_settings, score, score_all
from evaluation.metrics.iou import expected_iou
from evaluation.scores import Scores

# A brick of three pixels in the upper left; the map has its peak on it, a tie for second place, and a negative pixel.
MASK = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
MAP = np.array([[4.0, 1, 0, 0], [2, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, -6]])
# Another brick of two pixels, one of them the highest after the first brick's; the floor has eleven.
OTHERS = np.zeros_like(MASK)
OTHERS[1, 1] = OTHERS[2, 2] = True
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


def only(metric: str, values: np.ndarray, mask: np.ndarray, **options: object) -> float:
    scores = score(metric, values[None], mask[None], **options)
    assert scores.status.tolist() == ["ok"]
    return float(scores.values[0])


@pytest.mark.parametrize(
    ("metric", "expected", "chance"),
    [
        ("pointing_game", 1.0, 3 / 16),
        ("mass_accuracy", 7 / 10, 3 / 16),  # (4 + 1 + 2) / (4 + 1 + 2 + 2 + 1)
        ("lift", 0.7 / (3 / 16), 1.0),
        ("rank_accuracy", 2 / 3, 3 / 16),  # the three highest are 4, 2 and 2; two of them lie on the brick
        ("iou_fixed", 2 / 4, expected_iou(3, 16, 0.5)),  # {4, 2, 2} and the brick share two of four pixels
        # Pairs (brick pixel, other pixel) won: 4 wins 13; 2 wins 12 and ties 1; 1 wins 11, ties 1, loses 1.
        ("pixel_auroc", (13 + 12.5 + 11.5) / 39, 0.5),
        # Falling thresholds 4, 2, 1: recall gains 1/3 at precision 1, 1/3 at 2/3, 1/3 at 3/5.
        ("pixel_ap", (1 + 2 / 3 + 3 / 5) / 3, None),
    ],
)
def test_hand_worked_map(metric: str, expected: float, chance: float | None) -> None:
    scores = score(metric, MAP[None], MASK[None])
    assert scores.status.tolist() == ["ok"]
    assert scores.values[0] == pytest.approx(expected, abs=1e-12)
    if chance is not None:
        assert scores.chance[0] == pytest.approx(chance, abs=1e-12)


def test_sign_policy_absolute_counts_the_negative_pixel() -> None:
    assert only("mass_accuracy", MAP, MASK, sign="absolute") == pytest.approx(7 / 16)


def test_iou_threshold_setting() -> None:
    assert only("iou_fixed", MAP, MASK, threshold=0.2) == pytest.approx(3 / 5)
    assert only("iou_fixed", MAP, MASK, threshold=1.0) == pytest.approx(1 / 3)


def test_pointing_game_shares_a_hit_among_tied_peaks() -> None:
    values = np.zeros((4, 4))
    values[0, 0] = values[3, 3] = values[3, 2] = 1.0
    assert only("pointing_game", values, MASK) == pytest.approx(1 / 3)


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
        assert only("iou_fixed", constant[0], MASK) == pytest.approx(3 / 16)


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
        "mass_accuracy": mass / sum(positive) if defined else np.nan,
        "lift": mass / sum(positive) / mask.mean() if defined else np.nan,
        "rank_accuracy": ranked / size,
        "iou_fixed": (region & mask).sum() / (region | mask).sum() if defined else np.nan,
        "pixel_auroc": float(roc_auc_score(mask, values)),
        "pixel_ap": float(average_precision_score(mask, values)),
    }


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
@pytest.mark.parametrize("mask_px", [1, 5, 14])
def test_chance_is_what_uniform_random_maps_score(metric: str, mask_px: int) -> None:
    rng = np.random.default_rng(7)
    draws = 20000
    mask = np.arange(15).reshape(1, 3, 5) < mask_px
    scores = rate(metric, rng.random((draws, 3, 5)), np.repeat(mask, draws, axis=0))
    if mask_px == 14 and np.isnan(scores.chance[0]):  # 15 pixels: its box is the picture, or no floor is left
        assert set(scores.status.tolist()) <= {"full_box", "no_floor", "no_others"}
        return
    error = scores.values.std() / np.sqrt(draws)
    assert scores.values.mean() == pytest.approx(scores.chance[0], abs=4.5 * error)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9, 1.0])
def test_expected_iou_at_other_thresholds(threshold: float) -> None:
    rng = np.random.default_rng(3)
    mask = np.arange(12).reshape(1, 3, 4) < 4
    scores = score("iou_fixed", rng.random((20000, 3, 4)), np.repeat(mask, 20000, axis=0), threshold=threshold)
    error = scores.values.std() / np.sqrt(20000)
    assert scores.values.mean() == pytest.approx(scores.chance[0], abs=4.5 * error)


def test_expected_iou_of_a_large_picture_is_near_its_limit() -> None:
    # Half of the pixels are marked: a/2 in common of a + (1 - a)/2.
    assert expected_iou(6554, 65536, 0.5) == pytest.approx(0.1 / 1.1, rel=1e-3)


def test_score_all_equals_score() -> None:
    rng = np.random.default_rng(1)
    maps, masks = rng.normal(size=(8, 5, 5)), rng.random((8, 5, 5)) < 0.2
    chosen = {name: metric_settings(name, NEEDED.get(name, {})) for name in METRICS}
    together = score_all(chosen, maps, Truth(masks, odd_pixels(masks)))
    for name in METRICS:
        np.testing.assert_array_equal(together[name].values, rate(name, maps, masks).values)


def test_no_maps_give_no_scores() -> None:
    scores = score("pixel_ap", np.zeros((0, 4, 4)), np.zeros((0, 4, 4), dtype=bool))
    assert scores.values.shape == scores.status.shape == scores.chance.shape == (0,)


def test_wrong_use_is_told_clearly() -> None:
    with pytest.raises(SettingsError, match=r"^There is no metric 'pointing_gane' \(did you mean 'pointing_game'\?\)"):
        score("pointing_gane", MAP[None], MASK[None])
    with pytest.raises(SettingsError, match=r"In the settings of metric iou_fixed: unknown setting 'treshold'"):
        score("iou_fixed", MAP[None], MASK[None], treshold=0.1)
    with pytest.raises(BrickbenchError, match=r"they are \(1, 4, 4\) and \(1, 2, 2\)\. Bring maps"):
        score("lift", MAP[None], MASK[None, :2, :2])
    with pytest.raises(BrickbenchError, match=r"Maps should be float and masks bool; they are float64 and int64"):
        score("lift", MAP[None], MASK[None].astype(int))


def test_every_row_of_the_registry_is_filled() -> None:
    for row in metric_rows():
        assert all(str(value) for value in row.values()), row["metric"]


@pytest.mark.parametrize(
    ("metric", "options", "expected", "chance"),
    [
        ("top_k", {}, 1.0, 3 / 16),  # 0.02 of 16 pixels is less than one: the highest alone
        ("top_k", {"share": 0.25}, (2 + 1 / 2) / 4, 3 / 16),  # 4, 2, 2 and one of two ones, of which one is the brick's
        ("iou_best", {"threshold": 0.25}, 3 / 5, expected_iou(3, 16, 0.25)),
        ("iou_oracle", {}, 3 / 5, None),  # {4}: 1/3; {4, 2, 2}: 2/4; {4, 2, 2, 1, 1}: 3/5
        ("energy", {}, 9 / 10, 4 / 16),  # the box around the brick is two by two: 4 + 1 + 2 + 2
        ("energy", {"region": "mask"}, 7 / 10, 3 / 16),
        ("energy", {"sign": "absolute"}, 9 / 16, 4 / 16),
        ("attribution_localization", {"region": "mask"}, 7 / 10, 3 / 16),
        ("attribution_localization_weighted", {}, 0.9 * 16 / 4, 1.0),
        ("attribution_localization_weighted", {"region": "mask"}, 0.7 * 16 / 3, 1.0),
        (
            "target_vs_distractor",
            {},
            7 / 10,
            3 / 5,
        ),  # all the mass is on bricks: 7 on the named one, 2 + 1 on the other
        ("mass_on_others", {}, 3 / 10, 2 / 16),
        ("mass_on_floor", {}, 0.0, 11 / 16),
        ("mass_on_floor", {"sign": "absolute"}, 6 / 16, 11 / 16),
        ("lift_on_others", {}, 0.3 / (2 / 16), 1.0),
        ("lift_on_floor", {"sign": "absolute"}, (6 / 16) / (11 / 16), 1.0),
    ],
)
def test_hand_worked_map_on_other_metrics(
    metric: str, options: dict[str, object], expected: float, chance: float | None
) -> None:
    scores = score(metric, MAP[None], MASK[None], others=OTHERS[None], **options)
    assert scores.values[0] == pytest.approx(expected, abs=1e-12)
    if chance is not None:
        assert scores.chance[0] == pytest.approx(chance, abs=1e-12)


def test_boxes_that_are_given_count_and_not_the_one_around_the_mask() -> None:
    boxes = [np.array([[0, 0, 1, 2], [2, 2, 2, 2]])]  # x, y, width, height: 4 + 2, and 1 + 0 of the negative corner
    scores = score("energy", MAP[None], MASK[None], boxes=boxes)
    assert scores.values[0] == pytest.approx(7 / 10)
    assert scores.chance[0] == pytest.approx(6 / 16)
    whole = score("energy", MAP[None], MASK[None], boxes=[np.array([[0, 0, 4, 4]])])
    assert (whole.status.tolist(), np.isnan(whole.values[0])) == (["full_box"], True)


def test_pointing_game_tolerance_is_a_distance_of_pixel_centres() -> None:
    mask, values = np.zeros((7, 7), dtype=bool), np.zeros((7, 7))
    mask[3, 3], values[4, 5] = True, 1.0  # one row and two columns away: the root of 5, 2.236 px
    assert only("pointing_game", values, mask) == 0.0
    assert only("pointing_game", values, mask, tolerance_px=2.2) == 0.0
    assert only("pointing_game", values, mask, tolerance_px=2.25) == 1.0
    wide = score("pointing_game", values[None], mask[None], tolerance_px=1)
    assert wide.chance[0] == pytest.approx(5 / 49)  # the pixel and its four neighbours
    constant = score("pointing_game", np.ones((1, 7, 7)), mask[None], tolerance_px=1)
    assert constant.values[0] == pytest.approx(5 / 49)


def test_reasons_that_lie_in_the_picture() -> None:
    none, everything = np.zeros((1, 4, 4), dtype=bool), ~MASK[None]
    for metric, others, reason in [
        ("target_vs_distractor", none, "no_others"),
        ("mass_on_others", none, "no_others"),
        ("lift_on_others", none, "no_others"),
        ("mass_on_floor", everything, "no_floor"),
        ("lift_on_floor", everything, "no_floor"),
    ]:
        scores = score(metric, MAP[None], MASK[None], others=others)
        assert scores.status.tolist() == [reason]
        assert np.isnan([scores.values[0], scores.chance[0]]).all()
    off_bricks = np.where(MASK | OTHERS, 0.0, 1.0)
    lost = score("target_vs_distractor", off_bricks[None], MASK[None], others=OTHERS[None])
    assert lost.status.tolist() == ["zero_mass"]
    assert score("iou_best", MAP[None], MASK[None]).status.tolist() == ["no_cutoff"]


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


def test_agrees_with_quantus_where_it_is_right() -> None:
    # Made with Quantus 0.6.0: benchmarks/localization_speed.quantus_scores on these very maps, which have no ties;
    # mass accuracy and attribution localisation of their positive parts, top-k with k = 1.
    maps = np.random.default_rng(42).permutation(np.arange(-40, 104)).reshape(4, 6, 6).astype(np.float32)
    masks = np.zeros((4, 6, 6), dtype=bool)
    masks[0, 1:3, 1:4] = masks[1, 0:5, 2] = masks[2, 3:, 3:] = masks[3, 2:4] = masks[3, 5, :2] = True
    expected = {
        "pointing_game": [1.0, 0.0, 0.0, 1.0],
        "attribution_localization": [0.276532143, 0.112208895, 0.271672368, 0.373239428],
        "mass_accuracy": [0.276532143, 0.112208895, 0.271672368, 0.373239428],
        "rank_accuracy": [0.333333333, 0.2, 0.444444444, 0.428571429],
        "top_k": [1.0, 0.0, 0.0, 1.0],
        "pixel_auroc": [0.766666667, 0.393548387, 0.522633745, 0.532467532],
    }
    for name, values in expected.items():
        options = {"region": "mask"} if name == "attribution_localization" else {}
        np.testing.assert_allclose(score(name, maps, masks, **options).values, values, atol=1e-8)


def test_not_as_quantus_where_it_is_wrong() -> None:
    # An empty mask is no hit, and neither is a constant map.
    assert score("pointing_game", MAP[None], np.zeros((1, 4, 4), dtype=bool)).status.tolist() == ["empty_mask"]
    assert only("pointing_game", np.ones((4, 4)), MASK) == pytest.approx(3 / 16)
    # Area-weighted: mu x 16 / 3, whatever else is in the batch.
    maps, masks = np.stack([MAP, MAP * 2, MAP]), np.stack([MASK, ~MASK, MASK])
    found = score("attribution_localization_weighted", maps, masks, region="mask").values
    np.testing.assert_allclose(found, [0.7 * 16 / 3, 0.3 * 16 / 13, 0.7 * 16 / 3])
    # Negative values do not take from the mass: with signs kept this would be 7/4.
    assert only("mass_accuracy", MAP, MASK) == pytest.approx(7 / 10)


def test_wrong_truth_is_told_clearly() -> None:
    with pytest.raises(
        BrickbenchError, match=r"^mass_on_floor tells other bricks from the floor: give others, the mask"
    ):
        score("mass_on_floor", MAP[None], MASK[None])
    with pytest.raises(BrickbenchError, match=r"^others should be bool and \(1, 4, 4\), as the masks; it is int64"):
        score("lift", MAP[None], MASK[None], others=OTHERS[None].astype(int))
    with pytest.raises(BrickbenchError, match=r"^others and masks share pixels: leave the class's own bricks out"):
        score("lift", MAP[None], MASK[None], others=MASK[None])
    with pytest.raises(BrickbenchError, match=r"^Each map needs its boxes: 1 maps came with 0 lists of boxes\.$"):
        score("energy", MAP[None], MASK[None], boxes=[])
    with pytest.raises(SettingsError, match=r"^There is no metric 'pxap'"):
        score("pxap", MAP[None], MASK[None])
