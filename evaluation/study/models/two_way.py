"""Intervals from people and items resampled, both: what would other people say of other pictures?"""

from dataclasses import dataclass

import numpy as np

from core.bootstrap import FEWEST_RESAMPLED, Estimate, resample_counts
from core.seeding import Purpose, generator
from evaluation.study.models.results import NO_ESTIMATE, FloatArray, TwoWayShare, resampled_estimate

ASSUMES = (
    "That these people and these items were drawn at random from those that one wants to know about, people apart from "
    "items. No model of how they vary. People and items are resampled, both, so the interval is a little wide where "
    f"neither varies; with fewer than {FEWEST_RESAMPLED} of either there is none, since it would not cover."
)
_STREAM = 2  # of the seed's resampling; scores' bootstrap has the one without a number, their flips have 1


@dataclass(frozen=True)
class Weights:
    """How often each person and each item comes in each of B resamples."""

    people: FloatArray
    """(B, P)"""
    items: FloatArray
    """(B, I); all ones where items are not known, or are kept."""
    units: int
    """The smaller number of what is resampled."""

    def shares(self, hits: FloatArray, tries: FloatArray) -> FloatArray:
        """Return the share of hits among tries, both (P, I), in each resample, (B,); NaN without a try."""
        with np.errstate(invalid="ignore"):
            shares = self._total(hits) / self._total(tries)
        return np.asarray(shares, dtype=np.float64)

    def _total(self, table: FloatArray) -> FloatArray:
        return np.asarray(((self.people @ table) * self.items).sum(axis=1))


def draw_weights(people: int, items: int, *, seed: int, draws: int, keep_items: bool = False) -> Weights:
    """Return `draws` resamples of `people` and, unless `keep_items`, of `items`."""
    rng = generator(seed, Purpose.BOOTSTRAP, _STREAM)
    drawn = resample_counts(rng, people, draws).astype(np.float64)
    if keep_items:
        return Weights(drawn, np.ones((draws, items)), people)
    return Weights(drawn, resample_counts(rng, items, draws).astype(np.float64), min(people, items))


def share_interval(hits: FloatArray, tries: FloatArray, weights: Weights) -> Estimate:
    """Return the share of `hits` among `tries`, both (P, I), with its 95 % interval; NaN ends where nothing varies.

    Source: Owen 2007, The pigeonhole bootstrap; percentile intervals, expanded for few units as in
    `core.bootstrap.expanded_level`, the units being the smaller of the two numbers; none below `FEWEST_RESAMPLED`.
    """
    if not tries.sum():
        return NO_ESTIMATE
    share = float(hits.sum() / tries.sum())
    if share in (0.0, 1.0):
        return Estimate(share, np.nan, np.nan)
    return resampled_estimate(share, weights.shares(hits, tries), weights.units)


def two_way_share(hits: FloatArray, tries: FloatArray, *, seed: int, draws: int, items_known: bool) -> TwoWayShare:
    """Return the share of `hits` among `tries`, both (P, I), with an interval for new people and new items."""
    people, items = tries.shape
    weights = draw_weights(people, items, seed=seed, draws=draws, keep_items=not items_known)
    return TwoWayShare(
        assumes=ASSUMES,
        reason=_why_not(hits, tries, people, items if items_known else None),
        share=share_interval(hits, tries, weights),
        draws=draws,
    )


def _why_not(hits: FloatArray, tries: FloatArray, people: int, items: int | None) -> str:
    if people < 2:
        return "With one person there is nobody to resample."
    if items == 1:
        return "With one item there is nothing to resample."
    if hits.sum() in (0, tries.sum()):
        return "All answers are the same: resampling them shows nothing but that. See the exact interval."
    fewest = people if items is None else min(people, items)
    if fewest < FEWEST_RESAMPLED:
        what = "people" if people == fewest else "items"
        return f"With {fewest} {what} intervals from resampling cover too rarely: {FEWEST_RESAMPLED} are needed."
    if items is None:
        return "It is not known which answer is on which item: only people were resampled, so new items are left out."
    return ""
