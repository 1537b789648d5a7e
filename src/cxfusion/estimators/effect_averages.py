"""Averages over the rows of what levers do to the mean score, with their gradients, at a fit: one fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

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

__all__ = ["Averages", "LeverMaker", "LeverRows", "LeverTerm", "Question", "average"]


@dataclass(frozen=True)
class LeverTerm:
    """Where a lever stands in the design, and the step asked about.

    Attributes
    ----------
    columns : slice
        Its basis among the dense columns.
    step : float
        In the lever's own unit, signed.
    at_zero : array, shape (width,)
        The basis where the lever is 0.
    is_capped : bool
        Whether a step larger than the lever's weighted mean is cut back to it.
    """

    columns: slice
    step: float
    at_zero: NDArray[np.float64]
    is_capped: bool = True


@dataclass(frozen=True)
class LeverRows:
    """One lever in one batch.

    Attributes
    ----------
    level : array, shape (n,)
        In its own unit, not negative.
    slope : array, shape (n, width)
        Derivative of the basis by the level.
    one_less : array, shape (n, width), or None
        Counts and 0/1 levers: the basis at level − 1. None for continuous levers.
    is_counted : bool array, shape (n,), or None
        Rows over which the effect is averaged; None for all.
    """

    level: NDArray[np.float64]
    slope: NDArray[np.float64]
    one_less: NDArray[np.float64] | None = None
    is_counted: NDArray[np.bool_] | None = None

    def weight(self, rows: Rows) -> NDArray[np.float64]:
        """Weight of each row in the lever's averages, shape (n,)."""
        return rows.weight if self.is_counted is None else rows.weight * self.is_counted


class LeverMaker(Protocol):
    """Gives the levers of a batch, in the order of their terms."""

    def __call__(self, batch: pa.RecordBatch, /) -> Sequence[LeverRows]:
        """Levers of one batch."""
        ...


@dataclass(frozen=True)
class Question:
    """The levers asked about, and the expected score as a function of the predictors, at the fit.

    Attributes
    ----------
    make_rows : RowMaker
    make_levers : LeverMaker
    terms : sequence of LeverTerm, length m
    fit : OrdinalFit
    values : sequence of float, length categories
        What each category counts in the mean.
    n_clusters : int
    """

    make_rows: RowMaker
    make_levers: LeverMaker
    terms: Sequence[LeverTerm]
    fit: OrdinalFit
    values: Sequence[float]
    n_clusters: int

    @property
    def gaps(self) -> NDArray[np.float64]:
        """From each category's value to the next, shape (cuts,)."""
        return np.diff(np.asarray(self.values, dtype=float))


@dataclass
class Averages:
    """Sums over the rows, m levers and G clusters.

    Attributes
    ----------
    weight : array, shape (m,)
        Σ w.
    slope : array, shape (m,)
        Σ w·m′(L).
    removal : array, shape (m,)
        Σ w·(m(0) − m(L)).
    gradient : array, shape (m, q)
        Of ``gain`` by the parameters.
    level_by, gain_by : array, shape (G, m)
        Σ w·L and Σ w·L·gain by cluster.
    """

    weight: NDArray[np.float64]
    slope: NDArray[np.float64]
    removal: NDArray[np.float64]
    gradient: NDArray[np.float64]
    level_by: NDArray[np.float64]
    gain_by: NDArray[np.float64]

    @property
    def level(self) -> NDArray[np.float64]:
        """Σ w·L."""
        return np.asarray(self.level_by.sum(axis=0))

    @property
    def gain(self) -> NDArray[np.float64]:
        """Σ w·L·gain."""
        return np.asarray(self.gain_by.sum(axis=0))

    @property
    def gradient_per_unit(self) -> NDArray[np.float64]:
        """Gradient of each effect per unit of its lever by the parameters, shape (m, q)."""
        return self.gradient / self.level[:, None]

    @property
    def influence(self) -> NDArray[np.float64]:
        """What averaging over each cluster's rows and not others does to each effect per unit, shape (G, m)."""
        return (self.gain_by - self.level_by * (self.gain / self.level)) / self.level


