"""The share of answers as if each were independent of all others, with Wilson's and the exact interval."""

import numpy as np
from scipy.stats import binomtest

from core.bootstrap import Estimate
from evaluation.study.models.results import NO_ESTIMATE, PooledShare

FALSE_ALARMS = 0.20
"""How often the pooled test rejects a true null at 5 % with 10 people and 10 items whose standard deviations are 0.5
and 0.9 logits (docs/study_statistics.md)."""

ASSUMES = (
    "That each answer is a coin tossed on its own. Answers of one person, and answers on one item, are not: the "
    "interval speaks for these people and items only, and says nothing of others."
)
WARNING = (
    f"With 10 people and 10 items that vary in the ordinary way this test rejects what is true in about "
    f"{FALSE_ALARMS:.0%} of studies, not in 5 %: read the answer for new people and new items instead."
)


def wilson(chosen: int, answers: int) -> Estimate:
    """Return the share with Wilson's 95 % interval; NaN without an answer. Source: Wilson 1927, without correction."""
    return _share(chosen, answers, "wilson")


def pooled_share(chosen: int, answers: int) -> PooledShare:
    """Return the share of `chosen` among `answers`, its intervals, and the exact binomial test against one half.

    Source: Wilson 1927; Clopper and Pearson 1934; the two-sided p is that of all outcomes as improbable or more so.
    """
    return PooledShare(
        assumes=ASSUMES,
        reason="" if answers else "There are no answers.",
        chosen=chosen,
        answers=answers,
        wilson=wilson(chosen, answers),
        exact=_share(chosen, answers, "exact"),
        p_value=float(binomtest(chosen, answers).pvalue) if answers else np.nan,
        warning=WARNING,
    )


def _share(chosen: int, answers: int, method: str) -> Estimate:
    if not answers:
        return NO_ESTIMATE
    ends = binomtest(chosen, answers).proportion_ci(method=method)  # type: ignore[arg-type]
    return Estimate(chosen / answers, float(ends.low), float(ends.high))
