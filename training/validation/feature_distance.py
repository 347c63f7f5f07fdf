"""How far a network's features of renders lie from those of photos, by two measures that fail in different ways.

The Fréchet distance grows without bound, so it still tells far from farther, but is biased upwards for few vectors. The
maximum mean discrepancy has no bias at any size and a test of whether there is a difference at all, but saturates once
the sets hardly overlap. (A classifier's error, as in the proxy A-distance, saturates sooner still: with hundreds of
features any two sets of some hundred pictures can be told apart.)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import svdvals
from scipy.spatial.distance import cdist, pdist
from scipy.stats import t

from core.bootstrap import LEVEL, Estimate
from core.progress import Progress
from core.seeding import Purpose, generator
from training.validation.metrics import FloatArray

MOST_PICTURES = 1000
"""Of a kind; the kernel matrix of both then takes 32 MB."""
FEWEST_PICTURES = 20
"""Of a kind; halves of fewer say nothing."""
HALVINGS = 50


def frechet_distance(first: FloatArray, second: FloatArray) -> float:
    """Return the squared Fréchet distance of the normal distributions with the moments of two sets.

    ``|m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½)`` with the n - 1 divisor (Dowson & Landau 1982; Heusel et al. 2017). With
    ``S = AᵀA`` the last trace is the sum of the singular values of ``A1 A2ᵀ``, which needs neither a matrix root nor
    more vectors than features. It is biased upwards for few vectors: compare sets of the same size only.

    Args:
        first: (N, D), N at least 2.
        second: (M, D), M at least 2.
    """
    mean = first.mean(axis=0) - second.mean(axis=0)
    roots = [_covariance_root(values) for values in (first, second)]
    spread = sum(float((root**2).sum()) for root in roots)
    return max(float(mean @ mean) + spread - 2 * float(svdvals(roots[0] @ roots[1].T).sum()), 0.0)


def _covariance_root(values: FloatArray) -> FloatArray:
    """Return A with ``AᵀA`` the covariance of `values`: (min(N, D), D)."""
    centred = (values - values.mean(axis=0)) / np.sqrt(len(values) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if centred.shape[0] > centred.shape[1] else centred


def median_distance(values: FloatArray) -> float:
    """Return the median distance between two of `values` (N, D): the bandwidth of the kernel."""
    return float(np.median(pdist(values)))


def gaussian_kernel(first: FloatArray, second: FloatArray, bandwidth: float) -> FloatArray:
    """Return ``exp(-|x - y|² / (2 bandwidth²))`` for each x of `first` (N, D) and y of `second` (M, D): (N, M)."""
    return np.asarray(np.exp(-cdist(first, second, "sqeuclidean") / (2 * bandwidth**2)))


def discrepancies(kernel: FloatArray, is_first: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the unbiased squared maximum mean discrepancy for each way of telling two sets apart, (B,).

    The U-statistic of Gretton et al. 2012, equation 3; it may be below 0 where the sets are alike.

    Args:
        kernel: (N, N), of all vectors with each other.
        is_first: (N, B), which vectors make the first set; 2 or more in each set.
    """
    chosen = is_first.astype(np.float64)
    others = 1 - chosen
    off = kernel - np.diag(np.diag(kernel))
    to_chosen = off @ chosen  # (N, B)
    n, m = chosen.sum(axis=0), others.sum(axis=0)
    within_first = (chosen * to_chosen).sum(axis=0)
    across = (others * to_chosen).sum(axis=0)
    within_second = off.sum() - within_first - 2 * across
    return np.asarray(within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * across / (n * m))


def permutation_p_value(
    kernel: FloatArray, is_first: npt.NDArray[np.bool_], rng: np.random.Generator, permutations: int = 999
) -> float:
    """Return how often chance alone makes a discrepancy at least as large, counting the one that was found.

    `kernel` (N, N) is of independent vectors, `is_first` (N,); the smallest value is ``1 / (permutations + 1)``.
    """
    observed = discrepancies(kernel, is_first[:, None])[0]
    shuffled = rng.permuted(np.repeat(is_first[:, None], permutations, axis=1), axis=0)
    return float((1 + (discrepancies(kernel, shuffled) >= observed).sum()) / (permutations + 1))


@dataclass(frozen=True)
class Distance:
    """How far renders are from photos by one measure, beside what two halves of either are from each other."""

    measure: str
    between: Estimate
    """Half of the renders from half of the photos: mean over halvings."""
    within_renders: float
    within_photos: float
    excess: Estimate
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

    `renders` (N, D) and `photos` (M, D) have one row a group of pictures. The seed is that of the choice, the halving
    and the permutations.
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
    rows: dict[str, list[list[float]]] = {"frechet": [], "mmd": []}
    with Progress("Comparing", halvings, "halvings") as progress:
        for _ in range(halvings):
            first, second = rng.permutation(count), count + rng.permutation(count)
            pairs = ((first[:half], second[:half]), (first[:half], first[half:]), (second[:half], second[half:]))
            rows["frechet"].append([frechet_distance(both[a], both[b]) for a, b in pairs])
            rows["mmd"].append([_discrepancy(kernel, a, b) for a, b in pairs])
            progress.advance()
    return Distances(
        measures=tuple(_summary(name, np.array(values)) for name, values in rows.items()),
        pictures=count,
        p_value=permutation_p_value(kernel, np.arange(2 * count) < count, rng),
    )


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


def _interval(values: FloatArray) -> Estimate:
    mean = float(values.mean())
    reach = float(values.std(ddof=1) * t.ppf((1 + LEVEL) / 2, len(values) - 1))
    return Estimate(mean, mean - reach, mean + reach)
