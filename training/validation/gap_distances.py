"""How far a network's features of renders lie from those of photos, beside how far halves of either do."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from core.bootstrap import LEVEL
from core.progress import Progress
from core.seeding import Purpose, generator
from training.validation.feature_distance import (
    discrepancies,
    frechet_distance,
    gaussian_kernel,
    median_distance,
    permutation_p_value,
)
from training.validation.intervals import Interval
from training.validation.metrics import FloatArray

MOST_PICTURES = 1000
"""Of a kind; the kernel matrix of both then takes 32 MB."""
FEWEST_PICTURES = 20
"""Of a kind; halves of fewer say nothing."""
HALVINGS = 50


@dataclass(frozen=True)
class Distance:
    """How far renders are from photos by one measure, beside what two halves of either are from each other."""

    measure: str
    between: Interval
    """Half of the renders from half of the photos: mean over halvings."""
    within_renders: float
    within_photos: float
    excess: Interval
    """`between` less the mean of both `within`: 0 where the two kinds cannot be told apart."""

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"distance": self.measure} | self.between.as_row("between")
        row |= {"within_renders": self.within_renders, "within_photos": self.within_photos}
        return row | self.excess.as_row("excess")


@dataclass(frozen=True)
class Distances:
    """All measures, and whether there is a difference at all."""

    measures: tuple[Distance, ...]
    """Empty where one kind has fewer than `FEWEST_PICTURES`."""
    pictures: int
    """Of each kind."""
    p_value: float
    """That renders and photos look alike to the network: by permutations of the discrepancy."""


def compare_features(renders: FloatArray, photos: FloatArray, *, seed: int, halvings: int = HALVINGS) -> Distances:
    """Return Fréchet distance and maximum mean discrepancy of two sets of independent pictures.

    Both kinds are brought to the same number of pictures, and halved at random again and again: half of the renders is
    held against half of the photos, and the halves of each kind against each other. All three have the same size and so
    the same bias. The scatter of a statistic over halves drawn without replacement is that of the statistic on all
    pictures (Shao & Wu 1989), which gives the intervals.

    Features have no scale of their own: they are divided by the root mean square distance of a photo from their mean,
    and the kernel's bandwidth is the median distance between two photos. So figures are comparable between renders made
    in different ways, for the same checkpoint and the same photos.

    Args:
        renders: (N, D), one row a group of pictures.
        photos: (M, D), one row a group of pictures.
        seed: of the choice, the halving and the permutations.
        halvings: how often.
    """
    count = min(len(renders), len(photos), MOST_PICTURES)
    if count < FEWEST_PICTURES:
        return Distances((), count, float("nan"))
    scale = float(np.sqrt(photos.var(axis=0).sum())) or 1.0  # a network may see all photos alike
    rng = generator(seed, Purpose.BOOTSTRAP)
    bandwidth = median_distance(photos[rng.permutation(len(photos))[:MOST_PICTURES]] / scale) or 1.0
    chosen = [values[rng.permutation(len(values))[:count]] / scale for values in (renders, photos)]
    both = np.concatenate(chosen)
    kernel = gaussian_kernel(both, both, bandwidth)
    half = count // 2
    rows: dict[str, list[tuple[float, float, float]]] = {"frechet": [], "mmd": []}
    with Progress("Comparing", halvings, "halvings") as progress:
        for _ in range(halvings):
            first, second = rng.permutation(count), count + rng.permutation(count)
            pairs = ((first[:half], second[:half]), (first[:half], first[half:]), (second[:half], second[half:]))
            rows["frechet"].append(_three([frechet_distance(both[a], both[b]) for a, b in pairs]))
            rows["mmd"].append(_three([_discrepancy(kernel, a, b) for a, b in pairs]))
            progress.advance()
    return Distances(
        measures=tuple(_summary(name, np.array(values)) for name, values in rows.items()),
        pictures=count,
        p_value=permutation_p_value(kernel, np.arange(2 * count) < count, rng),
    )


def _three(values: list[float]) -> tuple[float, float, float]:
    between, within_renders, within_photos = values
    return between, within_renders, within_photos


def _discrepancy(kernel: FloatArray, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> float:
    both = np.concatenate([first, second])
    return float(discrepancies(kernel[np.ix_(both, both)], (np.arange(len(both)) < len(first))[:, None])[0])


def _summary(measure: str, values: FloatArray) -> Distance:
    """Return one measure from (halvings, 3): between, within renders, within photos."""
    return Distance(
        measure=measure,
        between=_interval(values[:, 0]),
        within_renders=float(values[:, 1].mean()),
        within_photos=float(values[:, 2].mean()),
        excess=_interval(values[:, 0] - (values[:, 1] + values[:, 2]) / 2),
    )


def _interval(values: FloatArray) -> Interval:
    mean = float(values.mean())
    reach = float(values.std(ddof=1) * t.ppf((1 + LEVEL) / 2, len(values) - 1))
    return Interval(mean, mean - reach, mean + reach)
