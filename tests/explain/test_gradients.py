"""Gradient methods against captum's, and networks that captum's hooks do not reach."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import BrickbenchError
from explain.gradients.rules import GuidedRectifiers, LrpSettings, RelevanceRules, generalised_gamma
from explain.methods import METHODS, create_method
from explain.protocol import Method
from explain.references.reference import NoReferenceError, load_reference, network_copy, quiet
from explain.verify import relative_difference

GRADIENTS = [
    "saliency", "input_x_gradient", "integrated_gradients", "smoothgrad", "guided_backprop", "guided_gradcam", "lrp",
]  # fmt: skip
EVERY = [*GRADIENTS, "gradient_shap", "fullgrad", "deeplift"]
QUICK: dict[str, dict[str, object]] = {
    "integrated_gradients": {"steps": 6}, "smoothgrad": {"num_samples": 3}, "gradient_shap": {"num_samples": 3},
}  # fmt: skip
CLASSES = [[0, 3], [], [2]]
RULES = ("generalised", "plain")


class Chain(nn.Module):
    """A small network of modules that captum's LRP knows, each used once."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.relu1, self.pool = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)
        self.conv2, self.norm, self.relu2 = nn.Conv2d(8, 12, 3), nn.BatchNorm2d(12), nn.ReLU()
        self.mean, self.dense1, self.relu3 = nn.AdaptiveAvgPool2d(3), nn.Linear(108, 16), nn.ReLU()
        self.dense2 = nn.Linear(16, 4)
        self.norm.running_mean = torch.randn(12) * 0.1
        self.norm.running_var = torch.rand(12) + 0.5

    def forward(self, images: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(images)))
        x = self.mean(self.relu2(self.norm(self.conv2(x))))
        return self.dense2(self.relu3(self.dense1(x.flatten(1))))


class Reusing(Chain):
    """The same values from one ReLU in place that is used twice, and from a function in place."""

    def forward(self, images: Tensor) -> Tensor:
        self.relu1.inplace = True
        x = self.pool(self.relu1(self.conv1(images)))
        x = self.mean(self.relu1(self.norm(self.conv2(x))))
        return self.dense2(functional.relu(self.dense1(x.flatten(1)), inplace=True))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "chain":
        return Chain().eval()
    if name == "vit":
        return timm.create_model("vit_tiny_patch16_224", num_classes=4, img_size=32, depth=2).eval()
    return timm.create_model({"resnet": "resnet10t", "mobilenet": "mobilenetv3_small_050"}[name], num_classes=4).eval()


def of_captum(name: str, method: Method, model: nn.Module, image: Tensor, classes: list[int]) -> np.ndarray:
    """Return captum's maps of one image, (K, H, W), as `explain verify` takes them."""
    reference, copy = load_reference(METHODS[name].reference), network_copy(model)
    reference.check(copy, image)
    with quiet():
        return reference.maps(copy, method.settings, image, classes)


@pytest.mark.parametrize(
    ("name", "architecture"),
    [(name, "chain") for name in GRADIENTS]
    + [(name, "resnet") for name in GRADIENTS if name != "lrp"]
    # captum guides nn.ReLU alone, which these have none of
    + [(name, network) for name in GRADIENTS[:4] for network in ("mobilenet", "vit")],
)
def test_equals_captum(name: str, architecture: str, images: Tensor) -> None:
    precise = torch.float64 if name == "lrp" else torch.float32  # which divides by sums that may be small
    pictures = images.to(precise)
    settings = QUICK.get(name, {}) | ({"rule": "plain"} if name == "lrp" else {})  # the rule that captum has
    method = create_method(name, build(architecture).to(precise), **settings)
    reference = build(architecture).to(precise)
    for image, asked, own in zip(pictures, CLASSES, method.attribute(pictures, CLASSES), strict=True):
        assert own.shape == (len(asked), 32, 32)
        expected = of_captum(name, method, reference, image, asked) if asked else own
        for pair in zip(own, expected, strict=True):
            assert relative_difference(*pair) <= 1e-5


@pytest.mark.parametrize("name", EVERY)
def test_rectifiers_in_place_and_used_twice_change_nothing(name: str, images: Tensor) -> None:
    settings = QUICK.get(name, {}) | ({"layer": "norm"} if name == "guided_gradcam" else {})
    plain = create_method(name, Chain(), **settings).attribute(images, CLASSES)
    reusing = create_method(name, Reusing(), **settings).attribute(images, CLASSES)
    for one, other in zip(plain, reusing, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["saliency", "guided_backprop", "guided_gradcam"])
def test_rectifiers_in_place_and_used_twice_agree_with_captum_of_the_plain_network(name: str, images: Tensor) -> None:
    settings = {"layer": "norm"} if name == "guided_gradcam" else {}
    method = create_method(name, Reusing().eval(), **settings)
    for image, asked, own in zip(images, CLASSES, method.attribute(images, CLASSES), strict=True):
        expected = of_captum(name, method, Chain().eval(), image, asked) if asked else own
        for pair in zip(own, expected, strict=True):
            assert relative_difference(*pair) <= 1e-5


