"""Asterisk's queue_log as a table, and call detail records beside it: what they join, and what they check."""

from __future__ import annotations

from datetime import datetime

import pytest

from cxfusion.errors import CxfusionError, UsageError

SOURCE = "asterisk_queue_log"
START = 1_772_445_600  # 2026-03-02 10:00:00 UTC
NAMES = ("time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5")


def call(second):
    return f"{START + second}.{second}"


def row(time, made, queue, agent, event, *data):
    return dict(zip(NAMES, (time, call(made), queue, agent, event, *data, *[""] * (5 - len(data))), strict=True))


# Berlin, winter: an hour ahead of UTC. Out of order, as a table may be.
TABLE = [
    row("2026-03-02 11:00:30.250000", 0, "sales", "ann", "CONNECT", "20", "x", "4"),
    row("2026-03-02 11:00:10.250000", 0, "sales", "NONE", "ENTERQUEUE", "", "111", "1"),
    row("2026-03-02 11:02:30.250000", 0, "sales", "ann", "COMPLETEAGENT", "20", "120", "1"),
    row("2026-03-02 11:05:00", 290, "sales", "NONE", "ENTERQUEUE", "", "", "1"),
    row("2026-03-02 11:05:35", 290, "sales", "NONE", "ABANDON", "1", "1", "35"),
]
CDR = [
    {"calldate": "2026-03-02 11:00:00", "src": "111", "dcontext": "from-trunk-sip", "lastapp": "Queue",
     "duration": 150, "uniqueid": call(0), "linkedid": call(0)},
    {"calldate": "2026-03-02 11:04:50", "src": "222", "dcontext": "from-internal", "lastapp": "Queue",
     "duration": 45, "uniqueid": call(290), "linkedid": call(290)},
]  # fmt: skip


def test_a_table_tells_the_servers_clock(read_log, by_id):
    found = by_id(read_log(TABLE, SOURCE, timezone="Europe/Berlin"))
    first = found[call(0)]
    assert first["started_at"] == datetime(2026, 3, 2, 10, 0, 10, 250_000)
    assert first["ended_at"] == datetime(2026, 3, 2, 10, 2, 30, 250_000)
    assert (first["wait_seconds"], first["talk_seconds"], first["ring_seconds"]) == (20, 120, 4)
    assert found[call(290)]["is_abandoned"] is True
    assert "ivr_seconds" not in first  # callid tells UTC, the table a local clock: their difference is no menu


def test_records_of_calls_tell_the_menu_the_caller_and_the_total(read_log, by_id):
    contacts = read_log({"queue_log": TABLE, "cdr": CDR}, SOURCE, timezone="Europe/Berlin")
    found = by_id(contacts)
    assert (found[call(0)]["ivr_seconds"], found[call(0)]["direction"]) == (10.25, "inbound")
    assert found[call(0)]["started_at"] == datetime(2026, 3, 2, 10)
    assert (found[call(290)]["customer_id"], found[call(290)]["direction"]) == ("222", "internal")
    # 10.25 + 20 + 120 = 150.25, and the record says 150 s
    assert any("in 0 of 1 legs" in note for note in contacts.notes), contacts.notes


def test_a_talk_that_runs_on_after_the_call_is_noticed(read_log):
    late = [TABLE[0], TABLE[1], row("2026-03-02 12:00:30", 0, "sales", "ann", "COMPLETEAGENT", "20", "3600", "1")]
    notes = read_log({"queue_log": late, "cdr": CDR}, SOURCE, timezone="Europe/Berlin").notes
    assert any("in 1 of 1 legs" in note for note in notes), notes


def test_seconds_since_1970_and_words_of_relatives_are_understood(read_log, by_id):
    log = [
        {"time_id": START + 10, "call_id": call(0), "queue": "sales", "agent": "NONE", "verb": "ENTERQUEUE",
         "data": "|111|1"},
        {"time_id": START + 30, "call_id": call(0), "queue": "sales", "agent": "ann", "verb": "CONNECT",
         "data": "20|x|4"},
        {"time_id": START + 60, "call_id": call(0), "queue": "sales", "agent": "ann", "verb": "COMPLETECALLER",
         "data": "20|30|1"},
    ]  # fmt: skip
    (found,) = by_id(read_log(log, SOURCE)).values()
    assert (found["ivr_seconds"], found["wait_seconds"], found["talk_seconds"]) == (10, 20, 30)
    assert found["customer_id"] == "111"


