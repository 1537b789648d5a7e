"""Events of Asterisk's queue_log: lines of its files, or rows of the table that a realtime database keeps instead.

Files tell seconds since 1970. Tables mostly tell the server's own clock, which stays local until the zone is applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import UnreadableFileError
from cxfusion.tables.sources.records import Row, open_text, records, unreadable
from cxfusion.tables.sources.values import is_blank, number_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["WHAT", "Event", "clock_seconds", "events_of_files", "events_of_table", "told_time"]

WHAT: Final = "an Asterisk queue_log"
FEWEST_FIELDS: Final = 5  # time, call, queue, member, event
EARLIEST: Final = 1e8  # seconds; a smaller number is no time
NAMES: Final = {
    "time": ("time", "created", "eventdate", "time_id"),
    "call": ("callid", "call_id", "uniqueid"),
    "queue": ("queuename", "queue"),
    "member": ("agent", "member"),
    "name": ("event", "verb"),
}
"""What tables call the fields: Asterisk's own names first, then those of its relatives."""


@dataclass(frozen=True)
class Event:
    """One line or row.

    Attributes
    ----------
    time : float
        Seconds since 1970; of a local clock, those that its hands show.
    is_local : bool
    data : tuple of str
        What the event tells besides, in Asterisk's order.
    """

    file: str
    number: int
    time: float
    call: str
    queue: str
    member: str
    name: str
    data: tuple[str, ...]
    is_local: bool = False

    def told(self, place: int) -> str | None:
        """A parameter, counted from 0; None where the line has none."""
        return self.data[place] if place < len(self.data) and not is_blank(self.data[place]) else None

    def seconds(self, place: int) -> float:
        """The same as seconds; 0 where they are not told."""
        return number_of(self.told(place)) or 0.0


def events_of_files(paths: Iterable[str]) -> Iterator[Event | Row]:
    """Events of files, in the order of their first lines: rotated logs are read in the order of time, empty ones not.

    Raises
    ------
    UnreadableFileError
        No line of a file is an event.
    """
    begun = {path: time for path in paths if (time := _first_time(path)) is not None}
    for path in sorted(begun, key=lambda path: begun[path]):
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                event = _of_line(path, number, line)
                if event is not None:
                    yield event
                elif line.strip():
                    yield unreadable(path, number, line)


def _first_time(path: str) -> float | None:
    """When a file begins; None of an empty one, as the log is that has just been rotated."""
    is_empty = True
    with open_text(path) as file:
        for line in file:
            if event := _of_line(path, 0, line):
                return event.time
            is_empty = is_empty and not line.strip()
    if is_empty:
        return None
    raise UnreadableFileError(
        f"{path} holds no line of {WHAT}. Expected time|call|queue|member|event|…, with the time in seconds since 1970."
    )


def _of_line(path: str, number: int, line: str) -> Event | None:
    time, *fields = line.rstrip("\r\n").split("|")
    seconds = number_of(time)
    if seconds is None or len(fields) < FEWEST_FIELDS - 1:
        return None
    call, queue, member, name, *data = fields
    return Event(path, number, seconds, call, queue, member, name.upper(), tuple(data))


def events_of_table(data: Any) -> list[Event | Row]:
    """Events of a table, in the order of time; those of one moment stay in the order of the table."""
    told = [row if row.reason else _of_row(row) for row in records(data, WHAT)]
    return sorted(told, key=lambda event: event.time if isinstance(event, Event) else 0.0)


def _of_row(row: Row) -> Event | Row:
    cells = {name.lower(): cell for name, cell in row.cells.items()}
    found = {field: _first_told(cells, names) for field, names in NAMES.items()}
    time, is_local = clock_seconds(found["time"])
    call, name = text_of(found["call"]), text_of(found["name"])
    if time is None or call is None or name is None:
        return unreadable(row.file, row.number, str(dict(row.cells)), "not_a_record")
    if "data1" in cells:
        parameters = [text_of(cells.get(f"data{i}")) or "" for i in range(1, 6)]
    else:
        parameters = (text_of(cells.get("data")) or "").split("|")
    queue, member = (text_of(found[field]) or "" for field in ("queue", "member"))
    return Event(row.file, row.number, time, call, queue, member, name.upper(), tuple(parameters), is_local)


def _first_told(cells: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((cells[name] for name in names if text_of(cells.get(name)) is not None), None)


def clock_seconds(cell: Any) -> tuple[float | None, bool]:
    """Seconds since 1970 of a cell, and whether they are those of a local clock.

    Examples
    --------
    >>> clock_seconds("1772445600"), clock_seconds("2026-03-02 10:00:00.5"), clock_seconds("soon")
    ((1772445600.0, False), (1772445600.5, True), (None, False))
    """
    seconds = number_of(cell)
    if seconds is not None:
        return (seconds if seconds >= EARLIEST else None), False
    try:
        time = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
    except ValueError:
        return None, False
    if time.tzinfo is not None:
        return time.timestamp(), False
    return time.replace(tzinfo=UTC).timestamp(), True


def told_time(seconds: float, *, is_local: bool) -> float | str:
    """Seconds since 1970 as a cell of their own; of a local clock its text, to which the zone is applied later."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(" ") if is_local else seconds
