"""Asterisk's call detail records beside a queue_log: which calls are one, when a call began and ended, who called.

A few facts of each call are held in memory.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.sources.asterisk_events import clock_seconds
from cxfusion.tables.sources.records import Row, open_text, records, unreadable
from cxfusion.tables.sources.values import number_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["CallFacts", "call_facts", "cdr_rows", "is_cdr_file"]

WHAT: Final = "Asterisk call detail records"
MASTER: Final = (
    *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield"),
)
"""Columns of Master.csv, which has no line of headings; userfield is there if it was asked for."""
INBOUND: Final = ("from-trunk", "from-pstn", "from-did", "from-sip-external", "from-dahdi", "from-analog")
INTERNAL: Final = "from-internal"


@dataclass(frozen=True)
class CallFacts:
    """What its records tell of one call.

    Attributes
    ----------
    root : str
        The oldest call that it is linked with; itself where it is with none.
    began, ended : float
        Seconds on the clock of the records.
    is_local : bool
        That clock is the server's own.
    number : str or None
        Who called.
    direction : str or None
    """

    root: str
    began: float
    ended: float
    is_local: bool
    number: str | None = None
    direction: str | None = None

    def beside(self, other: CallFacts) -> CallFacts:
        """The same call, of which there is another record."""
        return replace(
            self,
            root=min(self.root, other.root, key=_age),
            began=min(self.began, other.began),
            ended=max(self.ended, other.ended),
            number=self.number or other.number,
            direction=self.direction or other.direction,
        )


def is_cdr_file(path: str) -> bool:
    """Whether a file holds call detail records: Master.csv, or a table with its headings."""
    with open_text(path) as file:
        first = next(csv.reader(file), [])
    names = {cell.strip().lower() for cell in first}
    return {"uniqueid", "duration"} <= names or _is_master(first)


def _is_master(cells: list[str]) -> bool:
    is_wide = len(MASTER) - 1 <= len(cells) <= len(MASTER)
    return is_wide and clock_seconds(cells[MASTER.index("start")])[0] is not None


def cdr_rows(data: Any, files: Iterable[str] = ()) -> Iterator[Row]:
    """Records of a table, and of files."""
    if data is not None:
        yield from records(data, WHAT)
    for path in files:
        with open_text(path) as file:
            first = next(csv.reader(file), [])
        yield from _master_rows(path) if _is_master(first) else records(path, WHAT)


def _master_rows(path: str) -> Iterator[Row]:
    with open_text(path) as file:
        for number, cells in enumerate(csv.reader(file), start=1):
            if len(MASTER) - 1 <= len(cells) <= len(MASTER):
                yield Row(path, number, dict(zip(MASTER, cells, strict=False)))
            elif cells:
                yield unreadable(path, number, ",".join(cells))


def call_facts(rows: Iterable[Row]) -> tuple[dict[str, CallFacts], list[Row]]:
    """Facts by the id of the call, and records that could not be read."""
    facts: dict[str, CallFacts] = {}
    bad: list[Row] = []
    for row in rows:
        if row.reason is not None:
            bad.append(row)
            continue
        cells = {name.lower(): cell for name, cell in row.cells.items()}
        call, found = text_of(cells.get("uniqueid")), _facts(cells)
        if call is None or found is None:
            bad.append(unreadable(row.file, row.number, str(dict(row.cells)), "not_a_record"))
        elif call in facts:
            facts[call] = facts[call].beside(found)
        else:
            facts[call] = found
    return facts, bad


def _facts(cells: Mapping[str, Any]) -> CallFacts | None:
    call = text_of(cells.get("uniqueid"))
    began, is_local = clock_seconds(cells.get("start") or cells.get("calldate"))
    lasted = number_of(cells.get("duration"))
    if call is None or began is None or lasted is None:
        return None
    context = (text_of(cells.get("dcontext")) or "").lower()
    direction = "inbound" if context.startswith(INBOUND) else "internal" if context.startswith(INTERNAL) else None
    root = min(call, text_of(cells.get("linkedid")) or call, key=_age)
    return CallFacts(root, began, began + lasted, is_local, text_of(cells.get("src")), direction)


def _age(call: str) -> tuple[float, float, str]:
    """What calls are ordered by: an id ends in when its channel was made, a point, and a number."""
    made, _, number = call.rpartition("-")[2].partition(".")
    return (number_of(made) or 0.0, number_of(number) or 0.0, call)
