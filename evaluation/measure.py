"""What a measure is, of localisation and of faithfulness alike; what it says of maps, and why there is no value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from core.settings import Settings, near_matches

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Values = tuple[FloatArray, FloatArray]
"""Of M maps: values and chance levels, each (M,)."""
Material = TypeVar("Material")
Computed = TypeVar("Computed")
Row = TypeVar("Row")
Kind = Literal["map", "mosaic", "split", "form", "pixels", "sum", "stability", "randomisation", "twins"]
LOCALIZATION: tuple[Kind, ...] = ("map", "mosaic", "split")


class NoSettings(Settings):
    """A measure with nothing to set."""


NO_ZERO = "no_zero"
"""Status of a measure that reads the zero of a map, of a method whose maps have none: not applicable, not undefined."""
REASONS = {
    "empty_mask": "the part is not in the picture",
    "full_mask": "the part fills the picture",
    "full_box": "its boxes fill the picture",
    "zero_mass": "the map has no positive value where the metric counts",
    "nonfinite": "the map holds NaN or infinity",
    "no_others": "no other brick is in the picture",
    "no_floor": "bricks fill the picture",
    "no_cutoff": "no maps of val pictures to choose the threshold on",
    NO_ZERO: "0 in the method's maps means nothing, so the measure does not apply to it",
}
"""Why a measure of localisation has no value, by status; `NO_ZERO` is given by tables, the others by scoring."""


_ZERO_MATTERS = "needs one: adding a constant to a map changes it, so it applies to methods that claim mass alone"


@dataclass(frozen=True)
class Scores:
    """What one measure says of N maps.

    Attributes:
        values: (N,) float64; NaN where `status` is not ``ok``.
        status: (N,) str, such as those in `REASONS`: why there is no value.
        chance: (N,) float64, what a map of independent uniform random pixels is expected to score on that mask;
            NaN where no map could have a value.
    """

    values: FloatArray
    status: NDArray[np.str_]
    chance: FloatArray


@dataclass(frozen=True)
class Score:
    """What one measure says of one map."""

    value: float
    """NaN where `status` is not ``ok``."""
    status: str
    chance: float


@dataclass(frozen=True, kw_only=True)
class Measure(Generic[Material, Computed]):
    """One row of a registry."""

    name: str
    title: str
    kind: Kind = "map"
    """Localisation: what one value is of. Faithfulness: what is changed, be it nothing (the form of the map alone),
    pixels of the picture, the whole picture (what values add up to), all of its pixels by a little, the network, or
    what lies on the floor."""
    compute: Callable[[Material, Any], Computed]
    """Takes M maps with all that may be asked about them, and the settings. Returns `Values`: NaN where there is no
    value, or where chance has to be measured. Of a split it returns what each map adds to the sums, (M, S)."""
    finish: Callable[[FloatArray, Any], tuple[FloatArray, FloatArray, FloatArray]] | None = None
    """Of a split, whose piles can be resampled so: from sums (..., 1 + S), of which the first is the number of maps, to
    value, chance level and threshold, each (...); the threshold is NaN where it has no say."""
    settings: type[Settings]
    direction: Literal["higher", "lower"]
    """Which way is better."""
    range: tuple[float, float]
    undefined: str = "zero_mass"
    """Status of a finite map without a value."""
    lacking: tuple[str, Callable[[Material, Any], BoolArray]] | None = None
    """A further reason to have no value whatever the map is, and the maps (M,) for which it holds."""
    needs_zero: bool = False
    """Whether adding a constant to a map changes what it says, as with shares of mass or of the maximum: then it says
    something only of maps whose zero means that a pixel does nothing (the claim ``mass`` of `explain.protocol`)."""
    compared: bool = True
    """Whether methods are held against each other on it; not where it asks less of some, as of coarse maps."""
    needs_others: bool = False
    """Whether it asks where the other bricks are."""
    level: str = "chance"
    """What stands beside its values: chance, or another level that is not what a map of uniform noise scores."""
    chance_of_noise: bool = False
    """Whether chance is what a map of independent uniform noise scores on the same picture and class."""
    prepare: Callable[[Any, Any], object] | None = None
    """Makes what stays in the run and all maps share, from an `Unlearned` and the settings; one process calls it,
    before any map is scored."""
    equals: str = ""
    """Another measure that gives the same numbers on purpose, under the name that its own paper gave it."""

    answers: str = ""
    """The question that it answers, in plain words."""
    formula: str
    chance: str
    uniform: str = ""
    """What a uniform map scores."""
    oracle: str = ""
    """What the mask itself scores as a map."""
    ties: str
    zero_mass: str
    negative_values: str
    cost: str = ""
    """In forward passes a map, of the default settings."""
    source: str
    note: str = ""
    """What may not be concluded from it, as a sentence without a full stop."""

    @property
    def is_localization(self) -> bool:
        """Whether it asks where a map lies, not what the network does."""
        return self.kind in LOCALIZATION

    def as_row(self) -> dict[str, str]:
        """Return the definition as a row for a table; what was left open is left out."""
        settings = ", ".join(f"{name} {field.get_default()}" for name, field in self.settings.model_fields.items())
        row = {
            "metric": self.name,
            "title": self.title,
            "of": f"a {self.kind}" if self.is_localization else "",
            "kind": "" if self.is_localization else self.kind,
            "answers": self.answers,
            "formula": self.formula,
            "direction": self.direction,
            "range": f"{self.range[0]:g} to {self.range[1]:g}".replace("inf", "infinity"),
            "chance": self.chance,
            "uniform": self.uniform,
            "oracle": self.oracle,
            "ties": self.ties,
            "zero_mass": self.zero_mass,
            "negative_values": self.negative_values,
            "zero": _ZERO_MATTERS if self.needs_zero else "",
            "settings": (settings or "none") if self.is_localization else "",
            "equals": (self.equals or "none") if self.is_localization else "",
            "cost": self.cost,
            "source": self.source,
            "note": self.note,
        }
        return {name: words for name, words in row.items() if words}

    def strict(self, values: FloatArray, status: NDArray[np.str_]) -> FloatArray:
        """Return `values` with the worst value where they are undefined: 0 where higher is better.

        Scores that are not there at all (status ``missing``) stay NaN, and so do those of methods that the measure does
        not apply to (`NO_ZERO`) and of a measure whose worst value is infinite. `values` and `status` have one shape,
        any.
        """
        worst = self.range[0] if self.direction == "higher" else self.range[1]
        undefined = ~np.isin(status, ["ok", "missing", NO_ZERO])
        return np.where(undefined, worst if np.isfinite(worst) else np.nan, values)


def find_row(registry: Mapping[str, Row], name: str, what: str = "metric") -> Row:
    """Return the row called `name`; raises SettingsError with the nearest known name of `what` the registry holds."""
    if name not in registry:
        known = list(registry)
        raise SettingsError(f"There is no {what} {name!r}{near_matches(name, known)}; known are {', '.join(known)}.")
    return registry[name]
