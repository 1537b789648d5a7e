"""What columns still vary by once groups are held fixed, exactly and without touching the rows again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.absorb import Projection
from cxfusion.estimators.group_system import REPEATED_BELOW, GroupSystem, group_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.moments import LinearRows, Moments

__all__ = ["Within", "within_groups"]


@dataclass(frozen=True)
class Within:
    """Columns less their projection on groups and a constant.

    Attributes
    ----------
    moments : Moments
    system : GroupSystem
    scatter : array, shape (m, m)
        Weighted cross-products of the residual columns; exactly 0 for columns that the groups determine.
    group_effects : array, shape (width, m)
        Coefficients of the indicators; 0 for groupings not held fixed, and for groups that repeat others.
    constant : array, shape (m,)
        Coefficient of the constant, for columns about their means.
    """

    moments: Moments
    system: GroupSystem
    scatter: NDArray[np.float64]
    group_effects: NDArray[np.float64]
    constant: NDArray[np.float64]

    @cached_property
    def group_scatter(self) -> NDArray[np.float64]:
        """Sums of the residual columns by group, also of groupings not held fixed, shape (width, m)."""
        moments = self.moments
        explained = np.outer(moments.group_weight, self.constant) + moments.overlap @ self.group_effects
        return np.asarray(moments.group_scatter - explained)

    def of_columns(self, columns: Sequence[int]) -> Within:
        """The same for some columns alone, in the order asked."""
        at = list(columns)
        return Within(
            self.moments.of_columns(at),
            self.system,
            self.scatter[np.ix_(at, at)],
            self.group_effects[:, at],
            self.constant[at],
        )

    @property
    def projection(self) -> Projection:
        """The columns' projection on the groups."""
        moments = self.moments
        coefficients = np.vstack([self.group_effects, moments.mean + self.constant])
        return Projection(coefficients, self.scatter, np.diag(moments.scatter), moments.weight)

    def residuals(self, rows: LinearRows) -> NDArray[np.float64]:
        """Residual columns of some rows, shape (n, m)."""
        left = rows.columns - (self.moments.mean + self.constant)
        return left - rows.groups.times(self.group_effects)


def within_groups(moments: Moments, groupings: Sequence[int] | None = None) -> Within:
    """Hold groups fixed.

    Parameters
    ----------
    moments : Moments
    groupings : sequence of int, optional
        Groupings to hold fixed; all unless given.

    References
    ----------
    Frisch & Waugh (1933), Econometrica 1, 387–401.
    """
    system = group_system(moments, range(len(moments.widths)) if groupings is None else groupings)
    group_effects, constant = system.solve(moments.group_scatter, np.zeros_like(moments.mean))
    scatter = moments.scatter - moments.group_scatter.T @ group_effects
    is_determined = np.diag(scatter) <= REPEATED_BELOW * np.diag(moments.scatter)
    scatter[is_determined, :] = scatter[:, is_determined] = 0.0
    return Within(moments, system, (scatter + scatter.T) / 2, group_effects, constant)
