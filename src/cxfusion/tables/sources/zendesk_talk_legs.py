"""Zendesk Talk calls with their legs: the call tells menu and wait, the leg of each agent talk, hold and wrap-up.

Both exports lie in one folder or match one pattern. Legs of a call may come before it or in another file, so that both
are held in memory: a few fields of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import ASIDE, LegExport, yes_no
from cxfusion.tables.sources.records import Row, records, unreadable
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import is_some_time, number_of, text_of
from cxfusion.tables.sources.zendesk_talk import queue_of, was_abandoned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ZENDESK_TALK_LEGS"]

WHAT: Final = "exports of Zendesk Talk calls and their legs"
OF_CALL: Final = ("ticket_id", "customer_id", "call_channel", "direction", "created_at", "ivr_time_spent", "wait_time")
OF_TALK: Final = ("agent_id", "talk_time", "hold_time", "wrap_up_time", "duration", "updated_at")
STATUS: Final = "completion_status"
GROUP: Final = ("call_group_name", "call_group_id")


@dataclass
class Call:
    """What the exports tell of one call.

    Attributes
    ----------
    told : list of Row
        Its records, once or again.
    legs : list of Row
        The legs of its agents.
    """

    told: list[Row] = field(default_factory=list)
    legs: list[Row] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """Its legs; a call without any is its own."""
        self.told.sort(key=lambda row: str(row.cells.get("updated_at") or ""))
        last = self.told[-1] if self.told else None
        for row in self.told[:-1]:
            yield _set_aside(row, "older_call")
        if last is not None and not self.legs:
            yield _own_leg(last)
            return
        self.legs.sort(key=lambda row: (str(row.cells.get("created_at") or ""), number_of(row.cells["id"]) or 0.0))
        call = last.cells if last else {}
        for row in self.legs:
            yield _leg(row, call, is_first=row.cells["id"] == self.legs[0].cells["id"])


def _read(data: Any) -> Iterator[Row]:
    calls: dict[str, Call] = {}
    for row in records(data, WHAT, lists=("calls", "legs")):
        call_id, own_id = (text_of(row.cells.get(name)) for name in ("call_id", "id"))
        if row.reason is not None:
            yield row
        elif own_id is None:
            yield unreadable(row.file, row.number, str(dict(row.cells)), "not_a_record")
        elif call_id is None:
            call = calls.setdefault(own_id, Call())
            call.told.append(_few(row, "id", *OF_CALL, *OF_TALK, *GROUP, STATUS))
        elif row.cells.get("type") == "agent":
            call = calls.setdefault(call_id, Call())
            call.legs.append(_few(row, "id", "call_id", "created_at", *OF_TALK, STATUS))
        else:
            yield _set_aside(row, "no_agent_leg")
    for call in calls.values():
        yield from call.rows()


def _few(row: Row, *names: str) -> Row:
    return Row(row.file, row.number, {name: row.cells[name] for name in names if name in row.cells})


def _set_aside(row: Row, reason: str) -> Row:
    return Row(row.file, row.number, derived={"leg_id": text_of(row.cells["id"])}, reason=reason)


def _own_leg(row: Row) -> Row:
    """A call of which no leg is told."""
    is_handled = bool(text_of(row.cells.get("agent_id"))) and _talked(row.cells)
    derived = {
        "leg_id": f"call {row.cells['id']}",
        **_of_call(row.cells, row.cells["id"]),
        "is_handled": yes_no(is_so=is_handled),
        "is_abandoned": yes_no(is_so=not is_handled and was_abandoned(row.cells)),
    }
    return Row(row.file, row.number, row.cells, derived)


def _leg(row: Row, call: Mapping[str, Any], *, is_first: bool) -> Row:
    """The leg of an agent; the first one waited as long as the call did, and any later one is part of the same call."""
    of_call = _of_call(call, row.cells["call_id"])
    if not is_first:
        of_call |= dict.fromkeys(("ivr_seconds", "wait_seconds"))
        of_call["started_at"] = row.cells.get("created_at") or of_call["started_at"]
    is_handled = _talked(row.cells)
    derived = {
        "leg_id": row.cells["id"],
        **of_call,
        "started_at": of_call["started_at"] or row.cells.get("created_at"),
        "is_handled": yes_no(is_so=is_handled),
        "is_abandoned": yes_no(is_so=not is_handled and was_abandoned(call)),
    }
    return Row(row.file, row.number, row.cells, {name: cell for name, cell in derived.items() if name != ASIDE})


def _of_call(call: Mapping[str, Any], contact: Any) -> dict[str, Any]:
    return {
        "contact_id": contact,
        "case_id": call.get("ticket_id"),
        "customer_id": call.get("customer_id"),
        "channel": call.get("call_channel"),
        "direction": call.get("direction"),
        "queue": queue_of(call),
        "started_at": call.get("created_at"),
        "ivr_seconds": call.get("ivr_time_spent"),
        "wait_seconds": call.get("wait_time"),
    }


def _talked(cells: Mapping[str, Any]) -> bool:
    return is_some_time(cells.get("talk_time"))


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "agent_id": ColumnMap(column="agent_id"),
        "updated_at": ColumnMap(column="updated_at"),
        "talk_seconds": ColumnMap(column="talk_time"),
        "hold_seconds": ColumnMap(column="hold_time"),
        "wrap_seconds": ColumnMap(column="wrap_up_time"),
        "total_seconds": ColumnMap(column="duration"),
    },
    derived={
        "leg_id": "id of the leg; of a call without legs its own id",
        "contact_id": "call_id of the leg, id of the call",
        "case_id": "ticket_id of the call",
        "customer_id": "customer_id of the call",
        "channel": "call_channel of the call",
        "direction": "direction of the call",
        "queue": "call_group_name of the call, else call_group_id",
        "started_at": "created_at of the call; of later legs their own, where they tell one",
        "ivr_seconds": "ivr_time_spent of the call, on its first leg",
        "wait_seconds": "wait_time of the call, on its first leg",
        "is_handled": "talk_time above 0; of a call without legs an agent_id too",
        "is_abandoned": "completion_status of the call that begins with abandoned, without talk",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("talk_seconds", "hold_seconds"),
    reasons={
        "no_agent_leg": "The leg is the customer's, a supervisor's, or of a number outside: the agents' tell the call.",
        "older_call": "The call was told again; its last update counts.",
    },
    rule=(
        "Legs of type agent are legs, the first of them with the menu and the wait of its call, so that agents and"
        " transfers are counted. A call of which the export has no agent's leg is one leg itself."
    ),
)

ZENDESK_TALK_LEGS: Final = Source(
    "zendesk_talk_legs",
    ("contacts",),
    "Zendesk Talk calls and their legs: JSON of both incremental exports, in one folder or under one pattern.",
    unconfirmed=(
        "duration of a leg is its talk_time and hold_time (checked by duration)",
        "duration of a call of which no leg is told holds menu and wait too",
        "values of completion_status that begin with abandoned",
    ),
    legs=LEGS,
)
