"""Contact logs that are reports or plain lists: Five9, Talkdesk, NICE CXone, Zendesk Talk."""

from __future__ import annotations

import csv
import json
from datetime import datetime

import pytest

from cxfusion.tables.sources.talkdesk import TALKDESK_CONTACTS


def write(path, header, *rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


FIVE9 = (
    *("CALL ID", "TIMESTAMP", "CALL TYPE", "SKILL", "AGENT", "DISPOSITION", "ANI", "IVR TIME", "QUEUE WAIT TIME"),
    *("RING TIME", "TALK TIME", "HOLD TIME", "AFTER CALL WORK TIME", "HANDLE TIME", "TRANSFERS", "HOLDS", "ABANDONED"),
)


def five9(call, agent, talk, **more):
    fixed = {"CALL ID": call, "TIMESTAMP": "Thu, 27 Oct 2016 14:51:34", "CALL TYPE": "Inbound", "AGENT": agent}
    return {**fixed, "TALK TIME": talk, "ABANDONED": "0"} | {name.replace("_", " "): more[name] for name in more}


def test_five9_rows_of_the_sample(vendor, read_log, by_id, set_aside):
    contacts = read_log(vendor / "five9" / "call_log_sample.csv", "five9_call_log", timezone="America/Los_Angeles")
    found = by_id(contacts)
    # four rows, the last two of them the same in every cell
    assert set(found) == {"24381", "24382", "24384"}
    assert set_aside(contacts.legs) == [(4, None, "redelivery")]
    assert found["24382"]["ivr_seconds"] == 3
    assert {row["direction"] for row in found.values()} == {"outbound"}  # Autodial
    # all from 5550000001, the centre's own number; whom it called is in DNIS
    customers = {"24381": "5550000002", "24382": "5550000003", "24384": "5550000004"}
    assert {call: row["customer_id"] for call, row in found.items()} == customers
    assert found["24381"]["started_at"] == datetime(2016, 10, 27, 21, 51, 34)  # seven hours behind in October
    assert all(row["n_agents"] == 0 for row in found.values())  # [None]


def test_five9_segments_and_identity(tmp_path, read_log, by_id, set_aside):
    times = {"QUEUE_WAIT_TIME": "00:00:40", "RING_TIME": "00:00:05", "IVR_TIME": "00:00:12", "HOLD_TIME": "00:00:30"}
    times |= {"AFTER_CALL_WORK_TIME": "00:00:20", "HOLDS": "1", "SKILL": "sales"}
    served = five9("7", "ann", "00:03:00", HANDLE_TIME="00:03:50", ANI="4900", **times)
    inside = five9("8", "ben", "00:03:00", HANDLE_TIME="00:03:20", **times)  # here talk holds the hold
    gone = five9("9", "", "", ABANDONED="1", QUEUE_WAIT_TIME="00:01:10")
    second = five9("7", "cai", "00:01:00", TIMESTAMP="Thu, 27 Oct 2016 14:56:00", HANDLE_TIME="00:01:00", TRANSFERS="1")
    header = [name.title() for name in FIVE9]  # letter case does not matter
    rows = [{name.title(): cell for name, cell in row.items()} for row in (served, inside, gone, second)]
    path = write(tmp_path / "report.csv", header, *rows)
    path.write_text(path.read_text() + "1,2,3\n", encoding="utf-8")
    contacts = read_log(path, "five9_call_log")
    found = by_id(contacts)
    assert (found["7"]["talk_seconds"], found["7"]["hold_seconds"], found["7"]["wrap_seconds"]) == (240, 30, 20)
    assert found["7"]["wait_seconds"] == 45  # 40 s in the queue and 5 s of ringing
    assert (found["7"]["first_agent_id"], found["7"]["agent_id"], found["7"]["n_transfers"]) == ("ann", "cai", 1)
    assert (found["9"]["is_abandoned"], found["9"]["wait_seconds"]) == (True, 70)
    assert (found["7"]["customer_id"], found["9"]["customer_id"]) == ("4900", None)
    # 180 + 30 + 20 = 230 = 03:50; for call 8 the total is 200, 30 s less: 1 of the 2 that tell all parts
    assert any("in 1 of 2 legs" in note for note in contacts.notes)
    assert set_aside(contacts.legs) == [(5, None, "unreadable_record")]


def test_five9_segments_are_the_same_in_a_report_that_has_got_more_columns(tmp_path, read_log, by_id, set_aside):
    served = five9("7", "ann", "00:03:00", SKILL="sales")
    passed_on = five9("7", "ben", "00:01:00", TIMESTAMP="Thu, 27 Oct 2016 14:56:00")
    write(tmp_path / "night1.csv", FIVE9, served)
    more = {"CAMPAIGN": "web", "COST": "0.05"}
    write(tmp_path / "night2.csv", ("CAMPAIGN", *FIVE9, "COST"), served | more, passed_on | more)
    contacts = read_log(tmp_path, "five9_call_log")
    (call,) = by_id(contacts).values()
    assert (call["talk_seconds"], call["n_agents"]) == (240, 2)
    assert [reason for _, _, reason in set_aside(contacts.legs)] == ["redelivery"]


TALKDESK = (
    *("Interaction ID", "Contact ID", "Contact Person Number", "Direction", "Contact Type", "Started At", "Wait Time"),
    *("Abandon Time", "Ring Time", "Talk Time", "Hold Time", "After Call Work Time", "Finished At", "Handle Time"),
    *("Transfer Out (Yes/No)", "Ring Groups", "User ID", "Data Status (Valid / Damaged)"),
)


def talkdesk(contact, kind, started, **more):
    fixed = {"Interaction ID": contact[0], "Contact ID": contact, "Contact Type": kind, "Started At": started}
    return {**fixed, "Data Status (Valid / Damaged)": "Valid"} | {name.replace("_", " "): more[name] for name in more}


def test_the_headings_of_talkdesk_are_those_of_a_report(vendor):
    with (vendor / "talkdesk" / "contacts_report_header.csv").open(encoding="utf-8-sig") as file:
        header = next(csv.reader(file))
    read = {source for how in TALKDESK_CONTACTS.legs.fields.values() for source in how.sources}
    assert read | set(TALKDESK) <= set(header)


def test_talkdesk_interactions(tmp_path, read_log, by_id, set_aside):
    first = talkdesk(
        "a1",
        "Answered",
        "2026-03-02 10:00:00",
        **{"Wait_Time": "00:00:30", "Ring_Time": "00:00:10", "Talk_Time": "00:02:00", "Hold_Time": "00:00:15"},
        **{"After_Call_Work_Time": "00:00:20", "Handle_Time": "00:02:35", "Ring_Groups": "sales", "User_ID": "ann"},
        **{"Transfer_Out (Yes/No)": "Yes", "Finished_At": "2026-03-02 10:02:45"},
    )
    second = talkdesk(
        "a2", "Answered", "2026-03-02 10:02:45", Wait_Time="00:00:12", Talk_Time="00:01:00", User_ID="ben"
    )
    rows = [
        second,
        first,
        talkdesk("b1", "Short Abandoned", "2026-03-02 10:05:00", Abandon_Time="00:00:04"),
        talkdesk("c1", "Missed", "2026-03-02 10:06:00", Wait_Time="00:01:00"),
        talkdesk("d1", "Answered", "2026-03-02 10:07:00", **{"Data Status (Valid / Damaged)": "Damaged"}),
    ]
    contacts = read_log(write(tmp_path / "report.csv", TALKDESK, *rows), "talkdesk_contacts", timezone="Europe/Lisbon")
    found = by_id(contacts)
    assert (found["a"]["talk_seconds"], found["a"]["hold_seconds"], found["a"]["wrap_seconds"]) == (180, 15, 20)
    assert (found["a"]["wait_seconds"], found["a"]["rewait_seconds"], found["a"]["ring_seconds"]) == (30, 12, 10)
    assert (found["a"]["agent_id"], found["a"]["n_transfers"], found["a"]["queue"]) == ("ben", 1, "sales")
    assert (found["b"]["is_abandoned"], found["b"]["wait_seconds"]) == (True, 4)
    assert found["c"]["is_abandoned"] is None  # the system ended it
    assert set_aside(contacts.legs) == [(5, None, "damaged")]
    assert any("in 0 of 1 legs" in note for note in contacts.notes)  # 120 + 15 + 20 = 155 s = 02:35


@pytest.mark.parametrize(("first", "second"), [("", "00:00:45"), ("00:00:00", "00:00:45"), ("00:00:45", "")])
def test_talkdesk_work_after_the_call_that_only_one_nights_report_tells(tmp_path, read_log, by_id, first, second):
    for name, work in (("night1.csv", first), ("night2.csv", second)):
        row = talkdesk("a1", "Answered", "2026-03-02 23:50:00", Talk_Time="00:02:00", After_Call_Work_Time=work)
        write(tmp_path / name, TALKDESK, row)
    (contact,) = by_id(read_log(tmp_path, "talkdesk_contacts")).values()
    assert (contact["talk_seconds"], contact["wrap_seconds"]) == (120, 45)


def cxone(contact, master, start, **more):
    return {"contactId": contact, "masterContactId": master, "contactStart": start, "isOutbound": False, **more}


CXONE = [
    cxone(
        *(1, 1, "2026-03-02T10:00:00.000"),
        **{"agentId": 11, "skillName": "sales", "fromAddr": "4900", "preQueueSeconds": 8, "inQueueSeconds": 20.5},
        **{"routingTime": 3, "agentSeconds": 100, "holdSeconds": 30, "confSeconds": 0, "holdCount": 1},
        **{"ACWSeconds": 0, "totalDurationSeconds": 128.5, "abandoned": False},
        lastUpdateTime="2026-03-02T10:03:00.000Z",
    ),
    cxone(2, 1, "2026-03-02T10:02:00.000", agentId=12, agentSeconds=50, confSeconds=5, inQueueSeconds=6),
    cxone(3, 2, "2026-03-02T10:04:00.000", agentId=13, agentSeconds=20, inQueueSeconds=4),
    cxone(4, 4, "2026-03-02T11:00:00.000", agentId=0, inQueueSeconds=61, abandoned=True),
    cxone(5, 5, "2026-03-02T11:00:00.000", agentId=11, agentSeconds=10, holdSeconds=30),
    cxone(6, 7, "2026-03-02T12:00:00.000", agentId=11, agentSeconds=10),
    cxone(7, 6, "2026-03-02T12:01:00.000", agentId=12, agentSeconds=10),
]


def test_cxone_chains_of_masters(read_log, by_id, set_aside):
    # the first contact is told again once its after-call work is known
    later = CXONE[0] | {"ACWSeconds": 25, "lastUpdateTime": "2026-03-02T10:09:00.000Z"}
    contacts = read_log([later, {"completedContacts": CXONE}], "nice_cxone_completed", timezone="Asia/Tokyo")
    found = by_id(contacts)
    assert (found["1"]["talk_seconds"], found["1"]["hold_seconds"], found["1"]["wrap_seconds"]) == (135, 30, 25)
    # 100 − 30, 50 − 5 and 20; the third contact's master is the second, whose master is the first
    assert (found["1"]["wait_seconds"], found["1"]["rewait_seconds"], found["1"]["n_transfers"]) == (20.5, 10, 2)
    assert (found["1"]["first_agent_id"], found["1"]["agent_id"], found["1"]["direction"]) == ("11", "13", "inbound")
    assert found["1"]["started_at"] == datetime(2026, 3, 2, 10)  # UTC, whatever the site's zone
    assert (found["4"]["is_abandoned"], found["4"]["wait_seconds"]) == (True, 61)
    assert found["5"]["talk_seconds"] is None  # 10 − 30 is no time: agentSeconds does not hold the hold here
    assert found["6"]["talk_seconds"] == 20  # two contacts that name each other: the smaller id
    assert (None, "redelivery") in [(column, reason) for _, column, reason in set_aside(contacts.legs)]
    assert ("talk_seconds", "negative_duration") in [row[1:] for row in set_aside(contacts.legs)]


@pytest.mark.parametrize(
    ("agent", "hold", "talk"), [("1.200,5", "30,25", 1170.25), ("00:20:00", "00:00:30", 1170), ("100,5", "0", 100.5)]
)
def test_cxone_durations_as_a_table_of_this_country_writes_them(tmp_path, read_log, by_id, agent, hold, talk):
    row = {"contactId": "1", "contactStart": "2026-03-02T10:00:00Z", "agentId": "7", "isOutbound": "N"}
    row |= {"agentSeconds": agent, "holdSeconds": hold, "ACWSeconds": "10,5"}
    path = tmp_path / "contacts.csv"
    path.write_text(";".join(row) + "\n" + ";".join(row.values()) + "\n", encoding="utf-8")
    (contact,) = by_id(read_log(path, "nice_cxone_completed")).values()
    assert (contact["talk_seconds"], contact["wrap_seconds"], contact["agent_id"]) == (talk, 10.5, "7")


def test_cxone_talk_that_may_be_one_thing_or_another_is_set_aside(read_log, by_id, set_aside):
    # thousands, or three decimals: nothing in the row tells, and the hold cannot be taken off
    row = cxone(1, 0, "2026-03-02T10:00:00Z", agentId=7, agentSeconds="1,200", holdSeconds=30)
    contacts = read_log([row], "nice_cxone_completed")
    (contact,) = by_id(contacts).values()
    assert (contact.get("talk_seconds"), contact["hold_seconds"], contact["agent_id"]) == (None, 30, "7")
    assert set_aside(contacts.legs) == [(1, "talk_seconds", "not_a_number")]


@pytest.mark.parametrize("none", [0, "0", "", None])
def test_cxone_contacts_without_a_master_stand_alone(read_log, by_id, none):
    begun = [cxone(n, none, "2026-03-02T10:00:00.000", agentId=10 + n, agentSeconds=n * 10) for n in (1, 2, 3)]
    passed = cxone(4, 3, "2026-03-02T10:05:00.000", agentId=14, agentSeconds=40)
    found = by_id(read_log([*begun, passed], "nice_cxone_completed"))
    talk = {contact: (row["talk_seconds"], row["n_transfers"]) for contact, row in found.items()}
    assert talk == {"1": (10, 0), "2": (20, 0), "3": (70, 1)}


def test_cxone_contacts_that_the_centre_began_name_no_customer(read_log, by_id):
    calls = [
        cxone(1, 1, "2026-03-02T10:00:00.000", isOutbound=True, fromAddr="4800", agentId=11, agentSeconds=10),
        cxone(2, 2, "2026-03-02T11:00:00.000", isOutbound="Y", fromAddr="4800", agentId=11, agentSeconds=10),
        cxone(3, 3, "2026-03-02T12:00:00.000", fromAddr="4900", agentId=11, agentSeconds=10),
    ]
    found = by_id(read_log(calls, "nice_cxone_completed"))
    assert {contact: row["customer_id"] for contact, row in found.items()} == {"1": None, "2": None, "3": "4900"}


def test_zendesk_calls(tmp_path, read_log, by_id, set_aside):
    call = {"id": 112233, "agent_id": 12345, "call_group_id": 6789, "created_at": "2021-07-01T12:34:56Z"}
    call |= {"completion_status": "completed", "ivr_time_spent": 15, "talk_time": 100, "wait_time": 30, "hold_time": 20}
    call |= {"wrap_up_time": 15, "ticket_id": 9, "duration": 165, "updated_at": "2021-07-01T12:40:00Z"}
    early = call | {"talk_time": 50, "updated_at": "2021-07-01T12:36:00Z"}
    gone = {"id": 5, "created_at": "2021-07-01T12:00:00Z", "completion_status": "abandoned_in_queue", "wait_time": 33}
    path = tmp_path / "calls.json"
    path.write_text(json.dumps({"calls": [call, early, gone | {"agent_id": None}]}), encoding="utf-8")
    contacts = read_log(path, "zendesk_talk")
    found = by_id(contacts)
    assert (found["112233"]["talk_seconds"], found["112233"]["wrap_seconds"]) == (100, 15)
    assert (found["112233"]["case_id"], found["112233"]["agent_id"], found["112233"]["queue"]) == ("9", "12345", "6789")
    assert (found["5"]["is_abandoned"], found["5"]["wait_seconds"]) == (True, 33)
    # a call is one record, whoever took part: transfers are unknown, not none
    assert not {"n_transfers", "n_agents", "first_agent_id", "rewait_seconds"} & set(contacts.columns)
    assert set_aside(contacts.legs) == [(2, None, "redelivery")]
    assert any("in 0 of 1 legs" in note for note in contacts.notes)  # 15 + 30 + 100 + 20 = 165


def test_a_call_of_zendesk_as_documented(vendor, read_log, by_id):
    (contact,) = by_id(read_log(vendor / "zendesk" / "talk_call_example.json", "zendesk_talk")).values()
    assert (contact["ivr_seconds"], contact["customer_id"], contact["direction"]) == (15, "24680", "inbound")
    assert contact["started_at"] == datetime(2021, 7, 1, 12, 34, 56)


def test_a_wait_is_unknown_where_its_ringing_could_not_be_read(read_log, by_id):
    rings = {"1": "00:00:05", "2": "", "3": "12%"}
    rows = [five9(call, "ann", "00:03:00", QUEUE_WAIT_TIME="00:00:40", RING_TIME=ring) for call, ring in rings.items()]
    found = by_id(read_log(rows, "five9_call_log"))
    assert {call: row["wait_seconds"] for call, row in found.items()} == {"1": 45, "2": 40, "3": None}


@pytest.mark.parametrize("source", ["five9_call_log", "talkdesk_contacts", "nice_cxone_completed", "zendesk_talk"])
def test_cells_that_cannot_be_read_keep_their_rows(read_log, by_id, source):
    keys = {"CALL ID": "1", "Interaction ID": "1", "Contact ID": "1", "contactId": "1", "id": "1"}
    times = dict.fromkeys(["TIMESTAMP", "Started At", "contactStart", "created_at"], "2026-03-02T10:00:00Z")
    odd = {"TALK TIME": "=cmd()", "Talk Time": "inf", "agentSeconds": [1], "talk_time": {"a": None}, "wait_time": "-3"}
    contacts = read_log([keys | times | odd], source)
    assert set(by_id(contacts)) == {"1"}
    assert by_id(contacts)["1"].get("talk_seconds") is None
