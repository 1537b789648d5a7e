"""Centred moments of columns, cluster by cluster: what any statistic of the covariance needs to be jackknifed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import TooFewResponsesError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.moments import LinearMaker
    from cxfusion.fold import Sweep

__all__ = ["ClusterMoments", "gather_cluster_moments"]


@dataclass(frozen=True)
class ClusterMoments:
    """Moments of each cluster.

    Attributes
    ----------
    weight : array, shape (n_clusters,)
    mean : array, shape (n_clusters, m)
        0 for clusters without rows.
    scatter : array, shape (n_clusters, m, m)
        Weighted cross-products about the cluster's own mean.
    """

    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    def merged(self, other: ClusterMoments) -> ClusterMoments:
        """Moments of the rows of both, cluster by cluster."""
        weight = self.weight + other.weight
        share = np.divide(other.weight, weight, out=np.zeros_like(weight), where=weight > 0)
        apart = other.mean - self.mean
        between = (self.weight * share)[:, None, None] * apart[:, :, None] * apart[:, None, :]
        return ClusterMoments(weight, self.mean + share[:, None] * apart, self.scatter + other.scatter + between)

    def total_scatter(self) -> NDArray[np.float64]:
        """Cross-products of all rows about their common mean, shape (m, m)."""
        apart = self._apart()
        return np.asarray(self.scatter.sum(axis=0) + (apart * self.weight[:, None]).T @ apart)

    def scatters_without_one(self) -> Iterator[NDArray[np.float64]]:
        """The same with each cluster that has rows left out in turn."""
        total, weight, apart = self.total_scatter(), self.weight.sum(), self._apart()
        for cluster in np.flatnonzero((self.weight > 0) & (self.weight < weight)):
            moved = self.weight[cluster] * weight / (weight - self.weight[cluster])
            yield total - self.scatter[cluster] - moved * np.outer(apart[cluster], apart[cluster])

    def _apart(self) -> NDArray[np.float64]:
        """Clusters' means less the common one; clusters without rows have weight 0."""
        return np.asarray(self.mean - self.weight @ self.mean / self.weight.sum())


def gather_cluster_moments(sweep: Sweep, make_rows: LinearMaker, n_clusters: int) -> ClusterMoments:
    """Gather the moments of each cluster in one fold.

    Parameters
    ----------
    sweep : Sweep
    make_rows : callable
        Record batch to :class:`~cxfusion.estimators.moments.LinearRows`; ``cluster`` runs from 0 to n_clusters − 1,
        groups are not looked at.
    n_clusters : int

    Raises
    ------
    TooFewResponsesError
        There are no rows.
    """
    return sweep(_ClusterMomentsFold(make_rows, n_clusters))


class _ClusterMomentsFold:
    """Fold: moments by cluster, centred at each batch's own mean of the cluster before they merge."""

    def __init__(self, make_rows: LinearMaker, n_clusters: int) -> None:
        self._make_rows = make_rows
        self._n_clusters = n_clusters

    def zero(self) -> ClusterMoments | None:
        return None

    def step(self, state: ClusterMoments | None, batch: pa.RecordBatch) -> ClusterMoments | None:
        rows = self._make_rows(batch)
        if not len(rows.weight):
            return state
        weight = np.bincount(rows.cluster, rows.weight, self._n_clusters).astype(float)
        sums = np.column_stack(
            [np.bincount(rows.cluster, rows.weight * column, self._n_clusters) for column in rows.columns.T]
        )
        mean = np.divide(sums, weight[:, None], out=np.zeros_like(sums), where=weight[:, None] > 0)
        centred = rows.columns - mean[rows.cluster]
        order = np.argsort(rows.cluster, kind="stable")
        ends = np.cumsum(np.bincount(rows.cluster, minlength=self._n_clusters))
        scatter = np.zeros((self._n_clusters, *2 * [rows.columns.shape[1]]))
        for cluster in np.unique(rows.cluster):
            own = order[ends[cluster - 1] if cluster else 0 : ends[cluster]]
            scatter[cluster] = centred[own].T @ (centred[own] * rows.weight[own, None])
        return self.merge(state, ClusterMoments(weight, mean, scatter))

    def merge(self, left: ClusterMoments | None, right: ClusterMoments | None) -> ClusterMoments | None:
        if left is None or right is None:
            return left or right
        return left.merged(right)

    def finish(self, state: ClusterMoments | None) -> ClusterMoments:
        if state is None:
            raise TooFewResponsesError(
                "Association shares were asked of no rows. Expected responses; check what was left out of the sample."
            )
        return state
