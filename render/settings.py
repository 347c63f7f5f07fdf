"""The settings of a render."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from blender_assets.catalogue import load_catalogue
from blender_assets.colors import color_by_name
from core.errors import SettingsError
from core.settings import Settings
from dataset.manifest import LabelRule, SplitRule
from render.floors import FLOORS
from render.lights import LIGHTINGS

ALL_PARTS = tuple(part.part_id for part in load_catalogue())


class RenderSettings(Settings):
    """What piles look like and how they are rendered."""

    parts: tuple[str, ...] = Field(ALL_PARTS, min_length=1)
    """Design numbers of the parts in the piles; their order is the order of the classes."""

    colors: tuple[str, ...] = ()
    """Names of the colours to draw from; empty: all, each as often as it is common."""

    bricks_min: int = Field(1, ge=1, le=60)
    """Fewest bricks in a pile. 1 to 10 is the founding paper's range."""

    bricks_max: int = Field(10, ge=1, le=60)
    """Most bricks in a pile."""

    spread: float = Field(1.0, gt=0, le=4)
    """How far apart bricks fall: below 0.5 they heap up, at 1 they lie loosely, at 2 hardly any touch."""

    views: int = Field(1, ge=1, le=64)
    """Pictures of each settled pile, from cameras of their own."""

    backgrounds: tuple[str, ...] = Field(tuple(FLOORS), min_length=1)
    """Floors to draw from."""

    lightings: tuple[str, ...] = Field(tuple(LIGHTINGS), min_length=1)
    """Lightings to draw from."""

    image_size_px: int = Field(224, ge=32, le=4096)
    """Width and height of a picture; 224 is what most networks take."""

    image_format: Literal["jpg", "png", "webp"] = "png"
    """PNG keeps what was rendered; JPEG (quality 95) is a fifth of the size."""

    samples: int = Field(16, ge=1, le=4096)
    """Light paths a pixel before denoising; 16 leaves no visible noise at 224 pixels."""

    piles_per_shard: int = Field(64, ge=1, le=1024)
    """Piles in a shard, the unit of work that is done wholly or not at all; smaller shards lose less to a kill."""

    label_rule: LabelRule = LabelRule()
    """When a brick is visible enough to be labelled."""

    split_rule: SplitRule = SplitRule()
    """How piles are divided into train, val and test."""

    @field_validator("parts")
    @classmethod
    def _known_parts(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for part_id in parts:
                load_catalogue()[part_id]
        except SettingsError as error:
            raise ValueError(str(error)) from error
        if len(set(parts)) != len(parts):
            raise ValueError("a part stands in the list twice")
        return parts

    @field_validator("colors")
    @classmethod
    def _known_colors(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(color_by_name(name).name for name in names)
        except SettingsError as error:
            raise ValueError(str(error)) from error

    @field_validator("backgrounds")
    @classmethod
    def _known_backgrounds(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _all_known(names, tuple(FLOORS))

    @field_validator("lightings")
    @classmethod
    def _known_lightings(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _all_known(names, tuple(LIGHTINGS))

    @model_validator(mode="after")
    def _ordered(self) -> "RenderSettings":
        if self.bricks_min > self.bricks_max:
            raise ValueError(f"bricks_min {self.bricks_min} is more than bricks_max {self.bricks_max}")
        return self


def _all_known(names: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is unknown; known are {', '.join(known)}")
    return names
