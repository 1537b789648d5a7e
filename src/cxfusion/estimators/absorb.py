"""Least-squares projection of columns on many groups at once (agents, hours, days) and controls.

A column and its projection, both in a linear model, give the fixed-effects estimate exactly, for any number of
groupings. Separate group means do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Indicators

__all__ = ["Projection"]


@dataclass(frozen=True)
class Projection:
    """Weighted least-squares projection of m columns; :func:`~cxfusion.estimators.within.within_groups` finds it.

    Attributes
    ----------
    coefficients : array, shape (width + 1, m)
        Of the group columns and the constant.
    residual : array, shape (m, m)
        Weighted cross-products of the columns' residuals.
    total : array, shape (m,)
        Weighted sums of squares of the columns about their means.
    weight : float
        Sum of the weights.

    References
    ----------
    Mundlak (1978), Econometrica 46, 69–85; Wooldridge (2021), "Two-way fixed effects, the two-way Mundlak
    regression, and difference-in-differences estimators", for projections instead of means.
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

    def predict(self, groups: Indicators) -> NDArray[np.float64]:
        """Projected columns of some rows, shape (n, m)."""
        predicted = groups.times(self.coefficients[:-1])
        predicted += self.coefficients[-1]
        return predicted
