"""Pairs told apart by what the index knows of them, by hand and against the toy dataset's own records."""

from pathlib import Path

import numpy as np
import pytest

from core.bootstrap import interval_ends, resample_counts
from core.seeding import Purpose, generator
from dataset.dataset_folder import DatasetFolder
from dataset.pile_dataset import PileDataset
from evaluation.intervals import mean_interval, mean_intervals, median_interval
from evaluation.statistics.facts import PairFacts, read_pair_facts
from evaluation.statistics.strata import strata, stratum_scores
from evaluation.statistics.table import MethodLabel, ScoreTable
from explain.method_key import MethodKey


def facts_of(count: int, **columns: object) -> PairFacts:
    nothing = {name: np.full(count, np.nan) for name in ("bricks", "visible_fraction", "visible_px", "logit")}
    words = {
        name: np.array(["same"] * count, dtype=object)
        for name in ("part_id", "part_name", "category", "source", "lighting", "floor")
    }
    return PairFacts(**(words | nothing | columns))  # type: ignore[arg-type]


def named(facts: PairFacts, dimension: str) -> dict[str, list[int]]:
    return {
        each.name: np.flatnonzero(each.pairs).tolist()
        for group in strata(facts)
        for each in group
        if each.dimension == dimension
    }


def test_by_hand() -> None:
    facts = facts_of(
        6,
        part_name=np.array(["Brick", "Brick", "Plate", "Plate", "Plate", "Plate"], dtype=object),
        lighting=np.array(["sun", "two_lamps", "sun", "sun", None, "sun"], dtype=object),
        source=np.array(["synthetic"] * 4 + ["real"] + ["synthetic"], dtype=object),
        bricks=np.array([1.0, 2.0, 3.0, 12.0, np.nan, 7.0]),
        visible_fraction=np.array([0.1, 0.25, 0.75, 1.0, np.nan, 0.96]),
        visible_px=np.array([10.0, 20.0, 30.0, 40.0, np.nan, np.nan]),
        logit=np.array([2.0, -2.0, 0.1, np.nan, 3.0, 3.0]),
    )
    assert named(facts, "part") == {"Brick": [0, 1], "Plate": [2, 3, 4, 5]}
    assert named(facts, "lighting") == {"sun": [0, 2, 3, 5], "two lamps": [1]}
    assert named(facts, "source") == {"photos": [4], "renders": [0, 1, 2, 3, 5]}
    assert named(facts, "bricks in the picture") == {"1": [0], "2 to 3": [1, 2], "7 to 10": [5], "11 or more": [3]}
    assert named(facts, "visible fraction") == {
        "0 % to 25 %": [0], "25 % to 50 %": [1], "75 % to 95 %": [2], "95 % to 100 %": [3, 5],
    }  # fmt: skip
    # Pair 1 is missed; pair 5 is claimed and, with no pixel in a render, not there; the photo's label is taken as true.
    assert named(facts, "prediction") == {"right": [0, 2, 4], "wrong": [1, 5]}
    assert named(facts, "confidence") == {"50 % to 60 %": [2], "75 % to 90 %": [0, 1], "90 % to 99 %": [4, 5]}
    assert sorted(place for places in named(facts, "size in pixels").values() for place in places) == [0, 1, 2, 3]
    assert named(facts, "category") == {}  # one alone is the whole


def test_facts_are_those_of_the_records(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "test", with_masks=True)
    pairs = [
        (image_id, part_id)
        for place, image_id in enumerate(pictures.image_ids)
        for part_id, there in zip(pictures.classes, pictures.targets[place], strict=True)
        if there
    ]
    absent = next(
        (image_id, part_id)
        for place, image_id in enumerate(pictures.image_ids)
        for part_id in pictures.classes
        if part_id not in pictures.masks(place)
    )
    facts = read_pair_facts(DatasetFolder.open(toy_dataset), [*pairs, absent], {pairs[0]: -1.5})
    for place, (image_id, part_id) in enumerate(pairs):
        mask = pictures.masks(pictures.image_ids.index(image_id))[part_id]
        assert facts.visible_px[place] == mask.sum()
        assert facts.floor[place] in {"grey", "wood"}
    assert facts.logit[0] == -1.5
    assert facts.is_right[0] is False
    assert facts.confidence[0] == pytest.approx(1 / (1 + np.exp(-1.5)))
    assert np.isnan(facts.logit[1:]).all()
    assert facts.part_name[0] in {"Brick 2 x 2", "Brick 1 x 4", "Plate 2 x 2 Round"}
    assert facts.as_columns()["logit"][1] is None


def test_scores_of_a_stratum() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 1, 40))
    values[1, 0, :5] = np.nan
    table = ScoreTable(
        run_id="toy", checkpoint="epoch_0001",
        methods=tuple(MethodLabel(MethodKey(name, "1"), name, name.upper(), False) for name in ("a", "b")),
        metrics=("mass_accuracy",), metric_settings={}, pairs=tuple((f"i{n:02d}", "3001") for n in range(40)),
        piles=np.arange(40) // 2, values=values, status=np.full(values.shape, "ok"),
        chance=np.full(values.shape, 0.25), rows={},
    )  # fmt: skip
    facts = facts_of(40, lighting=np.array(["sun"] * 28 + ["lamp"] * 12, dtype=object))
    ((lamp, sun),) = strata(facts)
    found = stratum_scores(sun, table, ["mass_accuracy"], seed=3)
    whole = mean_interval(values[0, 0, :28], table.piles[:28], seed=3)
    own = found["a", "mass_accuracy"].interval
    assert (own.mean, own.low, own.high) == pytest.approx((whole.mean, whole.low, whole.high))
    assert found["b", "mass_accuracy"].interval.values == 23
    assert found["a", "mass_accuracy"].chance == 0.25
    few = stratum_scores(lamp, table, ["mass_accuracy"], seed=3)["a", "mass_accuracy"].interval
    assert few.piles == 6
    assert np.isnan(few.low)


def test_many_means_at_once_are_each_ones_mean() -> None:
    rng = np.random.default_rng(0)
    values, piles = rng.gamma(2.0, size=(3, 60)), np.repeat(np.arange(20), 3)
    for row, found in zip(values, mean_intervals(values, piles, seed=5), strict=True):
        alone = mean_interval(row, piles, seed=5)
        assert (found.mean, found.low, found.high) == pytest.approx((alone.mean, alone.low, alone.high))
    values[0] = np.nan
    assert np.isnan(mean_intervals(values, piles, seed=5)[0].mean)


@pytest.mark.parametrize("count", [30, 31])
def test_medians_of_resamples_against_numpy(count: int) -> None:
    rng = np.random.default_rng(count)
    values, piles = rng.normal(size=count).round(1), np.sort(rng.integers(0, 9, size=count))
    found = median_interval(values, piles, seed=2, resamples=300)
    names, member = np.unique(piles, return_inverse=True)
    drawn = resample_counts(generator(2, Purpose.BOOTSTRAP), len(names), 300)
    medians = [np.median(np.repeat(values, times[member])) for times in drawn]
    low, high = interval_ends(np.array(medians), len(names))
    assert found.mean == np.median(values)
    assert (found.low, found.high) == pytest.approx((low, high))
