"""Five9 call log: the CSV of a report whose columns its users choose; known by their headings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import LegExport, legs_of, yes_no
from cxfusion.tables.sources.records import records
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import fingerprint, is_some_time, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cxfusion.tables.sources.records import Row

__all__ = ["FIVE9_CALL_LOG"]

WHAT: Final = "a Five9 call log"
NEEDED: Final = ("CALL ID", "TIMESTAMP")
NO_AGENT: Final = ("", "[none]", "[deleted]")
DERIVED_FROM: Final = ("AGENT", "CALL TYPE", "ANI", "DNIS")


def _read(data: Any) -> Iterator[Row]:
    return legs_of(records(data, WHAT, names=READ), NEEDED, _derive)


def _derive(cells: Mapping[str, Any]) -> dict[str, Any]:
    call, agent = text_of(cells["CALL ID"]), text_of(cells.get("AGENT")) or ""
    direction = _direction(text_of(cells.get("CALL TYPE")) or "")
    has_agent = agent.strip().lower() not in NO_AGENT
    has_talk = is_some_time(text_of(cells.get("TALK TIME")))
    return {
        "leg_id": f"{call}/{fingerprint(cells, READ)}",
        "agent_id": agent if has_agent else None,
        "direction": direction,
        "customer_id": text_of(cells.get("DNIS" if direction == "outbound" else "ANI")),
        "is_handled": yes_no(is_so=has_agent and has_talk),
    }


def _direction(call_type: str) -> str | None:
    """Of Inbound, Outbound, Manual, Autodial, Preview and others; internal calls are neither."""
    kind = call_type.strip().lower()
    if not kind or "internal" in kind:
        return None
    return "inbound" if "inbound" in kind else "outbound"


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "contact_id": ColumnMap(column="CALL ID"),
        "queue": ColumnMap(column="SKILL"),
        "reason": ColumnMap(column="DISPOSITION"),
        "started_at": ColumnMap(column="TIMESTAMP"),
        "ivr_seconds": ColumnMap(column="IVR TIME"),
        "wait_seconds": ColumnMap(column="QUEUE WAIT TIME"),
        "ring_seconds": ColumnMap(column="RING TIME"),
        "talk_seconds": ColumnMap(column="TALK TIME"),
        "hold_seconds": ColumnMap(column="HOLD TIME"),
        "wrap_seconds": ColumnMap(column="AFTER CALL WORK TIME"),
        "total_seconds": ColumnMap(column="HANDLE TIME"),
        "n_holds": ColumnMap(column="HOLDS"),
        "n_transfers": ColumnMap(column="TRANSFERS"),
        "is_abandoned": ColumnMap(column="ABANDONED"),
    },
    derived={
        "leg_id": "CALL ID and a fingerprint of all cells that are read",
        "agent_id": "AGENT, but [None] and [Deleted]",
        "direction": "CALL TYPE: Inbound, or one of the kinds of outbound",
        "customer_id": "ANI, who called; DNIS, who was called, where CALL TYPE is a kind of outbound",
        "is_handled": "AGENT and TALK TIME are there",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=False,
    total_of=("talk_seconds", "hold_seconds", "wrap_seconds"),
    rule=(
        "Columns are known by their headings, in any order and letter case; a report may leave any of them out but CALL"
        " ID and TIMESTAMP. Rows of one CALL ID are its segments; a row that is the same in every cell that is read is"
        " the same segment again, whatever other columns the report of another night has. TIMESTAMP has no zone: give"
        " that of the report."
    ),
)
READ: Final = (*NEEDED, *LEGS.sources, *DERIVED_FROM)
"""The columns that are read."""

FIVE9_CALL_LOG: Final = Source(
    "five9_call_log",
    ("contacts",),
    "Five9 call log report, as CSV with the headings of the report builder.",
    unconfirmed=(
        "TALK TIME does not hold HOLD TIME (checked by HANDLE TIME, where the report has it)",
        "QUEUE WAIT TIME does not hold RING TIME",
        "ANI of an outbound call is the centre's own number, DNIS the customer's (so in the rows looked at)",
        "several rows of one CALL ID are segments of the call, not the same call told again after a change",
    ),
    legs=LEGS,
)
