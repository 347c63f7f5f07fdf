"""Pictures varied: presets, masks that follow, bricks that pasting leaves alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import SettingsError
from dataset.loading.augment import PRESETS, AugmentSettings
from dataset.loading.backgrounds import Backgrounds, digest_of_backgrounds
from dataset.loading.randomness import AUGMENT, stream
from dataset.loading.settings import LoadingSettings
from dataset.loading.variation import Variation, Varied
from dataset.loading.viewpoint import Viewpoint, _places, frame_of, inside_frame, shows_all

NONE = PRESETS["none"]


def picture(height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def vary(augment: AugmentSettings, image: np.ndarray, index: int = 0, mask: np.ndarray | None = None) -> Varied:
    return Variation(augment, image.shape[0])(image, stream(0, AUGMENT, 1, index), mask)


def test_none_changes_nothing() -> None:
    mask = picture()[..., 0]
    result = vary(NONE, picture(), 0, mask)
    np.testing.assert_array_equal(result.image, picture())
    assert result.brick_map is not None
    np.testing.assert_array_equal(result.brick_map, mask)
    np.testing.assert_allclose(result.matrix, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_are_functions_of_the_generator_alone(name: str, floors: Path) -> None:
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[20:30, 20:40] = 1
    variation = Variation(PRESETS[name], 64, Backgrounds(floors, 64))
    first = [variation(picture(64, 64), stream(0, AUGMENT, 1, i), mask).image for i in range(6)]
    fresh = Variation(PRESETS[name], 64, Backgrounds(floors, 64))
    for i in reversed(range(6)):
        np.testing.assert_array_equal(fresh(picture(64, 64), stream(0, AUGMENT, 1, i), mask).image, first[i])
        without = fresh(picture(64, 64), stream(0, AUGMENT, 1, i), mask, keep_map=False)
        np.testing.assert_array_equal(without.image, first[i])
        assert first[i].dtype == np.uint8
        assert first[i].shape == (64, 64, 3)
    assert name == "none" or len({image.tobytes() for image in first}) == 6


def test_flips_and_quarter_turns_give_all_eight_and_nothing_else() -> None:
    plain = picture()
    augment = NONE.model_copy(update={"flips": True, "quarter_turns": True})
    eight = {np.rot90(side, turns).tobytes() for side in (plain, plain[:, ::-1]) for turns in range(4)}
    assert {vary(augment, plain, index).image.tobytes() for index in range(80)} == eight


def test_the_matrix_says_where_pixels_of_the_eight_went() -> None:
    augment = NONE.model_copy(update={"flips": True, "quarter_turns": True})
    mask = np.zeros((5, 5), dtype=np.uint8)
    mask[1, 3] = 7
    for index in range(40):
        result = Variation(augment, 5)(picture(5, 5), stream(0, AUGMENT, 1, index), mask)
        x, y, _ = result.matrix @ (3.5, 1.5, 1.0)
        assert result.brick_map is not None
        assert result.brick_map[int(y), int(x)] == 7
        np.testing.assert_array_equal(result.image[int(y), int(x)], picture(5, 5)[1, 3])


def test_a_crop_by_hand() -> None:
    """A quarter-sized crop that starts at pixel (2, 1) of 8: each pixel is doubled."""
    image = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, axis=2)
    step = Viewpoint(NONE, 8)
    matrix = np.array([[2.0, 0, -4], [0, 2, -2], [0, 0, 1]])
    got = step.apply_to_mask(image[..., 0].copy(), matrix=matrix, places=_places(matrix, 8))
    np.testing.assert_array_equal(got, np.kron(image[1:5, 2:6, 0], np.ones((2, 2), dtype=np.uint8)))
    np.testing.assert_allclose(frame_of(matrix, 8), [[2, 1], [6, 1], [6, 5], [2, 5]])


def test_a_rotation_by_hand() -> None:
    """A turn of 180 degrees as a warp is the picture read backwards."""
    step = Viewpoint(NONE, 8)
    turned = np.array([[-1.0, 0, 8], [0, -1, 8], [0, 0, 1]])
    image = picture(8, 8)
    params = {"matrix": turned, "places": _places(turned, 8)}
    np.testing.assert_array_equal(step.apply(image, **params), image[::-1, ::-1])
    np.testing.assert_array_equal(step.apply_to_mask(image[..., 0], **params), image[::-1, ::-1, 0])


def test_a_perspective_by_hand() -> None:
    """x' = 2x / (1 + x/8): the left edge stays, 8 stays at 8, and what was at 8/3 is seen in the middle."""
    matrix = np.array([[2.0, 0, 0], [1 / 16, 1, 0], [1 / 8, 0, 1]])
    x, y, w = matrix @ (8 / 3, 4, 1)
    assert x / w == pytest.approx(4)
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    image[:, 2:4] = 200  # 2..4 goes to 3.2..5.33: covers the centres of pixels 3 and 4
    step = Viewpoint(NONE, 8)
    params = {"matrix": matrix, "places": _places(matrix, 8)}
    mask = step.apply_to_mask(image[..., 0], **params)
    np.testing.assert_array_equal(np.flatnonzero((mask > 0).any(axis=0)), [3, 4])
    del y


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    index=st.integers(0, 10**6),
    left=st.integers(8, 60),
    top=st.integers(8, 60),
    width=st.integers(12, 40),
    height=st.integers(12, 40),
)
def test_the_mask_of_a_coloured_rectangle_stays_on_its_pixels(
    index: int, left: int, top: int, width: int, height: int
) -> None:
    image = np.full((112, 112, 3), 20, dtype=np.uint8)
    mask = np.zeros((112, 112), dtype=np.uint8)
    image[top : top + height, left : left + width] = 220
    mask[top : top + height, left : left + width] = 1
    augment = NONE.model_copy(
        update={"flips": True, "quarter_turns": True, "rotate_deg": 30.0, "zoom": 1.3, "crop_area_min": 0.3}
        | {"crop_stretch": 1.5, "perspective": 0.15}
    )
    for size in (112, 64):
        result = Variation(augment, size)(image, stream(0, AUGMENT, 1, index), mask)
        assert result.brick_map is not None
        value = result.image[..., 0]
        coloured, masked = value > 120, result.brick_map > 0
        ring = np.ones((3, 3), dtype=np.uint8)
        for inner, outer in ((masked, value >= 120), (coloured, masked)):  # but for one pixel along edges
            assert not (cv2.erode(inner.view(np.uint8), ring).view(bool) & ~outer).any()
        assert masked.any() or not coloured.any()


