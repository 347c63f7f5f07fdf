"""The settings of a render."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from blender_assets.catalogue import Catalogue, PartSources, catalogue_from, load_catalogue
from blender_assets.own.settings import OwnMesh, require_plain_names
from blender_assets.props import PROPS
from core.errors import BrickbenchError, SettingsError
from core.settings import Settings, require_order
from dataset.manifest import LabelRule, SplitRule
from render.camera import CameraSettings
from render.floors import FLOORS
from render.inventory import Entry, known_entries, pieces, quantities
from render.layout import ARRANGEMENTS
from render.lights import LIGHTINGS, WORLDS
from render.part_colors import weighted_colors
from render.sensor import SensorSettings
from render.shares import Shares
from render.tie_checks import check_ties, require_category
from render.ties import Tie

ALL_PARTS = tuple(part.part_id for part in load_catalogue())
MOST_BRICKS = 1000
LARGEST_PX = 4096
TwinFactor = Literal["floor", "light", "color", "thing", "shadow"]

USUAL_FLOORS = dict.fromkeys(FLOORS, 0.4) | {
    "paper": 6.0,
    "desk": 5.5,
    "plain": 4.5,
    "wood": 1.5,
    "cloth": 1.0,
    "carpet": 1.5,
}
USUAL_DISTRACTORS = dict.fromkeys(PROPS, 1.0) | {
    **{kind: 2.0 for kind in PROPS if kind.startswith("coin_")},
    **dict.fromkeys(("pen", "pencil", "paper_note"), 3.0),
    **dict.fromkeys(("marker", "eraser", "key", "paper_scrap", "paper_receipt"), 2.0),
    **dict.fromkeys(("nut", "washer", "screw"), 0.5),
}
USUAL_LIGHTINGS = (
    dict.fromkeys(LIGHTINGS, 2.0) | dict.fromkeys(WORLDS, 0.5) | {"ceiling": 4.0, "desk_lamp": 4.0, "two_lamps": 3.0}
    | {"window": 3.0, "overcast": 1.0, "sun_sky": 1.0}
)  # fmt: skip


class RenderSettings(Settings):
    """What piles look like and how they are rendered.

    Where names are drawn from, a list gives each the same probability, and `name: number` lines set them.
    """

    parts: tuple[str, ...] = Field(ALL_PARTS, min_length=1)
    """Design numbers of the parts in the piles; their order is the order of the classes. Left out: all built-in ones,
    then `meshes`."""

    part_shares: Shares = Field(default_factory=dict)
    """How often a part of `parts` is drawn, against 1 for those not named; empty: all alike. With 0 it never comes, but
    stays a class."""

    ldraw: str | None = None
    """Folder of an LDraw library, a second source of parts; none: built-in parts only."""

    prefer_ldraw: bool = False
    """Take a part from the LDraw library also if there is a built-in one (which has bevels, play and stud holes)."""

    meshes: dict[str, OwnMesh] = Field(default_factory=dict)
    """Meshes of your own as parts, by the number or name that is their class."""

    colors: Shares = Field(default_factory=dict)
    """Colours to draw from by name or LDraw code, with their probabilities (any scale); empty: all solid and
    transparent ones, each as often as it is common. A plain list gives each its usual weight."""

    color_shares: dict[str, Shares] = Field(default_factory=dict)
    """Colours of a part or of a category of parts, each as in `colors`, in place of those; a part's own go first."""

    inventory: tuple[Entry, ...] = ()
    """What the bricks are drawn from: lists of part, colour and number of pieces, or the file of such a table, as
    Rebrickable has it of every set. Piles have parts and colours as often as it has (times `part_shares`); empty: see
    above."""

    ties: tuple[Tie, ...] = ()
    """Floors, lights, things and colours that go with a part or a category of parts."""

    bricks_min: int = Field(1, ge=1, le=MOST_BRICKS)
    """Fewest bricks in a pile. 1 to 10 is the founding paper's range."""

    bricks_max: int = Field(10, ge=1, le=MOST_BRICKS)
    """Most bricks in a pile."""

    arrangements: Shares = Field({"scattered": 2, "heaped": 1}, min_length=1)
    """How bricks lie: scattered, heaped, tray."""

    spread: float = Field(1.0, gt=0, le=4)
    """Factor on the distances: below 1 bricks fall closer together, above 1 further apart."""

    stacked_share: float = Field(0.0, ge=0, le=1)
    """Share of the bricks that are stuck on one another in stacks of two to six, as far as their parts fit. Bricks that
    people lay out for a photo are loose, hence 0; where sets were played with, some stay together."""

    models: tuple[str, ...] = ()
    """LDraw models (.ldr, .mpd) that lie in piles brick by brick, held together, beside the loose bricks; they need
    `ldraw`. A model that is one thing with one label belongs into `meshes`."""

    models_max: int = Field(1, ge=1, le=20)
    """Most models in a pile, where `models` names any; their number is drawn from 0 to this."""

    distractors_max: int = Field(3, ge=0, le=50)
    """Most things that are not bricks in a pile; their number is drawn from 0 to this."""

    distractors_share: float = Field(0.5, ge=0, le=1)
    """How many of the piles may have such things: with 3 at most, three of eight have one or more."""

    distractors: Shares = Field(USUAL_DISTRACTORS, min_length=1)
    """Kinds of such things: pens, coins and paper lie on tables more often than screws."""

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
    """Lightings: lamps and windows by themselves, and Blender's eight panoramas. Bricks are mostly photographed at home
    by lamplight, and outside more seldom."""

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

    image_size_px: int | tuple[int, int] = 224
    """Side of a square picture, or width and height: [1600, 1200] has a phone's shape. 224 is what most networks
    take."""

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

    factor_twins: tuple[TwinFactor, ...] = ()
    """Further pictures with one thing changed and everything else in place: another floor, another light, one part in
    another colour, a thing gone, the shadow of one part gone."""

    factor_twins_max: int = Field(1, ge=1, le=20)
    """Most of them of each factor: so many other floors and lights, parts and things; drawn by lot where there are
    more."""

    piles_per_shard: int = Field(64, ge=1, le=1024)
    """Piles in a shard, the unit of work that is done wholly or not at all; smaller shards lose less to a kill."""

    label_rule: LabelRule = LabelRule()
    """When a brick is visible enough to be labelled."""

    split_rule: SplitRule = SplitRule()
    """How piles are divided into train, val and test."""

    @property
    def image_shape_px(self) -> tuple[int, int]:
        """Width and height of a picture."""
        size = self.image_size_px
        return (size, size) if isinstance(size, int) else size

    @property
    def part_weights(self) -> tuple[float, ...]:
        """How often each of `parts` is drawn, on any scale."""
        if self.inventory:
            held = quantities(self.inventory)
            return tuple(pieces(held, part_id) * self.part_shares.get(part_id, 1.0) for part_id in self.parts)
        return tuple(self.part_shares.get(part_id, 1.0) for part_id in self.parts)

    @property
    def sources(self) -> PartSources:
        """Where parts come from beside the built-in ones."""
        return PartSources(Path(self.ldraw) if self.ldraw else None, self.prefer_ldraw, tuple(self.meshes.items()))

    @property
    def catalogue(self) -> Catalogue:
        """The parts that the piles are made of."""
        return catalogue_from(self.sources)

    @field_validator("meshes")
    @classmethod
    def _plain_names(cls, meshes: dict[str, OwnMesh]) -> dict[str, OwnMesh]:
        return require_plain_names(meshes)

    @model_validator(mode="before")
    @classmethod
    def _own_parts_too(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("meshes"), dict) and "parts" not in values:
            return values | {"parts": (*ALL_PARTS, *map(str, values["meshes"]))}
        return values

    @field_validator("image_size_px", mode="before")
    @classmethod
    def _picture_shape(cls, size: Any) -> Any:
        sides = size if isinstance(size, list | tuple) else (size, size)
        if len(sides) != 2 or not all(isinstance(side, int) and 32 <= side <= LARGEST_PX for side in sides):
            raise ValueError(f"it should be one number from 32 to {LARGEST_PX}, or two: [width, height]")
        return sides[0] if sides[0] == sides[1] else tuple(sides)

    @model_validator(mode="before")
    @classmethod
    def _from_table(cls, values: Any) -> Any:
        """Read the inventory that a file's name stands for; without `parts`, the parts are those in it."""
        if not isinstance(values, dict) or not values.get("inventory"):
            return values
        try:
            own = tuple(
                (str(name), OwnMesh.model_validate(mesh)) for name, mesh in (values.get("meshes") or {}).items()
            )
            folder = Path(values["ldraw"]) if values.get("ldraw") else None
            catalogue = catalogue_from(PartSources(folder, bool(values.get("prefer_ldraw")), own))
            held = known_entries(values["inventory"], catalogue, values.get("parts"))
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return {"parts": list(dict.fromkeys(entry.part_id for entry in held))} | values | {"inventory": held}

    @field_validator("colors", mode="before")
    @classmethod
    def _weighted_colors(cls, colors: Any) -> Any:
        try:
            return weighted_colors(colors)
        except SettingsError as error:
            raise ValueError(str(error)) from error

    @field_validator("color_shares", mode="before")
    @classmethod
    def _weighted_colors_of_each(cls, shares: Any) -> Any:
        if not isinstance(shares, dict):
            return shares
        return {str(name): cls._some_share(cls._weighted_colors(colors)) for name, colors in shares.items()}

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
        if self.camera.calibration is not None:
            self.camera.calibration.lens(*self.image_shape_px)  # ValueError where the shapes differ
        try:
            known = [self.catalogue[part_id].part_id for part_id in self.parts]
        except SettingsError as error:
            raise ValueError(str(error)) from error
        for k, part_id in enumerate(known):
            if part_id in known[:k]:
                raise ValueError(f"part {self.parts[k]} stands in the list of parts twice")
        for setting in ("meshes", "part_shares"):
            for part_id in getattr(self, setting):
                if part_id not in self.parts:
                    raise ValueError(f"{setting} names {part_id!r}, which is not in parts; add it there")
        self._require_known_models()
        if self.inventory and self.color_shares:
            raise ValueError("inventory says which colours parts have; leave out color_shares")
        if not any(self.part_weights):
            raise ValueError(f"{'inventory and ' if self.inventory else ''}part_shares gives every part 0")
        for name in self.color_shares:
            if name not in self.parts:
                require_category(self, name, "color_shares")
        check_ties(self)
        return self

    def _require_known_models(self) -> None:
        """Raise ValueError, in a validator, unless the models can be read and all their parts are classes."""
        classes = {self.catalogue[part_id].part_id for part_id in self.parts} if self.models else set()
        for file in self.models:
            try:
                lacking = sorted({brick.part_id for brick in self.catalogue.model(file)} - classes)
            except BrickbenchError as error:
                raise ValueError(str(error)) from error
            if lacking:
                raise ValueError(f"the model {file} has parts that are not in parts; add there {', '.join(lacking)}")
