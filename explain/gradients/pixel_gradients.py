"""Gradients of logits with respect to the pixels: one forward pass for all classes, one backward pass for each."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import BrickbenchError
from core.settings import Settings
from explain.checks import check_request, finished
from explain.forward import ask
from explain.protocol import FloatMaps, MethodRow, NoSettings, device_of, frozen_eval, turns

Formula = Callable[[Tensor, Tensor], Tensor]
"""Takes an image (C, H, W) and the gradients of K logits (K, C, H, W), and returns maps (K, H, W)."""
FLIPPED = 1e-2
"""Tolerance of gradients in float32, where rounding flips rectifiers whose input is nearly 0: differences of 3e-3
(integrated gradients) and 1e-2 (LRP) were seen on random weights, of 1e-5 and less in float64."""
Mode = Callable[[], AbstractContextManager[object]]
"""Makes what changes the backward pass while the network runs, such as guided rectifiers."""


def class_gradients(
    model: nn.Module, images: Tensor, classes: Sequence[Sequence[int]], mode: Mode = nullcontext
) -> list[Tensor]:
    """Return for each image d logit[class] / d pixels, (K_n, C, H, W) on the network's device, in the images' numbers.

    Raises:
        BrickbenchError: a class is not one of the network's, or no gradient reaches the pixels.
    """
    moved = images.to(device_of(model))
    with torch.inference_mode(False):  # what is made within it could not be written into outside of it
        of_images = [moved.new_zeros(len(asked), *moved.shape[1:]) for asked in classes]

    def keep(turn: int, rows: Sequence[int], gradients: Tensor) -> None:
        for row in rows:
            of_images[row][turn] = gradients[row]

    each_gradient(model, moved, classes, keep, mode)
    return of_images


def each_gradient(
    model: nn.Module,
    images: Tensor,
    classes: Sequence[Sequence[int]],
    keep: Callable[[int, Sequence[int], Tensor], None],
    mode: Mode = nullcontext,
) -> None:
    """Call `keep` after each backward pass, with its turn, its rows and the gradients of the images, (N, 3, H, W).

    In a turn each of `rows` has its next class explained; the gradients of others are 0.

    Raises:
        BrickbenchError: a class is not one of the network's.
    """
    with frozen_eval(model), torch.inference_mode(False), torch.enable_grad():
        pixels = images.to(device_of(model)).detach().clone().requires_grad_(True)
        with mode():
            logits = ask(model, pixels.clone(), classes)  # a first layer in place may not change a leaf
        if not logits.requires_grad:
            raise BrickbenchError(
                f"No gradient of {type(model).__name__} reaches the pixels, as under torch.no_grad in its forward: "
                "take a method that needs none, such as lime or occlusion."
            )
        for turn, rows, indices in turns(classes):
            (gradients,) = torch.autograd.grad(logits[rows, indices].sum(), pixels, retain_graph=True)
            keep(turn, rows, gradients)


class PixelGradients:
    """A formula of the pixels and of their gradients for each class."""

    def __init__(self, formula: Formula, mode: Callable[[Any], Mode], model: nn.Module, settings: Settings) -> None:
        """Bind to `model`; `mode` makes of the settings what changes the backward pass."""
        self._model, self._formula, self._mode = model, formula, mode(settings)
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        of_images = class_gradients(self._model, images, classes, self._mode)
        return finished(
            self._formula(image.to(gradients.device), gradients)
            for image, gradients in zip(images.detach(), of_images, strict=True)
        )


def strongest_channel(gradients: Tensor) -> Tensor:
    """Return the largest size of a gradient over the channels: (K, C, H, W) to (K, H, W)."""
    return gradients.abs().amax(dim=1)


def pixel_row(
    name: str,
    title: str,
    formula: Formula,
    *,
    unit: str,
    source: str,
    note: str,
    signed: bool = True,
    cost: str = "1 forward, K backward",
    settings: type[Settings] = NoSettings,
    mode: Callable[[Any], Mode] = lambda _settings: nullcontext,
) -> MethodRow:
    """Return the row of the method that is `formula`, with gradients of the pass that `mode` makes of the settings."""
    return MethodRow(
        name, title, "method", "gradients", partial(PixelGradients, formula, mode), settings, "bilinear",
        signed=signed, images_at_once=16, cost=cost, source=source, note=note, unit=unit,
        claims=("place", "class", *(("sign",) if signed else ()), "mass"),
        reference=f"explain.references.by_captum:{name}", tolerance=FLIPPED,
    )  # fmt: skip


def saliency(_image: Tensor, gradients: Tensor) -> Tensor:
    """Return max over channels of |dy/dx|, (K, H, W) of gradients (K, C, H, W).

    Source: Simonyan, Vedaldi and Zisserman 2013, section 3. Captum gives the channels apart.
    """
    return strongest_channel(gradients)


def input_x_gradient(image: Tensor, gradients: Tensor) -> Tensor:
    """Return sum over channels of x dy/dx, (K, H, W) of an image (C, H, W) and gradients (K, C, H, W).

    Source: Shrikumar et al. 2016. x is the normalised picture, so that the mean colour counts as nothing.
    """
    return (image * gradients).sum(dim=1)


ROWS = (
    pixel_row(
        "saliency", "Saliency", saliency, unit="logit/unit", source="Simonyan et al. 2013", signed=False,
        note="fine and noisy; has no sign: evidence for and against look alike",
    ),
    pixel_row(
        "input_x_gradient", "Input × gradient", input_x_gradient, unit="logit", source="Shrikumar et al. 2016",
        note="pixels of the normalisation's mean colour get 0, whatever the network does with them",
    ),
)  # fmt: skip
