"""Class activation maps against pytorch-grad-cam's before its rescaling, and what they must leave as it was."""

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from explain.cam.eigencam import first_component
from explain.cam.layers import to_grid
from explain.methods import METHODS, create_method
from explain.references.reference import load_reference, network_copy, quiet
from explain.verify import relative_difference
from training.network.models import create_model, last_conv_layer

NAMES = [name for name, row in METHODS.items() if row.family == "class activation"]
COSTLY = ("scorecam", "ablationcam")
"""A pass a channel, without a way back."""
TIMM = {"resnet": "resnet10t", "mobilenet": "mobilenetv3_small_050", "efficientnet": "tf_efficientnet_lite0"}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "bricknet":
        return create_model("bricknet", 4, width=0.06, stem_stride=2).eval()
    if name == "vit":
        return timm.create_model("vit_tiny_patch16_224", num_classes=4, img_size=64, depth=2).eval()
    return timm.create_model(TIMM[name], num_classes=4).eval()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build("bricknet")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "architecture"),
    [(name, network) for name in NAMES for network in ("bricknet", "mobilenet", "vit")]
    + [(name, network) for name in NAMES for network in ("resnet", "efficientnet") if name not in COSTLY]
    # "efficientnet" would take half a minute with Score-CAM
    + [pytest.param(name, "resnet", marks=pytest.mark.slow) for name in COSTLY],
)
def test_equals_the_library_before_its_rescaling(name: str, architecture: str, images: Tensor) -> None:
    model = build(architecture)
    layer = None if architecture == "vit" else last_conv_layer(model)[0]
    method, reference = create_method(name, model, layer=layer), load_reference(METHODS[name].reference)
    classes = [[0, 3], [], [2]]
    maps = method.attribute(images, classes)
    for image, asked, own in zip(images, classes, maps, strict=True):
        assert (len(own), own.dtype) == (len(asked), np.float32)
        if asked:
            with quiet():
                expected = reference.maps(network_copy(model), method.settings, image, asked)
            for one, other in zip(own, expected, strict=True):
                # The library keeps logits in float32, of which a channel of 512 is a small part.
                assert relative_difference(one, other) <= (1e-4 if name == "ablationcam" else 1e-5)


def test_tokens_are_laid_out_row_by_row(images: Tensor) -> None:
    tokens = torch.randn(3, 17, 8, generator=torch.Generator().manual_seed(2))
    grid = to_grid(tokens, build("vit"), "norm", images)
    torch.testing.assert_close(grid, tokens[:, 1:].unflatten(1, (4, 4)).permute(0, 3, 1, 2))


@pytest.mark.parametrize("name", NAMES)
def test_batch_equals_single(name: str, network: nn.Module, images: torch.Tensor) -> None:
    method = create_method(name, network)
    together = method.attribute(images, [[0, 1], [1], [3, 0]])
    for place, wanted in enumerate([[0, 1], [1], [3, 0]]):
        (single,) = method.attribute(images[place : place + 1], [wanted])
        np.testing.assert_allclose(together[place], single, rtol=1e-4, atol=1e-5 * np.abs(single).max())


@pytest.mark.parametrize("name", NAMES)
def test_an_activation_in_place_after_the_layer_changes_nothing(name: str, images: torch.Tensor) -> None:
    def chain(inplace: bool) -> nn.Sequential:
        torch.manual_seed(0)
        tail = [nn.ReLU(inplace=inplace), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 2)]
        return nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), *tail)

    plain, in_place = (create_method(name, chain(flag), layer="0") for flag in (False, True))
    for one, other in zip(plain.attribute(images, [[0, 1]] * 3), in_place.attribute(images, [[0, 1]] * 3), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "layer", "grid"),  # convolutional networks: tests/explain/test_layers.py
    [
        ("vit_tiny_patch16_224", "blocks.11.norm1", (4, 4)),
        ("swin_tiny_patch4_window7_224", "layers.3.blocks.1.norm1", (2, 2)),
    ],
)
def test_the_layer_is_found_in_transformers(name: str, layer: str, grid: tuple[int, int], images: torch.Tensor) -> None:
    method = create_method("gradcam", timm.create_model(name, num_classes=2, img_size=64))
    assert method.settings.layer == layer  # type: ignore[attr-defined]
    assert method.attribute(images[:1], [[1]])[0].shape == (1, *grid)


