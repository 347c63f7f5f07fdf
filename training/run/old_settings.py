"""Settings of runs that version 0.2 began: they are read, so that those runs are listed, compared and used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_SAME = ("flips", "quarter_turns", "rotate_deg", "zoom", "brightness")


def is_of_version_0_2(settings_file: Path) -> bool:
    """Return whether version 0.2 wrote the settings of a run: it had one field ``augment``."""
    values = yaml.safe_load(settings_file.read_text(encoding="utf-8")) if settings_file.is_file() else None
    return isinstance(values, dict) and "augment" in values


def of_today(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of version 0.2 as those of today that are nearest: hue and saturation had other units."""
    augment = values["augment"]
    varied: object = "none"
    if augment.get("enabled", True):
        varied = {name: augment[name] for name in _SAME if name in augment} | {
            "hue_deg": 2 * augment.get("hue", 5),  # it was in half degrees
            "saturation": augment.get("saturation", 15) / 255,  # it was a shift
        }
    kept = {name: value for name, value in values.items() if name != "augment"}
    return kept | {"augment_renders": varied, "augment_photos": varied}
