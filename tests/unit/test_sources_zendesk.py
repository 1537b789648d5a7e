"""Zendesk: legs of Talk calls beside the calls, and tickets by their metrics; figures are counted by hand."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

import cxfusion as cx
from cxfusion.errors import MissingColumnError

CALLS = [
    {"id": 1, "created_at": "2026-03-02T10:00:00Z", "updated_at": "2026-03-02T11:00:00Z", "ticket_id": 70,
     "customer_id": 5, "direction": "inbound", "call_channel": "phone", "call_group_name": "Billing", "agent_id": 12,
     "ivr_time_spent": 10, "wait_time": 30, "talk_time": 240, "hold_time": 20, "wrap_up_time": 50, "duration": 300,
     "completion_status": "completed"},
    {"id": 2, "created_at": "2026-03-02T10:05:00Z", "updated_at": "2026-03-02T10:06:00Z", "wait_time": 44,
     "talk_time": 0, "agent_id": None, "completion_status": "abandoned_in_queue", "duration": 44},
    {"id": 3, "created_at": "2026-03-02T10:10:00Z", "updated_at": "2026-03-02T10:20:00Z", "wait_time": 5,
     "talk_time": 60, "hold_time": 0, "agent_id": 11, "completion_status": "completed", "duration": 65},
]  # fmt: skip
LEGS = [
    {"id": 100, "call_id": 1, "type": "customer", "created_at": "2026-03-02T10:00:00Z", "talk_time": 240,
     "wrap_up_time": None},
    {"id": 101, "call_id": 1, "type": "agent", "agent_id": 10, "created_at": "2026-03-02T10:00:20Z", "talk_time": 0,
     "completion_status": "agent_missed", "duration": 0, "hold_time": 0},
    {"id": 102, "call_id": 1, "type": "agent", "agent_id": 11, "created_at": "2026-03-02T10:00:40Z", "talk_time": 90,
     "hold_time": 20, "wrap_up_time": 15, "duration": 110},
    {"id": 103, "call_id": 1, "type": "agent", "agent_id": 12, "created_at": "2026-03-02T10:02:30Z", "talk_time": 150,
     "hold_time": 0, "wrap_up_time": 35, "duration": 180},
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    older = {**CALLS[0], "updated_at": "2026-03-02T10:30:00Z", "wait_time": 999}
    (tmp_path / "legs.json").write_text(json.dumps({"legs": [LEGS[3], *LEGS[:3], LEGS[1]]}))
    (tmp_path / "calls.json").write_text(json.dumps({"calls": [older, *CALLS]}))
    return tmp_path


def test_agents_of_a_call_are_its_legs(folder, read_log, by_id, set_aside):
    contacts = read_log(folder, "zendesk_talk_legs")
    rows = by_id(contacts)
    call = rows["1"]
    assert (call["wait_seconds"], call["ivr_seconds"], call["rewait_seconds"]) == (30, 10, 0)
    assert (call["talk_seconds"], call["hold_seconds"], call["wrap_seconds"]) == (90 + 150, 20, 15 + 35)
    assert (call["first_agent_id"], call["agent_id"], call["n_agents"], call["n_transfers"]) == ("11", "12", 2, 1)
    assert (call["case_id"], call["customer_id"], call["queue"]) == ("70", "5", "Billing")
    assert call["started_at"] == datetime(2026, 3, 2, 10)
    assert (rows["2"]["is_abandoned"], rows["2"]["wait_seconds"]) == (True, 44)
    assert (rows["3"]["is_abandoned"], rows["3"]["talk_seconds"], rows["3"]["wait_seconds"]) == (False, 60, 5)
    reasons = sorted(reason for _, _, reason in set_aside(contacts.legs))
    assert reasons == ["no_agent_leg", "older_call", "redelivery"]
    # talk + hold: of leg 103 it is 150, not 180; of the call 3, which has no leg, 60, not 65
    assert any("in 2 of 4 legs" in note for note in contacts.notes), contacts.notes


def test_calls_alone_are_what_they_are_without_legs(read_log, by_id):
    whole = by_id(read_log(CALLS, "zendesk_talk"))
    legs = by_id(read_log(CALLS, "zendesk_talk_legs"))
    for name in ("wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "agent_id", "is_abandoned", "queue"):
        assert {call: row[name] for call, row in legs.items()} == {call: row[name] for call, row in whole.items()}


def test_legs_without_their_call_start_when_they_say(read_log, by_id):
    row = by_id(read_log(LEGS, "zendesk_talk_legs"))["1"]
    assert row["started_at"] == datetime(2026, 3, 2, 10, 0, 20)
    assert row["talk_seconds"] == 240
    assert "wait_seconds" not in row


TICKETS = [
    {"id": 900, "ticket_id": 70, "created_at": "2026-03-02T10:00:00Z", "updated_at": "2026-03-03T10:00:00Z",
     "solved_at": "2026-03-02T16:00:00Z", "assignee_stations": 3, "group_stations": 2, "reopens": 1, "replies": 4,
     "reply_time_in_minutes": {"calendar": 90, "business": 60},
     "requester_wait_time_in_minutes": {"calendar": 240, "business": 120},
     "full_resolution_time_in_minutes": {"calendar": 360, "business": 300}},
    {"id": 901, "ticket_id": 71, "created_at": "2026-03-02T11:00:00Z", "updated_at": "2026-03-02T11:00:00Z",
     "solved_at": None, "assignee_stations": 0, "group_stations": 1, "reopens": 0, "replies": 0,
     "reply_time_in_minutes": {"calendar": None, "business": None}},
]  # fmt: skip


def test_a_ticket_is_a_contact_whose_minutes_are_seconds(by_id):
    older = {**TICKETS[0], "updated_at": "2026-03-02T12:00:00Z", "reopens": 0}
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts([older, *TICKETS], source="zendesk_tickets", session=session)
        rows = by_id(contacts)
        aside = session.collect(contacts.set_aside).to_pylist()
    ticket = rows["70"]
    assert (ticket["case_id"], ticket["n_reopens"], ticket["n_replies"], ticket["n_groups"]) == ("70", 1, 4, 2)
    assert ticket["wait_seconds"] == 90 * 60
    assert ticket["first_reply_business_seconds"] == 60 * 60
    assert ticket["requester_wait_seconds"] == 240 * 60
    assert ticket["full_resolution_seconds"] == 360 * 60
    assert (ticket["n_agents"], ticket["n_transfers"], ticket["is_resolved"]) == (3, 2, True)
    assert ticket["ended_at"] == datetime(2026, 3, 2, 16)
    fresh = rows["71"]
    assert (fresh["n_transfers"], fresh["is_resolved"], fresh["wait_seconds"]) == (0, False, None)
    assert [(row["reason"], row["source_row"]) for row in aside] == [("redelivery", 1)]
    assert not {"talk_seconds", "hold_seconds", "wrap_seconds"} & set(contacts.columns)  # a ticket has no handle time


def test_what_are_no_metrics_is_told():
    with pytest.raises(MissingColumnError, match="ticket metrics"):
        cx.read_contacts([{"id": 1, "subject": "x"}], source="zendesk_tickets")
