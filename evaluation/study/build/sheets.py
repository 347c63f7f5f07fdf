"""Who sees what in which order, on which side: sheets that are balanced for any numbers."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import combinations

import numpy as np

from core.seeding import generator
from evaluation.study.build.balance import IntArray, balanced_colours
from evaluation.study.key import Sheet, Side, Trial, TrialKind
from evaluation.study.settings import StudySettings

TARGET, DECOY = "target", "decoy"
"""The two explanations of an attention check."""


class Stream(IntEnum):
    """What a random stream of a study is for: append, never renumber."""

    ITEMS = 0
    PLAN = 1
    ATTENTION = 2


def make_sheets(
    settings: StudySettings, item_ids: Sequence[str], check_ids: Sequence[str], name: Callable[[int, int], str]
) -> tuple[Sheet, ...]:
    """Return the sheets of a study, one a participant.

    Over the main trials, for any numbers, these differ by 1 at most:

    - how often each item is shown, and how often it is in each place (a Latin square of places where each participant
      sees each item and participants are a multiple of items);
    - how often each pair of methods is shown: to each participant, of each item, and in all;
    - of each pair, how often either method is on the left: for each participant, each item, and in all.

    No participant has an item in two main trials. Repeated and swapped trials follow their originals at the distance
    that the settings ask for; each item is repeated about equally often. Attention checks are spread evenly,
    and their places and sides are balanced like the rest.

    `check_ids` are those of the items of attention checks; `name` gives the trial_id of (sheet, place), both from 0.
    """
    rng = generator(settings.seed, Stream.PLAN)
    people, places = settings.participants, settings.seen_items
    pairs = list(combinations(settings.methods, 2))
    # The ring of items is dealt out on and on, so that counts differ by one at most.
    items = rng.permutation(len(item_ids))[np.arange(people * places) % len(item_ids)]
    person = np.repeat(np.arange(people), places)
    place = balanced_colours(person, items, places, rng)
    pair = balanced_colours(person, items, len(pairs), rng)
    is_turned = _sides(person, items, pair, len(pairs), rng)
    repeated = _Repeated(settings, len(item_ids))
    checks = _checks(check_ids, people, rng)
    sheets = []
    for number in range(people):
        mine = np.flatnonzero(person == number)
        mine = mine[np.argsort(place[mine])]
        main = [_trial(item_ids[items[edge]], *pairs[pair[edge]][:: -1 if is_turned[edge] else 1]) for edge in mine]
        trials = _with_repeats(main, repeated.choose(items[mine], rng), settings, rng)
        trials = _with_checks(trials, checks[number], rng)
        sheets.append(_named(number, trials, name))
    return tuple(sheets)


def _sides(person: IntArray, items: IntArray, pair: IntArray, pairs: int, rng: np.random.Generator) -> IntArray:
    is_turned = np.zeros(len(person), dtype=np.int64)
    for number in range(pairs):
        edges = np.flatnonzero(pair == number)
        is_turned[edges] = balanced_colours(person[edges], items[edges], 2, rng)
    return is_turned


class _Repeated:
    """Chooses what is repeated: the items that were so least often."""

    def __init__(self, settings: StudySettings, items: int) -> None:
        self._kinds = [TrialKind.REPEAT] * settings.repeats + [TrialKind.SWAPPED] * settings.swaps
        self._counts = np.zeros(items, dtype=np.int64)
        self._last = settings.seen_items - settings.least_distance + 1

    def choose(self, items: IntArray, rng: np.random.Generator) -> dict[int, TrialKind]:
        """Return places among a participant's main trials, from 0, with how each is repeated."""
        early = items[: self._last]
        order = np.lexsort((rng.random(len(early)), self._counts[early]))[: len(self._kinds)]
        self._counts[early[order]] += 1
        kinds = rng.permutation(np.array(self._kinds, dtype=object))
        return dict(zip(order.tolist(), kinds, strict=True))


def _trial(
    item_id: str, left: str, right: str, kind: TrialKind = TrialKind.MAIN, expected: Side | None = None
) -> Trial:
    """Return a trial that has no name yet: that follows from its place."""
    return Trial(trial_id="", item_id=item_id, left=left, right=right, kind=kind, expected=expected)


def _with_repeats(
    main: list[Trial], repeated: dict[int, TrialKind], settings: StudySettings, rng: np.random.Generator
) -> list[Trial]:
    after: dict[int, list[Trial]] = {}
    for original, kind in sorted(repeated.items()):
        first = main[original]
        left, right = (first.right, first.left) if kind is TrialKind.SWAPPED else (first.left, first.right)
        # Behind main trial `behind`, from 0: what is put in between only adds to the distance.
        behind = int(rng.integers(original + settings.least_distance - 1, len(main)))
        after.setdefault(behind, []).append(_trial(first.item_id, left, right, kind))
    return [trial for index, one in enumerate(main) for trial in (one, *after.get(index, []))]


def _checks(check_ids: Sequence[str], people: int, rng: np.random.Generator) -> list[list[Trial]]:
    """Return each participant's attention checks in their order: sides and order are balanced like everything else."""
    count = len(check_ids)
    if not count:
        return [[] for _ in range(people)]
    person, check = np.divmod(np.arange(people * count), count)
    place = balanced_colours(person, check, count, rng)
    side = balanced_colours(person, check, 2, rng)
    of_people = []
    for number in range(people):
        mine = np.flatnonzero(person == number)
        of_people.append([_check(check_ids[check[edge]], int(side[edge])) for edge in mine[np.argsort(place[mine])]])
    return of_people


def _check(item_id: str, side: int) -> Trial:
    expected = (Side.LEFT, Side.RIGHT)[side]
    left, right = (TARGET, DECOY) if expected is Side.LEFT else (DECOY, TARGET)
    return _trial(item_id, left, right, TrialKind.ATTENTION, expected)


def _with_checks(trials: list[Trial], checks: list[Trial], rng: np.random.Generator) -> list[Trial]:
    """Put each check into the middle half of its own of as many equal stretches, and none at the very beginning."""
    mixed = list(trials)
    for slot in reversed(range(len(checks))):  # from behind, so that places in front stay what they are
        where = (slot + rng.uniform(0.25, 0.75)) * len(trials) / len(checks)
        mixed.insert(max(1, round(where)), checks[slot])
    return mixed


def _named(number: int, trials: list[Trial], name: Callable[[int, int], str]) -> Sheet:
    named = [trial.model_copy(update={"trial_id": name(number, place)}) for place, trial in enumerate(trials)]
    main = {trial.item_id: trial.trial_id for trial in named if trial.kind is TrialKind.MAIN}
    again = (TrialKind.REPEAT, TrialKind.SWAPPED)
    return Sheet(
        sheet=number + 1,
        trials=tuple(
            trial.model_copy(update={"repeats": main[trial.item_id]}) if trial.kind in again else trial
            for trial in named
        ),
    )
