"""Contact records as Amazon Connect writes them: one per connection to an agent, JSON, one a line."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from cxfusion.simulation.exports.legs import Leg, legs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CONNECT_COLUMNS", "connect_records"]

CONNECT_COLUMNS: Final = {
    "customer_id": "Attributes.customer",
    "reason": "Attributes.reason",
    "channel": "Attributes.entry",
}
"""What the centre's flow stores as attributes of the contact; its own fields need no map."""


def connect_records(contact: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Records of one canonical contact."""
    for leg in legs_of(contact):
        yield {
            "AWSContactTraceRecordFormatVersion": "2017-03-10",
            **_chain(contact["contact_id"], leg),
            "Agent": None if leg.agent is None else _agent(leg),
            "Attributes": {
                "customer": contact["customer_id"],
                "reason": contact["reason"],
                "entry": contact["channel"],
            },
            "Channel": "VOICE",
            "CustomerEndpoint": {"Address": f"+1555{contact['customer_id'][-7:]}", "Type": "TELEPHONE_NUMBER"},
            "DisconnectReason": "CUSTOMER_DISCONNECT" if leg.is_last else None,
            "DisconnectTimestamp": _time(leg.left_at),
            "InitiationMethod": "INBOUND" if leg.number == 0 else "TRANSFER",
            "InitiationTimestamp": _time(leg.started_at),
            "LastUpdateTimestamp": _time(leg.left_at + dt.timedelta(seconds=60 + (leg.wrap_seconds or 0))),
            "Queue": {
                "Name": contact["queue"],
                "EnqueueTimestamp": _time(leg.queued_at),
                "DequeueTimestamp": _time(leg.answered_at),
                "Duration": leg.wait_seconds,
            },
            "TransferCompletedTimestamp": None,
        }


def _chain(contact_id: str, leg: Leg) -> dict[str, Any]:
    """Ids of this record and its neighbours; the first one has the contact's own id."""
    ids = [contact_id if number == 0 else f"{contact_id}.{number}" for number in range(leg.number + 2)]
    is_first = leg.number == 0
    return {
        "ContactId": ids[leg.number],
        "InitialContactId": None if is_first else contact_id,
        "PreviousContactId": None if is_first else ids[leg.number - 1],
        "NextContactId": None if leg.is_last else ids[leg.number + 1],
    }


def _agent(leg: Leg) -> dict[str, Any]:
    wrap_ended = leg.left_at + dt.timedelta(seconds=leg.wrap_seconds or 0)
    return {
        "Username": leg.agent,
        "ConnectedToAgentTimestamp": _time(leg.answered_at),
        "AgentInteractionDuration": leg.talk_seconds,
        "CustomerHoldDuration": leg.hold_seconds,
        "NumberOfHolds": leg.n_holds,
        "AfterContactWorkDuration": leg.wrap_seconds,
        "AfterContactWorkStartTimestamp": _time(leg.left_at),
        "AfterContactWorkEndTimestamp": _time(wrap_ended),
    }


def _time(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
