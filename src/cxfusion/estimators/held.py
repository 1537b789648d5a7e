"""What folds step over, made once and kept, so that no later fold need make it again: in memory, then in a file.

The folds are the same either way: they step over what was kept instead of over record batches.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import weakref
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from cxfusion.errors import ResourceError
from cxfusion.fold import fold_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from cxfusion.estimators.effects import LeverMaker, LeverRows
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Sweep

__all__ = ["MODEL_BUDGET_BYTES", "PART_ROWS", "ModelRows", "Part", "keep_parts", "may_keep", "model_rows"]

MODEL_BUDGET_BYTES: Final = 1_500_000_000
PART_ROWS: Final = 16_384  # few enough for the columns of a part to stay in a processor's cache


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


class Part(Protocol):
    """Some rows, in whatever form the folds after it step over."""

    @property
    def n_bytes(self) -> int:
        """About how much memory it takes."""
        ...


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

    def write(self, part: Part | _Written) -> _Written:
        start = self._file.seek(0, os.SEEK_END)
        pickle.dump(part, self._file, protocol=5)
        self._file.flush()
        return _Written(self, start)

    def read(self, start: int) -> Part:
        self._file.seek(start)
        part: Part = pickle.load(self._file)  # noqa: S301 - only we can open it
        return part


@dataclass(frozen=True)
class _Written:
    """A part in a store: read when its turn comes, and let go again."""

    store: _Store
    start: int


_Kept: TypeAlias = "Part | _Written"


@dataclass(frozen=True)
class _Parts:
    kept: Sequence[_Kept]

    def __iter__(self) -> Iterator[Part]:
        for part in self.kept:
            yield part.store.read(part.start) if isinstance(part, _Written) else part


def _no_levers(_: Any) -> Sequence[LeverRows]:
    return ()


def model_rows(
    sweep: Sweep,
    make_rows: RowMaker,
    make_levers: LeverMaker = _no_levers,
    budget_bytes: int = MODEL_BUDGET_BYTES,
    part_rows: int | None = PART_ROWS,
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
    part_rows : int or None
        As for :func:`keep_parts`.

    Raises
    ------
    ResourceError
        There is no room for the file.
    """
    if not may_keep(sweep):
        return ModelRows(sweep, make_rows, make_levers)

    def make_part(batch: pa.RecordBatch) -> _Held:
        return _Held(make_rows(batch), make_levers(batch))

    return ModelRows(keep_parts(sweep, make_part, budget_bytes, part_rows), _kept_rows, _kept_levers)


def may_keep(sweep: Sweep) -> bool:
    """Whether a fold may keep what it makes of the rows: not where they are in other processes."""
    return bool(getattr(sweep, "may_keep_rows", True))


def keep_parts(
    sweep: Sweep,
    make_part: Callable[[Any], Part],
    budget_bytes: int = MODEL_BUDGET_BYTES,
    part_rows: int | None = PART_ROWS,
) -> Sweep:
    """Make the parts of all rows once, and give the sweep over them.

    Parameters
    ----------
    sweep : Sweep
        Over record batches, or over other parts.
    make_part : callable
        What becomes of each of them.
    budget_bytes : int
        Parts beyond it go to a temporary file that nobody else sees.
    part_rows : int or None
        Most rows of a part; None where what the sweep gives is not to be cut.

    Raises
    ------
    ResourceError
        There is no room for the file.
    """
    kept = sweep(_KeepFold(make_part, budget_bytes, part_rows))
    return partial(fold_batches, batches=_Parts(kept), threads=os.cpu_count() or 1)


def _kept_rows(held: Any) -> Rows:
    rows: Rows = held.rows
    return rows


def _kept_levers(held: Any) -> Sequence[LeverRows]:
    levers: Sequence[LeverRows] = held.levers
    return levers


@dataclass
class _Keeping:
    parts: list[_Kept] = field(default_factory=list)
    n_bytes: int = 0  # of those in memory
    store: _Store | None = None

    def add(self, part: _Kept, budget_bytes: int) -> None:
        n_bytes = 0 if isinstance(part, _Written) else part.n_bytes
        if self.n_bytes + n_bytes > budget_bytes:
            part, n_bytes = self._written(part), 0
        self.parts.append(part)
        self.n_bytes += n_bytes

    def _written(self, part: _Kept) -> _Written:
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
    """Fold: the parts themselves, those beyond the budget in a file."""

    def __init__(self, make_part: Callable[[Any], Part], budget_bytes: int, part_rows: int | None) -> None:
        self._make_part = make_part
        self._budget_bytes = budget_bytes
        self._part_rows = part_rows

    def zero(self) -> _Keeping:
        return _Keeping()

    def step(self, state: _Keeping, batch: Any) -> _Keeping:
        """The parts of a batch, in memory: at most some batches are under way, whatever the budget."""
        rows = self._part_rows
        pieces = [batch] if rows is None else [batch.slice(at, rows) for at in range(0, len(batch), rows)]
        for piece in pieces:
            part = self._make_part(piece)
            state.parts.append(part)
            state.n_bytes += part.n_bytes
        return state

    def merge(self, left: _Keeping, right: _Keeping) -> _Keeping:
        for part in right.parts:
            left.add(part, self._budget_bytes)
        return left

    def finish(self, state: _Keeping) -> Sequence[_Kept]:
        return tuple(state.parts)
