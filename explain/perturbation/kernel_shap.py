"""KernelSHAP on superpixels: each one's fair share in the logit, by Shapley's rule."""

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from core.errors import BrickbenchError
from core.seeding import Purpose, generator
from explain.perturbation.perturbed import PassSettings, Perturbed, PerturbingMethod, batch_size, logits_of
from explain.perturbation.segments import SegmentSettings, count_segments, superpixels
from explain.protocol import FloatMaps, MethodRow, device_of, image_key

Floats = NDArray[np.float64]


def coalitions(players: int, num_samples: int, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats]:
    """Return coalitions (N, players) with their weights (N,), at most `num_samples`, neither the empty nor the whole.

    A coalition of s of n players has the Shapley kernel's weight (n - 1) / (C(n, s) s (n - s)). Where all 2^n - 2 fit,
    all are there. Otherwise sizes are taken whole, from the outermost inwards, as long as they fit into their share of
    the samples; the rest is drawn from the sizes left, each with its complement, and shares the weight left, as the
    shap library does.

    Raises:
        BrickbenchError: fewer samples than the regression needs.
    """
    if players < 2:
        return np.zeros((0, players), dtype=np.bool_), np.zeros(0)
    if num_samples < 2 * players:
        raise BrickbenchError(
            f"KernelSHAP needs at least two samples a superpixel: {2 * players} for {players}, not {num_samples}. "
            "Raise num_samples, or ask for fewer superpixels."
        )
    sizes = np.arange(1, players // 2 + 1)  # each stands for itself and its complements
    paired = sizes * 2 != players
    shares = (players - 1.0) / (sizes * (players - sizes)) * np.where(paired, 2, 1)
    shares /= shares.sum()
    rows: list[NDArray[np.bool_]] = []
    weights: list[float] = []
    left, whole = num_samples, 0
    for size, pair, share in zip(sizes.tolist(), paired.tolist(), shares.tolist(), strict=True):
        count = math.comb(players, size) * (2 if pair else 1)
        if count > left or left * share / shares[whole:].sum() < count * (1 - 1e-8):
            break
        chosen = _all_of_size(players, size)
        rows += [chosen, ~chosen] if pair else [chosen]
        weights += [share / count] * count
        left, whole = left - count, whole + 1
    if whole < len(sizes) and left >= 2:
        drawn, counts = _draw(players, sizes[whole:], shares[whole:], left // 2, rng)
        rows.append(drawn)
        weights += (counts / counts.sum() * shares[whole:].sum()).tolist()
    return np.concatenate(rows), np.array(weights)


def _draw(
    players: int, sizes: NDArray[np.intp], shares: Floats, pairs: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats]:
    """Return coalitions of random `sizes` with their complements, and how often each was drawn."""
    # Ranks of random numbers: a row's first `size` places are a random subset.
    ranks = rng.random((pairs, players)).argsort(axis=1).argsort(axis=1)
    drawn = ranks < rng.choice(sizes, size=pairs, p=shares / shares.sum())[:, None]
    kept, counts = np.unique(np.concatenate([drawn, ~drawn]), axis=0, return_counts=True)
    return kept, counts.astype(np.float64)


def _all_of_size(players: int, size: int) -> NDArray[np.bool_]:
    rows = np.array(list(combinations(range(players), size)))
    chosen = np.zeros((len(rows), players), dtype=np.bool_)
    np.put_along_axis(chosen, rows, values=True, axis=1)
    return chosen


def shapley_values(masks: NDArray[np.bool_], outputs: Floats, weights: Floats, empty: Floats, whole: Floats) -> Floats:
    """Return the values (players, K) that fit the `outputs` (N, K) of coalitions best and add up to whole - empty.

    Lagrange: with A = Z'WZ and b = Z'W(y - empty), the values are A⁻¹(b - λ), λ such that they add up.

    Raises:
        BrickbenchError: the coalitions do not tell the players apart.
    """
    gain = whole - empty
    players = masks.shape[1]
    if players == 1:
        return gain[None]
    data = masks.astype(np.float64)
    weighted = data * weights[:, None]
    gram = weighted.T @ data
    if np.linalg.matrix_rank(gram, hermitian=True) < players:
        raise BrickbenchError(f"{len(masks)} coalitions do not tell {players} superpixels apart: raise num_samples.")
    solved = np.linalg.solve(gram, np.column_stack([weighted.T @ (outputs - empty), np.ones(players)]))
    values, ones = solved[:, :-1], solved[:, -1:]
    return np.asarray(values - ones * (values.sum(axis=0) - gain) / ones.sum())


KEY = 2
"""Sets the stream of coalitions apart from other streams for baselines."""


class KernelShapSettings(SegmentSettings, PassSettings):
    """Superpixels, and how many coalitions of them are looked at."""

    num_samples: int = Field(1000, ge=4)
    """Coalitions for each picture, at least two a superpixel; all of them where fewer exist, and then it is exact."""
    seed: int = Field(0, ge=0)
    """Of the coalitions; together with the picture's content it decides them."""


class KernelShap(PerturbingMethod[KernelShapSettings]):
    """The Shapley value of each superpixel for the class's logit, painted on its pixels, signed.

    Source: Lundberg & Lee 2017. The values of a picture add up to the logit of the whole picture less that of the one
    with every superpixel hidden. Superpixels are LIME's.
    """

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture; BrickbenchError if `num_samples` are too few for it."""
        segments = superpixels(image, self.settings)
        players = count_segments(segments)
        rng = generator(self.settings.seed, Purpose.BASELINE, KEY, image_key(image))
        masks, weights = coalitions(players, self.settings.num_samples, rng)
        shown = np.concatenate([np.zeros((1, players), dtype=np.bool_), np.ones((1, players), dtype=np.bool_), masks])
        device = device_of(self._model)
        self.batch = batch_size(self.batch, image, device)
        perturbed = Perturbed(image, segments, self.settings, device)
        precision = self.settings.precision
        logits = logits_of(
            self._model, len(shown), lambda part: perturbed.compose(shown[part]), classes, self.batch, precision
        )
        values = shapley_values(masks, logits[2:], weights, empty=logits[0], whole=logits[1])
        return np.asarray(values.T.astype(np.float32)[:, segments])

    def add_up(self, image: Tensor, maps: FloatMaps) -> tuple[Tensor, Floats]:
        """Return the hidden picture and the sums over superpixels, as `explain.protocol.SummingMethod` says.

        Of a superpixel counts the mean of its pixels, which all have its value.
        """
        segments = superpixels(image, self.settings)
        hidden = Perturbed(image, segments, self.settings, device_of(self._model))
        start = hidden.compose(np.zeros((1, count_segments(segments)), dtype=np.bool_))[0].clone()
        share = 1 / np.bincount(segments.ravel())[segments]  # (H, W)
        return start, (maps * share).sum(axis=(1, 2))


ROW = MethodRow(
    "kernel_shap", "KernelSHAP", "method", "perturbation", KernelShap, KernelShapSettings, "nearest", signed=True,
    images_at_once=1, cost="num_samples forward passes, whatever K", source="Lundberg & Lee 2017", unit="logit",
    note="values add up to the logit's rise over the hidden picture; exact where a picture has few superpixels",
    claims=("place", "class", "sign", "mass", "sum"),
    reference="explain.references.by_captum:kernel_shap", tolerance=1e-2,  # captum fits in float32
)  # fmt: skip
