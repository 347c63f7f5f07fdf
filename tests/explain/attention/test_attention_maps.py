"""Attention rollout, Chefer's attribution and LeGrad against the papers' formulas on weights that hooks keep."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from core.errors import BrickbenchError
from explain.attention.weights import OpenAttention
from explain.bulk import explain_run
from explain.methods import METHODS, create_method
from explain.protocol import NotForNetworkError
from explain.verify import relative_difference
from training.network.models import create_model, input_size_of
from training.run.run import Run

SIZE = {"patch_size": 8, "embed_dim": 24, "num_heads": 3, "depth": 3}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "class token": ("vit_tiny_patch16_224", SIZE),
    "mean of patches": ("vit_tiny_patch16_224", SIZE | {"class_token": False, "global_pool": "avg"}),
    "mean without class token": ("vit_tiny_patch16_224", SIZE | {"global_pool": "avg"}),
    "registers": ("vit_tiny_patch16_224", SIZE | {"reg_tokens": 4}),
    "distillation token": ("deit_tiny_distilled_patch16_224", SIZE),
}
READ = {
    "class token": [0], "mean of patches": list(range(16)), "mean without class token": list(range(1, 17)),
    "registers": [0], "distillation token": [0, 1],
}  # fmt: skip
PREFIX = {"mean of patches": 0, "registers": 5, "distillation token": 2}
CLASSES = [[0, 3], [], [2]]
ATTENTION = [name for name, row in METHODS.items() if row.family == "attention"]


def build(kind: str) -> Any:
    """Return a network of random weights with 16 patches and 4 classes."""
    torch.manual_seed(0)
    name, settings = NETWORKS[kind]
    model = timm.create_model(name, num_classes=4, img_size=32, **settings)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model.double().eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def hooked(model: Any, image: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Return logits, and each block's weights (heads, T, T) and tokens, from timm's own attention that is not fused."""
    weights: list[Tensor] = []
    tokens: list[Tensor] = []
    for block in model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _module, inputs, _output: weights.append(inputs[0]))
        block.register_forward_hook(lambda _module, _inputs, output: tokens.append(output))
    return model(image[None])[0], weights, tokens


def rollout(kind: str, image: Tensor, _index: int) -> Tensor:
    """Return R of each token for each: the product of the blocks' matrices."""
    _, weights, _ = hooked(build(kind), image)
    joined = torch.eye(weights[0].shape[-1], dtype=torch.float64)
    for one in weights:
        with_itself = one[0].mean(dim=0) + torch.eye(len(joined))
        joined = with_itself / with_itself.sum(dim=-1, keepdim=True) @ joined
    return joined[READ[kind]].mean(dim=0)


def chefer(kind: str, image: Tensor, index: int) -> Tensor:
    """Return what the authors' loop does."""
    logits, weights, _ = hooked(build(kind), image)
    gradients = torch.autograd.grad(logits[index], weights)
    relevance = torch.eye(weights[0].shape[-1], dtype=torch.float64)
    for one, gradient in zip(weights, gradients, strict=True):
        relevance = relevance + (one * gradient)[0].clamp(min=0).mean(dim=0) @ relevance
    return relevance[READ[kind]].mean(dim=0)


def legrad(kind: str, image: Tensor, index: int) -> Tensor:
    """Return the sum over blocks, each with a backward pass of its own through the network as it is."""
    model = build(kind)
    _, weights, tokens = hooked(model, image)
    total = torch.zeros(weights[0].shape[-1], dtype=torch.float64)
    for one, left in zip(weights, tokens, strict=True):
        own = model.forward_head(model.norm(left))[0, index]
        (gradient,) = torch.autograd.grad(own, one, retain_graph=True)
        total += gradient[0].clamp(min=0).mean(dim=(0, 1))
    return total


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(("name", "formula"), [("attention_rollout", rollout), ("chefer", chefer), ("legrad", legrad)])
def test_equals_the_papers_formula_on_weights_that_hooks_keep(
    name: str, formula: Any, kind: str, images: Tensor
) -> None:
    found = create_method(name, build(kind)).attribute(images, CLASSES)
    assert [maps.shape for maps in found] == [(2, 4, 4), (0, 4, 4), (1, 4, 4)]
    for image, asked, maps in zip(images, CLASSES, found, strict=True):
        for index, own in zip(asked, maps, strict=True):
            expected = formula(kind, image, index)[PREFIX.get(kind, 1) :].reshape(4, 4).detach().numpy()
            assert np.ptp(expected) > 0
            assert relative_difference(own, expected) < 1e-6


@pytest.mark.parametrize("kind", NETWORKS)
def test_opened_attention_gives_the_same_logits_and_weights_that_add_up_to_1(kind: str, images: Tensor) -> None:
    model = build(kind)
    assert all(block.attn.fused_attn for block in model.blocks)
    with torch.no_grad(), OpenAttention() as attention:
        opened = model(images)
    np.testing.assert_allclose(opened, model(images).detach(), rtol=1e-10)
    assert len(attention.weights) == 3
    for weights in attention.weights:
        np.testing.assert_allclose(weights.sum(dim=-1), 1.0)


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": torch.ones(5, 5).tril() > 0},
        {"attn_mask": torch.arange(25.0).reshape(5, 5).sin()}, {"enable_gqa": True},
    ],
)  # fmt: skip
def test_opened_attention_equals_the_fused_call(settings: dict[str, Any]) -> None:
    stream = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, 5, 6, generator=stream)
    key, value = (torch.randn(2, 2 if "enable_gqa" in settings else 4, 5, 6, generator=stream) for _ in range(2))
    expected = nn.functional.scaled_dot_product_attention(query, key, value, **settings)
    with OpenAttention():
        own = nn.functional.scaled_dot_product_attention(query, key, value, **settings)
    torch.testing.assert_close(own, expected)


