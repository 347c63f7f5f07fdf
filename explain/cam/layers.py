"""Which layer's maps are weighted: by name, or by a rule that knows convolutional networks and transformers."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from pydantic import Field
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from core.settings import Settings, near_matches
from explain.cam.footprint import Footprint, footprint
from explain.forward import REFUSALS, first_line
from explain.protocol import frozen_eval
from training.network.models import conv_stages, input_size_of, network_within

FEWEST_CELLS = 6
"""Across the picture. A cell of 4 x 4 is as wide as a brick, so that the highest one's middle may lie beside it."""
LARGEST_OFFSET = 0.08
"""Of the picture's side: a third of a brick's width, where bricks cover 7 % of a picture. Chosen on lite0 and bricknet
that were trained on coloured piles of 112 pixels, so that it is known what they use, and held against other networks
(docs/explaining.md). bricknet's act1, act2 and act5 look 0.03, 0.12 and 0.25 beside themselves, and the highest place
of Grad-CAM lies on the reason in 100, 38 and 44 of 100 maps; lite0's blocks.4 (0.05) stays."""
_CHOSEN: "WeakKeyDictionary[nn.Module, tuple[tuple[int, int], ChosenLayer]]" = WeakKeyDictionary()
"""What was chosen last for a network, with its input size and the state of its weights: many methods ask."""


NO_ZERO = (
    "a constant that moves from a bias into a channel changes no logit and is added to the whole map, so that its zero "
    "is a matter of the network's parameters"
)
"""Of class activation maps: why shares of their mass say nothing."""


class LayerSettings(Settings):
    """Which maps are weighted."""

    layer: str | None = None
    """Name of the module whose output is read; by default the deepest maps whose cells look at their own place, or in
    a transformer the tokens that enter its last block."""
    input_size_px: int | None = Field(None, ge=1, exclude=True)
    """Side of the pictures, the shorter one, which decides the default layer; `explain run` gives the checkpoint's.
    It is no part of a map's key: the layer is."""


@dataclass(frozen=True)
class ChosenLayer:
    """The layer that is read where none was named."""

    name: str
    grid: tuple[int, int] | None = None
    """Cells down and across; None of a transformer's tokens."""
    footprint: Footprint | None = None
    """How far its cells look, where that was measured."""

    @property
    def note(self) -> str:
        """What a user should know of the choice, without the method's name."""
        if self.grid is None:
            return f"reads layer {self.name}"
        cells = f"reads layer {self.name}, {self.grid[0]} x {self.grid[1]} cells"
        if self.footprint is None:
            return cells
        off = f"which look {self.footprint.offset:.0%} of the picture beside themselves"
        warning = "" if self.footprint.offset <= LARGEST_OFFSET else ": its maps may point beside what matters"
        return f"{cells}, {off}{warning}"


def find_layer(model: nn.Module, name: str | None, input_size_px: int | None = None) -> tuple[str, nn.Module]:
    """Return name and module of the layer called `name`; None chooses it by the rule of `default_layer`.

    Raises:
        SettingsError: the network has no such layer.
        BrickbenchError: the rule finds none.
    """
    if name is None:
        name = default_layer(model, input_size_px).name
    modules = {key: module for key, module in model.named_modules() if key}
    if name not in modules:
        hint = near_matches(name, list(modules))
        raise SettingsError(
            f"{type(model).__name__} has no layer {name!r}{hint}; list them with model.named_modules()."
        )
    return name, modules[name]


