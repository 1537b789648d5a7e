"""What one step of a lever does to the mean score, from a fitted cumulative logit: docs/explanation/estimand.md.

Two folds at the optimum: the effects with their gradients, then each cluster's influence on each effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.effect_averages import Question, average
from cxfusion.estimators.influence import covariance_of, influence_on, std_error_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.effect_averages import LeverMaker, LeverTerm
    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.estimators.rows import RowMaker
    from cxfusion.fold import Sweep

__all__ = ["Effects", "combined", "estimate_effects"]


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
        Each cluster's part in each estimate's error; ``std_error`` is its root sum of squares. Further rows hold errors
        from elsewhere (:meth:`with_error`).
    degrees : array, shape (m,)
        Degrees of freedom of Student's t: the clusters on whose answers each effect rests, less one; fewer where some
        of them hold most of what is known of it.
    gradient : array, shape (m, q)
        Of each estimate per unit of its lever, by the parameters of the fit; (m, 0) where effects of several fits are
        combined.
    n : int
        Rows used.
    n_clusters : int
    n_told : int
        Clusters on whose answers the effects rest.
    """

    step: NDArray[np.float64]
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    p_value: NDArray[np.float64]
    local_estimate: NDArray[np.float64]
    remove_all: NDArray[np.float64]
    influence: NDArray[np.float64]
    degrees: NDArray[np.float64]
    gradient: NDArray[np.float64]
    n: int
    n_clusters: int
    n_told: int

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Joint covariance of the estimates, shape (m, m)."""
        return covariance_of(self.influence)

    def interval(self, conf_level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the confidence intervals, by Student's t with ``degrees`` of freedom."""
        reach = student_t.reach(conf_level, self.degrees) * self.std_error
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
            degrees=self.degrees[at],
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
        p_value = _p_value(self.estimate, std_error, self.degrees)
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
    degrees = np.min([part.degrees for _, part in parts], axis=0)
    estimate = np.add.reduce([weight * part.estimate for weight, part in parts])
    std_error = std_error_of(influence)
    return replace(
        first,
        estimate=estimate,
        std_error=std_error,
        p_value=_p_value(estimate, std_error, degrees),
        local_estimate=np.add.reduce([weight * part.local_estimate for weight, part in parts]),
        remove_all=np.add.reduce([weight * part.remove_all for weight, part in parts]),
        influence=influence,
        degrees=degrees,
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
    n_told: int | None = None,
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
        At least 2; where fewer than 30 in effect hold what is known of an effect, the scores are corrected by CR2.
    n_told : int, optional
        Clusters on whose answers the effects rest, at least 2; all unless given. An agent with one answer says nothing
        of a lever within agents, so that a few agents with many answers and many with one are a few.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181 (CR2); Newey & McFadden (1994), section 6 (stacked
    estimators).
    """
    averages = average(sweep, Question(make_rows, make_levers, terms, fit, values, n_clusters))
    step = np.array([_step(term, mean) for term, mean in zip(terms, averages.level / averages.weight, strict=True)])
    per_unit = averages.gain / averages.level
    gradient = averages.gradient_per_unit
    of_unit = influence_on(sweep, make_rows, fit, gradient, n_clusters, averages.influence)
    n_told = n_clusters if n_told is None else n_told
    influence, degrees = of_unit.by_cluster * step, np.minimum(of_unit.degrees, n_told - 1)
    std_error = std_error_of(influence)
    estimate = step * per_unit
    return Effects(
        step=step,
        estimate=estimate,
        std_error=std_error,
        p_value=_p_value(estimate, std_error, degrees),
        local_estimate=step * averages.slope / averages.weight,
        remove_all=averages.removal / averages.weight,
        influence=influence,
        degrees=degrees,
        gradient=gradient,
        n=fit.n,
        n_clusters=n_clusters,
        n_told=n_told,
    )


def _step(term: LeverTerm, mean: float) -> float:
    return float(np.sign(term.step) * min(abs(term.step), mean)) if term.is_capped else term.step


def _p_value(
    estimate: NDArray[np.float64], std_error: NDArray[np.float64], degrees: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(student_t.p_value(estimate / std_error, degrees))
