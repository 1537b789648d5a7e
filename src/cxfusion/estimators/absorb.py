"""Least-squares projection of columns on many groups at once (agents, hours, days) and controls.

A column and its projection, both in a linear model, give the fixed-effects estimate exactly, for any number of
groupings. Separate group means do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

from cxfusion.errors import ConvergenceError
from cxfusion.estimators.minimal_residuals import minimal_residuals
from cxfusion.estimators.rows import weighted_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Indicators
    from cxfusion.fold import Sweep

__all__ = ["AbsorbRows", "Projection", "project_on_groups"]

TOLERANCE = 1e-11
ROUNDING = 1e-14  # relative residual that rounding leaves; a second pass goes down to there
MAX_ROUNDS_OF_SECOND = 200
ACCEPTED = 1e-10  # relative residual
MAX_ROUNDS = 10_000


@dataclass(frozen=True)
class AbsorbRows:
    """One batch of a projection.

    Attributes
    ----------
    targets : array, shape (n, m)
        Columns to project.
    groups : Indicators
    dense : array, shape (n, d)
        Further columns to project on; may have no column.
    weight : array, shape (n,)
    """

    targets: NDArray[np.float64]
    groups: Indicators
    dense: NDArray[np.float64]
    weight: NDArray[np.float64]

    def regressors(self) -> sparse.csr_array:
        """Group indicators, the dense columns and the constant, sparse, shape (n, width + d + 1)."""
        constant = np.ones((len(self.weight), 1))
        dense = sparse.csr_array(np.hstack([self.dense, constant]))
        return sparse.csr_array(sparse.hstack([self.groups.matrix, dense], format="csr"))


AbsorbMaker: TypeAlias = "Callable[[pa.RecordBatch], AbsorbRows]"


@dataclass(frozen=True)
class Projection:
    """Weighted least-squares projection of m columns.

    Attributes
    ----------
    coefficients : array, shape (width + d + 1, m)
        Of the group columns, the dense columns and the constant.
    residual : array, shape (m, m)
        Weighted cross-products of the columns' residuals.
    total : array, shape (m,)
        Weighted sums of squares of the columns about their means.
    weight : float
        Sum of the weights.
    """

    coefficients: NDArray[np.float64]
    residual: NDArray[np.float64]
    total: NDArray[np.float64]
    weight: float

    @property
    def residual_share(self) -> NDArray[np.float64]:
        """Share of each column's variance that is left within the groups, shape (m,); 0 where they determine it."""
        left = np.divide(np.diag(self.residual), self.total, out=np.zeros_like(self.total), where=self.total > 0)
        return np.clip(left, 0.0, 1.0)

    def of_columns(self, columns: Sequence[int]) -> Projection:
        """The projection of some columns alone, in the order asked."""
        at = list(columns)
        return Projection(self.coefficients[:, at], self.residual[np.ix_(at, at)], self.total[at], self.weight)

    def predict(self, groups: Indicators, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """Projected columns of some rows, shape (n, m)."""
        width = groups.width
        by_group, by_column, constant = np.split(self.coefficients, [width, width + dense.shape[1]])
        return groups.matrix @ by_group + dense @ by_column + constant


def project_on_groups(sweep: Sweep, make_rows: AbsorbMaker) -> Projection:
    """Project columns on all groups, dense columns and a constant, jointly.

    One fold gathers the sparse cross-products of the indicators; minimal residuals then solve the normal equations
    without touching the rows again. The equations are singular but consistent, so the projection is unique even
    though the coefficients are not; conjugate gradients would fall apart there once they are below rounding.

    Parameters
    ----------
    sweep : Sweep
    make_rows : callable
        Record batch to :class:`AbsorbRows`. Targets should be centred roughly, for the digits' sake.

    Raises
    ------
    ConvergenceError
        The equations could not be solved.

    References
    ----------
    Mundlak (1978), Econometrica 46, 69–85; Wooldridge (2021), "Two-way fixed effects, the two-way Mundlak
    regression, and difference-in-differences estimators", for projections instead of means.
    """
    sums = sweep(_CrossProductFold(make_rows))
    diagonal = sums.regressors.diagonal()
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = sparse.csr_array(sparse.diags_array(scale) @ sums.regressors @ sparse.diags_array(scale))
    coefficients = scale[:, None] * _solve(scaled, scale[:, None] * sums.with_targets)
    mean = sums.with_targets[-1] / sums.weight
    total = np.diag(sums.targets) - sums.weight * mean**2
    return Projection(coefficients, sums.targets - coefficients.T @ sums.with_targets, total, sums.weight)


def _solve(matrix: sparse.csr_array, right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solutions of singular equations that are consistent up to rounding, shape (q, m)."""
    size = np.linalg.norm(right, axis=0)
    solution = minimal_residuals(matrix, right, TOLERANCE * size, MAX_ROUNDS)
    left = right - matrix @ solution
    # what rounding left has a part that no solution meets: a second pass is kept where it comes nearer
    nearer = solution + minimal_residuals(matrix, left, ROUNDING * size, MAX_ROUNDS_OF_SECOND)
    left_then = right - matrix @ nearer
    is_nearer = np.linalg.norm(left_then, axis=0) < np.linalg.norm(left, axis=0)
    if (np.linalg.norm(np.where(is_nearer, left_then, left), axis=0) > ACCEPTED * size).any():
        raise ConvergenceError(
            f"The projection on agents, hours and days did not settle in {MAX_ROUNDS:,} rounds. Expected groups that"
            " overlap; absorb fewer groupings, or coarser ones."
        )
    return np.where(is_nearer, nearer, solution)


@dataclass
class _CrossProducts:
    regressors: sparse.csr_array
    with_targets: NDArray[np.float64]
    targets: NDArray[np.float64]
    weight: float


class _CrossProductFold:
    """Fold: weighted cross-products of the regressors with themselves and with the targets."""

    def __init__(self, make_rows: AbsorbMaker) -> None:
        self._make_rows = make_rows

    def zero(self) -> _CrossProducts | None:
        return None

    def step(self, state: _CrossProducts | None, batch: pa.RecordBatch) -> _CrossProducts | None:
        rows = self._make_rows(batch)
        regressors = rows.regressors()
        weighted = rows.targets * rows.weight[:, None]
        part = _CrossProducts(
            regressors=sparse.csr_array(regressors.T @ weighted_rows(regressors, rows.weight)),
            with_targets=regressors.T @ weighted,
            targets=rows.targets.T @ weighted,
            weight=float(rows.weight.sum()),
        )
        return self.merge(state, part)

    def merge(self, left: _CrossProducts | None, right: _CrossProducts | None) -> _CrossProducts | None:
        if left is None or right is None:
            return left or right
        return _CrossProducts(
            left.regressors + right.regressors,
            left.with_targets + right.with_targets,
            left.targets + right.targets,
            left.weight + right.weight,
        )

    def finish(self, state: _CrossProducts | None) -> _CrossProducts:
        if state is None:
            raise ValueError("there are no rows to project")
        return state
