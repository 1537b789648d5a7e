"""Cisco Termination_Call_Detail: the formula of Duration, times told at the end, many records per call."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cxfusion.errors import InputError

SOURCE = "cisco_ucce_tcd"


def record(key, sequence, ended, *, agent=None, disposition=13, queue=0, ring=0, talk=0, hold=0, work=0, **more):
    """A record whose Duration is the sum of its parts."""
    parts = {"LocalQTime": queue, "RingTime": ring, "TalkTime": talk, "HoldTime": hold, "WorkTime": work}
    return {
        "DateTime": ended,
        "RouterCallKeyDay": 155000,
        "RouterCallKey": key,
        "RouterCallKeySequenceNumber": sequence,
        "ANI": "4900",
        "AgentPeripheralNumber": agent,
        "AgentSkillTargetID": agent,
        "PrecisionQueueID": "NULL",
        "SkillGroupSkillTargetID": "5001",
        "CallDisposition": disposition,
        "DelayTime": 1,
        "Duration": 1 + sum(parts.values()),
        **parts,
        **more,
    }


RECORDS = [
    record(1, 0, "2026-03-02 10:00:40", queue=30, work=0),  # the leg of the voice menu: no agent
    record(1, 1, "2026-03-02 10:03:00", agent="101", ring=5, talk=90, hold=10, work=14, disposition=28),
    record(1, 2, "2026-03-02 10:05:00", agent="102", queue=20, ring=4, talk=60, work=10),
    record(2, 0, "2026-03-02 10:01:00", queue=44, disposition=2),  # gave up in the queue
    record(3, 0, "2026-03-02 10:02:00", disposition=7),  # too short to be a call
    record(4, 0, "2026-03-02 10:09:00", agent="101", talk=30, NetQTime=25),  # queued at the network's own menu
    record(4, 0, "2026-03-02 10:09:00", agent="101", talk=30, NetQTime=25),  # the same record again
]


def test_duration_is_the_sum_of_its_parts(vendor, read_log, by_id):
    contacts = read_log(vendor / "cisco_ucce" / "tcd_trace_example.txt", SOURCE, timezone="America/New_York")
    (leg,) = by_id(contacts.legs).values()
    assert (leg["ring_seconds"], leg["talk_seconds"], leg["hold_seconds"], leg["wrap_seconds"]) == (3, 365, 0, 8)
    assert leg["wait_seconds"] == 78 == 72 + 3 + 3  # queue, ring, delay
    assert leg["total_seconds"] == 451 == 72 + 3 + 365 + 8 + 0 + 3
    # the trace tells 04/26 15:28:00 and day 146577, which is in 2002: 15:28:00 in New York is 19:28:00 UTC
    assert leg["closed_at"] == datetime(2002, 4, 26, 19, 28)
    (contact,) = by_id(contacts).values()
    assert contact["started_at"] == datetime(2002, 4, 26, 19, 20, 29)  # 451 s before
    assert (contact["contact_id"], contact["is_abandoned"]) == ("146577-29204", False)
    assert any("in 0 of 1 legs that tell both" in note for note in contacts.notes)


def check(found, aside):
    first, gone, network = (found[f"155000-{key}"] for key in (1, 2, 4))
    assert (first["talk_seconds"], first["hold_seconds"], first["wrap_seconds"]) == (150, 10, 24)
    # the menu's leg 30 + 1, the first agent's 5 + 1 until the first answer; the second agent's 20 + 4 + 1 after it
    assert (first["wait_seconds"], first["rewait_seconds"]) == (37, 25)
    assert (first["first_agent_id"], first["agent_id"], first["n_transfers"]) == ("101", "102", 1)
    assert first["started_at"] == datetime(2026, 3, 2, 10, 0, 9)  # 10:00:40 less 31 s
    assert (gone["is_abandoned"], gone["wait_seconds"], gone["queue"]) == (True, 45, "5001")
    assert (network["wait_seconds"], network["talk_seconds"]) == (26, 30)
    assert sorted(reason for _, _, reason in aside) == ["redelivery", "short_call"]


def test_a_file_of_the_table(tmp_path, read_log, by_id, set_aside):
    path = tmp_path / "tcd.csv"
    frame = pd.DataFrame(RECORDS)
    frame.rename(columns=str.upper).to_csv(path, index=False)  # some databases give names in capitals
    contacts = read_log(path, SOURCE)
    check(by_id(contacts), set_aside(contacts.legs))


def test_a_frame_of_the_table(read_log, by_id, set_aside):
    frame = pd.DataFrame(RECORDS).assign(DateTime=lambda rows: pd.to_datetime(rows["DateTime"]))
    contacts = read_log(frame, SOURCE)
    check(by_id(contacts), set_aside(contacts.legs))


@pytest.mark.parametrize("sequence", [None, "NULL"])
def test_records_without_their_sequence_are_all_of_the_call(read_log, by_id, set_aside, sequence):
    contacts = read_log([one | {"RouterCallKeySequenceNumber": sequence} for one in RECORDS], SOURCE)
    check(by_id(contacts), set_aside(contacts.legs))


@pytest.mark.parametrize("held", [float, Decimal, np.int64])
def test_whole_numbers_and_names_are_the_same_however_they_are_kept(read_log, by_id, set_aside, held):
    # gaps make floats of whole numbers, databases keep them as decimals, and many write names small
    rows = [
        {
            name.lower(): value if value is None or name in ("DateTime", "PrecisionQueueID") else held(value)
            for name, value in one.items()
        }
        for one in RECORDS
    ]
    frame = pd.DataFrame(rows)
    for data in (rows, frame, frame.to_dict("records")):
        contacts = read_log(data, SOURCE)
        check(by_id(contacts), set_aside(contacts.legs))


def test_calls_that_were_not_routed_are_not_taken_for_one(read_log, by_id, set_aside):
    # dialled straight to an agent: all of a day have the key 0, whatever else they are
    direct = [
        record(0, 0, "2026-03-02 11:00:00", agent="101", talk=60),
        record(0, 0, "2026-03-02 12:00:00", agent="102", talk=120),
        record("0.0", 1, "2026-03-02 13:00:00", agent="103", talk=180),
        record("NULL", 0, "2026-03-02 14:00:00", agent="103", talk=240),
        record(0, 0, "2026-03-02 15:00:00", disposition=7),
    ]
    contacts = read_log([RECORDS[5], *direct], SOURCE)
    assert {contact: row["talk_seconds"] for contact, row in by_id(contacts).items()} == {"155000-4": 30}
    assert [reason for _, _, reason in set_aside(contacts.legs)] == [*["not_routed"] * 4, "short_call"]


def test_a_trace_of_odd_lines(tmp_path, read_log, by_id, set_aside):
    path = tmp_path / "trace.txt"
    fine = "DateTime=04/26 15:28:00 Day=146577 RtrCallKey=1 CallDisp=13 Duration=10 TalkTime=10 LocalQTime=0"
    path.write_text(f"{fine}\nno record\nDateTime=04/26 15:28:00 Day=99999999 RtrCallKey=2\n", encoding="utf-8")
    contacts = read_log(path, SOURCE)
    assert set(by_id(contacts)) == {"146577-1"}
    assert by_id(contacts)["146577-1"].get("wait_seconds") is None  # RingTime and DelayTime are not told: not zero
    assert set_aside(contacts.legs) == [(2, None, "unreadable_record"), (3, None, "not_a_record")]


def test_another_table(tmp_path, read_log):
    path = tmp_path / "tcd.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="not_a_record: 1"):
        read_log(path, SOURCE)
