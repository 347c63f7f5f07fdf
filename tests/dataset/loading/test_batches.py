"""Which picture comes when: exact shares, whole epochs, equal ranks."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import BrickbenchError, SettingsError
from dataset.loading.batches import BatchPlan, Key


def sources(renders: int, photos: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(np.arange(renders + photos) < photos)


def test_unmixed_epochs_cover_all_and_differ_by_one() -> None:
    for count, size in ((33, 32), (5, 2), (1, 4), (64, 32)):
        plan = BatchPlan(sources(count, 0), size, seed=0)
        batches = plan.whole_batches(1)
        assert len(batches) == len(plan)
        assert sorted(key.picture for batch in batches for key in batch) == list(range(count))
        sizes = {len(batch) for batch in batches}
        assert max(sizes) <= size
        assert max(sizes) - min(sizes) <= 1
    plan = BatchPlan(sources(33, 0), 32, seed=0)
    assert plan.whole_batches(1) == plan.whole_batches(1)
    assert [key.picture for key in plan.whole_batches(1)[0]] != [key.picture for key in plan.whole_batches(2)[0]]


def test_a_share_by_hand() -> None:
    """10 pictures in batches of 4, 3, 3 with 30% photos: after 4, 7, 10 pictures 1.2, 2.1, 3 photos are due."""
    is_real = sources(9, 1)
    batches = BatchPlan(is_real, 4, seed=5, photo_share=0.3).whole_batches(1)
    assert [len(batch) for batch in batches] == [4, 3, 3]
    assert [sum(bool(is_real[key.picture]) for key in batch) for batch in batches] == [1, 1, 1]
    photo = int(np.flatnonzero(is_real)[0])
    shown = [key for batch in batches for key in batch if key.picture == photo]
    assert shown == [Key(1, photo, 0), Key(1, photo, 1), Key(1, photo, 2)]


@hypothesis_settings(max_examples=80, deadline=None)
@given(
    renders=st.integers(1, 60), photos=st.integers(1, 60), size=st.integers(1, 20), share=st.floats(0, 1),
    seed=st.integers(0, 99), epoch=st.integers(1, 5),
)  # fmt: skip
def test_shares_are_exact(renders: int, photos: int, size: int, share: float, seed: int, epoch: int) -> None:
    is_real = sources(renders, photos)
    batches = BatchPlan(is_real, size, seed, photo_share=share).whole_batches(epoch)
    shown = taken = 0
    for batch in batches:
        of_batch = sum(bool(is_real[key.picture]) for key in batch)
        assert abs(of_batch - share * len(batch)) <= 1 + 1e-9
        shown, taken = shown + of_batch, taken + len(batch)
        assert abs(shown - share * taken) <= 0.5 + 1e-9
    assert taken == renders + photos
    assert len({key for batch in batches for key in batch}) == taken  # no sample comes twice


def test_decks_show_all_evenly_over_epochs() -> None:
    is_real = sources(60, 8)
    plan = BatchPlan(is_real, 10, seed=1, photo_share=0.5)
    counts: Counter[int] = Counter()
    for epoch in range(1, 13):
        counts.update(key.picture for batch in plan.whole_batches(epoch) for key in batch)
        for real in (True, False):
            of_source = [counts[int(i)] for i in np.flatnonzero(is_real == real)]
            assert max(of_source) - min(of_source) <= 1
    assert sum(counts.values()) == 12 * 68


@pytest.mark.parametrize("share", [None, 0.25])
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_ranks_are_disjoint_and_cover(share: float | None, ranks: int) -> None:
    is_real = sources(50, 11)
    whole = BatchPlan(is_real, 8, seed=2, photo_share=share).whole_batches(3)
    parts = [list(BatchPlan(is_real, 8, 2, share, rank, ranks).batches(3)) for rank in range(ranks)]
    assert {len(part) for part in parts} == {len(whole)}
    for batch, *shares in zip(whole, *parts, strict=True):
        dealt = [key for keys in shares for key in keys]
        assert len(dealt) == len(set(dealt))
        assert set(dealt) == set(batch)
        sizes = [len(keys) for keys in shares]
        photos = [sum(bool(is_real[key.picture]) for key in keys) for keys in shares]
        assert max(sizes) - min(sizes) <= 1
        assert max(photos) - min(photos) <= 1


def test_start_leaves_out_the_first_batches() -> None:
    plan = BatchPlan(sources(30, 10), 6, seed=0, photo_share=0.5)
    assert list(plan.batches(2, start=3)) == list(plan.batches(2))[3:]


@pytest.mark.parametrize(
    ("renders", "photos", "more", "error", "text"),
    [
        (5, 0, {"photo_share": 0.5}, BrickbenchError,
         "photo_share 0.5 asks for photos, and there is none among the 5 pictures: add some, or leave it out."),
        (0, 5, {"photo_share": 0.5}, BrickbenchError,
         "photo_share 0.5 asks for renders, and there is none among the 5 pictures: add some, or leave it out."),
        (9, 0, {"rank": 2, "ranks": 2}, SettingsError,
         "rank 2 should be 0 to 1, as there are 2 ranks."),
        (9, 0, {"rank": 0, "ranks": 4}, SettingsError,
         "4 ranks cannot share batches of 4 of 9 pictures: give every rank at least one picture of each batch."),
    ],
)  # fmt: skip
def test_what_cannot_be_dealt(renders: int, photos: int, more: dict, error: type, text: str) -> None:
    with pytest.raises(error) as caught:
        BatchPlan(sources(renders, photos), 4, 0, **more)
    assert str(caught.value) == text


def test_a_share_of_one_source_needs_no_other() -> None:
    assert len(BatchPlan(sources(5, 0), 4, 0, photo_share=0.0).whole_batches(1)) == 2
    assert len(BatchPlan(sources(0, 5), 4, 0, photo_share=1.0).whole_batches(1)) == 2
