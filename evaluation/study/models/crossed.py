"""Crossed-effects logistic regression: random intercepts of people and items, fitted by Laplace's approximation.

Tests and intervals of a coefficient are for as few people as studies have.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.stats import t as student

from core.bootstrap import LEVEL, Estimate
from evaluation.study.models.laplace import Choices, Laplace
from evaluation.study.models.results import FloatArray, IntArray, Term

START_SD = 0.7
"""Logits; where fits begin. From 0 there is no way up: the likelihood is even in each standard deviation."""
PRIOR = (0.5, 0.1)
"""Weight of log sd, and rate, of a weak prior on each standard deviation, gamma with shape 1.5 and a mean of 15 logits.

Without it a standard deviation comes out as 0 in a third of studies with 10 people, 10 items and true ones of 0.5; the
likelihood-ratio test then takes answers as independent, and rejects a true null in 8 % of studies instead of 5 %.
With shape 2 it rejects 3 %. docs/study_statistics.md has the measurements."""
_NO_SD = 1e-3  # logits: below, a standard deviation is 0
_GRADIENT = 1e-4  # log likelihood a logit, at which a fit has converged: the likelihood is then right to about 1e-8
_MOST_ROUNDS = 200
_MOST_DOUBLINGS = 6  # of the Wald interval's width, while the end of the profile is sought
_PRECISE = 5e-3  # of a standard error: to how much an end is found


@dataclass(frozen=True)
class Fit:
    """The highest point of the likelihood."""

    fixed: FloatArray
    """(F,) logits"""
    sd: FloatArray
    """(2,) of people and items, in logits; 0 where it was not free."""
    log_likelihood: float
    """With the logarithm of the prior's density, less its constant, where there is one."""
    covariance: FloatArray
    """(F, F) of the fixed effects, the standard deviations taken as known."""
    degrees_of_freedom: FloatArray
    """(F,) of each fixed effect, after Satterthwaite."""


def fit(
    choices: Choices,
    free_sd: tuple[bool, bool] = (True, True),
    *,
    prior: tuple[float, float] = PRIOR,
    start: Fit | None = None,
) -> Fit:
    """Return the fit of a logistic regression with random intercepts of people and items.

    Args:
        choices: the table.
        free_sd: whether people, and items, vary at all.
        prior: of each free standard deviation; ``(0, 0)`` for maximum likelihood.
        start: a fit of nearly the same, to begin at.

    Source: as ``glmer`` of lme4 with ``nAGQ = 1`` (Bates et al. 2015): fixed effects and standard deviations together,
    the random effects' mode within. Here the gradient is exact and the optimiser is BFGS. The prior is that of Chung,
    Rabe-Hesketh, Dorie, Gelman and Liu 2013, who let its rate go to 0; with a rate a fit is bounded even where all
    people, or all items, are of one mind.
    """
    laplace = Laplace(choices)
    columns = choices.design.shape[1]
    free = np.array(free_sd)
    weight, rate = prior

    def cost(parameters: FloatArray) -> tuple[float, FloatArray]:
        spread = parameters[columns:]
        point = laplace.at(parameters[:columns], _both(spread, free))
        gradient = point.gradient[np.concatenate([np.full(columns, True), free])]
        value = point.log_likelihood
        if weight:
            value += float((weight * np.log(np.abs(spread)) - rate * np.abs(spread)).sum())
            gradient[columns:] += weight / spread - rate * np.sign(spread)
        return -value, -gradient

    fixed = np.zeros(columns) if start is None else start.fixed
    sd = np.full(2, START_SD) if start is None else np.maximum(start.sd, 0.1)
    best = np.concatenate([fixed, sd[free]])
    if len(best):
        best = minimize(
            cost,
            best,
            jac=True,
            method="BFGS",
            options={"gtol": _GRADIENT, "maxiter": _MOST_ROUNDS, "hess_inv0": _scale(choices, free, start)},
        ).x
    value = -cost(best)[0]
    fixed, sd = best[:columns], np.abs(_both(best[columns:], free))
    sd[sd < _NO_SD] = 0.0
    weights = laplace.at(fixed, sd).weight
    covariance = laplace.covariance(weights, sd)
    return Fit(fixed, sd, value, covariance, _degrees(laplace, weights, sd, covariance))


def deviance(choices: Choices, free_sd: tuple[bool, bool], best: Fit, column: int, value: float = 0.0) -> float:
    """Return twice the fall of the log likelihood if the coefficient of `column` is held at `value`."""
    held = replace(
        choices,
        design=np.delete(choices.design, column, axis=1),
        offset=choices.offset + value * choices.design[:, column],
    )
    others = np.delete(np.delete(best.covariance, column, axis=0), column, axis=1)
    start = replace(best, fixed=np.delete(best.fixed, column), covariance=others)
    return max(2 * (best.log_likelihood - fit(held, free_sd, start=start).log_likelihood), 0.0)


