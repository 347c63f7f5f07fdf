"""The registry of measures: a new one is one small module and one line here."""

from collections.abc import Mapping

from core.errors import SettingsError
from core.settings import Settings, near_matches
from evaluation.faithfulness.deletion import DELETION, INSERTION
from evaluation.faithfulness.drop import AVERAGE_DROP, INCREASE
from evaluation.faithfulness.flipping import PIXEL_FLIPPING
from evaluation.faithfulness.protocol import FaithfulnessMetric, SeededSettings
from evaluation.faithfulness.randomization import LABEL_RANDOMIZATION, MODEL_RANDOMIZATION
from evaluation.faithfulness.road import ROAD
from evaluation.faithfulness.sensitivity_n import SENSITIVITY_N
from evaluation.faithfulness.stability import MAX_SENSITIVITY
from evaluation.faithfulness.twin_metrics import TWIN_CAPTURE, TWIN_RANK, TWIN_TOP

FAITHFULNESS: dict[str, FaithfulnessMetric] = {
    row.name: row
    for row in (
        DELETION,
        INSERTION,
        PIXEL_FLIPPING,
        ROAD,
        AVERAGE_DROP,
        INCREASE,
        SENSITIVITY_N,
        MAX_SENSITIVITY,
        MODEL_RANDOMIZATION,
        LABEL_RANDOMIZATION,
        TWIN_RANK,
        TWIN_TOP,
        TWIN_CAPTURE,
    )
}
TWINS = tuple(name for name, row in FAITHFULNESS.items() if row.kind == "twins")
QUICK = tuple(name for name, row in FAITHFULNESS.items() if row.kind == "pixels")
"""Those that ask the network about changed pictures only; the others explain anew, or need twins."""


def find_faithfulness(name: str) -> FaithfulnessMetric:
    """Return the row called `name`, or raise SettingsError with the nearest known name."""
    if name not in FAITHFULNESS:
        known = list(FAITHFULNESS)
        raise SettingsError(
            f"There is no measure of faithfulness {name!r}{near_matches(name, known)}; known are {', '.join(known)}."
        )
    return FAITHFULNESS[name]


def faithfulness_settings(name: str, values: Mapping[str, object], seed: int = 0) -> Settings:
    """Return the checked settings of measure `name`; `seed` is taken where `values` have none."""
    kind = find_faithfulness(name).settings
    given = {"seed": seed, **values} if issubclass(kind, SeededSettings) else values
    return kind.parse(given, where=f"the settings of {name}")


def faithfulness_rows() -> list[dict[str, object]]:
    """Return the definitions of the measures as rows for a table."""
    return [
        {
            "metric": row.name,
            "title": row.title,
            "kind": row.kind,
            "formula": row.formula,
            "direction": row.direction,
            "range": f"{row.range[0]:g} to {row.range[1]:g}".replace("inf", "infinity"),
            "chance": row.chance,
            "ties": row.ties,
            "zero_mass": row.zero_mass,
            "negative_values": row.negative_values,
            "cost": row.cost,
            "source": row.source,
        }
        for row in FAITHFULNESS.values()
    ]
