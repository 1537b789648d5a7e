"""Rows of a model, made once and kept, so that Newton's folds need not make them again: in memory, then in a file.

The folds are the same either way: they step over what was kept instead of over record batches.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import weakref
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.errors import ResourceError
from cxfusion.fold import fold_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from cxfusion.estimators.effects import LeverMaker, LeverRows
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["MODEL_BUDGET_BYTES", "ModelRows", "model_rows"]

MODEL_BUDGET_BYTES: Final = 1_500_000_000
PART_ROWS: Final = 8_192  # few enough for the columns of a part to stay in a processor's cache


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


class _Store:
    """A file without a name, which goes with the last of its parts. The system caches what it has memory for."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the store
        weakref.finalize(self, self._file.close)

    def write(self, part: _Part) -> _Written:
        start = self._file.seek(0, os.SEEK_END)
        pickle.dump(part, self._file, protocol=5)
        self._file.flush()
        return _Written(self, start)

    def read(self, start: int) -> _Held:
        self._file.seek(start)
        part: _Held = pickle.load(self._file)  # noqa: S301 - only we can open it
        return part


@dataclass(frozen=True)
class _Written:
    """A part in a store: read when its turn comes, and let go again."""

    store: _Store
    start: int


_Part: TypeAlias = "_Held | _Written"


@dataclass(frozen=True)
class _Parts:
    kept: Sequence[_Part]

    def __iter__(self) -> Iterator[_Held]:
        for part in self.kept:
            yield part if isinstance(part, _Held) else part.store.read(part.start)


def _no_levers(_: Any) -> Sequence[LeverRows]:
    return ()


def model_rows(
    sweep: Sweep, make_rows: RowMaker, make_levers: LeverMaker = _no_levers, budget_bytes: int = MODEL_BUDGET_BYTES
) -> ModelRows:
    """Keep the rows of a model: in memory up to the budget, the others in a temporary file that nobody else sees.

    Parameters
    ----------
    sweep : Sweep
        Over the record batches. Where no fold may keep rows, they are made anew in every fold.
    make_rows : RowMaker
    make_levers : LeverMaker
        None of them by default.
    budget_bytes : int

    Raises
    ------
    ResourceError
        There is no room for the file.
    """
    if not getattr(sweep, "may_keep_rows", True):
        return ModelRows(sweep, make_rows, make_levers)
    kept = sweep(_KeepFold(make_rows, make_levers, budget_bytes))
    return ModelRows(partial(fold_batches, batches=_Parts(kept), threads=os.cpu_count() or 1), _kept_rows, _kept_levers)


def _kept_rows(held: Any) -> Rows:
    rows: Rows = held.rows
    return rows


def _kept_levers(held: Any) -> Sequence[LeverRows]:
    levers: Sequence[LeverRows] = held.levers
    return levers


@dataclass
class _Kept:
    parts: list[_Part] = field(default_factory=list)
    n_bytes: int = 0  # of those in memory
    store: _Store | None = None

    def add(self, part: _Part, budget_bytes: int) -> None:
        n_bytes = part.n_bytes if isinstance(part, _Held) else 0
        if self.n_bytes + n_bytes > budget_bytes:
            part, n_bytes = self._written(part), 0
        self.parts.append(part)
        self.n_bytes += n_bytes

    def _written(self, part: _Part) -> _Written:
        try:
            self.store = self.store or _Store()
            return self.store.write(part)
        except OSError as error:
            raise ResourceError(
                f"The rows of a model do not fit into memory, and not into {tempfile.gettempdir()} either:"
                f" {error.strerror or error}. Make room there, or name another folder in the environment variable"
                " TMPDIR."
            ) from error


class _KeepFold:
    """Fold: the rows themselves, those beyond the budget in a file."""

    def __init__(self, make_rows: RowMaker, make_levers: LeverMaker, budget_bytes: int) -> None:
        self._make_rows = make_rows
        self._make_levers = make_levers
        self._budget_bytes = budget_bytes

    def zero(self) -> _Kept:
        return _Kept()

    def step(self, state: _Kept, batch: pa.RecordBatch) -> _Kept:
        """The parts of a batch, in memory: at most some batches are under way, whatever the budget."""
        for start in range(0, len(batch), PART_ROWS):
            part = batch.slice(start, PART_ROWS)
            held = _Held(self._make_rows(part), self._make_levers(part))
            state.parts.append(held)
            state.n_bytes += held.n_bytes
        return state

    def merge(self, left: _Kept, right: _Kept) -> _Kept:
        for part in right.parts:
            left.add(part, self._budget_bytes)
        return left

    def finish(self, state: _Kept) -> Sequence[_Part]:
        return tuple(state.parts)
