"""The two-way bootstrap against a loop, and how often it covers."""

import numpy as np
import pytest

from core.bootstrap import interval_ends, resample_counts
from core.seeding import Purpose, generator
from evaluation.study.models.two_way import draw_weights, share_interval, two_way_share


def test_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    tries = rng.integers(0, 3, (8, 9)).astype(float)
    hits = rng.binomial(tries.astype(int), 0.6).astype(float)
    stream = generator(3, Purpose.BOOTSTRAP, 2)
    people, items = resample_counts(stream, 8, 200), resample_counts(stream, 9, 200)
    shares = []
    for of_people, of_items in zip(people, items, strict=True):
        hit = tried = 0.0
        for person in range(8):
            for item in range(9):
                hit += of_people[person] * of_items[item] * hits[person, item]
                tried += of_people[person] * of_items[item] * tries[person, item]
        shares.append(hit / tried)
    low, high = interval_ends(np.array(shares), 8)
    found = two_way_share(hits, tries, seed=3, draws=200, items_known=True)
    assert found.reason == ""
    assert (found.share.low, found.share.high) == (pytest.approx(low), pytest.approx(high))
    assert found.share.value == pytest.approx(hits.sum() / tries.sum())


def test_coverage_when_people_and_items_vary() -> None:
    rng = np.random.default_rng(7)
    covered = []
    for number in range(200):
        logit = rng.normal(0, 1, (12, 1)) + rng.normal(0, 1, (1, 12))
        hits = (rng.random((12, 12)) < 1 / (1 + np.exp(-logit))).astype(float)
        found = share_interval(hits, np.ones((12, 12)), draw_weights(12, 12, seed=number, draws=400))
        covered.append(found.low <= 0.5 <= found.high)
    assert np.mean(covered) >= 0.92


@pytest.mark.parametrize(
    ("shape", "known", "reason"),
    [
        ((1, 5), True, "With one person there is nobody to resample."),
        ((5, 1), True, "With one item there is nothing to resample."),
        ((8, 7), True, "With 7 items intervals from resampling cover too rarely: 8 are needed."),
        ((5, 1), False, "With 5 people intervals from resampling cover too rarely: 8 are needed."),
        (
            (8, 1),
            False,
            "It is not known which answer is on which item: only people were resampled, so new items are left out.",
        ),
    ],
)
def test_reasons(shape: tuple[int, int], known: bool, reason: str) -> None:
    hits = np.zeros(shape)
    hits[0, 0] = hits[-1, -1] = 1
    found = two_way_share(hits, np.full(shape, 2.0), seed=0, draws=50, items_known=known)
    assert found.reason == reason
    assert np.isnan(found.share.low) == (known or shape[0] < 8)


def test_all_the_same() -> None:
    found = two_way_share(np.ones((4, 4)), np.ones((4, 4)), seed=0, draws=50, items_known=True)
    assert found.reason == ("All answers are the same: resampling them shows nothing but that. See the exact interval.")
    assert found.share.value == 1
    assert np.isnan(found.share.low)
