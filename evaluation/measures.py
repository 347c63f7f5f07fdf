"""All measures that a map can have a score of, from every registry: what a report needs to know of each."""

from collections.abc import Sequence

from evaluation.faithfulness.protocol import FaithfulnessMetric
from evaluation.faithfulness.registry import FAITHFULNESS
from evaluation.localization.registry import METRICS
from evaluation.scores import Metric

MEASURES: dict[str, Metric | FaithfulnessMetric] = {**METRICS, **FAITHFULNESS}
"""By name; tables show them in this order. A measure of a new registry takes part once it stands here."""


def repeated_by(names: Sequence[str]) -> dict[str, str]:
    """Return those of `names` that give the same numbers as another of them, by name with that other one's name."""
    equals = {name: METRICS[name].equals for name in names if name in METRICS}
    return {name: other for name, other in equals.items() if other in names}


def definition_rows(names: Sequence[str]) -> list[dict[str, str]]:
    """Return the definitions of measures as rows for a page."""
    return [
        {
            "title": row.title,
            "formula": row.formula,
            "direction": row.direction,
            "range": f"{row.range[0]:g} to {row.range[1]:g}".replace("inf", "infinity").replace("-", "−"),
            "chance": row.chance,
            "ties": row.ties,
            "zero_mass": row.zero_mass,
            "negative_values": row.negative_values,
            "source": row.source,
        }
        for row in (MEASURES[name] for name in names)
    ]


def short_title(name: str) -> str:
    """Return a measure's title as it stands within a sentence: "pointing game", but "IoU at half maximum"."""
    title = MEASURES[name].title
    return title[0].lower() + title[1:] if title[1].islower() and not title.startswith("IoU") else title
