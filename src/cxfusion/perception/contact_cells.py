"""Contacts that are alike in every attribute, counted: what depends on attributes alone is found once for each kind.

There are fewer kinds than contacts, the fewer the larger the log, and sums over either are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.fold import SumFold
from cxfusion.perception.attributes import code_of, level_of, levels_of, numbered
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.fold import Sweep

__all__ = ["CellRows", "Cells", "Sums", "count_cells"]

Sums: TypeAlias = "dict[str, NDArray[np.float64]]"
"""By attribute, an array of shape (levels, values): sums of some values over the cells at each level."""
ValuesOf: TypeAlias = "Callable[[pa.RecordBatch], NDArray[np.float64]]"
"""From a batch of cells to an array of shape (cells, values)."""


@dataclass(frozen=True)
class Cells:
    """Kinds of contacts.

    Attributes
    ----------
    rows : ibis.Table
        One per combination of levels, ``answered`` and ``is_untold`` that there is, in this order: every attribute's
        ``level_by_…`` and ``code_by_…``, and ``n``, how many contacts it stands for.
    levels : mapping of str to pandas.DataFrame
        By attribute, as of :func:`cxfusion.tables.coding.level_codes`.
    """

    rows: ir.Table = field(repr=False)
    levels: Mapping[str, pd.DataFrame] = field(repr=False)

    @property
    def codes(self) -> tuple[tuple[str, int], ...]:
        """Code columns and their numbers of indicator columns; −1 is the reference level."""
        return tuple((code_of(name), int(listed["code"].max()) + 1) for name, listed in self.levels.items())

    def sums_by_level(self, sweep: Sweep, values_of: ValuesOf, n_values: int) -> Sums:
        """Sums, over some of the cells, of so many values of each."""
        return sweep(_LevelSums({name: len(listed) for name, listed in self.levels.items()}, values_of, n_values))

    def with_coefficients(self, named: Mapping[str, NDArray[np.float64]]) -> dict[str, pd.DataFrame]:
        """The levels, each with its coefficient of some models whose columns are the codes'."""
        told, start = {}, 0
        for (name, listed), (_, width) in zip(self.levels.items(), self.codes, strict=True):
            own = {one: np.append(of[start : start + width], 0.0)[listed["code"]] for one, of in named.items()}
            told[name] = listed.assign(**own)
            start += width
        return told


def count_cells(session: Session, contacts: ir.Table, stands_for: float, rare_below: int) -> Cells:
    """Count contacts by all their attributes together.

    Parameters
    ----------
    session : Session
    contacts : ibis.Table
        Attributes (``by_…``), ``answered`` and ``is_untold``.
    stands_for : float
        Contacts for which each one stands that was not answered about.
    rare_below : int
        Fewest answers, old enough, of a level of its own.
    """
    levels = levels_of(session, contacts, rare_below, contacts["answered"] & ~contacts["is_untold"])
    kinds = [*map(level_of, levels), "answered", "is_untold"]
    coded = numbered(contacts, levels)
    counted = coded.group_by([*kinds, *map(code_of, levels)]).aggregate(n=coded.count().cast("float64"))
    n = counted["answered"].ifelse(counted["n"], counted["n"] * stands_for)
    return Cells(compute(session, counted.mutate(n=n).order_by(*kinds)), levels)


@dataclass(frozen=True)
class CellRows:
    """Turns cells into regression rows: the outcome is whether contacts were answered about."""

    codes: tuple[tuple[str, int], ...]

    def __call__(self, batch: pa.RecordBatch, /) -> Rows:
        """Rows of one batch."""
        n = len(batch)
        return Rows(
            dense=np.empty((n, 0)),
            groups=Indicators.named(self.codes, lambda name: batch.column(name).to_numpy(), n),
            outcome=batch.column("answered").to_numpy(zero_copy_only=False).astype(np.int64),
            weight=batch.column("n").to_numpy(),
            cluster=np.zeros(n, dtype=np.int64),
        )


class _LevelSums(SumFold[Sums]):
    """Fold: sums of some values at each level of every attribute."""

    def __init__(self, sizes: Mapping[str, int], values_of: ValuesOf, n_values: int) -> None:
        self._sizes = sizes
        self._values_of = values_of
        self._n_values = n_values

    def zero(self) -> Sums:
        return {name: np.zeros((size, self._n_values)) for name, size in self._sizes.items()}

    def step(self, state: Sums, batch: pa.RecordBatch) -> Sums:
        values = self._values_of(batch).T
        for name, size in self._sizes.items():
            level = batch.column(level_of(name)).to_numpy()
            state[name] += np.column_stack([np.bincount(level, value, size) for value in values])
        return state
