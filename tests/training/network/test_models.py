"""The paper's network layer by layer, networks by name, and the layer that Grad-CAM reads."""

import math
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from core.errors import BrickbenchError, SettingsError
from dataset.loading.randomness import WEIGHTS, seeded_torch
from training.network.bricknet import NEGATIVE_SLOPE, BrickNet
from training.network.models import check_input_size, create_model, last_conv_layer, normalisation


def small(**more: object) -> BrickNet:
    model = create_model("bricknet", 5, **({"width": 0.05} | more))
    assert isinstance(model, BrickNet)
    return model


def test_bricknet_has_the_papers_layers_in_the_order_of_alexnets() -> None:
    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.Linear, nn.LeakyReLU)
    order: list[str] = []
    model = small()
    for module in model.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda module, _, __: order.append(type(module).__name__))
    model(torch.zeros(2, 3, 64, 64))
    layers = [name for name in order if name in {"Conv2d", "MaxPool2d", "Linear"}]
    assert layers == [
        "Conv2d", "MaxPool2d", "Conv2d", "MaxPool2d", "Conv2d", "Conv2d", "Conv2d", "MaxPool2d", *["Linear"] * 3
    ]  # fmt: skip
    assert order.count("BatchNorm2d") == 3
    assert order.count("LeakyReLU") == 7  # every hidden layer


def test_bricknet_at_full_width_is_alexnets_size() -> None:
    with torch.device("meta"):
        model = BrickNet(num_classes=85)
        assert model.forward_features(torch.zeros(1, 3, 224, 224)).shape == (1, 256, 6, 6)
        assert model(torch.zeros(1, 3, 224, 224)).shape == (1, 85)
    widths = [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [96, 256, 384, 384, 256]
    assert [m.out_features for m in model.modules() if isinstance(m, nn.Linear)] == [4096, 4096, 85]


def test_bricknet_speaks_timm() -> None:
    assert "bricknet" in timm.list_models()
    model = timm.create_model("bricknet", num_classes=3, width=0.05, drop_rate=0.5, in_chans=1)
    assert model.default_cfg is model.pretrained_cfg
    assert (model.default_cfg["input_size"], model.default_cfg["classifier"]) == ((3, 224, 224), "dense3")
    assert model.num_classes == 3
    assert model.get_classifier() is model.dense3
    assert (model.drop1.p, model.drop2.p) == (0.5, 0.5)
    images = torch.zeros(2, 1, 70, 64)
    model.reset_classifier(9)
    assert model(images).shape == (2, 9)
    model.reset_classifier(0)
    assert model(images).shape == (2, model.head_hidden_size)
    features = model.forward_features(images)
    assert features.shape[1] == model.num_features
    assert torch.equal(model.eval().forward_head(features, pre_logits=True), model.forward_head(features))


@pytest.mark.parametrize(("stride", "smallest"), [(4, 63), (2, 35), (1, 21)])
def test_smallest_picture(stride: int, smallest: int) -> None:
    model = small(stem_stride=stride)
    assert model.min_input_px == smallest
    check_input_size(model, "bricknet", smallest, 5)
    message = (
        rf"^bricknet does not take pictures of {smallest - 1} px: bricknet with stem_stride {stride} needs pictures of "
        rf"at least {smallest} px\. Choose another input_size_px, or tell the network, as in "
        rf"`model_kwargs: {{img_size: {smallest - 1}}}`\.$"
    )
    with pytest.raises(SettingsError, match=message):
        check_input_size(model, "bricknet", smallest - 1, 5)


def test_first_activations_keep_their_scale() -> None:
    """Kaiming initialisation for leaky ReLU: no layer's output dies out or explodes before training."""
    with seeded_torch(0, WEIGHTS):
        model = create_model("bricknet", 5, width=0.3)
        images = torch.randn(8, 3, 224, 224)
    spread: list[float] = []
    for name in ("conv3", "conv4", "conv5", "dense1", "dense2"):
        model.get_submodule(name).register_forward_hook(lambda _, __, output: spread.append(output.std().item()))
    with torch.no_grad():
        logits = model(images)
    assert all(0.3 < value < 3 for value in spread), spread
    assert logits.abs().max() < 2
    assert model.act1.negative_slope == NEGATIVE_SLOPE


def test_same_seed_same_weights_and_torchs_generator_untouched() -> None:
    before = torch.random.get_rng_state()
    models = []
    for seed in (0, 0, 1):
        with seeded_torch(seed, WEIGHTS):
            models.append(small().state_dict())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
    assert not torch.equal(models[0]["conv1.weight"], models[2]["conv1.weight"])


def test_unknown_names_and_arguments() -> None:
    with pytest.raises(SettingsError, match=r"^Unknown model 'briknet' \(did you mean 'bricknet'\?\); give 'bricknet'"):
        create_model("briknet", 3)
    with pytest.raises(SettingsError, match=r"^Unknown model 'hf-hub:timm/resnet18'"):
        create_model("hf-hub:timm/resnet18", 3)
    with pytest.raises(SettingsError, match=r"^bricknet cannot be built with the arguments {'depth': 3}: .*depth"):
        create_model("bricknet", 3, depth=3)
    with pytest.raises(SettingsError, match=r"^bricknet cannot be built .*: width -1 must be above 0"):
        create_model("bricknet", 3, width=-1)
    with pytest.raises(SettingsError, match=r"^Networks start untrained: leave `pretrained` out of model_kwargs\.$"):
        create_model("resnet18", 3, pretrained=True)
    with pytest.raises(SettingsError, match=r"^A network needs at least 1 class; 0 were asked for\.$"):
        create_model("bricknet", 0)


def test_normalisation_is_the_networks_own() -> None:
    assert normalisation(small()) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert normalisation(create_model("test_resnet", 2))[0] == (0.5, 0.5, 0.5)
    assert normalisation(nn.Linear(1, 1))[0] == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("name", "kwargs", "layer"),
    [
        ("bricknet", {"width": 0.05}, "act5"),
        ("resnet10t", {}, "layer4"),  # a convolution of its shortcut runs last
        ("seresnet18", {}, "layer4"),  # squeeze and excitation has convolutions of one pixel
        (
            "densenet121",
            {"block_config": (1, 1, 2, 2), "growth_rate": 8},
            "features",
        ),  # the last convolution gives a few of the channels
        ("mobilenetv3_small_050", {}, "blocks"),  # a 1x1 convolution follows the global pooling
        ("test_efficientnet", {}, "bn2"),
        ("test_convnext", {}, "stages"),  # channels stand last within its blocks
    ],
)
def test_layer_for_grad_cam(name: str, kwargs: dict[str, Any], layer: str) -> None:
    model = create_model(name, 2, **kwargs).train()
    found, module = last_conv_layer(model)
    assert found == layer
    assert model.get_submodule(layer) is module
    assert model.training
    assert not any(m._forward_hooks for m in model.modules())


