"""Infidelity, monotonicity and completeness: beside captum, scipy and loops, and of maps that are exactly right."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from numpy.typing import NDArray
from scipy.stats import spearmanr
from tiny import network_of, quick_settings
from torch import Tensor, nn

from evaluation.faithfulness.completeness import COMPLETENESS, completeness
from evaluation.faithfulness.infidelity import InfidelitySettings, _draw, infidelity
from evaluation.faithfulness.monotonicity import MonotonicitySettings, monotonicity
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.protocol import Maps, Reexplainer
from evaluation.measure import NoSettings
from explain.methods import METHODS, create_method
from explain.protocol import SummingMethod

Make = Callable[..., Maps]


class Curved(nn.Module):
    """Four logits that no map can foretell exactly."""

    def __init__(self, size: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(1)
        self.first = nn.Parameter(torch.randn(8, 3, size, size, generator=rng) / size)
        self.second = nn.Parameter(torch.randn(4, 8, generator=rng))

    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh(torch.einsum("nchw,kchw->nk", images, self.first)) @ self.second.T


def exact(maps: Maps) -> NDArray[np.float64]:
    """Return what each pixel gives to a network that sums: weight x value, over the channels."""
    weights = maps.network.model.weights.detach()[maps.classes]  # type: ignore[operator,union-attr]
    return np.asarray((weights * maps.images).sum(dim=1).double().numpy())


def test_infidelity_is_that_of_captum_over_the_mean_square(asked: Make) -> None:
    size, settings = 12, InfidelitySettings(squares=16)
    maps = asked(size=size, model=Curved(size))
    maps = replace(maps, maps=maps.maps + 100 * maps.images.sum(dim=1).double().numpy())
    found, _ = infidelity(maps, settings)
    for row, image in enumerate(maps.images):
        gone = torch.zeros(16, 1, size, size)
        for mask, (top, left, side) in zip(gone, _draw(image, settings), strict=True):
            mask[0, top : top + side, left : left + side] = 1

        def perturb(images: Tensor, gone: Tensor = gone) -> tuple[Tensor, Tensor]:
            return gone.expand(-1, 3, -1, -1), images * (1 - gone)

        def forward(images: Tensor, own: int = int(maps.classes[row])) -> Tensor:
            return maps.network.model(images)[:, own]  # type: ignore[no-any-return]

        spread = torch.from_numpy(maps.maps[row]).float().expand(1, 3, size, size) / 3
        error = captum_infidelity(forward, perturb, image[None], spread, n_perturb_samples=16, normalize=True)
        with torch.no_grad():
            falls = forward(image[None]) - forward(image * (1 - gone))
        expected = float(error) / float(falls.square().mean())
        helps = float((falls * (gone[:, 0] * torch.from_numpy(maps.maps[row])).sum(dim=(1, 2))).mean()) > 0
        assert found[row] == pytest.approx(expected if helps else 1.0, abs=1e-4)


def test_exact_maps_are_without_error_in_any_unit_and_turned_ones_say_nothing(asked: Make) -> None:
    maps = asked()
    right = exact(maps)
    for factor, expected in ((1.0, 0.0), (50.0, 0.0), (-1.0, 1.0)):
        values, _ = infidelity(replace(maps, maps=factor * right), InfidelitySettings())
        np.testing.assert_allclose(values, expected, atol=1e-6)
    assert np.isnan(infidelity(replace(maps, maps=0 * right), InfidelitySettings())[0]).all()


def test_squares_lie_within_the_picture_and_are_of_all_sides(asked: Make) -> None:
    drawn = _draw(asked(size=32).images[0], InfidelitySettings(squares=300))
    assert set(drawn[:, 2].tolist()) == set(range(2, 9))
    assert drawn[:, :2].min() == 0
    assert (drawn[:, :2] + drawn[:, 2:]).max() == 32


def test_monotonicity_is_the_rank_correlation_of_a_loop_over_cells(asked: Make) -> None:
    maps = asked(size=11, model=Curved(11))  # cells of 3, those at two borders of 2
    found, chance = monotonicity(maps, MonotonicitySettings(cells=4))
    for row, image in enumerate(maps.images):
        sums, changes = [], []
        with torch.no_grad():
            logits = [maps.network.model(image[None])[0, int(maps.classes[row])]]
            for top in range(0, 11, 3):
                for left in range(0, 11, 3):
                    picture = image.clone()
                    picture[:, top : top + 3, left : left + 3] = 0
                    changes.append(abs(float(logits[0] - maps.network.model(picture[None])[0, int(maps.classes[row])])))
                    sums.append(abs(maps.maps[row, top : top + 3, left : left + 3].sum()))
        assert found[row] == pytest.approx(spearmanr(sums, changes)[0], abs=1e-6)
    assert chance.tolist() == [0.0] * 3


def test_exact_maps_are_monotone_whatever_their_sign(asked: Make) -> None:
    maps = asked()
    for sign in (1, -1):
        values, _ = monotonicity(replace(maps, maps=sign * exact(maps)), MonotonicitySettings(cells=4))
        np.testing.assert_allclose(values, 1, atol=1e-3)
    assert np.isnan(monotonicity(replace(maps, maps=np.ones((3, 12, 12))), MonotonicitySettings(cells=4))[0]).all()


SUMMING = [name for name, row in METHODS.items() if "sum" in row.claims]


@pytest.mark.parametrize("name", METHODS)
def test_methods_that_claim_a_sum_say_how_to_add_it_up(name: str) -> None:
    method = create_method(name, network_of(name), **quick_settings(name))
    assert isinstance(method, SummingMethod) == (name in SUMMING)


@pytest.mark.parametrize("name", SUMMING)
def test_methods_that_claim_a_sum_are_complete(asked: Make, name: str) -> None:
    size = 24
    maps = asked(count=2, size=size, model=Curved(size))
    reexplainer = Reexplainer(name, {}, maps.network.model)
    values = np.stack(reexplainer.explain(maps.images, maps.classes.tolist())).astype(np.float64)
    found, _ = completeness(replace(maps, maps=values, reexplainer=reexplainer), NoSettings())
    assert (found < 1e-3).all()
    half, _ = completeness(replace(maps, maps=values / 2, reexplainer=reexplainer), NoSettings())
    np.testing.assert_allclose(half, 0.5, atol=1e-3)


def test_integrated_gradients_of_a_sum_are_complete_from_black(asked: Make) -> None:
    maps = asked()
    network = Network(maps.network.model, (0.0,) * 3, (1.0,) * 3)
    settings = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "baseline": 0.0}
    reexplainer = Reexplainer("integrated_gradients", settings, network.model)
    known = replace(maps, network=network, maps=exact(maps), reexplainer=reexplainer)  # black is 0 here
    np.testing.assert_allclose(completeness(known, NoSettings())[0], 0, atol=1e-4)


def test_methods_that_promise_no_sum_have_no_completeness(asked: Make) -> None:
    assert COMPLETENESS.lacking is not None
    for reexplainer in (None, Reexplainer("saliency", {}, asked().network.model)):
        maps = replace(asked(), reexplainer=reexplainer)
        assert np.isnan(completeness(maps, NoSettings())[0]).all()
        assert COMPLETENESS.lacking[1](maps, NoSettings()).all()
