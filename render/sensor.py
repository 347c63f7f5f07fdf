"""The camera behind the lens: metering, white balance, vignetting, noise, tone curve and JPEG, on linear pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from blender_assets.colors import Rgb
from core.settings import Settings, require_order
from render.lighting import LUMINANCE
from render.tone import MID_GREY, saturated, to_srgb, tone

FULL_WELL = 4000.0
"""Photoelectrons of a phone's pixel at base sensitivity, binned to these resolutions; sets the shot noise at gain 1."""

READ_NOISE = 4.0
"""Electrons, root mean square."""

CENTRE = 0.5
"""Standard deviation of the meter's weights, as a share of the way from the middle to a corner."""

BRIGHT = 1.0
BRIGHT_PERCENT = 2.0
"""The meter lets no more than this share of the picture come out brighter than this, as phones keep highlights."""

METER_EV = 4.0
"""A meter moves the exposure by at most so many stops: what is black stays dark."""


class SensorSettings(Settings):
    """What the camera does to the light; ranges are drawn from evenly."""

    metering: float = Field(0.9, ge=0, le=1)
    """How far the camera goes towards lightness 60 for what it sees, centre-weighted, in stops: with 0 it exposes for a
    white floor, with 1 dark floors come out as bright as light ones. Photos of phones lie close together."""

    exposure_min_ev: float = Field(-0.35, ge=-4, le=4)
    """Darkest exposure, in stops from the metered one."""

    exposure_max_ev: float = Field(0.6, ge=-4, le=4)
    """Brightest exposure, in stops. Pictures have dark parts, so that phones meter above the mean."""

    white_balance_min: float = Field(0.35, ge=0, le=1)
    """Least share of the light's tint that the white balance removes; phones leave lamplight somewhat warm."""

    white_balance_max: float = Field(0.75, ge=0, le=1)
    """Largest share of the light's tint that is removed."""

    vignetting_max: float = Field(0.35, ge=0, le=0.9)
    """Largest loss of light in the corners, as a share."""

    gain_max: float = Field(6.0, ge=0, le=100)
    """Largest sensor gain (1: base sensitivity, 8: about ISO 800); noise grows with its root. 0: no noise at all."""

    contrast_min: float = Field(1.1, ge=0.5, le=2)
    """Least contrast of the tone curve: its slope about mid-grey, both axes logarithmic."""

    contrast_max: float = Field(1.35, ge=0.5, le=2)
    """Largest contrast."""

    saturation_min: float = Field(1.0, ge=0, le=3)
    """Least factor on the colours' distance from grey."""

    saturation_max: float = Field(1.3, ge=0, le=3)
    """Largest factor; phones make colours stronger than they are."""

    toe_max: float = Field(0.07, ge=0, le=0.2)
    """Largest toe: the luminance at which the tone curve takes half of the light away, so that shadows are deep."""

    jpeg_quality_min: int = Field(70, ge=10, le=100)
    """Lowest JPEG quality; pictures in other formats pass through JPEG once as well. 100: none."""

    jpeg_quality_max: int = Field(96, ge=10, le=100)
    """Highest JPEG quality."""

    @model_validator(mode="after")
    def _ordered(self) -> "SensorSettings":
        white_balance, jpeg = ("white_balance_min", "white_balance_max"), ("jpeg_quality_min", "jpeg_quality_max")
        contrast, saturation = ("contrast_min", "contrast_max"), ("saturation_min", "saturation_max")
        require_order(self, ("exposure_min_ev", "exposure_max_ev"), white_balance, contrast, saturation, jpeg)
        return self


@dataclass(frozen=True)
class SensorDraw:
    """How one picture is taken."""

    metering: float
    """How far the camera goes towards lightness 60, 0..1."""

    exposure_ev: float
    """Stops from the metered exposure."""

    white_balance: float
    """Share of the light's tint that is removed, 0..1."""

    vignetting: float
    """Loss of light in the corners, 0..1."""

    gain: float
    """Sensor gain; 0 is a sensor without noise."""

    jpeg_quality: int
    contrast: float = 1.0
    """Slope of the tone curve about mid-grey."""

    toe: float = 0.0
    """Luminance at which it takes half of the light away."""

    saturation: float = 1.0
    """Factor on the colours' distance from grey."""


