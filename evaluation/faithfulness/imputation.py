"""How far painting a part over departs from taking it away: bias, size of the error, order, and sign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.faithfulness.removal import REMOVALS
from evaluation.faithfulness.twins import TWIN_PIXELS, Regions
from evaluation.intervals import FloatArray, Interval, interval_over_piles, mean_interval, spearman


@dataclass(frozen=True)
class Effects:
    """N effects of removing a part of a picture on a logit: the true one, and what each removal claims."""

    true: FloatArray
    claimed: dict[str, FloatArray]
    is_own: NDArray[np.bool_]
    """(N,) whether the logit is that of the part that was removed."""
    piles: NDArray[np.int64]


@dataclass(frozen=True)
class Departure:
    """One removal against the truth, on the logits of the removed parts or on those of the others."""

    removal: str
    logit: str
    """``own`` or ``other``."""
    true_effect: Interval
    bias: Interval
    """Mean of claimed minus true effect."""
    error: Interval
    """Mean size of the difference."""
    rank_correlation: Interval
    sign_errors: Interval
    """Share of effects that are claimed with the wrong sign."""
    effects: int

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        return {
            "removal": self.removal,
            "logit": self.logit,
            "true_effect": self.true_effect.mean,
            "bias": self.bias.mean,
            "bias_low": self.bias.low,
            "bias_high": self.bias.high,
            "error": self.error.mean,
            "rank_correlation": self.rank_correlation.mean,
            "rank_low": self.rank_correlation.low,
            "rank_high": self.rank_correlation.high,
            "sign_errors": self.sign_errors.mean,
            "effects": self.effects,
            "piles": self.bias.piles,
        }


def gather_effects(regions: Mapping[str, Regions], pile_of: Mapping[str, int], classes: Sequence[str]) -> Effects:
    """Return all effects of all parts on all logits.

    Args:
        regions: by picture, as `twins.load_regions` gives them.
        pile_of: the pile that each picture shows.
        classes: the part_ids of the logits.
    """
    names = (TWIN_PIXELS, *REMOVALS)
    own = [np.array(classes) == np.array(found.part_ids)[:, None] for found in regions.values()]  # (K, C) each
    piles = [np.full(found.effects.size, pile_of[image_id]) for image_id, found in regions.items()]
    return Effects(
        true=np.concatenate([found.effects.ravel() for found in regions.values()]),
        claimed={name: np.concatenate([found.claimed(name).ravel() for found in regions.values()]) for name in names},
        is_own=np.concatenate([one.ravel() for one in own]),
        piles=np.concatenate(piles),
    )


def departures(effects: Effects, *, seed: int) -> list[Departure]:
    """Return each removal against the truth, on own logits first, with intervals over piles."""
    return [
        _departure(effects, name, where, logit, seed)
        for logit, where in (("own", effects.is_own), ("other", ~effects.is_own))
        for name in effects.claimed
    ]


def _departure(effects: Effects, name: str, where: NDArray[np.bool_], logit: str, seed: int) -> Departure:
    true, claimed, piles = effects.true[where], effects.claimed[name][where], effects.piles[where]
    wrong = np.asarray(np.sign(true) != np.sign(claimed), dtype=np.float64)
    return Departure(
        removal=name,
        logit=logit,
        true_effect=mean_interval(true, piles, seed=seed),
        bias=mean_interval(claimed - true, piles, seed=seed),
        error=mean_interval(np.abs(claimed - true), piles, seed=seed),
        rank_correlation=interval_over_piles(lambda places: spearman(true[places], claimed[places]), piles, seed=seed),
        sign_errors=mean_interval(wrong, piles, seed=seed, bounds=(0.0, 1.0)),
        effects=len(true),
    )