def average(sweep: Sweep, question: Question) -> Averages:
    """Sums over all rows; one fold."""
    return sweep(_AverageFold(question))


@dataclass(frozen=True)
class _Here:
    """The cuts' predictors of some rows, P(Y ≤ k), and how the expected score and its slope change with them."""

    predictors: NDArray[np.float64]
    tails: NDArray[np.float64]
    density: NDArray[np.float64]  # of the logistic, times the gaps
    bend: NDArray[np.float64]  # its derivative, as a share of it


@dataclass(frozen=True)
class _Gain:
    """What one unit of a lever does to each row's expected score, and the pieces of its gradient."""

    gain: NDArray[np.float64]  # shape (n,)
    slope: NDArray[np.float64]  # m′(L), shape (n,)
    by_predictor: NDArray[np.float64]  # shape (n, cuts)
    moved: NDArray[np.float64]  # by what a unit moves the basis, shape (n, width)
    density: NDArray[np.float64]  # where it moves it to, shape (n, cuts)


class _AverageFold(SumFold[Averages]):
    """Fold: averages of each lever's gain over the rows, and their gradients."""

    def __init__(self, question: Question) -> None:
        self._question = question

    def zero(self) -> Averages:
        m, q, g = len(self._question.terms), len(self._question.fit.parameters), self._question.n_clusters
        return Averages(*(np.zeros(shape) for shape in (m, m, m, (m, q), (g, m), (g, m))))

    def step(self, state: Averages, batch: pa.RecordBatch) -> Averages:
        rows, levers = self._question.make_rows(batch), self._question.make_levers(batch)
        state.gradient += self._question.fit.pull_back_each(rows, self._by_predictors(state, rows, levers))
        return state

    def _by_predictors(self, state: Averages, rows: Rows, levers: Sequence[LeverRows]) -> Iterator[NDArray[np.float64]]:
        """What each lever's sum changes by with each row's predictors; the rest of its sums is added on the way."""
        asked, here = self._question, self._here(rows)
        for j, (term, lever) in enumerate(zip(asked.terms, levers, strict=True)):
            at, weight = self._gain(here, rows, term, lever), lever.weight(rows)
            by_level = weight * lever.level
            state.weight[j] += weight.sum()
            state.slope[j] += weight @ at.slope
            state.removal[j] += weight @ self._removal(here, rows, term)
            state.level_by[:, j] += np.bincount(rows.cluster, by_level, asked.n_clusters)
            state.gain_by[:, j] += np.bincount(rows.cluster, by_level * at.gain, asked.n_clusters)
            by_coefficient = (at.moved * by_level[:, None]).T @ at.density
            state.gradient[j] += asked.fit.pull_back_of(term.columns, by_coefficient)
            yield at.by_predictor * by_level[:, None]

    def _here(self, rows: Rows) -> _Here:
        predictors = self._question.fit.predictors(rows)
        tails = logistic(predictors)
        beyond = 1 - tails
        return _Here(predictors, tails, tails * beyond * self._question.gaps, beyond - tails)

    def _gain(self, here: _Here, rows: Rows, term: LeverTerm, lever: LeverRows) -> _Gain:
        own, gaps = self._question.fit.coefficients_of(term.columns), self._question.gaps
        slopes = columns_times(lever.slope, own) * here.density
        slope = slopes.sum(axis=1)
        if lever.one_less is None:
            return _Gain(slope, slope, slopes * here.bend, lever.slope, here.density)
        change = rows.dense[:, term.columns] - lever.one_less
        less = logistic(here.predictors + columns_times(change, own))
        density = less * (1 - less) * gaps
        return _Gain((less - here.tails) @ gaps, slope, density - here.density, change, density)

    def _removal(self, here: _Here, rows: Rows, term: LeverTerm) -> NDArray[np.float64]:
        """What the expected score of each row would change by without the lever."""
        own = self._question.fit.coefficients_of(term.columns)
        without = logistic(here.predictors - columns_times(term.at_zero - rows.dense[:, term.columns], own))
        return (here.tails - without) @ self._question.gaps