def test_bricknet_layer_for_grad_cam_is_the_same_at_every_size() -> None:
    model = small()
    assert {last_conv_layer(model, size)[0] for size in (64, 96, 112, 128, 224, 300)} == {"act5"}
    assert not any(getattr(module, "inplace", False) for module in model.modules())


def test_no_layer_for_grad_cam() -> None:
    message = r"^VisionTransformer has no stack of convolutions for Grad-CAM: choose a convolutional network\.$"
    model = create_model("vit_tiny_patch16_224", 2, depth=1)
    with pytest.raises(BrickbenchError, match=message):
        last_conv_layer(model)
    with pytest.raises(SettingsError, match=r"^vit_tiny_patch16_224 does not take pictures of 64 px: .*img_size: 64"):
        check_input_size(model, "vit_tiny_patch16_224", 64, 2)
    check_input_size(create_model("vit_tiny_patch16_224", 2, depth=1, img_size=64), "vit", 64, 2)


def test_hooks_are_removed_when_the_network_raises() -> None:
    model = small()
    with pytest.raises(ValueError, match="at least 63 px"):
        last_conv_layer(model, 20)
    assert not any(m._forward_hooks for m in model.modules())
    assert math.isfinite(model(torch.zeros(2, 3, 64, 64)).sum().item())


@pytest.mark.parametrize("name", ["checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"])
def test_a_checkpoints_arguments_may_name_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"may name no files or downloads: leave {name} out"):
        create_model("resnet18", 2, **{name: str(tmp_path / "x.pth")})
