"""Zendesk's satisfaction of tickets: the older ratings, good or bad, and the newer survey responses with numbers.

The two scales are never mixed. A ticket is a case: pairing finds the contact that was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import InputError
from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.dispositions import COMPLETE, NO_ANSWER, unknown_words, with_dispositions
from cxfusion.tables.sources.export import Export, Field, columns_of, require_fields, texts, with_column
from cxfusion.tables.sources.loading import load_table, objects_of
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["ZENDESK_CSAT"]

FIELDS: Final = (
    Field("id", "the rating, or the response", "response_id"),
    Field("ticket_id", "the ticket; of newer responses the subject of type ticket", "case_id"),
    Field("requester_id", "who was asked", "customer_id"),
    Field("responder_id", "who was asked, in newer responses", "customer_id"),
    Field("score", "older: good and bad are csat 1 and 0, offered is no answer, unoffered was never asked"),
    Field("created_at", "older: when it was offered", "invited_at"),
    Field("updated_at", "older: when it was rated, of good and bad alone"),
    Field("answers[].rating", "newer: csat, of the first answer that has one"),
    Field("answers[].rating_category", "newer: good, bad or neutral; kept beside the rating"),
    Field("answers[].created_at", "newer: when it was answered"),
    Field("assignee_id", "the agent at the time of rating, not the respondent"),
)
SCORES: Final = {"good": 1, "bad": 0}
STATUSES: Final = {"good": COMPLETE, "bad": COMPLETE, "offered": NO_ANSWER, "unoffered": None}
LISTS: Final = ("satisfaction_ratings", "survey_responses")
ANSWERS: Final = ("rating", "rating_category", "created_at")


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet, lists=LISTS, expand=_responses)
    if "rating" not in table.column_names:
        require_fields(table, "Zendesk's satisfaction", "score")
    is_older, is_newer = any(texts(table, "score")), any(texts(table, "rating"))
    if is_older and is_newer:
        raise InputError(
            "Older ratings (good or bad) and newer survey responses (numbers) were given together. Their scales cannot"
            " be mixed; read them one by one."
        )
    return _newer(table, given) if "rating" in table.column_names else _older(table)


def _responses(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row per response: of its answers the first that has a rating; of its subjects the ticket."""
    row = {key: value for key, value in record.items() if key not in ("answers", "subjects")}
    if "answers" in record:
        answers = objects_of(record, "answers")
        rated = next((answer for answer in answers if answer.get("rating") is not None), {})
        row |= {key: rated.get(key) for key in ANSWERS} | {
            "n_ratings": sum(one.get("rating") is not None for one in answers)
        }
    tickets = [one for one in objects_of(record, "subjects") if _is_ticket(one)]
    if tickets:
        row["ticket_id"] = text_of(tickets[0].get("id")) or str(tickets[0].get("zrn")).rpartition(":")[2]
    yield row


def _is_ticket(subject: Mapping[str, Any]) -> bool:
    return subject.get("type") == "ticket" or ":ticket:" in str(subject.get("zrn"))


def _newer(table: pa.Table, given: TableMap) -> Export:
    columns = columns_of(FIELDS, table.column_names) | {"csat": ColumnMap(column="rating")}
    columns |= {"answered_at": ColumnMap(column="created_at")}
    columns.pop("invited_at", None)
    n_several = sum(int(cell or 0) > 1 for cell in texts(table, "n_ratings"))
    notes = [f"{n_several:,} responses hold several ratings: the first one is csat"] if n_several else []
    if "csat" not in given.columns:
        notes.append('ratings were taken to be on 1 to 5; if not, say  csat = { column = "rating", scale = [1, 3] }')
    cells = [COMPLETE if rating else NO_ANSWER for rating in texts(table, "rating")]
    table, columns = with_dispositions(table, columns, "rating", cells)
    return Export(table, columns, notes=tuple(notes))


def _older(table: pa.Table) -> Export:
    given = [(cell or "").lower() or None for cell in texts(table, "score")]
    words = [word and word.removesuffix("_with_comment").removesuffix("_without_comment") for word in given]
    numbers = [str(SCORES[word]) if word in SCORES else None for word in words]
    times = [time if word in SCORES else None for word, time in zip(words, texts(table, "updated_at"), strict=True)]
    table = with_column(with_column(table, "csat (from score)", numbers), "rated_at (from updated_at)", times)
    columns = columns_of(FIELDS, table.column_names) | {
        "csat": ColumnMap(column="csat (from score)", scale=(0, 1)),
        "answered_at": ColumnMap(column="rated_at (from updated_at)"),
    }
    notes = unknown_words("score", words, STATUSES)
    table, columns = with_dispositions(table, columns, "score", [STATUSES.get(word or "") for word in words])
    left_out = {"survey_not_sent": {"score": ("unoffered",)}}
    return Export(table, columns, leave_out=left_out, notes=tuple(notes))


ZENDESK_CSAT: Final = Source(
    "zendesk_csat",
    ("surveys",),
    "Zendesk's satisfaction ratings of tickets, or its newer survey responses, as the API returns them (JSON).",
    fields=FIELDS,
    unconfirmed=(
        "newer ratings are taken to be on 1 to 5; give the scale in the map where the survey has another",
        "that an older rating is created when it is offered",
    ),
    export=_export,
)
