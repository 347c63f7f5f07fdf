"""Random logit and complexity rise: which maps keep their class and their structure, beside scipy."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import entropy, spearmanr
from torch import nn

from evaluation.faithfulness.complexity_rise import RiseSettings, complexity_rise, histogram_entropy
from evaluation.faithfulness.protocol import Maps, Reexplainer, SeededSettings
from evaluation.faithfulness.random_logit import RANDOM_LOGIT, random_logit
from evaluation.faithfulness.unlearned import Unlearned

Make = Callable[..., Maps]


def by(maps: Maps, method: str) -> Maps:
    return replace(maps, reexplainer=Reexplainer(method, {}, maps.network.model))


class TwoLogits(nn.Module):
    """Both logits are sums of the pixels, with other weights."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(classes, 3 * 144, generator=torch.Generator().manual_seed(0)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.weights.T


def test_random_logit_is_the_rank_correlation_with_the_other_of_two_classes(asked: Make) -> None:
    maps = replace(by(asked(model=TwoLogits()), "input_x_gradient"), classes=np.array([0, 1, 1]))
    assert maps.reexplainer is not None
    own, other = (maps.reexplainer.explain(maps.images, classes) for classes in ([0, 1, 1], [1, 0, 0]))
    expected = [spearmanr(one.ravel(), two.ravel())[0] for one, two in zip(own, other, strict=True)]
    np.testing.assert_allclose(random_logit(maps, SeededSettings())[0], expected, atol=1e-6)


def test_a_map_without_a_class_fails_and_one_class_has_no_other(asked: Make) -> None:
    values, chance = random_logit(by(asked(), "edges"), SeededSettings())
    assert values.tolist() == pytest.approx([1.0] * 3)
    assert chance.tolist() == [0.0] * 3
    alone = replace(by(asked(model=TwoLogits(1)), "input_x_gradient"), classes=np.zeros(3, dtype=np.int64))
    assert np.isnan(random_logit(alone, SeededSettings())[0]).all()
    assert RANDOM_LOGIT.lacking is not None
    assert RANDOM_LOGIT.lacking[1](alone, SeededSettings()).all()
    assert not RANDOM_LOGIT.lacking[1](asked(), SeededSettings()).any()


class Replaced(Unlearned):
    """Makes one network, whatever is asked for."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def cascade(self, stages: int, _seed: int) -> list[nn.Module]:
        assert stages == 1
        return [self._network]


def test_entropy_of_a_histogram_by_hand_and_beside_scipy() -> None:
    quarters = np.array([[0, 0, 0, 1]], dtype=np.float32)
    assert histogram_entropy(quarters, 10) == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    drawn = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    assert histogram_entropy(drawn, 100) == pytest.approx(entropy(np.histogram(drawn, 100)[0]), rel=1e-3)
    assert histogram_entropy(np.ones((3, 3), dtype=np.float32), 100) == 0
    assert np.isnan(histogram_entropy(np.full((3, 3), np.inf, dtype=np.float32), 100))


def test_a_map_rises_in_complexity_with_a_network_that_looks_everywhere(asked: Make) -> None:
    one_place, everywhere = TwoLogits(4), TwoLogits(4)
    with torch.no_grad():
        one_place.weights[:, 5:] = 0
    maps = replace(by(asked(model=one_place), "input_x_gradient"), unlearned=Replaced(everywhere))
    assert maps.reexplainer is not None
    classes = maps.classes.tolist()
    before, after = (
        np.array([histogram_entropy(one, 100) for one in maps.reexplainer.explain(maps.images, classes, network)])
        for network in (one_place, everywhere)
    )
    values, _ = complexity_rise(maps, RiseSettings())
    np.testing.assert_allclose(values, after / before - 1)
    assert (values > 1).all()
    assert complexity_rise(by(maps, "edges"), RiseSettings())[0].tolist() == [0.0] * 3
    assert np.isnan(complexity_rise(by(maps, "uniform"), RiseSettings())[0]).all()
    assert np.isnan(complexity_rise(replace(maps, reexplainer=None), RiseSettings())[0]).all()
