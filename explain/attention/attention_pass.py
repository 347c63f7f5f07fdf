"""One forward pass that keeps every block's attention weights, and backward passes that end there."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import BrickbenchError
from explain.attention.weights import AttentionSettings, OpenAttention, require_attention
from explain.cam.capture import of_rows
from explain.cam.layers import prefix_tokens, to_grid
from explain.checks import check_request, finished
from explain.forward import ask
from explain.protocol import FloatMaps, device_of, frozen_eval, turns
from training.network.models import network_within

NO_ZERO = (
    "a constant that moves from a bias into the values changes no logit, as attention adds up to 1, and shifts all "
    "gradients of the weights, so that their zero is a matter of the network's parameters"
)
"""Of methods that read gradients of attention weights: why shares of their mass say nothing."""


@dataclass(frozen=True)
class AttentionPass:
    """What one forward pass of N images left."""

    images: Tensor
    """(N, channels, H, W) on the network's device."""
    logits: Tensor
    """(N, classes), with a graph that begins at the first weights."""
    weights: list[Tensor]
    """Of each block, (N, heads, T, T), from queries to keys."""
    model: nn.Module

    def gradients(self, rows: Sequence[int], indices: Sequence[int]) -> list[Tensor]:
        """Return d logit[row, index] / d weights[row] of each block for pairs of row and class: (pairs, heads, T, T).

        One backward pass from the logits to the first block's weights; each row at most once.

        Raises:
            BrickbenchError: the logits have no gradient there.
        """
        total = self.logits[list(rows), list(indices)].sum()
        found: Sequence[Tensor | None] = [None]
        if total.requires_grad:
            found = torch.autograd.grad(total, self.weights, retain_graph=True, allow_unused=True)
        gradients = [of_rows(one, rows) for one in found if one is not None]
        if len(gradients) < len(self.weights):
            raise BrickbenchError(
                f"No gradient of {type(self.model).__name__} reaches its attention weights, as under torch.no_grad in "
                "its forward: take a method that needs none, such as attention_rollout or lime."
            )
        return gradients

    def read(self) -> Tensor:
        """Return how much of each token the head reads, (1, T), 1 in all.

        As timm's networks say it: the class token (and DeiT's distillation token, as the two heads are averaged), or
        else the mean of the patches, and of the tokens before them where the pooling includes those.
        """
        shares, network = self.weights[0].new_zeros(1, self.weights[0].shape[-1]), network_within(self.model)
        if getattr(network, "global_pool", None) == "token":
            shares[:, : 1 if getattr(network, "dist_token", None) is None else 2] = 1
        else:
            shares[:, 0 if getattr(network, "pool_include_prefix", False) else prefix_tokens(self.model) :] = 1
        return shares / shares.sum()

    def maps(self, tokens: Tensor) -> FloatMaps:
        """Return values of tokens (n, T) as maps (n, h, w): those of patches, on their grid."""
        grid = to_grid(tokens.detach()[..., None], self.model, "of attention", self.images)
        return np.asarray(grid[:, 0].cpu().numpy(), dtype=np.float32)


@contextmanager
def attention_pass(model: nn.Module, images: Tensor, classes: Sequence[Sequence[int]]) -> Iterator[AttentionPass]:
    """Run `images` through `model` and give its attention weights; the network is left as it was.

    Raises:
        BrickbenchError: a class is not one of the network's.
    """
    check_request(images, classes)
    with frozen_eval(model), torch.inference_mode(False), torch.enable_grad():
        moved = images.detach().to(device_of(model))
        with OpenAttention() as attention:
            logits = ask(model, moved.clone(), classes)  # a first layer in place must not change the user's images
        yield AttentionPass(moved, logits, attention.weights, model)


class AttentionMethod(ABC):
    """A method that makes a class's map of the blocks' attention weights and of its logit's gradients."""

    name: ClassVar[str]

    def __init__(self, model: nn.Module, settings: AttentionSettings) -> None:
        """Bind to `model`; raises NotForNetworkError if it does not attend from all tokens to all."""
        require_attention(self.name, model, settings.input_size_px, of_all_tokens=True)
        self._model = model
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps, one value a patch, as `explain.protocol.Method` says."""
        with self.attention_pass(images, classes) as kept:
            height, width = kept.maps(kept.read()).shape[1:]
            maps = [np.zeros((len(asked), height, width), dtype=np.float32) for asked in classes]
            for turn, rows, indices in turns(classes):
                for row, one in zip(rows, kept.maps(self.tokens(kept, rows, indices)), strict=True):
                    maps[row][turn] = one
        return finished(maps)

    @contextmanager
    def attention_pass(self, images: Tensor, classes: Sequence[Sequence[int]]) -> Iterator[AttentionPass]:
        """Run the network on `images`, for ``with``."""
        with attention_pass(self._model, images, classes) as kept:
            yield kept

    @abstractmethod
    def tokens(self, kept: AttentionPass, rows: list[int], indices: list[int]) -> Tensor:
        """Return what each token is worth for pairs of picture and class, (pairs, T)."""
