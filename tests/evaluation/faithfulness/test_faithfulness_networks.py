"""Stability and sanity checks: against captum and scipy, and what becomes of a network that unlearns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.metrics import sensitivity_max
from scipy.stats import kendalltau, pearsonr, spearmanr
from torch import Tensor

from dataset.pile_dataset import PileDataset
from evaluation.faithfulness.anew import (
    CascadeSettings,
    LabelSettings,
    StabilitySettings,
    label_randomization,
    max_sensitivity,
    model_randomization,
    stage_similarities,
)
from evaluation.faithfulness.order import NEARBY, picture_stream
from evaluation.faithfulness.protocol import Maps, Reexplainer
from evaluation.faithfulness.unlearned import Unlearned, cascade, layers_from_the_top
from evaluation.intervals import interval_over_piles, kendall, pearson, spearman
from training.run.checkpoint import load_checkpoint

Make = Callable[..., Maps]


def test_max_sensitivity_is_that_of_captum(asked: Make) -> None:
    maps = asked()
    reexplainer = Reexplainer("input_x_gradient", {}, maps.network.model)
    found, _ = max_sensitivity(replace(maps, reexplainer=reexplainer), StabilitySettings(samples=4, radius=0.1))

    def attribute(given: tuple[Tensor, ...] | Tensor) -> tuple[Tensor]:
        images = given[0] if isinstance(given, tuple) else given
        classes = np.repeat(maps.classes, len(images) // len(maps.classes)).tolist()
        return (torch.from_numpy(np.stack(reexplainer.explain(images, classes)))[:, None],)

    drawn = [
        picture_stream(0, NEARBY, image).uniform(-0.1, 0.1, (4, *image.shape)).astype(np.float32)
        for image in maps.images
    ]

    def perturb(given: tuple[Tensor, ...] | Tensor) -> Tensor:
        images = given[0] if isinstance(given, tuple) else given
        assert len(images) == 4 * len(drawn)
        return images + torch.from_numpy(np.concatenate(drawn))

    expected = sensitivity_max(attribute, maps.images, perturb_func=perturb, n_perturb_samples=4)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)


def test_a_map_that_ignores_the_picture_does_not_change_at_all(asked: Make) -> None:
    maps = asked()
    constant = replace(maps, reexplainer=Reexplainer("center_gaussian", {}, maps.network.model))
    assert max_sensitivity(constant, StabilitySettings(samples=2))[0].tolist() == [0.0] * 3
    assert np.isnan(max_sensitivity(maps, StabilitySettings(samples=2))[0]).all()  # the oracle explains nothing anew


def test_cascade_makes_layers_new_from_the_logits_down(with_twins: Path) -> None:
    trained = load_checkpoint(with_twins / "runs" / "toy")
    names = layers_from_the_top(trained.model)
    networks = cascade(trained, 3, seed=0)
    before = trained.model.state_dict()
    for stage, network in enumerate(networks, start=1):
        made_new = set(names[: round(len(names) * stage / 3)])
        for key, weights in network.state_dict().items():
            if key.endswith("weight") and weights.ndim > 1:
                assert torch.equal(weights, before[key]) != (key.rpartition(".")[0] in made_new), key
    assert set(names) == made_new
    last = [name for name, module in trained.model.named_modules() if isinstance(module, torch.nn.Linear)][-1]
    assert names[0] == last
    again = cascade(trained, 3, seed=0)[1].state_dict()
    assert all(torch.equal(again[key], weights) for key, weights in networks[1].state_dict().items())


def _of_run(root: Path, method: str) -> Maps:
    from evaluation.faithfulness.network import Network

    run = root / "runs" / "toy"
    trained = load_checkpoint(run)
    pictures = PileDataset(root, "test")
    images = torch.stack([trained.network_input(pictures.image(place)) for place in range(3)])
    return Maps(
        network=Network(trained.model, trained.mean, trained.std),
        images=images,
        classes=np.array([0, 1, 2]),
        maps=np.zeros((3, 48, 48)),
        reexplainer=Reexplainer(method, {}, trained.model),
        unlearned=Unlearned(trained, run),
    )


def test_model_randomisation_is_the_mean_rank_correlation_over_the_stages(with_twins: Path) -> None:
    maps = _of_run(with_twins, "saliency")
    assert maps.reexplainer is not None
    assert maps.unlearned is not None
    found, chance = model_randomization(maps, CascadeSettings(stages=2))
    before = maps.reexplainer.explain(maps.images, [0, 1, 2])
    expected = []
    for network in maps.unlearned.cascade(2, 0):
        after = maps.reexplainer.explain(maps.images, [0, 1, 2], network)
        expected.append([spearmanr(one.ravel(), other.ravel())[0] for one, other in zip(before, after, strict=True)])
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-6)
    assert chance.tolist() == [0.0] * 3


def test_a_baseline_fails_the_sanity_checks_and_a_constant_has_no_value(with_twins: Path) -> None:
    edges = model_randomization(_of_run(with_twins, "edges"), CascadeSettings(stages=2))[0]
    assert edges.tolist() == pytest.approx([1.0] * 3)
    assert np.isnan(model_randomization(_of_run(with_twins, "uniform"), CascadeSettings(stages=2))[0]).all()


def test_a_network_without_a_finite_map_leaves_others_their_values(with_twins: Path) -> None:
    maps = _of_run(with_twins, "input_x_gradient")
    assert maps.reexplainer is not None
    assert maps.unlearned is not None
    broken = maps.unlearned.cascade(2, 0)[1]
    list(broken.parameters())[-1].data[1] = torch.nan  # of class 1's logit
    found = maps.reexplainer.explain(maps.images, [0, 1, 2], broken)
    assert [bool(np.isfinite(one).all()) for one in found] == [True, False, True]
    similar = stage_similarities(maps, [broken, maps.network.model])
    assert np.isnan(similar).tolist() == [[False, False], [True, False], [False, False]]
    np.testing.assert_allclose(similar[:, 1], 1)
    gone = replace(maps, reexplainer=Reexplainer("input_x_gradient", {}, broken))
    assert np.isnan(max_sensitivity(gone, StabilitySettings(samples=2))[0]).tolist() == [False, True, False]


def test_label_randomisation_trains_once_and_keeps_the_network(
    own_twins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = _of_run(own_twins, "saliency")
    found, _ = label_randomization(maps, LabelSettings(epochs=2))
    assert np.isfinite(found).all()
    assert "Training on permuted labels" in capsys.readouterr().err
    kept = own_twins / "runs" / "toy" / "permuted_labels" / "epochs_2-seed_0"
    assert load_checkpoint(kept, "last").epoch == 2
    again = _of_run(own_twins, "saliency")
    np.testing.assert_array_equal(label_randomization(again, LabelSettings(epochs=2))[0], found)
    assert "Training" not in capsys.readouterr().err


def test_correlations_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=12), rng.integers(0, 5, 12).astype(np.float64)
    assert pearson(one, other) == pytest.approx(pearsonr(one, other)[0])
    assert spearman(one, other) == pytest.approx(spearmanr(one, other)[0])
    distinct = rng.permutation(12).astype(np.float64)
    assert kendall(one, distinct) == pytest.approx(kendalltau(one, distinct)[0])  # without ties all taus agree
    assert kendall(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 3)
    for undefined in (np.ones(4), np.full(4, 0.1)):
        assert np.isnan(pearson(undefined, np.arange(4.0)))
    assert np.isnan(pearson(np.ones(1), np.ones(1)))
    assert np.isnan(kendall(np.ones(1), np.ones(1)))


def test_intervals_resample_piles() -> None:
    piles = np.repeat(np.arange(30), 2)
    values = np.repeat(np.random.default_rng(1).normal(size=30), 2)
    found = interval_over_piles(lambda places: float(values[places].mean()), piles, seed=0, resamples=2000)
    spread = values[::2].std() / np.sqrt(30)
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.12)
    assert found.piles == 30
    alone = interval_over_piles(lambda places: 1.0, np.zeros(5), seed=0)
    assert (alone.mean, alone.piles) == (1.0, 1)
    assert np.isnan(alone.low)
