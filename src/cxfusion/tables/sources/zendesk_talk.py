"""Zendesk Talk calls: JSON of the incremental export, one record per call, told again whenever the call changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import LegExport, legs_of, yes_no
from cxfusion.tables.sources.records import records
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import is_some_time, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cxfusion.tables.sources.records import Row

__all__ = ["ZENDESK_TALK", "queue_of", "was_abandoned"]

WHAT: Final = "an export of Zendesk Talk calls"
NEEDED: Final = ("id", "created_at")


def _read(data: Any) -> Iterator[Row]:
    return legs_of(records(data, WHAT, lists=("calls",)), NEEDED, _derive)


def _derive(cells: Mapping[str, Any]) -> dict[str, Any]:
    is_handled = bool(text_of(cells.get("agent_id"))) and is_some_time(cells.get("talk_time"))
    return {
        "queue": queue_of(cells),
        "is_handled": yes_no(is_so=is_handled),
        "is_abandoned": yes_no(is_so=not is_handled and was_abandoned(cells)),
    }


def queue_of(call: Mapping[str, Any]) -> str | None:
    """The group that a call was for."""
    return text_of(call.get("call_group_name")) or text_of(call.get("call_group_id"))


def was_abandoned(call: Mapping[str, Any]) -> bool:
    """Whether Zendesk says that the customer gave up."""
    return (text_of(call.get("completion_status")) or "").lower().startswith("abandoned")


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "leg_id": ColumnMap(column="id"),
        "contact_id": ColumnMap(column="id"),
        "case_id": ColumnMap(column="ticket_id"),
        "customer_id": ColumnMap(column="customer_id"),
        "agent_id": ColumnMap(column="agent_id"),
        "channel": ColumnMap(column="call_channel"),
        "direction": ColumnMap(column="direction"),
        "started_at": ColumnMap(column="created_at"),
        "updated_at": ColumnMap(column="updated_at"),
        "ivr_seconds": ColumnMap(column="ivr_time_spent"),
        "wait_seconds": ColumnMap(column="wait_time"),
        "talk_seconds": ColumnMap(column="talk_time"),
        "hold_seconds": ColumnMap(column="hold_time"),
        "wrap_seconds": ColumnMap(column="wrap_up_time"),
        "total_seconds": ColumnMap(column="duration"),
    },
    derived={
        "queue": "call_group_name, else call_group_id",
        "is_handled": "agent_id and talk_time above 0",
        "is_abandoned": "completion_status that begins with abandoned, without talk",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("ivr_seconds", "wait_seconds", "talk_seconds", "hold_seconds"),
    is_whole=True,
    rule=(
        "The export is by the time of the last change: of each id the record with the latest updated_at counts. A call"
        " is one record, whoever took part: its agent is the last one, and transfers are not counted. A ticket is a"
        " case, kept as case_id, and may have several calls."
    ),
)

ZENDESK_TALK: Final = Source(
    "zendesk_talk",
    ("contacts",),
    "Zendesk Talk calls: JSON of the incremental calls export.",
    unconfirmed=(
        "talk_time does not hold hold_time, and wait_time holds the ringing (checked by duration)",
        "values of completion_status that begin with abandoned",
    ),
    legs=LEGS,
)
