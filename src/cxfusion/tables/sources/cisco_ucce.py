"""Cisco UCCE/PCCE Termination_Call_Detail: one record per leg, written at its end; or its trace."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import ASIDE, LegExport, legs_of, yes_no
from cxfusion.tables.sources.records import Row, open_text, paths_of, records, unreadable
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import fingerprint, is_blank, is_some_time, number_of, text_of, total_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CISCO_UCCE_TCD"]

WHAT: Final = "an export of Cisco Termination_Call_Detail"
NEEDED: Final = ("DateTime", "RouterCallKeyDay", "RouterCallKey")
WAITED: Final = ("LocalQTime", "RingTime", "DelayTime")
AGENT: Final = ("AgentPeripheralNumber", "AgentSkillTargetID")
QUEUE: Final = ("PrecisionQueueID", "SkillGroupSkillTargetID", "CallTypeID")
NAMES: Final = (
    *NEEDED,
    *("RouterCallKeySequenceNumber", "PeripheralID", "ANI", *AGENT, *QUEUE, "CallDisposition", "Duration", *WAITED),
    *("NetQTime", "TimeToAband", "TalkTime", "HoldTime", "WorkTime", "WrapupData"),
)
TRACED: Final = {
    "Periph": "PeripheralID",
    "Day": "RouterCallKeyDay",
    "RtrCallKey": "RouterCallKey",
    "RtrCallKeySeq#": "RouterCallKeySequenceNumber",
    "CallDisp": "CallDisposition",
}
"""What a trace calls some of the fields."""
TRACE: Final = re.compile(r"([\w#]+)=(\S+(?: \d\d:\d\d:\d\d)?)")
FIRST_DAY: Final = date(1601, 1, 1)  # RouterCallKeyDay counts from here: 146577 is 26 April 2002, as the trace says
SHORT_CALL: Final = 7  # CallDisposition
TRANSFERRED: Final = (28, 29)
ABANDONED: Final = (1, 2, 3, 4)  # in the network, in the queue, while ringing, while delayed


def _read(data: Any) -> Iterator[Row]:
    return legs_of(_records(data), NEEDED, _derive)


def _records(data: Any) -> Iterator[Row]:
    if isinstance(data, str) or hasattr(data, "__fspath__"):
        for path in paths_of(data, WHAT):
            yield from _trace(path) if _is_trace(path) else records(path, WHAT, names=NAMES)
    else:
        yield from records(data, WHAT, names=NAMES)


def _is_trace(path: str) -> bool:
    with open_text(path) as file:
        return file.read(9) == "DateTime="


def _trace(path: str) -> Iterator[Row]:
    with open_text(path) as file:
        for number, line in enumerate(filter(str.strip, file), start=1):
            cells = {TRACED.get(name, name): value for name, value in TRACE.findall(line)}
            yield Row(path, number, {**cells, "DateTime": _dated(cells)}) if cells else unreadable(path, number, line)


def _dated(cells: Mapping[str, str]) -> str | None:
    """A trace's time, which lacks the year, with that of the day of the call's key."""
    day, time = number_of(cells.get("RouterCallKeyDay")), cells.get("DateTime", "")
    try:
        year = (FIRST_DAY + timedelta(days=day or 0)).year
    except OverflowError:
        return None
    return f"{year}-{time.replace('/', '-')}"


def _derive(cells: Mapping[str, Any]) -> dict[str, Any]:
    day, key = text_of(cells["RouterCallKeyDay"]), text_of(cells["RouterCallKey"])
    disposition = number_of(cells.get("CallDisposition"))
    agent, net_queue = _identifier(cells, *AGENT), total_of(cells.get("NetQTime"), blank=0.0)
    is_routed = _identifier(cells, "RouterCallKey") is not None and number_of(cells["RouterCallKey"]) != 0
    is_of_agent = agent is not None or not any(name in cells for name in AGENT)  # else it is the leg of a menu
    is_handled = is_of_agent and is_some_time(cells.get("TalkTime"))
    return {
        ASIDE: "short_call" if disposition == SHORT_CALL else None if is_routed else "not_routed",
        "leg_id": f"{day}-{key}-{_place(cells)}",
        "contact_id": f"{day}-{key}",
        "agent_id": agent,
        "queue": _identifier(cells, *QUEUE),
        "wait_seconds": total_of(net_queue, *(cells.get(name) for name in WAITED)),
        "total_seconds": total_of(net_queue, cells.get("Duration")),
        "is_handled": yes_no(is_so=is_handled),
        "is_transfer_out": yes_no(is_so=disposition in TRANSFERRED),
        "is_abandoned": yes_no(is_so=not is_handled and disposition in ABANDONED),
    }


def _place(cells: Mapping[str, Any]) -> str | None:
    """What tells a call's records apart: their sequence; without it all that is read of them, which no two share."""
    sequence = cells.get("RouterCallKeySequenceNumber")
    return fingerprint(cells, NAMES) if is_blank(sequence) else text_of(sequence)


def _identifier(cells: Mapping[str, Any], *names: str) -> str | None:
    """The first that is told; 0 and NULL tell none."""
    told = (text_of(cells.get(name)) for name in names)
    return next((one for one in told if one and one.strip().upper() not in ("0", "NULL")), None)


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "customer_id": ColumnMap(column="ANI"),
        "reason": ColumnMap(column="WrapupData"),
        "closed_at": ColumnMap(column="DateTime"),
        "ring_seconds": ColumnMap(column="RingTime"),
        "talk_seconds": ColumnMap(column="TalkTime"),
        "hold_seconds": ColumnMap(column="HoldTime"),
        "wrap_seconds": ColumnMap(column="WorkTime"),
    },
    derived={
        "leg_id": (
            "RouterCallKeyDay, RouterCallKey and RouterCallKeySequenceNumber; without that a fingerprint of its cells"
        ),
        "contact_id": "RouterCallKeyDay and RouterCallKey, which begins anew each day",
        "agent_id": "AgentPeripheralNumber, else AgentSkillTargetID",
        "queue": "PrecisionQueueID, else SkillGroupSkillTargetID, else CallTypeID",
        "wait_seconds": "LocalQTime, RingTime, DelayTime and NetQTime",
        "total_seconds": "Duration and NetQTime",
        "is_handled": "TalkTime above 0 on a leg that names an agent, where the export names agents at all",
        "is_transfer_out": "CallDisposition 28 or 29",
        "is_abandoned": "CallDisposition 1 to 4 without TalkTime",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds"),
    reasons={
        "short_call": "CallDisposition 7: gone within the time that the centre counts as too short to be a call.",
        "not_routed": (
            "RouterCallKey 0 or NULL: a call between agents, or dialled straight to one. ICM did not route it, and all"
            " such calls share the key, so that nothing tells which records are one call."
        ),
    },
    rule=(
        "DateTime is when a leg ended, its work time included, on the clock of the central controller: give its time"
        " zone. A leg started its total before that. One call has many records, of the menu's leg and of each agent;"
        " the menu's is not handled, since it names no agent."
    ),
)

CISCO_UCCE_TCD: Final = Source(
    "cisco_ucce_tcd",
    ("contacts",),
    "Cisco UCCE/PCCE Termination_Call_Detail: CSV, JSON or a frame of the table, or lines of a trace.",
    unconfirmed=(
        "CallDisposition 28 and 29 are transfers",
        "NetQTime is waiting before that of LocalQTime, and Duration does not hold it",
    ),
    legs=LEGS,
)