def master(made, lasted, *, number="111"):
    """A line of Master.csv: the server's clock is Berlin's."""
    start = f"2026-03-02 11:{made // 60:02}:{made % 60:02}"
    cells = ["", number, "400", "ext-queues", f"{number} <{number}>", "SIP/trunk-1", "SIP/ann-2", "Queue", "400,t"]
    cells += [start, start, start, str(lasted), str(lasted), "ANSWERED", "DOCUMENTATION", call(made)]
    return ",".join(f'"{cell}"' for cell in cells) + "\n"


LINES = (
    (10, 0, "sales|NONE|ENTERQUEUE||111|1"),
    (30, 0, "sales|ann|CONNECT|20|x|4"),
    (90, 0, "sales|ann|COMPLETEAGENT|20|60|1"),
)


def write_log(folder, lines=LINES):
    text = "".join(f"{START + second}|{call(made)}|{rest}\n" for second, made, rest in lines)
    (folder / "queue_log").write_text(text)


def test_master_csv_lies_beside_the_log(tmp_path, read_log, by_id, set_aside):
    write_log(tmp_path)
    (tmp_path / "Master.csv").write_text(master(0, 90) + master(400, 5) + "cut,off\n")
    contacts = read_log(tmp_path, SOURCE)
    (found,) = by_id(contacts).values()
    assert (found["ivr_seconds"], found["talk_seconds"]) == (10, 60)
    assert any("in 0 of 1 legs" in note for note in contacts.notes)  # 10 + 20 + 60 = 90
    assert [reason for _, _, reason in set_aside(contacts.legs)] == ["unreadable_record"]


def test_linked_calls_are_one_contact(tmp_path, read_log, by_id):
    lines = (*LINES, (100, 95, "help|NONE|ENTERQUEUE||111|1"), (104, 95, "help|ben|CONNECT|4|y|2"),
             (134, 95, "help|ben|COMPLETECALLER|4|30|1"))  # fmt: skip
    write_log(tmp_path, lines)
    apart = by_id(read_log(tmp_path, SOURCE))
    assert len(apart) == 2
    (tmp_path / "cdr.csv").write_text(
        "calldate,src,duration,uniqueid,linkedid\n"
        f"2026-03-02 11:00:00,111,90,{call(0)},{call(0)}\n2026-03-02 11:01:35,111,39,{call(95)},{call(95)}\n"
        f"2026-03-02 11:01:40,111,34,{call(95)},{call(0)}\n"
    )
    (found,) = by_id(read_log(tmp_path, SOURCE)).values()
    assert found["contact_id"] == call(0)
    assert (found["talk_seconds"], found["n_transfers"], found["agent_id"]) == (60 + 30, 1, "ben")


@pytest.mark.parametrize("data", [{"log": []}, {"cdr": CDR}, {}])
def test_a_dict_of_something_else_is_refused(read_log, data):
    with pytest.raises(UsageError, match=r"Expected queue_log and, if wanted, cdr"):
        read_log(data, SOURCE)


@pytest.mark.parametrize("table", [[{"a": 1}], [{"time": "soon", "callid": "1", "event": "CONNECT"}]])
def test_a_table_that_is_none_is_told(read_log, table):
    with pytest.raises(CxfusionError, match=r"None of the 1 records"):
        read_log(table, SOURCE)


@pytest.mark.parametrize(
    ("url", "log", "cdr"),
    [
        ("postgres://db/pbx/queue_log?cdr=cdr", "postgres://db/pbx/queue_log", "postgres://db/pbx/cdr"),
        ("mysql://db/pbx?table=queue_log&cdr=cdr&ssl=1", "mysql://db/pbx?table=queue_log&ssl=1",
         "mysql://db/pbx?table=cdr&ssl=1"),
        ("mysql://db/pbx?cdr=cdr&table=queue_log", "mysql://db/pbx?table=queue_log", "mysql://db/pbx?table=cdr"),
        ("postgres://db/pbx/queue_log", "postgres://db/pbx/queue_log", None),
    ],
)  # fmt: skip
def test_a_url_may_name_the_table_of_records(url, log, cdr):
    from cxfusion.tables.sources.asterisk import _given

    assert _given(url) == (log, cdr)
