"""Amazon Connect's sample solution for surveys: items of its table, typed as DynamoDB writes them, or plain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.export import Export, Field, columns_of, require_fields
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["AMAZON_CONNECT_SURVEYS"]

FIELDS: Final = (
    Field("contactId", "the contact; of a survey after hanging up it may be a child contact's", "contact_id"),
    Field("surveyId", "the survey: with contactId it is the response's id"),
    Field("timestamp", "when it was answered, in seconds since 1970", "answered_at"),
    Field("survey_result_1, …", "the answers: the map names those that are scores"),
)
TYPED: Final = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS", "L", "M", "B"})


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet, lists=("Items",), expand=_responses)
    require_fields(table, "the Amazon Connect surveys", "contactId")
    columns = columns_of(FIELDS, table.column_names)
    if "surveyId" in table.column_names:
        columns["response_id"] = ColumnMap(join=("contactId", "surveyId"), sep=":")
    note = "a contact that answers the same survey again overwrites its first answers: only the last ones are here"
    return Export(table, columns, notes=(note,))


def _responses(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    item = record["Item"] if isinstance(record.get("Item"), Mapping) else record
    yield {key: _plain(value) for key, value in item.items()}


def _plain(value: Any) -> Any:
    """A value without the type that DynamoDB writes around it."""
    if isinstance(value, Mapping) and len(value) == 1 and set(value) <= TYPED:
        kind, inner = next(iter(value.items()))
        return None if kind == "NULL" else inner
    return value


AMAZON_CONNECT_SURVEYS: Final = Source(
    "amazon_connect_surveys",
    ("surveys",),
    "Items of the Amazon Connect contact surveys solution (JSON); the map names the answer that is the score.",
    fields=FIELDS,
    unconfirmed=("which survey_result_N is which question: each survey's own settings tell",),
    export=_export,
)
