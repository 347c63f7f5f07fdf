"""The strongest of a map: which values pass, held against the lime library's own choice, and how they are drawn."""

import numpy as np
import pytest
from lime.lime_image import ImageExplanation
from numpy.typing import NDArray

from core.errors import SettingsError
from explain.draw import ground
from explain.strongest import AGAINST, BORDER_PX, FILL, FOR, Strongest, areas, parse_threshold

WHITE = np.full((40, 40, 3), 255, dtype=np.uint8)


def lime_picture(coefficients: NDArray[np.float64]) -> tuple[ImageExplanation, NDArray[np.float64]]:
    """Return lime's own explanation of a picture of 16 superpixels, and the same as a map."""
    segments = np.kron(np.arange(16).reshape(4, 4), np.ones((10, 10), dtype=int))
    found = ImageExplanation(np.zeros((40, 40, 3)), segments)
    order = np.argsort(-np.abs(coefficients))
    found.local_exp[1] = [(int(place), float(coefficients[place])) for place in order]
    return found, coefficients[segments]


@pytest.mark.parametrize("top", [1, 5, 40])
@pytest.mark.parametrize("for_only", [False, True])
def test_top_chooses_the_superpixels_that_lime_chooses(top: int, for_only: bool) -> None:
    explanation, values = lime_picture(np.random.default_rng(top).normal(size=16))
    cut = Strongest(top, for_only=for_only).cut(values, "nearest")
    _, expected = explanation.get_image_and_mask(1, positive_only=for_only, num_features=top, hide_rest=False)
    if for_only:
        np.testing.assert_array_equal(values >= cut, expected == 1)
    else:
        np.testing.assert_array_equal(np.abs(values) >= cut, expected != 0)
        np.testing.assert_array_equal(values <= -cut, expected == -1)


def test_cells_and_pixels_are_counted_one_by_one() -> None:
    values = np.array([[3.0, 3.0, -2.0], [1.0, 0.0, np.nan]])
    assert Strongest(top=2).cut(values, "bilinear") == 3
    assert Strongest(top=3).cut(values, "bilinear") == 2
    assert Strongest(top=2).cut(values, "nearest") == 2
    assert Strongest(top=99).cut(values, "bilinear") == 1  # never 0
    assert Strongest(threshold=1.5).cut(values, "bilinear") == 1.5
    assert Strongest(share=0.9).cut(values, "bilinear") == pytest.approx(2.7)
    assert Strongest(top=1, for_only=True).cut(-values, "bilinear") == 2
    assert Strongest(top=1, threshold=2.5).cut(values, "bilinear") == 3
    assert Strongest(top=3, threshold=2.5).cut(values, "bilinear") == 2.5
    assert Strongest(for_only=True).cut(values, "bilinear") == 0
    assert Strongest(threshold=4.0).cut(values, "bilinear") == float("inf")
    assert Strongest(top=1).cut(np.zeros((2, 2)), "bilinear") == float("inf")


@pytest.mark.parametrize(
    ("threshold", "top", "for_only", "expected"),
    [
        (None, None, False, None),
        (None, 40, False, Strongest(40)),
        (None, None, True, Strongest(for_only=True)),
        ("0.3", None, False, Strongest(threshold=0.3)),
        ("50%", 3, True, Strongest(3, share=0.5, for_only=True)),
    ],
)
def test_thresholds_are_values_or_shares(
    threshold: str | None, top: int | None, for_only: bool, expected: Strongest | None
) -> None:
    assert parse_threshold(threshold, top, for_only=for_only) == expected


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "inf%", "%"])
def test_a_threshold_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_threshold(text, None, for_only=False)
    assert str(error.value) == (
        f"--threshold {text!r} should be a number above 0 in the map's units, such as 0.3, or a share of where its "
        "colours end, such as 50%."
    )


def test_areas_are_green_and_red_with_a_border_and_leave_the_rest() -> None:
    values = np.zeros((4, 4))
    values[0, 0], values[3, 3], values[0, 3] = 2.0, -1.0, 0.4
    drawn = areas(WHITE, values, Strongest(top=2), resize="nearest", size_px=40)
    plain = np.round(ground(WHITE)[0, 0])
    np.testing.assert_array_equal(drawn[20, 20], plain)
    np.testing.assert_array_equal(drawn[5, 35], plain)  # the third
    for colour, middle, corner in ((FOR, (4, 4), (9, 9)), (AGAINST, (35, 35), (30, 30))):
        np.testing.assert_array_equal(drawn[corner], colour)
        inside = plain * (1 - 0.8 * FILL) + np.array(colour) * 0.8 * FILL
        np.testing.assert_allclose(drawn[middle], inside, atol=0.51)
    np.testing.assert_array_equal(drawn[9 - BORDER_PX, 4], drawn[4, 4])  # the border is so wide
    alone = areas(WHITE, values, Strongest(top=2, for_only=True), resize="nearest", size_px=40)
    np.testing.assert_array_equal(alone[35, 35], plain)
    np.testing.assert_array_equal(alone[9, 39], FOR)
