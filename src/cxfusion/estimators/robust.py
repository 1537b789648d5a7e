"""The middle of a sandwich: how scores vary, by rows or by clusters, as one fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.fold import SumFold

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.fold import Sweep

__all__ = ["ScoreMaker", "cluster_scores", "score_scatter", "small_sample_factor"]

ScoreMaker: TypeAlias = "Callable[[pa.RecordBatch], tuple[NDArray[np.float64], NDArray[np.int64]]]"


def score_scatter(
    sweep: Sweep, make_scores: ScoreMaker, width: int, n_codes: int | None = None
) -> tuple[NDArray[np.float64], int | None]:
    """Sum of the outer products of scores, of rows or of clusters, and how many clusters the rows come from.

    Parameters
    ----------
    sweep : Sweep
    make_scores : callable
        Record batch to scores, shape (n, width), and clusters, shape (n,), from 0 to n_codes − 1.
    width : int
    n_codes : int, optional
        Of the clusters, of which some may have no rows. Every row stands for itself unless given.

    Returns
    -------
    array, shape (width, width)
    int or None
        None where every row stands for itself.

    Raises
    ------
    EstimationError
        All rows come from one cluster.
    """
    if n_codes is None:
        return sweep(_RowScores(make_scores, width)), None
    sums = cluster_scores(sweep, make_scores, width, n_codes)
    if len(sums) < 2:
        raise EstimationError(
            "All responses come from one cluster, so nothing says how far an estimate would vary. Expected several;"
            " cluster by something else."
        )
    return np.asarray(sums.T @ sums), len(sums)


def cluster_scores(sweep: Sweep, make_scores: ScoreMaker, width: int, n_codes: int) -> NDArray[np.float64]:
    """Sums of the scores of each cluster that has rows, shape (clusters, width); parameters as of the scatter."""
    found = sweep(_ClusterScores(make_scores, width, n_codes))
    return np.asarray(found[found[:, width] > 0, :width])


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


class _RowScores(SumFold["NDArray[np.float64]"]):
    """Fold: outer products of the rows' scores."""

    def __init__(self, make_scores: ScoreMaker, width: int) -> None:
        self._make_scores = make_scores
        self._width = width

    def zero(self) -> NDArray[np.float64]:
        return np.zeros((self._width, self._width))

    def step(self, state: NDArray[np.float64], batch: pa.RecordBatch) -> NDArray[np.float64]:
        scores, _ = self._make_scores(batch)
        return np.asarray(state + scores.T @ scores)


class _ClusterScores(_RowScores):
    """Fold: scores summed by cluster, and how many rows each has, shape (n_codes, width + 1)."""

    def __init__(self, make_scores: ScoreMaker, width: int, n_codes: int) -> None:
        super().__init__(make_scores, width)
        self._n_codes = n_codes

    def zero(self) -> NDArray[np.float64]:
        return np.zeros((self._n_codes, self._width + 1))

    def step(self, state: NDArray[np.float64], batch: pa.RecordBatch) -> NDArray[np.float64]:
        scores, cluster = self._make_scores(batch)
        for column in range(self._width):
            state[:, column] += np.bincount(cluster, scores[:, column], self._n_codes)
        state[:, self._width] += np.bincount(cluster, minlength=self._n_codes)
        return state
