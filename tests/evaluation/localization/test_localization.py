"""Metrics against cases worked by hand, Quantus where it is right, and what wrong use is told."""

import numpy as np
import pytest
import torch

from core.errors import BrickbenchError, SettingsError
from evaluation.localization import score
from evaluation.localization.metrics.iou import expected_iou
from evaluation.localization.registry import DEFINITIONS

# A brick of three pixels in the upper left; the map has its peak on it, a tie for second place, and a negative pixel.
MASK = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
MAP = np.array([[4.0, 1, 0, 0], [2, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, -6]])
# Another brick of two pixels, one of them the highest after the first brick's; the floor has eleven.
OTHERS = np.zeros_like(MASK)
OTHERS[1, 1] = OTHERS[2, 2] = True


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
    with pytest.raises(
        BrickbenchError, match=r"^Maps and masks should be numpy arrays; Tensor and list came: \.cpu\(\)"
    ):
        score("energy", torch.zeros(1, 2, 2), [np.zeros((2, 2), dtype=bool)])  # type: ignore[arg-type]
    with pytest.raises(BrickbenchError, match=r"Maps should be float and masks bool; they are float64 and int64"):
        score("lift", MAP[None], MASK[None].astype(int))


def test_every_row_of_the_registry_is_filled() -> None:
    for row in (measure.as_row() for measure in DEFINITIONS.values()):
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
