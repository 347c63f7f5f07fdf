"""All measures that a map can have a score of, from both registries: what statistics and reports need to know."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.faithfulness.registry import FAITHFULNESS
from evaluation.localization.registry import METRICS
from evaluation.measure import Measure

MEASURES: Mapping[str, Measure[Any, Any]] = ChainMap[str, Measure[Any, Any]](FAITHFULNESS, METRICS)
"""By name, localisation first (a chain begins with its last map); tables show them in this order. A measure of a new
registry takes part once that stands here."""


def repeated_by(names: Sequence[str]) -> dict[str, str]:
    """Return those of `names` that give the same numbers as another of them, by name with that other one's name."""
    equals = {name: MEASURES[name].equals for name in names}
    return {name: other for name, other in equals.items() if other in names}


def definition_rows(names: Sequence[str]) -> list[dict[str, str]]:
    """Return the definitions of measures as rows for a page."""
    rows = [MEASURES[name].as_row() for name in names]
    return [row | {"range": row["range"].replace("-", "−")} for row in rows]


def short_title(name: str) -> str:
    """Return a measure's title as it stands within a sentence: "pointing game", but "IoU at half maximum"."""
    title = MEASURES[name].title
    return title[0].lower() + title[1:] if title[1].islower() and not title.startswith("IoU") else title
