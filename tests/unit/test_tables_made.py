"""Cells made of several columns, words that a map declares, rows that it leaves out, kinds of source."""

from __future__ import annotations

from datetime import datetime, time

import pandas as pd
import pyarrow as pa
import pytest

from cxfusion.engine import Session
from cxfusion.errors import ConfigError, InputError, MissingColumnError, UnknownNameError, UsageError
from cxfusion.tables import sources
from cxfusion.tables.books import reading_counts
from cxfusion.tables.mapping import Map, table_map
from cxfusion.tables.read import read_contacts, read_surveys
from cxfusion.tables.sources import Source

CALLS = [
    {"line": "A", "call": 1, "day": "990201", "begun": "7:02:47", "gone": "7:05:41", "served": "0:00:00", "what": "OK"},
    {"line": "B", "call": 1, "day": "990201", "begun": "23:59:00", "gone": "0:01:30", "served": "-", "what": "LOST"},
    {"line": "B", "call": 2, "day": "990202", "begun": "", "gone": "9:00:00", "served": "9:00:05", "what": "OK"},
    {"line": "", "call": 3, "day": "990202", "begun": "9:00:00", "gone": "9:00:01", "served": "", "what": "TEST"},
    {"line": "C", "call": 4, "day": "990202", "begun": "10:00:00", "gone": "", "served": "", "what": "LOST"},
]
COLUMNS = {
    "contact_id": {"join": ["line", "call"], "sep": "-"},
    "started_at": {"date": "day", "time": "begun"},
    "ended_at": {"date": "day", "time": ["served", "gone"], "null": ["0:00:00", "-"], "after": "started_at"},
    "is_abandoned": {"column": "what", "true": "LOST"},
}
BANK = {"datetime_format": "%y%m%d %H:%M:%S", "timezone": "Asia/Jerusalem", "columns": COLUMNS}


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def counted(relation):
    counts = reading_counts(relation)
    columns = counts["column"].astype(object).where(counts["column"].notna(), None)
    return dict(zip(zip(columns, counts["reason"], strict=True), counts["n"], strict=True))


def test_identifiers_and_times_are_made_of_several_columns(session):
    contacts = read_contacts(CALLS, map=BANK, session=session)
    rows = contacts.to_arrow().select(["contact_id", "started_at", "ended_at", "is_abandoned"]).to_pylist()
    # Israel's standard time is two hours ahead of UTC; 0:01:30 after a start at 23:59 is on the next day
    assert [tuple(row.values()) for row in rows] == [
        ("A-1", datetime(1999, 2, 1, 5, 2, 47), datetime(1999, 2, 1, 5, 5, 41), False),
        ("B-1", datetime(1999, 2, 1, 21, 59), datetime(1999, 2, 1, 22, 1, 30), True),
        ("C-4", datetime(1999, 2, 2, 8), None, True),
    ]
    assert contacts.columns_from["ended_at"] == "day and served or gone"
    assert contacts.columns_from["contact_id"] == "line, call, joined"
    assert counted(contacts) == {(None, "contact_id_missing"): 1, (None, "started_at_missing"): 1}


def test_typed_columns_are_joined_as_they_are_written(session):
    table = pa.table(
        {
            "line": [3, 4],
            "call": [7.0, None],
            "day": pa.array([datetime(2026, 1, 5)] * 2, pa.date32()),
            "begun": pa.array([3600, 7200], pa.time32("s")),
        }
    )
    columns = {"contact_id": {"join": ["line", "call"], "sep": ":"}, "started_at": {"date": "day", "time": "begun"}}
    contacts = read_contacts(table, map=columns, session=session)
    rows = contacts.to_arrow().select(["contact_id", "started_at"]).to_pylist()
    assert rows == [{"contact_id": "3:7", "started_at": datetime(2026, 1, 5, 1)}]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_a_day_kept_as_midnight_and_a_clock_kept_on_some_day_are_put_together(session, unit):
    parts = {"day": datetime(2026, 1, 5), "begun": datetime(1900, 1, 1, 9, 30, 5)}
    columns = {name: pa.array([part], pa.timestamp(unit)) for name, part in parts.items()}
    table = pa.table({"contact_id": ["a"], **columns})
    contacts = read_contacts(table, map={"started_at": {"date": "day", "time": "begun"}}, session=session)
    assert contacts.to_arrow()["started_at"].to_pylist() == [datetime(2026, 1, 5, 9, 30, 5)]


def test_a_workbook_with_a_day_and_its_time_in_two_columns_needs_no_map(session, tmp_path):
    days = [datetime(2026, 1, 5), datetime(2026, 1, 6)]
    frame = pd.DataFrame({"Call ID": ["a", "b"], "Date": days, "Time": [time(9), time(23, 30)]})
    frame.to_excel(tmp_path / "log.xlsx", index=False)
    contacts = read_contacts(tmp_path / "log.xlsx", session=session)
    assert contacts.to_arrow()["started_at"].to_pylist() == [datetime(2026, 1, 5, 9), datetime(2026, 1, 6, 23, 30)]


def test_a_bad_cell_made_of_two_shows_both(session):
    data = [*CALLS[:2], {**CALLS[0], "call": 9, "begun": "25:61:00"}]
    contacts = read_contacts(data, map=BANK, session=session)
    bad = session.collect(contacts.set_aside).to_pylist()
    told = [(row["column"], row["reason"], row["original"]) for row in bad]
    assert ("started_at", "unreadable_time", "990201 25:61:00") in told


def test_days_and_months_that_cannot_be_told_apart_name_the_columns(session):
    data = [{"contact_id": i, "day": f"0{i}/02/2026", "begun": "9:00"} for i in (1, 3)]
    with pytest.raises(InputError, match=r"The times of 'day \+ begun'"):
        read_contacts(data, map={"started_at": {"date": "day", "time": "begun"}}, session=session)


