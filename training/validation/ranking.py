"""Average precision as sums over groups of pictures, so that a resample of the groups only reweighs them."""

from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

FloatArray = npt.NDArray[np.float64]


class Ranking:
    """Rankings of (picture, class) pairs by score, one a query, cut wherever a positive stands.

    Between two cuts only the number of pairs matters, and those count by group of pictures. A resample that draws a
    group w times has each of its pairs w times, so the counts of a resample are one sparse product with the weights,
    and the average precision from them is exactly that of the resampled pictures, ties included.
    """

    def __init__(self, seen: csr_array, hits: csr_array, starts: npt.NDArray[np.int64]) -> None:
        """Take the counts of pairs and of positives, (cuts, groups) each, and where each query's cuts start."""
        self._seen, self._hits, self._starts = seen, hits, starts

    @classmethod
    def of(
        cls, scores: FloatArray, positives: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64], count: int
    ) -> Self:
        """Return the rankings of the columns of `scores`.

        Args:
            scores: (N, Q), higher for a likelier positive.
            positives: (N, Q).
            groups: (N,) from 0 to `count` - 1.
            count: number of groups.
        """
        queries = scores.shape[1]
        rows, columns, hits, starts = [], [], [], [0]
        for query in range(queries):
            order = np.argsort(-scores[:, query], kind="stable")
            ranked, hit = scores[order, query], positives[order, query]
            block = np.cumsum(np.append(0, np.diff(ranked) != 0)) if len(ranked) else np.zeros(0, dtype=np.int64)
            cuts = np.unique(block[hit])  # equal scores share one cut
            row = np.searchsorted(cuts, block)
            kept = row < len(cuts)  # what ranks below the last positive has no say
            rows.append(row[kept] + starts[-1])
            columns.append(groups[order][kept])
            hits.append(hit[kept])
            starts.append(starts[-1] + len(cuts))
        row, column, hit = np.concatenate(rows), np.concatenate(columns), np.concatenate(hits)
        shape = (starts[-1], count)
        seen = coo_array((np.ones(len(row)), (row, column)), shape=shape).tocsr()
        positives_at = coo_array((np.ones(int(hit.sum())), (row[hit], column[hit])), shape=shape).tocsr()
        return cls(seen, positives_at, np.array(starts))

    def average_precisions(self, weights: FloatArray) -> FloatArray:
        """Return the average precision of each query, (Q, B), NaN where no positive is drawn.

        ``sum((R_n - R_(n-1)) P_n)`` over the cuts, without interpolation, as scikit-learn's
        ``average_precision_score``.

        Args:
            weights: (groups, B), how often each group is drawn.
        """
        seen, hits = self._seen @ weights, self._hits @ weights  # (cuts, B)
        values = np.full((len(self._starts) - 1, weights.shape[1]), np.nan)
        for query, (start, end) in enumerate(zip(self._starts[:-1], self._starts[1:], strict=True)):
            if start == end:
                continue
            hit, positives = hits[start:end], np.cumsum(hits[start:end], axis=0)
            reached = np.cumsum(seen[start:end], axis=0)
            precision = np.divide(positives, reached, out=np.zeros_like(positives), where=reached > 0)
            with np.errstate(invalid="ignore"):
                values[query] = (hit * precision).sum(axis=0) / positives[-1]
        return values
