"""Conversation details as Genesys Cloud tells them: participants, their sessions, segments and metrics, one a line."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from cxfusion.simulation.exports.legs import Leg, legs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["conversations"]

MEDIA: Final = {"phone": "voice", "app_call": "message", "web_call": "chat"}


def conversations(contact: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The one conversation of a canonical contact."""
    media = MEDIA.get(contact["channel"], contact["channel"])
    legs = legs_of(contact)
    customer = _session(contact, "customer", media, {}, [("interact", contact["started_at"], contact["ended_at"])])
    menu = _session(
        contact, "menu", media, {"tIvr": contact["ivr_seconds"]}, [("ivr", legs[0].started_at, legs[0].queued_at)]
    )
    participants = [
        {"purpose": "customer", "externalContactId": contact["customer_id"], "sessions": [customer]},
        {"purpose": "ivr", "sessions": [menu]},
    ]
    for leg in legs:
        participants.append({"purpose": "acd", "sessions": [_queueing(contact, leg, media)]})
        if leg.agent is not None:
            participants.append({"purpose": "agent", "userId": leg.agent, "sessions": [_serving(contact, leg, media)]})
    yield {
        "conversationId": contact["contact_id"],
        "conversationStart": _time(contact["started_at"]),
        "conversationEnd": _time(contact["ended_at"]),
        "originatingDirection": contact["direction"],
        "participants": participants,
    }


def _queueing(contact: Mapping[str, Any], leg: Leg, media: str) -> dict[str, Any]:
    gone = {"tAbandon": leg.wait_seconds} if leg.agent is None else {}
    waited = ("interact", leg.queued_at, leg.answered_at)
    return _session(contact, f"queue{leg.number}", media, {"tAcd": leg.wait_seconds, **gone}, [waited])


def _serving(contact: Mapping[str, Any], leg: Leg, media: str) -> dict[str, Any]:
    """An agent's session: what is unknown has no metric, and then there is no total either."""
    parts = {"tTalk": leg.talk_seconds, "tHeld": leg.hold_seconds, "tAcw": leg.wrap_seconds}
    known = {name: seconds for name, seconds in parts.items() if seconds is not None}
    total = {"tHandle": sum(known.values())} if len(known) == len(parts) else {}
    passed_on = {} if leg.is_last else {"nTransferred": 1}
    holds = [("hold", leg.left_at, leg.left_at)] * leg.n_holds  # their places within the call are not known
    wrapped = leg.left_at + dt.timedelta(seconds=leg.wrap_seconds or 0)
    session = _session(
        contact, f"agent{leg.number}", media, {"tAnswered": leg.wait_seconds, **known, **total},
        [("interact", leg.answered_at, leg.left_at), *holds, ("wrapup", leg.left_at, wrapped)],
    )  # fmt: skip
    session["segments"][-1]["wrapUpCode"] = contact["reason"]
    session["metrics"] += [
        {"name": name, "value": value, "emitDate": _time(wrapped)} for name, value in passed_on.items()
    ]
    return session


def _session(
    contact: Mapping[str, Any],
    name: str,
    media: str,
    metrics: Mapping[str, int | None],
    segments: list[tuple[str, dt.datetime, dt.datetime]],
) -> dict[str, Any]:
    """A session; metrics are in seconds here and in milliseconds there."""
    return {
        "sessionId": f"{contact['contact_id']}-{name}",
        "mediaType": media,
        "metrics": [
            {"name": metric, "value": 1000 * seconds, "emitDate": _time(segments[-1][2])}
            for metric, seconds in metrics.items()
            if seconds is not None
        ],
        "segments": [
            {"segmentType": kind, "segmentStart": _time(start), "segmentEnd": _time(end), "queueId": contact["queue"]}
            for kind, start, end in segments
        ],
    }


def _time(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