def test_words_that_a_map_declares_missing_are_counted(session):
    data = [
        {"contact_id": 1, "started_at": "2026-01-05", "customer_id": 0, "agent_id": "NO_SERVER", "wait_seconds": -1.0},
        {"contact_id": 2, "started_at": "2026-01-05", "customer_id": 5, "agent_id": " NO_SERVER ", "wait_seconds": 4.0},
        {"contact_id": 3, "started_at": "2026-01-05", "customer_id": 0, "agent_id": "", "wait_seconds": None},
    ]
    given = {
        "customer_id": {"column": "customer_id", "null": ["0"]},
        "agent_id": {"column": "agent_id", "null": "NO_SERVER"},
        "wait_seconds": {"column": "wait_seconds", "null": "-1"},
    }
    contacts = read_contacts(data, map=given, session=session)
    rows = contacts.to_arrow().select(list(given)).to_pylist()
    assert [tuple(row.values()) for row in rows] == [(None, None, None), ("5", None, 4.0), (None, None, None)]
    assert contacts.remarked["missing_by_map"] == {"customer_id": 2, "agent_id": 2, "wait_seconds": 1}
    assert counted(contacts) == {(name, "missing_by_map"): n for name, n in contacts.remarked["missing_by_map"].items()}


def test_rows_that_a_map_leaves_out_are_set_aside(session):
    contacts = read_contacts(CALLS, map={**BANK, "leave_out": {"What": ["TEST", "OK"]}}, session=session)
    assert contacts.to_arrow()["contact_id"].to_pylist() == ["B-1", "C-4"]
    assert counted(contacts) == {(None, "left_out"): 3}
    answers = [{"contact_id": 1, "csat": 5, "status": 0}, {"contact_id": 1, "csat": 5, "status": 1}]
    surveys = read_surveys(answers, map={"leave_out": {"status": "1"}, "columns": {}}, session=session)
    assert surveys.count() == 1
    with pytest.raises(MissingColumnError, match="leave_out = 'Wat' of the map: no such column, nearest: what"):
        read_contacts(CALLS, map={**BANK, "leave_out": {"Wat": "TEST"}}, session=session)


def test_a_flag_with_both_lists_still_knows_what_it_does_not_know(session):
    given = {**BANK, "columns": {**COLUMNS, "is_abandoned": {"column": "what", "true": "LOST", "false": "OK"}}}
    contacts = read_contacts([*CALLS, {**CALLS[0], "call": 8, "what": "ODD"}], map=given, session=session)
    assert counted(contacts)[("is_abandoned", "not_a_flag")] == 2


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"join": ["line"], "column": "call"}, "expected either"),
        ({"date": "day"}, "expected either"),
        ({"time": "begun"}, "expected either"),
        ({"column": "line", "sep": "-"}, "`sep` belongs to `join`"),
        ({"column": "line", "after": "x"}, "`after` belongs to"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(column, reason):
    with pytest.raises(ConfigError) as caught:
        table_map({"contact_id": column}, "contacts")
    assert reason in caught.value.problems[0]


def test_made_columns_must_suit_their_kind(session):
    wrong = {
        "contact_id": {"date": "day", "time": "begun"},
        "started_at": {"date": "day", "time": "begun", "after": "started_at"},
        "ended_at": {"date": "day", "time": "gone", "after": "contact_id"},
        "wait_seconds": {"join": ["line", "call"]},
    }
    with pytest.raises(ConfigError) as caught:
        read_contacts(CALLS, map=wrong, session=session)
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "started_at: after = 'started_at' is no other time column of the map",
        "ended_at: after = 'contact_id' is no other time column of the map",
        "contact_id is a column of kind 'id'",
        "wait_seconds is a column of kind 'duration'",
    ]


def test_columns_that_are_not_there_are_told_one_by_one(session):
    with pytest.raises(MissingColumnError) as caught:
        read_contacts(CALLS, map={**COLUMNS, "contact_id": {"join": ["lin", "kall"]}}, session=session)
    told = "\n".join(caught.value.problems)
    assert "contact_id = 'lin' of the map: no such column, nearest: line" in told
    assert "contact_id = 'kall'" in told


def test_kinds_of_source_are_known_by_name(session):
    with pytest.raises(UnknownNameError, match="generic"):
        read_contacts(CALLS, source="generik", session=session)
    with pytest.raises(ConfigError) as caught:
        table_map({"source": "generik", "columns": {}}, "contacts")
    assert "generic" in caught.value.problems[0]


def test_what_a_kind_of_source_knows_holds_where_the_map_is_silent(session, monkeypatch):
    known = Map(contacts={**BANK, "leave_out": {"what": "TEST"}})
    monkeypatch.setattr(sources, "SOURCES", (*sources.SOURCES, Source("bank", ("contacts",), "A bank.", known)))
    contacts = read_contacts(
        CALLS, source="bank", map={"is_resolved": {"column": "what", "true": "OK"}}, session=session
    )
    assert contacts.timezone == "Asia/Jerusalem"
    assert contacts.to_arrow().select(["contact_id", "is_resolved"]).to_pylist()[:2] == [
        {"contact_id": "A-1", "is_resolved": True},
        {"contact_id": "B-1", "is_resolved": False},
    ]
    own = read_contacts(CALLS, map={"source": "bank", "timezone": "UTC", "columns": {}}, session=session)
    assert own.to_arrow()["started_at"].to_pylist()[0] == datetime(1999, 2, 1, 7, 2, 47)
    with pytest.raises(UsageError, match="gives contacts, not surveys"):
        read_surveys(CALLS, source="bank", session=session)
