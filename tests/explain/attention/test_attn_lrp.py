"""AttnLRP against relevance handed back layer by layer, as the paper writes it, and what each rule conserves."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from explain.attention.attn_lrp import AttentionRules
from explain.methods import create_method
from explain.verify import relative_difference


def small(**settings: Any) -> Any:
    """Return a transformer of random weights: 4 patches, 2 blocks, 3 classes."""
    torch.manual_seed(0)
    sizes = {"img_size": 8, "patch_size": 4, "embed_dim": 6, "depth": 2, "num_heads": 2, "mlp_ratio": 2}
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, **sizes | settings)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.5)
    return model.double().eval().requires_grad_(False)


class ByHand:
    """A forward pass that remembers, and relevance on the way back, by the paper's formulas and not by gradients."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def dense(self, x: Tensor, layer: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        weight = layer.weight.flatten(1)
        z = x @ weight.T + layer.bias
        return z, lambda relevance: torch.stack(
            [sum((x[:, i] * weight[j, i] / z[:, j] * relevance[:, j] for j in range(len(weight))), torch.zeros(()))
             for i in range(x.shape[1])], dim=1,
        )  # fmt: skip

    def norm(self, x: Tensor, layer: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        width = x.shape[1]
        deviation = (x.var(dim=1, unbiased=False, keepdim=True) + layer.eps).sqrt()
        y = (x - x.mean(dim=1, keepdim=True)) / deviation * layer.weight + layer.bias

        def back(relevance: Tensor) -> Tensor:
            share = torch.zeros_like(x)
            for i in range(width):
                for k in range(width):
                    part = x[:, i] * ((i == k) - 1 / width) * layer.weight[k] / deviation[:, 0]
                    share[:, i] += part / y[:, k] * relevance[:, k]
            return share

        return y, back

    def head(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, ...]]]:
        scores = q @ k.T
        weights = scores.softmax(dim=1)
        out = weights @ v

        def back(relevance: Tensor) -> tuple[Tensor, ...]:
            of_weights, of_values = product(weights, v, out, relevance)
            of_scores = scores * (of_weights - weights * of_weights.sum(dim=1, keepdim=True))
            of_queries, of_keys = product(q, k.T, scores, of_scores)
            return of_queries, of_keys.T, of_values

        return out, back

    def attention(self, x: Tensor, layer: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        mixed, back_mixed = self.dense(x, layer.qkv)
        parts = mixed.reshape(len(x), 3, layer.num_heads, layer.head_dim)
        outs, backs = zip(
            *(self.head(parts[:, 0, h] * layer.scale, parts[:, 1, h], parts[:, 2, h]) for h in range(layer.num_heads)),
            strict=True,
        )
        out, back_out = self.dense(torch.cat(outs, dim=1), layer.proj)

        def back(relevance: Tensor) -> Tensor:
            of_heads = back_out(relevance).reshape(len(x), layer.num_heads, layer.head_dim)
            shares = torch.stack([torch.stack(one(of_heads[:, h]), dim=1) for h, one in enumerate(backs)], dim=2)
            return back_mixed(shares.reshape(len(x), -1))

        return out, back

    def mlp(self, x: Tensor, layer: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        hidden, back_first = self.dense(x, layer.fc1)
        out, back_second = self.dense(functional.gelu(hidden), layer.fc2)
        return out, lambda relevance: back_first(back_second(relevance))

    def residual(self, x: Tensor, norm: Any, layer: Any, inner: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        normal, back_norm = self.norm(x, norm)
        added, back_inner = inner(normal, layer)
        total = x + added
        return total, lambda relevance: x / total * relevance + back_norm(back_inner(added / total * relevance))

    def relevance(self, image: Tensor, index: int) -> Tensor:
        """Return the map of one class, (8, 8)."""
        model, backs = self.model, []
        patches = functional.unfold(image[None], 4, stride=4)[0].T  # (4, 3 * 16)
        cells, back_cells = self.dense(patches, model.patch_embed.proj)
        tokens = torch.cat([model.cls_token[0], cells])
        placed = tokens + model.pos_embed[0]
        x = placed
        for block in model.blocks:
            x, back = self.residual(x, block.norm1, block.attn, self.attention)
            backs.append(back)
            x, back = self.residual(x, block.norm2, block.mlp, self.mlp)
            backs.append(back)
        x, back = self.norm(x, model.norm)
        backs.append(back)
        logits, back_head = self.dense(x[:1], model.head)
        start = torch.zeros_like(logits)
        start[0, index] = logits[0, index]
        relevance = torch.zeros_like(x)
        relevance[:1] = back_head(start)
        for back in reversed(backs):
            relevance = back(relevance)
        of_cells = (tokens / placed * relevance)[1:]
        pixels = functional.fold(back_cells(of_cells).T[None], 8, 4, stride=4)[0]
        assert torch.allclose(logits[0], model(image[None])[0])
        return pixels.sum(dim=0)


def product(a: Tensor, b: Tensor, out: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Return what each of two factors of a matrix product gets: half of each summand's share."""
    of_a, of_b = torch.zeros_like(a), torch.zeros_like(b)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for d in range(b.shape[1]):
                half = a[i, j] * b[j, d] / (2 * out[i, d]) * relevance[i, d]
                of_a[i, j] += half
                of_b[j, d] += half
    return of_a, of_b


@pytest.mark.parametrize("fused", [True, False])
def test_equals_relevance_that_is_handed_back_by_hand(fused: bool) -> None:
    model = small()
    for block in model.blocks:
        block.attn.fused_attn = fused
    image = torch.randn(3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (own,) = create_method("attn_lrp", model).attribute(image[None], [[0, 2]])
    for index, found in zip((0, 2), own, strict=True):
        assert relative_difference(found, ByHand(small()).relevance(image, index).numpy()) < 1e-6


@pytest.mark.parametrize(
    ("network", "settings"),
    [("vit_tiny_patch16_224", {"global_pool": "avg"}), ("test_vit3", {"global_pool": "map"}), ("test_vit4", {})],
)
def test_fused_attention_gets_what_its_steps_would(network: str, settings: dict[str, Any]) -> None:
    maps, logits = [], []
    for fused in (True, False):
        torch.manual_seed(0)
        sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "num_heads": 3, "depth": 2}
        model: Any = timm.create_model(network, num_classes=2, **sizes | settings).double().eval()
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.3)
        for module in model.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = fused
        image = torch.randn(1, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        maps.append(create_method("attn_lrp", model).attribute(image, [[0, 1]])[0])
        with torch.no_grad(), AttentionRules():
            logits.append(model(image))
        torch.testing.assert_close(logits[-1], model(image).detach())
    assert relative_difference(*maps) < 1e-5


def handed_back(work: Callable[..., Tensor], *values: Tensor) -> tuple[float, list[float]]:
    """Return the sum of what `work` gives, and the relevance that each of its values gets of it."""
    leaves = [value.clone().requires_grad_(True) for value in values]
    with AttentionRules():
        total = work(*leaves).sum()
    gradients = torch.autograd.grad(total, leaves)
    return float(total.detach()), [
        float((one.detach() * gradient).sum()) for one, gradient in zip(leaves, gradients, strict=True)
    ]


A, B = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0)).double()
ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "silu": functional.silu,
    "layer_norm": lambda x: functional.layer_norm(x, (5,), torch.arange(1.0, 6.0).double()),
    "rms_norm": lambda x: functional.rms_norm(x, (5,), torch.arange(1.0, 6.0).double(), 1e-6),
    "spelled out": lambda x: x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-6),
    "dense": lambda x: functional.linear(x, B),
    "constant": lambda x: x @ B.T,
}
TWO: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "matmul": lambda a, b: a @ b.T,
    "einsum": lambda a, b: torch.einsum("ij,kj->ik", a, b),
    "product": lambda a, b: a * b,
    "in place": lambda a, b: a.clone().mul_(b),
}


@pytest.mark.parametrize("name", ONE)
def test_what_has_one_input_hands_on_all_relevance(name: str) -> None:
    total, (share,) = handed_back(ONE[name], A)
    assert share == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("name", TWO)
def test_products_share_their_relevance_in_halves(name: str) -> None:
    total, shares = handed_back(TWO[name], A, B)
    assert shares == pytest.approx([total / 2, total / 2])


def test_softmax_loses_what_its_offset_has() -> None:
    scores = A[0].clone().requires_grad_(True)
    with AttentionRules():
        weights = scores.softmax(dim=0)
    (gradient,) = torch.autograd.grad((weights * B[0]).sum(), scores)
    relevance = weights.detach() * B[0]  # of the weights; proposition 3.1
    expected = A[0] * (relevance - weights.detach() * relevance.sum())
    np.testing.assert_allclose(A[0] * gradient, expected)
