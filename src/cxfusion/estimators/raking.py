"""Raking: the smallest change of weights, in the sense of entropy, that gives a sample its population's totals.

Also known as calibration with the raking distance, or entropy balancing. Each Newton step is one fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import ConvergenceError
from cxfusion.estimators.solving import solve_information
from cxfusion.fold import SumFold

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["RakingFit", "fit_raking"]

TOLERANCE = 1e-10  # largest distance from a total, relative to the population's size
MAX_STEPS = 60
MAX_HALVINGS = 30


@dataclass(frozen=True)
class RakingFit:
    """How base weights are multiplied.

    Attributes
    ----------
    coefficients : array, shape (1 + width,)
        Of the constant and the design's columns: weight = base weight × exp(constant + row · coefficients).
    """

    coefficients: NDArray[np.float64]

    def weights(self, rows: Rows) -> NDArray[np.float64]:
        """Calibrated weights of some rows, shape (n,)."""
        return np.asarray(rows.weight * np.exp(self.coefficients[0] + rows.times(self.coefficients[1:])))


def fit_raking(sweep: Sweep, make_rows: RowMaker, totals: NDArray[np.float64]) -> RakingFit:
    """Calibrate weights to known totals.

    Parameters
    ----------
    sweep : Sweep
    make_rows : RowMaker
        ``weight`` is the base weight; ``outcome`` is not looked at.
    totals : array, shape (1 + width,)
        The population's size and the totals of the design's columns. Margins may repeat what others say.

    Raises
    ------
    ConvergenceError
        No weights reach the totals: a level of the population has nobody in the sample, or the totals contradict.

    References
    ----------
    Deville & Särndal (1992), JASA 87, 376–382, case 2; Hainmueller (2012), Political Analysis 20, 25–46.
    """
    coefficients = np.zeros(len(totals))
    state = sweep(_RakingFold(make_rows, coefficients))
    for _ in range(MAX_STEPS):
        miss = float(np.abs(totals - state.totals).max() / totals[0])
        if miss < TOLERANCE:
            return RakingFit(coefficients)
        direction = solve_information(state.information, totals - state.totals)
        coefficients, state = _step(sweep, make_rows, coefficients, direction, state, totals)
    raise ConvergenceError(
        f"The weights did not reach the log's totals within {MAX_STEPS} steps (largest miss {miss:.2g} of contacts)."
        " Expected somebody to have answered in every group that is weighted to; use fewer or coarser groups."
    )


def _step(
    sweep: Sweep,
    make_rows: RowMaker,
    coefficients: NDArray[np.float64],
    direction: NDArray[np.float64],
    state: _Totals,
    totals: NDArray[np.float64],
) -> tuple[NDArray[np.float64], _Totals]:
    """One Newton step on the (convex) dual, halved until it falls."""
    here = state.totals[0] - coefficients @ totals
    for halving in range(MAX_HALVINGS):
        trial = coefficients + direction * 0.5**halving
        there = sweep(_RakingFold(make_rows, trial))
        if np.isfinite(there.totals[0]) and there.totals[0] - trial @ totals <= here + 1e-12 * abs(here):
            return trial, there
    raise ConvergenceError(
        "The weights found no way nearer to the log's totals. Expected somebody to have answered in every group that is"
        " weighted to; use fewer or coarser groups."
    )


@dataclass
class _Totals:
    totals: NDArray[np.float64]
    information: NDArray[np.float64]


class _RakingFold(SumFold[_Totals]):
    """Fold: weighted totals of the constant and the design, and their derivatives."""

    def __init__(self, make_rows: RowMaker, coefficients: NDArray[np.float64]) -> None:
        self._make_rows = make_rows
        self._coefficients = coefficients

    def zero(self) -> _Totals:
        q = len(self._coefficients)
        return _Totals(np.zeros(q), np.zeros((q, q)))

    def step(self, state: _Totals, batch: pa.RecordBatch) -> _Totals:
        rows = self._make_rows(batch)
        with np.errstate(over="ignore"):  # a trial point too far out is refused by its infinite total
            weight = RakingFit(self._coefficients).weights(rows)
        if not np.isfinite(weight).all():
            return _Totals(np.full_like(state.totals, np.inf), state.information)
        columns = rows.transposed_times(weight)
        state.totals[0] += weight.sum()
        state.totals[1:] += columns
        state.information[0, 0] += weight.sum()
        state.information[0, 1:] += columns
        state.information[1:, 0] += columns
        state.information[1:, 1:] += rows.cross_product(weight)
        return state
