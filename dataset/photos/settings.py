"""Settings of an import of photos."""

from typing import Annotated

from pydantic import Field

from core.settings import Settings


class PhotoImportSettings(Settings):
    """How a folder of photos comes into a dataset."""

    format: str | None = None
    """Name of the format; none looks at the folder."""
    keep_names: bool = False
    """Class names that are no part become parts of their own."""
    in_place: bool = False
    """Photos stay where they are and are decoded anew each time they are read; else they are stored as JPEG."""
    size_px: Annotated[int, Field(ge=16, le=16384)] = 512
    """Longest side of the working size in pixels. 512 leaves room to crop for networks that take 224 to 384."""
    quality: Annotated[int, Field(ge=1, le=100)] = 92
    """JPEG quality of stored photos. At 92 what is lost stays below the noise of a phone's camera."""
    near_distance: Annotated[int, Field(ge=0, le=32)] = 12
    """Bits of 64 in which perceptual hashes of near duplicates may differ; what is within is verified by thumbnails."""
    keep_leaks: bool = False
    """Duplicates across splits stay where their source has them; else they go to the most held-out split."""
    allow_unlabelled: bool = False
    """Photos of which none has a label come in; else that counts as labels that were not found."""
    max_failed: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of photos that may be set aside before the import counts as failed."""
