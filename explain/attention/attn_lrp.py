"""AttnLRP: layer-wise relevance propagation with rules for attention and normalisation.

In terms of relevance divided by activation, the epsilon rule of dense layers, convolutions and sums (with an epsilon
of 0) and Deep Taylor's rule for softmax hand back their gradient already, so that nothing is ever divided. What is left
are products of two things, which share their relevance, and functions of one thing, which hand on all of it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from explain.attention.weights import AttentionSettings, require_attention
from explain.gradients.pixel_gradients import PixelGradients, input_x_gradient
from explain.gradients.rules import CallMode, bends, hand_on
from explain.protocol import MethodRow

NAME = "attn_lrp"
PRODUCTS: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum, torch.mul, Tensor.mul,
        Tensor.mul_, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__, torch.multiply, Tensor.multiply,
    }
)  # fmt: skip


class AttentionRules(CallMode):
    """While it lasts, what is computed hands back relevance divided by activation instead of gradients.

    Source: Achtibat et al. 2024, propositions 3.1 to 3.4, in the form of their library's efficient version, which for
    transformers without a gamma rule is the same backward pass. It watches calls, not modules: fused attention stays
    fused, and nothing is hooked into the network.
    """

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`; the values are its own, the backward pass follows its rule."""
        if func is functional.scaled_dot_product_attention:
            return func(*_halved(*args[:3]), *args[3:], **named)
        if func is functional.layer_norm:
            return _layer_norm(*args, **named)
        if func is functional.rms_norm:
            return _rms_norm(*args, **named)
        if func in (torch.rsqrt, Tensor.rsqrt):  # of normalisations that are spelled out
            return func(*args, **named).detach()
        if bends(func, args):
            return hand_on(func, args, named)
        result = func(*args, **named)
        if func in PRODUCTS and sum(one.requires_grad for one in _tensors(args)) > 1:
            result.register_hook(lambda gradient: 0.5 * gradient)
        return result


def _tensors(args: tuple[Any, ...]) -> list[Tensor]:
    """Return the factors of a product: `torch.einsum` may take them as one list."""
    flat = [one for arg in args for one in (arg if isinstance(arg, list | tuple) else (arg,))]
    return [one for one in flat if isinstance(one, Tensor)]


def _halved(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what attention is made of: weights and values share in halves, and so do queries and keys.

    A factor that is a constant gets nothing, and the other all.
    """
    of_weights = 0.5 if value.requires_grad else 1.0
    return (
        _shared(query, of_weights * (0.5 if key.requires_grad else 1.0)),
        _shared(key, of_weights * (0.5 if query.requires_grad else 1.0)),
        _shared(value, 0.5 if query.requires_grad or key.requires_grad else 1.0),
    )


def _shared(tensor: Tensor, share: float) -> Tensor:
    """Return `tensor`, which here gets only a share of its gradient."""
    alias = tensor.view_as(tensor)
    if alias.requires_grad:
        alias.register_hook(lambda gradient: share * gradient)  # type: ignore[no-untyped-call]
    return alias


def _layer_norm(
    tokens: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Return ``layer_norm`` with its deviation as a constant (the identity rule); the mean is a sum like any other."""
    dims = list(range(-len(normalized_shape), 0))
    centred = tokens - tokens.mean(dim=dims, keepdim=True)
    normal = centred * (centred.detach().square().mean(dim=dims, keepdim=True) + eps).rsqrt()
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def _rms_norm(tokens: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Return ``rms_norm`` with its root mean square as a constant."""
    dims, least = list(range(-len(normalized_shape), 0)), torch.finfo(tokens.dtype).eps if eps is None else eps
    normal = tokens * (tokens.detach().square().mean(dim=dims, keepdim=True) + least).rsqrt()
    return normal if weight is None else normal * weight


def _bound(model: nn.Module, settings: AttentionSettings) -> PixelGradients:
    """Return the method for `model`; raises NotForNetworkError if it does not attend."""
    require_attention(NAME, model, settings.input_size_px, of_all_tokens=False)
    return PixelGradients(input_x_gradient, lambda _settings: AttentionRules, model, settings)


ROW = MethodRow(
    NAME, "AttnLRP", "method", "attention", _bound, AttentionSettings, "bilinear", signed=True, images_at_once=16,
    cost="1 forward, K backward", source="Achtibat et al. 2024", unit="logit",
    note="for transformers; biases, the class token and places' own codes absorb some of the logit",
    claims=("place", "class", "sign", "mass"),
)  # fmt: skip
