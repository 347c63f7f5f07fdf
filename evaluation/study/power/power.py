"""How often a study of a given size finds a preference that is there: by simulation, with the analysis's own test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from core.engine import run_items
from core.errors import BrickbenchError, SettingsError
from core.progress import Progress
from evaluation.study.models.generalisation import logit_of_share, preference_p_value
from evaluation.study.power.power_plan import ALPHA, PowerPlan
from evaluation.study.power.simulation import METHODS, simulate

_CHUNK = 20  # simulations a work item: a second or so, so that stopping and progress are prompt


@dataclass(frozen=True)
class PowerPoint:
    """The power of one size of study."""

    people: int
    items: int
    share: float
    power: float
    """Share of simulated studies in which the crossed-effects test rejects "no preference"."""
    low: float
    """End of the 95 % Wilson interval that the number of simulations leaves."""
    high: float
    pooled: float
    """Share in which the pooled binomial test rejects. At a share of one half it should be 0.05."""
    simulations: int


def power_grid(sizes: Sequence[tuple[int, int]], plan: PowerPlan, *, workers: int) -> list[PowerPoint]:
    """Return the power at each of `sizes` (people, items), the same for any number of workers.

    Raises:
        SettingsError: a number is out of its range.
        BrickbenchError: a simulation failed.
    """
    _check(sizes, plan)
    starts = range(0, plan.simulations, _CHUNK)
    work = {f"{people}x{items}+{start}": (people, items, start, plan) for people, items in sizes for start in starts}
    rejected = {size: np.zeros(2) for size in sizes}
    with Progress("Simulating", len(sizes) * plan.simulations, "studies") as progress:
        for people, items, count, rejections in _done(work, workers):
            rejected[people, items] += rejections
            progress.advance(count)
    return [_point(people, items, rejected[people, items], plan) for people, items in sizes]


Work = tuple[int, int, int, PowerPlan]
Done = tuple[int, int, int, tuple[int, int]]


def simulate_chunk(work: Work) -> Done:
    """Return people, items, the number of simulated studies, and in how many each of the two tests rejects."""
    people, items, start, plan = work
    logit = logit_of_share(plan.share, float(np.hypot(plan.person_sd, plan.item_sd)))
    stop = min(start + _CHUNK, plan.simulations)
    clustered = pooled = 0
    for number in range(start, stop):
        answers = simulate(
            people,
            items,
            preference_logit=logit,
            person_sd=plan.person_sd,
            item_sd=plan.item_sd,
            per_person=plan.per_person if plan.per_person is None else min(plan.per_person, items),
            seed=plan.seed,
            stream=(people, items, number),
        )
        won = answers.winner == METHODS[0]
        clustered += preference_p_value(answers, METHODS[0]) < ALPHA
        pooled += binomtest(int(won.sum()), len(won)).pvalue < ALPHA
    return people, items, stop - start, (clustered, pooled)


def needed_people(
    items: int, tried: Sequence[int], plan: PowerPlan, *, wanted: float, workers: int
) -> tuple[int | None, list[PowerPoint]]:
    """Return the least number of people with power `wanted` on `items`, and all that was simulated to find it.

    The numbers `tried` come first; then the gap below the least one that is enough is halved until what is left of it
    is a twentieth. None where no number in `tried` is enough: with few items that vary, no number of people may be.
    """
    points = power_grid([(people, items) for people in sorted(set(tried))], plan, workers=workers)
    enough = next((index for index, point in enumerate(points) if point.power >= wanted), None)
    if enough is None:
        return None, points
    high = points[enough].people
    low = points[enough - 1].people if enough else high
    while high - low > max(1, high // 20):
        (point,) = power_grid([((low + high) // 2, items)], plan, workers=workers)
        points.append(point)
        low, high = (low, point.people) if point.power >= wanted else (point.people, high)
    return high, sorted(points, key=lambda point: point.people)


def _done(work: dict[str, Work], workers: int) -> Iterator[Done]:
    if workers == 1:
        yield from map(simulate_chunk, work.values())
        return
    for outcome in run_items(simulate_chunk, work, workers=workers):
        if outcome.value is None:
            raise BrickbenchError(f"The simulation {outcome.key} failed: {outcome.error}.")
        yield outcome.value


def _point(people: int, items: int, rejected: NDArray[np.float64], plan: PowerPlan) -> PowerPoint:
    clustered, pooled = rejected.tolist()
    interval = binomtest(int(clustered), plan.simulations).proportion_ci(method="wilson")
    shares = clustered / plan.simulations, pooled / plan.simulations
    ends = float(interval.low), float(interval.high)
    return PowerPoint(people, items, plan.share, shares[0], *ends, shares[1], plan.simulations)


def _check(sizes: Sequence[tuple[int, int]], plan: PowerPlan) -> None:
    logit_of_share(plan.share, 0.0)
    if plan.simulations < 1 or min(plan.person_sd, plan.item_sd) < 0:
        raise SettingsError(
            f"Power needs 1 simulation at least and standard deviations from 0 up, not {plan.simulations}, "
            f"{plan.person_sd:g} and {plan.item_sd:g}."
        )
    for people, items in sizes:
        if people < 2 or items < 2:
            raise SettingsError(f"A study to plan has 2 people and 2 items at least, not {people} and {items}.")