@pytest.mark.parametrize("name", ATTENTION)
def test_the_network_is_left_as_it_was(name: str, images: Tensor) -> None:
    model = build("class token").train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    create_method(name, model).attribute(images, CLASSES)
    assert all(module.training for module in model.modules())
    assert all(block.attn.fused_attn for block in model.blocks)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert torch.overrides._len_torch_function_stack() == 0


@pytest.mark.parametrize("name", ATTENTION)
def test_nothing_stays_in_force_where_the_network_raises(name: str, images: Tensor) -> None:
    model = build("class token")
    method = create_method(name, model)
    model.head.forward = lambda _tokens: 1 / 0
    with pytest.raises(ZeroDivisionError):
        method.attribute(images, CLASSES)
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.overrides._len_torch_function_stack() == 0
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("name", ATTENTION)
def test_neither_company_nor_order_matters(name: str, images: Tensor) -> None:
    method = create_method(name, build("class token"))
    maps = method.attribute(images, [[0, 1], [1], [3, 0]])
    turned = method.attribute(images.flip(0), [[0, 3], [1], [1]])
    np.testing.assert_allclose(turned[0][::-1], maps[2], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(turned[2][0], maps[0][1], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize(("network", "settings"), [("bricknet", {"width": 0.05}), ("test_resnet", {})])
def test_a_network_without_attention_is_refused(name: str, network: str, settings: dict[str, Any]) -> None:
    model = create_model(network, 2, **settings)
    with pytest.raises(NotForNetworkError) as refused:
        create_method(name, model, input_size_px=64)
    assert str(refused.value) == (
        f"Method {name} reads attention weights; {network} has none: choose a method of another family, such as "
        "gradcam."
    )


@pytest.mark.parametrize("name", ["attention_rollout", "chefer", "legrad"])
@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("swin_tiny_patch4_window7_224", {"depths": (1, 1), "embed_dim": 24, "num_heads": (1, 2)}),
        ("test_vit3", {}),  # pools by attention
        ("vit_small_patch16_18x2_224", {"depth": 1, "embed_dim": 24, "num_heads": 2}),  # two at once
    ],
)
def test_other_attention_than_one_a_block_of_all_tokens_is_refused(
    name: str, network: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(NotForNetworkError, match=rf"^Method {name} reads .* once a block; {network} attends within "):
        create_method(name, create_model(network, 2, **settings))


def test_legrad_wants_a_head_for_each_blocks_tokens() -> None:
    model = build("mean of patches")
    del model.norm
    model.forward_features = lambda pictures, **_settings: model.blocks(model.patch_embed(pictures))
    create_method("chefer", model)
    with pytest.raises(NotForNetworkError, match=r"^Method legrad applies the head to .*: choose chefer\.$"):
        create_method("legrad", model)


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_in_a_wrapper_is_explained_like_itself(name: str, kind: str, images: Tensor) -> None:
    wrapped = create_method(name, nn.Sequential(nn.Identity(), build(kind))).attribute(images, CLASSES)
    for found, expected in zip(wrapped, create_method(name, build(kind)).attribute(images, CLASSES), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_legrad_refuses_logits_that_were_changed_after_the_head(images: Tensor) -> None:
    method = create_method("legrad", nn.Sequential(build("class token"), nn.Tanh()))
    with pytest.raises(BrickbenchError, match=r"^Method legrad .* the logits of Sequential are not what that "):
        method.attribute(images, CLASSES)


@pytest.mark.parametrize("name", ATTENTION)
def test_a_network_that_does_not_take_the_picture_it_is_tried_on_is_refused(name: str) -> None:
    class Strict(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            return pictures.reshape(-1, 3 * 16 * 16).softmax(dim=-1)

    with pytest.raises(BrickbenchError, match=r"^Strict does not take pictures of 17 x 17 pixels, on which its atten"):
        create_method(name, Strict(), input_size_px=17)


def test_a_transformer_of_another_size_than_its_name_says_so() -> None:
    assert input_size_of(create_model("vit_tiny_patch16_224", 2, img_size=64, depth=1)) == 64
    assert input_size_of(create_model("vit_tiny_patch16_224", 2, depth=1)) == 224


def test_a_bulk_run_refuses_before_any_map_is_made(own_trained: Path) -> None:
    run = Run.open(own_trained / "runs" / "toy")
    with pytest.raises(NotForNetworkError, match=r"^Method chefer reads attention weights; bricknet has none: "):
        explain_run(run, {"random": {}, "chefer": {}}, limit=1, device="cpu")
    assert not list((run.folder).glob("attributions/*/*.npy"))
