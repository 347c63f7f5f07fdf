"""The plan of a study: balanced to within 1 for any numbers."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SettingsError
from evaluation.study.build.balance import balanced_colours
from evaluation.study.build.sheets import DECOY, TARGET, make_sheets
from evaluation.study.key import Sheet, Side, Trial, TrialKind
from evaluation.study.settings import StudySettings


def spread(found: Iterable[Hashable], among: Iterable[Hashable]) -> int:
    """Return the difference of the largest and the smallest count, of things that never occur too."""
    counts = Counter(found)
    assert set(counts) <= set(among)
    return max(counts[each] for each in among) - min(counts[each] for each in among)


def sheets_of(study: StudySettings) -> tuple[Sheet, ...]:
    items = [f"i{number}" for number in range(study.items)]
    return make_sheets(study, items, [f"a{number}" for number in range(study.attention)], lambda s, p: f"{s}-{p}")


def mains(sheet: Sheet) -> list[Trial]:
    return [trial for trial in sheet.trials if trial.kind is TrialKind.MAIN]


@st.composite
def studies(draw: Callable[..., int], most_methods: int = 4) -> StudySettings:
    items = draw(st.integers(1, 12))
    seen = draw(st.integers(1, items))
    distance = draw(st.integers(1, 6))
    room = seen - min(distance, max(1, seen // 2)) + 1
    repeats = draw(st.integers(0, room))
    return StudySettings(
        methods=tuple("abcd"[: draw(st.integers(2, most_methods))]),
        items=items,
        items_per_person=seen,
        participants=draw(st.integers(1, 14)),
        repeats=repeats,
        swaps=draw(st.integers(0, room - repeats)),
        attention=draw(st.integers(0, 3)),
        distance=distance,
        seed=draw(st.integers(0, 5)),
    )


@given(
    edges=st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1),
    colours=st.integers(1, 5),
    seed=st.integers(0, 3),
)
def test_colours_are_even_at_every_vertex_and_in_all(edges: set[tuple[int, int]], colours: int, seed: int) -> None:
    left, right = np.array(sorted(edges)).T
    found = balanced_colours(left, right, colours, np.random.default_rng(seed))
    assert spread(found.tolist(), range(colours)) <= 1
    for side in (left, right):
        for vertex in np.unique(side):
            assert spread(found[side == vertex].tolist(), range(colours)) <= 1


@settings(max_examples=60)
@given(studies())
def test_items_and_places_are_even(study: StudySettings) -> None:
    sheets = sheets_of(study)
    items = [f"i{number}" for number in range(study.items)]
    shown = [(trial.item_id, place) for sheet in sheets for place, trial in enumerate(mains(sheet))]
    assert len(shown) == study.participants * study.seen_items
    assert spread([item for item, _ in shown], items) <= 1
    for item in items:
        assert spread([place for each, place in shown if each == item], range(study.seen_items)) <= 1
    for sheet in sheets:
        assert len({trial.item_id for trial in mains(sheet)}) == study.seen_items


@settings(max_examples=60)
@given(studies())
def test_pairs_and_sides_are_even(study: StudySettings) -> None:
    sheets = sheets_of(study)
    pairs = list(combinations(study.methods, 2))
    rows = [(sheet.sheet, trial.item_id, (trial.left, trial.right)) for sheet in sheets for trial in mains(sheet)]
    everyone = [
        rows,
        *([row for row in rows if row[0] == sheet.sheet] for sheet in sheets),
        *([row for row in rows if row[1] == item] for item in {row[1] for row in rows}),
    ]
    for group in everyone:
        assert spread([tuple(sorted(sides)) for *_, sides in group], pairs) <= 1
        for pair in pairs:
            assert spread([sides for *_, sides in group if set(sides) == set(pair)], [pair, pair[::-1]]) <= 1


@settings(max_examples=60)
@given(studies())
def test_repeated_trials_follow_their_originals_at_a_distance(study: StudySettings) -> None:
    for sheet in sheets_of(study):
        place = {trial.trial_id: number for number, trial in enumerate(sheet.trials)}
        again = [trial for trial in sheet.trials if trial.repeats is not None]
        assert Counter(trial.kind for trial in again) == Counter(
            {TrialKind.REPEAT: study.repeats, TrialKind.SWAPPED: study.swaps}
        )
        assert len({trial.repeats for trial in again}) == len(again)
        for trial in again:
            assert trial.repeats is not None
            first = sheet.trials[place[trial.repeats]]
            assert first.kind is TrialKind.MAIN
            assert first.item_id == trial.item_id
            sides = (first.left, first.right) if trial.kind is TrialKind.REPEAT else (first.right, first.left)
            assert (trial.left, trial.right) == sides
            assert place[trial.trial_id] - place[first.trial_id] >= study.least_distance


@settings(max_examples=60)
@given(studies())
def test_attention_checks_are_spread_and_even(study: StudySettings) -> None:
    sheets = sheets_of(study)
    found = []
    for sheet in sheets:
        assert len(sheet.trials) == study.trials
        checks = [(place, trial) for place, trial in enumerate(sheet.trials) if trial.kind is TrialKind.ATTENTION]
        assert {trial.item_id for _, trial in checks} == {f"a{number}" for number in range(study.attention)}
        assert spread([trial.expected for _, trial in checks], Side) <= 1
        for slot, (place, trial) in enumerate(checks):
            assert place > 0
            if study.trials > 8:  # each in its own stretch
                assert slot * study.trials / study.attention <= place < (slot + 1) * study.trials / study.attention
            assert {trial.left, trial.right} == {TARGET, DECOY}
            assert trial.expected is (Side.LEFT if trial.left == TARGET else Side.RIGHT)
        found += [trial for _, trial in checks]
    for item in {trial.item_id for trial in found}:
        assert spread([trial.expected for trial in found if trial.item_id == item], Side) <= 1


def test_everybody_sees_everything_in_a_latin_square() -> None:
    study = StudySettings(items=10, participants=20, repeats=0, swaps=0, attention=0)
    sheets = sheets_of(study)
    places = Counter((trial.item_id, place) for sheet in sheets for place, trial in enumerate(sheet.trials))
    assert set(places.values()) == {2}
    left = Counter((trial.item_id, trial.left) for sheet in sheets for trial in sheet.trials)
    assert set(left.values()) == {10}
    for sheet in sheets:
        assert Counter(trial.left for trial in sheet.trials) == {"gradcam": 5, "lime": 5}


def test_the_plan_follows_the_seed() -> None:
    plans = [sheets_of(StudySettings(seed=seed)) for seed in (0, 0, 1)]
    assert plans[0] == plans[1] != plans[2]


def test_items_are_repeated_about_equally_often() -> None:
    again = [trial.item_id for sheet in sheets_of(StudySettings()) for trial in sheet.trials if trial.repeats]
    assert spread(again, {f"i{number}" for number in range(20)}) <= 2


def test_trials_have_names_of_their_own() -> None:
    names = [trial.trial_id for sheet in sheets_of(StudySettings()) for trial in sheet.trials]
    assert len(set(names)) == len(names) == 20 * 26


@pytest.mark.parametrize(
    ("given_settings", "text"),
    [
        ({"items": 5, "items_per_person": 6}, "items_per_person is 6, more than the 5 items"),
        (
            {"items": 8, "repeats": 3, "swaps": 3},
            "repeats and swaps are 6, but of the 8 items that a participant sees only 5 can come again 4 places later",
        ),
        ({"methods": ["lime", "lime"]}, "methods should each be named once, not lime, lime"),
        ({"question": {"de": "?"}}, "question has a text in 'de', which is not among the languages en, nl"),
    ],
)
def test_settings_that_do_not_hold_together(given_settings: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        StudySettings.parse(given_settings)
    assert str(raised.value) == f"In the settings: {text}."


def test_settings_come_back_from_their_file(tmp_path: Path) -> None:

    path = tmp_path / "study.yaml"
    written = StudySettings(title={"nl": "Welke uitleg?"}, cap=30, items_per_person=7)
    written.save(path)
    assert StudySettings.load(path) == written
