"""FullGrad: what the pixels and what each layer's biases give to a logit, laid over one another."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from explain.cam.layers import NO_ZERO
from explain.checks import check_request, finished
from explain.gradients.pixel_gradients import FLIPPED, each_gradient
from explain.gradients.rules import BENT, BOUNDED, CallMode, is_product
from explain.protocol import FloatMaps, MethodRow, NoSettings


class BiasTerms(CallMode):
    """While it lasts, each backward pass leaves the terms of all biases: what a call adds, times the gradient there.

    Convolutions and dense layers add their bias. Batch normalisation in evaluation mode, rectifiers other than ReLU and
    leaky ReLU, and gates add what their tangent is at 0 ("implicit biases"). Values and gradients are the network's
    own. It watches calls, not modules: layers used twice or in place need no care.

    Source: Srinivas and Fleuret 2019, sections 3 and 3.2.
    """

    def __init__(self) -> None:
        """Begin without terms."""
        super().__init__()
        self.terms: list[Tensor] = []
        """Of the last backward pass, in no order, summed over channels: (N, h, w) of maps; others have no place."""
        self._channels_last: set[torch.Size] = set()

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`, and have its terms kept on the way back."""
        added = _added(func, args, named)  # before the call, which may work in place
        result = func(*args, **named)
        if func is functional.linear:
            self._channels_last.add(result.shape)
        if added is not None and result.requires_grad:
            axis = -1 if result.shape in self._channels_last else 1
            result.register_hook(lambda gradient: self.terms.append(_summed(gradient, added, axis)))
        return result


def _added(func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Tensor | None:
    """Return what a call adds to what is in proportion to its input: one value a channel, (C,), or one a place."""
    if func is functional.conv2d or func is functional.linear:
        bias: Tensor | None = args[2] if len(args) > 2 else named.get("bias")
        return bias
    if func is functional.batch_norm and not (args[5] if len(args) > 5 else named.get("training", False)):
        nothing = args[0].new_zeros(1, *args[0].shape[1:2], *[1] * (args[0].ndim - 2))
        shift: Tensor = func(nothing, *args[1:], **named)
        return shift.flatten()
    if func in BENT | BOUNDED and args and args[0].is_floating_point() and args[0].requires_grad:
        before = args[0].detach().clone().requires_grad_(True)
        after = func(before.clone(), *args[1:], **named)
        (slope,) = torch.autograd.grad(after.sum(), before)
        bent: Tensor = after - before * slope
        return bent.detach()
    if is_product(func, args):
        product: Tensor = args[0] * args[1]
        return -product.detach()
    return None


def _summed(gradient: Tensor, added: Tensor, axis: int) -> Tensor:
    if added.ndim == 1:
        return torch.tensordot(gradient, added, dims=([axis], [0]))  # type: ignore[no-any-return]
    return (gradient * added).sum(dim=axis)


class FullGrad:
    """Input x gradient plus the terms of every layer's biases, enlarged to the picture.

    Source: Srinivas and Fleuret 2019, FullGrad, with nothing but an enlargement that keeps sums as its psi. The paper's
    drawings take sizes and rescale them first, which loses the sign and lets what adds little count like what adds
    much. So a map is the paper's decomposition itself: of convolutions, dense layers, batch normalisation, pooling,
    rectifiers and gates it adds up to the logit less what the biases of dense layers give, which have no place.
    """

    def __init__(self, model: nn.Module, settings: NoSettings) -> None:
        """Bind to `model`."""
        self._model, self.settings = model, settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        maps = [np.zeros((len(asked), *images.shape[2:]), dtype=np.float32) for asked in classes]
        watch = BiasTerms()

        def keep(turn: int, rows: Sequence[int], gradients: Tensor) -> None:
            terms, watch.terms = watch.terms, []
            total = full_gradient(images.detach().to(gradients), gradients, terms).cpu().numpy()
            for row in rows:
                maps[row][turn] = total[row]

        each_gradient(self._model, images, classes, keep, lambda: watch)
        return finished(maps)


def full_gradient(images: Tensor, gradients: Tensor, terms: Sequence[Tensor]) -> Tensor:
    """Return the map (N, H, W) of images and gradients, (N, 3, H, W) each, and terms; those (N, h, w) have a place."""
    total, sizes = (images * gradients).sum(dim=1), dict[torch.Size, Tensor]()
    for term in terms:
        if term.ndim == 3:
            sizes[term.shape] = sizes[term.shape] + term if term.shape in sizes else term
    for small in sizes.values():
        total = total + enlarged(small, (total.shape[1], total.shape[2]))
    return total


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (N, h, w) at `size` (H, W), bilinearly and so that each value keeps its sum."""
    down, across = (_shares(count, wanted).to(maps) for count, wanted in zip(maps.shape[1:], size, strict=True))
    return down.T @ maps @ across


def _shares(count: int, wanted: int) -> Tensor:
    """Return (count, wanted): the shares in which each of `count` values goes to `wanted` places."""
    weights = functional.interpolate(torch.eye(count, dtype=torch.float64)[None], size=wanted, mode="linear")[0]
    return weights / weights.sum(dim=1, keepdim=True)


ROW = MethodRow(
    "fullgrad", "FullGrad", "method", "gradients", FullGrad, NoSettings, "bilinear", signed=True, images_at_once=16,
    cost="1 forward, K backward", source="Srinivas and Fleuret 2019", unit="logit",
    note="adds up to the logit less what dense layers' biases give, in convolutional networks; signed, where the "
    "paper's drawings add rescaled sizes",
    claims=("place", "class", "sign"), no_zero=NO_ZERO,
    reference="explain.references.by_grad_cam:fullgrad", tolerance=FLIPPED,
)  # fmt: skip
