"""Twins: true effects, agreement of maps with them, what painting over claims, and what foretells the truth."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from core.errors import BrickbenchError
from dataset.pile_dataset import PileDataset
from evaluation.faithfulness.imputation import Effects, departures, gather_effects
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.protocol import Maps
from evaluation.faithfulness.removal import REMOVALS
from evaluation.faithfulness.twin_metrics import (
    TWIN_TOP,
    EffectSettings,
    TwinSettings,
    twin_capture,
    twin_rank,
    twin_top,
)
from evaluation.faithfulness.twins import TWIN_PIXELS, Regions, load_regions, require_twins
from evaluation.statistics.prediction import predict_truth, prediction_rows
from training.run.checkpoint import load_checkpoint

Make = Callable[..., Maps]


def _regions() -> Regions:
    """Return three parts in the first three rows of a 4 x 4 picture; without them logit 0 falls by 2, -1 and 4."""
    masks = np.zeros((3, 4, 4), dtype=np.bool_)
    masks[0, 0, :2] = masks[1, 1] = masks[2, 2] = True
    return Regions(("a", "b", "c"), masks, np.array([5.0]), np.array([[3.0], [6.0], [1.0]]), {})


def _maps(asked: Make, *rows: list[float]) -> Maps:
    """Return maps whose rows of four pixels have these values, over `_regions`."""
    maps = asked(count=len(rows), size=4)
    values = np.stack([np.repeat(np.array(row)[:, None], 4, axis=1) for row in rows])
    return replace(maps, classes=np.zeros(len(rows), dtype=np.int64), maps=values, regions=(_regions(),) * len(rows))


def test_agreement_with_true_effects_by_hand(asked: Make) -> None:
    # Mass on the parts is 2, 4 and 4 times the value of their row.
    maps = _maps(asked, [3, 1, 5, 9], [4, 1, 0, 0], [0, 0, 0, 1], [2, -1, 1, 0], [1, 3, -2, 0])
    rank, chance = twin_rank(maps, TwinSettings())
    # Effects 2, -1, 4. Masses: 6 4 20 (all three pairs right), 8 4 0 (one right), 0 0 0, 4 -4 4 (a tie and two right).
    assert rank.tolist() == pytest.approx([1.0, -1 / 3, 0.0, 2 / 3, -1.0])
    assert chance.tolist() == [0.0] * 5
    top, chance = twin_top(maps, TwinSettings())
    assert top.tolist() == pytest.approx([1.0, 0.0, 1 / 3, 0.5, 0.0])
    assert chance.tolist() == pytest.approx([1 / 3] * 5)
    # Positive mass: 2, 12, 0 in the last row; absolute: 2, 12, 8.
    assert twin_rank(maps, TwinSettings(sign="positive"))[0][4] == pytest.approx(-1)
    assert twin_rank(maps, TwinSettings(sign="absolute"))[0][4] == pytest.approx(-1 / 3)


def test_effect_captured_by_hand(asked: Make) -> None:
    maps = _maps(asked, [0, 0, 7, 0], [1, 1, 1, 1], [0, 0, 0, 2], [2, -3, 0, 0], [-1, -1, -1, -1])
    values, chance = twin_capture(maps, EffectSettings())
    # A constant map: 2, 4 and 4 of 16 pixels, effects 2, -1 and 4: (2/16 * 2 - 4/16 + 4/16 * 4) / 4.
    assert values[:4].tolist() == pytest.approx([1.0, 0.25, 0.0, 0.5 * 0.5])
    assert np.isnan(values[4])
    assert chance[:4].tolist() == pytest.approx([0.25] * 4)


def test_without_twins_or_effects_there_is_no_value(asked: Make) -> None:
    maps = _maps(asked, [1, 2, 3, 4], [1, 2, 3, 4])
    one = _regions()
    single = Regions(one.part_ids[:1], one.masks[:1], one.logits, one.without[:1], {})
    maps = replace(maps, regions=(None, single))
    assert np.isnan(twin_rank(maps, TwinSettings())[0]).all()
    assert np.isnan(twin_top(maps, TwinSettings())[1]).all()
    assert np.isnan(twin_capture(maps, EffectSettings())[0]).tolist() == [True, False]
    harmless = Regions(one.part_ids[:1], one.masks[:1], one.logits, one.logits[None] + 1, {})
    assert np.isnan(twin_capture(replace(maps, regions=(None, harmless)), EffectSettings())[0]).all()


@pytest.mark.parametrize("effects", [[0.0, 0.0, 0.0], [-1.0, -2.0, -0.5], [0.05, -1.0, 0.0]])
def test_a_network_that_uses_no_part_says_nothing_of_maps(asked: Make, effects: list[float]) -> None:
    one = _regions()
    unused = Regions(one.part_ids, one.masks, one.logits, one.logits[None] - np.array(effects)[:, None], {})
    maps = replace(_maps(asked, [3, 1, 5, 9], [0, 0, 0, 0]), regions=(unused, unused))
    for values in (
        twin_rank(maps, TwinSettings())[0],
        twin_top(maps, TwinSettings())[0],
        twin_capture(maps, EffectSettings())[0],
    ):
        assert np.isnan(values).all()
    assert TWIN_TOP.lacking is not None
    reason, lacks = TWIN_TOP.lacking
    assert (reason, lacks(maps, TwinSettings()).tolist()) == ("no_effect", [True, True])
    assert lacks(replace(maps, regions=(_regions(), None)), TwinSettings()).tolist() == [False, False]


def test_the_truth_itself_reaches_the_highest_rank_also_where_effects_tie(asked: Make) -> None:
    one = _regions()
    tied = Regions(one.part_ids, one.masks, one.logits, one.logits[None] - np.array([[4.0], [0.0], [0.0]]), {})
    maps = replace(_maps(asked, [2, 0, 0, 9], [0, 1, 0, 0]), regions=(tied, tied))
    assert twin_rank(maps, TwinSettings())[0].tolist() == pytest.approx([1.0, -0.5])


def test_effects_are_differences_of_logits_of_real_pictures(with_twins: Path) -> None:
    trained = load_checkpoint(with_twins / "runs" / "toy")
    network = Network(trained.model, trained.mean, trained.std)
    pictures = PileDataset(with_twins, "test", with_masks=True, with_twins=True)
    originals = [name for name in pictures.image_ids if "-removed-" not in name][:2]
    regions = load_regions(trained, network, with_twins, originals, seed=0)
    assert list(regions) == originals
    for name, found in regions.items():
        place = pictures.image_ids.index(name)
        masks = pictures.masks(place)
        assert found.part_ids == tuple(masks)
        image = trained.network_input(pictures.image(place))
        for row, part_id in enumerate(found.part_ids):
            np.testing.assert_array_equal(found.masks[row], masks[part_id])
            twin = trained.network_input(pictures.image(pictures.image_ids.index(f"{name}-removed-{part_id}")))
            hidden = torch.from_numpy(masks[part_id])[None]
            pasted = torch.where(hidden, twin, image)
            black = REMOVALS["black"](image[None], network, 0)(torch.tensor([0]), hidden)[0]
            with torch.no_grad():
                whole, without, inside, painted = trained.model(torch.stack([image, twin, pasted, black])).numpy()
            np.testing.assert_allclose(found.effects[row], whole - without, atol=1e-5)
            np.testing.assert_allclose(found.claimed(TWIN_PIXELS)[row], whole - inside, atol=1e-5)
            np.testing.assert_allclose(found.claimed("black")[row], whole - painted, atol=1e-5)


def test_pictures_without_twins_are_told(toy_dataset: Path, with_twins: Path) -> None:
    trained = load_checkpoint(with_twins / "runs" / "toy")
    network = Network(trained.model, trained.mean, trained.std)
    regions = load_regions(trained, network, toy_dataset, ["p000000_v00"], seed=0)
    assert regions == {}
    with pytest.raises(BrickbenchError, match=r"has a twin, so its parts' true effects are unknown: render a dataset"):
        require_twins(toy_dataset, regions)


def test_departures_from_the_truth_by_hand() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(2, 1, 400)
    noisy = true + rng.normal(0, 1, 400)
    claimed = {TWIN_PIXELS: true.copy(), "blur": true / 2, "grey": -true, "noise": noisy}
    effects = Effects(true, claimed, np.arange(400) % 2 == 0, np.repeat(np.arange(50), 8))
    found = {(one.logit, one.removal): one for one in departures(effects, seed=0)}
    perfect, halved, turned = (found["own", name] for name in (TWIN_PIXELS, "blur", "grey"))
    own = true[::2]
    assert (perfect.bias.mean, perfect.error.mean, perfect.sign_errors.mean) == (0.0, 0.0, 0.0)
    assert perfect.rank_correlation.mean == pytest.approx(1.0)
    assert halved.bias.mean == pytest.approx(-own.mean() / 2)
    assert halved.error.mean == pytest.approx(np.abs(own).mean() / 2)
    assert turned.rank_correlation.mean == pytest.approx(-1.0)
    assert turned.sign_errors.mean == 1.0
    assert perfect.effects == 200
    correlation = found["other", "noise"].rank_correlation
    assert correlation.mean == pytest.approx(spearmanr(true[1::2], noisy[1::2])[0])
    assert correlation.low < correlation.mean < correlation.high
    rows = [one.as_row() for one in found.values()]
    assert [row["logit"] for row in rows] == ["own"] * 4 + ["other"] * 4


def test_gathered_effects_know_their_pile_and_whose_logit_it_is() -> None:
    without = np.array([[1.0, 2.0], [0.0, 0.5]])
    painted = dict.fromkeys((TWIN_PIXELS, *REMOVALS), np.zeros((2, 2)))
    regions = Regions(("b", "a"), np.ones((2, 1, 1), dtype=np.bool_), np.array([3.0, 4.0]), without, painted)
    effects = gather_effects({"x": regions, "y": regions}, {"x": 7, "y": 9}, ("a", "b"))
    assert effects.true.tolist() == [2.0, 2.0, 3.0, 3.5] * 2
    assert effects.is_own.tolist() == [False, True, True, False] * 2
    assert effects.piles.tolist() == [7] * 4 + [9] * 4
    assert effects.claimed["blur"].tolist() == [3.0, 4.0, 3.0, 4.0] * 2


def test_what_foretells_the_truth() -> None:
    rng = np.random.default_rng(3)
    truths = rng.normal(size=(6, 40)) + np.arange(6)[:, None]
    piles = np.repeat(np.arange(20), 2)
    noise = rng.normal(size=truths.shape)
    perfect = predict_truth("good", "truth", truths**3, truths, piles, seed=0)
    assert perfect.on_a_picture.mean == pytest.approx(1.0)
    assert perfect.over_methods.mean == pytest.approx(1.0)
    assert (perfect.pairs, perfect.methods) == (40, 6)
    weak = predict_truth("noisy", "truth", truths + 2 * noise, truths, piles, seed=0)
    expected = np.mean([spearmanr(truths[:, pair] + 2 * noise[:, pair], truths[:, pair])[0] for pair in range(40)])
    assert weak.on_a_picture.mean == pytest.approx(expected)
    assert weak.on_a_picture.low < expected < weak.on_a_picture.high
    gone = truths.copy()
    gone[:3, 5] = np.nan  # three methods are left: too few
    gone[:, 6] = 1.0  # the same for all
    assert predict_truth("gaps", "truth", gone, truths, piles, seed=0).pairs == 38
    rows = prediction_rows([weak, perfect])
    assert [row["metric"] for row in rows] == ["good", "noisy"]
