"""GradientSHAP: captum's of the same draws, integrated gradients in the mean, and how it draws."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import SettingsError
from explain.gradients.gradient_shap import GradientShap
from explain.methods import METHODS, create_method
from explain.references.reference import load_reference, network_copy, quiet
from explain.verify import relative_difference


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.Softplus(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(54, 8), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(8, 3)).double().eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1)).double()


def test_equals_captum_of_the_same_draws(model: nn.Module, images: Tensor) -> None:
    method = create_method("gradient_shap", model, num_samples=5)
    with quiet():
        theirs = load_reference(METHODS["gradient_shap"].reference).maps(
            network_copy(model), method.settings, images[0], [2, 0]
        )
    (own,) = method.attribute(images[:1], [[2, 0]])
    assert max(map(relative_difference, own, theirs)) < 1e-6


def test_from_one_grey_its_mean_is_integrated_gradients(model: nn.Module, images: Tensor) -> None:
    (many,) = create_method("gradient_shap", model, num_samples=400, darkest=0.3, lightest=0.3).attribute(
        images[:1], [[1]]
    )
    (path,) = create_method("integrated_gradients", model, baseline=0.3).attribute(images[:1], [[1]])
    assert relative_difference(many[0], path[0]) < 1e-3


def test_on_the_mean_values_add_up_to_what_the_picture_has_over_the_greys(model: nn.Module, images: Tensor) -> None:
    method = create_method("gradient_shap", model, num_samples=400)
    assert isinstance(method, GradientShap)
    (maps,) = method.attribute(images[:1], [[0, 1]])
    starts, _ = method.draws(images[0])
    with torch.no_grad():
        expected = model(images[:1])[0] - model(starts.double().expand(-1, -1, 12, 12)).mean(dim=0)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), expected[:2].numpy(), rtol=0.05)


def test_draws_come_from_the_picture_and_the_seed_one_from_each_range(model: nn.Module, images: Tensor) -> None:
    method = create_method(
        "gradient_shap", model, num_samples=8, darkest=0.2, lightest=0.6, mean=(0, 0, 0), std=(1, 1, 1)
    )
    assert isinstance(method, GradientShap)
    starts, shares = method.draws(images[0])
    assert sorted((shares * 8).long().tolist()) == list(range(8))
    assert sorted(((starts[:, 0, 0, 0] - 0.2) / 0.4 * 8).long().tolist()) == list(range(8))
    assert torch.equal(starts[:, 0], starts[:, 2])  # grey
    again, other = method.draws(images[0].clone()), method.draws(images[1])
    assert torch.equal(again[1], shares)
    assert not torch.equal(other[1], shares)
    reseeded = create_method("gradient_shap", model, num_samples=8, seed=1)
    assert isinstance(reseeded, GradientShap)
    assert not torch.equal(reseeded.draws(images[0])[1], shares)


def test_neither_company_nor_order_matters(model: nn.Module, images: Tensor) -> None:
    method = create_method("gradient_shap", model, num_samples=4)
    together = method.attribute(images, [[0, 1], [1]])
    np.testing.assert_array_equal(method.attribute(images.flip(0), [[1], [0, 1]])[0], together[1])


def test_greys_the_wrong_way_round_are_refused(model: nn.Module) -> None:
    with pytest.raises(SettingsError, match="darkest is lighter than lightest"):
        create_method("gradient_shap", model, darkest=0.8, lightest=0.2)
