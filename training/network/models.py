"""Networks by name: the paper's ``bricknet`` and everything that timm builds; and the layer that Grad-CAM reads."""

from typing import Any

import timm
import torch
from timm.models import is_model
from torch import Tensor, nn

import training.network.bricknet  # noqa: F401 (registers bricknet with timm)
from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches
from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD

_NOT_MAPS = (nn.Identity, nn.Dropout, nn.Dropout2d)


_FETCHING = frozenset({"checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"})
"""With them timm opens files or addresses: a checkpoint from elsewhere must not say which."""


def create_model(name: str, num_classes: int, **timm_kwargs: Any) -> nn.Module:
    """Return a freshly initialised network with `num_classes` logits, in training mode.

    The weights are drawn from torch's default generator (``dataset.loading.randomness`` seeds it). Nothing is
    downloaded.

    Args:
        name: ``bricknet`` or any name in ``timm.list_models()``.
        num_classes: 1 or more.
        timm_kwargs: further arguments of the network, such as bricknet's ``width`` or a transformer's ``img_size``.

    Raises:
        SettingsError: timm has no such network, or the network does not take these arguments.
    """
    if num_classes < 1:
        raise SettingsError(f"A network needs at least 1 class; {num_classes} were asked for.")
    if ":" in name or not is_model(name):  # names with a colon would be looked up on a server
        raise SettingsError(
            f"Unknown model {name!r}{near_matches(name, timm.list_models())}; "
            "give 'bricknet' or one of the names that timm.list_models() returns."
        )
    if timm_kwargs.get("pretrained"):
        raise SettingsError("Networks start untrained: leave `pretrained` out of model_kwargs.")
    if fetching := sorted(_FETCHING & set(timm_kwargs)):
        raise SettingsError(f"A network's arguments may name no files or downloads: leave {', '.join(fetching)} out.")
    try:
        model = timm.create_model(name, num_classes=num_classes, **timm_kwargs)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise SettingsError(
            f"{name} cannot be built with the arguments {timm_kwargs}: {_first_line(error)}. Mend model_kwargs."
        ) from error
    assert isinstance(model, nn.Module)
    return model


def check_input_size(model: nn.Module, name: str, input_size_px: int, num_classes: int) -> None:
    """Raise SettingsError unless `model` makes (1, num_classes) logits from a picture of `input_size_px` squared."""
    try:
        logits = _probe(model, input_size_px)
    except (ValueError, AssertionError, RuntimeError) as error:
        raise SettingsError(
            f"{name} does not take pictures of {input_size_px} px: {_first_line(error)}. "
            f"Choose another input_size_px, or tell the network, as in `model_kwargs: {{img_size: {input_size_px}}}`."
        ) from error
    if not isinstance(logits, Tensor) or logits.shape != (1, num_classes):
        raise SettingsError(f"{name} gives no vector of {num_classes} logits: choose a network that classifies.")


def normalisation(model: nn.Module) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, for pictures scaled to 0..1, that `model` expects."""
    config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    return tuple(config.get("mean", IMAGENET_MEAN)), tuple(config.get("std", IMAGENET_STD))


def last_conv_layer(model: nn.Module, input_size_px: int | None = None) -> tuple[str, nn.Module]:
    """Return name and module whose output is the deepest convolutional feature map, the one Grad-CAM reads.

    The rule, on one forward pass of zeros: take the last ``nn.Conv2d`` to run whose output extends over more than one
    pixel; then, among the modules that finish after it and before the next pooling, the last whose output is a map
    of the same height and width. So normalisation, activation and a residual sum that belong to that convolution
    are included, and a squeeze-and-excitation or a 1x1 convolution after global pooling is not taken for it.
    For bricknet it is ``act5``, the activation after the fifth convolution; for ResNets ``layer4``, as in the
    Grad-CAM paper (Selvaraju et al. 2017).

    Args:
        model: any network that takes (N, 3, H, W); its mode is as before afterwards, and no hook stays.
        input_size_px: side of the probe; None takes what the network was made for.

    Raises:
        BrickbenchError: no convolution but the embedding of patches has an extent, as in plain transformers.
    """
    finished: list[tuple[str, nn.Module, Tensor]] = []
    names = {module: name for name, module in model.named_modules() if name}

    def remember(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            finished.append((names[module], module, output))

    handles = [module.register_forward_hook(remember) for module in names]
    try:
        config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
        _probe(model, input_size_px or config.get("input_size", (3, 224, 224))[-1])
    finally:
        for handle in handles:
            handle.remove()
    convolutions = [
        number
        for number, (_, module, output) in enumerate(finished)
        if isinstance(module, nn.Conv2d) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1
    ]
    if len(convolutions) < 2:
        raise BrickbenchError(
            f"{type(model).__name__} has no stack of convolutions for Grad-CAM: choose a convolutional network."
        )
    chosen = convolutions[-1]
    extent = finished[chosen][2].shape[2:]
    for number in range(chosen + 1, len(finished)):
        _, module, output = finished[number]
        if "Pool" in type(module).__name__:
            break
        if output.ndim == 4 and output.shape[2:] == extent and not isinstance(module, _NOT_MAPS):
            chosen = number
    return finished[chosen][0], finished[chosen][1]


def _probe(model: nn.Module, input_size_px: int) -> object:
    """Run one picture of zeros through `model` in evaluation mode, without gradients; its mode is then as before."""
    weights = next(model.parameters())
    in_chans = next((m.in_channels for m in model.modules() if isinstance(m, nn.Conv2d)), 3)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            return model(torch.zeros(1, in_chans, input_size_px, input_size_px, device=weights.device))
    finally:
        for module, mode in modes.items():
            module.training = mode


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
