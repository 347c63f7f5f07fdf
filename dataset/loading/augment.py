"""How training pictures are varied: typed settings, and the presets by name."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from core.settings import Settings, near_matches


class AugmentSettings(Settings):
    """How training pictures are varied; the defaults are the preset ``simple``, so gentle that labels stay true.

    Every step that is off costs nothing.
    """

    flips: bool = True
    """Mirror left to right, half of the time. Turn it off where left and right variants of a part are two classes."""

    quarter_turns: bool = True
    """Turn by 0, 90, 180 or 270 degrees: a pile seen from above has no natural top."""

    rotate_deg: float = Field(default=10.0, ge=0, le=45)
    """Largest further rotation to either side, in degrees; corners that show nothing are filled by reflection."""

    zoom: float = Field(default=1.08, ge=1, le=1.5)
    """Largest factor of zooming in or out. 1.08 cuts under 4% at each side: a labelled brick stays in the picture."""

    crop_area_min: float = Field(default=1.0, ge=0.05, le=1)
    """Smallest share of the picture's area that a crop keeps; 1 crops nothing. Labels that a crop cuts off are dropped
    where it is known where the bricks are; a picture of which it is not known is not cropped."""

    crop_stretch: float = Field(default=1.0, ge=1, le=2)
    """Largest ratio of a crop's sides, relative to the picture's; 1 keeps its shape."""

    perspective: float = Field(default=0.0, ge=0, le=0.3)
    """Largest shift of each corner, as a share of the side: the camera tilts."""

    brightness: float = Field(default=0.2, ge=0, le=1)
    """Largest relative change of exposure and of contrast: photos are taken in any light."""

    hue_deg: float = Field(default=10.0, ge=0, le=180)
    """Largest turn of hue to either side, in degrees: small, since colour tells bricks from the floor."""

    saturation: float = Field(default=0.12, ge=0, le=1)
    """Largest relative change of saturation."""

    white_balance: float = Field(default=0.0, ge=0, le=0.5)
    """Largest relative gain of red against blue, and half of it for green: lamps are warm, shade is cold."""

    shadows: float = Field(default=0.0, ge=0, le=1)
    """Share of pictures on which a soft shadow falls: a hand's, a shelf's, the photographer's."""

    blur: float = Field(default=0.0, ge=0, le=5)
    """Largest blur of focus or motion, as sigma in pixels of a picture of 224 px; a third of the pictures get some."""

    noise: float = Field(default=0.0, ge=0, le=0.3)
    """Largest standard deviation of sensor noise, of a range of 0 to 1; half of the pictures get some."""

    jpeg_quality_min: int = Field(default=100, ge=5, le=100)
    """Lowest quality of JPEG compression, to 95; half of the pictures are compressed. 100 compresses none."""

    paste: float = Field(default=0.0, ge=0, le=1)
    """Share of pictures whose bricks are cut out and laid on another floor, where `backgrounds` names a folder of
    floors and the bricks' masks are known."""


PRESETS: dict[str, AugmentSettings] = {
    # Nothing: every picture as it is.
    "none": AugmentSettings(
        flips=False, quarter_turns=False, rotate_deg=0.0, zoom=1.0, brightness=0.0, hue_deg=0.0, saturation=0.0
    ),
    # Gentle variations that need neither masks nor boxes.
    "simple": AugmentSettings(),
    # Renders are clean and their floors few: all that a phone's camera does to a picture, and other floors.
    "renders": AugmentSettings(
        rotate_deg=15.0,
        zoom=1.1,
        crop_area_min=0.55,
        crop_stretch=1.2,
        perspective=0.08,
        brightness=0.35,
        hue_deg=8.0,
        saturation=0.2,
        white_balance=0.12,
        shadows=0.3,
        blur=1.2,
        noise=0.03,
        jpeg_quality_min=40,
        paste=0.5,
    ),
    # Photos have their own noise, blur and light already: other framings, and a little of the rest.
    "photos": AugmentSettings(
        rotate_deg=12.0,
        zoom=1.1,
        crop_area_min=0.55,
        crop_stretch=1.2,
        perspective=0.05,
        brightness=0.35,
        hue_deg=6.0,
        saturation=0.15,
        white_balance=0.06,
        shadows=0.15,
        blur=0.8,
        noise=0.015,
        jpeg_quality_min=60,
    ),
}


def _named(value: Any) -> Any:
    """Turn a preset's name, or a mapping with `preset` and changes to it, into the fields of the settings."""
    changes: dict[str, Any] = {}
    if isinstance(value, Mapping) and "preset" in value:
        changes = {name: field for name, field in value.items() if name != "preset"}
        value = value["preset"]
    if not isinstance(value, str):
        return value
    if value not in PRESETS:
        raise ValueError(f"unknown preset{near_matches(value, list(PRESETS))}; known are {', '.join(PRESETS)}")
    return PRESETS[value].model_dump() | changes


Augment = Annotated[AugmentSettings, BeforeValidator(_named)]
"""Settings of augmentation in YAML: a preset's name, fields, or ``{preset: renders, jpeg_quality_min: 100}``."""
