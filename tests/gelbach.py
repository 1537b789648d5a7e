"""Gelbach's decomposition of a coefficient's change, from moments: what the laws of its parts are tried on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.errors import EstimationError
from cxfusion.estimators.decomposition import Part, parts_of_change
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.moments import Block
from cxfusion.estimators.within import within_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cxfusion.estimators.least_squares import LeastSquaresFit
    from cxfusion.estimators.moments import Moments

__all__ = ["Decomposition", "decompose_change"]


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
