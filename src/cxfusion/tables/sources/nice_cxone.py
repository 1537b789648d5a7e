"""NICE CXone completed contacts: JSON of the API or CSV of a data download, one record per contact in CXone's sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import LegExport, legs_of, yes_no
from cxfusion.tables.sources.records import records
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import is_some_time, less, text_of, total_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cxfusion.tables.sources.records import Row

__all__ = ["NICE_CXONE_COMPLETED"]

WHAT: Final = "an export of NICE CXone completed contacts"
NEEDED: Final = ("contactId", "contactStart")
YES: Final = ("true", "y", "yes", "1")
DIRECTIONS: Final = {**dict.fromkeys(YES, "outbound"), **dict.fromkeys(("false", "n", "no", "0"), "inbound")}


def _read(data: Any) -> Iterator[Row]:
    derived_from = ("agentId", "skillName", "skillId", "isOutbound", "isRefused", "agentSeconds", "confSeconds")
    names = [*NEEDED, *LEGS.sources, *derived_from, "masterContactId", "fromAddr"]
    return legs_of(records(data, WHAT, lists=("completedContacts", "contacts"), names=names), NEEDED, _derive)


def _derive(cells: Mapping[str, Any]) -> dict[str, Any]:
    agent, seconds = _word(cells, "agentId"), cells.get("agentSeconds")
    direction = DIRECTIONS.get(_word(cells, "isOutbound"))
    apart = total_of(cells.get("holdSeconds"), cells.get("confSeconds"), blank=0.0)
    is_handled = agent not in ("", "0") and is_some_time(seconds) and _word(cells, "isRefused") not in YES
    return {
        "continues": _identifier(cells, "masterContactId"),
        "agent_id": _identifier(cells, "agentId"),
        "queue": text_of(cells.get("skillName")) or text_of(cells.get("skillId")),
        "direction": direction,
        "customer_id": None if direction == "outbound" else text_of(cells.get("fromAddr")),
        "started_at": _in_utc(text_of(cells["contactStart"])),
        "talk_seconds": less(total_of(seconds), apart),
        "is_handled": yes_no(is_so=is_handled),
    }


def _word(cells: Mapping[str, Any], name: str) -> str:
    return (text_of(cells.get(name)) or "").strip().lower()


def _identifier(cells: Mapping[str, Any], name: str) -> str | None:
    """What is told; 0 names none."""
    return None if _word(cells, name) == "0" else text_of(cells.get(name))


def _in_utc(time: str | None) -> str | None:
    """A time of the API's form, which is meant in UTC where it tells no offset."""
    is_bare = time is not None and "T" in time and not time.endswith("Z") and not set("+-") & set(time[11:])
    return f"{time}Z" if is_bare else time


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "leg_id": ColumnMap(column="contactId"),
        "contact_id": ColumnMap(column="contactId"),
        "channel": ColumnMap(column="mediaTypeName"),
        "reason": ColumnMap(column="primaryDispositionId"),
        "updated_at": ColumnMap(column="lastUpdateTime"),
        "ivr_seconds": ColumnMap(column="preQueueSeconds"),
        "wait_seconds": ColumnMap(column="inQueueSeconds"),
        "ring_seconds": ColumnMap(column="routingTime"),
        "hold_seconds": ColumnMap(column="holdSeconds"),
        "wrap_seconds": ColumnMap(column="ACWSeconds"),
        "total_seconds": ColumnMap(column="totalDurationSeconds"),
        "n_holds": ColumnMap(column="holdCount"),
        "is_abandoned": ColumnMap(column="abandoned"),
    },
    derived={
        "continues": "masterContactId, but 0",
        "agent_id": "agentId, but 0",
        "queue": "skillName, else skillId",
        "direction": "isOutbound",
        "customer_id": "fromAddr, but where isOutbound: there it is the centre's own",
        "started_at": "contactStart, in UTC where it tells no offset",
        "talk_seconds": "agentSeconds less holdSeconds and confSeconds",
        "is_handled": "agentId and agentSeconds above 0, and not isRefused",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("ivr_seconds", "wait_seconds", "talk_seconds", "hold_seconds"),
    rule=(
        "masterContactId names the contact that created this one, and after a second transfer that is not the first:"
        " each chain is followed to where it begins. fromAddr is the address of who called, the centre's own where"
        " isOutbound: such a contact names no customer. After-call work is delivered later than the contact: of what"
        " was exported before, wrap can be missing or 0, and a later export goes before it."
    ),
)

NICE_CXONE_COMPLETED: Final = Source(
    "nice_cxone_completed",
    ("contacts",),
    "NICE CXone completed contacts: JSON of the reporting API, or CSV of a data download.",
    unconfirmed=(
        "agentSeconds holds holdSeconds and confSeconds (checked by totalDurationSeconds, and by talk below zero)",
        "contactStart without an offset is in UTC",
        "inQueueSeconds holds routingTime",
    ),
    legs=LEGS,
)
