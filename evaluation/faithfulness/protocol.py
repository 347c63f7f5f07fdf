"""What a measure of faithfulness is given, and the row in which it says what its numbers are worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from core.settings import Settings
from evaluation.faithfulness.explainer import Explainer
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.twins import Regions
from evaluation.faithfulness.unlearned import Unlearned

FloatArray = NDArray[np.float64]
Output = Literal["probability", "logit"]


@dataclass(frozen=True)
class Maps:
    """B maps, each of one class of one picture, and all that may be asked about them."""

    network: Network
    images: Tensor
    """(B, 3, S, S) float32, as the network takes them."""
    classes: NDArray[np.int64]
    """(B,) the class that each map explains."""
    maps: FloatArray
    """(B, S, S), finite, brought to the size of the network's input."""
    explainer: Explainer | None = None
    """The method that made the maps; None for noise and for the oracle, which can explain nothing anew."""
    regions: tuple[Regions | None, ...] = ()
    """For each map the parts of its picture that have a twin; None where there is none."""
    unlearned: Unlearned | None = None
    """Makes networks that have unlearned what the explained one knows."""


@dataclass(frozen=True)
class FaithfulnessMetric:
    """One row of the registry: how a measure is computed and how it is to be read."""

    name: str
    title: str
    kind: Literal["pixels", "stability", "randomisation", "twins"]
    """What is changed: pixels of the picture, all pixels by a little, the network, or what lies on the floor."""
    compute: Callable[[Maps, Any], tuple[FloatArray, FloatArray]]
    """Values and chance levels, each (B,); NaN where there is no value, or where chance has to be measured."""
    settings: type[Settings]
    undefined: str
    """Status of a finite map without a value, such as ``zero_mass``."""
    formula: str
    direction: Literal["higher", "lower"]
    range: tuple[float, float]
    chance: str
    chance_of_noise: bool
    """Whether chance is what a map of independent uniform noise scores on the same picture and class."""
    ties: str
    zero_mass: str
    negative_values: str
    cost: str
    """In forward passes a map, of the default settings."""
    source: str
    prepare: Callable[[Unlearned, Any], object] | None = None
    """Makes what stays in the run and all maps share, from the settings; one process calls it, before any is scored."""


class SeededSettings(Settings):
    """What every measure that draws random numbers has."""

    seed: int = Field(0, ge=0)
    """Of ties and of noise; together with the picture's content it decides both."""