def test_channels_of_a_network_in_a_wrapper_are_where_it_says(images: torch.Tensor) -> None:
    sizes = {"depths": (1, 1), "embed_dim": 24, "num_heads": (1, 2), "img_size": 64}
    model = create_model("swin_tiny_patch4_window7_224", 2, **sizes)  # (N, h, w, channels)
    (expected,), (found,) = (
        create_method("gradcam", network).attribute(images[:1], [[0, 1]]) for network in (model, nn.Sequential(model))
    )
    np.testing.assert_array_equal(found, expected)


def test_what_is_not_finite_has_no_component_and_others_keep_theirs() -> None:
    maps = torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(0))
    expected = first_component(maps)[0]
    maps[1, 2, 0, 0] = torch.inf
    found = first_component(maps)
    torch.testing.assert_close(found[0].abs(), expected.abs())
    assert found[1].isnan().all()


def hooks_of(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())


@pytest.mark.parametrize("name", NAMES)
def test_leaves_the_network_as_it_was(name: str, images: torch.Tensor) -> None:
    network = build("bricknet")
    network.train()
    network.norm1.eval()  # type: ignore[union-attr]
    network.conv1.weight.requires_grad_(False)  # type: ignore[union-attr]
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    create_method(name, network).attribute(images, [[0]] * 3)
    assert network.training
    assert not network.norm1.training  # type: ignore[union-attr]
    assert not network.conv1.weight.requires_grad  # type: ignore[union-attr]
    assert network.conv2.weight.requires_grad  # type: ignore[union-attr]
    assert all(weight.grad is None for weight in network.parameters())
    assert hooks_of(network) == 0
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


class Breaks(nn.Module):
    """Raises after its convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.norm(self.conv(images))
        raise RuntimeError("broken")


class BreaksOnTheWayBack(Breaks):
    """Gives logits whose backward pass raises."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = self.norm(self.conv(images)).mean(dim=(2, 3))
        if logits.requires_grad:
            logits.register_hook(self._break)
        return logits

    def _break(self, _gradient: Tensor) -> None:
        raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, Breaks) for name in NAMES]
    + [(name, BreaksOnTheWayBack) for name in NAMES if name not in {*COSTLY, "eigencam"}],
)
def test_leaves_the_network_as_it_was_when_it_raises(name: str, kind: type[Breaks], images: torch.Tensor) -> None:
    model = kind().train()
    model.norm.eval()
    model.conv.bias.requires_grad_(False)  # type: ignore[union-attr]
    seen: list[object] = []
    handle = model.conv.register_forward_hook(lambda *_: seen.append(None))
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with pytest.raises((BrickbenchError, RuntimeError), match="broken"):
        create_method(name, model, layer="conv").attribute(images[:1], [[0]])
    assert (model.training, model.conv.training, model.norm.training) == (True, True, False)
    assert (model.conv.weight.requires_grad, model.conv.bias.requires_grad) == (True, False)  # type: ignore[union-attr]
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert hooks_of(model) == 1  # the user's own
    assert seen
    handle.remove()
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_works_inside_inference_mode(network: nn.Module, images: torch.Tensor) -> None:
    outside = create_method("gradcam", network).attribute(images, [[0]] * 3)
    with torch.inference_mode():
        inside = create_method("gradcam", network).attribute(images, [[0]] * 3)
    np.testing.assert_array_equal(outside, inside)


def test_wrong_use_is_told_clearly(network: nn.Module, images: torch.Tensor) -> None:
    with pytest.raises(SettingsError, match=r"^BrickNet has no layer 'conv55' \(did you mean 'conv5'\?\)"):
        create_method("gradcam", network, layer="conv55")
    method = create_method("gradcam", network)
    with pytest.raises(BrickbenchError, match=r"^Each image needs its list of classes: 3 images came with 2 lists\.$"):
        method.attribute(images, [[0], [1]])
    with pytest.raises(BrickbenchError, match=r"^Class 4 was asked for; the network has classes 0 to 3\.$"):
        method.attribute(images[:1], [[4]])
    with pytest.raises(BrickbenchError, match=r"^Layer 'dense1' does not give one stack of maps"):
        create_method("gradcam", network, layer="dense1").attribute(images[:1], [[0]])
    shared = nn.ReLU()
    reused = nn.Sequential(nn.Conv2d(3, 2, 3), shared, nn.Conv2d(2, 2, 3), shared, nn.Flatten(), nn.LazyLinear(2))
    reused(images)
    with pytest.raises(
        BrickbenchError, match=r"^Layer '1' should run once a forward pass and give one tensor; it gave 2"
    ):
        create_method("gradcam", reused, layer="1").attribute(images, [[0]] * 3)
    assert hooks_of(network) == hooks_of(reused) == 0
