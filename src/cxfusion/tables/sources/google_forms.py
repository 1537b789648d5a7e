"""Google Forms: the sheet of answers; the first column is the time, without a zone, and there is no response id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.export import Export, Field, bare_numbers, score_columns
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["GOOGLE_FORMS"]

FIELDS: Final = (
    Field("Timestamp", "when it was sent off; the first column, whatever its language", "answered_at"),
    Field("questions", "under their texts; one that is asked twice gets a number"),
)


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet)
    table, notes = bare_numbers(table, score_columns(given, table))
    return Export(table, {"answered_at": ColumnMap(column=table.column_names[0])}, notes=tuple(notes))


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
