"""The registry of measures: a new one is one small module and one line here."""

from collections.abc import Mapping

from core.settings import Settings
from evaluation.faithfulness.deletion import DELETION, INSERTION, PIXEL_FLIPPING, ROAD
from evaluation.faithfulness.drop import AVERAGE_DROP, INCREASE
from evaluation.faithfulness.protocol import Maps, SeededSettings
from evaluation.faithfulness.randomization import LABEL_RANDOMIZATION, MODEL_RANDOMIZATION
from evaluation.faithfulness.sensitivity_n import SENSITIVITY_N
from evaluation.faithfulness.stability import MAX_SENSITIVITY
from evaluation.faithfulness.twin_metrics import TWIN_CAPTURE, TWIN_RANK, TWIN_TOP
from evaluation.measure import Measure, Values, find_row

FaithfulnessMeasure = Measure[Maps, Values]

FAITHFULNESS: dict[str, FaithfulnessMeasure] = {
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


def find_faithfulness(name: str) -> FaithfulnessMeasure:
    """Return the row called `name`; raises SettingsError with the nearest known name."""
    return find_row(FAITHFULNESS, name, "measure of faithfulness")


def faithfulness_settings(name: str, values: Mapping[str, object], seed: int = 0) -> Settings:
    """Return the checked settings of measure `name`; `seed` is taken where `values` have none."""
    kind = find_faithfulness(name).settings
    given = {"seed": seed, **values} if issubclass(kind, SeededSettings) else values
    return kind.parse(given, where=f"the settings of {name}")
