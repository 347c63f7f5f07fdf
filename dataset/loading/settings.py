"""What decides the pictures that a network is trained on, besides the dataset."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings
from dataset.loading.augment import PRESETS, Augment, AugmentSettings

SPEED_ONLY = frozenset({"workers", "cache_mb"})
"""Fields that change how fast pictures come, never which or how."""


class LoadingSettings(Settings):
    """How pictures come from a dataset to a network."""

    sources: tuple[Literal["synthetic", "real"], ...] = Field(default=("synthetic", "real"), min_length=1)
    """Pictures to train and validate on: renders (synthetic) and photos (real), or one of them."""

    photo_share: float | None = Field(default=None, ge=0, le=1)
    """Share of photos in every batch. An epoch stays as long as there are pictures; the scarcer source is repeated and
    the other one goes on in the next epoch. None shuffles all pictures together, each once an epoch."""

    input_size_px: int = Field(default=224, ge=16, le=4096)
    """Side of the square that pictures are resized to, in pixels. 224 is what AlexNet and most timm models expect."""

    working_size_px: int | None = Field(default=None, ge=16, le=8192)
    """Side at which pictures are kept before they are varied, in pixels; None is input_size_px. A larger one keeps
    close crops sharp, and takes more disk."""

    batch_size: int = Field(default=32, ge=1)
    """Pictures a step at most; batches of an epoch differ by at most one picture in size. 32 fits any machine."""

    seed: int = Field(default=0, ge=0)
    """Decides first weights, order, augmentation and dropout."""

    augment_renders: Augment = AugmentSettings()
    """How renders are varied when training: a preset (none, simple, renders, photos), or single settings."""

    augment_photos: Augment = PRESETS["photos"]
    """How photos are varied when training: a preset (none, simple, renders, photos), or single settings."""

    backgrounds: Path | None = None
    """Folder of pictures without bricks (floors, tables, cloth) on which pasting lays bricks; None pastes nothing."""

    workers: int = Field(default=0, ge=0)
    """Processes that prepare pictures beside the one that trains. 0: from the cache, preparing a picture takes a small
    part of what a step takes on a CPU, so there more processes only take cores from the network."""

    cache_mb: int = Field(default=8192, ge=0)
    """Largest packed cache of a split in DATASET/cache, in MiB; pictures that would need more are read from their files
    every time. 100,000 pictures of 224 px take 14 GiB. 0 never packs."""

    @property
    def kept_size_px(self) -> int:
        """Side at which pictures are kept before they are varied, in pixels."""
        return self.working_size_px or self.input_size_px

    def batch_digest(self) -> str:
        """Return 12 hexadecimal digits that differ whenever settings differ that decide batches."""
        return self.digest(set(LoadingSettings.model_fields) - SPEED_ONLY)

    @model_validator(mode="after")
    def _working_size_is_no_smaller(self) -> Self:
        if self.kept_size_px < self.input_size_px:
            raise ValueError(
                f"working_size_px {self.working_size_px} should be at least input_size_px {self.input_size_px}"
            )
        return self
