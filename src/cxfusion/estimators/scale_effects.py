"""Scale effects: a column may spread answers further apart besides pushing them up or down.

P(Y ≤ k) = expit((cut_k − x·b)·exp(−z·s)), z a few combinations of the dense columns: s > 0 where answers are more
spread. Fitted by the Newton steps of partial proportional odds, since only predictors and their slopes differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.partial_odds import by_predictor_of, curvature_of, times_curvature
from cxfusion.estimators.row_likelihood import derivatives_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxfusion.estimators.cumulative_logit import CumulativeLogitFit
    from cxfusion.estimators.row_likelihood import RowDerivatives
    from cxfusion.estimators.rows import Rows
    from cxfusion.estimators.solving import Inverse

__all__ = ["ScaleFit", "equally_spread"]


@dataclass(frozen=True)
class ScaleFit:
    """A cumulative logit whose answers may be more spread for some rows than for others.

    Attributes
    ----------
    cuts : array, shape (categories − 1,)
    coefficients : array, shape (width,)
        Of the design's columns.
    log_scale : array, shape (v,)
        What the combinations add to the log of the spread.
    turn : array, shape (dense columns, v)
        The combinations.
    inverse : Inverse
        Of the information, for ``(cuts, coefficients, log_scale)`` together.
    log_likelihood : float
    n : int
        Rows used.

    References
    ----------
    McCullagh (1980), JRSS B 42, 109–142, section 6; Christensen, *ordinal* (scale effects).
    """

    cuts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    log_scale: NDArray[np.float64]
    turn: NDArray[np.float64]
    inverse: Inverse
    log_likelihood: float
    n: int

    @property
    def parameters(self) -> NDArray[np.float64]:
        """``(cuts, coefficients, log_scale)``, shape (q,)."""
        return np.concatenate([self.cuts, self.coefficients, self.log_scale])

    @property
    def scale_places(self) -> NDArray[np.int64]:
        """Places of ``log_scale`` among the parameters, shape (v,)."""
        return len(self.cuts) + len(self.coefficients) + np.arange(len(self.log_scale))

    def at(self, parameters: NDArray[np.float64]) -> ScaleFit:
        """The same model at other parameters."""
        n_cuts, width = len(self.cuts), len(self.coefficients)
        cuts, coefficients, log_scale = np.split(parameters, [n_cuts, n_cuts + width])
        return replace(self, cuts=cuts, coefficients=coefficients, log_scale=log_scale)

    def settled(self, inverse: Inverse, log_likelihood: float) -> ScaleFit:
        """The same model with what is known at its optimum."""
        return replace(self, inverse=inverse, log_likelihood=log_likelihood)

    def predictors(self, rows: Rows) -> NDArray[np.float64]:
        """Predictor of every cut, shape (n, cuts)."""
        return np.asarray(np.subtract.outer(self.cuts, rows.times(self.coefficients)) * self._shrunk(rows)).T

    def _shrunk(self, rows: Rows) -> NDArray[np.float64]:
        """By what the spread of each row shrinks its predictors, shape (n,)."""
        return np.asarray(np.exp(-rows.dense @ (self.turn @ self.log_scale)))

    def pull_back(self, rows: Rows, by_predictor: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ by_predictor · ∂predictor/∂parameters, shape (q,)."""
        by_cut = by_predictor * self._shrunk(rows)[:, None]
        by_spread = (by_predictor * self.predictors(rows)).sum(axis=1)
        of_design = -rows.transposed_times(by_cut.sum(axis=1))
        return np.concatenate([by_cut.sum(axis=0), of_design, -(rows.dense @ self.turn).T @ by_spread])

    def scores_times(
        self, rows: Rows, predictors: NDArray[np.float64], directions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Each row's score times directions of shape (q, m), shape (n, m)."""
        by_predictor = by_predictor_of(rows, derivatives_at(predictors, rows.outcome), predictors.shape[1])
        by_cut = by_predictor * self._shrunk(rows)[:, None]
        n_cuts, width = len(self.cuts), len(self.coefficients)
        scores = directions[:n_cuts].T @ by_cut.T
        scores -= by_cut.sum(axis=1) * rows.times(directions[n_cuts : n_cuts + width]).T
        by_spread = (by_predictor * predictors).sum(axis=1)
        scores -= by_spread * ((self.turn @ directions[self.scale_places]).T @ rows.dense.T)
        return scores.T

    def information_of(self, rows: Rows, predictors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observed information of some rows, shape (q, q)."""
        return self.information_at(rows, derivatives_at(predictors, rows.outcome))

    def information_at(self, rows: Rows, at: RowDerivatives) -> NDArray[np.float64]:
        """The same where the rows' derivatives are known."""
        predictors, shrunk, spread = self.predictors(rows), self._shrunk(rows), rows.dense @ self.turn
        own, following = curvature_of(rows, at, len(self.cuts))
        slopes = by_predictor_of(rows, at, len(self.cuts))
        by_cut = times_curvature(own, following, np.ones_like(predictors)) * shrunk[:, None] ** 2
        bent = times_curvature(own, following, predictors) - slopes  # less what the spread itself bends the predictors
        by_spread = bent * shrunk[:, None]
        n_cuts, width, q = len(self.cuts), len(self.coefficients), len(self.parameters)
        design, places, cut = slice(n_cuts, n_cuts + width), slice(n_cuts + width, q), np.arange(n_cuts)
        information = np.zeros((q, q))
        information[cut, cut] = (own * shrunk[:, None] ** 2).sum(axis=0)
        information[cut[1:], cut[:-1]] = (following * shrunk[:, None] ** 2).sum(axis=0)
        information[design, :n_cuts] = -rows.transposed_times(by_cut)
        information[design, design] = rows.cross_product(by_cut.sum(axis=1))
        information[places, :n_cuts] = -spread.T @ by_spread
        information[places, design] = rows.transposed_times(spread * by_spread.sum(axis=1)[:, None]).T
        information[places, places] = spread.T @ (spread * (bent * predictors).sum(axis=1)[:, None])
        lower = np.tril(information)
        return np.asarray(lower + np.tril(information, -1).T)


def equally_spread(fit: CumulativeLogitFit, turn: NDArray[np.float64]) -> ScaleFit:
    """A proportional fit as the model with scale effects that it is: none."""
    return ScaleFit(fit.cuts, fit.coefficients, np.zeros(turn.shape[1]), turn, fit.inverse, fit.log_likelihood, fit.n)