def t_of_deviance(fall: float, degrees_of_freedom: float) -> float:
    """Return the size of the t statistic that a likelihood ratio of `fall` amounts to.

    For the mean of n values of a normal distribution the likelihood ratio is n log(1 + t^2 / (n - 1)). Turned round,
    with n - 1 degrees of freedom, it makes the test exact there; without it a test of 10 values at 5 % rejects in 7 %.
    """
    return float(np.sqrt(degrees_of_freedom * np.expm1(fall / (degrees_of_freedom + 1))))


def p_value(choices: Choices, free_sd: tuple[bool, bool], best: Fit, column: int, value: float = 0.0) -> float:
    """Return the p of the likelihood-ratio test that the coefficient of `column` is `value`."""
    freedom = float(best.degrees_of_freedom[column])
    return float(2 * student.sf(t_of_deviance(deviance(choices, free_sd, best, column, value), freedom), freedom))


def term(choices: Choices, free_sd: tuple[bool, bool], best: Fit, column: int, name: str) -> Term:
    """Return the coefficient of `column` with its test, profile-likelihood interval and Wald interval.

    The profile interval holds the values that the test does not reject, with the degrees of freedom at the estimate;
    an end that is not to be found within many standard errors is NaN.
    """
    value, freedom = float(best.fixed[column]), float(best.degrees_of_freedom[column])
    quantile = float(student.ppf((1 + LEVEL) / 2, freedom))
    # Maximum likelihood takes variances as n-divisors: as few as the degrees of freedom say.
    error = float(np.sqrt(best.covariance[column, column] * (freedom + 1) / freedom))

    def excess(where: float) -> float:
        return t_of_deviance(deviance(choices, free_sd, best, column, where), freedom) - quantile

    def end(sign: int) -> float:
        near, far = value, value + sign * quantile * error
        for _ in range(_MOST_DOUBLINGS):
            if excess(far) > 0:
                return float(brentq(excess, near, far, xtol=_PRECISE * error))
            near, far = far, value + 2 * (far - value)
        return np.nan

    return Term(
        name=name,
        logit=Estimate(value, end(-1), end(1)),
        wald=Estimate(value, value - quantile * error, value + quantile * error),
        p_value=p_value(choices, free_sd, best, column),
        degrees_of_freedom=freedom,
    )


def _scale(choices: Choices, free: NDArray[np.bool_], start: Fit | None) -> FloatArray:
    """Return about how far parameters will vary, as a covariance: with it BFGS needs half the steps."""
    columns = choices.design.shape[1]
    if start is None:
        information = choices.design.T @ (0.15 * choices.trials[:, None] * choices.design)
        covariance = np.linalg.pinv(information) + 0.02 * np.eye(columns)
    else:
        covariance = start.covariance
    scale = np.zeros((columns + int(free.sum()),) * 2)
    scale[:columns, :columns] = covariance
    units = np.array([choices.people, choices.items], dtype=np.float64)[free]
    scale[columns:, columns:] = np.diag(0.5 / units)
    return np.asarray((scale + scale.T) / 2)


def _both(values: FloatArray, free: NDArray[np.bool_]) -> FloatArray:
    sd = np.zeros(2)
    sd[free] = values
    return sd


def _degrees(laplace: Laplace, weight: FloatArray, sd: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the degrees of freedom of each fixed effect's variance, (F,).

    A fixed effect is a weighted sum m of working logits, and its variance the sum of what people, items and single
    choices add to it; each part is known from so many of them as there are, less the fixed effects that are the same
    for all choices of one person (or item). Satterthwaite 1946 combines them.
    """
    data = laplace.choices
    sums = laplace.solve_marginal(weight, sd, data.design) @ covariance  # (K, F), m in each column
    parts, known = [], []
    for spread, member, count in ((sd[0], data.person, data.people), (sd[1], data.item, data.items)):
        by_unit = np.zeros((count, sums.shape[1]))
        np.add.at(by_unit, member, sums)
        parts.append(spread**2 * (by_unit**2).sum(axis=0))
        known.append(max(count - _constant_columns(data.design, member), 1))
    parts.append((sums**2 / weight[:, None]).sum(axis=0))
    known.append(max(int(data.trials.sum()) - sums.shape[1], 1))
    table = np.array(parts)  # (3, F)
    return np.asarray(table.sum(axis=0) ** 2 / (table**2 / np.array(known, dtype=np.float64)[:, None]).sum(axis=0))


def _constant_columns(design: FloatArray, member: IntArray) -> int:
    """Return how many columns have the same value throughout each unit."""
    count = int(member.max()) + 1
    highest, lowest = np.full((count, design.shape[1]), -np.inf), np.full((count, design.shape[1]), np.inf)
    np.maximum.at(highest, member, design)
    np.minimum.at(lowest, member, design)
    return int((highest - lowest < 1e-12).all(axis=0).sum())
