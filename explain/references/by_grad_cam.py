"""Class activation maps by pytorch-grad-cam, as they are before its ReLU, its rescaling and its resizing."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import (
    AblationCAM,
    EigenCAM,
    EigenGradCAM,
    FinerCAM,
    FullGrad,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    ScoreCAM,
    XGradCAM,
)
from pytorch_grad_cam.ablation_layer import AblationLayer
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn import functional

from explain.cam.finercam import FinerCamSettings
from explain.cam.layers import LayerSettings, channel_axis, to_grid
from explain.gradients.fullgrad import full_gradient
from explain.gradients.rules import BENT, BOUNDED, PRODUCTS
from explain.references.reference import NoReferenceError, Reference
from explain.references.watched import watched

LEAST_SHARE = 1e-4
"""Of the softmax, that the classes to compare with need to have."""


class MaxPooled(GradCAM):  # type: ignore[misc]
    """The library has no such method; all but this step is its own."""

    def get_cam_weights(
        self, _input: object, _layer: object, _target: object, _maps: object, grads: NDArray[Any]
    ) -> NDArray[Any]:
        """Return the largest gradient of each map, (N, C)."""
        return np.asarray(grads.max(axis=(2, 3)))


def _maps(
    kind: Callable[..., BaseCAM], model: nn.Module, settings: LayerSettings, image: Tensor, classes: Sequence[int]
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


class _Kept(GradCAM):  # type: ignore[misc]
    """Grad-CAM that keeps its map as it is before ReLU and rescaling."""

    def get_cam_image(self, *given: Any) -> NDArray[Any]:
        self.raw = np.asarray(super().get_cam_image(*given))
        return self.raw


def _finer(model: nn.Module, settings: FinerCamSettings, image: Tensor, classes: Sequence[int]) -> NDArray[Any]:
    """Return Finer-CAM's maps; the library chooses what to compare with for one class a call."""
    name, logits, maps, one = str(settings.layer), list[Tensor](), [], image[None]
    handle = model.register_forward_hook(lambda _module, _inputs, output: logits.append(output[0].detach()))
    layer = model.get_submodule(name)
    with FinerCAM(model, [layer], lambda output: to_grid(output, model, name, one), _Kept) as cam:
        for index in classes:
            ranks = list(range(1, 1 + settings.comparisons))
            cam(one, alpha=settings.alpha, comparison_categories=ranks, target_idx=index)
            maps.append(cam.base_cam.raw[0])
    handle.remove()
    for index, values in zip(classes, logits, strict=True):
        nearest = (values - values[index]).abs().argsort()[1 : 1 + settings.comparisons]
        if values.softmax(dim=0)[nearest].sum() < LEAST_SHARE:
            raise NoReferenceError("the 1e-9 in the library's denominator is not small beside these logits' softmax")
    return np.stack(maps)


def _has_classes(model: nn.Module, image: Tensor) -> None:
    with torch.no_grad():
        if model(image[None]).shape[1] < 2:
            raise NoReferenceError("the library's Finer-CAM fails where there is one class")


class _Zero(AblationLayer):  # type: ignore[misc]
    """Sets channels to 0, as the paper does. The library does that where the layer's least value is 0, else -1e7."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def set_next_batch(self, input_batch_index: int, activations: Tensor, num_channels_to_ablate: int) -> None:
        one = activations[input_batch_index][None]
        self.activations = one.repeat(num_channels_to_ablate, *[1] * (one.ndim - 1))

    def __call__(self, _inputs: object) -> Tensor:
        output: Tensor = self.activations
        for place, channel in enumerate(self.indices[: len(output)]):
            output[place].select(self.axis - 1, int(channel)).zero_()
        return output


def _ablated(model: nn.Module, settings: LayerSettings, image: Tensor, classes: Sequence[int]) -> NDArray[Any]:
    """Return Ablation-CAM's maps, times the logit that the library divides by."""
    outputs: list[Tensor] = []
    handle = model.get_submodule(str(settings.layer)).register_forward_hook(lambda *given: outputs.append(given[2]))
    with torch.no_grad():
        logits = model(image[None])[0, list(classes)].cpu().numpy()
    handle.remove()
    zero = AblationLayer() if outputs[0].min() == 0 else _Zero(channel_axis(outputs[0], model))
    maps = _maps(partial(AblationCAM, ablation_layer=zero), model, settings, image, classes)
    return np.asarray(maps * logits[:, None, None])


def _full(model: nn.Module, _settings: object, image: Tensor, classes: Sequence[int]) -> NDArray[Any]:
    """Return FullGrad's terms as they are before the library takes their sizes and rescales them, joined as ours."""
    images = image.repeat(len(classes), 1, 1, 1).requires_grad_(True)
    with FullGrad(model, []) as cam:
        cam.activations_and_grads(images)[range(len(classes)), list(classes)].sum().backward()
        pairs = zip(cam.bias_data, cam.activations_and_grads.gradients, strict=True)
        terms = [torch.einsum("c,nchw->nhw", torch.from_numpy(bias), gradient) for bias, gradient in pairs]
    assert images.grad is not None
    return full_gradient(images.detach().cpu(), images.grad.cpu(), terms).numpy()


def _has_plain_biases(model: nn.Module, image: Tensor) -> None:
    """The library takes the biases of modules, convolutions and batch normalisation, to run once each and in order."""
    calls, runs = watched(model, image)
    unknown = {
        func.__name__ if leaf is None else type(leaf).__name__
        for func, leaf in calls
        if func in BENT | BOUNDED | PRODUCTS
        or (func in (functional.conv2d, functional.batch_norm) and type(leaf) not in (nn.Conv2d, nn.BatchNorm2d))
        or (isinstance(leaf, nn.BatchNorm2d) and leaf.bias is None)
    }
    if unknown:
        raise NoReferenceError(f"the library leaves out what is added by {', '.join(sorted(unknown))}")
    if _biased(runs) != _biased(model.modules()):
        raise NoReferenceError("the library wants modules that run once each and in the order in which they are listed")


def _biased(modules: Iterable[nn.Module]) -> list[nn.Module]:
    return [one for one in modules if isinstance(one, nn.Conv2d | nn.BatchNorm2d) and one.bias is not None]


class _Turned(EigenGradCAM):  # type: ignore[misc]
    """EigenGrad-CAM whose maps rise where HiResCAM's do; the library leaves their sign to LAPACK."""

    def get_cam_image(
        self, given: object, layer: object, target: object, maps: NDArray[Any], grads: NDArray[Any], smooth: bool
    ) -> NDArray[Any]:
        """Return the map of each picture, (N, h, w)."""
        found, sums = super().get_cam_image(given, layer, target, maps, grads, smooth), (maps * grads).sum(axis=1)
        along = (found * (sums - sums.mean(axis=(1, 2), keepdims=True))).sum(axis=(1, 2), keepdims=True)
        return np.where(along < 0, -found, found)


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
eigengradcam = _reference(_Turned)
finercam = Reference("grad-cam", _finer, _has_classes)
ablationcam = Reference("grad-cam", _ablated)
fullgrad = Reference("grad-cam", _full, _has_plain_biases)
