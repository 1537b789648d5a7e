"""What folds step over, made once and kept, so that no later fold need make it again: in memory, then in a file.

The folds are the same either way: they step over what was kept instead of over record batches.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa

from cxfusion.errors import ResourceError
from cxfusion.fold import fold_batches
from cxfusion.room import hand_back_memory, room_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cxfusion.estimators.effects import LeverMaker, LeverRows
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Fold, Sweep
    from cxfusion.room import Room, Share

__all__ = ["PART_ROWS", "ModelRows", "Part", "keep_parts", "may_keep", "model_rows"]

Answer = TypeVar("Answer")

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
        arrays = [self.rows.dense]
        for lever in self.levers:
            arrays += [lever.slope] + ([] if lever.one_less is None else [lever.one_less])
        return sum(array.nbytes for array in arrays) + self.rows.groups.n_bytes + 32 * len(self.rows.outcome)


class _Store:
    """A file without a name, which goes with the last of its parts. The system caches what it has memory for."""

    def __init__(self, folder: str | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the store
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
class _KeptSweep:
    """The sweep over parts, and what they take of the room."""

    kept: Sequence[_Kept]
    share: Share

    @property
    def room(self) -> Room:
        return self.share.room

    def __call__(self, fold: Fold[Any, Answer], /) -> Answer:
        return fold_batches(fold, self._parts(), self.room.threads)

    def _parts(self) -> Iterator[Part]:
        for part in self.kept:
            yield part.store.read(part.start) if isinstance(part, _Written) else part


def _no_levers(_: Any) -> Sequence[LeverRows]:
    return ()


def model_rows(
    sweep: Sweep,
    make_rows: RowMaker,
    make_levers: LeverMaker = _no_levers,
    room: Room | None = None,
    part_rows: int | None = PART_ROWS,
) -> ModelRows:
    """Keep the rows of a model: in memory while there is room, the others in a temporary file that nobody else sees.

    Parameters
    ----------
    sweep : Sweep
        Over the record batches. Where no fold may keep rows, they are made anew in every fold.
    make_rows : RowMaker
    make_levers : LeverMaker
        None of them by default.
    room, part_rows
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

    return ModelRows(keep_parts(sweep, make_part, room, part_rows), _kept_rows, _kept_levers)


def may_keep(sweep: Sweep) -> bool:
    """Whether a fold may keep what it makes of the rows: not where they are in other processes."""
    return bool(getattr(sweep, "may_keep_rows", True))


def keep_parts(
    sweep: Sweep,
    make_part: Callable[[Any], Part],
    room: Room | None = None,
    part_rows: int | None = PART_ROWS,
) -> Sweep:
    """Make the parts of all rows once, and give the sweep over them.

    Parameters
    ----------
    sweep : Sweep
        Over record batches, or over other parts.
    make_part : callable
        What becomes of each of them.
    room : Room, optional
        Parts that it has no memory for go to a temporary file that nobody else sees. By default that of the sweep.
    part_rows : int or None
        Most rows of a part; None where what the sweep gives is not to be cut.

    Raises
    ------
    ResourceError
        There is no room for the file.
    """
    hand_back_memory()  # of rows that were kept before
    share = (room or room_of(sweep)).share()
    return _KeptSweep(sweep(_KeepFold(make_part, share, part_rows)), share)


def _kept_rows(held: Any) -> Rows:
    rows: Rows = held.rows
    return rows


def _kept_levers(held: Any) -> Sequence[LeverRows]:
    levers: Sequence[LeverRows] = held.levers
    return levers


@dataclass
class _Keeping:
    parts: list[_Kept] = field(default_factory=list)
    store: _Store | None = None

    def add(self, part: _Kept, share: Share) -> None:
        is_short = not isinstance(part, _Written) and not share.take(part.n_bytes)
        self.parts.append(self._written(part, share.room.folder) if is_short else part)

    def _written(self, part: _Kept, folder: str | None) -> _Written:
        try:
            self.store = self.store or _Store(folder)
            return self.store.write(part)
        except OSError as error:
            raise ResourceError(
                f"The rows of a model do not fit into memory, and not into {folder or tempfile.gettempdir()} either:"
                f" {error.strerror or error}. Make room there, or name another folder: temp_dir of [engine] in a study,"
                " Session(temp_dir=…), or the environment variable TMPDIR."
            ) from error


def _alone(piece: Any) -> Any:
    """Rows whose columns are each a piece of memory: of a batch of an engine one that is kept would keep all."""
    return piece.take(np.arange(len(piece))) if isinstance(piece, pa.RecordBatch) else piece


class _KeepFold:
    """Fold: the parts themselves, those that there is no room for in a file."""

    def __init__(self, make_part: Callable[[Any], Part], share: Share, part_rows: int | None) -> None:
        self._make_part = make_part
        self._share = share
        self._part_rows = part_rows

    def zero(self) -> _Keeping:
        return _Keeping()

    def step(self, state: _Keeping, batch: Any) -> _Keeping:
        """The parts of a batch, in memory: at most some batches are under way, whatever the budget."""
        rows = self._part_rows
        pieces = [batch] if rows is None else [batch.slice(at, rows) for at in range(0, len(batch), rows)]
        state.parts += [self._make_part(_alone(piece)) for piece in pieces]
        return state

    def merge(self, left: _Keeping, right: _Keeping) -> _Keeping:
        for part in right.parts:
            left.add(part, self._share)
        return left

    def finish(self, state: _Keeping) -> Sequence[_Kept]:
        return tuple(state.parts)
