"""Grad-CAM by pytorch-grad-cam, its map before its rescaling."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM as LibraryGradCAM
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from core.settings import Settings, near_matches
from explain.protocol import FloatMaps, borrowed, check_logits, check_request, device_of
from training.models import last_conv_layer


class GradCamSettings(Settings):
    """Which maps are weighted, and how."""

    layer: str | None = None
    """Name of the module whose output maps are weighted; by default the last ones that still have an extent."""
    pooling: Literal["mean", "max"] = "mean"
    """How gradients become a channel's weight: their mean, as in Grad-CAM's own paper, or their maximum, as Cian, van
    Gemert and Lengyel word it ("globally max-pooled")."""
    relu: bool = True
    """Keep only what speaks for the class, as both papers do; without it the map is signed."""


class GradCam:
    """L = ReLU(sum_k a_k A_k), a_k being the pooled gradient of the class's logit over map A_k.

    Source: Selvaraju et al. 2017, Grad-CAM. The library min-max scales each map twice, which turns a map without
    evidence into one with, and mass into a matter of the lowest pixel; here its map is taken before that. One forward
    pass serves all classes of an image, and each backward pass ends at the layer.
    """

    def __init__(self, model: nn.Module, settings: GradCamSettings) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer."""
        self._model = model
        modules = {name: module for name, module in model.named_modules() if name}
        name = settings.layer
        if name is None:
            name, _ = last_conv_layer(model)
        if name not in modules:
            hint = near_matches(name, list(modules))
            raise SettingsError(
                f"{type(model).__name__} has no layer {name!r}{hint}; list them with model.named_modules()."
            )
        self._layer = modules[name]
        self.settings = settings.model_copy(update={"layer": name})

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says."""
        check_request(images, classes)
        handles = []
        with borrowed(self._model), torch.enable_grad():
            # The order of hooks matters. First, the graph begins here, so that backward passes end here; last, what
            # follows gets a copy, so that an activation in place cannot change the maps that the library keeps.
            handles.append(self._layer.register_forward_hook(_begin_graph))
            cam = _Pooled(self._model, self._layer, self.settings.pooling)
            handles.append(self._layer.register_forward_hook(_pass_copy))
            try:
                return self._attribute(cam, images.to(device_of(self._model)), classes)
            finally:
                cam.activations_and_grads.release()
                for handle in handles:
                    handle.remove()

    def _attribute(self, cam: "_Pooled", images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        recorder = cam.activations_and_grads
        logits = recorder(images)
        check_logits(logits, len(images), classes)
        if len(recorder.activations) != 1 or recorder.activations[0].ndim != 4:
            raise BrickbenchError(
                f"Layer {self.settings.layer!r} does not give one stack of maps (N, K, h, w) a forward pass: "
                "choose a convolutional one with the setting `layer`."
            )
        activations = recorder.activations[0].numpy()  # (N, K, h, w)
        maps = [np.zeros((len(wanted), *activations.shape[2:]), dtype=np.float32) for wanted in classes]
        for turn in range(max(map(len, classes), default=0)):
            rows = [row for row, wanted in enumerate(classes) if turn < len(wanted)]
            recorder.gradients = []
            logits[rows, [classes[row][turn] for row in rows]].sum().backward(retain_graph=True)
            if not recorder.gradients:
                raise BrickbenchError(f"The logits do not depend on layer {self.settings.layer!r}: choose another one.")
            gradients = recorder.gradients[0].numpy()
            raw = cam.get_cam_image(images, self._layer, [], activations[rows], gradients[rows])  # (rows, h, w)
            for row, found in zip(rows, raw, strict=True):
                maps[row][turn] = np.maximum(found, 0) if self.settings.relu else found
        return maps


class _Pooled(LibraryGradCAM):  # type: ignore[misc]
    """The library's Grad-CAM with a choice of pooling."""

    def __init__(self, model: nn.Module, layer: nn.Module, pooling: str) -> None:
        super().__init__(model, [layer])
        self._pooling = pooling

    def get_cam_weights(
        self, input_tensor: Tensor, target_layer: Any, target_category: Any, activations: Any, grads: NDArray[Any]
    ) -> NDArray[Any]:
        if self._pooling == "max":
            return np.asarray(grads.max(axis=(2, 3)))
        weights = super().get_cam_weights(input_tensor, target_layer, target_category, activations, grads)
        return np.asarray(weights)


def _begin_graph(_module: nn.Module, _inputs: object, output: Any) -> Any:
    return output.detach().requires_grad_(True) if isinstance(output, Tensor) else output


def _pass_copy(_module: nn.Module, _inputs: object, output: Any) -> Any:
    return output.clone() if isinstance(output, Tensor) else output