def sample_sensor(settings: SensorSettings, rng: np.random.Generator) -> SensorDraw:
    """Return how one picture is taken."""
    return SensorDraw(
        metering=settings.metering,
        exposure_ev=float(rng.uniform(settings.exposure_min_ev, settings.exposure_max_ev)),
        white_balance=float(rng.uniform(settings.white_balance_min, settings.white_balance_max)),
        vignetting=float(rng.uniform(0, settings.vignetting_max)),
        gain=float(settings.gain_max * rng.uniform() ** 2),  # most pictures are taken in good light
        jpeg_quality=int(rng.integers(settings.jpeg_quality_min, settings.jpeg_quality_max + 1)),
        contrast=float(rng.uniform(settings.contrast_min, settings.contrast_max)),
        toe=float(rng.uniform(0, settings.toe_max)),
        saturation=float(rng.uniform(settings.saturation_min, settings.saturation_max)),
    )


def expose(radiance: NDArray[np.float32], light_rgb: Rgb, sensor: SensorDraw) -> float:
    """Return the exposure that the camera chooses for `radiance`, in stops; at 0 a white floor comes out as 1.

    It meters the centre-weighted mean of the luminance that reaches the sensor, goes `sensor.metering` of the way to
    `MID_GREY`, or less far where highlights would burn out, and adds the exposure drawn by lot. `radiance` and
    `light_rgb` are as in `develop`.
    """
    luminance = _at_sensor(radiance, light_rgb, sensor) @ LUMINANCE
    seen = float(np.average(luminance, weights=np.exp(-_radius2(*luminance.shape) / (2 * CENTRE**2))))
    bright = float(np.percentile(luminance, 100 - BRIGHT_PERCENT))
    metered = np.log2(min(MID_GREY / max(seen, 1e-6), BRIGHT / max(bright, 1e-6)))
    return sensor.metering * float(np.clip(metered, -METER_EV, METER_EV)) + sensor.exposure_ev


def develop(
    radiance: NDArray[np.float32],
    light_rgb: Rgb,
    sensor: SensorDraw,
    exposure_ev: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) that the camera makes of `radiance`, sRGB.

    Args:
        radiance: scene-linear Rec. 709 (H, W, 3); 1 is a white floor under the light of `Lighting`.
        light_rgb: the tint of the light on the floor, luminance 1.
        sensor: how the picture is taken.
        exposure_ev: stops, as of `expose`; a twin has its original's.
        rng: source of the noise.
    """
    linear = _at_sensor(radiance, light_rgb, sensor) * np.float32(2.0**exposure_ev)
    if sensor.gain > 0:
        electrons = np.maximum(linear, 0) * FULL_WELL / sensor.gain
        noise = rng.standard_normal(linear.shape, dtype=np.float32) * np.sqrt(electrons + READ_NOISE**2)
        # Demosaicking spreads a pixel's noise over its neighbours.
        linear += cv2.GaussianBlur(noise, (3, 3), 0.6) * (sensor.gain / FULL_WELL)
    return to_srgb(tone(saturated(linear, sensor.saturation), sensor.contrast, sensor.toe))


def _at_sensor(radiance: NDArray[np.float32], light_rgb: Rgb, sensor: SensorDraw) -> NDArray[np.float32]:
    """Return the light (H, W, 3) after vignetting and white balance."""
    gains = (1.0 / np.asarray(light_rgb)) ** sensor.white_balance
    falloff = 1 - sensor.vignetting * _radius2(*radiance.shape[:2])
    return np.asarray(radiance * (falloff[:, :, None] * (gains / (gains @ LUMINANCE))), dtype=np.float32)


def _radius2(height: int, width: int) -> NDArray[np.float64]:
    """Return the squared distance (H, W) of each pixel from the middle, 1 in the corners."""
    y, x = np.mgrid[0:height, 0:width]
    return np.asarray(((x + 0.5) / width * 2 - 1) ** 2 / 2 + ((y + 0.5) / height * 2 - 1) ** 2 / 2)


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
