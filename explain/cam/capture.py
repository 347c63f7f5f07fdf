"""One forward pass that keeps a layer's maps, and backward passes that end there."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from core.errors import BrickbenchError
from explain.cam.layers import LayerSettings, default_layer, find_layer, to_grid
from explain.checks import check_request
from explain.forward import ask
from explain.protocol import device_of, frozen_eval


@dataclass(frozen=True)
class LayerPass:
    """What one forward pass of N images left."""

    images: Tensor
    """(N, channels, H, W) on the network's device."""
    logits: Tensor
    """(N, classes), with a graph that begins at the layer."""
    activations: Tensor
    """(N, C, h, w) of the layer, in the network's numbers."""
    output: Tensor
    """The layer's output in its own shape, where backward passes end."""
    model: nn.Module
    layer: str

    def gradients(self, rows: Sequence[int], explained: Tensor) -> Tensor:
        """Return d explained[n] / d activations[rows[n]], (n, C, h, w), of what was computed from these rows' logits.

        One backward pass from the logits to the layer; each row at most once.
        """
        total = explained.sum()
        gradients: Tensor | None = None
        if total.requires_grad:
            (gradients,) = torch.autograd.grad(total, self.output, retain_graph=True, allow_unused=True)
        if gradients is None:
            raise BrickbenchError(f"The logits do not depend on layer {self.layer!r}: choose another one.")
        return of_rows(to_grid(gradients, self.model, self.layer, self.images), rows)


@contextmanager
def layer_pass(
    model: nn.Module, name: str, layer: nn.Module, images: Tensor, classes: Sequence[Sequence[int]]
) -> Iterator[LayerPass]:
    """Run `images` through `model` and give what `layer` made of them; the network is left as it was.

    The graph begins at the layer: weights are frozen and the layer's output is cut off from what was before it, so
    that nothing is kept for a backward pass through the lower part, and none goes there.

    Raises:
        BrickbenchError: a class is not one of the network's, or the layer gives no maps, or several.
    """
    kept: list[Any] = []

    def begin_graph(_module: nn.Module, _inputs: object, output: Any) -> Any:
        kept.append(output)
        if not isinstance(output, Tensor):
            return output
        kept[-1] = output.detach().requires_grad_(True)
        return kept[-1].clone()  # an activation in place that follows must not change what is kept

    with frozen_eval(model), torch.inference_mode(False), torch.enable_grad():
        handle = layer.register_forward_hook(begin_graph)
        moved = images.detach().to(device_of(model))
        try:
            logits = ask(model, moved.clone(), classes)  # a first layer in place must not change the user's images
        finally:
            handle.remove()
        if len(kept) != 1 or not isinstance(kept[0], Tensor):
            raise BrickbenchError(
                f"Layer {name!r} should run once a forward pass and give one tensor; it gave {len(kept)}: choose "
                "another one with the setting `layer`."
            )
        activations = to_grid(kept[0].detach(), model, name, moved)
        yield LayerPass(moved, logits, activations, kept[0], model, name)


OwnLayerSettings = TypeVar("OwnLayerSettings", bound=LayerSettings)


class LayerMethod(Generic[OwnLayerSettings]):
    """A method that reads the maps of one layer; what it makes of them is its subclass's."""

    def __init__(self, model: nn.Module, settings: OwnLayerSettings) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer.

        What the rule chose, where no layer was named, is kept as `chosen`.
        """
        self._model = model
        self.chosen = None if settings.layer else default_layer(model, settings.input_size_px)
        name, self._layer = find_layer(model, self.chosen.name if self.chosen else settings.layer)
        self.settings = settings.model_copy(update={"layer": name})

    def layer_pass(self, images: Tensor, classes: Sequence[Sequence[int]]) -> AbstractContextManager[LayerPass]:
        """Return one forward pass of `images`, for ``with``; raises as `layer_pass` and `check_request`."""
        check_request(images, classes)
        return layer_pass(self._model, str(self.settings.layer), self._layer, images, classes)


def of_rows(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """Return ``tensor[rows]``, without a copy if that is all of it."""
    return tensor if len(rows) == len(tensor) else tensor[list(rows)]
