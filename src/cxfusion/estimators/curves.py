"""The expected score as a function of one lever, everything else left as it is in the sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.influence import influence_on, std_error_of
from cxfusion.estimators.row_likelihood import logistic
from cxfusion.estimators.rows import columns_times
from cxfusion.fold import SumFold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["Curve", "estimate_curve", "rearranged"]


@dataclass(frozen=True)
class Curve:
    """Expected score at each of K levels of a lever.

    Attributes
    ----------
    estimate, std_error : array, shape (K,)
    influence : array, shape (n_clusters, K)
    degrees : array, shape (K,)
        Of freedom, of Student's t.
    """

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    influence: NDArray[np.float64]
    degrees: NDArray[np.float64]

    def interval(self, conf_level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the pointwise intervals."""
        reach = student_t.reach(conf_level, self.degrees) * self.std_error
        return self.estimate - reach, self.estimate + reach


def estimate_curve(
    sweep: Sweep,
    make_rows: RowMaker,
    columns: slice,
    levels: NDArray[np.float64],
    fit: OrdinalFit,
    values: Sequence[float],
    n_clusters: int,
) -> Curve:
    """Mean expected score of all rows, were the lever at one level for each of them.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
        As for the fit.
    columns : slice
        The lever's basis among the dense columns.
    levels : array, shape (K, width)
        The basis at each level.
    fit : CumulativeLogitFit or PartialOddsFit
    values : sequence of float, length categories
        What each category counts in the mean.
    n_clusters : int
    """
    question = _Question(make_rows, columns, levels, fit, np.diff(np.asarray(values, dtype=float)), n_clusters)
    found = sweep(_AverageFold(question))
    weight = found.weight_by.sum()
    mean = found.gain_by.sum(axis=0) / weight
    by_rows = (found.gain_by - np.outer(found.weight_by, mean)) / weight
    influence = influence_on(sweep, make_rows, fit, found.gradient / weight, n_clusters, by_rows)
    n_seen = np.count_nonzero(found.weight_by)
    degrees = np.minimum(influence.degrees, n_seen - 1)
    return Curve(float(values[0]) + mean, std_error_of(influence.by_cluster), influence.by_cluster, degrees)


def rearranged(curve: NDArray[np.float64], is_increasing: bool) -> NDArray[np.float64]:
    """The monotone curve nearest to one on an even grid: its values, sorted.

    Sorting an estimate and both ends of its interval never takes them farther from a monotone truth.

    References
    ----------
    Chernozhukov, Fernández-Val & Galichon (2009), Biometrika 96, 559–575.
    """
    ordered = np.sort(curve)
    return ordered if is_increasing else ordered[::-1]


@dataclass(frozen=True)
class _Question:
    make_rows: RowMaker
    columns: slice
    levels: NDArray[np.float64]
    fit: OrdinalFit
    gaps: NDArray[np.float64]
    n_clusters: int

    def ask(self, rows: Rows) -> Iterator[NDArray[np.float64]]:
        """P(Y ≤ k) with the lever at each level in turn, shape (n, cuts)."""
        own = self.fit.coefficients_of(self.columns)
        without = self.fit.predictors(rows) + columns_times(rows.dense[:, self.columns], own)
        for level in self.levels:
            yield logistic(without - level @ own)


@dataclass
class _Averages:
    weight_by: NDArray[np.float64]  # Σ w by cluster, shape (G,)
    gain_by: NDArray[np.float64]  # Σ w·(expected score − lowest) by cluster, shape (G, K)
    gradient: NDArray[np.float64]  # of the sums over all clusters, shape (K, q)


class _AverageFold(SumFold[_Averages]):
    """Fold: the expected score at each level, and its gradient."""

    def __init__(self, question: _Question) -> None:
        self._question = question

    def zero(self) -> _Averages:
        asked = self._question
        k, q, g = len(asked.levels), len(asked.fit.parameters), asked.n_clusters
        return _Averages(np.zeros(g), np.zeros((g, k)), np.zeros((k, q)))

    def step(self, state: _Averages, batch: pa.RecordBatch) -> _Averages:
        asked, rows = self._question, self._question.make_rows(batch)
        state.weight_by += np.bincount(rows.cluster, rows.weight, asked.n_clusters)
        through_fit = asked.fit.pull_back_each(rows, self._by_predictors(state, rows))
        state.gradient += through_fit
        return state

    def _by_predictors(self, state: _Averages, rows: Rows) -> Iterator[NDArray[np.float64]]:
        """What each level's score changes by with each row's predictors; the rest of its sums is added on the way."""
        asked, own = self._question, rows.dense[:, self._question.columns]
        falls = -np.outer(asked.gaps, rows.weight).T
        for k, at in enumerate(asked.ask(rows)):
            gain = rows.weight * ((1 - at) @ asked.gaps)
            state.gain_by[:, k] += np.bincount(rows.cluster, gain, asked.n_clusters)
            by_predictor = falls * at * (1 - at)
            # the rows' own columns were taken out of the predictor and the level's put in
            moved = own.T @ by_predictor - np.outer(asked.levels[k], by_predictor.sum(axis=0))
            state.gradient[k] += asked.fit.pull_back_of(asked.columns, moved)
            yield by_predictor
