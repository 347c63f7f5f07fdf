"""Maps by captum, with the channels of a pixel joined as ours are."""

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from captum.attr import (
    LRP,
    DeepLift,
    GuidedBackprop,
    GuidedGradCam,
    InputXGradient,
    IntegratedGradients,
    KernelShap,
    Occlusion,
    Saliency,
)
from captum.attr._core import gradient_shap as captum_gradient_shap
from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule
from numpy.typing import NDArray
from torch import Tensor, nn

from core.seeding import Purpose, generator
from explain.cam.layers import LayerSettings
from explain.gradients.baseline import plain_picture
from explain.gradients.deeplift import DeepLiftSettings
from explain.gradients.gradient_shap import GradientShap, GradientShapSettings
from explain.gradients.integrated_gradients import IntegratedGradientsSettings
from explain.gradients.rules import LrpSettings
from explain.gradients.smoothgrad import COPIES_AT_ONCE, SmoothGrad, SmoothGradSettings
from explain.perturbation.kernel_shap import KEY, KernelShapSettings, coalitions
from explain.perturbation.occlusion import OcclusionSettings
from explain.perturbation.segments import hidden_picture, superpixels
from explain.protocol import image_key
from explain.references.captum_reach import deeplift_reaches, is_a_chain, rectifies_by_relu
from explain.references.reference import NoReferenceError, Reference

AT_ONCE = 32
"""Pictures a pass, where captum takes one unless told otherwise."""


def _inputs(image: Tensor, classes: Sequence[int]) -> Tensor:
    """Return the picture once for each class, so that one batch serves all of them."""
    return image.repeat(len(classes), 1, 1, 1).requires_grad_(True)


def _saliency(model: nn.Module, _settings: object, image: Tensor, classes: Sequence[int]) -> Any:
    return Saliency(model).attribute(_inputs(image, classes), target=list(classes)).amax(dim=1)


def _input_x_gradient(model: nn.Module, _settings: object, image: Tensor, classes: Sequence[int]) -> Any:
    return InputXGradient(model).attribute(_inputs(image, classes), target=list(classes)).sum(dim=1)


def _guided_backprop(model: nn.Module, _settings: object, image: Tensor, classes: Sequence[int]) -> Any:
    return GuidedBackprop(model).attribute(_inputs(image, classes), target=list(classes)).abs().amax(dim=1)


def _guided_gradcam(model: nn.Module, settings: LayerSettings, image: Tensor, classes: Sequence[int]) -> Any:
    method = GuidedGradCam(model, model.get_submodule(str(settings.layer)))
    maps = method.attribute(_inputs(image, classes), target=list(classes), interpolate_mode="bilinear")
    return maps.abs().amax(dim=1)


def _integrated_gradients(
    model: nn.Module, settings: IntegratedGradientsSettings, image: Tensor, classes: Sequence[int]
) -> Any:
    inputs, plain = _inputs(image, classes), plain_picture(settings.baseline, settings).to(image)
    method = IntegratedGradients(model)
    maps = method.attribute(
        inputs,
        plain.expand_as(inputs),
        target=list(classes),
        n_steps=settings.steps,
        method="gausslegendre",
        internal_batch_size=max(AT_ONCE, len(classes)),
    )
    return maps.sum(dim=1)


class _Draws:
    """What captum draws numbers with; they are ours."""

    def __init__(self, shares: Tensor) -> None:
        self.random, self._shares = self, shares.numpy()

    def uniform(self, _low: float, _high: float, _count: int) -> NDArray[Any]:
        return self._shares


def _gradient_shap(model: nn.Module, settings: GradientShapSettings, image: Tensor, classes: Sequence[int]) -> Any:
    """Return what captum's GradientSHAP makes of our draws: its own would be others."""
    starts, shares = GradientShap(model, settings).draws(image)
    inputs, plain = image.expand(len(starts), -1, -1, -1), starts.to(image).expand(-1, -1, *image.shape[1:])
    method = captum_gradient_shap.InputBaselineXGradient(model)
    with mock.patch.object(captum_gradient_shap, "np", _Draws(shares)):
        maps = [method.attribute(inputs, plain, target=index).mean(dim=0) for index in classes]
    return torch.stack(maps).sum(dim=1)


def _deeplift(model: nn.Module, settings: DeepLiftSettings, image: Tensor, classes: Sequence[int]) -> Any:
    inputs, plain = _inputs(image, classes), plain_picture(settings.baseline, settings).to(image)
    return DeepLift(model).attribute(inputs, plain.expand_as(inputs), target=list(classes)).sum(dim=1)


def _smoothgrad(model: nn.Module, settings: SmoothGradSettings, image: Tensor, classes: Sequence[int]) -> Any:
    """Return what captum's NoiseTunnel makes of Saliency, but of our noisy copies: its own noise would be another."""
    copies = torch.split(SmoothGrad(model, settings).noisy_copies(image).to(image), COPIES_AT_ONCE)
    method = Saliency(model)

    def mean(index: int) -> Tensor:
        parts = [method.attribute(part.clone().requires_grad_(True), target=index, abs=False) for part in copies]
        return torch.cat(parts).mean(dim=0)

    return torch.stack([mean(index) for index in classes]).abs().amax(dim=1)


