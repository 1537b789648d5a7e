"""How much each cluster moves an average over a fitted ordinal model: the fit's part and the averaging's part.

Whatever is averaged (an effect, a curve), its standard error comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from cxfusion.estimators.clusters import CR2_BELOW, adjusted_scores

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Rows
    from cxfusion.estimators.solving import Inverse
    from cxfusion.fold import Sweep

__all__ = ["OrdinalFit", "OwnParts", "ScoredFit", "cluster_influence", "covariance_of", "std_error_of"]


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

    def pull_back(self, rows: Rows, by_predictor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_predictor · ∂predictor/∂parameters over rows and cuts, shape (q,)."""
        ...

    def pull_back_of(self, columns: slice, by_coefficient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_coefficient · ∂coefficients_of(columns)/∂parameters, shape (q,)."""
        ...


OwnParts: TypeAlias = (
    "Callable[[pa.RecordBatch], tuple[Rows, NDArray[np.float64], NDArray[np.float64]]]"  # rows, predictors, own parts
)


def cluster_influence(
    sweep: Sweep,
    make_parts: OwnParts,
    fit: ScoredFit,
    directions: NDArray[np.float64],
    n_clusters: int,
    inverse: Inverse | None = None,
) -> NDArray[np.float64]:
    """Each cluster's influence on each of m averages, shape (n_clusters, m); one fold.

    Parameters
    ----------
    sweep : Sweep
    make_parts : callable
        Record batch to rows, predictors of shape (n, cuts), and each row's own part in the averages, shape (n, m);
        (n, 0) where it has none.
    fit : CumulativeLogitFit or PartialOddsFit
    directions : array, shape (q, m)
        The inverse information times the gradient of each average.
    n_clusters : int
        With fewer than 30 the scores are corrected by CR2.
    inverse : Inverse, optional
        Of the information of all parameters, where the fit holds some of them at zero.
    """
    return sweep(_InfluenceFold(make_parts, fit, directions, n_clusters, inverse or fit.inverse))


def std_error_of(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors from influences of shape (n_clusters, m), shape (m,)."""
    return np.asarray(np.sqrt((influence**2).sum(axis=0) * _factor(len(influence))))


def covariance_of(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance from influences of shape (n_clusters, m), shape (m, m)."""
    return np.asarray(influence.T @ influence * _factor(len(influence)))


def _factor(n_clusters: int) -> float:
    return 1.0 if n_clusters < CR2_BELOW else n_clusters / (n_clusters - 1)  # CR2 has corrected already


@dataclass
class _ClusterSums:
    own: NDArray[np.float64]  # own parts by cluster, shape (G, m)
    fitted: NDArray[np.float64]  # scores times directions, shape (G, m); with CR2 the scores, (G, q)
    information: NDArray[np.float64]  # by cluster, shape (G, q, q); empty without CR2


class _InfluenceFold:
    """Fold: each cluster's influence on each average."""

    def __init__(
        self,
        make_parts: OwnParts,
        fit: ScoredFit,
        directions: NDArray[np.float64],
        n_clusters: int,
        inverse: Inverse,
    ) -> None:
        self._make_parts = make_parts
        self._fit = fit
        self._directions = directions
        self._n_clusters = n_clusters
        self._inverse = inverse
        self._with_cr2 = n_clusters < CR2_BELOW

    def zero(self) -> _ClusterSums:
        g, (q, m) = self._n_clusters, self._directions.shape
        return _ClusterSums(
            np.zeros((g, m)),
            np.zeros((g, q if self._with_cr2 else m)),
            np.zeros((g, q, q) if self._with_cr2 else (0, q, q)),
        )

    def step(self, state: _ClusterSums, batch: pa.RecordBatch) -> _ClusterSums:
        rows, predictors, own = self._make_parts(batch)
        self._add(state.own, rows, own)
        if self._with_cr2:
            self._add_by_cluster(state, rows, predictors)
        else:
            self._add(state.fitted, rows, self._fit.scores_times(rows, predictors, self._directions))
        return state

    def _add(self, sums: NDArray[np.float64], rows: Rows, parts: NDArray[np.float64]) -> None:
        for j in range(parts.shape[1]):
            sums[:, j] += np.bincount(rows.cluster, parts[:, j], self._n_clusters)

    def _add_by_cluster(self, state: _ClusterSums, rows: Rows, predictors: NDArray[np.float64]) -> None:
        every_direction = np.eye(self._directions.shape[0])
        for cluster in np.unique(rows.cluster):
            inside = rows.cluster == cluster
            part, at = rows.where(inside), predictors[inside]
            state.fitted[cluster] += self._fit.scores_times(part, at, every_direction).sum(axis=0)
            state.information[cluster] += self._fit.information_of(part, at)

    def merge(self, left: _ClusterSums, right: _ClusterSums) -> _ClusterSums:
        return _ClusterSums(left.own + right.own, left.fitted + right.fitted, left.information + right.information)

    def finish(self, state: _ClusterSums) -> NDArray[np.float64]:
        if not self._with_cr2:
            return state.own + state.fitted
        scores = adjusted_scores(state.fitted, state.information, self._inverse)
        return state.own + scores @ self._directions
