"""The camera behind the lens, on linear pixels worked by hand."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from render.sensor import SHOULDER, SensorDraw, SensorSettings, develop, encode, sample_sensor, to_srgb

PLAIN = SensorDraw(exposure_ev=0.0, white_balance=0.0, vignetting=0.0, gain=0.0, jpeg_quality=100)
WHITE = (1.0, 1.0, 1.0)


def grey(value: float, size: int = 32) -> np.ndarray:
    return np.full((size, size, 3), value, dtype=np.float32)


def shot(radiance: np.ndarray, sensor: SensorDraw, light: tuple[float, float, float] = WHITE) -> np.ndarray:
    return develop(radiance, light, sensor, np.random.default_rng(0))


def test_display_values_are_those_of_srgb_below_the_shoulder() -> None:
    values = np.array([0.0, 0.001, 0.0031308, 0.18, 0.5, SHOULDER], dtype=np.float32)
    expected = [0, round(255 * 12.92 * 0.001), 10, 118, 188, 231]
    np.testing.assert_array_equal(to_srgb(values), expected)


def test_bright_light_bends_towards_white_and_never_turns_back() -> None:
    display = to_srgb(np.linspace(0, 8, 4000, dtype=np.float32)).astype(int)
    assert (np.diff(display) >= 0).all()
    assert display[-1] == 255
    assert to_srgb(np.array([1.0], dtype=np.float32))[0] < 253  # 1 is bright, not yet burnt out
    assert to_srgb(np.array([-0.5], dtype=np.float32))[0] == 0


def test_an_exposure_of_one_stop_doubles_the_light() -> None:
    np.testing.assert_array_equal(shot(grey(0.1), replace(PLAIN, exposure_ev=1.0)), to_srgb(grey(0.2)))


def test_full_white_balance_turns_lamplight_on_grey_into_grey() -> None:
    lamp = np.array([1.5, 0.95, 0.4])
    lamp /= lamp @ [0.2126, 0.7152, 0.0722]
    lit = (0.3 * lamp).astype(np.float32) * np.ones((8, 8, 1), dtype=np.float32)
    balanced = shot(lit, replace(PLAIN, white_balance=1.0), tuple(lamp))
    assert np.ptp(balanced[0, 0].astype(int)) <= 1
    warm = shot(lit, replace(PLAIN, white_balance=0.5), tuple(lamp)).astype(int)[0, 0]
    assert warm[0] > warm[1] > warm[2]


def test_vignetting_takes_its_share_in_the_corners_and_nothing_in_the_middle() -> None:
    picture = shot(grey(0.5, 101), replace(PLAIN, vignetting=0.4))
    assert picture[50, 50, 0] == to_srgb(grey(0.5))[0, 0, 0]
    assert abs(int(picture[0, 0, 0]) - int(to_srgb(grey(0.3))[0, 0, 0])) <= 2


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
