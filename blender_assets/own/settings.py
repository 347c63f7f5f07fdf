"""What a user says of a mesh of their own."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from blender_assets.colors import color_by_name
from core.errors import BrickbenchError, SettingsError
from core.files import sha256_hex
from core.settings import Settings

MODELS = (".ldr", ".mpd")
FORMATS = (".obj", ".stl", ".ply", ".glb", *MODELS)
UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}

_PART_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class OwnMeshError(BrickbenchError):
    """A mesh file that cannot be a part."""


class OwnMesh(Settings):
    """One mesh file that is a part."""

    file: str
    """The mesh: .obj, .stl, .ply or .glb; or an LDraw model that is one thing: .ldr or .mpd."""

    unit: Literal["mm", "cm", "m", "in"] | None = None
    """Unit of its coordinates; left out: metres in .glb, as its standard says, millimetres in the others."""

    up: Literal["y", "z"] | None = None
    """The axis that points up; left out: y in .glb, as its standard says, z in the others."""

    mass_g: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Mass in grams; left out: that of its volume of ABS."""

    color: str = "as_in_file"
    """``as_in_file``: the colours of the file, and where it has none one by lot; ``drawn``: one by lot, as any part;
    or the name of a colour."""

    name: str | None = None
    """What people call it; left out: its number."""

    category: str = "Own"
    """Its family."""

    @field_validator("file")
    @classmethod
    def _known_format(cls, file: str) -> str:
        if Path(file).suffix.lower() not in FORMATS:
            raise ValueError(f"a mesh file ends with {', '.join(FORMATS)}")
        return file

    @field_validator("color")
    @classmethod
    def _known_color(cls, color: str) -> str:
        if color in ("as_in_file", "drawn"):
            return color
        try:
            return color_by_name(color).name
        except SettingsError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _models_have_units(self) -> Self:
        if self.is_model and (self.unit or self.up):
            raise ValueError("an LDraw model has its own unit and axes; leave out unit and up")
        return self

    @property
    def is_model(self) -> bool:
        """Whether the file is an LDraw model."""
        return Path(self.file).suffix.lower() in MODELS

    @property
    def unit_mm(self) -> float:
        """Millimetres that one unit of the file is."""
        return UNITS_MM[self.unit or ("m" if self.is_glb else "mm")]

    @property
    def is_glb(self) -> bool:
        """Whether the file follows glTF, which fixes unit and axes."""
        return Path(self.file).suffix.lower() == ".glb"


OwnMeshes = tuple[tuple[str, OwnMesh], ...]
"""A user's meshes with the numbers or names that they have as parts; can be hashed."""


class _MeshesOfFile(Settings):
    """What is read of a settings file here."""

    meshes: dict[str, OwnMesh] = Field(default_factory=dict)
    """Meshes of one's own."""

    @field_validator("meshes")
    @classmethod
    def _plain_names(cls, meshes: dict[str, OwnMesh]) -> dict[str, OwnMesh]:
        return require_plain_names(meshes)


def load_meshes(path: Path | None) -> OwnMeshes:
    """Return the meshes that a settings file names under ``meshes``; SettingsError for a mistake in them."""
    if path is None:
        return ()
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"Cannot read the settings file {path}: {str(error).splitlines()[0]}.") from error
    if not isinstance(loaded, dict) or not loaded.get("meshes"):
        raise SettingsError(f"{path} names no mesh; it should hold `meshes: {{NAME: {{file: gear.stl}}}}`.")
    return tuple(_MeshesOfFile.parse({"meshes": loaded["meshes"]}, where=str(path)).meshes.items())


def require_plain_names(meshes: Mapping[str, OwnMesh]) -> dict[str, OwnMesh]:
    """Return `meshes` if all their names can stand in the names of files; ValueError, in a validator, if not."""
    for part_id in meshes:
        if not _PART_ID.fullmatch(part_id):
            raise ValueError(f"{part_id!r} should be of letters, digits, dots, hyphens and underscores")
    return dict(meshes)


def file_hash(file: str) -> str:
    """Return the SHA-256 of a user's file in hexadecimal; OwnMeshError if it cannot be read."""
    try:
        return sha256_hex(Path(file).read_bytes())
    except OSError as error:
        raise OwnMeshError(f"{file} cannot be read: {error.strerror}.") from error
