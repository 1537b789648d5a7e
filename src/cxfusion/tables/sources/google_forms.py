"""Google Forms: the sheet of answers; the first column is the time, without a zone, and there is no response id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.export import Export, Field, bare_numbers, score_columns, texts, with_column
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["GOOGLE_FORMS"]

FIELDS: Final = (
    Field(
        "Timestamp",
        "when it was sent off; the first column, whatever its language; `GMT+1` at its end is its offset",
        "answered_at",
    ),
    Field("questions", "under their texts; one that is asked twice gets a number"),
)
DOWNLOADED: Final = re.compile(
    r"(\d{4})/(\d{1,2})/(\d{1,2}) (\d{1,2}):(\d{2}:\d{2}) ([ap])\.?\s?m\.? GMT(?:([+-])(\d{1,2})(?::(\d{2}))?)?",
    re.IGNORECASE,
)
"""How the form's own download writes a time, unlike its sheet: ``2026/03/02 1:05:00 PM GMT+1``."""


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet)
    table, notes = bare_numbers(table, score_columns(given, table))
    first = table.column_names[0]
    cells = texts(table, first)
    if any(cell and DOWNLOADED.fullmatch(cell) for cell in cells):
        table = with_column(table, first, [cell and DOWNLOADED.sub(_iso, cell) for cell in cells])
    return Export(table, {"answered_at": ColumnMap(column=first)}, notes=tuple(notes))


def _iso(time: re.Match[str]) -> str:
    year, month, day, hour, rest, half, sign, hours, minutes = time.groups()
    clock = int(hour) % 12 + (12 if half.lower() == "p" else 0)
    offset = f"{sign or '+'}{int(hours or 0):02}:{minutes or '00'}"
    return f"{year}-{int(month):02}-{int(day):02}T{clock:02}:{rest}{offset}"


GOOGLE_FORMS: Final = Source(
    "google_forms",
    ("surveys",),
    "Answers of a Google form as CSV or Excel; the map names the scores and the pre-filled key by their question.",
    fields=FIELDS,
    unconfirmed=(
        "the clock of Timestamp: the owner's; give it as timezone",
        "how Timestamp is written: by the sheet's locale; where the data do not settle it, datetime_format has to",
    ),
    export=_export,
)