@pytest.mark.parametrize(
    ("name", "model", "reason"),
    [
        ("guided_backprop", Reusing(), "relu"),
        ("guided_gradcam", nn.Sequential(nn.Conv2d(3, 2, 3), nn.SiLU()), "SiLU"),
        ("lrp", Reusing(), "ReLU used twice.*relu"),
        ("lrp", nn.Sequential(nn.Conv2d(3, 2, 3), nn.LeakyReLU()), "LeakyReLU"),
    ],
)
def test_networks_that_captums_hooks_do_not_reach_have_no_reference(
    name: str, model: nn.Module, reason: str, images: Tensor
) -> None:
    with pytest.raises(NoReferenceError, match=reason):
        load_reference(METHODS[name].reference).check(network_copy(model), images[0])


@pytest.mark.parametrize("name", EVERY)
def test_neither_company_nor_order_matters(name: str, images: Tensor) -> None:
    method = create_method(name, Chain(), **QUICK.get(name, {}))
    maps = method.attribute(images, [[0, 1], [1], [3, 0]])
    turned = method.attribute(images.flip(0), [[0, 3], [1], [1]])
    np.testing.assert_allclose(turned[0][::-1], maps[2], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(turned[2][0], maps[0][1], rtol=1e-4, atol=1e-7)


def test_integrated_gradients_add_up(images: Tensor) -> None:
    model = Chain().eval()
    method = create_method("integrated_gradients", model, steps=400, baseline=0.5)
    (maps,) = method.attribute(images[:1], [[0, 2]])
    grey = (0.5 - torch.tensor((0.485, 0.456, 0.406))) / torch.tensor((0.229, 0.224, 0.225))
    with torch.no_grad():
        gained = (model(images[:1]) - model(grey[None, :, None, None].expand(1, 3, 32, 32)))[0, [0, 2]]
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), gained.numpy(), rtol=0.02)


def test_without_gamma_and_with_leaky_relu_relevance_is_input_x_gradient(images: Tensor) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(294, 2))
    lrp = create_method("lrp", model, gamma=0, epsilon=1e-12).attribute(images, [[0, 1]] * 3)
    product = create_method("input_x_gradient", model).attribute(images, [[0, 1]] * 3)
    for one, other in zip(lrp, product, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_contributions_of_the_sign_of_their_sum_are_favoured(images: Tensor) -> None:
    torch.manual_seed(0)
    layer, head = nn.Conv2d(3, 5, 4, stride=4).double(), torch.randn(5, 8, 8, dtype=torch.float64)
    picture = images[:1].double()  # values of both signs

    class Summed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = layer

        def forward(self, pictures: Tensor) -> Tensor:
            return (self.conv(pictures) * head).sum(dim=(1, 2, 3))[:, None]

    expected = np.zeros((32, 32))
    patches = functional.unfold(picture, 4, stride=4)[0].T  # (64 places, 3 x 4 x 4 values)
    for place, values in enumerate(patches):
        for channel, weights in enumerate(layer.weight.detach().flatten(1)):
            total = values @ weights + layer.bias.detach()[channel]  # type: ignore[index]
            parts = values * weights * torch.where(values * weights * total > 0, 1.25, 1.0)
            relevance = total * head[channel].flatten()[place]
            shared = parts / (parts.sum() + layer.bias.detach()[channel]) * relevance  # type: ignore[index]
            row, column = 4 * (place // 8), 4 * (place % 8)
            expected[row : row + 4, column : column + 4] += shared.reshape(3, 4, 4).sum(dim=0).numpy()
    (maps,) = create_method("lrp", Summed(), epsilon=1e-12).attribute(picture, [[0]])
    np.testing.assert_allclose(maps[0], expected, rtol=1e-4, atol=1e-6)


def test_sums_by_which_relevance_is_shared_out_are_never_nearer_to_zero(images: Tensor) -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(6, 3, 5, 5), torch.randn(6)
    for values in (images, images.abs(), -images.abs()):
        result = functional.conv2d(values, weight, bias)
        share = generalised_gamma(partial(functional.conv2d, bias=bias), values, weight, result, 0.5)
        assert bool((share * result >= 0).all())
        assert bool((share.abs() >= result.abs() - 1e-4).all())


def test_where_nothing_is_negative_both_rules_are_one(images: Tensor) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(294, 2))
    both = [create_method("lrp", model, rule=rule).attribute(images.abs(), [[0, 1]] * 3) for rule in RULES]
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("activation", [nn.SiLU, nn.GELU, nn.Hardswish])
@pytest.mark.parametrize("gamma", [0.0, 0.25])
def test_relevance_is_conserved_without_biases(
    activation: Callable[[], nn.Module], gamma: float, images: Tensor
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 5, stride=4, bias=False), activation(), nn.Flatten(), nn.Linear(294, 2, bias=False)
    )
    maps = create_method("lrp", model, gamma=gamma, epsilon=1e-9).attribute(images, [[0, 1]] * 3)
    with torch.no_grad():
        np.testing.assert_allclose(np.stack(maps).sum(axis=(2, 3)), model(images).numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scale", [1, 10, 50])
@pytest.mark.parametrize(
    "rectify", [functional.relu6, lambda x: x.clamp(0, 6), lambda x: functional.hardtanh(x, 0, 6, inplace=True)]
)
def test_saturated_rectifiers_hand_relevance_on(
    rectify: Callable[[Tensor], Tensor], scale: float, images: Tensor
) -> None:
    class Saturates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, 6, 5, stride=4, bias=False)
            self.head = nn.Linear(6, 2, bias=False)

        def forward(self, pictures: Tensor) -> Tensor:
            return self.head(rectify(self.conv(pictures)).mean(dim=(2, 3)))

    model = Saturates().eval()
    maps = create_method("lrp", model, gamma=0, epsilon=1e-9).attribute(images * scale, [[0, 1]] * 3)
    with torch.no_grad():
        expected = model(images * scale).numpy()
    np.testing.assert_allclose(np.stack(maps).sum(axis=(2, 3)), expected, rtol=1e-3, atol=1e-4)


