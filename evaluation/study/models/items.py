"""Items one by one, corrected for their number, and whether they differ at all."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2

from evaluation.statistics.permutation import holm
from evaluation.study.models.results import FloatArray, Group, Items, ItemTest
from evaluation.study.models.share import wilson

ASSUMES = (
    "That people answer independently of each other: each has one answer on an item. Each test speaks of new people on "
    "this very item. Cochran's Q asks whether the items differ, for people who answered all of them; its p is good "
    "where people times items is at least about 24."
)


def cochran_q(answers: FloatArray) -> tuple[float, int, float]:
    """Return Q, its degrees of freedom and p of a table (P, I) of 0 and 1, a row a person.

    NaN where nobody answers some items otherwise than others. Source: Cochran 1950.
    """
    items = answers.shape[1]
    by_item, by_person = answers.sum(axis=0), answers.sum(axis=1)
    varying = float((by_person * (items - by_person)).sum())
    if items < 2 or varying == 0:
        return np.nan, max(items - 1, 0), np.nan
    q = items * (items - 1) * float(((by_item - by_item.mean()) ** 2).sum()) / varying
    return q, items - 1, float(chi2.sf(q, items - 1))


def items_one_by_one(names: NDArray[np.str_], hits: FloatArray, tries: FloatArray, *, items_known: bool) -> Items:
    """Return the tests of the items called `names` (I,), of `hits` among `tries`, both (P, I), in their order."""
    if not items_known:
        return Items(ASSUMES, "It is not known which answer is on which item.", (), np.nan, 0, np.nan)
    chosen, answers = hits.sum(axis=0).astype(int), tries.sum(axis=0).astype(int)
    people = (tries > 0).sum(axis=0)
    p_values = np.array([binomtest(y, n).pvalue for y, n in zip(chosen.tolist(), answers.tolist(), strict=True)])
    adjusted = holm(p_values)
    tests = tuple(
        ItemTest(Group(str(name), int(count), int(y), int(n), wilson(int(y), int(n))), float(p), float(holm_p))
        for name, count, y, n, p, holm_p in zip(names, people, chosen, answers, p_values, adjusted, strict=True)
    )
    whole = hits[(tries == 1).all(axis=1)]
    q, freedom, p_value = cochran_q(whole) if len(whole) > 1 else (np.nan, len(names) - 1, np.nan)
    return Items(ASSUMES, _why_no_q(len(whole), len(names), q), tests, q, freedom, p_value)


def _why_no_q(people: int, items: int, q: float) -> str:
    if not np.isnan(q):
        return ""
    if items < 2:
        return "There is one item only."
    if people < 2:
        return "Fewer than two people answered every item once, so items cannot be compared within people."
    return "Each person gave the same answer on all items, so nothing tells the items apart."
