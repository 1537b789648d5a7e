"""What a coefficient loses when controls are added, told apart by block of controls, in no order (Gelbach)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.moments import Block
from cxfusion.estimators.within import within_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cxfusion.estimators.least_squares import LeastSquaresFit
    from cxfusion.estimators.moments import Moments

__all__ = ["Decomposition", "Part", "decompose_change", "parts_of_change"]

ESTIMABLE_BELOW = 1e-6  # part of a block's own direction that the model may leave undetermined


@dataclass(frozen=True)
class Decomposition:
    """A coefficient before and after blocks of controls were added.

    Attributes
    ----------
    base, full : float
        The coefficient without and with them.
    parts : dict of str to float
        What each block took from it; they sum to ``base − full``. The same whatever the order of the blocks.
    """

    base: float
    full: float
    parts: dict[str, float]


def decompose_change(
    moments: Moments, outcome: int, lever: int, blocks: Mapping[str, Block], base: Block | None = None
) -> Decomposition:
    """Decompose the change of a coefficient between a base model and a full one.

    Each part is the omitted-variable bias that the block accounts for: its coefficients in the full model times the
    slopes of its columns on the lever in the base model.

    Parameters
    ----------
    moments : Moments
    outcome, lever : int
        Positions among the columns.
    blocks : mapping of str to Block
        What the full model adds: columns, groupings, or both. No column stands in two blocks.
    base : Block, optional
        Controls of both models.

    Raises
    ------
    EstimationError
        The lever does not vary within the controls, or blocks repeat one another so that their parts cannot be told
        apart.

    References
    ----------
    Gelbach (2016), "When do covariates matter? And which ones, and how much?", Journal of Labor Economics 34,
    509–543.
    """
    start = base if base is not None else Block()
    added = Block()
    for block in blocks.values():
        added = added + block
    before, after = (_lever_fit(moments, outcome, lever, controls) for controls in (start, start + added))
    direction = _alone(before, lever, start)
    alone = before.within.scatter @ direction
    by_group = before.within.group_scatter @ direction
    parts = {}
    for name, block in blocks.items():
        to_columns, to_groups = np.zeros_like(alone), np.zeros_like(by_group)
        to_columns[list(block.columns)] = alone[list(block.columns)]
        at = moments.positions(block.groupings)
        to_groups[at] = by_group[at]
        parts[name] = Part(to_columns, to_groups)
    taken = parts_of_change(after, parts, float(np.sqrt(alone[lever])))
    per_lever = float(direction @ alone)
    return Decomposition(
        float(before.coefficients[0]),
        float(after.coefficients[0]),
        {name: value / per_lever for name, value in taken.items()},
    )


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


def _lever_fit(moments: Moments, outcome: int, lever: int, controls: Block) -> LeastSquaresFit:
    fit = fit_least_squares(within_groups(moments, controls.groupings), outcome, (lever, *controls.columns))
    if not fit.is_identified[0]:
        raise EstimationError(
            "The controls determine the lever, so it has no coefficient to decompose. Expected it to vary within"
            " them; hold fewer of them fixed."
        )
    return fit


def _alone(before: LeastSquaresFit, lever: int, base: Block) -> NDArray[np.float64]:
    """What turns columns into the part of the lever that the base controls leave, shape (m,)."""
    own = fit_least_squares(before.within, lever, base.columns)
    return own.contrast


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
