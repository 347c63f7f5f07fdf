"""A method with the settings that made a run's maps, able to explain again: another picture, or another network."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from explain.methods import create_method
from explain.protocol import FloatMaps


class Explainer:
    """One method, bound to a network when it is needed."""

    def __init__(self, name: str, settings: Mapping[str, object], model: nn.Module) -> None:
        """Take the method's resolved settings, as they stand beside its maps, and the network that was explained."""
        self._name, self._settings = name, dict(settings)
        self._method = create_method(name, model, **self._settings)

    def explain(self, images: Tensor, classes: Sequence[int], model: nn.Module | None = None) -> list[FloatMaps]:
        """Return the raw map (h, w) of one class of each of `images` (N, 3, S, S); of `model`, if another is given."""
        method = self._method if model is None else create_method(self._name, model, **self._settings)
        return [maps[0] for maps in method.attribute(images, [[int(index)] for index in classes])]
