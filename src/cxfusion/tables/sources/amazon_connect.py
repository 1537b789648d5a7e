"""Amazon Connect contact records (formerly contact trace records): JSON, one record per connection to an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import ASIDE, LegExport, from_to, legs_of, yes_no
from cxfusion.tables.sources.records import dig, records
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cxfusion.tables.sources.records import Row

__all__ = ["AMAZON_CONNECT"]

WHAT: Final = "an export of Amazon Connect contact records"
NEEDED: Final = ("ContactId", "InitiationTimestamp")
DIRECTIONS: Final = {"INBOUND": "inbound", "OUTBOUND": "outbound"}
NOT_WAITING: Final = ("CALLBACK", "OUTBOUND")  # the customer waits in no queue: a callback, a call by the centre


def _read(data: Any) -> Iterator[Row]:
    return legs_of(records(data, WHAT, lists=("Contacts", "ContactTraceRecords")), NEEDED, _derive)


def _derive(record: Mapping[str, Any]) -> dict[str, Any]:
    method = dig(record, "InitiationMethod")
    first, previous = dig(record, "InitialContactId"), dig(record, "PreviousContactId")
    is_handled = dig(record, "Agent.ConnectedToAgentTimestamp") is not None
    waited = dig(record, "Queue.EnqueueTimestamp") is not None and method not in NOT_WAITING
    return {
        ASIDE: "monitor_leg" if method == "MONITOR" else None,
        "contact_id": first or record["ContactId"],
        "continues": None if first else previous,
        "agent_id": dig(record, "Agent.Username") or dig(record, "Agent.ARN"),
        "queue": dig(record, "Queue.Name") or dig(record, "Queue.ARN"),
        "direction": DIRECTIONS.get(str(method)),
        "ended_at": None if method == "DISCONNECT" else dig(record, "DisconnectTimestamp"),
        "is_handled": yes_no(is_so=is_handled),
        "is_transfer_out": yes_no(is_so=dig(record, "TransferCompletedTimestamp") is not None),
        "is_abandoned": yes_no(is_so=waited and not is_handled and dig(record, "NextContactId") is None),
    }


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "leg_id": ColumnMap(column="ContactId"),
        "customer_id": ColumnMap(column="CustomerEndpoint.Address"),
        "channel": ColumnMap(column="Channel"),
        "started_at": ColumnMap(column="InitiationTimestamp"),
        "answered_at": ColumnMap(column="Agent.ConnectedToAgentTimestamp"),
        "updated_at": ColumnMap(column="LastUpdateTimestamp"),
        "ivr_seconds": from_to("InitiationTimestamp", "Queue.EnqueueTimestamp"),
        "wait_seconds": ColumnMap(column="Queue.Duration"),
        "talk_seconds": ColumnMap(column="Agent.AgentInteractionDuration"),
        "hold_seconds": ColumnMap(column="Agent.CustomerHoldDuration"),
        "wrap_seconds": ColumnMap(column="Agent.AfterContactWorkDuration"),
        "total_seconds": from_to("Agent.ConnectedToAgentTimestamp", "Agent.AfterContactWorkEndTimestamp"),
        "n_holds": ColumnMap(column="Agent.NumberOfHolds"),
    },
    derived={
        "contact_id": "InitialContactId, else ContactId",
        "continues": "PreviousContactId, where there is no InitialContactId",
        "agent_id": "Agent.Username, else Agent.ARN",
        "queue": "Queue.Name, else Queue.ARN",
        "direction": "InitiationMethod INBOUND or OUTBOUND",
        "ended_at": "DisconnectTimestamp, but of a flow after hang-up (InitiationMethod DISCONNECT)",
        "is_handled": "Agent.ConnectedToAgentTimestamp is there",
        "is_transfer_out": "TransferCompletedTimestamp is there: passed on to a number outside",
        "is_abandoned": (
            "Queue.EnqueueTimestamp, but neither Agent.ConnectedToAgentTimestamp nor NextContactId; no callbacks"
        ),
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("talk_seconds", "hold_seconds", "wrap_seconds"),
    reasons={"monitor_leg": "A supervisor listened in; no customer was served."},
    rule=(
        "Records are delivered at least once, and again whenever they change, even days later: of each ContactId the"
        " record with the latest LastUpdateTimestamp counts. A contact is the chain of records that begin with one"
        " InitialContactId; the flow of a survey after hang-up (InitiationMethod DISCONNECT) is part of it. After a"
        " transfer to a number outside, DisconnectTimestamp is when the customer hung up there, so that handle time is"
        " never taken from it. CustomerEndpoint.Address is a telephone number: where the flow stores a customer's own"
        ' number, map it, as in `customer_id = "Attributes.account"`.'
    ),
)

AMAZON_CONNECT: Final = Source(
    "amazon_connect",
    ("contacts",),
    "Amazon Connect contact records: JSON lines, one JSON document, or a list of dicts.",
    unconfirmed=(
        "the time before a contact enters its queue (InitiationTimestamp to Queue.EnqueueTimestamp) is its time in the"
        " flow, the menu",
    ),
    legs=LEGS,
)
