"""Ablation-CAM: maps weighted by what the logit loses without them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from explain.cam.capture import LayerMethod
from explain.cam.layers import NO_ZERO, LayerSettings, channel_axis
from explain.cam.weighted import weighted_sum
from explain.checks import check_logits, finished
from explain.forward import numbers_of
from explain.memory import BatchSize
from explain.protocol import FloatMaps, MethodRow, frozen_eval

ABLATED_AT_ONCE = 64
SAME = 1e-3
"""Most that the logits of the whole layer may differ between a pass of their own and one of a batch, as a share of
the largest: rounding is far below it, a network that mixes up its batch far above."""


class AblationCam(LayerMethod[LayerSettings]):
    """L = sum_k (y - y_k) A_k, where y_k is the logit with channel k of the layer set to 0.

    Source: Ramaswamy and Desai 2020, Ablation-CAM, without the ReLU and without dividing the weights by y. That is one
    factor for a whole map, but where y is below 0, as in a multi-label network for every part that it does not see, it
    turns the map round, and near 0 it is without bound. All classes share the forward passes. Below the layer they
    take one picture, whose output there a batch of ablated ones replaces.
    """

    def __init__(self, model: nn.Module, settings: LayerSettings) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer."""
        super().__init__(model, settings)
        self.batch = BatchSize(ABLATED_AT_ONCE, "ablated channels")

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says."""
        with self.layer_pass(images, classes) as kept:
            logits, outputs = kept.logits.detach(), kept.output.detach()
            activations, moved = kept.activations, kept.images
        found = []
        with frozen_eval(self._model), torch.inference_mode():
            for row, asked in enumerate(classes):
                one = slice(row, row + 1)
                weights = self._drops(moved[one], outputs[one], logits[row], [int(number) for number in asked])
                maps = weighted_sum(weights, activations[one].expand(len(asked), -1, -1, -1))
                found.append(maps)
        return finished(found)

    def _drops(self, image: Tensor, output: Tensor, logits: Tensor, classes: list[int]) -> Tensor:
        """Return what each logit loses without each channel, (K, C); a channel of zeros is not asked for."""
        axis = channel_axis(output, self._model)
        drops = logits.new_zeros(len(classes), output.shape[axis])
        lit = output.transpose(0, axis).flatten(1).any(dim=1).nonzero()[:, 0]
        above = self._above(image, output, logits)

        def without(part: slice) -> Tensor:
            channels = lit[part]
            hidden = output.transpose(1, axis).repeat(len(channels), *[1] * (output.ndim - 1))
            hidden[range(len(channels)), channels] = 0
            ablated = above(hidden.transpose(1, axis))
            check_logits(ablated, len(channels), [classes])
            return ablated[:, classes]

        if classes and len(lit):
            drops[:, lit] = (logits[classes] - torch.cat(list(self.batch.batches(len(lit), without)))).T
        return drops

    def _above(self, image: Tensor, output: Tensor, logits: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what makes logits (B, classes) of B outputs of the layer.

        Most networks take up a batch at the layer, though one picture went in. Some keep the number of pictures from
        below the layer (to lay out tokens, or to join maps): they are given the picture B times.
        """

        def of_one(outputs: Tensor) -> Tensor:
            return self._run(image, outputs)

        def of_copies(outputs: Tensor) -> Tensor:
            return self._run(image.expand(len(outputs), -1, -1, -1), outputs)

        try:
            twice = of_one(torch.cat([output, torch.zeros_like(output), output]))[::2]
        except (RuntimeError, ValueError, IndexError):  # shapes that do not go together
            return of_copies
        bound = SAME * float(logits.abs().max())
        agree = twice.shape == (2, len(logits)) and bool(((twice - logits).abs() <= bound).all())
        return of_one if agree else of_copies

    def _run(self, images: Tensor, outputs: Tensor) -> Tensor:
        """Return the logits of `images` with the layer's output replaced."""

        def replace(_module: nn.Module, _inputs: object, _output: Any) -> Tensor:
            return outputs.contiguous()

        handle = self._layer.register_forward_hook(replace)
        try:
            # A copy: a first layer in place must not change the user's images.
            logits: Tensor = self._model(images.to(numbers_of(self._model), copy=True))
        finally:
            handle.remove()
        return logits


ROW = MethodRow(
    "ablationcam", "Ablation-CAM", "method", "class activation", AblationCam, LayerSettings, "bilinear", signed=True,
    images_at_once=1, cost="1 + channels short forward, whatever K", source="Ramaswamy and Desai 2020",
    note="needs no gradients; not divided by the logit, which would turn maps of negative logits round; values are in "
    "the units of the layer's channels",
    claims=("place", "class", "sign"), no_zero=NO_ZERO, reference="explain.references.by_grad_cam:ablationcam",
    tolerance=SAME,
)  # fmt: skip