def default_layer(model: nn.Module, input_size_px: int | None = None) -> ChosenLayer:
    """Return the layer that class activation maps read unless told otherwise.

    Transformers: ``norm1`` of the last block, whose tokens the last attention still mixes into the class token; later
    ones would leave the patches without gradient (the advice of pytorch-grad-cam). Others: the deepest of
    `conv_stages` with cells small enough (`FEWEST_CELLS`) that look where they are (`LARGEST_OFFSET`). Where no stage
    does both, the one with cells small enough that looks least beside itself; where none has such cells, the deepest.

    Args:
        model: the network, with its weights: a trained one looks elsewhere than a fresh one.
        input_size_px: side of the pictures, the shorter one if they are not square; None takes what the network was
            made for.

    Raises:
        BrickbenchError: it has no maps, or does not take such pictures.
    """
    names = [name for name, _ in model.named_modules()]
    attentions = [name.removesuffix("attn") for name in names if name.rpartition(".")[2] == "attn"]
    entrances = [f"{block}norm1" for block in attentions if f"{block}norm1" in names]
    if entrances:
        return ChosenLayer(entrances[-1])
    size_px = input_size_px or input_size_of(model)
    key = size_px, sum(_version(tensor) for tensor in model.state_dict().values())
    kept = _CHOSEN.get(model)
    if kept is None or kept[0] != key:
        kept = _CHOSEN[model] = key, _choose(model, size_px)
    return kept[1]


def _version(tensor: Tensor) -> int:
    """Return how often `tensor` was changed in place; torch does not count that in inference mode."""
    return 0 if tensor.is_inference() else tensor._version


def _choose(model: nn.Module, size_px: int) -> ChosenLayer:
    try:
        with frozen_eval(model):
            stages = conv_stages(model, size_px)
    except REFUSALS as error:
        raise BrickbenchError(
            f"{type(model).__name__} does not take pictures of {size_px} x {size_px} pixels, on which a layer would be "
            f"chosen ({first_line(error)}): give the side of yours as input_size_px, or name one with layer."
        ) from error
    fine = [stage for stage in stages if min(stage[2]) >= FEWEST_CELLS] or stages[-1:]
    looked: list[ChosenLayer] = []
    for name, layer, grid in reversed(fine):
        chosen = ChosenLayer(name, grid, footprint(model, layer, size_px))
        if chosen.footprint is None or chosen.footprint.offset <= LARGEST_OFFSET:
            return chosen
        looked.append(chosen)
    return min(looked, key=lambda one: one.footprint.offset if one.footprint else 0.0)


def to_grid(output: Tensor, model: nn.Module, layer: str, images: Tensor) -> Tensor:
    """Return a layer's output as maps (N, C, h, w): maps as they are, tokens without class and register tokens.

    Args:
        output: (N, C, h, w); (N, h, w, C) of networks that say ``output_fmt = "NHWC"`` (timm's Swin); or (N, T, C).
        model: tells how its tokens are ordered, or wraps what does.
        layer: the layer's name, for the message.
        images: (N, 3, H, W), whose shape gives the grid's.
    """
    if output.ndim == 4:
        return output.movedim(channel_axis(output, model), 1)
    if output.ndim == 3:
        patches = output[:, prefix_tokens(model) :]
        grid = grid_of(patches.shape[1], images)
        if grid is not None:
            return patches.reshape(len(patches), *grid, -1).permute(0, 3, 1, 2)
    raise BrickbenchError(
        f"Layer {layer!r} does not give one stack of maps (N, K, h, w) or a grid of tokens a forward pass: choose a "
        "convolutional one with the setting `layer`."
    )


def prefix_tokens(model: nn.Module) -> int:
    """Return how many tokens come before those of patches: class, distillation and register tokens."""
    return int(getattr(network_within(model), "num_prefix_tokens", 0))


def grid_of(patches: int, images: Tensor) -> tuple[int, int] | None:
    """Return rows and columns of the square patches that `images` (N, C, H, W) were cut into; None if none fit."""
    height, width = images.shape[2:]
    for rows in range(1, patches + 1):
        columns = patches // rows
        # Patches of p x p pixels, borders cut off, for some p: floor(height / p) rows, floor(width / p) columns.
        fits = height * columns < width * (rows + 1) and width * rows < height * (columns + 1)
        if rows * columns == patches and fits:
            return rows, columns
    return None


def channel_axis(output: Tensor, model: nn.Module) -> int:
    """Return which axis of a layer's output, of a shape that `to_grid` knows, is its channels'."""
    channels_last = output.ndim != 4 or str(getattr(network_within(model), "output_fmt", "")).endswith("NHWC")
    return output.ndim - 1 if channels_last else 1
