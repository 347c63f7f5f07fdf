"""Simulated studies: people and items that vary, so that tests and plans can be tried where the truth is known."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.errors import SettingsError
from core.seeding import Purpose, generator
from evaluation.study.answers.answers import Answers

METHODS = ("first", "second")
"""Names of the two simulated methods; a positive preference is one for ``first``."""
FAMILIARITIES = 3


def simulate(
    people: int,
    items: int,
    *,
    preference_logit: float,
    person_sd: float,
    item_sd: float,
    position_logit: float = 0.0,
    familiarity_slope: float = 0.0,
    per_person: int | None = None,
    seed: int,
    stream: tuple[int, ...] = (),
) -> Answers:
    """Return the answers of one simulated study, person by person in the order of their trials.

    The logit of choosing the first method is the sum of a preference, a normal effect of the person and one of the
    item, the position and the familiarity. Each person sees the first method on the left in half of the trials, drawn
    anew; of an odd number the remaining one falls on either side. Levels of familiarity are as even as can be.

    Args:
        people: number of participants, 1 or more.
        items: number of items, 1 or more.
        preference_logit: for a person and an item that are average; 0 is none.
        person_sd: standard deviation of the persons' effects, in logits.
        item_sd: the same of items.
        position_logit: added to the logit of choosing the left one.
        familiarity_slope: added a level above "a bit familiar", and taken away a level below.
        per_person: items that each person sees, each item as often as the others (give or take one); None is all.
        seed: the same seed gives the same answers.
        stream: numbers that tell this study from others of the same seed.

    Raises:
        SettingsError: a number is out of its range.
    """
    shown = items if per_person is None else per_person
    if people < 1 or items < 1 or not 1 <= shown <= items:
        raise SettingsError(
            f"A study needs 1 person, 1 item and 1 item a person at least, and no more items a person than items; "
            f"asked for {people}, {items} and {shown}."
        )
    if min(person_sd, item_sd) < 0:
        raise SettingsError(f"Standard deviations are 0 or more, not {person_sd:g} (people) and {item_sd:g} (items).")
    rng = generator(seed, Purpose.CONTENT, *stream)
    person_effects = rng.normal(0.0, person_sd, people)
    item_effects = rng.normal(0.0, item_sd, items)
    familiarity = rng.permutation(np.arange(people) % FAMILIARITIES)
    # A shuffled ring of items is dealt out on and on, so that counts differ by one at most.
    ring = rng.permutation(items)[np.arange(people * shown).reshape(people, shown) % items]
    seen = rng.permuted(ring, axis=1)  # (people, shown)
    is_left = rng.permuted((np.arange(shown) % 2 == rng.integers(0, 2, (people, 1))), axis=1)
    logits = (
        preference_logit
        + person_effects[:, None]
        + item_effects[seen]
        + np.where(is_left, position_logit, -position_logit)
        + familiarity_slope * (familiarity[:, None] - 1)
    )
    takes_first = rng.random((people, shown)) < expit(logits)
    return _as_answers(seen, is_left, takes_first, familiarity)


def _as_answers(
    seen: NDArray[np.int64], is_left: NDArray[np.bool_], takes_first: NDArray[np.bool_], familiarity: NDArray[np.int64]
) -> Answers:
    people, shown = seen.shape
    count, left, won = seen.size, is_left.ravel(), takes_first.ravel()
    names = np.array([f"p{person + 1:03d}" for person in range(people)])
    item_names = np.array([f"i{item + 1:03d}" for item in range(int(seen.max()) + 1)])
    empty = np.full(count, "", dtype=np.str_)
    return Answers(
        participant=np.repeat(names, shown),
        item=item_names[seen.ravel()],
        left=np.where(left, *METHODS),
        right=np.where(left, *METHODS[::-1]),
        chosen=np.where(won == left, "left", "right"),
        familiarity=np.repeat(familiarity, shown),
        position=np.tile(np.arange(1, shown + 1), people),
        kind=np.full(count, "main"),
        expected=empty,
        image_id=empty,
        part_id=empty,
        seconds=np.full(count, np.nan),
        language=empty,
    )
