"""The same scores within parts of a split: by source, number of bricks, visibility, light, floor."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bootstrap import Estimate
from training.validation.intervals import FEWEST_GROUPS, RESAMPLES, estimate, intervals, resampled_weights
from training.validation.metrics import SCORES, FloatArray, Tally
from training.validation.picture_facts import ObjectArray, PictureFacts

BRICK_COUNTS = ((0, 0), (1, 1), (2, 3), (4, 6), (7, 10), (11, None))
VISIBLE_EDGES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
CURVE_EDGES = tuple(np.linspace(0, 1, 11).round(2).tolist())
SOURCE_NAMES = {"synthetic": "renders", "real": "photos"}


@dataclass(frozen=True)
class Stratum:
    """Some pictures of a split that have something in common."""

    dimension: str
    """What they were told apart by, such as ``lighting``."""
    name: str
    """Such as ``sun``."""
    pictures: npt.NDArray[np.bool_]
    """(N,) which they are."""


@dataclass(frozen=True)
class StratumScores:
    """The scores of one stratum."""

    dimension: str
    name: str
    pictures: int
    groups: int
    classes: int
    """Classes that are shown: the means of different strata may be over different parts."""
    scores: dict[str, Estimate]
    """By name; NaN ends where there are fewer than `FEWEST_GROUPS` groups."""

    @property
    def has_too_few_groups(self) -> bool:
        """Whether there is no interval for want of groups."""
        return self.groups < FEWEST_GROUPS

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"by": self.dimension, "stratum": self.name, "pictures": self.pictures}
        row |= {"groups": self.groups, "classes": self.classes, "too_few_groups": self.has_too_few_groups}
        for name, interval in self.scores.items():
            row |= interval.as_row(name)
        return row


def strata(facts: PictureFacts, targets: npt.NDArray[np.float32]) -> list[Stratum]:
    """Return all strata that hold a picture, those of one dimension together and in their order.

    A dimension with one stratum alone is left out: it is the whole split.
    """
    dimensions = [
        _named("source", facts.source, SOURCE_NAMES),
        list(_by_count("bricks", facts.bricks)),
        list(_by_share("least visible part", facts.least_visible_label(targets))),
        list(_by_share("mean visible fraction", facts.mean_label_visibility(targets))),
        _named("lighting", facts.lighting),
        _named("floor", facts.background),
        _named("split", facts.split),
    ]
    return [stratum for dimension in dimensions if len(dimension) > 1 for stratum in dimension]


def _named(dimension: str, values: ObjectArray, titles: dict[str, str] | None = None) -> list[Stratum]:
    names = sorted({name for name in values if name is not None})
    return [Stratum(dimension, (titles or {}).get(name, name), values == name) for name in names]


def _by_count(dimension: str, values: FloatArray) -> Iterator[Stratum]:
    for low, high in BRICK_COUNTS:
        chosen = (values >= low) & (values <= (np.inf if high is None else high))
        if chosen.any():
            yield Stratum(
                dimension, f"{low} or more" if high is None else f"{low}–{high}" if low < high else f"{low}", chosen
            )


def _by_share(dimension: str, values: FloatArray) -> Iterator[Stratum]:
    for low, high in itertools.pairwise(VISIBLE_EDGES):
        chosen = (values >= low) & ((values < high) | (high == VISIBLE_EDGES[-1]) & (values <= high))
        if chosen.any():
            yield Stratum(dimension, f"{low:.0%} to {high:.0%}".replace("%", " %"), chosen)


def stratum_scores(
    stratum: Stratum,
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.float32],
    groups: npt.NDArray[np.int64],
    *,
    thresholds: FloatArray,
    seed: int,
    resamples: int = RESAMPLES,
) -> StratumScores:
    """Return the scores of a stratum with intervals over its own groups, without them if these are too few."""
    chosen = stratum.pictures
    tally = Tally(logits[chosen], targets[chosen], groups[chosen], thresholds)
    enough = tally.units >= FEWEST_GROUPS
    estimates = estimate(tally, seed=seed, resamples=resamples if enough else 0)
    return StratumScores(
        dimension=stratum.dimension,
        name=stratum.name,
        pictures=int(chosen.sum()),
        groups=tally.units,
        classes=int((targets[chosen] > 0.5).any(axis=0).sum()),
        scores={name: estimates.interval(name) for name in SCORES},
    )


@dataclass(frozen=True)
class VisibilityBin:
    """Parts of which a certain share is seen, and how many of them the network claims."""

    low: float
    high: float
    parts: int
    """Pairs of a picture and a part that it shows."""
    labelled: int
    """Of these, how many are labels: the label rule leaves out what is hidden too much."""
    groups: int
    claimed: Estimate
    """The share that is claimed: recall, where all are labels."""

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"visible_from": self.low, "visible_to": self.high, "parts": self.parts}
        return row | {"labelled": self.labelled, "groups": self.groups} | self.claimed.as_row("recall")


def recall_by_visibility(
    facts: PictureFacts,
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.float32],
    groups: npt.NDArray[np.int64],
    *,
    thresholds: FloatArray,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[VisibilityBin]:
    """Return how often a part is claimed, by how much is seen of its most visible brick; empty bins are left out."""
    rows, columns = np.nonzero(np.isfinite(facts.visibility))
    claimed = (logits > thresholds)[rows, columns]
    labelled = targets[rows, columns] > 0.5
    bin_of = np.clip(
        np.searchsorted(CURVE_EDGES, facts.visibility[rows, columns], side="right") - 1, 0, len(CURVE_EDGES) - 2
    )
    bins = []
    for number in np.unique(bin_of):
        chosen = bin_of == number
        names, member = np.unique(groups[rows[chosen]], return_inverse=True)
        sums = np.bincount(member, weights=claimed[chosen], minlength=len(names))
        counts = np.bincount(member, minlength=len(names)).astype(np.float64)
        value = np.array([sums.sum() / counts.sum()])
        drawn = np.zeros((1, 0))
        if len(names) >= FEWEST_GROUPS:
            weights = list(resampled_weights(len(names), seed=seed, resamples=resamples))
            drawn = np.concatenate([(sums @ block) / (counts @ block) for block in weights])[None]
        bins.append(
            VisibilityBin(
                low=CURVE_EDGES[number],
                high=CURVE_EDGES[number + 1],
                parts=int(chosen.sum()),
                labelled=int(labelled[chosen].sum()),
                groups=len(names),
                claimed=intervals(value, drawn, [len(names)])[0],
            )
        )
    return bins
