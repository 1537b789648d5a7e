"""What a coefficient loses when controls are added, told apart by block of controls, in no order (Gelbach)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import EstimationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cxfusion.estimators.least_squares import LeastSquaresFit

__all__ = ["Part", "parts_of_change"]

ESTIMABLE_BELOW = 1e-6  # part of a block's own direction that the model may leave undetermined


@dataclass(frozen=True)
class Part:
    """A linear function of a model's parameters.

    Attributes
    ----------
    to_columns : array, shape (m,)
        Its weight on the coefficient of each column.
    to_groups : array, shape (width,)
        Its weight on the effect of each group.
    """

    to_columns: NDArray[np.float64]
    to_groups: NDArray[np.float64]


def parts_of_change(after: LeastSquaresFit, parts: Mapping[str, Part], size: float) -> dict[str, float]:
    """Values of linear functions of a fitted model's parameters.

    Parameters
    ----------
    after : LeastSquaresFit
    parts : mapping of str to Part
    size : float
        Root of the lever's own cross-product: the scale on which a part counts as undetermined.

    Raises
    ------
    EstimationError
        A part depends on which of many equivalent solutions the model happens to hold.
    """
    effects = after.within.group_effects @ after.contrast
    on = list(after.regressors)
    values = {}
    for name, part in parts.items():
        _refuse_shared(after, name, part, size)
        values[name] = float(part.to_columns[on] @ after.coefficients + part.to_groups @ effects)
    return values


def _refuse_shared(after: LeastSquaresFit, name: str, part: Part, size: float) -> None:
    """Refuse a part that the normal equations do not determine: no right-hand side gives that linear function."""
    within, columns = after.within, list(after.regressors)
    moments = within.moments
    effects, constant = within.system.solve(part.to_groups[:, None], np.zeros(1))
    held = moments.positions(within.system.groupings)
    missed_groups = (moments.overlap @ effects[:, 0] + moments.group_weight * constant - part.to_groups)[held]
    to_columns = part.to_columns[columns] - moments.group_scatter[:, columns].T @ effects[:, 0]
    root = after.inverse.root
    missed = within.scatter[np.ix_(columns, columns)] @ (root @ (root.T @ to_columns)) - to_columns
    allowed = np.concatenate([np.sqrt(moments.group_weight[held]), np.sqrt(np.diag(moments.scatter)[columns])])
    if (np.abs(np.concatenate([missed_groups, missed])) > ESTIMABLE_BELOW * size * allowed).any():
        raise EstimationError(
            f"What {name!r} took from the coefficient cannot be told apart from what other blocks took: they repeat one"
            " another. Give blocks that overlap completely as one."
        )
