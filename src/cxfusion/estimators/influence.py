"""How much each cluster moves an average over a fitted ordinal model, through the fit.

Whatever is averaged (an effect, a curve), its standard error comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cxfusion.estimators.clusters import CR2_BELOW, adjusted_scores

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.estimators.solving import Inverse
    from cxfusion.fold import Sweep

__all__ = ["OrdinalFit", "ScoredFit", "cluster_influence", "covariance_of", "n_telling", "std_error_of"]


class ScoredFit(Protocol):
    """A fitted model of P(Y ≤ k) = expit(predictor of cut k), as tests and standard errors see it. q parameters."""

    @property
    def parameters(self) -> NDArray[np.float64]:
        """All parameters, shape (q,)."""
        ...

    @property
    def inverse(self) -> Inverse:
        """Inverse of the information of the parameters."""
        ...

    @property
    def n(self) -> int:
        """Rows used."""
        ...

    def predictors(self, rows: Rows) -> NDArray[np.float64]:
        """Predictor of every cut, shape (n, cuts)."""
        ...

    def scores_times(
        self, rows: Rows, predictors: NDArray[np.float64], directions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Each row's score times directions of shape (q, m), shape (n, m)."""
        ...

    def information_of(self, rows: Rows, predictors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observed information of some rows, shape (q, q)."""
        ...


class OrdinalFit(ScoredFit, Protocol):
    """The same as averages over it see it: with what each column does to the predictors."""

    def coefficients_of(self, columns: slice) -> NDArray[np.float64]:
        """What some dense columns take from the predictor of each cut, shape (width, cuts)."""
        ...

    def pull_back_each(self, rows: Rows, by_predictors: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Σ by_predictor · ∂predictor/∂parameters over rows and cuts, of each in turn, shape (m, q)."""
        ...

    def pull_back_of(self, columns: slice, by_coefficient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_coefficient · ∂coefficients_of(columns)/∂parameters, shape (q,)."""
        ...


def cluster_influence(
    sweep: Sweep,
    make_rows: RowMaker,
    fit: ScoredFit,
    directions: NDArray[np.float64],
    n_clusters: int,
    inverse: Inverse | None = None,
) -> NDArray[np.float64]:
    """Each cluster's influence, through the fit, on each of m averages over it, shape (n_clusters, m); one fold.

    What averaging over these rows and not others adds is for the average itself to say.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
    fit : CumulativeLogitFit or PartialOddsFit
    directions : array, shape (q, m)
        The inverse information times the gradient of each average.
    n_clusters : int
        With fewer than 30 the scores are corrected by CR2.
    inverse : Inverse, optional
        Of the information of all parameters, where the fit holds some of them at zero.
    """
    return sweep(_InfluenceFold(make_rows, fit, directions, n_clusters, inverse or fit.inverse))


def n_telling(influence: NDArray[np.float64]) -> int:
    """Clusters that have a part in influences of shape (n_clusters, m): those without rows have none."""
    return int(np.count_nonzero(influence.any(axis=1)))


def std_error_of(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors from influences of shape (n_clusters, m), shape (m,)."""
    return np.asarray(np.sqrt((influence**2).sum(axis=0) * _factor(influence)))


def covariance_of(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance from influences of shape (n_clusters, m), shape (m, m)."""
    return np.asarray(influence.T @ influence * _factor(influence))


def _factor(influence: NDArray[np.float64]) -> float:
    if len(influence) < CR2_BELOW:
        return 1.0  # CR2 has corrected already
    n_clusters = n_telling(influence)
    return n_clusters / max(n_clusters - 1, 1)


@dataclass
class _ClusterSums:
    fitted: NDArray[np.float64]  # scores times directions, shape (G, m); with CR2 the scores, (G, q)
    information: NDArray[np.float64]  # by cluster, shape (G, q, q); empty without CR2


class _InfluenceFold:
    """Fold: each cluster's influence on each average."""

    def __init__(
        self, make_rows: RowMaker, fit: ScoredFit, directions: NDArray[np.float64], n_clusters: int, inverse: Inverse
    ) -> None:
        self._make_rows = make_rows
        self._fit = fit
        self._directions = directions
        self._n_clusters = n_clusters
        self._inverse = inverse
        self._with_cr2 = n_clusters < CR2_BELOW

    def zero(self) -> _ClusterSums:
        g, (q, m) = self._n_clusters, self._directions.shape
        return _ClusterSums(
            np.zeros((g, q if self._with_cr2 else m)),
            np.zeros((g, q, q) if self._with_cr2 else (0, q, q)),
        )

    def step(self, state: _ClusterSums, batch: pa.RecordBatch) -> _ClusterSums:
        rows = self._make_rows(batch)
        predictors = self._fit.predictors(rows)
        if self._with_cr2:
            self._add_by_cluster(state, rows, predictors)
            return state
        for j, column in enumerate(self._fit.scores_times(rows, predictors, self._directions).T):
            state.fitted[:, j] += np.bincount(rows.cluster, column, self._n_clusters)
        return state

    def _add_by_cluster(self, state: _ClusterSums, rows: Rows, predictors: NDArray[np.float64]) -> None:
        every_direction = np.eye(self._directions.shape[0])
        for cluster in np.unique(rows.cluster):
            inside = rows.cluster == cluster
            part, at = rows.where(inside), predictors[inside]
            state.fitted[cluster] += self._fit.scores_times(part, at, every_direction).sum(axis=0)
            state.information[cluster] += self._fit.information_of(part, at)

    def merge(self, left: _ClusterSums, right: _ClusterSums) -> _ClusterSums:
        return _ClusterSums(left.fitted + right.fitted, left.information + right.information)

    def finish(self, state: _ClusterSums) -> NDArray[np.float64]:
        if not self._with_cr2:
            return state.fitted
        return adjusted_scores(state.fitted, state.information, self._inverse) @ self._directions
