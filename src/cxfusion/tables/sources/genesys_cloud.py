"""Genesys Cloud conversation details: nested JSON of participants, their sessions, metrics and segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import LegExport, yes_no
from cxfusion.tables.sources.records import Row, dig, listed, records, unreadable
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import is_blank, text_of, total_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["GENESYS_CLOUD"]

WHAT: Final = "an export of Genesys Cloud conversation details"
CUSTOMERS: Final = ("customer", "external")
LISTENING: Final = ("monitoredParticipantId", "coachedParticipantId", "bargedParticipantId")
NO_REASON: Final = "ININ-WRAP-UP-TIMEOUT"  # the agent gave none in time
SPOKEN: Final = ("interact", "hold")
NAMELESS: Final = "?"  # the key of what stands among metrics and has no name

Cells: TypeAlias = "Mapping[str, Any]"


def _read(data: Any) -> Iterator[Row]:
    n_legs: Counter[str] = Counter()
    for row in records(data, WHAT, lists=("conversations",)):
        for leg in _legs(row):
            n_legs[row.file] += 1
            yield Row(row.file, n_legs[row.file], leg.cells, leg.derived, leg.reason)


def _legs(row: Row) -> Iterator[Row]:
    """The conversation itself, each queueing and each agent's session as a leg."""
    if row.reason is not None:
        yield row
        return
    conversation = row.cells
    if not dig(conversation, "conversationId") or not dig(conversation, "conversationStart"):
        yield unreadable(row.file, row.number, str(dict(conversation)), "not_a_record")
        return
    sessions = [(p, s) for p in listed(conversation, "participants") for s in listed(p, "sessions")]
    customer = _customer(sessions)
    yield _leg(row, _conversation(conversation, sessions), customer)
    for participant, session in sessions:
        purpose = dig(participant, "purpose")
        if purpose in ("acd", "agent"):
            derived = _queueing(session) if purpose == "acd" else _serving(participant, session)
            is_listening = any(dig(session, name) for name in LISTENING)
            yield _leg(row, derived, customer, session, "monitor_leg" if is_listening else None)


def _leg(row: Row, derived: Cells, customer: Any, session: Cells | None = None, reason: str | None = None) -> Row:
    common = {
        "channel": dig(session, "mediaType"),
        "customer_id": customer,
        "updated_at": max(_times(listed(session, "metrics"), "emitDate"), default=None),
    }
    return Row(row.file, row.number, row.cells, {**common, **derived}, reason)


def _customer(sessions: Iterable[tuple[Cells, Cells]]) -> Any:
    found = [(p, s) for p, s in sessions if dig(p, "purpose") in CUSTOMERS]
    known = [dig(p, "externalContactId") for p, _ in found] + [dig(s, "ani") for _, s in found]
    first = next((one for one in known if one), None)
    return first.removeprefix("tel:") if isinstance(first, str) else first


def _conversation(conversation: Cells, sessions: Iterable[tuple[Cells, Cells]]) -> dict[str, Any]:
    """The leg of what the customer meets before any queue: the menu."""
    customers = [s for p, s in sessions if dig(p, "purpose") in CUSTOMERS]
    menus = [_told(_metrics(s), "tIvr") for p, s in sessions if dig(p, "purpose") == "ivr"]
    told = [milliseconds for milliseconds in menus if milliseconds is not None]
    metrics = [metric for _, s in sessions for metric in listed(s, "metrics")]
    segments = [segment for s in customers for segment in listed(s, "segments")]
    return {
        "leg_id": conversation["conversationId"],
        "started_at": conversation["conversationStart"],
        "ended_at": max(_times(segments, "segmentEnd"), default=None),
        "channel": next((dig(s, "mediaType") for s in customers), None),
        "updated_at": max(_times(metrics, "emitDate"), default=None),
        "ivr_milliseconds": total_of(*told) if told else None,
    }


def _queueing(session: Cells) -> dict[str, Any]:
    metrics = _metrics(session)
    return {
        **_session(session),
        "ended_at": max(_times(listed(session, "segments"), "segmentEnd"), default=None),
        "wait_milliseconds": _told(metrics, "tAcd", "tAbandon"),
        "is_abandoned": yes_no(is_so="tAbandon" in metrics),
    }


def _serving(participant: Cells, session: Cells) -> dict[str, Any]:
    """An agent's session. Where its own total is there, a part that is not took no time."""
    metrics, segments = _metrics(session), listed(session, "segments")
    absent = 0.0 if "tHandle" in metrics else None
    codes = [code for segment in segments if (code := segment.get("wrapUpCode")) and code != NO_REASON]
    spoken = [segment for segment in segments if segment.get("segmentType") in SPOKEN]
    return {
        **_session(session),
        "agent_id": dig(participant, "userId"),
        "answered_at": min(_times(spoken, "segmentStart"), default=None),
        "ended_at": max(_times(spoken, "segmentEnd"), default=None),
        "reason": codes[-1] if codes else None,
        "ring_milliseconds": _told(metrics, "tAlert"),
        "talk_milliseconds": _told(metrics, "tTalkComplete", "tTalk", absent=absent),
        "hold_milliseconds": _told(metrics, "tHeldComplete", "tHeld", absent=absent),
        "wrap_milliseconds": _told(metrics, "tAcw", absent=absent),
        "total_milliseconds": _told(metrics, "tHandle"),
        "n_holds": sum(segment.get("segmentType") == "hold" for segment in segments),
        "is_handled": yes_no(is_so=bool({"tTalk", "tTalkComplete", "tAnswered"} & metrics.keys())),
        "is_transfer_out": yes_no(is_so=bool(metrics.get("nTransferred"))),
    }


