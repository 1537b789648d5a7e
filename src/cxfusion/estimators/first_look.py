"""What one pass over the rows tells a fit before its first step: the weight of each answer, and a sample of the rows.

Newton's first steps only have to come near the maximum; on a sample they cost next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.held import may_keep
from cxfusion.estimators.rows import stacked

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["FirstLook", "look_first"]

EVERY: Final = 16
"""Rows of which one is taken."""
MOST_ROWS: Final = 65_536
"""Of a sample; of a larger table it takes fewer."""
LEAST_ROWS: Final = 16_000
"""Of a table: with fewer, there is little to save."""
LEAST_PER_COLUMN: Final = 20
"""With fewer, what a sample says of a column may be far from what all rows say."""


@dataclass
class FirstLook:
    """What was seen.

    Attributes
    ----------
    weight : array, shape (categories,)
        Of each answer.
    n, width, n_dense : int
        Rows, columns of the design, and dense ones among these.
    every : int
        Rows of which one is in the sample.
    pieces : list of Rows
        The sample; empty where no rows may be kept.
    """

    weight: NDArray[np.float64]
    n: int = 0
    width: int = 0
    n_dense: int = 0
    every: int = EVERY
    pieces: list[Rows] = field(default_factory=list)

    def sample(self) -> Rows | None:
        """The sample as one piece; None where it is too small, or has not every answer."""
        n = sum(len(piece.outcome) for piece in self.pieces)
        if self.n < LEAST_ROWS or n < LEAST_PER_COLUMN * self.width:
            return None
        rows = stacked(self.pieces)
        weight = np.bincount(rows.outcome, rows.weight, len(self.weight))
        return rows if (weight > 0).all() else None

    def thinned(self, every: int) -> list[Rows]:
        """The sample with one of so many rows."""
        step = every // self.every
        return self.pieces if step == 1 else [piece.where(_one_of(step, piece)) for piece in self.pieces]


def look_first(sweep: Sweep, make_rows: RowMaker, n_categories: int) -> FirstLook:
    """Look at all rows once.

    Parameters
    ----------
    sweep : Sweep
        Where no fold may keep rows, there is no sample.
    make_rows : RowMaker
    n_categories : int
    """
    return sweep(_FirstLookFold(make_rows, n_categories, may_keep(sweep)))


class _FirstLookFold:
    """Fold: weight of each category, the shape of the design, and a sample."""

    def __init__(self, make_rows: RowMaker, n_categories: int, with_sample: bool) -> None:
        self._make_rows = make_rows
        self._n_categories = n_categories
        self._with_sample = with_sample

    def zero(self) -> FirstLook:
        return FirstLook(np.zeros(self._n_categories))

    def step(self, state: FirstLook, batch: pa.RecordBatch) -> FirstLook:
        rows = self._make_rows(batch)
        weight = np.bincount(rows.outcome, rows.weight, self._n_categories).astype(float)
        few = [rows.where(_one_of(EVERY, rows))] if self._with_sample else []
        return self.merge(state, FirstLook(weight, len(rows.outcome), rows.width, rows.dense.shape[1], EVERY, few))

    def merge(self, left: FirstLook, right: FirstLook) -> FirstLook:
        every = max(left.every, right.every)
        pieces = [*left.thinned(every), *right.thinned(every)]
        while sum(len(piece.outcome) for piece in pieces) > MOST_ROWS:
            whole, every = stacked(pieces), 2 * every
            pieces = [whole.where(_one_of(2, whole))]
        return FirstLook(
            left.weight + right.weight,
            left.n + right.n,
            max(left.width, right.width),
            max(left.n_dense, right.n_dense),
            every,
            pieces,
        )

    def finish(self, state: FirstLook) -> FirstLook:
        return state


def _one_of(every: int, rows: Rows) -> NDArray[np.intp]:
    return np.arange(0, len(rows.outcome), every)
