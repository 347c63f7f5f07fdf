"""The likelihood of a logistic model with two crossed random intercepts, by Laplace's approximation, with gradient."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln

from evaluation.study.models.results import FloatArray, IntArray

_MOST_STEPS = 60  # Newton's to the mode of the random effects; 3 to 6 are enough but near separation
_TOLERANCE = 1e-5  # of the last step, in standard deviations: what is then left is of the order of its square


@dataclass(frozen=True)
class Choices:
    """K cells of `trials` choices, `chosen` of them for the first method, by one person on one item."""

    chosen: FloatArray
    """(K,)"""
    trials: FloatArray
    """(K,)"""
    design: FloatArray
    """(K, F) the columns of the fixed effects."""
    person: IntArray
    """(K,) 0 to P - 1"""
    item: IntArray
    """(K,) 0 to I - 1"""
    offset: FloatArray
    """(K,) added to the logit."""

    @property
    def people(self) -> int:
        """Return P."""
        return int(self.person.max()) + 1

    @property
    def items(self) -> int:
        """Return I."""
        return int(self.item.max()) + 1

    @property
    def constant(self) -> float:
        """Return the part of the log likelihood that no parameter changes: binomial coefficients."""
        n, y = self.trials, self.chosen
        return float((gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum())


@dataclass(frozen=True)
class Point:
    """The approximation at one setting of the parameters."""

    log_likelihood: float
    gradient: FloatArray
    """(F + 2,) by the fixed effects, the person's and the item's standard deviation."""
    weight: FloatArray
    """(K,) variance of the chosen counts at the mode of the random effects."""


class Laplace:
    """Laplace's approximation on one table of choices; each mode is sought from the one that was found last."""

    def __init__(self, choices: Choices) -> None:
        """Take `choices`."""
        self.choices = choices
        # The larger group's information is diagonal and is eliminated: what is left is as large as the smaller group.
        self._swapped = choices.items > choices.people
        groups = (choices.item, choices.person) if self._swapped else (choices.person, choices.item)
        self._large, self._small = groups
        self._sizes = (int(groups[0].max()) + 1, int(groups[1].max()) + 1)
        self._cell = self._large * self._sizes[1] + self._small
        self._constant = choices.constant
        self._mode = (np.zeros(self._sizes[0]), np.zeros(self._sizes[1]))

    def at(self, fixed: FloatArray, sd: FloatArray) -> Point:
        """Return the approximation at `fixed` (F,) and the standard deviations `sd` (2,) of people and items.

        A standard deviation may be negative: the likelihood is that of its size, and smooth through 0.

        Source: Breslow and Clayton 1993; Bates et al. 2015. The same as ``glmer`` of lme4 with ``nAGQ = 1``.
        """
        data, large, small = self.choices, self._large, self._small
        s, t = sd[::-1] if self._swapped else sd
        base = data.design @ fixed + data.offset
        mode = self._find_mode(base, s, t)
        u, v = mode[0][large], mode[1][small]
        logit = base + s * u + t * v
        mean = expit(logit)
        weight = data.trials * mean * (1 - mean)
        rest = data.chosen - data.trials * mean
        information = self._information(weight, s, t)
        v_ll, v_ls = information.large_variance[large], information.covariance[large, small]
        v_ss = information.small_inverse[small, small]
        likelihood = data.chosen @ logit - data.trials @ np.logaddexp(0.0, logit)
        penalty = 0.5 * (mode[0] @ mode[0] + mode[1] @ mode[1])
        value = self._constant + likelihood - penalty - information.half_log_determinant
        # What a change of each logit does to the determinant, through the weights.
        pull = 0.5 * (s * s * v_ll + 2 * s * t * v_ls + t * t * v_ss) * weight * (1 - 2 * mean)
        # The mode gives way when logits are shifted: the pull is carried back along it.
        follow = information.solve(s * self._by_large(pull), t * self._by_small(pull))
        net = rest - pull + weight * (s * follow[0][large] + t * follow[1][small])
        by_s = net @ u - weight @ (s * v_ll + t * v_ls) - rest @ follow[0][large]
        by_t = net @ v - weight @ (s * v_ls + t * v_ss) - rest @ follow[1][small]
        by_sd = (by_t, by_s) if self._swapped else (by_s, by_t)
        return Point(float(value), np.concatenate([data.design.T @ net, by_sd]), weight)

    def covariance(self, weight: FloatArray, sd: FloatArray) -> FloatArray:
        """Return the covariance (F, F) of the fixed effects at given standard deviations and `weight` of a point."""
        return np.asarray(np.linalg.inv(self.choices.design.T @ self.solve_marginal(weight, sd, self.choices.design)))

    def solve_marginal(self, weight: FloatArray, sd: FloatArray, columns: FloatArray) -> FloatArray:
        """Return `columns` (K, C) times the inverse of the logits' marginal covariance, 1 / weight + random effects."""
        s, t = sd[::-1] if self._swapped else sd
        information = self._information(weight, s, t)
        weighted = weight[:, None] * columns
        result = np.empty_like(weighted)
        for index, column in enumerate(weighted.T):
            x, y = information.solve(s * self._by_large(column), t * self._by_small(column))
            result[:, index] = column - weight * (s * x[self._large] + t * y[self._small])
        return result

    def _find_mode(self, base: FloatArray, s: float, t: float) -> tuple[FloatArray, FloatArray]:
        """Return the random effects of highest penalised likelihood, by Newton's steps, halved where they overshoot."""
        data = self.choices
        u, v = self._mode
        value, mean = self._penalised(base, s, t, u, v)
        for _ in range(_MOST_STEPS):
            rest = data.chosen - data.trials * mean
            information = self._information(data.trials * mean * (1 - mean), s, t)
            du, dv = information.solve(s * self._by_large(rest) - u, t * self._by_small(rest) - v)
            size = max(np.abs(du).max(), np.abs(dv).max())
            trial, mean = self._penalised(base, s, t, u + du, v + dv)
            while trial < value - 1e-10 * abs(value) and size > _TOLERANCE:
                du, dv, size = du / 2, dv / 2, size / 2
                trial, mean = self._penalised(base, s, t, u + du, v + dv)
            u, v, value = u + du, v + dv, trial
            if size < _TOLERANCE:
                break
        self._mode = u, v
        return u, v

    def _penalised(
        self, base: FloatArray, s: float, t: float, u: FloatArray, v: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return the penalised log likelihood at random effects, and the mean of each choice."""
        logit = base + s * u[self._large] + t * v[self._small]
        softplus = np.logaddexp(0.0, logit)
        data = self.choices
        value = data.chosen @ logit - data.trials @ softplus - 0.5 * (u @ u + v @ v)
        return float(value), np.exp(logit - softplus)

    def _information(self, weight: FloatArray, s: float, t: float) -> "_Information":
        """Return the information of the random effects."""
        crossed = np.bincount(self._cell, weight, self._sizes[0] * self._sizes[1]).reshape(self._sizes)
        return _Information(s * s * crossed.sum(axis=1) + 1, t * t * crossed.sum(axis=0) + 1, s * t * crossed)

    def _by_large(self, values: FloatArray) -> FloatArray:
        return np.bincount(self._large, values, self._sizes[0]).astype(np.float64, copy=False)

    def _by_small(self, values: FloatArray) -> FloatArray:
        return np.bincount(self._small, values, self._sizes[1]).astype(np.float64, copy=False)


class _Information:
    """A matrix [[D, C], [C', E]] with diagonal D (large group) and E, and its inverse."""

    def __init__(self, large: FloatArray, small: FloatArray, crossed: FloatArray) -> None:
        """Factorise: D by its diagonal, E - C' D^-1 C densely."""
        self._large, self._crossed = large, crossed
        self._ratio = crossed / large[:, None]  # D^-1 C
        schur = np.diag(small) - crossed.T @ self._ratio
        self._root = np.linalg.cholesky(schur)
        self.small_inverse: FloatArray = np.linalg.inv(schur)

    @property
    def half_log_determinant(self) -> float:
        """Return half the logarithm of the determinant."""
        return float(0.5 * np.log(self._large).sum() + np.log(self._root.diagonal()).sum())

    @property
    def covariance(self) -> FloatArray:
        """Return the block of the inverse between the groups."""
        return np.asarray(-self._ratio @ self.small_inverse)

    @property
    def large_variance(self) -> FloatArray:
        """Return the diagonal of the inverse in the large group."""
        return np.asarray(1 / self._large + ((self._ratio @ self.small_inverse) * self._ratio).sum(axis=1))

    def solve(self, large: FloatArray, small: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the inverse times a vector, by groups."""
        y = self.small_inverse @ (small - self._ratio.T @ large)
        return large / self._large - self._ratio @ y, y
