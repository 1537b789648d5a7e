"""Talkdesk Explore contacts report: CSV, one row per contact in Talkdesk's sense, several of them per interaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import ASIDE, LegExport, legs_of, yes_no
from cxfusion.tables.sources.records import records
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cxfusion.tables.sources.records import Row

__all__ = ["TALKDESK_CONTACTS"]

WHAT: Final = "a Talkdesk contacts report"
NEEDED: Final = ("Interaction ID", "Contact ID", "Started At")
STATUS: Final = "Data Status (Valid / Damaged)"
ANSWERED: Final = ("answered", "connected")
ABANDONED: Final = ("abandoned", "short abandoned")


def _read(data: Any) -> Iterator[Row]:
    derived_from = ("Contact Type", STATUS, "Wait Time", "Abandon Time", "Short Abandon Time", "User ID", "User Name")
    names = [*NEEDED, *LEGS.sources, *derived_from]
    return legs_of(records(data, WHAT, names=names), NEEDED, _derive)


def _derive(cells: Mapping[str, Any]) -> dict[str, Any]:
    kind = (text_of(cells.get("Contact Type")) or "").strip().lower()
    status = (text_of(cells.get(STATUS)) or "").strip().lower()
    return {
        ASIDE: "damaged" if status == "damaged" else None,
        "agent_id": _first(cells, "User ID", "User Name"),
        "wait_seconds": _first(cells, "Wait Time", "Abandon Time", "Short Abandon Time"),
        "is_handled": yes_no(is_so=kind in ANSWERED),
        "is_abandoned": yes_no(is_so=kind in ABANDONED),
    }


def _first(cells: Mapping[str, Any], *names: str) -> str | None:
    return next((told for name in names if (told := text_of(cells.get(name)))), None)


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "leg_id": ColumnMap(column="Contact ID"),
        "contact_id": ColumnMap(column="Interaction ID"),
        "customer_id": ColumnMap(column="Contact Person Number"),
        "queue": ColumnMap(column="Ring Groups"),
        "direction": ColumnMap(column="Direction"),
        "started_at": ColumnMap(column="Started At"),
        "answered_at": ColumnMap(column="Answered At"),
        "ended_at": ColumnMap(column="Finished At"),
        "ring_seconds": ColumnMap(column="Ring Time"),
        "talk_seconds": ColumnMap(column="Talk Time"),
        "hold_seconds": ColumnMap(column="Hold Time"),
        "wrap_seconds": ColumnMap(column="After Call Work Time"),
        "total_seconds": ColumnMap(column="Handle Time"),
        "is_transfer_out": ColumnMap(column="Transfer Out (Yes/No)"),
    },
    derived={
        "agent_id": "User ID, else User Name",
        "wait_seconds": "Wait Time; where it is empty, Abandon Time or Short Abandon Time",
        "is_handled": "Contact Type Answered or Connected",
        "is_abandoned": "Contact Type Abandoned or Short Abandoned; Missed is not: there the system ended it",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("talk_seconds", "hold_seconds", "wrap_seconds"),
    reasons={"damaged": "Talkdesk marks the row as damaged."},
    rule=(
        "A transfer, or a ring group that passes a call on, makes a new Contact ID within the same Interaction ID: the"
        " interaction is the contact. Times are in the zone that was asked for when the report was made: give it."
    ),
)

TALKDESK_CONTACTS: Final = Source(
    "talkdesk_contacts",
    ("contacts",),
    "Talkdesk Explore contacts report, as CSV.",
    unconfirmed=(
        "Talk Time does not hold Hold Time (checked by Handle Time)",
        "Hold Time is the sum of Hard and Soft Hold Time",
        "Wait Time holds Ring Time",
    ),
    legs=LEGS,
)
