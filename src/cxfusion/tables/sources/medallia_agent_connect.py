"""Medallia Agent Connect (once Stella Connect): one row per request, answered or not, with what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.sources.dispositions import (
    COMPLETE,
    NO_ANSWER,
    OPT_OUT,
    UNDELIVERED,
    unknown_words,
    with_dispositions,
)
from cxfusion.tables.sources.export import Export, Field, as_utc, columns_of, require_fields, texts
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["MEDALLIA_AGENT_CONNECT"]

FIELDS: Final = (
    Field("request_id", "the request, and the response to it", "response_id"),
    Field("ext_interaction_id", "the contact that is asked about", "contact_id"),
    Field("request_sent_at", "UTC", "invited_at"),
    Field("response_received_at", "UTC", "answered_at"),
    Field("star_rating", "1 to 5 stars", "csat", {"scale": (1, 5)}),
    Field("request_delivery_status", "what became of the request: disposition where there is no response"),
    Field("employee_custom_id", "the agent who is asked about, not the respondent"),
)
STATUSES: Final = {
    **dict.fromkeys(["sent", "delivered", "opened", "clicked", "complete", "completed", "success"], NO_ANSWER),
    **dict.fromkeys(
        [
            "bounce",
            "bounced",
            "failed",
            "undelivered",
            "undeliverable",
            "rejected",
            "invalid",
            "dropped",
            "not delivered",
        ],
        UNDELIVERED,
    ),
    **dict.fromkeys(["unsubscribed", "opted out", "opted_out", "opt out", "opt_out"], OPT_OUT),
}


def _export(data: Data, given: TableMap) -> Export:
    table = as_utc(load_table(data, given.sheet), "request_sent_at", "response_received_at")
    require_fields(table, "Medallia Agent Connect", "request_id", "response_received_at")
    received, statuses = texts(table, "response_received_at"), texts(table, "request_delivery_status")
    open_ones = [None if answered else status for answered, status in zip(received, statuses, strict=True)]
    dispositions = [
        COMPLETE if answered else STATUSES.get((status or "").lower())
        for answered, status in zip(received, statuses, strict=True)
    ]
    notes = unknown_words("request_delivery_status", open_ones, STATUSES)
    columns = columns_of(FIELDS, table.column_names)
    table, columns = with_dispositions(table, columns, "request_delivery_status", dispositions)
    return Export(table, columns, timezone="UTC", notes=tuple(notes))


MEDALLIA_AGENT_CONNECT: Final = Source(
    "medallia_agent_connect",
    ("surveys",),
    "Responses exported from Medallia Agent Connect, with the requests that were never answered or delivered.",
    fields=FIELDS,
    unconfirmed=("the words of request_delivery_status: those that are not known are told in a note",),
    export=_export,
)
