"""Networks by name: the paper's ``bricknet`` and everything that timm builds; and the layer that Grad-CAM reads."""

from collections import Counter
from collections.abc import Sequence
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
    """Return name and module whose output is the deepest convolutional feature map.

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
    return conv_stages(model, input_size_px)[-1][:2]


def conv_stages(model: nn.Module, input_size_px: int | None = None) -> list[tuple[str, nn.Module, tuple[int, int]]]:
    """Return name, module and height and width of the maps that end each stage, the deepest last.

    A stage is all that runs at one resolution. The deepest ends with the layer of `last_conv_layer`, the others with
    the last of their outermost modules (``layer3`` of a ResNet, ``blocks.4`` of an EfficientNet): what the next stage
    does before it shrinks the maps is within its own modules. Arguments and errors are those of `last_conv_layer`.
    """
    finished = _finished(model, input_size_px)
    chosen = _last_conv(model, finished)
    runs = Counter(name for name, *_ in finished)
    ends: dict[tuple[int, int], tuple[int, str, nn.Module]] = {}
    for name, module, output in finished[:chosen]:
        # The probe is square, so its maps are; channels last (N, h, w, C) within a ConvNeXt's blocks are not.
        if output.ndim != 4 or output.shape[2] != output.shape[3] or isinstance(module, _NOT_MAPS):
            continue
        if runs[name] > 1:  # which run's maps would it be?
            continue
        size, depth = (output.shape[2], output.shape[3]), name.count(".")
        if size not in ends or depth <= ends[size][0]:
            ends[size] = (depth, name, module)
    name, module, output = finished[chosen]
    last = (output.shape[2], output.shape[3])
    stages = [(name, module, size) for size, (_, name, module) in ends.items() if size > last]
    stages.sort(key=lambda stage: stage[2], reverse=True)
    return [*stages, (name, module, last)]


def _finished(model: nn.Module, input_size_px: int | None) -> list[tuple[str, nn.Module, Tensor]]:
    """Return name, module and output of all modules in the order in which they end, on a picture of zeros."""
    finished: list[tuple[str, nn.Module, Tensor]] = []
    names = {module: name for name, module in model.named_modules() if name}

    def remember(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            finished.append((names[module], module, output))

    handles = [module.register_forward_hook(remember) for module in names]
    try:
        _probe(model, input_size_px or input_size_of(model))
    finally:
        for handle in handles:
            handle.remove()
    return finished


def input_size_of(model: nn.Module) -> int:
    """Return the side in pixels of the pictures that `model` was made for, 224 where it does not say.

    A transformer that was made for another size than its name's says so where it cuts the picture into patches.
    """
    of_patches = patches_cut_from(model)
    config: dict[str, Any] = getattr(network_within(model), "pretrained_cfg", None) or {}
    return int((of_patches or config.get("input_size", (3, 224, 224)))[-1])


def patches_cut_from(model: nn.Module) -> tuple[int, int] | None:
    """Return height and width in pixels of the pictures that a transformer cuts into patches; None if none are told."""
    size = getattr(getattr(network_within(model), "patch_embed", None), "img_size", None)
    if not size:
        return None
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def network_within(model: nn.Module) -> nn.Module:
    """Return timm's network that `model` is or wraps, as one that normalises pictures does; itself if there is none.

    What timm's networks say of themselves (their size, the order of their tokens) has to be asked there.
    """
    return next((module for module in model.modules() if hasattr(module, "pretrained_cfg")), model)


def architecture(model: nn.Module) -> str:
    """Return what `model` is called: its name among timm's networks, else that of its class."""
    config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    return str(config.get("architecture") or type(model).__name__)


def input_channels_of(model: nn.Module) -> int:
    """Return how many channels the pictures have that `model` was made for: those of its first convolution, else 3."""
    return next((module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d)), 3)


def _last_conv(model: nn.Module, finished: Sequence[tuple[str, nn.Module, Tensor]]) -> int:
    """Return the place in `finished` of the layer that `last_conv_layer` describes."""
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
    return chosen


def _probe(model: nn.Module, input_size_px: int) -> object:
    """Run one picture of zeros through `model` in evaluation mode, without gradients; its mode is then as before."""
    weights = next(model.parameters(), torch.zeros(()))
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            picture = torch.zeros(1, input_channels_of(model), input_size_px, input_size_px)
            return model(picture.to(weights.device, weights.dtype))
    finally:
        for module, mode in modes.items():
            module.training = mode


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
