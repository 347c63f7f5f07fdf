"""What gradient-weighted class activation maps share: all but the formula."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from torch import Tensor, nn

from explain.cam.capture import LayerMethod, of_rows
from explain.cam.layers import LayerSettings
from explain.protocol import FloatMaps, MethodRow, turns

Formula = Callable[[Tensor, Tensor], Tensor]
"""Takes activations A and gradients dy/dA, (N, C, h, w) each, and returns signed maps (N, h, w)."""


class WeightedActivations(LayerMethod):
    """A formula of a layer's maps and of the gradients of a class's logit with respect to them.

    One forward pass serves all classes of an image; each class costs one backward pass of the whole batch, from the
    logits to the layer only. Maps are what the formula gives: the papers' last step, ReLU, is left to metrics and
    drawings, which name their sign policy, and nothing is rescaled.
    """

    def __init__(self, formula: Formula, model: nn.Module, settings: LayerSettings) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer."""
        super().__init__(model, settings)
        self._formula = formula

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says."""
        with self.layer_pass(images, classes) as kept:
            height, width = kept.activations.shape[2:]
            maps = [np.zeros((len(asked), height, width), dtype=np.float32) for asked in classes]
            for turn, rows, indices in turns(classes):
                gradients = kept.gradients(rows, indices)
                raw = self._formula(of_rows(kept.activations, rows), gradients).cpu().numpy()
                for row, one in zip(rows, raw, strict=True):
                    maps[row][turn] = one
        return maps


def weighted_sum(weights: Tensor, activations: Tensor) -> Tensor:
    """Return sum_k weights[k] A_k: (N, C) and (N, C, h, w) to (N, h, w)."""
    return (weights[:, None] @ activations.flatten(2)).reshape(len(activations), *activations.shape[2:])


def weighted_row(name: str, title: str, formula: Formula, *, source: str, note: str) -> MethodRow:
    """Return the row of the method that is `formula`."""
    return MethodRow(
        name, title, "method", "class activation", partial(WeightedActivations, formula), LayerSettings, "bilinear",
        signed=True, images_at_once=16, cost="1 forward, K short backward", source=source, note=note,
        reference=f"explain.references.by_grad_cam:{name}",
    )  # fmt: skip