def _session(session: Cells) -> dict[str, Any]:
    segments = listed(session, "segments")
    return {
        "leg_id": dig(session, "sessionId"),
        "started_at": min(_times(segments, "segmentStart"), default=None),
        "queue": next((queue for segment in segments if (queue := segment.get("queueId"))), None),
    }


def _times(objects: Iterable[Cells], name: str) -> list[str]:
    """Times as the export writes them, which sort as text."""
    return [time for one in objects if isinstance(time := one.get(name), str)]


def _metrics(session: Cells) -> dict[str, float | str]:
    """Sum of each metric, in its own unit: those of talk and hold are told once per segment."""
    told: dict[str, list[Any]] = {}
    for metric in listed(session, "metrics"):
        if not is_blank(metric.get("value")):
            told.setdefault(str(metric.get("name")), []).append(metric["value"])
    sums = {name: total_of(*values) for name, values in told.items()} | {NAMELESS: _nameless(session)}
    return {name: value for name, value in sums.items() if value is not None}


def _nameless(session: Cells) -> str | None:
    """What stands among a session's metrics and is none: any of them may have stood there."""
    found = dig(session, "metrics")
    members = [one for one in found if not isinstance(one, Mapping)] if isinstance(found, list) else [found]
    odd = [one for one in members if not is_blank(one)]
    return f"among the metrics: {text_of(odd[0])}" if odd else None


def _told(metrics: Mapping[str, float | str], *names: str, absent: float | None = None) -> float | str | None:
    """The first of these metrics that a session tells; where none is, but something unreadable, that."""
    found = [metrics[name] for name in (*names, NAMELESS) if name in metrics]
    return found[0] if found else absent


def _milliseconds(name: str) -> ColumnMap:
    return ColumnMap(column=f"leg:{name}_milliseconds", unit="ms")


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "contact_id": ColumnMap(column="conversationId"),
        "direction": ColumnMap(column="originatingDirection"),
        **{f"{name}_seconds": _milliseconds(name) for name in ("ivr", "wait", "ring", "talk", "hold", "wrap", "total")},
    },
    derived={
        "leg_id": "sessionId of the queue's or agent's session; conversationId for what comes before them",
        "customer_id": "externalContactId of the customer or external participant, else the session's ani",
        "agent_id": "userId of the agent participant",
        "queue": "the session's first queueId (its name needs a list of queues)",
        "channel": "mediaType",
        "reason": "the session's last wrapUpCode but ININ-WRAP-UP-TIMEOUT, which means that none was given",
        "started_at": "conversationStart; else the session's first segmentStart",
        "answered_at": "start of the agent's first segment interact or hold",
        "ended_at": "end of the last segment; of agents of the last interact or hold",
        "updated_at": "the session's last emitDate",
        "n_holds": "segments of type hold",
        "is_handled": "an agent's session with tTalk, tTalkComplete or tAnswered",
        "is_transfer_out": "nTransferred",
        "is_abandoned": "a queue's session with tAbandon",
    },
    told={
        "ivr_seconds": "tIvr, in ms",
        "wait_seconds": "tAcd of the queue's session, else its tAbandon, in ms",
        "ring_seconds": "tAlert, in ms",
        "talk_seconds": "tTalkComplete, else the sum of tTalk, in ms",
        "hold_seconds": "tHeldComplete, else the sum of tHeld, in ms",
        "wrap_seconds": "tAcw, in ms",
        "total_seconds": "tHandle, in ms",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("talk_seconds", "hold_seconds", "wrap_seconds"),
    reasons={"monitor_leg": "A supervisor listened in, coached or barged in; no customer was served."},
    rule=(
        "A conversation has a leg for what comes before any queue, one for each queueing and one for each agent's"
        " session. tTalk and tTalkComplete (tHeld and tHeldComplete) are the same time: one of them is taken. An agent"
        " who did not respond can carry after-call work and tHandle; such a leg is kept, but is not handled: its"
        " time is in no contact. Where an agent's session tells tHandle, a part that it does not tell took no time. The"
        " time in the queue holds the alerts of all agents offered. A call straight to an agent has no queue and no"
        " wait."
    ),
)

GENESYS_CLOUD: Final = Source(
    "genesys_cloud",
    ("contacts",),
    "Genesys Cloud conversation details: the JSON of the analytics API or of its export jobs.",
    unconfirmed=(
        "a part of tHandle that a session does not tell (tTalk, tHeld, tAcw) took no time",
        "sessions that listen in are known by monitoredParticipantId, coachedParticipantId or bargedParticipantId",
    ),
    legs=LEGS,
)
