"""Bradley-Terry: one scale for three or more methods, with intervals that know that people differ."""

from itertools import combinations

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import expit
from scipy.stats import norm
from scipy.stats import t as student

from core.bootstrap import LEVEL, Estimate, resample_counts
from core.seeding import Purpose, generator
from evaluation.statistics.permutation import holm
from evaluation.study.answers.answers import Answers
from evaluation.study.models.results import BradleyTerry, Contest, FloatArray, Strength, resampled_estimate

ASSUMES = (
    "That one number a method, its strength, decides how often it is chosen over any other, and that there are no "
    "ties. The clustered intervals, the differences and their p take people as independent of each other and items as "
    "given; the independent ones take every answer as independent, and are too narrow where people differ."
)
_STREAM = 5
_MOST_STEPS = 100
_TOLERANCE = 1e-10
_LOST = 0.05
"""Share of resamples without finite strengths above which no interval is given."""


def fit_strengths(wins: FloatArray) -> FloatArray:
    """Return the strengths (M,) in logits of maximum likelihood, the first being 0.

    Args:
        wins: (M, M), how often the method of the row was chosen over that of the column; finite strengths exist only
            where `is_connected` (Ford 1957).

    Source: Bradley and Terry 1952; Newton's method with halved steps.
    """
    strengths = np.zeros(len(wins))
    both = wins + wins.T
    value = _log_likelihood(wins, strengths)
    for _ in range(_MOST_STEPS):
        chance = expit(strengths[:, None] - strengths[None, :])
        score = (wins - both * chance).sum(axis=1)
        step = np.zeros(len(wins))
        step[1:] = np.linalg.solve(_information(both, chance), score[1:])
        while (trial := _log_likelihood(wins, strengths + step)) < value - 1e-9 and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        strengths, value = strengths + step, trial
        if np.abs(step).max() < _TOLERANCE:
            break
    return strengths


def strength_covariance(wins: FloatArray, strengths: FloatArray) -> FloatArray:
    """Return the covariance (M, M) of strengths as if answers were independent; 0 for the first method's."""
    chance = expit(strengths[:, None] - strengths[None, :])
    covariance = np.zeros_like(wins)
    covariance[1:, 1:] = np.linalg.inv(_information(wins + wins.T, chance))
    return covariance


def is_connected(wins: FloatArray) -> bool:
    """Return whether from each method a chain of wins leads to each other one."""
    return bool(connected_components(wins > 0, directed=True, connection="strong")[0] == 1)


def count_wins(answers: Answers, methods: tuple[str, ...]) -> FloatArray:
    """Return each person's choices of one method over another, (P, M, M), of the main answers."""
    main = answers.where(answers.kind == "main")
    people, person = np.unique(main.participant, return_inverse=True)
    index_of = {method: index for index, method in enumerate(methods)}
    loser = np.where(main.chosen == "left", main.right, main.left)
    won, lost = (np.array([index_of[name] for name in names.tolist()], dtype=np.intp) for names in (main.winner, loser))
    wins = np.zeros((len(people), len(methods), len(methods)))
    np.add.at(wins, (person, won, lost), 1.0)
    return wins


