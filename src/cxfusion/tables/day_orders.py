"""The order of day and month where a source is several files: each has to bear out the form that they share.

One form is read for all of them, so a file of the other order would get wrong dates wherever no day is above 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from cxfusion.engine.contract import SOURCE_FILE
from cxfusion.errors import InputError
from cxfusion.tables.steps import step_by_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.formats import TimeForm

__all__ = ["require_one_order"]

MOST_NAMED: Final = 3


@dataclass(frozen=True)
class FileTimes:
    """What one file says of two orders of day and month.

    Attributes
    ----------
    source_file : str
    n_own, n_other : int
        Cells that only the form of all files reads, and that only its rival does: a day above 12 is in them.
    n_apart : int
        Cells that the two read as different days.
    first, last : datetime or None
        Of all its times, in the form of all files.
    other_first, other_last : datetime or None
        The same in the rival.
    low, high : str or None
        Two of the cells that the two read as different days.
    """

    source_file: str
    n_own: int
    n_other: int
    n_apart: int
    first: datetime | None
    last: datetime | None
    other_first: datetime | None
    other_last: datetime | None
    low: str | None
    high: str | None

    @property
    def is_open(self) -> bool:
        """Whether nothing in the file itself tells the two apart."""
        return bool(self.n_apart) and not self.n_own and not self.n_other

    def is_refuted(self, settled: tuple[datetime, datetime]) -> bool:
        """Whether the file is rather one of the rival order: by its days above 12, else by which days lie together.

        Of days that are none above 12 those read the wrong way round lie months apart, or far from the other files.
        """
        if not self.is_open:
            return bool(self.n_apart) and self.n_other > self.n_own
        return _apart(self.other_first, self.other_last, settled) < _apart(self.first, self.last, settled)


def _apart(
    first: datetime | None, last: datetime | None, settled: tuple[datetime, datetime]
) -> tuple[timedelta, timedelta]:
    """How far some days lie from each other, and then from those that are known for sure."""
    if first is None or last is None:
        return timedelta.max, timedelta.max
    return last - first, max(first - settled[1], settled[0] - last, timedelta())


def require_one_order(session: Session, rows: ir.Table, source: str, best: TimeForm, rival: TimeForm) -> list[str]:
    """Notes on files that tell two orders of day and month not apart, and are read like those that do.

    Where no file bears out the form there is nothing to hold the others against, and nothing is said.

    Parameters
    ----------
    rows : ibis.Table
        ``source_file`` and ``cell``, of several files.
    source : str
        The column, as messages call it.
    best, rival : TimeForm
        The form that all files are to be read in, and one of another order.

    Raises
    ------
    InputError
        Some of the files are rather written in the rival order.
    """
    files = _times_of(session, rows, best, rival)
    ends = [(one.first, one.last) for one in files if one.n_own > one.n_other and one.first and one.last]
    if not ends:
        return []
    settled = (min(first for first, _ in ends), max(last for _, last in ends))
    others = [one for one in files if one.is_refuted(settled)]
    if others:
        raise InputError(
            f"The times of {source!r} are written as {best.label} in other files, but {_named(others)}"
            f" {'are' if len(others) > 1 else 'is'} rather {rival.label}: {_quoted(others[0])} would be read as another"
            " day. Expected one form in all files. If it is one, say which, and how the time of day is"
            f' written, with a line of the map such as  datetime_format = "{best.label} %H:%M"; else export the files'
            " again in one form."
        )
    doubtful = [PurePath(one.source_file).name for one in files if one.is_open]
    told = f"no day above 12 in {len(doubtful):,} of {len(files):,} files"
    return [f"{source!r} has {told}, such as {doubtful[0]}: read as {best.label}, like the others"] if doubtful else []


def _named(files: Sequence[FileTimes]) -> str:
    more = len(files) - MOST_NAMED
    told = ", ".join(one.source_file for one in files[:MOST_NAMED])
    return f"{told} and {more:,} more" if more > 0 else told


def _quoted(file: FileTimes) -> str:
    return " or ".join(repr(cell) for cell in dict.fromkeys([file.low, file.high]))


def _times_of(session: Session, rows: ir.Table, best: TimeForm, rival: TimeForm) -> list[FileTimes]:
    cell = rows["cell"]
    read = rows.select(SOURCE_FILE, cell, own=best.read(cell), other=rival.read(cell))
    own, other = read["own"], read["other"]
    facts = {
        "n_own": (own.notnull() & other.isnull()).sum(),
        "n_other": (own.isnull() & other.notnull()).sum(),
        "n_apart": (own != other).sum(),
        "first": own.min(),
        "last": own.max(),
        "other_first": other.min(),
        "other_last": other.max(),
        "low": read["cell"].min(where=own != other),
        "high": read["cell"].max(where=own != other),
    }
    with step_by_step():
        found = session.collect(read.group_by(SOURCE_FILE).aggregate(**facts).order_by(SOURCE_FILE)).to_pylist()
    return [FileTimes(**{**one, "n_apart": one["n_apart"] or 0}) for one in found]
