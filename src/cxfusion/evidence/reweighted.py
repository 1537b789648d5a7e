"""Effects under other weights, fitted again from the optimum nearby: had others been more likely to answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import ConvergenceError
from cxfusion.estimators.effects import Effects, estimate_effects
from cxfusion.estimators.partial_odds import PartialOddsFit, fit_partial_odds, freed
from cxfusion.estimators.tilting import Tilt, tilted, weighted_totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.cumulative_logit import CumulativeLogitFit
    from cxfusion.estimators.effect_averages import LeverTerm
    from cxfusion.estimators.held import ModelRows
    from cxfusion.estimators.influence import OrdinalFit
    from cxfusion.estimators.rows import RowMaker

__all__ = ["TiltPlan", "reweighted_effects"]


@dataclass(frozen=True)
class TiltPlan:
    """Which other weights are asked about.

    Attributes
    ----------
    tilts : tuple of Tilt
    worth : array, shape (categories,)
        How good each category is, from 0 to 1.
    """

    tilts: tuple[Tilt, ...]
    worth: NDArray[np.float64]

    def at(self, marks: NDArray[np.intp]) -> TiltPlan:
        """The same of some of the categories alone."""
        return replace(self, worth=self.worth[marks])


def reweighted_effects(
    model: ModelRows,
    fit: CumulativeLogitFit | PartialOddsFit,
    n_dense: int,
    terms: Sequence[LeverTerm],
    values: Sequence[float],
    n_clusters: int,
    n_told: int,
    plan: TiltPlan,
) -> list[Effects | ConvergenceError]:
    """Effects at every tilt of a plan.

    Parameters
    ----------
    model : ModelRows
    fit : CumulativeLogitFit or PartialOddsFit
        At its optimum with the weights as they are.
    n_dense : int
        Leading dense columns whose means are held as they are, as are all shares of controls.
    terms, values, n_clusters, n_told
        As for the effects.
    plan : TiltPlan

    Notes
    -----
    Projections stay those of the weights as they are. Where all are as likely, all of it does, and nothing is fitted
    again. Any other tilt takes a few folds of raking, about four of the likelihood and two of the effects. A single
    Newton step would leave an error of about a hundredth of an effect at twice as likely, since all cuts move.
    """
    start = fit if isinstance(fit, PartialOddsFit) else freed(fit, np.zeros((2 * n_dense, 0)))
    totals = weighted_totals(model.sweep, model.make_rows, n_dense)
    found: list[Effects | ConvergenceError] = []
    for tilt in plan.tilts:
        rows: RowMaker = model.make_rows
        moved: OrdinalFit = fit
        if tilt.times != 1:
            try:
                rows = tilted(model.sweep, model.make_rows, tilt.factors(plan.worth), totals, n_dense)
                moved = fit_partial_odds(model.sweep, rows, start)
            except ConvergenceError as error:
                found.append(error)
                continue
        found.append(estimate_effects(model.sweep, rows, model.make_levers, terms, moved, values, n_clusters, n_told))
    return found
