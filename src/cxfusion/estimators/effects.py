"""What one step of a lever does to the mean score, from a fitted cumulative logit (METHODS §4, the estimand).

Two folds at the optimum: the effects with their gradients, then each cluster's influence on each effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.special import expit
from scipy.stats import t as student_t

from cxfusion.estimators.clusters import CR2_BELOW, adjusted_scores
from cxfusion.estimators.cumulative_logit import CumulativeLogitFit, information_of, row_derivatives

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["Effects", "LeverMaker", "LeverRows", "LeverTerm", "combined", "estimate_effects"]


@dataclass(frozen=True)
class LeverTerm:
    """Where a lever stands in the design, and the step asked about.

    Attributes
    ----------
    columns : slice
        Its basis among the dense columns.
    step : float
        In the lever's own unit, signed; capped at the lever's weighted mean.
    at_zero : array, shape (width,)
        The basis where the lever is 0.
    """

    columns: slice
    step: float
    at_zero: NDArray[np.float64]


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
    """

    level: NDArray[np.float64]
    slope: NDArray[np.float64]
    one_less: NDArray[np.float64] | None = None


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
        Each cluster's part in each estimate's error; ``std_error`` is its root sum of squares, corrected.
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
    n: int
    n_clusters: int

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
        )


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
    std_error = _std_error(influence)
    return replace(
        first,
        estimate=estimate,
        std_error=std_error,
        p_value=_p_value(estimate, std_error, first.n_clusters),
        local_estimate=np.add.reduce([weight * part.local_estimate for weight, part in parts]),
        remove_all=np.add.reduce([weight * part.remove_all for weight, part in parts]),
        influence=influence,
    )


