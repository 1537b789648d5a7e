"""Partial proportional odds: some columns may push answers more at one end of the scale than at the other.

P(Y ≤ k) = expit(cut_k − x·b − v·g_k), v a few combinations of the dense columns and g_0 = 0. Newton steps from the
proportional fit, each one fold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import numpy as np

from cxfusion.estimators.influence import ScoredFit
from cxfusion.estimators.newton import CONVERGED_AT, Surface, climb
from cxfusion.estimators.row_likelihood import by_cut, derivatives_at
from cxfusion.estimators.rows import columns_times
from cxfusion.estimators.solving import Inverse, invert_information

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.cumulative_logit import CumulativeLogitFit
    from cxfusion.estimators.row_likelihood import RowDerivatives
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = [
    "OrdinalModel",
    "PartialOddsFit",
    "by_predictor_of",
    "curvature_of",
    "fit_partial_odds",
    "freed",
    "surface_at",
    "times_curvature",
]


class OrdinalModel(ScoredFit, Protocol):
    """A model of ordered answers by the predictors of its cuts, at some parameters, as Newton's steps see it."""

    def at(self, parameters: NDArray[np.float64]) -> Self:
        """The same model at other parameters."""
        ...

    def settled(self, inverse: Inverse, log_likelihood: float) -> Self:
        """The same model with what is known at its optimum."""
        ...

    def pull_back(self, rows: Rows, by_predictor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_predictor · ∂predictor/∂parameters, shape (q,)."""
        ...

    def information_at(self, rows: Rows, at: RowDerivatives) -> NDArray[np.float64]:
        """Observed information of some rows, shape (q, q)."""
        ...


Model = TypeVar("Model", bound=OrdinalModel)


@dataclass(frozen=True)
class PartialOddsFit:
    """A cumulative logit, some of whose effects differ from cut to cut.

    Attributes
    ----------
    cuts : array, shape (categories − 1,)
    coefficients : array, shape (width,)
        Of the design's columns at the lowest cut.
    extra : array, shape (categories − 2, v)
        What the combinations' coefficients are more at each higher cut.
    turn : array, shape (dense columns, v)
        The combinations.
    inverse : Inverse
        Of the information, for ``(cuts, coefficients, extra by cut)`` together.
    log_likelihood : float
    n : int
        Rows used.
    """

    cuts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    extra: NDArray[np.float64]
    turn: NDArray[np.float64]
    inverse: Inverse
    log_likelihood: float
    n: int

    @property
    def parameters(self) -> NDArray[np.float64]:
        """``(cuts, coefficients, extra by cut)``, shape (q,)."""
        return np.concatenate([self.cuts, self.coefficients, self.extra.ravel()])

    @property
    def extra_places(self) -> NDArray[np.int64]:
        """Places of ``extra`` among the parameters, shape (categories − 2, v)."""
        first = len(self.cuts) + len(self.coefficients)
        return first + np.arange(self.extra.size).reshape(self.extra.shape)

    @cached_property
    def _every_extra(self) -> NDArray[np.float64]:
        """With the zeros of the lowest cut, shape (cuts, v)."""
        return np.vstack([np.zeros((1, self.turn.shape[1])), self.extra])

    def at(self, parameters: NDArray[np.float64]) -> PartialOddsFit:
        """The same model at other parameters."""
        n_cuts, width = len(self.cuts), len(self.coefficients)
        cuts, coefficients, extra = np.split(parameters, [n_cuts, n_cuts + width])
        return replace(self, cuts=cuts, coefficients=coefficients, extra=extra.reshape(self.extra.shape))

    def settled(self, inverse: Inverse, log_likelihood: float) -> PartialOddsFit:
        """The same model with what is known at its optimum."""
        return replace(self, inverse=inverse, log_likelihood=log_likelihood)

    def predictors(self, rows: Rows) -> NDArray[np.float64]:
        """Predictor of every cut, shape (n, cuts)."""
        proportional = np.subtract.outer(self.cuts, rows.times(self.coefficients))
        return np.asarray(proportional - self._every_extra @ self._turned(rows).T).T  # cut by cut in memory

    def coefficients_of(self, columns: slice) -> NDArray[np.float64]:
        """Coefficients of some dense columns at every cut, shape (columns, cuts)."""
        return np.asarray(self.coefficients[columns, None] + self.turn[columns] @ self._every_extra.T)

    def pull_back(self, rows: Rows, by_predictor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_predictor · ∂predictor/∂parameters, shape (q,)."""
        return np.asarray(self.pull_back_each(rows, [by_predictor])[0])

    def pull_back_each(self, rows: Rows, by_predictors: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
        """The same of several in turn, shape (m, q)."""
        turned = self._turned(rows)
        each = ((one.sum(axis=0), one.sum(axis=1), -(one[:, 1:].T @ turned).ravel()) for one in by_predictors)
        of_cuts, by_row, of_extra = (np.array(parts) for parts in zip(*each, strict=True))
        return np.hstack([of_cuts, -rows.transposed_times(by_row.T).T, of_extra])

    def _turned(self, rows: Rows) -> NDArray[np.float64]:
        """The combinations of some rows, shape (n, v), each in one piece."""
        return columns_times(rows.dense, self.turn)

    def pull_back_of(self, columns: slice, by_coefficient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_coefficient · ∂coefficients_of(columns)/∂parameters, shape (q,)."""
        gradient = np.zeros(len(self.parameters))
        gradient[len(self.cuts) :][columns] = by_coefficient.sum(axis=1)
        gradient[self.extra_places] = by_coefficient[:, 1:].T @ self.turn[columns]
        return gradient

    def scores_times(
        self, rows: Rows, predictors: NDArray[np.float64], directions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Each row's score times directions of shape (q, m), shape (n, m)."""
        by_predictor = by_predictor_of(rows, derivatives_at(predictors, rows.outcome), predictors.shape[1])
        n_cuts, width = len(self.cuts), len(self.coefficients)
        scores = directions[:n_cuts].T @ by_predictor.T
        scores -= by_predictor.sum(axis=1) * rows.times(directions[n_cuts : n_cuts + width]).T
        by_extra = by_predictor.T[1:, None] * self._turned(rows).T  # shape (cuts − 1, v, n)
        scores -= directions[n_cuts + width :].T @ by_extra.reshape(self.extra.size, len(rows.outcome))
        return scores.T

    def information_of(self, rows: Rows, predictors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observed information of some rows, shape (q, q)."""
        return self.information_at(rows, derivatives_at(predictors, rows.outcome))

    def information_at(self, rows: Rows, at: RowDerivatives) -> NDArray[np.float64]:
        """The same where the rows' derivatives are known."""
        own, following = curvature_of(rows, at, len(self.cuts))
        bend = times_curvature(own, following, np.ones_like(own))
        n_cuts, width, q = len(self.cuts), len(self.coefficients), len(self.parameters)
        information = np.zeros((q, q))
        design = slice(n_cuts, n_cuts + width)
        turned = self._turned(rows)
        cut = np.arange(n_cuts)
        information[cut, cut] = own.sum(axis=0)
        information[cut[1:], cut[:-1]] = following.sum(axis=0)
        information[design, :n_cuts] = -rows.transposed_times(bend)
        information[design, design] = rows.cross_product(bend.sum(axis=1))
        for k, places in enumerate(self.extra_places, start=1):
            information[places, design] = rows.transposed_times(turned * bend[:, [k]]).T
            information[places, k] = -turned.T @ own[:, k]
            information[places, k - 1] = -turned.T @ following[:, k - 1]
            if k + 1 < n_cuts:
                information[places, k + 1] = -turned.T @ following[:, k]
            information[np.ix_(places, places)] = turned.T @ (turned * own[:, [k]])
            if k > 1:
                before = self.extra_places[k - 2]
                information[np.ix_(places, before)] = turned.T @ (turned * following[:, [k - 1]])
        lower = np.tril(information)
        return np.asarray(lower + np.tril(information, -1).T)


def freed(fit: CumulativeLogitFit, turn: NDArray[np.float64]) -> PartialOddsFit:
    """A proportional fit as the partial one that it is: nothing more at any cut."""
    extra = np.zeros((len(fit.cuts) - 1, turn.shape[1]))
    return PartialOddsFit(fit.cuts, fit.coefficients, extra, turn, fit.inverse, fit.log_likelihood, fit.n)


def surface_at(sweep: Sweep, make_rows: RowMaker, fit: OrdinalModel) -> Surface:
    """The likelihood's surface at a fit's parameters; one fold."""
    return sweep(_SurfaceFold(make_rows, fit))


def fit_partial_odds(sweep: Sweep, make_rows: RowMaker, start: Model) -> Model:
    """Fit partial proportional odds, or another model of its kind such as one with scale effects.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
    start : PartialOddsFit or ScaleFit
        Of :func:`freed` or :func:`equally_spread`, or a fit nearby.

    Raises
    ------
    ConvergenceError
        The optimum was not reached; where effects differ much between cuts, some rows' probabilities may become
        negative on the way.

    References
    ----------
    Peterson & Harrell (1990), Applied Statistics 39, 205–217.
    """

    def look(parameters: NDArray[np.float64]) -> Surface:
        return surface_at(sweep, make_rows, start.at(parameters))

    peak = climb(look, start.parameters, CONVERGED_AT * start.n, name="The model with partial proportional odds")
    return start.at(peak.parameters).settled(invert_information(peak.information), peak.log_likelihood)


class _SurfaceFold:
    """Fold: log-likelihood, gradient and observed information at given parameters."""

    def __init__(self, make_rows: RowMaker, fit: OrdinalModel) -> None:
        self._make_rows = make_rows
        self._fit = fit

    def zero(self) -> Surface:
        return Surface.flat(len(self._fit.parameters))

    def step(self, state: Surface, batch: pa.RecordBatch) -> Surface:
        rows = self._make_rows(batch)
        predictors = self._fit.predictors(rows)
        # a trial point may cross two cuts of a row: its likelihood is then no number, and the point is refused
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            at = derivatives_at(predictors, rows.outcome)
            part = Surface(
                float(rows.weight @ np.log(at.probability)),
                self._fit.pull_back(rows, by_predictor_of(rows, at, predictors.shape[1])),
                self._fit.information_at(rows, at),
            )
        return self.merge(state, part)

    def merge(self, left: Surface, right: Surface) -> Surface:
        return left.add(right)

    def finish(self, state: Surface) -> Surface:
        return state


def by_predictor_of(rows: Rows, at: RowDerivatives, n_cuts: int) -> NDArray[np.float64]:
    """Derivative of each row's weighted log-likelihood by each predictor, shape (n, cuts)."""
    return by_cut(rows.weight * at.up, -rows.weight * at.low, rows.outcome, n_cuts)[:-1].T


def times_curvature(
    own: NDArray[np.float64], following: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each row's curvature by its predictors, of :func:`curvature_of`, times one number per predictor, (n, cuts)."""
    found = own * columns
    found[:, :-1] += following * columns[:, 1:]
    found[:, 1:] += following * columns[:, :-1]
    return found


def curvature_of(rows: Rows, at: RowDerivatives, n_cuts: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minus the second derivatives: of each predictor, shape (n, cuts), and with the next one, (n, cuts − 1)."""
    up_low = rows.weight * at.up * at.low
    own = by_cut(rows.weight * at.d_upper + up_low, rows.weight * at.d_lower + up_low, rows.outcome, n_cuts)
    following = (rows.outcome == np.arange(1, n_cuts)[:, None]) * -up_low  # the answer couples its two cuts
    return own[:-1].T, following.T
