"""Panels of units and periods: least squares with both held fixed, from cell means, and errors that few units allow.

Cell means weighted by their rows give what the rows themselves would, errors included: all rows of a cell share their
regressors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.clusters import half_powers
from cxfusion.estimators.distributions import student_t

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PanelFit", "fit_panel"]

TOLD_ABOVE = 1e-9  # share of a regressor's sum of squares left by units and periods
ALONE_ABOVE = 1e-6  # share of a coefficient's weights on rows that lies in directions which one unit alone tells


@dataclass(frozen=True)
class PanelFit:
    """Coefficients of some regressors, units and periods held fixed.

    Attributes
    ----------
    coefficients : array, shape (k,)
    covariance : array, shape (k, k)
        Cluster-robust by unit, CR2.
    degrees : array, shape (k,)
        Of freedom for each coefficient's t, by Satterthwaite's approximation.
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    degrees: NDArray[np.float64]

    @property
    def std_error(self) -> NDArray[np.float64]:
        """Standard errors, shape (k,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def p_value(self) -> NDArray[np.float64]:
        """Two-sided, shape (k,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(student_t.p_value(self.coefficients / self.std_error, self.degrees))

    def interval(self, conf_level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the confidence intervals, shape (k,) each."""
        reach = student_t.reach(conf_level, self.degrees) * self.std_error
        return self.coefficients - reach, self.coefficients + reach


def fit_panel(
    outcome: NDArray[np.float64],
    regressors: NDArray[np.float64],
    unit: NDArray[np.int64],
    period: NDArray[np.int64],
    rows: NDArray[np.float64],
) -> PanelFit:
    """Two-way fixed effects from cells of a panel.

    Parameters
    ----------
    outcome : array, shape (n,)
        Mean of each cell.
    regressors : array, shape (n, k)
    unit, period : int array, shape (n,)
        Codes from 0.
    rows : array, shape (n,)
        Behind each cell, above zero.

    Raises
    ------
    EstimationError
        Units and periods leave nothing of a regressor, or one unit alone tells its coefficient.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181; Pustejovsky & Tipton (2018), JBES 36, 672–683.
    """
    root = np.sqrt(rows)[:, None]
    of_unit = np.bincount(unit, rows)[:, None]

    def within(columns: NDArray[np.float64]) -> NDArray[np.float64]:
        weighted = root * columns
        sums = np.column_stack([np.bincount(unit, column) for column in weighted.T])
        return np.asarray(columns - root * (sums / of_unit)[unit])

    periods = root * (period[:, None] == np.arange(period.max() + 1))
    own, own_periods, y = within(root * regressors), within(periods), within(root * outcome[:, None])[:, 0]
    basis = _basis(own_periods)
    left = own - basis @ (basis.T @ own)
    if (np.square(left).sum(axis=0) <= TOLD_ABOVE * np.square(root * regressors).sum(axis=0)).any():
        raise EstimationError("Units and periods leave nothing to tell the effect by. Expected units of both groups.")
    design = np.hstack([own, own_periods])
    bread = np.asarray(np.linalg.pinv(design.T @ design, rcond=1e-10, hermitian=True), dtype=np.float64)
    k = regressors.shape[1]
    to_coefficients: NDArray[np.float64] = (bread @ design.T)[:k]  # shape (k, n)
    residual = np.asarray(y - design @ (bread @ (design.T @ y)), dtype=float)
    return _with_errors(to_coefficients, design, bread, residual, unit, to_coefficients @ y)


def _basis(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal columns that span the same."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, values > 1e-9 * values.max(initial=1e-300)])


def _with_errors(
    to_coefficients: NDArray[np.float64],
    design: NDArray[np.float64],
    bread: NDArray[np.float64],
    residual: NDArray[np.float64],
    unit: NDArray[np.int64],
    coefficients: NDArray[np.float64],
) -> PanelFit:
    """CR2, and Satterthwaite's degrees under independent rows that vary alike."""
    n_units, k = int(unit.max()) + 1, len(to_coefficients)
    scores, squares = np.zeros((n_units, k)), np.zeros((n_units, k))
    through = np.zeros((k, n_units, design.shape[1]))
    order, alone = np.argsort(unit, kind="stable"), np.zeros(k)
    for g, inside in enumerate(np.split(order, np.cumsum(np.bincount(unit))[:-1])):
        x = design[inside]
        values, vectors = np.linalg.eigh(np.eye(len(inside)) - x @ bread @ x.T)
        powers = half_powers(values)
        own = to_coefficients[:, inside] @ vectors
        alone += (own[:, powers == 0] ** 2).sum(axis=1)
        adjusted = (own * powers) @ vectors.T
        scores[g], squares[g] = adjusted @ residual[inside], (adjusted**2).sum(axis=1)
        through[:, g] = adjusted @ x
    if (alone > ALONE_ABOVE * (to_coefficients**2).sum(axis=1)).any():  # its own error would be left out as well
        raise EstimationError(
            "One unit alone tells the effect, and how units differ by themselves cannot be told from it. Expected"
            " several units of both groups, known before and after."
        )
    degrees = np.empty(k)
    for j in range(k):
        # of D − T·B·T′, which has a row for each unit, the traces of it and its square alone are asked
        lengths = ((through[j] @ bread) * through[j]).sum(axis=1)
        common = bread @ (through[j].T @ through[j])
        trace = squares[:, j].sum() - lengths.sum()
        total = squares[:, j] @ squares[:, j] - 2 * (squares[:, j] @ lengths) + np.trace(common @ common)
        degrees[j] = trace**2 / total
    return PanelFit(coefficients, scores.T @ scores, degrees)
