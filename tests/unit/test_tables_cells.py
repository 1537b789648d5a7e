"""Cell by cell: what is a value, what is missing, and what is bad and why. Expectations worked out by hand."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from cxfusion.engine import Session
from cxfusion.tables.read import read_contacts, read_surveys


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def column(session, name, cells, how=None, *, native=False):
    """Values and reasons of one column of contacts."""
    table = pa.table(
        {
            "contact_id": [str(i) for i in range(len(cells))],
            "started_at": pa.array([datetime(2026, 1, 5)] * len(cells), pa.timestamp("us")),
            "cell": cells if native else pa.array(cells, pa.string()),
        }
    )
    contacts = read_contacts(table, map={"columns": {name: {"column": "cell", **(how or {})}}}, session=session)
    rows = contacts.to_arrow().to_pylist()
    bad = session.collect(contacts.set_aside).to_pylist()
    assert all((row["stage"], row["column"]) == ("contacts", name) for row in bad)
    reasons = {row["source_row"]: row["reason"] for row in bad}
    return [row[name] for row in rows], [reasons.get(i + 1) for i in range(len(cells))]


def test_durations(session):
    cells = ["12", " 12.5 ", "01:02:03", "2:05", "1:30.5", "100:00:00", "1 days 00:00:10", "1,234", "1e3", "-5",
             "-00:00:05",
             "five", "12:75", "inf", "", "NA", " - ", None]  # fmt: skip
    values, reasons = column(session, "talk_seconds", cells)
    assert values == [12, 12.5, 3723, 125, 90.5, 360_000, 86_410, 1234, 1000, *[None] * 9]
    assert reasons == [*[None] * 9, "negative_duration", "negative_duration", "not_a_number", "not_a_number",
                       "not_finite",
                       None, None, None, None]  # fmt: skip


def test_minutes_alone_may_be_more_than_an_hour_and_those_of_an_hour_not(session):
    cells = ["59:59", "60:00", "75:30", "99:59.5", "100:00", "1:59:00", "1:60:00", "1:100:30", "2:05:60"]
    values, reasons = column(session, "talk_seconds", cells)
    assert values == [3599, 3600, 75 * 60 + 30, 5999.5, 6000, 7140, None, None, None]
    assert reasons == [*[None] * 6, *["not_a_number"] * 3]
    assert column(session, "talk_seconds", cells, {"unit": "hh:mm:ss"}) == (values, reasons)


@pytest.mark.parametrize(
    ("unit", "cells", "expected"),
    [
        ("ms", ["1500", "00:01"], [1.5, None]),
        ("min", ["1.5", "2"], [90, 120]),
        ("h", ["0.5", "1:00"], [1800, None]),
        ("hh:mm:ss", ["00:01:00", "60"], [60, None]),
        ("s", ["60", "1:00"], [60, None]),
    ],
)
def test_a_unit_that_is_given_leaves_no_other_reading(session, unit, cells, expected):
    values, reasons = column(session, "hold_seconds", cells, {"unit": unit})
    assert values == expected
    assert reasons == [None if value is not None else "not_a_number" for value in expected]


def test_native_durations(session):
    values, reasons = column(session, "wait_seconds", pa.array([1.5, math.nan, math.inf, -1.0, None]), native=True)
    assert values == [1.5, None, None, None, None]
    assert reasons == [None, None, "not_finite", "negative_duration", None]
    values, reasons = column(session, "wait_seconds", pa.array([3, None, -2], pa.int32()), {"unit": "min"}, native=True)
    assert (values, reasons) == ([180, None, None], [None, None, "negative_duration"])


def test_elapsed_times_of_a_frame_are_seconds(session):
    gone = pd.Series([timedelta(minutes=1, milliseconds=250), None])
    values, _ = column(session, "wait_seconds", pa.Array.from_pandas(gone).cast(pa.duration("us")), native=True)
    assert values == [60.25, None]
    frame = pd.DataFrame({"contact_id": [1, 2], "started_at": "2026-01-05", "Talk Time (hh:mm:ss)": gone})
    assert read_contacts(frame, session=session).to_arrow()["talk_seconds"].to_pylist() == [60.25, None]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1,234.5", "1,234", "12"], [1234.5, 1234, 12]),  # nothing speaks for decimal commas
        (["12,5", "1.234,5", "7", "1,234"], [12.5, 1234.5, 7, 1.234]),  # nothing speaks for decimal points
        (["12,5", "12.5", "7", "1,234"], [None, None, 7, None]),  # both: only what holds neither is sure
        (["0,250", "1,500"], [0.25, 1.5]),
        (["12,5", "1.234"], [None, None]),  # a point that might mean thousands speaks for neither
    ],
)
def test_commas_are_decided_by_the_whole_column(session, cells, expected):
    values, reasons = column(session, "talk_seconds", cells, {"unit": "s"})
    assert values == expected
    assert reasons == [None if value is not None else "not_a_number" for value in expected]


def test_counts_and_flags(session):
    assert column(session, "n_transfers", ["0", "2.0", "-1", "x"]) == (
        [0, 2, None, None],
        [None, None, "negative_count", "not_a_number"],
    )
    assert column(session, "is_abandoned", ["Yes", "n", "1", "0", "TRUE", "maybe", "", None]) == (
        [True, False, True, False, True, None, None, None],
        [*[None] * 5, "not_a_flag", None, None],
    )
    own = {"true": ["Lost"], "false": ["Won", "Open"]}
    assert column(session, "is_abandoned", ["lost", "OPEN", "yes"], own) == (
        [True, False, None],
        [None, None, "not_a_flag"],
    )
    assert column(session, "is_resolved", pa.array([1, 0, 2, None]), native=True)[0] == [True, False, None, None]
    assert column(session, "is_resolved", pa.array([True, None]), native=True)[0] == [True, None]


def test_text_and_ids(session):
    assert column(session, "queue", [" Sales ", "N/A", "none", "0", "\tNorth\r"])[0] == [
        "Sales",
        None,
        None,
        "0",
        "North",
    ]
    # what Excel writes where it found nothing, and pandas in text: no customer whom many contacts share
    assert column(session, "customer_id", ["#N/A", "<NA>", "NaT", "7"])[0] == [None, None, None, "7"]
    assert column(session, "queue", ["NA", "", "?"], {"null": ["?"]})[0] == ["NA", None, None]
    assert column(session, "agent_id", pa.array([7.0, 7.5, None, 1e300]), native=True)[0] == [
        "7",
        "7.5",
        None,
        "1e+300",
    ]
    assert column(session, "agent_id", pa.array([7, None], pa.int64()), native=True)[0] == ["7", None]
    decimals = pa.array([Decimal("7"), Decimal("7.5"), None], pa.decimal128(12, 2))  # as databases keep numbers
    assert column(session, "agent_id", decimals, native=True)[0] == ["7", "7.50", None]
    assert column(session, "is_resolved", pa.array([Decimal("1"), None], pa.decimal128(12, 2)), native=True)[0][0]


def test_numbers_are_kept_as_they_are(session):
    values, reasons = column(session, "loyalty", ["-3.5", "1,000", "x"], {"kind": "number"})
    assert (values, reasons) == ([-3.5, 1000, None], [None, None, "not_a_number"])


def test_seconds_between_two_times(session):
    data = [
        {"contact_id": 1, "started_at": "2026-03-29 01:30", "done": "2026-03-29 03:30"},  # clocks go forward between
        {"contact_id": 2, "started_at": "2026-03-30 01:30", "done": "2026-03-30 01:29"},
        {"contact_id": 3, "started_at": "2026-03-30 01:30", "done": "soon"},
        {"contact_id": 4, "started_at": "2026-03-30 01:30", "done": None},
    ]
    spec = {"response_seconds": {"from": "started_at", "to": "done"}}
    contacts = read_contacts(data, map=spec, timezone="Europe/Berlin", session=session)
    assert contacts.to_arrow()["response_seconds"].to_pylist() == [3600, None, None, None]
    bad = session.collect(contacts.set_aside).to_pylist()
    assert [(row["reason"], row["original"]) for row in bad] == [
        ("negative_duration", "2026-03-30 01:30 → 2026-03-30 01:29"),
        ("unreadable_time", "2026-03-30 01:30 → soon"),
    ]


def test_scores_keep_to_their_scale(session):
    data = [{"contact_id": i, "csat": score, "nps": nps} for i, (score, nps) in enumerate(
        [("5", "10"), ("0", "11"), ("6", ""), ("", ""), ("4 - good", None), ("3", "12"), ("2", "0"), ("1", "4")]
    )]  # fmt: skip
    surveys = read_surveys(data, session=session)
    rows = surveys.to_arrow().to_pylist()
    assert [row["csat"] for row in rows] == [5, None, None, None, None, 3, 2, 1]
    assert [row["nps"] for row in rows] == [10, None, None, None, None, None, 0, 4]
    assert [row["score_status"] for row in rows] == [
        None, "score_out_of_scale", "score_out_of_scale", "score_missing", "score_missing", None, None, None,
    ]  # fmt: skip
    bad = session.collect(surveys.set_aside).to_pylist()
    assert sorted((row["source_row"], row["column"], row["reason"], row["original"]) for row in bad) == [
        (2, "csat", "score_out_of_scale", "0"),
        (2, "nps", "score_out_of_scale", "11"),
        (3, "csat", "score_out_of_scale", "6"),
        (5, "csat", "not_a_number", "4 - good"),
        (6, "nps", "score_out_of_scale", "12"),
    ]


def test_dates_of_a_frame_stand_for_their_day(session):
    data = pd.DataFrame({"contact_id": ["a", "b"], "csat": [4, 5], "Response Date": [date(2026, 7, 1), None]})
    rows = read_surveys(data, timezone="America/New_York", session=session).to_arrow().to_pylist()
    assert [(row["answered_at"], row["answered_at_is_day"]) for row in rows] == [
        (datetime(2026, 7, 1, 4), True),
        (None, False),
    ]


def test_a_column_of_midnights_is_one_of_dates(session):
    """As pandas and workbooks keep the day of an answer."""
    days = [datetime(2026, 7, 1), datetime(2026, 7, 2), None]
    data = pd.DataFrame({"contact_id": ["a", "b", "c"], "csat": [4, 5, 3], "Response Date": days})
    found = read_surveys(data, timezone="America/New_York", session=session)
    assert found.remarked["date_without_time"] == {"answered_at": 2}
    rows = found.to_arrow().to_pylist()
    assert [(row["answered_at"], row["answered_at_is_day"]) for row in rows] == [
        (datetime(2026, 7, 1, 4), True),
        (datetime(2026, 7, 2, 4), True),
        (None, False),
    ]
    data.loc[1, "Response Date"] = datetime(2026, 7, 2, 9)  # a time of day: so the others are midnights
    timed = read_surveys(data, timezone="America/New_York", session=session).to_arrow()
    assert timed["answered_at_is_day"].to_pylist() == [False] * 3


@pytest.mark.parametrize("null", [None, ["0"]])
@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("customer_id", [math.nan, None, 17.0], [None, None, "17"]),
        ("is_resolved", [math.nan, None, 1.0], [None, None, True]),
        ("ended_at", [math.nan, None, 1767603600.0], [None, None, datetime(2026, 1, 5, 9)]),
        ("talk_seconds", [math.nan, None, 60.0], [None, None, 60.0]),
    ],
)
def test_nan_is_missing_whatever_else_the_map_calls_so(session, name, cells, expected, null):
    how = {} if null is None else {"null": null}
    assert column(session, name, pa.array(cells, pa.float64()), how, native=True) == (expected, [None] * 3)


def test_attributes_that_are_nan_are_missing_like_those_that_are_null(session):
    sites = pa.array([math.nan, None, 2.0, math.nan], pa.float32())
    table = pa.table({"contact_id": list("abcd"), "started_at": [datetime(2026, 1, 5)] * 4, "site": sites})
    assert read_contacts(table, session=session).to_arrow()["site"].to_pylist() == [None, None, 2.0, None]
