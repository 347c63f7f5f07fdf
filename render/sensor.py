"""The camera behind the lens: exposure, white balance, vignetting, noise, tone curve and JPEG, on linear pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from core.settings import Settings, require_order

SHOULDER = 0.8
"""Linear value from which the tone curve bends towards white, as phones do, instead of clipping at 1."""

FULL_WELL = 4000.0
"""Photoelectrons of a phone's pixel at base sensitivity, binned to these resolutions; sets the shot noise at gain 1."""

READ_NOISE = 4.0
"""Electrons, root mean square."""


class SensorSettings(Settings):
    """What the camera does to the light; ranges are drawn from evenly."""

    exposure_min_ev: float = Field(-0.7, ge=-4, le=4)
    """Darkest exposure, in stops from a correct one."""

    exposure_max_ev: float = Field(0.5, ge=-4, le=4)
    """Brightest exposure, in stops."""

    white_balance_min: float = Field(0.5, ge=0, le=1)
    """Least share of the light's tint that the white balance removes; phones leave lamplight somewhat warm."""

    white_balance_max: float = Field(1.0, ge=0, le=1)
    """Largest share of the light's tint that is removed."""

    vignetting_max: float = Field(0.35, ge=0, le=0.9)
    """Largest loss of light in the corners, as a share."""

    gain_max: float = Field(12.0, ge=0, le=100)
    """Largest sensor gain (1: base sensitivity, 8: about ISO 800); noise grows with its root. 0: no noise at all."""

    jpeg_quality_min: int = Field(70, ge=10, le=100)
    """Lowest JPEG quality; pictures in other formats pass through JPEG once as well. 100: none."""

    jpeg_quality_max: int = Field(96, ge=10, le=100)
    """Highest JPEG quality."""

    @model_validator(mode="after")
    def _ordered(self) -> "SensorSettings":
        white_balance, jpeg = ("white_balance_min", "white_balance_max"), ("jpeg_quality_min", "jpeg_quality_max")
        require_order(self, ("exposure_min_ev", "exposure_max_ev"), white_balance, jpeg)
        return self


@dataclass(frozen=True)
class SensorDraw:
    """How one picture is taken."""

    exposure_ev: float
    white_balance: float
    """Share of the light's tint that is removed, 0..1."""

    vignetting: float
    """Loss of light in the corners, 0..1."""

    gain: float
    """Sensor gain; 0 is a sensor without noise."""

    jpeg_quality: int


def sample_sensor(settings: SensorSettings, rng: np.random.Generator) -> SensorDraw:
    """Return how one picture is taken."""
    return SensorDraw(
        exposure_ev=float(rng.uniform(settings.exposure_min_ev, settings.exposure_max_ev)),
        white_balance=float(rng.uniform(settings.white_balance_min, settings.white_balance_max)),
        vignetting=float(rng.uniform(0, settings.vignetting_max)),
        gain=float(settings.gain_max * rng.uniform() ** 2),  # most pictures are taken in good light
        jpeg_quality=int(rng.integers(settings.jpeg_quality_min, settings.jpeg_quality_max + 1)),
    )


def develop(
    radiance: NDArray[np.float32],
    light_rgb: tuple[float, float, float],
    sensor: SensorDraw,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) that the camera makes of `radiance`, sRGB.

    Args:
        radiance: scene-linear Rec. 709 (H, W, 3); 1 is a white floor at a correct exposure.
        light_rgb: the tint of the light on the floor, luminance 1.
        sensor: how the picture is taken.
        rng: source of the noise.
    """
    height, width = radiance.shape[:2]
    gains = (1.0 / np.asarray(light_rgb)) ** sensor.white_balance
    scale = 2.0**sensor.exposure_ev * gains / (gains @ [0.2126, 0.7152, 0.0722])
    y, x = np.mgrid[0:height, 0:width]
    radius2 = ((x + 0.5) / width * 2 - 1) ** 2 / 2 + ((y + 0.5) / height * 2 - 1) ** 2 / 2
    falloff = 1 - sensor.vignetting * radius2
    linear = radiance * (falloff[:, :, None] * scale).astype(np.float32)
    if sensor.gain > 0:
        electrons = np.maximum(linear, 0) * FULL_WELL / sensor.gain
        noise = rng.standard_normal(linear.shape, dtype=np.float32) * np.sqrt(electrons + READ_NOISE**2)
        # Demosaicking spreads a pixel's noise over its neighbours.
        linear += cv2.GaussianBlur(noise, (3, 3), 0.6) * (sensor.gain / FULL_WELL)
    return to_srgb(linear)


def to_srgb(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return display values of linear ones: a shoulder instead of clipping, then the sRGB curve (IEC 61966-2-1)."""
    over = np.maximum(linear - SHOULDER, 0)
    room = 1 - SHOULDER
    soft = np.where(linear > SHOULDER, SHOULDER + room * (1 - np.exp(-over / room)), np.maximum(linear, 0))
    curve = np.where(soft <= 0.0031308, 12.92 * soft, 1.055 * np.power(np.maximum(soft, 1e-6), 1 / 2.4) - 0.055)
    return np.asarray(np.clip(np.rint(curve * 255), 0, 255), dtype=np.uint8)


def encode(picture: NDArray[np.uint8], image_format: str, jpeg_quality: int) -> bytes:
    """Return the bytes of an image file of `picture` (H, W, 3); JPEG's losses are in it whatever the format."""
    bgr = picture[:, :, ::-1]
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])[1]
    if image_format == "jpg":
        return jpeg.tobytes()
    if jpeg_quality < 100:
        bgr = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)
    options = [cv2.IMWRITE_PNG_COMPRESSION, 4] if image_format == "png" else [cv2.IMWRITE_WEBP_QUALITY, 101]
    return cv2.imencode(f".{image_format}", bgr, options)[1].tobytes()
