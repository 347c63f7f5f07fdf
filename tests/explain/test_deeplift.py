"""DeepLIFT: completeness in float64, captum's maps where captum has them, and rules worked by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from explain.gradients.deeplift import Recorded, RescaleRules
from explain.gradients.pixel_gradients import class_gradients
from explain.methods import METHODS, create_method
from explain.references.reference import NoReferenceError, load_reference, network_copy, quiet
from training.network.models import create_model


def shares(model: nn.Module, images: Tensor, plain: Tensor, index: int) -> Tensor:
    """Return what each value of images (N, 3, H, W) gives to the difference from the logit of `plain` (1, 3, H, W)."""
    recorded = Recorded()
    class_gradients(model, plain, [[]], lambda: recorded)
    found = class_gradients(model, images, [[index]] * len(images), lambda: RescaleRules(recorded.records))
    return (images - plain) * torch.cat(found)


def pictures(side: int = 32) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1)).double()


def chain(activation: Callable[[], nn.Module], pool: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), activation(), pool, nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), activation()]
    tail = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 6), activation(), nn.Linear(6, 3)]
    return nn.Sequential(*layers, *tail).double().eval()


class Functions(nn.Module):
    """Rectifiers called as functions, in place and twice, a gate, and windows that overlap."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.conv2, self.gate = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 1)
        self.act, self.head = nn.SiLU(inplace=True), nn.Linear(6, 3)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.leaky_relu(self.conv1(images), 0.1, inplace=True), 3, 2)
        x = x + self.act(self.act(self.conv2(x)))
        x = x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
        x = functional.relu6(5 * x).clamp(0.1, 4) + torch.maximum(x, torch.zeros(()))
        return self.head(functional.adaptive_max_pool2d(x, 2).mean((2, 3)))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "functions": Functions,
    "bricknet": lambda: create_model("bricknet", 3, width=0.05, stem_stride=2),
    "resnet": lambda: timm.create_model("resnet10t", num_classes=3),
    "mobilenet": lambda: timm.create_model("mobilenetv3_small_050", num_classes=3),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("flat", [True, False])
def test_shares_add_up_to_the_difference_of_the_logits(name: str, flat: bool) -> None:
    torch.manual_seed(0)
    model, images = NETWORKS[name]().double().eval(), pictures(48)
    plain = torch.full((1, 3, 48, 48), 0.3).double() if flat else pictures(48).flip(3)[1:]
    with torch.no_grad():
        difference = (model(images) - model(plain))[:, 2]
    found = shares(model, images, plain, 2).sum(dim=(1, 2, 3))
    torch.testing.assert_close(found, difference, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("baseline", ["mean", 0.0, 0.7])
def test_a_map_adds_up_to_what_the_picture_has_over_the_plain_one(baseline: str | float) -> None:
    model, images = Functions().double().eval(), pictures()
    method = create_method("deeplift", model, baseline=baseline)
    colour = (0.485, 0.456, 0.406) if baseline == "mean" else (baseline,) * 3
    grey = (torch.tensor(colour) - torch.tensor((0.485, 0.456, 0.406))) / torch.tensor((0.229, 0.224, 0.225))
    plain = grey.double()[None, :, None, None].expand(1, 3, 32, 32)
    with torch.no_grad():
        expected = (model(images) - model(plain))[:, 1].numpy()
    maps = np.concatenate(method.attribute(images, [[1], [1]]))
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), expected, rtol=1e-5)
    start, added = method.add_up(images[0], maps)  # type: ignore[attr-defined]
    torch.testing.assert_close(start.double(), plain[0], atol=1e-6, rtol=0)
    np.testing.assert_allclose(added, maps.sum(axis=(1, 2), dtype=np.float64))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus])
def test_equals_captum(activation: type[nn.Module]) -> None:
    model, images = chain(activation, nn.AvgPool2d(2)), pictures()
    method, reference = create_method("deeplift", model), load_reference(METHODS["deeplift"].reference)
    reference.check(model, images[0])
    with quiet():
        expected = reference.maps(network_copy(model), method.settings, images[0], [2, 0])
    (own,) = method.attribute(images[:1], [[2, 0]])
    np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1.0, 5.0, 2.0), [0.0, 3.0, 0.0]),  # both windows' maximum: 5 and 5 instead of 4 and 3
        ((1.0, 0.0, 2.0), [-3.0, 0.0, -1.0]),  # 1 and 2
    ],
)
def test_a_rise_counts_where_the_maximum_lies_and_a_fall_where_it_lay(
    values: tuple[float, ...], expected: list[float]
) -> None:
    head = nn.Linear(2, 1, bias=False).double()
    nn.init.ones_(head.weight)
    model = nn.Sequential(nn.MaxPool2d((1, 2), 1), nn.Flatten(), head)
    picture, plain = (torch.tensor(row).double().reshape(1, 1, 1, 3) for row in (values, (4.0, 0.0, 3.0)))
    assert shares(model, picture, plain, 0).flatten().tolist() == pytest.approx(expected)


def test_a_fall_below_a_flat_window_counts_where_the_maximum_is_now() -> None:
    values = torch.tensor([[[[-1.0, -3.0], [-2.0, -4.0]]]]).double()
    found = shares(nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), values, torch.zeros(1, 1, 2, 2).double(), 0)
    assert found[0, 0].tolist() == [[-1.0, 0.0], [0.0, 0.0]]


def test_products_and_saturation_by_hand() -> None:
    class Gate(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            first, second = images[:, 0].flatten(1), images[:, 1].flatten(1)
            return first * second + functional.relu6(10 * first)

    picture, plain = (torch.tensor(pair).double().reshape(1, 2, 1, 1) for pair in ((3.0, 5.0), (1.0, 2.0)))
    # 3 x 5 - 1 x 2 = 13 = (3 - 1) (5 + 2) / 2 + (5 - 2) (3 + 1) / 2; ReLU6 is 6 on both: nothing
    assert shares(Gate(), picture, plain, 0).flatten().tolist() == [7.0, 6.0]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (chain(nn.ReLU, nn.MaxPool2d(2)), "MaxPool2d"),
        (chain(nn.SiLU, nn.AvgPool2d(2)), "SiLU"),
        (Functions().double(), "leaky_relu"),
    ],
)
def test_networks_that_captum_does_not_know_have_no_reference(model: nn.Module, reason: str) -> None:
    with pytest.raises(NoReferenceError, match=reason):
        load_reference(METHODS["deeplift"].reference).check(model, pictures()[0])
