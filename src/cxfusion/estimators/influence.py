"""How much each cluster moves an average over a fitted ordinal model, through the fit.

Whatever is averaged (an effect, a curve), its standard error comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cxfusion.estimators.clusters import CR2_BELOW, adjusted_influence, cluster_sums, effective, is_worth_cr2
from cxfusion.fold import SumFold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.estimators.solving import Inverse
    from cxfusion.fold import Sweep

__all__ = [
    "Influence",
    "OrdinalFit",
    "ScoredFit",
    "cluster_influence",
    "covariance_of",
    "influence_on",
    "n_telling",
    "std_error_of",
]


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


@dataclass(frozen=True)
class Influence:
    """How much each cluster moves each of m averages.

    Attributes
    ----------
    by_cluster : array, shape (n_clusters, m)
        Corrected for what the fit took: their squares sum to the squared standard error.
    degrees : array, shape (m,)
        Of freedom, of Student's t. Clusters of unequal weight count as fewer.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181; Pustejovsky & Tipton (2018), JBES 36, 672–683.
    """

    by_cluster: NDArray[np.float64]
    degrees: NDArray[np.float64]


def influence_on(
    sweep: Sweep,
    make_rows: RowMaker,
    fit: ScoredFit,
    gradient: NDArray[np.float64],
    n_clusters: int,
    by_rows: NDArray[np.float64] | float = 0.0,
) -> Influence:
    """Each cluster's influence on m averages over a fitted model; one fold, or two where few clusters decide.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
    fit : CumulativeLogitFit or PartialOddsFit
    gradient : array, shape (m, q)
        Of each average by the parameters.
    n_clusters : int
        Where fewer than 30, in effect, hold what is known of an average, scores are corrected by CR2.
    by_rows : array, shape (n_clusters, m), optional
        What averaging over each cluster's rows and not others does to each average.
    """
    directions = fit.inverse.matrix @ gradient.T
    plain = sweep(_InfluenceFold(make_rows, fit, directions, n_clusters))
    n_effective = effective(plain.squared)
    if is_worth_cr2(n_effective.min(initial=np.inf), n_clusters, fit.n):
        corrected, degrees = _corrected(sweep, make_rows, fit, directions, n_clusters, fit.inverse)
        return Influence(corrected + by_rows, degrees)
    n_seen = n_telling(plain.summed)
    scale = np.sqrt(n_seen / max(n_seen - 1, 1))
    return Influence((plain.summed + by_rows) * scale, np.maximum(n_effective - 1, 1))


def cluster_influence(
    sweep: Sweep,
    make_rows: RowMaker,
    fit: ScoredFit,
    directions: NDArray[np.float64],
    n_clusters: int,
    inverse: Inverse | None = None,
) -> NDArray[np.float64]:
    """Sums of scores by cluster in some directions, for joint tests, shape (n_clusters, m); one fold.

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
    if n_clusters < CR2_BELOW:
        return _corrected(sweep, make_rows, fit, directions, n_clusters, inverse or fit.inverse)[0]
    return sweep(_InfluenceFold(make_rows, fit, directions, n_clusters)).summed


def n_telling(influence: NDArray[np.float64]) -> int:
    """Clusters that have a part in influences of shape (n_clusters, m): those without rows have none."""
    return int(np.count_nonzero(influence.any(axis=1)))


def std_error_of(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors from corrected influences of shape (n_clusters, m), shape (m,)."""
    return np.asarray(np.sqrt((influence**2).sum(axis=0)))


def covariance_of(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance from corrected influences of shape (n_clusters, m), shape (m, m)."""
    return np.asarray(influence.T @ influence)


@dataclass
class _Scores:
    summed: NDArray[np.float64]  # scores times directions, by cluster, shape (G, m)
    squared: NDArray[np.float64]  # their squares, row by row: what is known of each average, shape (G, m)


class _InfluenceFold(SumFold[_Scores]):
    """Fold: each cluster's influence on each average, and how much of what is known of it the cluster holds."""

    def __init__(self, make_rows: RowMaker, fit: ScoredFit, directions: NDArray[np.float64], n_clusters: int) -> None:
        self._make_rows = make_rows
        self._fit = fit
        self._directions = directions
        self._n_clusters = n_clusters

    def zero(self) -> _Scores:
        shape = (self._n_clusters, self._directions.shape[1])
        return _Scores(np.zeros(shape), np.zeros(shape))

    def step(self, state: _Scores, batch: pa.RecordBatch) -> _Scores:
        rows = self._make_rows(batch)
        scores = self._fit.scores_times(rows, self._fit.predictors(rows), self._directions)
        seen, cluster, n_seen = _seen(rows.cluster, self._n_clusters)
        for j, column in enumerate(scores.T):
            state.summed[seen, j] += np.bincount(cluster, column, n_seen)
            state.squared[seen, j] += np.bincount(cluster, column**2, n_seen)
        return state


def _seen(cluster: NDArray[np.int64], n_clusters: int) -> tuple[NDArray[np.int64] | slice, NDArray[np.int64], int]:
    """The clusters of some rows, each row's place among them, their number; all, unless there are more than rows."""
    if n_clusters <= len(cluster):
        return slice(None), cluster, n_clusters
    seen, place = np.unique(cluster, return_inverse=True)
    return seen, place, len(seen)


def _corrected(
    sweep: Sweep,
    make_rows: RowMaker,
    fit: ScoredFit,
    directions: NDArray[np.float64],
    n_clusters: int,
    inverse: Inverse,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same corrected by CR2, and the degrees of freedom of the averages' errors; one fold."""
    every_direction = np.eye(len(directions))

    def parts(batch: pa.RecordBatch) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        rows = make_rows(batch)
        predictors = fit.predictors(rows)
        for cluster in np.unique(rows.cluster):
            inside = rows.cluster == cluster
            part, at = rows.where(inside), predictors[inside]
            yield cluster, fit.scores_times(part, at, every_direction).sum(axis=0), fit.information_of(part, at)

    scores, information = cluster_sums(sweep, parts, n_clusters, len(directions))
    return adjusted_influence(scores, information, inverse, directions)
