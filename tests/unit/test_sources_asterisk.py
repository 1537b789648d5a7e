"""Asterisk queue_log: seconds beside milliseconds, announced transfers, ways to leave a queue, logs that are cut."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cxfusion.errors import EmptyTableError, InputError, UnreadableFileError

SOURCE = "asterisk_queue_log"
START = 1_772_445_600  # 2026-03-02 10:00:00 UTC


def write(path, *lines):
    """A log of lines ``second|cN|…`` in the order of time: call N was made at second N; all count from START."""
    told = []
    for line in sorted(lines, key=lambda line: int(line.partition("|")[0])):
        second, made, rest = line.split("|", 2)
        told.append(f"{START + int(second)}|{call(int(made[1:])) if made[1:].isdigit() else made}|{rest}\n")
    path.write_text("".join(told), encoding="utf-8")
    return path


def call(second):
    return f"{START + second}.{second}"


def test_an_announced_transfer_is_one_contact(vendor, read_log, by_id):
    contacts = read_log(vendor / "asterisk_queue_log" / "attended_transfer_issue759.queue_log", SOURCE)
    (contact,) = by_id(contacts).values()
    assert contact["contact_id"] == "1717397243.239826"  # the caller's; 1717397390.239830 is the agent's own call
    assert contact["customer_id"] == "5550000002"
    assert contact["talk_seconds"] == 293 == 120 + 173
    assert (contact["wait_seconds"], contact["rewait_seconds"], contact["ring_seconds"]) == (12, 7, 11)
    assert contact["ivr_seconds"] == 16 == 1717397259 - 1717397243
    assert (contact["first_agent_id"], contact["agent_id"]) == ("PJSIP/7009", "PJSIP/7051")
    assert (contact["n_transfers"], contact["queue"], contact["is_abandoned"]) == (1, "1501", False)
    for name, second in (("started_at", 1717397243), ("ended_at", 1717397570)):
        assert contact[name] == datetime.fromtimestamp(second, UTC).replace(tzinfo=None)
    # neither hold nor after-call work is known to the log: absent, not zero
    assert not {"hold_seconds", "wrap_seconds"} & set(contacts.columns)
    assert any("includes hold" in note for note in contacts.notes)


def test_offers_that_were_not_taken_ring_in_milliseconds(vendor, read_log, by_id, set_aside):
    contacts = read_log(vendor / "asterisk_queue_log" / "freepbx_local_channel_2010.queue_log", SOURCE)
    (contact,) = by_id(contacts).values()
    rang = sorted(leg["ring_seconds"] for leg in by_id(contacts.legs).values() if leg["ring_seconds"] is not None)
    assert rang == [0, 1, 2]  # RINGNOANSWER 0, 1000 and 2000 ms; CONNECT of 2010 tells no ringtime
    assert (contact["talk_seconds"], contact["wait_seconds"], contact["ivr_seconds"]) == (4, 2, 6)
    assert contact["agent_id"] == "Local/2004@from-internal/n"
    assert set_aside(contacts.legs) == [(3, None, "cut_off")]  # 1266833905.2 was offered before the log began


PASSED_ON = (
    "10|c0|sales|NONE|ENTERQUEUE||111|1",
    "18|c0|sales|ann|RINGNOANSWER|5000",
    "30|c0|sales|ben|CONNECT|20|x|4",
    "90|c0|sales|ben|BLINDTRANSFER|123|from-internal|20|60|1",
    "91|c0|help|NONE|ENTERQUEUE||111|1",
    "101|c0|help|cai|CONNECT|10|y|2",
    "131|c0|help|cai|COMPLETECALLER|10|30|1",
)
GAVE_UP = ("40|c20|sales|NONE|ENTERQUEUE||222|1", "75|c20|sales|NONE|ABANDON|1|1|35")
TIMED_OUT = (
    "50|c30|sales|NONE|ENTERQUEUE||333|1",
    "80|c30|sales|NONE|EXITWITHTIMEOUT|1",  # older Asterisk tells no waiting time
    "80|c30|help|NONE|ENTERQUEUE||333|1",
    "95|c30|help|ann|CONNECT|15|z|3",
    "155|c30|help|ann|COMPLETEAGENT|15|60|1",
)
PRESSED_A_KEY = ("60|c40|sales|NONE|ENTERQUEUE||444|1", "70|c40|sales|NONE|EXITWITHKEY|1|2|2|10")
STILL_TALKING = ("200|c190|sales|NONE|ENTERQUEUE||555|1", "210|c190|sales|ann|CONNECT|10|w|1")
STILL_WAITING = ("220|c200|sales|NONE|ENTERQUEUE||666|1",)
OTHERS = ("5|NONE|NONE|NONE|QUEUESTART|", "99|NONE|sales|ann|PAUSE|lunch")


def test_ways_through_a_queue(tmp_path, read_log, by_id, set_aside):
    ways = (*OTHERS, *PASSED_ON, *GAVE_UP, *TIMED_OUT, *PRESSED_A_KEY, *STILL_TALKING, *STILL_WAITING)
    path = write(tmp_path / "queue_log", *ways)
    path.write_text(path.read_text() + "no line at all\n\n", encoding="utf-8")
    contacts = read_log(path, SOURCE)
    found = by_id(contacts)
    passed, gave_up, timed_out, pressed, talking = (found[call(second)] for second in (0, 20, 30, 40, 190))
    assert (passed["talk_seconds"], passed["wait_seconds"], passed["rewait_seconds"]) == (90, 20, 10)
    assert (passed["n_transfers"], passed["first_agent_id"], passed["agent_id"]) == (1, "ben", "cai")
    assert (passed["ivr_seconds"], passed["ring_seconds"]) == (10, 4)  # made at 0, queued at 10; the missed offer apart
    assert (gave_up["is_abandoned"], gave_up["wait_seconds"], gave_up["n_transfers"]) == (True, 35, 0)
    # 50 to 80 in the one queue, 15 s in the other: all of it before the first answer; the menu is told once
    assert (timed_out["wait_seconds"], timed_out["ivr_seconds"], timed_out["is_abandoned"]) == (45, 20, False)
    assert (pressed["is_abandoned"], pressed["wait_seconds"]) == (None, 10)
    assert (talking["agent_id"], talking["talk_seconds"], talking["wait_seconds"]) == ("ann", None, 10)
    missed = [leg for leg in by_id(contacts.legs).values() if leg["agent_id"] == "ann" and not leg["is_handled"]]
    assert [leg["ring_seconds"] for leg in missed] == [5]
    reasons = sorted(reason for _, _, reason in set_aside(contacts.legs))
    assert reasons == ["cut_off", "unreadable_record"]


def test_a_log_goes_on_in_the_next_file_whatever_its_name(tmp_path, read_log, by_id):
    write(tmp_path / "queue_log.1", *PASSED_ON[:3])
    write(tmp_path / "queue_log", *PASSED_ON[3:])
    one = by_id(read_log(tmp_path, SOURCE))
    other = by_id(read_log(write(tmp_path / "whole", *PASSED_ON), SOURCE))
    assert one == other


def test_a_log_that_begins_in_the_middle_of_a_call(tmp_path, read_log, by_id):
    path = write(tmp_path / "queue_log", PASSED_ON[3], "300|c20|sales|NONE|EXITEMPTY|1", *PASSED_ON[4:])
    found = by_id(read_log(path, SOURCE))
    # BLINDTRANSFER at 90 tells 20 s held and 60 s talked: it entered at 10
    assert (found[call(0)]["wait_seconds"], found[call(0)]["talk_seconds"]) == (20, 90)
    assert found[call(0)]["started_at"] == datetime(2026, 3, 2, 10, 0, 10)
    assert found[call(20)]["wait_seconds"] is None  # nothing tells when it entered


def test_the_same_file_twice_counts_once(tmp_path, read_log, by_id, set_aside):
    for name in ("a", "b"):
        write(tmp_path / name, *PASSED_ON, *GAVE_UP)
    contacts = read_log(tmp_path, SOURCE)
    once = by_id(read_log(tmp_path / "a", SOURCE))
    assert by_id(contacts) == once
    assert {reason for _, _, reason in set_aside(contacts.legs)} == {"redelivery"}


@pytest.mark.parametrize("names", [("1", "2"), ("2", "1")])
def test_a_log_that_is_copied_whole_each_night_tells_the_end_of_calls(tmp_path, read_log, by_id, names):
    for name, lines in zip(names, (PASSED_ON[:6], (*PASSED_ON, *GAVE_UP)), strict=True):
        write(tmp_path / name, *lines)
    one = by_id(read_log(tmp_path, SOURCE))
    other = by_id(read_log(write(tmp_path / "whole", *PASSED_ON, *GAVE_UP), SOURCE))
    assert one == other
    assert (one[call(0)]["talk_seconds"], one[call(0)]["ivr_seconds"]) == (90, 10)


def test_a_log_that_was_just_rotated_is_empty(tmp_path, read_log, by_id):
    before = write(tmp_path / "queue_log.1", *PASSED_ON, *GAVE_UP)
    (tmp_path / "queue_log").write_text("\n", encoding="utf-8")
    assert by_id(read_log(tmp_path, SOURCE)) == by_id(read_log(before, SOURCE))
    with pytest.raises(EmptyTableError, match="holds no record"):
        read_log(tmp_path / "queue_log", SOURCE)


@pytest.mark.parametrize("text", ["time,callid,queuename,agent,event\n2026-03-02,1,q,a,CONNECT\n", "||||\n"])
def test_files_that_are_no_queue_log(tmp_path, read_log, text):
    path = tmp_path / "queue_log"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="no line of an Asterisk queue_log"):
        read_log(path, SOURCE)


def test_a_log_without_any_call(tmp_path, read_log):
    with pytest.raises(InputError, match="cut_off: 1"):
        read_log(write(tmp_path / "queue_log", *OTHERS, *STILL_WAITING), SOURCE)