def test_relevance_leaves_indices_as_they_are() -> None:
    with RelevanceRules(LrpSettings()):
        indices = torch.arange(-1, 3).clamp(0, 2)
        assert torch.tensor([1.0, 2.0, 3.0])[indices].tolist() == [1.0, 1.0, 2.0, 3.0]


RECTIFY: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "selu": functional.selu,
    "celu": nn.CELU(),
    "softplus": functional.softplus,
    "rrelu": lambda x: functional.rrelu(x, training=False),
    "threshold": nn.Threshold(0, 0),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min_": lambda x: x.clone().clamp_min_(0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
}


@pytest.mark.parametrize("name", RECTIFY)
def test_every_rectifier_is_guided(name: str) -> None:
    values = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
    with GuidedRectifiers():
        RECTIFY[name](values).backward(torch.tensor([1.0, -1.0, 1.0]))
    assert values.grad is not None
    assert (values.grad[[0, 2]] > 0).all()
    assert values.grad[1] == 0


def test_what_bounds_a_divisor_is_no_rectifier() -> None:
    values = torch.tensor([0.5, 1.0], requires_grad=True)
    with GuidedRectifiers():
        torch.maximum(values.clamp(min=1e-6), torch.full((2,), 1e-6)).backward(torch.tensor([1.0, -1.0]))
    assert values.grad is not None
    assert values.grad.tolist() == [1.0, -1.0]


@pytest.mark.parametrize("name", ["guided_backprop", "guided_gradcam"])
def test_a_detector_of_red_lights_up_on_red(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -0.5, -0.5]).reshape(1, 3, 1, 1))
    image = torch.zeros(1, 3, 8, 8)
    image[0, 0, 2:4, 2:4] = 1
    (maps,) = create_method(name, model, **({"layer": "1"} if name == "guided_gradcam" else {})).attribute(image, [[0]])
    assert maps[0, 2:4, 2:4].min() > 0
    assert maps[0].sum() == pytest.approx(maps[0, 1:5, 1:5].sum(), rel=1e-6)


class Breaks(nn.Module):
    """Raises after its convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, images: Tensor) -> Tensor:
        functional.relu(self.conv(images))
        raise RuntimeError("broken")


class BreaksOnTheWayBack(Breaks):
    """Gives logits whose backward pass raises."""

    def forward(self, images: Tensor) -> Tensor:
        logits = functional.relu(self.conv(images), inplace=True).mean(dim=(2, 3))
        if logits.requires_grad:
            logits.register_hook(self._break)
        return logits

    def _break(self, _gradient: Tensor) -> None:
        raise RuntimeError("broken")


@pytest.mark.parametrize("name", EVERY)
def test_leaves_the_network_as_it_was(name: str, images: Tensor) -> None:
    layer = {"layer": "conv"} if name == "guided_gradcam" else {}
    broken, on_the_way_back = Breaks().train(), BreaksOnTheWayBack().train()
    for model in (broken, on_the_way_back):
        with pytest.raises((BrickbenchError, RuntimeError), match="broken"):
            create_method(name, model, **QUICK.get(name, {}), **layer).attribute(images[:1], [[0]])
        assert torch.is_grad_enabled()
        assert torch.overrides._len_torch_function_stack() == 0  # no rule is left in force
    whole = Chain().train()
    whole.norm.eval()
    before = {key: tensor.clone() for key, tensor in whole.state_dict().items()}
    create_method(name, whole, **QUICK.get(name, {})).attribute(images, [[0]] * 3)
    assert (broken.training, on_the_way_back.training) == (True, True)
    assert (whole.training, whole.norm.training) == (True, False)
    assert all(torch.equal(before[key], tensor) for key, tensor in whole.state_dict().items())
    for model in (broken, on_the_way_back, whole):
        assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
        assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
