"""Rows of a model, made once and kept in memory where they fit, so that Newton's folds need not make them again.

The folds are the same either way: they step over what was kept instead of over record batches.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cxfusion.fold import fold_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from cxfusion.estimators.effects import LeverMaker, LeverRows
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["MODEL_BUDGET_BYTES", "ModelRows", "model_rows"]

MODEL_BUDGET_BYTES: Final = 1_500_000_000
PART_ROWS: Final = 4_096  # few enough for the columns of a part to stay in a processor's cache


@dataclass(frozen=True)
class ModelRows:
    """What a fit and its effects sweep over.

    Attributes
    ----------
    sweep : Sweep
    make_rows : RowMaker
    make_levers : LeverMaker
    """

    sweep: Sweep
    make_rows: RowMaker
    make_levers: LeverMaker


@dataclass(frozen=True)
class _Held:
    rows: Rows
    levers: Sequence[LeverRows]

    @property
    def n_bytes(self) -> int:
        of_groups = self.rows.groups.runs
        arrays = [self.rows.dense, self.rows.groups.codes, of_groups.data, of_groups.indices, of_groups.indptr]
        for lever in self.levers:
            arrays += [lever.slope] + ([] if lever.one_less is None else [lever.one_less])
        return sum(array.nbytes for array in arrays) + 32 * len(self.rows.outcome)


def _no_levers(_: Any) -> Sequence[LeverRows]:
    return ()


def model_rows(
    sweep: Sweep, make_rows: RowMaker, make_levers: LeverMaker = _no_levers, budget_bytes: int = MODEL_BUDGET_BYTES
) -> ModelRows:
    """Keep the rows of a model in memory if they fit the budget; else they are made anew in every fold.

    Parameters
    ----------
    sweep : Sweep
        Over the record batches.
    make_rows : RowMaker
    make_levers : LeverMaker
        None of them by default.
    budget_bytes : int
    """
    held = sweep(_HoldFold(make_rows, make_levers, budget_bytes))
    if held is None:
        return ModelRows(sweep, make_rows, make_levers)
    return ModelRows(partial(fold_batches, batches=held, threads=os.cpu_count() or 1), _kept_rows, _kept_levers)


def _kept_rows(held: Any) -> Rows:
    rows: Rows = held.rows
    return rows


def _kept_levers(held: Any) -> Sequence[LeverRows]:
    levers: Sequence[LeverRows] = held.levers
    return levers


class _HoldFold:
    """Fold: the rows themselves, until the budget is spent."""

    def __init__(self, make_rows: RowMaker, make_levers: LeverMaker, budget_bytes: int) -> None:
        self._make_rows = make_rows
        self._make_levers = make_levers
        self._budget_bytes = budget_bytes

    def zero(self) -> list[_Held] | None:
        return []

    def step(self, state: list[_Held] | None, batch: pa.RecordBatch) -> list[_Held] | None:
        if state is None or not len(batch):
            return state
        parts = (batch.slice(start, PART_ROWS) for start in range(0, len(batch), PART_ROWS))
        return self.merge(state, [_Held(self._make_rows(part), self._make_levers(part)) for part in parts])

    def merge(self, left: list[_Held] | None, right: list[_Held] | None) -> list[_Held] | None:
        if left is None or right is None:
            return None
        both = left + right
        return both if sum(held.n_bytes for held in both) <= self._budget_bytes else None

    def finish(self, state: list[_Held] | None) -> list[_Held] | None:
        return state
