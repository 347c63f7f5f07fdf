"""The settings of a render."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from blender_assets.catalogue import Catalogue, load_catalogue
from blender_assets.colors import color_by_name
from blender_assets.props import PROPS
from core.errors import SettingsError
from core.settings import Settings, require_order
from dataset.manifest import LabelRule, SplitRule
from render.camera import CameraSettings
from render.floors import FLOORS
from render.layout import ARRANGEMENTS
from render.lights import LIGHTINGS, WORLDS
from render.sensor import SensorSettings

ALL_PARTS = tuple(part.part_id for part in load_catalogue())
MOST_BRICKS = 500


Shares = dict[str, Annotated[float, Field(ge=0)]]
"""Names with their probabilities, on any scale."""

USUAL_FLOORS = dict.fromkeys(FLOORS, 0.6) | {
    "paper": 6.0,
    "desk": 5.0,
    "plain": 2.5,
    "wood": 2.5,
    "cloth": 1.2,
    "carpet": 1.0,
}
USUAL_LIGHTINGS = dict.fromkeys(LIGHTINGS, 2.0) | dict.fromkeys(WORLDS, 1.0)


class RenderSettings(Settings):
    """What piles look like and how they are rendered.

    Where names are drawn from, a list gives each the same probability, and `name: number` lines set them.
    """

    parts: tuple[str, ...] = Field(ALL_PARTS, min_length=1)
    """Design numbers of the parts in the piles; their order is the order of the classes."""

    part_shares: Shares = Field(default_factory=dict)
    """How often a part of `parts` is drawn, against 1 for those not named; empty: all alike. With 0 it never comes, but
    stays a class."""

    ldraw: str | None = None
    """Folder of an LDraw library, a second source of parts; none: built-in parts only."""

    prefer_ldraw: bool = False
    """Take a part from the LDraw library also if there is a built-in one (which has bevels, play and stud holes)."""

    colors: Shares = Field(default_factory=dict)
    """Colours to draw from by name or LDraw code, with their probabilities (any scale); empty: all solid and
    transparent ones, each as often as it is common. A plain list gives each its usual weight."""

    bricks_min: int = Field(1, ge=1, le=MOST_BRICKS)
    """Fewest bricks in a pile. 1 to 10 is the founding paper's range."""

    bricks_max: int = Field(10, ge=1, le=MOST_BRICKS)
    """Most bricks in a pile."""

    arrangements: Shares = Field({"scattered": 2, "heaped": 1}, min_length=1)
    """How bricks lie: scattered, heaped, tray."""

    spread: float = Field(1.0, gt=0, le=4)
    """Factor on the distances: below 1 bricks fall closer together, above 1 further apart."""

    distractors_max: int = Field(0, ge=0, le=50)
    """Most things that are not bricks in a pile; their number is drawn from 0 to this."""

    distractors: Shares = Field(dict.fromkeys(PROPS, 1.0), min_length=1)
    """Kinds of such things."""

    wear_max: float = Field(0.4, ge=0, le=1)
    """Largest wear of a pile's plastic: 0 new, 1 scratched, dusty and full of fingerprints."""

    subsurface: bool = False
    """Light that enters the plastic and leaves it beside: softer edges, about a third more time."""

    stud_logo: bool = False
    """Raised lettering on the studs of built-in parts. It shows from about 20 pixels a stud, and doubles triangles."""

    views: int = Field(1, ge=1, le=64)
    """Pictures of each settled pile, from cameras of their own."""

    own_light: bool = True
    """Whether each further view of a pile has a lighting of its own."""

    own_floor: bool = True
    """Whether each further view of a pile has a floor of its own."""

    backgrounds: Shares = Field(USUAL_FLOORS, min_length=1)
    """Floors. People photograph bricks on paper and table tops more often than on carpets."""

    floor_pictures: str | None = None
    """Folder of pictures that serve as floors beside `backgrounds`, under the name ``picture``."""

    floor_picture_mm: float = Field(600.0, gt=10, le=100_000)
    """Width of floor that such a picture shows."""

    floor_pictures_share: float = Field(0.5, ge=0, le=1)
    """How many of the floors are such pictures, where a folder is given."""

    lightings: Shares = Field(USUAL_LIGHTINGS, min_length=1)
    """Lightings: lamps and windows by themselves, and Blender's eight panoramas."""

    environment_pictures: str | None = None
    """Folder of panoramas (.exr, .hdr; equirectangular) that serve as lightings, under the name ``panorama``."""

    environment_pictures_share: float = Field(0.5, ge=0, le=1)
    """How many of the lightings are such panoramas, where a folder is given."""

    environment: Literal["fitted", "exact"] = "fitted"
    """Light from a panorama by lamps and panels fitted to it, which costs about half, or by the panorama itself."""

    camera: CameraSettings = CameraSettings()
    """Where the camera stands and what its lens does."""

    sensor: SensorSettings = SensorSettings()
    """Exposure, white balance, vignetting, noise and JPEG."""

    image_size_px: int = Field(224, ge=32, le=4096)
    """Width and height of a picture; 224 is what most networks take."""

    image_format: Literal["jpg", "png", "webp"] = "jpg"
    """Files of the pictures. JPEG's losses (see sensor) are in the picture whatever the format."""

    samples: int = Field(8, ge=1, le=4096)
    """Light paths a pixel before denoising."""

    depth: bool = False
    """Also write the depth of every pixel in metres, along the camera's axis."""

    normals: bool = False
    """Also write the surface normal of every pixel, in the camera's axes."""

    twins: Literal["none", "removed", "resettled"] = "none"
    """Further pictures without all bricks of one part: everything else in place, or settled again."""

    twins_max: int = Field(3, ge=1, le=20)
    """Most parts of a pile that are taken away in turn; drawn by lot where a pile has more."""

    piles_per_shard: int = Field(64, ge=1, le=1024)
    """Piles in a shard, the unit of work that is done wholly or not at all; smaller shards lose less to a kill."""

    label_rule: LabelRule = LabelRule()
    """When a brick is visible enough to be labelled."""

    split_rule: SplitRule = SplitRule()
    """How piles are divided into train, val and test."""

    @property
    def part_weights(self) -> tuple[float, ...]:
        """How often each of `parts` is drawn, on any scale."""
        return tuple(self.part_shares.get(part_id, 1.0) for part_id in self.parts)

    @property
    def catalogue(self) -> Catalogue:
        """The parts that the piles are made of."""
        return catalogue_of(self.ldraw, self.prefer_ldraw)

    @field_validator("colors", mode="before")
    @classmethod
    def _weighted_colors(cls, colors: Any) -> Any:
        try:
            if isinstance(colors, list | tuple):
                colors = {str(name): color_by_name(str(name)).weight for name in colors}
            if isinstance(colors, dict):
                return {color_by_name(str(name)).name: weight for name, weight in colors.items()}
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return colors

    @field_validator("backgrounds", "lightings", "arrangements", "distractors", mode="before")
    @classmethod
    def _even_shares(cls, names: Any) -> Any:
        return dict.fromkeys(names, 1) if isinstance(names, list | tuple) else names

    @field_validator("backgrounds", "lightings", "arrangements", "distractors")
    @classmethod
    def _known_names(cls, shares: Shares, info: ValidationInfo) -> Shares:
        known = {
            "backgrounds": tuple(FLOORS),
            "lightings": tuple(LIGHTINGS),
            "arrangements": (*ARRANGEMENTS, "tray"),
            "distractors": tuple(PROPS),
        }[str(info.field_name)]
        for name in shares:
            if name not in known:
                raise ValueError(f"{name!r} is unknown; known are {', '.join(known)}")
        return shares

    @field_validator("backgrounds", "lightings", "arrangements", "distractors", "colors")
    @classmethod
    def _some_share(cls, shares: Shares) -> Shares:
        if shares and not sum(shares.values()):
            raise ValueError("all probabilities are 0")
        return shares

    @model_validator(mode="after")
    def _consistent(self) -> "RenderSettings":
        require_order(self, ("bricks_min", "bricks_max"))
        try:
            known = [self.catalogue[part_id].part_id for part_id in self.parts]
        except SettingsError as error:
            raise ValueError(str(error)) from error
        for k, part_id in enumerate(known):
            if part_id in known[:k]:
                raise ValueError(f"part {self.parts[k]} stands in the list of parts twice")
        for part_id in self.part_shares:
            if part_id not in self.parts:
                raise ValueError(f"part_shares names {part_id!r}, which is not in parts; add it there")
        if not any(self.part_weights):
            raise ValueError("part_shares gives every part 0")
        return self


def catalogue_of(ldraw: str | None, prefer_ldraw: bool) -> Catalogue:
    """Return the catalogue for these two settings."""
    return load_catalogue(Path(ldraw) if ldraw else None, prefer_ldraw)
