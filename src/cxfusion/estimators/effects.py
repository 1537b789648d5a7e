"""What one step of a lever does to the mean score, from a fitted cumulative logit (METHODS §4, the estimand).

Two folds at the optimum: the effects with their gradients, then each cluster's influence on each effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.influence import cluster_influence, covariance_of, std_error_of
from cxfusion.estimators.row_likelihood import logistic
from cxfusion.estimators.rows import columns_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["Effects", "LeverMaker", "LeverRows", "LeverTerm", "combined", "effect_gradients", "estimate_effects"]


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
class Effects:
    """Effects of one step of each lever on the mean score.

    Attributes
    ----------
    step : array, shape (m,)
        The step used: asked for, capped at the lever's mean.
    estimate, std_error, p_value : array, shape (m,)
        ``step × E[w·L·m′(L)] / E[w·L]``, counts ``step × E[w·L·(m(L) − m(L−1))] / E[w·L]``, in score points.
    local_estimate : array, shape (m,)
        ``step × E[w·m′(L)] / E[w]``.
    remove_all : array, shape (m,)
        ``E[w·(m(0) − m(L))] / E[w]``.
    influence : array, shape (n_clusters, m)
        Each cluster's part in each estimate's error; ``std_error`` is its root sum of squares, corrected. Further rows
        hold errors from elsewhere (:meth:`with_error`).
    gradient : array, shape (m, q)
        Of each estimate per unit of its lever, by the parameters of the fit; (m, 0) where effects of several fits are
        combined.
    n : int
        Rows used.
    n_clusters : int
    """

    step: NDArray[np.float64]
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    p_value: NDArray[np.float64]
    local_estimate: NDArray[np.float64]
    remove_all: NDArray[np.float64]
    influence: NDArray[np.float64]
    gradient: NDArray[np.float64]
    n: int
    n_clusters: int

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Joint covariance of the estimates, shape (m, m)."""
        return covariance_of(self.influence)

    def interval(self, conf_level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the confidence intervals, by Student's t with n_clusters − 1 degrees of freedom."""
        reach = student_t.isf((1 - conf_level) / 2, self.n_clusters - 1) * self.std_error
        return self.estimate - reach, self.estimate + reach

    def only(self, j: int) -> Effects:
        """The effect of the j-th lever alone."""
        at = slice(j, j + 1)
        return replace(
            self,
            step=self.step[at],
            estimate=self.estimate[at],
            std_error=self.std_error[at],
            p_value=self.p_value[at],
            local_estimate=self.local_estimate[at],
            remove_all=self.remove_all[at],
            influence=self.influence[:, at],
            gradient=self.gradient[at],
        )

    def with_error(self, error: NDArray[np.float64]) -> Effects:
        """The same with a source of error that lies outside these rows, shape (m,): one more row of ``influence``.

        Parameters
        ----------
        error : array, shape (m,)
            Signed, for one standard error of what was learned elsewhere.
        """
        influence = np.vstack([self.influence, error])
        std_error = std_error_of(influence)
        p_value = _p_value(self.estimate, std_error, self.n_clusters)
        return replace(self, std_error=std_error, p_value=p_value, influence=influence)


def combined(parts: Sequence[tuple[float, Effects]]) -> Effects:
    """Weighted sum of effects of the same levers on the same clusters, with its joint standard error.

    Parameters
    ----------
    parts : sequence of (weight, Effects)
        From fits on the same rows; step and counts are those of the first.
    """
    _, first = parts[0]
    influence = np.add.reduce([weight * part.influence for weight, part in parts])
    estimate = np.add.reduce([weight * part.estimate for weight, part in parts])
    std_error = std_error_of(influence)
    return replace(
        first,
        estimate=estimate,
        std_error=std_error,
        p_value=_p_value(estimate, std_error, first.n_clusters),
        local_estimate=np.add.reduce([weight * part.local_estimate for weight, part in parts]),
        remove_all=np.add.reduce([weight * part.remove_all for weight, part in parts]),
        influence=influence,
        gradient=first.gradient[:, :0],
    )


def estimate_effects(
    sweep: Sweep,
    make_rows: RowMaker,
    make_levers: LeverMaker,
    terms: Sequence[LeverTerm],
    fit: OrdinalFit,
    values: Sequence[float],
    n_clusters: int,
) -> Effects:
    """Effects of one step of each lever, with cluster-robust standard errors from stacked influence functions.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
        As for the fit; ``cluster`` runs from 0 to n_clusters − 1.
    make_levers : LeverMaker
    terms : sequence of LeverTerm, length m
        Levers whose columns the fit identifies.
    fit : CumulativeLogitFit or PartialOddsFit
    values : sequence of float, length categories
        What each category counts in the mean: 1 … 5 for CSAT, (−100, 0, 100) for NPS, (0, 0, 0, 1, 1) for top-2-box.
    n_clusters : int
        At least 2; with fewer than 30 the scores are corrected by CR2.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181 (CR2); Newey & McFadden (1994), section 6 (stacked
    estimators).
    """
    question = _Question(make_rows, make_levers, terms, fit, np.diff(np.asarray(values, dtype=float)), n_clusters)
    averages = sweep(_AverageFold(question))
    step = np.array([_step(term, mean) for term, mean in zip(terms, averages.level / averages.weight, strict=True)])
    per_unit = averages.gain / averages.level
    gradient = averages.gradient / averages.level[:, None]
    through_fit = cluster_influence(sweep, make_rows, fit, fit.inverse.matrix @ gradient.T, n_clusters)
    influence = (through_fit + averages.influence) * step
    std_error = std_error_of(influence)
    estimate = step * per_unit
    return Effects(
        step=step,
        estimate=estimate,
        std_error=std_error,
        p_value=_p_value(estimate, std_error, n_clusters),
        local_estimate=step * averages.slope / averages.weight,
        remove_all=averages.removal / averages.weight,
        influence=influence,
        gradient=gradient,
        n=fit.n,
        n_clusters=n_clusters,
    )


def effect_gradients(
    sweep: Sweep,
    make_rows: RowMaker,
    make_levers: LeverMaker,
    terms: Sequence[LeverTerm],
    fit: OrdinalFit,
    values: Sequence[float],
    n_clusters: int,
) -> NDArray[np.float64]:
    """Gradients of each lever's effect per unit by the parameters, shape (m, q); arguments as for the effects."""
    question = _Question(make_rows, make_levers, terms, fit, np.diff(np.asarray(values, dtype=float)), n_clusters)
    averages = sweep(_AverageFold(question))
    return np.asarray(averages.gradient / averages.level[:, None])


def _step(term: LeverTerm, mean: float) -> float:
    return float(np.sign(term.step) * min(abs(term.step), mean)) if term.is_capped else term.step


def _p_value(estimate: NDArray[np.float64], std_error: NDArray[np.float64], n_clusters: int) -> NDArray[np.float64]:
    return np.asarray(2 * student_t.sf(np.abs(estimate) / std_error, n_clusters - 1))


@dataclass(frozen=True)
class _Question:
    """The levers asked about, and the expected score as a function of the predictors, at the fit."""

    make_rows: RowMaker
    make_levers: LeverMaker
    terms: Sequence[LeverTerm]
    fit: OrdinalFit
    gaps: NDArray[np.float64]  # from each category's value to the next, shape (cuts,)
    n_clusters: int

    def ask(self, batch: pa.RecordBatch) -> tuple[Rows, NDArray[np.float64], list[_Gain]]:
        """Rows of a batch, their predictors, and the gain of each lever."""
        rows = self.make_rows(batch)
        predictors = self.fit.predictors(rows)
        tails = logistic(predictors)
        levers = zip(self.terms, self.make_levers(batch), strict=True)
        return rows, predictors, [_gain(self, term, rows, lever, predictors, tails) for term, lever in levers]


@dataclass(frozen=True)
class _Gain:
    """What one unit of a lever does to each row's expected score, and the pieces of its gradient."""

    term: LeverTerm
    lever: LeverRows
    weight: NDArray[np.float64]
    gain: NDArray[np.float64]  # shape (n,)
    slope: NDArray[np.float64]  # m′(L), shape (n,)
    tails: NDArray[np.float64]  # P(Y ≤ k), shape (n, cuts)
    less: tuple[NDArray[np.float64], NDArray[np.float64]] | None  # counts: tails one below, and the change of basis


def _gain(
    question: _Question,
    term: LeverTerm,
    rows: Rows,
    lever: LeverRows,
    predictors: NDArray[np.float64],
    tails: NDArray[np.float64],
) -> _Gain:
    own = question.fit.coefficients_of(term.columns)
    slope = (tails * (1 - tails) * columns_times(lever.slope, own)) @ question.gaps
    weight = lever.weight(rows)
    if lever.one_less is None:
        return _Gain(term, lever, weight, slope, slope, tails, None)
    change = rows.dense[:, term.columns] - lever.one_less
    tails_less = logistic(predictors + columns_times(change, own))
    return _Gain(term, lever, weight, (tails_less - tails) @ question.gaps, slope, tails, (tails_less, change))


def _gradients(
    question: _Question, gains: Sequence[_Gain], rows: Rows, by_levels: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Gradients of Σ by_level·gain of each lever by the parameters, shape (m, q)."""
    by_predictors, of_bases = [], []
    for at, by_level in zip(gains, by_levels, strict=True):
        columns, density = at.term.columns, at.tails * (1 - at.tails)
        by_row = np.outer(question.gaps, by_level).T
        if at.less is None:
            own_slope = columns_times(at.lever.slope, question.fit.coefficients_of(columns))
            by_predictors.append(by_row * own_slope * density * (1 - 2 * at.tails))
            by_coefficient = at.lever.slope.T @ (by_row * density)
        else:
            tails_less, change = at.less
            density_less = tails_less * (1 - tails_less)
            by_predictors.append(by_row * (density_less - density))
            by_coefficient = change.T @ (by_row * density_less)
        of_bases.append(question.fit.pull_back_of(columns, by_coefficient))
    return question.fit.pull_back_each(rows, by_predictors) + np.array(of_bases)


def _removal(question: _Question, at: _Gain, rows: Rows, predictors: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the expected score of each row would change by without the lever."""
    own = question.fit.coefficients_of(at.term.columns)
    without = logistic(predictors - columns_times(at.term.at_zero - rows.dense[:, at.term.columns], own))
    return (at.tails - without) @ question.gaps


@dataclass
class _Averages:
    weight: NDArray[np.float64]  # Σ w by lever
    slope: NDArray[np.float64]  # Σ w·m′
    removal: NDArray[np.float64]  # Σ w·(m(0) − m(L))
    gradient: NDArray[np.float64]  # of ``gain`` by the parameters, shape (m, q)
    level_by: NDArray[np.float64]  # Σ w·L by cluster, shape (G, m)
    gain_by: NDArray[np.float64]  # Σ w·L·gain by cluster

    @property
    def level(self) -> NDArray[np.float64]:
        """Σ w·L."""
        return np.asarray(self.level_by.sum(axis=0))

    @property
    def gain(self) -> NDArray[np.float64]:
        """Σ w·L·gain."""
        return np.asarray(self.gain_by.sum(axis=0))

    @property
    def influence(self) -> NDArray[np.float64]:
        """What averaging over each cluster's rows and not others does to each effect per unit, shape (G, m)."""
        return (self.gain_by - self.level_by * (self.gain / self.level)) / self.level


class _AverageFold:
    """Fold: averages of each lever's gain over the rows, and their gradients."""

    def __init__(self, question: _Question) -> None:
        self._question = question

    def zero(self) -> _Averages:
        m, q, g = len(self._question.terms), len(self._question.fit.parameters), self._question.n_clusters
        return _Averages(*(np.zeros(shape) for shape in (m, m, m, (m, q), (g, m), (g, m))))

    def step(self, state: _Averages, batch: pa.RecordBatch) -> _Averages:
        asked = self._question
        rows, predictors, gains = asked.ask(batch)
        by_levels = [at.weight * at.lever.level for at in gains]
        for j, (at, by_level) in enumerate(zip(gains, by_levels, strict=True)):
            state.weight[j] += at.weight.sum()
            state.slope[j] += at.weight @ at.slope
            state.removal[j] += at.weight @ _removal(asked, at, rows, predictors)
            state.level_by[:, j] += np.bincount(rows.cluster, by_level, asked.n_clusters)
            state.gain_by[:, j] += np.bincount(rows.cluster, by_level * at.gain, asked.n_clusters)
        state.gradient += _gradients(asked, gains, rows, by_levels)
        return state

    def merge(self, left: _Averages, right: _Averages) -> _Averages:
        for name, sums in vars(right).items():
            getattr(left, name)[...] += sums
        return left

    def finish(self, state: _Averages) -> _Averages:
        return state
