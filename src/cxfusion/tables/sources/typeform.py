"""Typeform: one line of headings with the questions' texts, hidden fields under their own names, times in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.sources.dispositions import COMPLETE, PARTIAL, with_dispositions
from cxfusion.tables.sources.export import (
    Export,
    Field,
    as_utc,
    bare_numbers,
    columns_of,
    require_fields,
    score_columns,
    texts,
)
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["TYPEFORM"]

FIELDS: Final = (
    Field("#", "the response", "response_id"),
    Field("Submit Date (UTC)", "when it was sent off", "answered_at"),
    Field("Start Date (UTC)", "when the respondent began"),
    Field("Response Type", "completed or partial: disposition"),
    Field("Network ID", "a mark of the respondent's browser and network: no key"),
    Field("hidden fields", "values given with the link, under their own names: usual headings of keys count"),
)
TYPES: Final = {"completed": COMPLETE, "partial": PARTIAL, "started": PARTIAL}


def _export(data: Data, given: TableMap) -> Export:
    table = as_utc(load_table(data, given.sheet), "Start Date (UTC)", "Submit Date (UTC)")
    require_fields(table, "Typeform", "Submit Date (UTC)")
    table, notes = bare_numbers(table, score_columns(given, table))
    kinds, submitted = texts(table, "Response Type"), texts(table, "Submit Date (UTC)")
    dispositions = [
        TYPES.get(kind.lower()) if kind else (COMPLETE if time else PARTIAL)
        for kind, time in zip(kinds, submitted, strict=True)
    ]
    columns = columns_of(FIELDS, table.column_names)
    table, columns = with_dispositions(table, columns, "Submit Date (UTC)", dispositions)
    return Export(table, columns, timezone="UTC", notes=tuple(notes))


TYPEFORM: Final = Source(
    "typeform",
    ("surveys",),
    "Responses exported from Typeform as CSV or Excel; the map names the scores by their question.",
    fields=FIELDS,
    unconfirmed=("the words of Response Type, which only some exports have",),
    export=_export,
)