def _lrp(model: nn.Module, settings: LrpSettings, image: Tensor, classes: Sequence[int]) -> Any:
    if settings.rule != "plain":
        raise NoReferenceError("captum has the plain gamma rule alone: --set lrp.rule=plain compares that")
    for module in model.modules():
        rule: Any = None
        if isinstance(module, nn.Conv2d):
            rule = GammaRule(gamma=settings.gamma)
            rule.STABILITY_FACTOR = settings.epsilon
        elif isinstance(module, nn.Linear):
            rule = EpsilonRule(settings.epsilon)
        elif isinstance(module, nn.Flatten | nn.Identity):
            rule = EpsilonRule()  # captum refuses modules that it has no rule for
        if rule is not None:
            module.rule = rule
    return LRP(model).attribute(_inputs(image, classes), target=list(classes)).sum(dim=1)


def _occlusion(model: nn.Module, settings: OcclusionSettings, image: Tensor, classes: Sequence[int]) -> Any:
    hidden = settings.hide_color
    with torch.no_grad():
        maps = Occlusion(model).attribute(
            image.repeat(len(classes), 1, 1, 1),
            target=list(classes),
            sliding_window_shapes=(3, settings.window_px, settings.window_px),
            strides=(3, settings.stride_px, settings.stride_px),
            baselines=0 if hidden is None else _normalised(hidden, settings, image).expand(1, *image.shape),
            perturbations_per_eval=AT_ONCE,
        )
    return maps[:, 0]  # a window covers all channels, which get the same value


class _SameCoalitions(KernelShap):  # type: ignore[misc]
    """KernelSHAP with given coalitions and weights: captum draws its own, and two samples differ by their noise."""

    def __init__(self, model: nn.Module, masks: NDArray[np.bool_], weights: NDArray[np.float64]) -> None:
        super().__init__(model)
        self._rows = torch.from_numpy(masks).long()
        self._weights = dict(zip((row.tobytes() for row in masks), weights * len(weights), strict=True))

    def kernel_shap_perturb_generator(self, original_inp: Any, **kwargs: Any) -> Generator[Tensor, None, None]:
        device = (original_inp if isinstance(original_inp, Tensor) else original_inp[0]).device
        yield torch.ones(1, kwargs["num_interp_features"], dtype=torch.long, device=device)
        yield torch.zeros(1, kwargs["num_interp_features"], dtype=torch.long, device=device)
        yield from self._rows[:, None].to(device)

    def kernel_shap_similarity_kernel(
        self, _: object, __: object, interpretable_sample: Tensor, **_more: Any
    ) -> Tensor:
        key = interpretable_sample[0].cpu().numpy().astype(np.bool_).tobytes()
        return torch.tensor([self._weights.get(key, self.inf_weight)])


def _kernel_shap(model: nn.Module, settings: KernelShapSettings, image: Tensor, classes: Sequence[int]) -> Any:
    segments = superpixels(image, settings)
    players = int(segments.max()) + 1
    if players == 1:
        raise NoReferenceError("captum's KernelSHAP wants two superpixels at least")
    masks, weights = coalitions(
        players, settings.num_samples, generator(settings.seed, Purpose.BASELINE, KEY, image_key(image))
    )
    pixels = np.ascontiguousarray(image.cpu().permute(1, 2, 0).numpy())
    hidden = torch.from_numpy(hidden_picture(pixels, segments, settings).transpose(2, 0, 1).copy()).to(image)
    areas = torch.from_numpy(segments)[None].to(image.device)
    method = _SameCoalitions(model, masks, weights)
    with torch.no_grad():
        maps = [
            method.attribute(
                image[None],
                hidden[None],
                target=index,
                feature_mask=areas,
                n_samples=len(masks) + 2,
                perturbations_per_eval=AT_ONCE,
            )
            for index in classes
        ]
    return torch.cat(maps)[:, 0]


def _normalised(colour: float | tuple[float, float, float], settings: Any, image: Tensor) -> Tensor:
    """Return a grey, or a colour, from 0 to 1 as the network takes it: (3, 1, 1)."""
    wanted = torch.tensor(np.broadcast_to(colour, 3).copy(), dtype=torch.float32)
    return ((wanted - torch.tensor(settings.mean)) / torch.tensor(settings.std))[:, None, None].to(image)


def _numpy(work: Any, *arguments: Any) -> NDArray[Any]:
    return np.asarray(work(*arguments).detach().cpu().numpy())


saliency = Reference("captum", partial(_numpy, _saliency))
input_x_gradient = Reference("captum", partial(_numpy, _input_x_gradient))
integrated_gradients = Reference("captum", partial(_numpy, _integrated_gradients))
smoothgrad = Reference("captum", partial(_numpy, _smoothgrad))
guided_backprop = Reference("captum", partial(_numpy, _guided_backprop), rectifies_by_relu)
guided_gradcam = Reference("captum", partial(_numpy, _guided_gradcam), rectifies_by_relu)
gradient_shap = Reference("captum", partial(_numpy, _gradient_shap))
deeplift = Reference("captum", partial(_numpy, _deeplift), deeplift_reaches)
lrp = Reference("captum", partial(_numpy, _lrp), is_a_chain)
occlusion = Reference("captum", partial(_numpy, _occlusion))
kernel_shap = Reference("captum", partial(_numpy, _kernel_shap))
