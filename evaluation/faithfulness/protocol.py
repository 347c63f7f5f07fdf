"""What a measure of faithfulness is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from core.settings import Settings
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.twins import Regions
from evaluation.faithfulness.unlearned import Unlearned
from evaluation.measure import FloatArray
from explain.checks import NotFiniteError
from explain.methods import create_method
from explain.protocol import FloatMaps, Method, SummingMethod

Output = Literal["probability", "logit"]


class Reexplainer:
    """The method that made a run's maps, with its settings, able to explain another picture, or another network."""

    def __init__(self, name: str, settings: Mapping[str, object], model: nn.Module) -> None:
        """Take the method's resolved settings, as they stand beside its maps, and the network that was explained."""
        self._name, self._settings = name, dict(settings)
        self._method = create_method(name, model, **self._settings)

    def explain(self, images: Tensor, classes: Sequence[int], model: nn.Module | None = None) -> list[FloatMaps]:
        """Return the raw map (h, w) of one class of each of `images` (N, 3, S, S); of `model`, if another is given.

        A map that would not be finite, as of weights that were made new, is a single NaN (1, 1).
        """
        method = self._method if model is None else create_method(self._name, model, **self._settings)
        asked = [[int(index)] for index in classes]
        try:
            return [maps[0] for maps in method.attribute(images, asked)]
        except NotFiniteError:
            return [_finite_or_nan(method, image[None], one) for image, one in zip(images, asked, strict=True)]

    @property
    def adds_up(self) -> bool:
        """Whether the method promises what the values of a map add up to."""
        return isinstance(self._method, SummingMethod)

    def add_up(self, image: Tensor, one: FloatArray) -> tuple[Tensor, float]:
        """Return the picture (3, S, S) that a map (S, S) of `image` begins from, and what it adds up to."""
        assert isinstance(self._method, SummingMethod)
        start, totals = self._method.add_up(image, one[None].astype(np.float32))
        return start, float(totals[0])


def _finite_or_nan(method: Method, images: Tensor, asked: list[int]) -> FloatMaps:
    try:
        one: FloatMaps = method.attribute(images, [asked])[0][0]
    except NotFiniteError:
        one = np.full((1, 1), np.nan, dtype=np.float32)
    return one


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
    reexplainer: Reexplainer | None = None
    """The method that made the maps; None for noise and for the oracle, which can explain nothing anew."""
    regions: tuple[Regions | None, ...] = ()
    """For each map the parts of its picture that have a twin; None where there is none."""
    unlearned: Unlearned | None = None
    """Makes networks that have unlearned what the explained one knows."""


class SeededSettings(Settings):
    """What every measure that draws random numbers has."""

    seed: int = Field(0, ge=0)
    """Of ties and of noise; together with the picture's content it decides both."""
