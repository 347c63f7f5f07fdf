"""FullGrad's terms: completeness, a loop over biases, and the enlargement that keeps sums."""

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from explain.gradients.fullgrad import BiasTerms, enlarged, full_gradient
from explain.gradients.pixel_gradients import each_gradient
from explain.methods import create_method


def small(activation: nn.Module) -> nn.Sequential:
    """Return a network with every kind of bias, in float64."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), activation, nn.MaxPool2d(3, 2), nn.Conv2d(4, 5, 3), activation,
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(20, 6), activation, nn.Linear(6, 2),
    ).double()  # fmt: skip
    model[1].running_mean.normal_()  # type: ignore[operator, union-attr]
    model[1].running_var.uniform_(0.5, 2)  # type: ignore[operator, union-attr]
    return model.eval()


def pictures() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()


def totals(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the maps of class 1 add up to, and the terms that have no place, (N,) each."""
    watch, found = BiasTerms(), []

    def keep(_turn: int, _rows: object, gradients: Tensor) -> None:
        placed = full_gradient(images, gradients, watch.terms).sum(dim=(1, 2))
        found.append(
            (
                placed,
                sum(term.flatten(1).sum(dim=1) if term.ndim > 1 else term for term in watch.terms if term.ndim != 3),
            )
        )

    each_gradient(model, images, [[1]] * len(images), keep, lambda: watch)
    return found[0]


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.ReLU(inplace=True), nn.LeakyReLU(0.2), nn.ReLU6(), nn.SiLU(), nn.Hardswish(), nn.Sigmoid()],
)
def test_all_terms_add_up_to_the_logit(activation: nn.Module) -> None:
    model, images = small(activation), pictures()
    placed, without_place = totals(model, images)
    with torch.no_grad():
        torch.testing.assert_close(placed + without_place, model(images)[:, 1], rtol=1e-10, atol=1e-10)
    assert without_place.abs().min() > 1e-4  # the dense layers' biases


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050"])  # gates: products of what the picture makes
def test_all_terms_add_up_in_whole_networks(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=2).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[operator, union-attr]
            nn.init.normal_(module.bias, 0, 0.1)
    images = pictures()
    placed, without_place = totals(model, images)
    with torch.no_grad():
        torch.testing.assert_close(placed + without_place, model(images)[:, 1], rtol=1e-8, atol=1e-9)


def test_a_map_is_what_a_loop_over_biases_gives() -> None:
    model, images = small(nn.ReLU()), pictures()[:1]
    (maps,) = create_method("fullgrad", model).attribute(images, [[1]])
    values, expected = images.clone().requires_grad_(True), 0.0
    held: list[Tensor] = []
    for layer in model:
        values = layer(values)
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            bias = layer.bias - layer.running_mean * layer.weight / torch.sqrt(layer.running_var + layer.eps)
        elif isinstance(layer, nn.Conv2d):
            assert layer.bias is not None
            bias = layer.bias
        else:
            continue
        added = bias.detach()[None, :, None, None].expand_as(values).clone().requires_grad_(True)
        held.append(added)
        values = values - bias.detach()[None, :, None, None] + added
    gradients = torch.autograd.grad(values[0, 1], held)
    for added, gradient in zip(held, gradients, strict=True):
        expected += float((added.detach() * gradient).sum())
    image = images.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(model(image)[0, 1], image)
    assert maps.sum() == pytest.approx(expected + float((images * slope).sum()), rel=1e-5)


@pytest.mark.parametrize(("shape", "size"), [((3, 4), (9, 8)), ((7, 5), (16, 23)), ((6, 6), (6, 6)), ((1, 1), (4, 5))])
def test_the_enlargement_keeps_each_values_sum_and_its_place(shape: tuple[int, int], size: tuple[int, int]) -> None:
    for row in range(shape[0]):
        for column in range(shape[1]):
            one = torch.zeros(1, *shape, dtype=torch.float64)
            one[0, row, column] = 1
            large = enlarged(one, size)[0]
            assert float(large.sum()) == pytest.approx(1)
            middle = [
                (float((large.sum(dim=1 - axis) * (torch.arange(size[axis]) + 0.5)).sum())) / size[axis]
                for axis in (0, 1)
            ]
            assert middle == pytest.approx([(row + 0.5) / shape[0], (column + 0.5) / shape[1]], abs=0.5 / max(size))


def test_the_enlargement_is_bilinear_where_sizes_divide() -> None:
    maps = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    expected = nn.functional.interpolate(maps[None], scale_factor=4, mode="bilinear")[0] / 16
    torch.testing.assert_close(enlarged(maps, (16, 12)), expected)


def test_a_batch_is_what_its_pictures_are_alone() -> None:
    method, images = create_method("fullgrad", small(nn.SiLU())), pictures()
    together = method.attribute(images, [[0, 1], [1]])
    for place, asked in enumerate([[0, 1], [1]]):
        (alone,) = method.attribute(images[place : place + 1], [asked])
        np.testing.assert_allclose(together[place], alone, rtol=1e-5, atol=1e-8)
