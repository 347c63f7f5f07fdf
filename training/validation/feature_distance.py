"""How far apart two sets of feature vectors are, by two measures that fail in different ways.

The Fréchet distance grows without bound, so it still tells far from farther, but is biased upwards for few vectors. The
maximum mean discrepancy has no bias at any size and a test of whether there is a difference at all, but saturates once
the sets hardly overlap. (A classifier's error, as in the proxy A-distance, saturates sooner still: with hundreds of
features any two sets of some hundred pictures can be told apart.)
"""

import numpy as np
import numpy.typing as npt
from scipy.linalg import svdvals
from scipy.spatial.distance import cdist, pdist

from training.validation.metrics import FloatArray


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

    Args:
        kernel: (N, N), of independent vectors.
        is_first: (N,).
        rng: draws the permutations.
        permutations: how many; the smallest value is ``1 / (permutations + 1)``.
    """
    found = discrepancies(kernel, is_first[:, None])[0]
    shuffled = rng.permuted(np.repeat(is_first[:, None], permutations, axis=1), axis=0)
    return float((1 + (discrepancies(kernel, shuffled) >= found).sum()) / (permutations + 1))
