"""What folds step over, made once and kept, so that no later fold need make it again: in memory, then in a file.

The folds are the same either way: they step over what was kept instead of over record batches.
"""

from __future__ import annotations

import mmap
import os
import pickle
import sys
import tempfile
import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa

from cxfusion.errors import ResourceError
from cxfusion.fold import fold_batches
from cxfusion.room import hand_back_memory, room_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cxfusion.estimators.effect_averages import LeverMaker, LeverRows
    from cxfusion.estimators.rows import RowMaker, Rows
    from cxfusion.fold import Fold, Sweep
    from cxfusion.room import Room, Share

__all__ = ["PART_ROWS", "ModelRows", "Part", "is_in_memory", "keep_parts", "may_keep", "model_rows"]

Answer = TypeVar("Answer")

ALIGNED: Final = 64  # bytes, as array libraries like them
PART_ROWS: Final = 32_768  # few enough for columns of a part to stay near the processor, and for cores not to wait


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
        arrays: list[pickle.PickleBuffer] = []
        told = pickle.dumps(part, protocol=5, buffer_callback=arrays.append)
        start = self._write_at_next(mmap.ALLOCATIONGRANULARITY, told)
        spans = [slice(0, len(told))]
        for array in arrays:
            place = self._write_at_next(ALIGNED, array.raw()) - start
            spans.append(slice(place, place + array.raw().nbytes))
        self._file.flush()
        return _Written(self, start, tuple(spans))

    def map(self, start: int, n_bytes: int) -> mmap.mmap:
        return mmap.mmap(self._file.fileno(), n_bytes, access=mmap.ACCESS_READ, offset=start)

    def _write_at_next(self, multiple: int, data: bytes | memoryview) -> int:
        """Where the data stand: at the next multiple of so many bytes."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.write(bytes(-end % multiple))
        self._file.write(data)
        return end + -end % multiple


@dataclass(frozen=True)
class _Written:
    """A part in a store: mapped when its turn comes, and let go again."""

    store: _Store
    start: int
    spans: tuple[slice, ...]

    def mapped(self) -> tuple[Part, mmap.mmap]:
        """The part, whose arrays are the file itself, mapped into memory as long as one of them is in use."""
        there = self.store.map(self.start, self.spans[-1].stop)
        told, *arrays = (memoryview(there)[span] for span in self.spans)
        part: Part = pickle.loads(told, buffers=arrays)  # noqa: S301 - only we can open it
        return part, there


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
        return fold_batches(fold, self._parts(), max(min(self.room.threads, len(self.kept)), 1))

    def _parts(self) -> Iterator[Part]:
        """Each of them; the memory of those from a file goes back once the folds are past them.

        Rows that a fold keeps may still refer to some arrays of theirs, which are then mapped anew where they are used.
        """
        mapped: deque[mmap.mmap] = deque()
        for part in self.kept:
            if not isinstance(part, _Written):
                yield part
                continue
            found, there = part.mapped()
            mapped.append(there)
            yield found
            if len(mapped) > self.room.threads + 1 and sys.platform != "win32":
                mapped.popleft().madvise(mmap.MADV_DONTNEED)


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


def is_in_memory(sweep: Sweep) -> bool:
    """Whether all parts that were kept found room in memory; also of a sweep that keeps none."""
    return not any(isinstance(part, _Written) for part in getattr(sweep, "kept", ()))


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


def _cut(batch: Any, part_rows: int) -> list[Any]:
    """Pieces of about the same length, and if several then an even number: the last core to end holds up the others."""
    n_pieces = max(-(-len(batch) // part_rows), 1)
    n_pieces += n_pieces % 2 if n_pieces > 1 else 0
    rows = max(-(-len(batch) // n_pieces), 1)
    return [batch.slice(at, rows) for at in range(0, len(batch), rows)]


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
        pieces = [batch] if self._part_rows is None else _cut(batch, self._part_rows)
        state.parts += [self._make_part(_alone(piece)) for piece in pieces]
        return state

    def merge(self, left: _Keeping, right: _Keeping) -> _Keeping:
        for part in right.parts:
            left.add(part, self._share)
        return left

    def finish(self, state: _Keeping) -> Sequence[_Kept]:
        return tuple(state.parts)