def bradley_terry(wins: FloatArray, methods: tuple[str, ...], *, seed: int, draws: int) -> BradleyTerry:
    """Return strengths and differences of `methods` (M,), the first of which is the reference.

    `wins` (P, M, M) are those of `count_wins`; `draws` resamples of people give the intervals.
    """
    whole = wins.sum(axis=0)
    reason = _why_not(whole, methods)
    if reason:
        return BradleyTerry(ASSUMES, reason, methods[0], (), ())
    people = len(wins)
    fitted = fit_strengths(whole)
    errors = np.sqrt(strength_covariance(whole, fitted).diagonal())
    resampled = _resampled(wins, fitted, seed=seed, draws=draws)  # (B, M)
    lost = float(np.isnan(resampled[:, 0]).mean())
    if people < 2:
        reason = "With one person there is nobody to resample: there are no clustered intervals."
    elif lost > _LOST:
        reason = (
            f"In {lost:.0%} of resamples some method always won or lost, so that its strength is not finite: there are "
            "no clustered intervals. More answers are needed."
        )
    if reason:
        resampled = np.full_like(resampled, np.nan)
    half = norm.ppf((1 + LEVEL) / 2) * errors
    strengths = tuple(
        Strength(
            method=methods[index],
            independent=Estimate(float(fitted[index]), float((fitted - half)[index]), float((fitted + half)[index])),
            clustered=resampled_estimate(float(fitted[index]), resampled[:, index] - resampled[:, 0], people),
        )
        for index in np.argsort(-fitted, kind="stable").tolist()
    )
    return BradleyTerry(ASSUMES, reason, methods[0], strengths, _contests(whole, methods, fitted, resampled, people))


def _contests(
    whole: FloatArray, methods: tuple[str, ...], fitted: FloatArray, resampled: FloatArray, people: int
) -> tuple[Contest, ...]:
    pairs = list(combinations(range(len(methods)), 2))
    differences = []
    p_values = np.full(len(pairs), np.nan)
    for number, (one, two) in enumerate(pairs):
        apart = resampled[:, one] - resampled[:, two]
        differences.append(resampled_estimate(float(fitted[one] - fitted[two]), apart, people))
        spread = apart[~np.isnan(apart)]
        if len(spread) > 1 and spread.std() > 0:
            # Resamples vary as the n-divisor of the variance says: (n - 1) / n too little.
            error = spread.std() * np.sqrt(people / (people - 1))
            p_values[number] = 2 * student.sf(abs(fitted[one] - fitted[two]) / error, people - 1)
    adjusted = holm(p_values)
    return tuple(
        Contest(
            first=methods[one],
            second=methods[two],
            wins=int(whole[one, two]),
            answers=int(whole[one, two] + whole[two, one]),
            difference=difference,
            p_value=float(p_value),
            holm_p_value=float(holm_p),
        )
        for (one, two), difference, p_value, holm_p in zip(pairs, differences, p_values, adjusted, strict=True)
    )


def _resampled(wins: FloatArray, fitted: FloatArray, *, seed: int, draws: int) -> FloatArray:
    """Return the strengths in each resample of people, (B, M); NaN where they are not finite."""
    weights = resample_counts(generator(seed, Purpose.BOOTSTRAP, _STREAM), len(wins), draws)
    tables = np.tensordot(weights.astype(np.float64), wins, axes=1)  # (B, M, M)
    return np.array([fit_strengths(table) if is_connected(table) else np.full(len(fitted), np.nan) for table in tables])


def _information(both: FloatArray, chance: FloatArray) -> FloatArray:
    """Return the information of all strengths but the first."""
    apart = both * chance * (1 - chance)
    return np.asarray(np.diag(apart.sum(axis=1)) - apart)[1:, 1:]


def _log_likelihood(wins: FloatArray, strengths: FloatArray) -> float:
    return -float((wins * np.logaddexp(0.0, strengths[None, :] - strengths[:, None])).sum())


def _why_not(whole: FloatArray, methods: tuple[str, ...]) -> str:
    count, group = connected_components(whole > 0, directed=False)
    if count > 1:
        apart = [" and ".join(np.array(methods)[group == number]) for number in range(count)]
        return f"Never compared with each other, so without a common scale: {'; '.join(apart)}."
    count, group = connected_components(whole > 0, directed=True, connection="strong")
    if count == 1:
        return ""
    # Of the groups, one at least was never beaten from outside.
    for number in range(count):
        inside = group == number
        if not whole[~inside][:, inside].any():
            names = " and ".join(np.array(methods)[inside])
            return f"{names} never lost to any other method: its strength has no finite estimate."
    return "Some methods always lost: their strengths have no finite estimate."
