"""The registry of measures: a new one is one small module and one line here."""

from collections.abc import Mapping

from core.settings import Settings
from evaluation.faithfulness import (
    anew,
    completeness,
    complexity_rise,
    deletion,
    drop,
    form,
    infidelity,
    monotonicity,
    random_logit,
    sensitivity_n,
    twin_metrics,
)
from evaluation.faithfulness.protocol import Maps, SeededSettings
from evaluation.measure import Measure, Values, find_row

FaithfulnessMeasure = Measure[Maps, Values]

FAITHFULNESS: dict[str, FaithfulnessMeasure] = {
    row.name: row
    for row in (
        deletion.DELETION,
        deletion.INSERTION,
        deletion.PIXEL_FLIPPING,
        deletion.ROAD,
        drop.AVERAGE_DROP,
        drop.INCREASE,
        sensitivity_n.SENSITIVITY_N,
        infidelity.INFIDELITY,
        monotonicity.MONOTONICITY,
        completeness.COMPLETENESS,
        form.COMPLEXITY,
        form.SPARSENESS,
        anew.MAX_SENSITIVITY,
        anew.MODEL_RANDOMIZATION,
        anew.LABEL_RANDOMIZATION,
        complexity_rise.COMPLEXITY_RISE,
        random_logit.RANDOM_LOGIT,
        twin_metrics.TWIN_RANK,
        twin_metrics.TWIN_TOP,
        twin_metrics.TWIN_CAPTURE,
    )
}
TWINS = tuple(name for name, row in FAITHFULNESS.items() if row.kind == "twins")
QUICK = tuple(name for name, row in FAITHFULNESS.items() if row.kind == "pixels")
"""Those that ask the network about changed pictures only; the others explain anew, need twins, or do not ask it."""


def find_faithfulness(name: str) -> FaithfulnessMeasure:
    """Return the row called `name`; raises SettingsError with the nearest known name."""
    return find_row(FAITHFULNESS, name, "measure of faithfulness")


def faithfulness_settings(name: str, values: Mapping[str, object], seed: int = 0) -> Settings:
    """Return the checked settings of measure `name`; `seed` is taken where `values` have none."""
    kind = find_faithfulness(name).settings
    given = {"seed": seed, **values} if issubclass(kind, SeededSettings) else values
    return kind.parse(given, where=f"the settings of {name}")
