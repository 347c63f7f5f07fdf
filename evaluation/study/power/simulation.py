"""Simulated studies: people and items that vary, so that tests and plans can be tried where the truth is known."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, roots_hermitenorm

from core.errors import SettingsError
from core.seeding import Purpose, generator
from evaluation.study.answers.answers import Answers

METHODS = ("first", "second")
"""Names of the two simulated methods; a positive preference is one for ``first``."""
FAMILIARITIES = 3
_NODES = 64  # Gauss-Hermite: shares at standard deviations up to 3 then agree with a fine grid to 1e-6


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

    Raises:
        SettingsError: a number is out of its range.
    """
    rng = generator(seed, Purpose.CONTENT)
    return draw_study(
        rng,
        people,
        items,
        preference_logit=preference_logit,
        person_sd=person_sd,
        item_sd=item_sd,
        position_logit=position_logit,
        familiarity_slope=familiarity_slope,
        per_person=per_person,
    )


def draw_study(
    rng: np.random.Generator,
    people: int,
    items: int,
    *,
    preference_logit: float,
    person_sd: float,
    item_sd: float,
    position_logit: float = 0.0,
    familiarity_slope: float = 0.0,
    per_person: int | None = None,
) -> Answers:
    """Return `simulate`'s answers, drawn from `rng`."""
    shown = items if per_person is None else per_person
    if people < 1 or items < 1 or not 1 <= shown <= items:
        raise SettingsError(
            f"A study needs 1 person, 1 item and 1 item a person at least, and no more items a person than items; "
            f"asked for {people}, {items} and {shown}."
        )
    if min(person_sd, item_sd) < 0:
        raise SettingsError(f"Standard deviations are 0 or more, not {person_sd:g} (people) and {item_sd:g} (items).")
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


def share_of_logit(logit: float, sd: float) -> float:
    """Return the share of answers for the first method over all people and items, whose effects have `sd` together."""
    nodes, weights = _hermite()
    return float(weights @ expit(logit + sd * nodes))


def logit_of_share(share: float, sd: float) -> float:
    """Return the preference in logits at which `share_of_logit` is `share`.

    Raises:
        SettingsError: `share` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise SettingsError(f"A share of answers to plan for lies between 0 and 1, not at {share:g}.")
    return float(brentq(lambda logit: share_of_logit(logit, sd) - share, -60.0, 60.0, xtol=1e-10))


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


@cache
def _hermite() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights of the mean over a standard normal distribution."""
    nodes, weights = roots_hermitenorm(_NODES)
    return nodes, weights / weights.sum()
