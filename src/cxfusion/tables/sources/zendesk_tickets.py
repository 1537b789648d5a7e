"""Zendesk tickets by their metrics: each ticket a contact, as its customer lived it; minutes become seconds.

A ticket is a case. Where its calls are exported too, they are the contacts, and :mod:`zendesk_talk` reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.sources.export import Export, Field, columns_of, require_fields, texts, with_column
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["ZENDESK_TICKETS"]

MINUTES: Final = {"unit": "min"}
COPY: Final = "delivery (from updated_at)"
RESOLVED: Final = "resolved (from solved_at)"
TRANSFERS: Final = "transfers (from assignee_stations)"
FIELDS: Final = (
    Field("ticket_id", "the ticket", "contact_id"),
    Field("ticket_id", "the ticket is the case too", "case_id"),
    Field("created_at", "when the ticket was made", "started_at"),
    Field("solved_at", "when it was solved, the last time; whether it was, is is_resolved", "ended_at"),
    Field("updated_at", "of each ticket the record with the latest one counts"),
    Field("reply_time_in_minutes.calendar", "until the first reply: the customer's wait", "wait_seconds", MINUTES),
    Field(
        "reply_time_in_minutes.business", "the same in business hours", "first_reply_business_seconds", MINUTES
    ),
    Field(
        "requester_wait_time_in_minutes.calendar", "how long it was new, open or on hold", "requester_wait_seconds",
        MINUTES,
    ),
    Field(
        "full_resolution_time_in_minutes.calendar", "until it was solved the last time", "full_resolution_seconds",
        MINUTES,
    ),
    Field("assignee_stations", "how many agents it was given to: n_agents; one less is n_transfers", "n_agents"),
    Field("group_stations", "how many groups it was given to", "n_groups"),
    Field("reopens", "how often it was opened again", "n_reopens"),
    Field("replies", "how many public replies it got", "n_replies"),
)  # fmt: skip


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet, lists=("ticket_metrics", "ticket_metric"))
    require_fields(table, "Zendesk's ticket metrics", "ticket_id", "created_at")
    table = with_column(table, COPY, _copies(texts(table, "ticket_id"), texts(table, "updated_at")))
    table = with_column(table, RESOLVED, ["yes" if cell else "no" for cell in texts(table, "solved_at")])
    table = with_column(table, TRANSFERS, [_less_one(cell) for cell in texts(table, "assignee_stations")])
    columns = columns_of(FIELDS, table.column_names)
    columns |= columns_of((Field(RESOLVED, "", "is_resolved"), Field(TRANSFERS, "", "n_transfers")), table.column_names)
    return Export(table, columns, timezone="UTC", leave_out={"redelivery": {COPY: ("older",)}})


def _copies(tickets: Sequence[str | None], updates: Sequence[str | None]) -> list[str]:
    """Which record of a ticket counts: the one updated last, of several the first."""
    newest: dict[str | None, tuple[str, int]] = {}
    for place, (ticket, update) in enumerate(zip(tickets, updates, strict=True)):
        best = newest.get(ticket)
        if best is None or (update or "") > best[0]:
            newest[ticket] = (update or "", place)
    counts = {place for _, place in newest.values()}
    return ["newest" if ticket is None or place in counts else "older" for place, ticket in enumerate(tickets)]


def _less_one(cell: str | None) -> str | None:
    """Agents after the first; a ticket that nobody was given has been passed on by nobody."""
    try:
        number = float(cell or "")
    except ValueError:
        return None
    return f"{max(number - 1, 0):g}"


ZENDESK_TICKETS: Final = Source(
    "zendesk_tickets",
    ("contacts",),
    "Zendesk tickets by their ticket metrics (JSON): each ticket a contact, with the time to its first reply.",
    fields=FIELDS,
    unconfirmed=(
        "that the metrics of a ticket are made when the ticket is (created_at)",
        "reply times that stop and start again with reopening",
    ),
    export=_export,
)
