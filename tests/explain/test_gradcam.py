"""Grad-CAM against the library's own output, autograd by hand, and what it must leave as it was."""

import numpy as np
import pytest
import timm
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from core.errors import BrickbenchError, SettingsError
from explain.methods import create_method
from training.models import create_model


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return create_model("bricknet", 4, width=0.06, stem_stride=2).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def by_hand(model: nn.Module, layer: nn.Module, image: torch.Tensor, index: int, pooling: str) -> np.ndarray:
    kept: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda _m, _i, output: kept.append(output))
    logit = model(image[None])[0, index]
    handle.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    weights = gradient.mean(dim=(2, 3)) if pooling == "mean" else gradient.amax(dim=(2, 3))
    return (weights[:, :, None, None] * kept[0]).sum(dim=1)[0].detach().numpy()


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_equals_autograd_by_hand(network: nn.Module, images: torch.Tensor, pooling: str) -> None:
    classes = [[0, 3], [], [2]]
    maps = create_method("gradcam", network, pooling=pooling).attribute(images, classes)
    signed = create_method("gradcam", network, pooling=pooling, relu=False).attribute(images, classes)
    assert [len(found) for found in maps] == [2, 0, 1]
    for image, wanted, found, raw in zip(images, classes, maps, signed, strict=True):
        assert found.dtype == np.float32
        for place, index in enumerate(wanted):
            expected = by_hand(network, network.act5, image, index, pooling)
            np.testing.assert_allclose(raw[place], expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(found[place], np.maximum(expected, 0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["bricknet", "resnet18"])
def test_rescaled_it_is_the_librarys(name: str, images: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = (
        create_model("bricknet", 4, width=0.06, stem_stride=2)
        if name == "bricknet"
        else timm.create_model(name, num_classes=4)
    ).eval()
    method = create_method("gradcam", model)
    (raw,) = method.attribute(images[:1], [[2]])
    layer = model.get_submodule(method.settings.layer)  # type: ignore[attr-defined]
    library = GradCAM(model, [layer])
    expected = library(images[:1], [ClassifierOutputTarget(2)])
    library.activations_and_grads.release()
    np.testing.assert_allclose(scale_cam_image(scale_cam_image(raw, (64, 64))), expected, atol=1e-5)


def test_batch_equals_single(network: nn.Module, images: torch.Tensor) -> None:
    method = create_method("gradcam", network)
    together = method.attribute(images, [[0, 1], [1], [3, 0]])
    for place, wanted in enumerate([[0, 1], [1], [3, 0]]):
        (single,) = method.attribute(images[place : place + 1], [wanted])
        np.testing.assert_allclose(together[place], single, rtol=1e-5, atol=1e-6)


def test_an_activation_in_place_after_the_layer_changes_nothing(images: torch.Tensor) -> None:
    def build(inplace: bool) -> nn.Sequential:
        torch.manual_seed(0)
        tail = [nn.ReLU(inplace=inplace), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 2)]
        return nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), *tail)

    plain, in_place = (create_method("gradcam", build(flag), layer="0") for flag in (False, True))
    for one, other in zip(plain.attribute(images, [[0, 1]] * 3), in_place.attribute(images, [[0, 1]] * 3), strict=True):
        np.testing.assert_array_equal(one, other)


def hooks_of(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())


def test_leaves_the_network_as_it_was(network: nn.Module, images: torch.Tensor) -> None:
    network.train()
    network.norm1.eval()  # type: ignore[union-attr]
    network.conv1.weight.requires_grad_(False)  # type: ignore[union-attr]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        create_method("gradcam", network).attribute(images, [[0]] * 3)
        assert network.training
        assert not network.norm1.training  # type: ignore[union-attr]
        assert not network.conv1.weight.requires_grad  # type: ignore[union-attr]
        assert network.conv2.weight.requires_grad  # type: ignore[union-attr]
        assert all(weight.grad is None for weight in network.parameters())
        assert hooks_of(network) == 0
        assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    finally:
        network.eval()
        network.conv1.weight.requires_grad_(True)  # type: ignore[union-attr]


class Breaks(nn.Module):
    """Raises after its convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.conv(images)
        raise RuntimeError("broken")


@pytest.mark.parametrize("name", ["gradcam", "lime"])
def test_leaves_the_network_as_it_was_when_it_raises(name: str, images: torch.Tensor) -> None:
    model = Breaks().train()
    settings: dict[str, object] = {"layer": "conv"} if name == "gradcam" else {"num_samples": 4}
    with pytest.raises(RuntimeError, match="broken"):
        create_method(name, model, **settings).attribute(images[:1], [[0]])
    assert model.training
    assert model.conv.weight.requires_grad
    assert hooks_of(model) == 0


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
    assert hooks_of(network) == 0
