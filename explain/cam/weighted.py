"""What gradient-weighted class activation maps share: all but the formula."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor, nn

from explain.cam.capture import layer_pass, of_rows
from explain.cam.layers import LayerSettings, find_layer
from explain.protocol import FloatMaps, check_request, turns

Formula = Callable[[Tensor, Tensor], Tensor]
"""Takes activations A and gradients dy/dA, (N, C, h, w) each, and returns signed maps (N, h, w)."""


class WeightedActivations:
    """A formula of a layer's maps and of the gradients of a class's logit with respect to them.

    One forward pass serves all classes of an image; each class costs one backward pass of the whole batch, from the
    logits to the layer only. Maps are what the formula gives: the papers' last step, ReLU, is left to metrics and
    drawings, which name their sign policy, and nothing is rescaled.
    """

    def __init__(self, model: nn.Module, settings: LayerSettings, formula: Formula) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer."""
        self._model, self._formula = model, formula
        name, self._layer = find_layer(model, settings.layer)
        self.settings = settings.model_copy(update={"layer": name})

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says."""
        check_request(images, classes)
        with layer_pass(self._model, str(self.settings.layer), self._layer, images, classes) as found:
            height, width = found.activations.shape[2:]
            maps = [np.zeros((len(wanted), height, width), dtype=np.float32) for wanted in classes]
            for turn, rows, indices in turns(classes):
                gradients = found.gradients(rows, indices)
                raw = self._formula(of_rows(found.activations, rows), gradients).cpu().numpy()
                for row, one in zip(rows, raw, strict=True):
                    maps[row][turn] = one
        return maps


def weighted_sum(weights: Tensor, activations: Tensor) -> Tensor:
    """Return sum_k weights[k] A_k: (N, C) and (N, C, h, w) to (N, h, w)."""
    return (weights[:, None] @ activations.flatten(2)).reshape(len(activations), *activations.shape[2:])
