"""Avaya ECHI: binary records decoded field by field, ASCII records by their order, totals, logins of a voice menu."""

from __future__ import annotations

import csv
import struct
from datetime import datetime

import pytest

from cxfusion.errors import MissingColumnError, UnreadableFileError
from cxfusion.tables.sources.avaya_echi import V12, V16, _records

SOURCE = "avaya_echi"
LONGS = 13  # whole numbers of four bytes at the beginning of a record of version 12
SAME = ("callid", "segment", "ucid", "segstart", "segstop", "disptime", "queuetime", "ringtime", "talktime", "acwtime")
OTHERWISE = {
    **{"calldisp": "CALL_DISP", "onholdtime": "ANSHOLDTIME", "holds": "HELD", "anslogid": "ANSLOGIN"},
    **{"agentreleased": "AGT_RELEASED"},
    **{name: name.upper() for name in ("consulttime", "origholdtime", "duration", "transferred", "conference")},
    **{name: name.upper() for name in ("holdabn", "dispsplit", "firstvdn", "dispvdn")},
}
NAMES = {name: name.upper() for name in SAME} | OTHERWISE
"""What the decoded sample calls the fields."""


@pytest.fixture(scope="module")
def echi(vendor):
    return vendor / "avaya_echi"


def test_every_decoded_cell_is_that_of_the_decoded_sample(echi):
    decoded = list(csv.DictReader((echi / "chr0003_decoded_60rows.csv").read_text().splitlines()))
    ours = [row.cells for row in _records(str(echi / "chr0003_sanitised.bin"))]
    assert (len(decoded), len(ours), set(decoded[0])) == (60, 185, set(NAMES))
    for theirs, cells in zip(decoded, ours, strict=False):
        assert {name: str(cells[NAMES[name]]) for name in NAMES} == theirs


def test_totals_of_a_binary_file(echi, read_log, by_id):
    contacts = read_log(echi / "chr0003_sanitised.bin", SOURCE)
    legs = list(by_id(contacts.legs).values())
    answered = [leg for leg in legs if leg["is_handled"]]
    assert (len(legs), len(answered), sum(leg["is_abandoned"] for leg in legs)) == (185, 59, 48)
    for leg in answered:  # DURATION = DISPTIME + TALKTIME + ANSHOLDTIME; DISPTIME is menu and wait
        parts = ("ivr_seconds", "wait_seconds", "talk_seconds", "hold_seconds")
        assert leg["total_seconds"] == sum(leg[part] for part in parts)
    assert any("in 0 of 107 legs that tell both" in note for note in contacts.notes)  # 59 + 48
    handle = [leg["talk_seconds"] + leg["hold_seconds"] + leg["wrap_seconds"] for leg in answered]
    assert sum(handle) / 59 == pytest.approx(152.7, abs=0.05)
    # nine UCIDs have two CALLIDs, one of them the UCID of zeros, which is none: 185 - 8
    assert contacts.count() == 177
    first = by_id(contacts.legs)["00001143721184914510/9557402/1"]
    assert first["started_at"] == datetime(2007, 7, 20, 6, 55, 10)  # 1184914510
    assert (first["ivr_seconds"], first["wait_seconds"], first["talk_seconds"]) == (67, 11, 183)  # 78 - 11


def test_logins_of_a_voice_menu_can_be_left_out(echi, read_log, by_id, set_aside):
    logins = [row.cells["ANSLOGIN"] for row in _records(str(echi / "chr0003_sanitised.bin"))]
    menu = sorted({login for login in logins if login.startswith("168")})
    contacts = read_log(echi / "chr0003_sanitised.bin", SOURCE, map={"leave_out": {"ANSLOGIN": menu}})
    answered = [leg for leg in by_id(contacts.legs).values() if leg["is_handled"]]
    handle = [leg["talk_seconds"] + leg["hold_seconds"] + leg["wrap_seconds"] for leg in answered]
    waited = [leg["wait_seconds"] for leg in answered]
    displayed = [leg["wait_seconds"] + leg["ivr_seconds"] for leg in answered]
    assert (len(answered), [reason for _, _, reason in set_aside(contacts.legs)]) == (51, ["left_out"] * 8)
    assert sum(handle) / 51 == pytest.approx(169.1, abs=0.05)
    assert sum(waited) / 51 == pytest.approx(8.4, abs=0.05)  # QUEUETIME + RINGTIME
    assert sum(displayed) / 51 == pytest.approx(65.8, abs=0.05)  # DISPTIME
    # the caller whom only the menu answered, after abandoning: now abandoned
    assert by_id(contacts)["00001144591184914890"]["is_abandoned"] is True


def test_legs_cannot_be_left_out_by_a_field_that_the_layout_lacks(tmp_path, read_log, by_id):
    def line(call, login):
        cells = dict.fromkeys(V12.names, "0") | {"CALLID": call, "SEGSTART": "2026-03-02 09:00:00", "ANSLOGIN": login}
        return ",".join(cells.values())

    path = tmp_path / "chr0001"
    path.write_text("\n".join([line("1", "4711"), line("2", "168")]) + "\n")
    contacts = read_log(path, SOURCE, map={"leave_out": {"anslogin": "168"}})
    assert [leg["agent_id"] for leg in by_id(contacts.legs).values()] == ["4711"]
    with pytest.raises(MissingColumnError, match="no field of an export of Avaya") as caught:
        read_log(path, SOURCE, map={"leave_out": {"ANSLOGIM": "168"}})
    (problem,) = caught.value.problems
    assert problem.startswith("leave_out = 'ANSLOGIM' of the map: no record has it, nearest: ANSLOGIN")


