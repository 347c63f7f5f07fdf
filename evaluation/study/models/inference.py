"""Tests and intervals of one coefficient of the crossed-effects model, for as few people as studies have."""

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from core.bootstrap import LEVEL
from evaluation.statistics.effects import Estimate
from evaluation.study.models.crossed import Fit, fit
from evaluation.study.models.laplace import Choices
from evaluation.study.models.results import Term

_MOST_DOUBLINGS = 6  # of the Wald interval's width, while the end of the profile is sought
_PRECISE = 5e-3  # of a standard error: to how much an end is found


def deviance(choices: Choices, free_sd: tuple[bool, bool], found: Fit, column: int, value: float = 0.0) -> float:
    """Return twice the fall of the log likelihood if the coefficient of `column` is held at `value`."""
    held = replace(
        choices,
        design=np.delete(choices.design, column, axis=1),
        offset=choices.offset + value * choices.design[:, column],
    )
    others = np.delete(np.delete(found.covariance, column, axis=0), column, axis=1)
    start = replace(found, fixed=np.delete(found.fixed, column), covariance=others)
    return max(2 * (found.log_likelihood - fit(held, free_sd, start=start).log_likelihood), 0.0)


def t_of_deviance(fall: float, degrees_of_freedom: float) -> float:
    """Return the size of the t statistic that a likelihood ratio of `fall` amounts to.

    For the mean of n values of a normal distribution the likelihood ratio is n log(1 + t^2 / (n - 1)). Turned round,
    with n - 1 degrees of freedom, it makes the test exact there; without it a test of 10 values at 5 % rejects in 7 %.
    """
    return float(np.sqrt(degrees_of_freedom * np.expm1(fall / (degrees_of_freedom + 1))))


def p_value(choices: Choices, free_sd: tuple[bool, bool], found: Fit, column: int, value: float = 0.0) -> float:
    """Return the p of the likelihood-ratio test that the coefficient of `column` is `value`."""
    freedom = float(found.degrees_of_freedom[column])
    return float(2 * student.sf(t_of_deviance(deviance(choices, free_sd, found, column, value), freedom), freedom))


def term(choices: Choices, free_sd: tuple[bool, bool], found: Fit, column: int, name: str) -> Term:
    """Return the coefficient of `column` with its test, profile-likelihood interval and Wald interval.

    The profile interval holds the values that the test does not reject, with the degrees of freedom at the estimate;
    an end that is not to be found within many standard errors is NaN.
    """
    value, freedom = float(found.fixed[column]), float(found.degrees_of_freedom[column])
    quantile = float(student.ppf((1 + LEVEL) / 2, freedom))
    # Maximum likelihood takes variances as n-divisors: as few as the degrees of freedom say.
    error = float(np.sqrt(found.covariance[column, column] * (freedom + 1) / freedom))

    def excess(where: float) -> float:
        return t_of_deviance(deviance(choices, free_sd, found, column, where), freedom) - quantile

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
        p_value=p_value(choices, free_sd, found, column),
        degrees_of_freedom=freedom,
    )
