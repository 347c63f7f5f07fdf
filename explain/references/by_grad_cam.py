"""Class activation maps by pytorch-grad-cam, as they are before its ReLU, its rescaling and its resizing."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM, XGradCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from explain.cam.layers import LayerSettings, to_grid
from explain.references.reference import Reference


class MaxPooled(GradCAM):  # type: ignore[misc]
    """The library has no such method; all but this step is its own."""

    def get_cam_weights(
        self, _input: object, _layer: object, _target: object, _maps: object, grads: NDArray[Any]
    ) -> NDArray[Any]:
        """Return the largest gradient of each map, (N, C)."""
        return np.asarray(grads.max(axis=(2, 3)))


def _maps(
    kind: type[BaseCAM], model: nn.Module, settings: LayerSettings, image: Tensor, classes: Sequence[int]
) -> NDArray[Any]:
    """Return raw maps (K, h, w), from the picture once for each class in one batch."""
    name = str(settings.layer)
    layer, images = model.get_submodule(name), image.expand(len(classes), -1, -1, -1)
    # The library leaves it to its user how tokens, or maps with channels last, become a grid.
    with kind(model, [layer], reshape_transform=lambda output: to_grid(output, model, name, images)) as cam:
        logits = cam.activations_and_grads(images)
        activations, gradients = cam.activations_and_grads.activations[0].numpy(), None
        if cam.uses_gradients:
            logits[range(len(classes)), list(classes)].sum().backward()
            gradients = cam.activations_and_grads.gradients[0].numpy()
        targets = [ClassifierOutputTarget(index) for index in classes]
        return np.asarray(cam.get_cam_image(images, layer, targets, activations, gradients, False))


def _principal(model: nn.Module, settings: LayerSettings, image: Tensor, classes: Sequence[int]) -> NDArray[Any]:
    """Return Eigen-CAM's maps; the library leaves their sign to LAPACK, here the end farther from 0 is positive."""
    maps = _maps(EigenCAM, model, settings, image, classes)
    low, high = (np.abs(end(maps, axis=(1, 2), keepdims=True)) for end in (np.min, np.max))
    return np.where(low > high, -maps, maps)


def _reference(kind: type[BaseCAM]) -> Reference:
    return Reference("grad-cam", partial(_maps, kind))


gradcam = _reference(GradCAM)
gradcam_max = _reference(MaxPooled)
gradcam_plus_plus = _reference(GradCAMPlusPlus)
hirescam = _reference(HiResCAM)
layercam = _reference(LayerCAM)
xgradcam = _reference(XGradCAM)
scorecam = _reference(ScoreCAM)
eigencam = Reference("grad-cam", _principal)
