"""Attention weights as a network computes them, and whether it has any that say where in the picture it attends."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from core.errors import BrickbenchError
from core.settings import Settings
from explain.cam.layers import grid_of, prefix_tokens
from explain.forward import REFUSALS, first_line, numbers_of
from explain.gradients.rules import CallMode
from explain.protocol import NotForNetworkError, device_of, frozen_eval
from training.network.models import architecture, input_channels_of, input_size_of, network_within, patches_cut_from

SOFTMAXES: frozenset[Callable[..., Any]] = frozenset({functional.softmax, torch.softmax, Tensor.softmax})


class AttentionSettings(Settings):
    """Nothing to set; what the checkpoint gives."""

    input_size_px: int | None = Field(None, ge=1, exclude=True)
    """Side of the pictures, at which a network is tried that does not say what it cuts into patches; `explain run`
    gives the checkpoint's. It is no part of a map's key."""


class OpenAttention(CallMode):
    """While it lasts, attention weights are kept; attention that is fused into one call is computed step by step.

    It watches calls, not modules: nothing is changed in the network or hooked into it, and its logits are the same but
    for rounding. Where gradients are on, the graph begins at the first weights if nothing before them needs one.

    Attributes:
        weights: of each attention in the order in which they run, (N, heads, queries, keys), 0 to 1 and 1 in all for
            each query. What follows is computed from these very tensors.
    """

    def __init__(self) -> None:
        """Begin without weights."""
        super().__init__()
        self.weights: list[Tensor] = []

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`, and keep the weights if it attends."""
        if func is functional.scaled_dot_product_attention:
            return self._attend(*args, **named)
        result = func(*args, **named)
        if func in SOFTMAXES and result.ndim == 4:  # pictures, heads, queries, keys
            dim = args[1] if len(args) > 1 else named.get("dim")
            return self._keep(result) if dim in (-1, 3) else result
        return result

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        *,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """Return what ``scaled_dot_product_attention`` does, as its documentation spells it out, without dropout."""
        del dropout_p  # 0: the network is in evaluation mode
        if enable_gqa:
            key, value = (one.repeat_interleave(query.shape[-3] // one.shape[-3], dim=-3) for one in (key, value))
        scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, -torch.inf)
        elif attn_mask is not None:
            scores = scores + attn_mask
        return self._keep(scores.softmax(dim=-1)) @ value

    def _keep(self, weights: Tensor) -> Tensor:
        if torch.is_grad_enabled() and not weights.requires_grad:
            weights = weights.detach().requires_grad_(True)
        self.weights.append(weights)
        return weights


def require_attention(method: str, model: nn.Module, input_size_px: int | None, *, of_all_tokens: bool) -> None:
    """Raise NotForNetworkError unless `model` attends, which one picture of zeros shows.

    Args:
        method: name, for the message.
        model: takes (N, channels, H, W), of grey pictures or of coloured ones.
        input_size_px: side of the picture, where the network does not say what it cuts into patches; None takes what
            it was made for.
        of_all_tokens: whether each attention has to be from all tokens of a picture to all of them, one a block.

    Raises:
        BrickbenchError: it does not take such a picture.
    """
    size_px = input_size_px or input_size_of(model)
    height, width = patches_cut_from(model) or (size_px, size_px)
    picture = torch.zeros(1, input_channels_of(model), height, width, device=device_of(model), dtype=numbers_of(model))
    try:
        with frozen_eval(model), torch.no_grad(), OpenAttention() as attention:
            model(picture.clone())
    except REFUSALS as error:
        raise BrickbenchError(
            f"{type(model).__name__} does not take pictures of {height} x {width} pixels, on which its attention would "
            f"be looked at ({first_line(error)}): give the side of yours as input_size_px."
        ) from error
    other = "choose a method of another family, such as gradcam."
    if not attention.weights:
        raise NotForNetworkError(f"Method {method} reads attention weights; {architecture(model)} has none: {other}")
    if of_all_tokens and not _is_plain(attention.weights, model, picture):
        raise NotForNetworkError(
            f"Method {method} reads attention of all tokens to all tokens, once a block; {architecture(model)} attends "
            f"within windows, from other tokens, or several times: {other}"
        )


def _is_plain(weights: Sequence[Tensor], model: nn.Module, picture: Tensor) -> bool:
    """Return whether all weights are of one picture and (T, T), its patches after the prefix, one a block."""
    shapes = {(one.shape[0], *one.shape[2:]) for one in weights}
    if len(shapes) > 1 or len(weights) != len(getattr(network_within(model), "blocks", weights)):
        return False
    ((pictures, queries, keys),) = shapes
    return bool(pictures == 1 and queries == keys and grid_of(keys - prefix_tokens(model), picture) is not None)