def test_steps_draw_independently() -> None:
    """One seed for all steps, as albumentations has it, would tie which pictures are flipped to which are hued."""
    augment = NONE.model_copy(update={"flips": True, "hue_deg": 90.0})
    gradient = np.broadcast_to(np.arange(32, dtype=np.uint8)[None, :, None] * 7, (32, 32, 3)).copy()
    gradient[..., 0] = 255  # red, so that a shift of hue shows
    outcomes = set()
    for index in range(60):
        image = vary(augment, gradient, index).image.astype(int)
        outcomes.add((bool(image[:, 0].sum() > image[:, -1].sum()), bool(abs(image[..., 0] - 255).max() > 5)))
    assert len(outcomes) == 4


def test_warping_by_the_simple_preset_keeps_what_is_well_inside() -> None:
    """A brick that keeps 6% of the picture's side from the edge stays wholly in it."""
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[40:60, 6:12] = 255
    augment = AugmentSettings(rotate_deg=0, brightness=0, hue_deg=0, saturation=0)
    for index in range(30):
        assert vary(augment, image, index).image[..., 0].sum() / 255 > 0.8 * 20 * 6


def test_uncropped_where_crops_are_not_allowed() -> None:
    augment = NONE.model_copy(update={"crop_area_min": 0.2})
    variation = Variation(augment, 32)
    for index in range(20):
        whole = variation(picture(), stream(0, AUGMENT, 1, index), crop=False)
        np.testing.assert_array_equal(whole.image, picture())


@pytest.mark.parametrize("effect", ["white_balance", "shadows", "blur", "noise", "jpeg_quality_min", "brightness"])
def test_effects_leave_masks_and_geometry_alone(effect: str) -> None:
    augment = NONE.model_copy(update={effect: getattr(PRESETS["renders"], effect)})
    mask = picture()[..., 0]
    changed = 0
    for index in range(20):
        result = vary(augment, picture(), index, mask)
        np.testing.assert_array_equal(result.brick_map, mask)
        np.testing.assert_allclose(result.matrix, np.eye(3), atol=1e-12)
        changed += not np.array_equal(result.image, picture())
    assert changed >= 3


def test_colour_by_hand() -> None:
    """Greys keep their grey whatever the hue; a turn of hue keeps luma; no saturation is grey; gains go apart."""
    grey = np.full((4, 4, 3), 100, dtype=np.uint8)
    for index in range(10):
        hued = vary(NONE.model_copy(update={"hue_deg": 90.0, "saturation": 0.5}), grey, index).image
        assert np.abs(hued.astype(int) - 100).max() <= 1
    mild = (np.random.default_rng(0).integers(100, 156, size=(16, 16, 3))).astype(np.uint8)
    luma = np.array([0.299, 0.587, 0.114])
    turned = vary(NONE.model_copy(update={"hue_deg": 30.0}), mild, 3).image
    assert not np.array_equal(turned, mild)
    assert np.abs(turned @ luma - mild @ luma).max() < 1
    gains = np.array(
        [vary(NONE.model_copy(update={"white_balance": 0.2}), grey, i).image[0, 0] / 100 for i in range(40)]
    )
    assert np.abs(gains[:, 0] + gains[:, 2] - 2).max() < 0.02
    assert 0.1 < gains[:, 0].max() - 1 <= 0.21
    assert (gains == 1).all(axis=1).any()
    black_and_grey = np.zeros((2, 2, 3), dtype=np.uint8)
    black_and_grey[:, 1] = 128
    lit = np.array([vary(NONE.model_copy(update={"brightness": 0.4}), black_and_grey, i).image for i in range(60)])
    # With contrast c and exposure e, grey goes to 128 (1 + c) (1 + e) - 128 c, and black to -128 c.
    assert (lit[:, 0, 0] <= 52).all()
    assert 56 - 1 <= lit[:, 0, 1].min() < 95
    assert 160 < lit[:, 0, 1].max() <= 200 + 1