def estimate_effects(
    sweep: Sweep,
    make_rows: RowMaker,
    make_levers: LeverMaker,
    terms: Sequence[LeverTerm],
    fit: CumulativeLogitFit,
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
    fit : CumulativeLogitFit
    values : sequence of float, length categories
        What each category counts in the mean: 1 … 5 for CSAT, (−100, 0, 100) for NPS, (0, 0, 0, 1, 1) for top-2-box.
    n_clusters : int
        At least 2; with fewer than 30 the scores are corrected by CR2.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181 (CR2); Newey & McFadden (1994), section 6 (stacked
    estimators).
    """
    question = _Question(make_rows, make_levers, terms, fit, np.diff(np.asarray(values, dtype=float)))
    averages = sweep(_AverageFold(question))
    step = np.sign([term.step for term in terms]) * np.minimum(
        np.abs([term.step for term in terms]), averages.level / averages.weight
    )
    per_unit = averages.gain / averages.level
    directions = fit.inverse.matrix @ (averages.gradient / averages.level[:, None]).T
    influence = sweep(_InfluenceFold(question, directions, averages, n_clusters)) * step
    std_error = _std_error(influence)
    estimate = step * per_unit
    return Effects(
        step=step,
        estimate=estimate,
        std_error=std_error,
        p_value=_p_value(estimate, std_error, n_clusters),
        local_estimate=step * averages.slope / averages.weight,
        remove_all=averages.removal / averages.weight,
        influence=influence,
        n=fit.n,
        n_clusters=n_clusters,
    )


def _std_error(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    n_clusters = len(influence)
    factor = 1.0 if n_clusters < CR2_BELOW else n_clusters / (n_clusters - 1)  # CR2 has corrected already
    return np.asarray(np.sqrt((influence**2).sum(axis=0) * factor))


def _p_value(estimate: NDArray[np.float64], std_error: NDArray[np.float64], n_clusters: int) -> NDArray[np.float64]:
    return np.asarray(2 * student_t.sf(np.abs(estimate) / std_error, n_clusters - 1))


@dataclass(frozen=True)
class _Question:
    """The levers asked about, and the expected score as a function of the linear predictor, at the fit."""

    make_rows: RowMaker
    make_levers: LeverMaker
    terms: Sequence[LeverTerm]
    fit: CumulativeLogitFit
    gaps: NDArray[np.float64]  # from each category's value to the next, shape (cuts,)

    def tails(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(Y ≤ k), shape (n, cuts)."""
        return np.asarray(expit(self.fit.cuts - eta[:, None]))

    def gain(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected score at tails ``after`` less that at ``before``."""
        return (before - after) @ self.gaps

    def ask(self, batch: pa.RecordBatch) -> tuple[Rows, NDArray[np.float64], list[_Gain]]:
        """Rows of a batch, their linear predictor, and the gain of each lever."""
        rows = self.make_rows(batch)
        eta = rows.times(self.fit.coefficients)
        levers = zip(self.terms, self.make_levers(batch), strict=True)
        return rows, eta, [_gain(self, term, rows, lever, eta) for term, lever in levers]


@dataclass(frozen=True)
class _Gain:
    """What one unit of a lever does to each row's expected score, and the pieces of its gradient."""

    term: LeverTerm
    lever: LeverRows
    gain: NDArray[np.float64]  # shape (n,)
    slope: NDArray[np.float64]  # m′(L), shape (n,)
    tails: NDArray[np.float64]
    less: tuple[NDArray[np.float64], NDArray[np.float64]] | None  # counts: tails one below, and the change of basis


def _gain(question: _Question, term: LeverTerm, rows: Rows, lever: LeverRows, eta: NDArray[np.float64]) -> _Gain:
    own = question.fit.coefficients[term.columns]
    tails = question.tails(eta)
    slope = ((tails * (1 - tails)) @ question.gaps) * (lever.slope @ own)
    if lever.one_less is None:
        return _Gain(term, lever, slope, slope, tails, None)
    change = rows.dense[:, term.columns] - lever.one_less
    tails_less = question.tails(eta - change @ own)
    return _Gain(term, lever, question.gain(tails_less, tails), slope, tails, (tails_less, change))


def _gradient(question: _Question, at: _Gain, rows: Rows, by_level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gradient of Σ by_level·gain by (cuts, coefficients)."""
    gaps = question.gaps
    density = at.tails * (1 - at.tails)
    gradient = np.zeros(len(gaps) + rows.width)
    to_cuts, to_design = gradient[: len(gaps)], gradient[len(gaps) :]
    if at.less is None:
        weighted = by_level * (at.lever.slope @ question.fit.coefficients[at.term.columns])
        curvature = density * (1 - 2 * at.tails)
        to_cuts += gaps * (weighted @ curvature)
        to_design -= rows.transposed_times(weighted * (curvature @ gaps))
        to_design[at.term.columns] += at.lever.slope.T @ (by_level * (density @ gaps))
        return gradient
    tails_less, change = at.less
    density_less = tails_less * (1 - tails_less)
    to_cuts -= gaps * (by_level @ (density - density_less))
    to_design += rows.transposed_times(by_level * ((density - density_less) @ gaps))
    to_design[at.term.columns] += change.T @ (by_level * (density_less @ gaps))
    return gradient


def _removal(question: _Question, at: _Gain, rows: Rows, eta: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the expected score of each row would change by without the lever."""
    own = question.fit.coefficients[at.term.columns]
    without = question.tails(eta + (at.term.at_zero - rows.dense[:, at.term.columns]) @ own)
    return question.gain(at.tails, without)


@dataclass
class _Averages:
    weight: float
    level: NDArray[np.float64]  # Σ w·L by lever
    gain: NDArray[np.float64]  # Σ w·L·gain
    slope: NDArray[np.float64]  # Σ w·m′
    removal: NDArray[np.float64]  # Σ w·(m(0) − m(L))
    gradient: NDArray[np.float64]  # of ``gain`` by (cuts, coefficients), shape (m, q)


class _AverageFold:
    """Fold: averages of each lever's gain over the rows, and their gradients."""

    def __init__(self, question: _Question) -> None:
        self._question = question

    def zero(self) -> _Averages:
        m, q = len(self._question.terms), len(self._question.fit.parameters)
        return _Averages(0.0, np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(m), np.zeros((m, q)))

    def step(self, state: _Averages, batch: pa.RecordBatch) -> _Averages:
        rows, eta, gains = self._question.ask(batch)
        state.weight += float(rows.weight.sum())
        for j, at in enumerate(gains):
            by_level = rows.weight * at.lever.level
            state.level[j] += by_level.sum()
            state.gain[j] += by_level @ at.gain
            state.slope[j] += rows.weight @ at.slope
            state.removal[j] += rows.weight @ _removal(self._question, at, rows, eta)
            state.gradient[j] += _gradient(self._question, at, rows, by_level)
        return state

    def merge(self, left: _Averages, right: _Averages) -> _Averages:
        return _Averages(
            left.weight + right.weight,
            left.level + right.level,
            left.gain + right.gain,
            left.slope + right.slope,
            left.removal + right.removal,
            left.gradient + right.gradient,
        )

    def finish(self, state: _Averages) -> _Averages:
        return state


@dataclass
class _ClusterSums:
    own: NDArray[np.float64]  # Σ w·L·(gain − per unit)/Σ w·L by cluster, shape (G, m)
    fitted: NDArray[np.float64]  # scores times directions, shape (G, m); with CR2 the scores, (G, q)
    information: NDArray[np.float64]  # by cluster, shape (G, q, q); empty without CR2


class _InfluenceFold:
    """Fold: each cluster's influence on each lever's effect per unit."""

    def __init__(
        self, question: _Question, directions: NDArray[np.float64], averages: _Averages, n_clusters: int
    ) -> None:
        self._question = question
        self._directions = directions
        self._averages = averages
        self._n_clusters = n_clusters
        self._with_cr2 = n_clusters < CR2_BELOW

    def zero(self) -> _ClusterSums:
        g, (q, m) = self._n_clusters, self._directions.shape
        return _ClusterSums(
            np.zeros((g, m)),
            np.zeros((g, q if self._with_cr2 else m)),
            np.zeros((g, q, q) if self._with_cr2 else (0, q, q)),
        )

    def step(self, state: _ClusterSums, batch: pa.RecordBatch) -> _ClusterSums:
        rows, eta, gains = self._question.ask(batch)
        for j, at in enumerate(gains):
            level, mean_gain = self._averages.level[j], self._averages.gain[j] / self._averages.level[j]
            own = rows.weight * at.lever.level * (at.gain - mean_gain) / level
            state.own[:, j] += np.bincount(rows.cluster, own, self._n_clusters)
        if self._with_cr2:
            self._add_by_cluster(state, rows, eta)
        else:
            fitted = _scores_times(rows, self._question.fit, eta, self._directions)
            for j in range(fitted.shape[1]):
                state.fitted[:, j] += np.bincount(rows.cluster, fitted[:, j], self._n_clusters)
        return state

    def _add_by_cluster(self, state: _ClusterSums, rows: Rows, eta: NDArray[np.float64]) -> None:
        fit = self._question.fit
        every_direction = np.eye(self._directions.shape[0])
        for cluster in np.unique(rows.cluster):
            inside = rows.cluster == cluster
            part, eta_part = rows.where(inside), eta[inside]
            at = row_derivatives(fit.cuts, eta_part, part.outcome)
            state.fitted[cluster] += _scores_times(part, fit, eta_part, every_direction).sum(axis=0)
            state.information[cluster] += information_of(part, at, len(fit.cuts))

    def merge(self, left: _ClusterSums, right: _ClusterSums) -> _ClusterSums:
        return _ClusterSums(left.own + right.own, left.fitted + right.fitted, left.information + right.information)

    def finish(self, state: _ClusterSums) -> NDArray[np.float64]:
        if not self._with_cr2:
            return state.own + state.fitted
        scores = adjusted_scores(state.fitted, state.information, self._question.fit.inverse)
        return state.own + scores @ self._directions


def _scores_times(
    rows: Rows, fit: CumulativeLogitFit, eta: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each row's score times some directions, shape (n, m)."""
    n_cuts = len(fit.cuts)
    at = row_derivatives(fit.cuts, eta, rows.outcome)
    by_cut = np.vstack([directions[:n_cuts], np.zeros((1, directions.shape[1]))])  # no cut above the top category
    y, w = rows.outcome, rows.weight
    scores = (w * at.d_upper / at.probability)[:, None] * by_cut[y]
    scores -= (w * at.d_lower / at.probability)[:, None] * by_cut[y - 1]  # below the bottom one: the row of zeros
    scores += (w * (at.upper + at.lower - 1))[:, None] * rows.times(directions[n_cuts:])
    return scores
