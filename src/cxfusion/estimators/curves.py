"""The expected score as a function of one lever, everything else left as it is in the sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.influence import cluster_influence, std_error_of
from cxfusion.estimators.row_likelihood import logistic
from cxfusion.estimators.rows import columns_times

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    influence: NDArray[np.float64]

    def interval(self, conf_level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the pointwise intervals, by Student's t with n_clusters − 1 degrees of freedom."""
        reach = student_t.isf((1 - conf_level) / 2, len(self.influence) - 1) * self.std_error
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
    question = _Question(make_rows, columns, levels, fit, np.diff(np.asarray(values, dtype=float)))
    found = sweep(_AverageFold(question))
    mean = found.gain / found.weight
    directions = fit.inverse.matrix @ (found.gradient / found.weight).T
    parts = partial(_own_parts, question=question, mean=mean, weight=found.weight)
    influence = cluster_influence(sweep, parts, fit, directions, n_clusters)
    return Curve(float(values[0]) + mean, std_error_of(influence), influence)


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

    def ask(self, batch: pa.RecordBatch) -> tuple[Rows, NDArray[np.float64], list[NDArray[np.float64]]]:
        """Rows, their predictors, and P(Y ≤ k) with the lever at each level, shapes (n, cuts)."""
        rows = self.make_rows(batch)
        predictors = self.fit.predictors(rows)
        own = self.fit.coefficients_of(self.columns)
        without = predictors + columns_times(rows.dense[:, self.columns], own)
        return rows, predictors, [logistic(without - level @ own) for level in self.levels]


@dataclass
class _Averages:
    weight: float
    gain: NDArray[np.float64]  # Σ w·(expected score − lowest), shape (K,)
    gradient: NDArray[np.float64]  # shape (K, q)


class _AverageFold:
    """Fold: the expected score at each level, and its gradient."""

    def __init__(self, question: _Question) -> None:
        self._question = question

    def zero(self) -> _Averages:
        k, q = len(self._question.levels), len(self._question.fit.parameters)
        return _Averages(0.0, np.zeros(k), np.zeros((k, q)))

    def step(self, state: _Averages, batch: pa.RecordBatch) -> _Averages:
        asked = self._question
        rows, _, tails = asked.ask(batch)
        state.weight += float(rows.weight.sum())
        for k, at in enumerate(tails):
            state.gain[k] += rows.weight @ ((1 - at) @ asked.gaps)
            by_predictor = np.outer(asked.gaps, -rows.weight).T * at * (1 - at)
            state.gradient[k] += asked.fit.pull_back(rows, by_predictor)
            # the rows' own columns were taken out of the predictor and the level's put in
            moved = rows.dense[:, asked.columns].T @ by_predictor - np.outer(asked.levels[k], by_predictor.sum(axis=0))
            state.gradient[k] += asked.fit.pull_back_of(asked.columns, moved)
        return state

    def merge(self, left: _Averages, right: _Averages) -> _Averages:
        return _Averages(left.weight + right.weight, left.gain + right.gain, left.gradient + right.gradient)

    def finish(self, state: _Averages) -> _Averages:
        return state


def _own_parts(
    batch: pa.RecordBatch, question: _Question, mean: NDArray[np.float64], weight: float
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
    rows, predictors, tails = question.ask(batch)
    own = [rows.weight * ((1 - at) @ question.gaps - mean[k]) / weight for k, at in enumerate(tails)]
    return rows, predictors, np.column_stack(own)
