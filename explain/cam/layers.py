"""Which layer's maps are weighted: by name, or by a rule that knows convolutional networks and transformers."""

from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from core.settings import Settings, near_matches
from training.network.models import last_conv_layer


class LayerSettings(Settings):
    """Which maps are weighted."""

    layer: str | None = None
    """Name of the module whose output is read; by default the last convolutional maps that still have an extent, or in
    a transformer the tokens that enter its last block."""


def find_layer(model: nn.Module, name: str | None) -> tuple[str, nn.Module]:
    """Return name and module of the layer called `name`; None chooses it by the rule of `default_layer`.

    Raises:
        SettingsError: the network has no such layer.
        BrickbenchError: the rule finds none.
    """
    if name is None:
        name = default_layer(model)
    modules = {key: module for key, module in model.named_modules() if key}
    if name not in modules:
        hint = near_matches(name, list(modules))
        raise SettingsError(
            f"{type(model).__name__} has no layer {name!r}{hint}; list them with model.named_modules()."
        )
    return name, modules[name]


def default_layer(model: nn.Module) -> str:
    """Return the name of the layer that class activation maps read unless told otherwise.

    Transformers: ``norm1`` of the last block, whose tokens the last attention still mixes into the class token; later
    ones would leave the patches without gradient (the advice of pytorch-grad-cam). Others: see `last_conv_layer`.
    """
    names = [name for name, _ in model.named_modules()]
    attentions = [name.removesuffix("attn") for name in names if name.rpartition(".")[2] == "attn"]
    entrances = [f"{block}norm1" for block in attentions if f"{block}norm1" in names]
    if entrances:
        return entrances[-1]
    return last_conv_layer(model)[0]


def to_grid(output: Tensor, model: nn.Module, layer: str, images: Tensor) -> Tensor:
    """Return a layer's output as maps (N, C, h, w): maps as they are, tokens without class and register tokens.

    Args:
        output: (N, C, h, w); (N, h, w, C) of networks that say ``output_fmt = "NHWC"`` (timm's Swin); or (N, T, C).
        model: tells how its tokens are ordered.
        layer: the layer's name, for the message.
        images: (N, 3, H, W), whose shape gives the grid's.
    """
    if output.ndim == 4:
        return output.permute(0, 3, 1, 2) if str(getattr(model, "output_fmt", "")).endswith("NHWC") else output
    if output.ndim == 3:
        patches = output[:, int(getattr(model, "num_prefix_tokens", 0)) :]
        height, width = images.shape[2:]
        for rows in range(1, patches.shape[1] + 1):
            columns = patches.shape[1] // rows
            if rows * columns == patches.shape[1] and rows * width == columns * height:
                return patches.reshape(len(patches), rows, columns, -1).permute(0, 3, 1, 2)
    raise BrickbenchError(
        f"Layer {layer!r} does not give one stack of maps (N, K, h, w) or a grid of tokens a forward pass: choose a "
        "convolutional one with the setting `layer`."
    )