def test_an_ascii_file(echi, read_log, by_id):
    contacts = read_log(echi / "chr5500_sanitised.123", SOURCE, timezone="America/New_York")
    legs = by_id(contacts.legs)
    first = legs["00001023911191840931/453862/1"]
    assert (first["talk_seconds"], first["wrap_seconds"], first["wait_seconds"], first["ivr_seconds"]) == (
        90,
        13,
        5,
        31,
    )
    assert (first["agent_id"], first["customer_id"], first["queue"]) == ("40317", "5550739447", "13")
    assert first["started_at"] == datetime(
        2007, 10, 8, 14, 55, 31
    )  # 10:55:31 in New York, four hours behind in October
    # transferred and conferenced calls hold the trunk longer than their parts: 247 for 76, 552 for 272, 656 for 334
    gaps = {
        leg["total_seconds"]: leg["ivr_seconds"] + leg["wait_seconds"] + leg["talk_seconds"] + leg["hold_seconds"]
        for leg in legs.values()
        if leg["is_handled"]
    }
    assert (gaps[247], gaps[552], gaps[656]) == (76, 272, 334)


def cells(layout, **values):
    numbers = (*layout.longs, *layout.shorts, *layout.bits, *layout.octets, *layout.tail)
    return dict.fromkeys(numbers, 0) | dict.fromkeys(layout.texts, "") | values


def packed(layout, record):
    """A binary record, made without the reader's own struct."""
    bits = sum(record[name] << place for place, name in enumerate(layout.bits))
    found = b"".join(struct.pack("<i", record[name]) for name in layout.longs)
    found += b"".join(struct.pack("<h", record[name]) for name in layout.shorts) + bytes([bits])
    found += bytes(record[name] for name in layout.octets)
    found += b"".join(record[name].encode().ljust(size, b"\0") for name, size in layout.texts.items())
    return found + bytes(record[name] for name in layout.tail) + b"\n"


ANSWERED = {
    **{"CALLID": 7, "SEGSTART": 1_772_445_600, "UCID": "0001", "CALL_DISP": 2, "SEGMENT": 1, "TRANSFERRED": 1},
    **{"DISPTIME": 30, "QUEUETIME": 12, "RINGTIME": 5, "TALKTIME": 60, "ANSHOLDTIME": 10, "ACWTIME": 20},
    **{"DURATION": 100, "HELD": 2, "ANSLOGIN": "4001", "DISPSPLIT": -1, "CALLING_PTY": "4900"},
}
GONE = {"CALLID": 8, "SEGSTART": 1_772_445_700, "UCID": "0" * 20, "CALL_DISP": 3, "DISPTIME": 9, "QUEUETIME": 9}


def check(found):
    served, gone = found["0001"], next(row for key, row in found.items() if key != "0001")
    told = ("ivr_seconds", "wait_seconds", "ring_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "n_holds")
    assert [served[name] for name in told] == [13, 17, 5, 60, 10, 20, 2]
    assert (served["n_transfers"], served["agent_id"], served["is_abandoned"]) == (1, "4001", False)
    assert served["started_at"] == datetime(2026, 3, 2, 10, 0)
    assert (gone["is_abandoned"], gone["wait_seconds"], gone["talk_seconds"]) == (True, 9, None)
    assert served["queue"] is None  # -1 is none


@pytest.mark.parametrize(("version", "layout", "size"), [(12, V12, 493), (16, V16, None)])
def test_binary_records_made_by_hand(tmp_path, read_log, by_id, set_aside, version, layout, size):
    utc = {"SEGSTART_UTC": 1_772_445_600} if layout is V16 else {}
    records = [packed(layout, cells(layout, **ANSWERED, **utc)), packed(layout, cells(layout, **GONE, **utc))]
    assert size in (None, len(records[0]))
    path = tmp_path / "chr0001"
    path.write_bytes(struct.pack("<ii", version, 1) + b"".join(records) + records[0][:100])
    contacts = read_log(path, SOURCE)
    check(by_id(contacts))
    assert set_aside(contacts.legs) == [(3, None, "unreadable_record")]  # the file breaks off


@pytest.mark.parametrize("layout", [V12, V16])
def test_ascii_records_made_by_hand(tmp_path, read_log, by_id, set_aside, layout):
    local = {"SEGSTART": "2026-03-02 05:00:00"}
    utc = {"SEGSTART_UTC": "2026-03-02 10:00:00"} if layout is V16 else {}
    rows = [cells(layout, **(record | local | utc)) for record in (ANSWERED, GONE)]
    lines = [",".join(str(row[name]) for name in layout.names) for row in rows]
    path = tmp_path / "chr0001.123"
    path.write_text("\n".join([lines[0] + ",", lines[1] + ",", "1,2,3", ""]), encoding="utf-8")
    contacts = read_log(path, SOURCE, timezone="America/New_York")  # 05:00 there is 10:00 UTC
    check(by_id(contacts))
    assert set_aside(contacts.legs) == [(3, None, "unreadable_record")]


def test_a_version_that_is_not_known(tmp_path, read_log):
    path = tmp_path / "chr0001"
    path.write_bytes(struct.pack("<ii", 11, 1) + b"\0" * 493)
    with pytest.raises(UnreadableFileError, match="is of version 11"):
        read_log(path, SOURCE)
