"""The middle of a sandwich: how scores vary, by rows or by clusters, as one fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.fold import Sweep

__all__ = ["ScoreMaker", "score_scatter", "small_sample_factor"]

ScoreMaker: TypeAlias = "Callable[[pa.RecordBatch], tuple[NDArray[np.float64], NDArray[np.int64]]]"


def score_scatter(
    sweep: Sweep, make_scores: ScoreMaker, width: int, n_clusters: int | None = None
) -> NDArray[np.float64]:
    """Sum of the outer products of scores, of rows or of clusters, shape (width, width).

    Parameters
    ----------
    sweep : Sweep
    make_scores : callable
        Record batch to scores, shape (n, width), and clusters, shape (n,), from 0 to n_clusters − 1.
    width : int
    n_clusters : int, optional
        Every row stands for itself unless given.
    """
    if n_clusters is None:
        return sweep(_RowScores(make_scores, width))
    sums = sweep(_ClusterScores(make_scores, width, n_clusters))
    return np.asarray(sums.T @ sums)


def small_sample_factor(n: int, rank: int, n_clusters: int | None = None) -> float:
    """What sandwiches are enlarged by: HC1's n/(n − rank), or CR1's G/(G − 1) · (n − 1)/(n − rank).

    References
    ----------
    MacKinnon & White (1985), Journal of Econometrics 29, 305–325; Cameron & Miller (2015), Journal of Human
    Resources 50, 317–372.
    """
    if n_clusters is None:
        return n / (n - rank)
    return n_clusters / (n_clusters - 1) * (n - 1) / (n - rank)


class _RowScores:
    """Fold: outer products of the rows' scores."""

    def __init__(self, make_scores: ScoreMaker, width: int) -> None:
        self._make_scores = make_scores
        self._width = width

    def zero(self) -> NDArray[np.float64]:
        return np.zeros((self._width, self._width))

    def step(self, state: NDArray[np.float64], batch: pa.RecordBatch) -> NDArray[np.float64]:
        scores, _ = self._make_scores(batch)
        return np.asarray(state + scores.T @ scores)

    def merge(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        return left + right

    def finish(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        return state


class _ClusterScores(_RowScores):
    """Fold: scores summed by cluster, shape (n_clusters, width)."""

    def __init__(self, make_scores: ScoreMaker, width: int, n_clusters: int) -> None:
        super().__init__(make_scores, width)
        self._n_clusters = n_clusters

    def zero(self) -> NDArray[np.float64]:
        return np.zeros((self._n_clusters, self._width))

    def step(self, state: NDArray[np.float64], batch: pa.RecordBatch) -> NDArray[np.float64]:
        scores, cluster = self._make_scores(batch)
        for column in range(self._width):
            state[:, column] += np.bincount(cluster, scores[:, column], self._n_clusters)
        return state
