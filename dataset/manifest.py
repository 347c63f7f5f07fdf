"""What a dataset promises: its parts, when a brick counts as labelled, and how piles are split."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from core.errors import BrickbenchError
from core.settings import Settings

SCHEMA_VERSION = 3  # of the shards and of the index; raise it when a column changes its meaning
MANIFEST_NAME = "dataset.yaml"
LARGEST_SEED = 2**63 - 1  # seeds are stored as signed 64-bit integers

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class LabelRule(Settings):
    """When a brick is visible enough for its part to become a label of the image: both bounds hold."""

    min_visible_fraction: Fraction = 0.25
    """Smallest visible share of the brick's own silhouette. Below a quarter people name a part by guessing."""
    min_visible_px: int = Field(default=40, ge=0)
    """Smallest visible area in pixels: about 6x6, below which studs and slopes cannot be told apart."""


class SplitRule(Settings):
    """Shares of piles in each split; a pile's split depends on `seed` and its own number alone."""

    train: Fraction = 0.7
    """Share that networks learn from."""
    val: Fraction = 0.15
    """Share that chooses the checkpoint and its thresholds."""
    test: Fraction = 0.15
    """Share that is only reported on."""
    seed: Seed = 0
    """Seed of the draw; another seed gives another split of the same sizes."""

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"train + val + test should be 1; they sum to {total:g}")
        return self


class PartInfo(Settings):
    """One part type that may lie in the piles."""

    part_id: str = Field(min_length=1)
    """LDraw/BrickLink design number as text, such as 3001 or 3062b."""
    name: str
    """What people call it, such as Brick 2 x 4."""
    category: str
    """Its family, such as brick, plate or slope."""


class Manifest(Settings):
    """The file ``dataset.yaml`` at the root of a dataset."""

    schema_version: int = SCHEMA_VERSION
    """Version of the layout of shards and index."""
    seed: Seed | None = None
    """Seed of the render that made the piles; none in a dataset of photos alone."""
    parts: tuple[PartInfo, ...] = Field(min_length=1)
    """Part types; a part's position is its class_index."""
    label_rule: LabelRule = LabelRule()
    """Which visible bricks become labels."""
    split_rule: SplitRule = SplitRule()
    """Which piles are for training, validation and test."""

    @model_validator(mode="after")
    def _parts_are_distinct(self) -> Self:
        seen: set[str] = set()
        for part in self.parts:
            if part.part_id in seen:
                raise ValueError(f"part {part.part_id!r} is listed twice")
            seen.add(part.part_id)
        return self

    @classmethod
    def load_folder(cls, root: Path) -> Self:
        """Return the manifest of the dataset folder `root`.

        Raises:
            BrickbenchError: `root` is no dataset, or one of another version of Brickbench.
            SettingsError: its ``dataset.yaml`` holds a mistake.
        """
        path = root / MANIFEST_NAME
        if not path.is_file():
            raise no_dataset(root)
        manifest = cls.load(path)
        if manifest.schema_version != SCHEMA_VERSION:
            raise BrickbenchError(
                f"{path} has schema version {manifest.schema_version}, this Brickbench reads {SCHEMA_VERSION}. Use the "
                "Brickbench that made it, or render the dataset again into another folder."
            )
        return manifest

    def save_folder(self, root: Path) -> None:
        """Write the manifest into the dataset folder `root`, which is made if need be."""
        self.save(root / MANIFEST_NAME)


def no_dataset(path: Path) -> BrickbenchError:
    """Return the error for a folder that is no dataset, with the way out."""
    return BrickbenchError(
        f"{path} is no Brickbench dataset: it has no {MANIFEST_NAME}. "
        "Give the folder that `brickbench render run` or `brickbench dataset import` made."
    )