def test_noise_has_the_deviation_it_should() -> None:
    grey = np.full((128, 128, 3), 128, dtype=np.uint8)
    augment = NONE.model_copy(update={"noise": 0.1})
    deviations = [float((vary(augment, grey, i).image.astype(float) - 128).std()) for i in range(60)]
    assert 0.9 * 25.5 < max(deviations) < 1.05 * 25.5
    assert sum(d == 0 for d in deviations) in range(15, 46)  # half of the pictures get none


def test_paste_leaves_brick_pixels_alone(floors: Path) -> None:
    image = cv2.GaussianBlur(picture(64, 64), (0, 0), 1)
    mask = np.zeros((64, 64), dtype=np.uint8)
    cv2.circle(mask, (30, 25), 12, 3, -1)
    cv2.rectangle(mask, (45, 45), (60, 50), 9, -1)
    variation = Variation(NONE.model_copy(update={"paste": 1.0}), 64, Backgrounds(floors, 64))
    for index in range(10):
        result = variation(image, stream(0, AUGMENT, 1, index), mask)
        np.testing.assert_array_equal(result.image[mask > 0], image[mask > 0])
        away = cv2.dilate(mask, np.ones((5, 5), dtype=np.uint8)) == 0
        assert (result.image[away] != image[away]).mean() > 0.8
        np.testing.assert_array_equal(result.brick_map, mask)


def test_paste_without_bricks_or_masks_changes_nothing(floors: Path) -> None:
    variation = Variation(NONE.model_copy(update={"paste": 1.0}), 32, Backgrounds(floors, 32))
    for mask in (None, np.zeros((32, 32), dtype=np.uint8)):
        np.testing.assert_array_equal(variation(picture(), stream(0, AUGMENT, 1, 0), mask).image, picture())


def test_digest_of_backgrounds_follows_their_bytes(floors: Path, tmp_path: Path) -> None:
    for file in floors.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert digest_of_backgrounds(tmp_path) == digest_of_backgrounds(floors)
    cv2.imwrite(str(tmp_path / "1.png"), picture())
    assert digest_of_backgrounds(tmp_path) != digest_of_backgrounds(floors)


def test_presets_by_name_and_with_changes() -> None:
    assert LoadingSettings().augment_renders == AugmentSettings() == PRESETS["simple"]
    settings = LoadingSettings.parse(
        {"augment_renders": "renders", "augment_photos": {"preset": "photos", "flips": False}}
    )
    assert settings.augment_renders == PRESETS["renders"]
    assert settings.augment_photos == PRESETS["photos"].model_copy(update={"flips": False})
    assert LoadingSettings.parse(settings.model_dump(mode="json")) == settings
    with pytest.raises(SettingsError) as caught:
        LoadingSettings.parse({"augment_photos": "photo"})
    assert str(caught.value) == (
        "In the settings: augment_photos = 'photo': unknown preset (did you mean 'photos'?); known are none, simple, "
        "renders, photos."
    )
    with pytest.raises(SettingsError, match=r"working_size_px 100 should be at least input_size_px 224\.$"):
        LoadingSettings.parse({"working_size_px": 100})


@pytest.mark.parametrize("model", [AugmentSettings, LoadingSettings])
def test_every_field_has_a_reason(model: type[AugmentSettings]) -> None:
    assert [name for name, field in model.model_fields.items() if len(field.description or "") < 20] == []


@pytest.mark.parametrize("size", [48, 32])
def test_inside_frame_is_where_pixels_are_mapped_into_the_result(size: int) -> None:
    """Against mapping the centre of each pixel by hand."""
    augment = PRESETS["renders"].model_copy(update={"perspective": 0.2, "rotate_deg": 40.0, "crop_area_min": 0.2})
    y, x = np.mgrid[:48, :48] + 0.5
    cut = 0
    for index in range(40):
        matrix = Variation(augment, size)(picture(48, 48), stream(0, AUGMENT, 1, index)).matrix
        u, v, w = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), axes=1)
        expected = (u > 0) & (u < w * size) & (v > 0) & (v < w * size)
        np.testing.assert_array_equal(inside_frame(matrix, 48, size), expected)
        assert shows_all(matrix, 48, size) <= expected.all()
        cut += not expected.all()
    assert cut > 20
