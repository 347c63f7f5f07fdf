"""The camera behind the lens, on linear pixels worked by hand."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from render.sensor import METER_EV, SensorDraw, SensorSettings, develop, encode, expose, sample_sensor
from render.tone import MID_GREY, to_srgb

PLAIN = SensorDraw(metering=0.0, exposure_ev=0.0, white_balance=0.0, vignetting=0.0, gain=0.0, jpeg_quality=100)
WHITE = (1.0, 1.0, 1.0)


def grey(value: float, size: int = 32) -> np.ndarray:
    return np.full((size, size, 3), value, dtype=np.float32)


def shot(radiance: np.ndarray, sensor: SensorDraw, light: tuple[float, float, float] = WHITE) -> np.ndarray:
    return develop(radiance, light, sensor, expose(radiance, light, sensor), np.random.default_rng(0))


def lightness(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[:, :, 0]


def test_an_exposure_of_one_stop_doubles_the_light() -> None:
    np.testing.assert_array_equal(shot(grey(0.1), replace(PLAIN, exposure_ev=1.0)), to_srgb(grey(0.2)))


@pytest.mark.parametrize("floor", [0.02, 0.2, 0.9])
def test_a_full_meter_brings_any_floor_to_lightness_60(floor: float) -> None:
    picture = shot(grey(floor), replace(PLAIN, metering=1.0))
    assert lightness(picture).mean() == pytest.approx(60, abs=0.3)  # by OpenCV; a step of 1 of 255 is 0.4


def test_a_part_of_the_metering_is_that_share_of_the_stops_and_the_drawn_ones_are_added() -> None:
    full = expose(grey(0.05), WHITE, replace(PLAIN, metering=1.0))
    assert full == pytest.approx(np.log2(MID_GREY / 0.05), abs=1e-5)
    assert expose(grey(0.05), WHITE, replace(PLAIN, metering=0.25)) == pytest.approx(full / 4)
    assert expose(grey(0.05), WHITE, replace(PLAIN, metering=1.0, exposure_ev=-0.5)) == pytest.approx(full - 0.5)
    assert expose(grey(0.0), WHITE, replace(PLAIN, metering=1.0)) == METER_EV


def test_the_meter_sees_the_middle_more_than_the_border() -> None:
    bright_middle, bright_border = grey(0.1, 64), grey(0.5, 64)
    bright_middle[12:52, 12:52], bright_border[12:52, 12:52] = 0.5, 0.1
    metering = replace(PLAIN, metering=1.0)
    middle, border = (expose(picture, WHITE, metering) for picture in (bright_middle, bright_border))
    assert middle < border  # though the middle is 39 % of the picture
    y, x = np.mgrid[:64, :64]
    weights = np.exp(-(((x - 31.5) / 32) ** 2 + ((y - 31.5) / 32) ** 2))  # the corners weigh exp(-2)
    by_hand = (bright_middle[:, :, 0] * weights).sum() / weights.sum()
    assert middle == pytest.approx(np.log2(MID_GREY / by_hand), abs=1e-4)


def test_the_meter_keeps_highlights_but_for_small_ones() -> None:
    metering = replace(PLAIN, metering=1.0)
    picture = grey(0.01, 100)
    picture[:10, :10] = 2.0  # 1 % of the picture, in a corner
    assert expose(picture, WHITE, metering) > 2
    picture[:20, :20] = 2.0  # 4 %
    assert expose(picture, WHITE, metering) == pytest.approx(-1)  # 2 becomes 1


def test_the_meter_sees_the_light_that_reaches_the_sensor() -> None:
    lamp = np.array([1.5, 0.95, 0.4]) / (np.array([1.5, 0.95, 0.4]) @ [0.2126, 0.7152, 0.0722])
    lit = grey(0.3) * lamp.astype(np.float32)
    vignetted, balanced = replace(PLAIN, vignetting=0.5, metering=1.0), replace(PLAIN, white_balance=1.0, metering=1.0)
    assert expose(grey(0.3), WHITE, vignetted) > expose(grey(0.3), WHITE, replace(vignetted, vignetting=0.0)) + 0.1
    assert lightness(shot(lit, balanced, tuple(lamp))).mean() == pytest.approx(60, abs=0.3)


def test_full_white_balance_turns_lamplight_on_grey_into_grey() -> None:
    lamp = np.array([1.5, 0.95, 0.4])
    lamp /= lamp @ [0.2126, 0.7152, 0.0722]
    lit = (0.3 * lamp).astype(np.float32) * np.ones((8, 8, 1), dtype=np.float32)
    balanced = shot(lit, replace(PLAIN, white_balance=1.0), tuple(lamp))
    assert np.ptp(balanced[0, 0].astype(int)) <= 1
    warm = shot(lit, replace(PLAIN, white_balance=0.5), tuple(lamp)).astype(int)[0, 0]
    assert warm[0] > warm[1] > warm[2]


def test_vignetting_takes_its_share_in_the_corners_and_nothing_in_the_middle() -> None:
    picture = shot(grey(0.4, 101), replace(PLAIN, vignetting=0.4))
    assert picture[50, 50, 0] == to_srgb(grey(0.4))[0, 0, 0]
    assert abs(int(picture[0, 0, 0]) - int(to_srgb(grey(0.24))[0, 0, 0])) <= 2


def test_noise_has_the_variance_of_shot_and_read_noise_and_keeps_the_mean() -> None:
    sensor = replace(PLAIN, gain=8.0)
    picture = shot(grey(0.2, 256), sensor).astype(float)
    assert picture.mean() == pytest.approx(float(to_srgb(grey(0.2)).mean()), abs=1.0)
    louder = shot(grey(0.2, 256), replace(PLAIN, gain=32.0)).astype(float)
    # 0.2 of 4,000 electrons is 100 at gain 8 and 25 at gain 32, beside 4 electrons of read noise.
    ratio = 32 * np.sqrt(25 + 16) / (8 * np.sqrt(100 + 16))
    assert louder.std() == pytest.approx(ratio * picture.std(), rel=0.05)
    assert (shot(grey(0.2), sensor) == shot(grey(0.2), sensor)).all()


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_formats_without_loss_keep_what_jpeg_left(image_format: str) -> None:
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8), (5, 5), 1)
    by_jpeg = cv2.imdecode(np.frombuffer(encode(picture, "jpg", 60), np.uint8), cv2.IMREAD_COLOR)
    other = cv2.imdecode(np.frombuffer(encode(picture, image_format, 60), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(other, by_jpeg)
    clean = cv2.imdecode(np.frombuffer(encode(picture, image_format, 100), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(clean[:, :, ::-1], picture)


def test_what_is_drawn_stays_within_the_settings() -> None:
    settings = SensorSettings(gain_max=4.0, exposure_min_ev=-1, exposure_max_ev=0, jpeg_quality_min=50)
    for seed in range(200):
        drawn = sample_sensor(settings, np.random.default_rng(seed))
        assert -1 <= drawn.exposure_ev <= 0
        assert 0 <= drawn.gain <= 4
        assert 50 <= drawn.jpeg_quality <= 96
        assert 1.1 <= drawn.contrast <= 1.35
        assert 0 <= drawn.toe <= 0.07
        assert 1.0 <= drawn.saturation <= 1.3
        assert drawn.metering == 0.9


def test_the_tone_is_drawn_after_everything_else() -> None:
    one, other = (sample_sensor(SensorSettings(contrast_max=limit), np.random.default_rng(3)) for limit in (1.2, 1.9))
    assert one != other
    assert replace(one, contrast=other.contrast) == other
