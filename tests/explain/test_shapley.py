"""KernelSHAP against Shapley's formula by brute force, against captum, and on functions whose values are known."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from captum.attr import KernelShap as Captum
from torch import nn

from core.errors import BrickbenchError
from explain.methods import create_method
from explain.perturbation.kernel_shap import coalitions, shapley_values


def brute_force(players: int, value: dict[tuple[int, ...], float]) -> np.ndarray:
    found = np.zeros(players)
    for player in range(players):
        others = [other for other in range(players) if other != player]
        for size in range(players):
            for subset in combinations(others, size):
                weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
                with_player = tuple(sorted((*subset, player)))
                found[player] += weight * (value[with_player] - value[subset])
    return found


@pytest.mark.parametrize("players", [1, 2, 3, 4, 7])
def test_all_coalitions_give_the_exact_values(players: int) -> None:
    rng = np.random.default_rng(players)
    subsets = [subset for size in range(players + 1) for subset in combinations(range(players), size)]
    games = [{subset: float(rng.normal()) for subset in subsets} for _ in range(3)]
    masks, weights = coalitions(players, 1000, rng)
    assert len(masks) == max(0, 2**players - 2) == len(np.unique(masks, axis=0))
    outputs = np.array([[game[tuple(np.flatnonzero(mask))] for game in games] for mask in masks]).reshape(-1, 3)
    empty = np.array([game[()] for game in games])
    whole = np.array([game[tuple(range(players))] for game in games])
    found = shapley_values(masks, outputs, weights, empty, whole)
    for place, game in enumerate(games):
        np.testing.assert_allclose(found[:, place], brute_force(players, game), atol=1e-10)


def test_all_coalitions_have_the_kernels_weights() -> None:
    masks, weights = coalitions(6, 62, np.random.default_rng(0))
    sizes = masks.sum(axis=1)
    kernel = np.array([5 / (math.comb(6, size) * size * (6 - size)) for size in sizes])
    np.testing.assert_allclose(weights, kernel / kernel.sum())


@pytest.mark.parametrize(("players", "num_samples"), [(12, 60), (30, 200), (60, 1000)])
def test_samples_come_in_pairs_and_give_sums_exactly(players: int, num_samples: int) -> None:
    rng = np.random.default_rng(1)
    masks, weights = coalitions(players, num_samples, rng)
    assert len(masks) <= num_samples
    assert weights.sum() == pytest.approx(1)
    rows = {mask.tobytes() for mask in masks}
    assert rows == {(~mask).tobytes() for mask in masks}
    assert len(rows) == len(masks)
    assert not {0, players} & set(masks.sum(axis=1))
    share = rng.normal(size=(players, 2))
    found = shapley_values(masks, masks @ share + 3.0, weights, np.full(2, 3.0), share.sum(axis=0) + 3.0)
    np.testing.assert_allclose(found, share, atol=1e-9)


def test_samples_come_near_the_exact_values() -> None:
    players, rng = 10, np.random.default_rng(2)
    pairs = rng.normal(size=(players, players)) / 3

    def game(masks: np.ndarray) -> np.ndarray:
        data = masks.astype(float)
        return ((data @ pairs) * data).sum(axis=1, keepdims=True) + np.tanh(data.sum(axis=1, keepdims=True) - 5)

    ends = game(np.array([[False] * players, [True] * players]))
    values = []
    for count in (1022, 200):
        masks, weights = coalitions(players, count, rng)
        values.append(shapley_values(masks, game(masks), weights, ends[0], ends[1]))
        assert values[-1].sum() == pytest.approx(ends[1, 0] - ends[0, 0])
    np.testing.assert_allclose(values[1], values[0], atol=0.15 * np.abs(values[0]).max())


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(BrickbenchError, match=r"^KernelSHAP needs at least two samples .*: 60 for 30, not 59\."):
        coalitions(30, 59, np.random.default_rng(0))
    with pytest.raises(BrickbenchError, match=r"^2 coalitions do not tell 3 superpixels apart: raise num_samples\.$"):
        shapley_values(np.array([[1, 0, 0], [0, 1, 1]], bool), np.ones((2, 1)), np.ones(2), np.zeros(1), np.ones(1))


class Bends(nn.Module):
    """Two logits of weighted sums of pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)) / 30)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        sums = (images[:, None] * self.weights).sum(dim=(2, 3, 4))
        return torch.stack([sums[:, 0], torch.tanh(sums[:, 0]) * sums[:, 1]], dim=1)


def test_the_method_agrees_with_captum() -> None:
    rng = np.random.default_rng(1)
    blocks = np.kron(rng.random((2, 3, 3)), np.ones((12, 8, 1)))
    image = torch.from_numpy(blocks.transpose(2, 0, 1)).float()[None].contiguous()
    model = Bends()
    method = create_method(
        "kernel_shap", model, mean=(0, 0, 0), std=(1, 1, 1), segmentation="felzenszwalb", sigma=0, hide_color="mean"
    )
    (maps,) = method.attribute(image, [[1, 0]])
    assert len(np.unique(maps[0])) == 6
    logits, hidden = (model(picture).detach().numpy()[0] for picture in (image, torch.zeros_like(image)))
    for found, label in zip(maps, (1, 0), strict=True):
        assert found[::12, ::8].sum() == pytest.approx(logits[label] - hidden[label], rel=1e-5)
    areas = torch.arange(6).reshape(2, 3).repeat_interleave(12, 0).repeat_interleave(8, 1)[None]
    torch.manual_seed(0)
    expected = Captum(model).attribute(image, target=0, feature_mask=areas, n_samples=400)[0, 0].detach().numpy()
    np.testing.assert_allclose(maps[1], expected, atol=2e-3 * np.abs(expected).max())
    moved = method.attribute(torch.cat([image.flip(3), image]), [[0], [0]])[1]
    np.testing.assert_allclose(moved[0], maps[1], atol=1e-7)
