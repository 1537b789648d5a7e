"""A period is on the site's clock, half-open, and what lies outside of it is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import Session
from cxfusion.errors import EmptyTableError, UsageError
from cxfusion.tables.books import reading_counts
from cxfusion.tables.read import read_contacts, read_surveys

BERLIN = ZoneInfo("Europe/Berlin")
WALL = [
    datetime(2026, 3, 28, 23, 59, 59),
    datetime(2026, 3, 29, 0, 0),
    datetime(2026, 3, 29, 1, 59),
    datetime(2026, 3, 29, 3, 0),  # an hour is missing before it
    datetime(2026, 3, 29, 23, 59, 59),
    datetime(2026, 3, 30, 0, 0),
]
INSTANTS = [wall.replace(tzinfo=BERLIN).astimezone(UTC) for wall in WALL]


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def log(starts, kind=None):
    ids = [str(i) for i in range(len(starts))]
    return pa.table({"contact_id": ids, "started_at": pa.array(starts, kind)})


KINDS = {
    "wall clock": log(WALL),
    "instants": log(INSTANTS, pa.timestamp("us", "UTC")),
    "text": log([f"{wall:%d/%m/%Y %H:%M:%S}" for wall in WALL]),
    "ISO with offset": log([at.isoformat() for at in INSTANTS]),
    "epoch": log([at.timestamp() for at in INSTANTS]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-03-29", "2026-03-30", [1, 2, 3, 4]),
        (date(2026, 3, 29), None, [1, 2, 3, 4, 5]),
        (None, datetime(2026, 3, 29, 3), [0, 1, 2]),
        ("2026-03-29T01:59", "2026-03-29 23:59:59", [2, 3]),
        (datetime(2026, 3, 29, 1, tzinfo=UTC), None, [3, 4, 5]),  # 03:00 on the site's clock
    ],
)
def test_every_kind_of_time_is_cut_alike(session, kind, since, until, expected):
    contacts = read_contacts(KINDS[kind], timezone="Europe/Berlin", since=since, until=until, session=session)
    assert [int(cell) for cell in contacts.to_arrow()["contact_id"].to_pylist()] == expected
    assert (contacts.n_read, contacts.n_outside_period) == (6, 6 - len(expected))


def test_rows_outside_are_counted_and_nothing_else_is_said_of_them(session):
    data = [
        {"contact_id": "a", "started_at": "2026-01-01 09:00", "talk_seconds": "-5"},
        {"contact_id": "a", "started_at": "2026-01-05 09:00", "talk_seconds": "x"},
        {"contact_id": None, "started_at": "2026-01-02 09:00", "talk_seconds": "1"},
        {"contact_id": "b", "started_at": "soon", "talk_seconds": "1"},
        {"contact_id": "c", "started_at": "2026-01-06 09:00", "talk_seconds": "1"},
        {"contact_id": "c", "started_at": "2026-01-06 09:00", "talk_seconds": "1"},
    ]
    contacts = read_contacts(data, since="2026-01-05", session=session)
    assert contacts.to_arrow().select(["contact_id", "source_row"]).to_pydict() == {
        "contact_id": ["a", "c"],
        "source_row": [2, 5],
    }
    counts = reading_counts(contacts).astype(object)
    counts = counts.where(counts.notna(), None)
    assert sorted(map(tuple, counts.to_numpy().tolist()), key=str) == [
        ("started_at", "unreadable_time", 1),
        ("talk_seconds", "not_a_number", 1),
        (None, "duplicate_contact", 1),
        (None, "outside_period", 2),
        (None, "started_at_missing", 1),
    ]


def test_the_audit_shows_them_and_their_responses_belong_to_another_period(session):
    starts = [datetime(2026, 1, day, 9) for day in range(1, 11)]
    contacts = read_contacts(log(starts), since="2026-01-04", until="2026-01-09", session=session)
    answers = [{"contact_id": str(i), "csat": 4} for i in range(10)]
    pairing = cx.pair(contacts, read_surveys(answers, session=session))
    audit = {(row.stage, row.reason): row.n for row in pairing.audit.itertuples()}
    assert audit == {
        ("contacts", "paired_contact_id"): 5,
        ("contacts", "outside_period"): 5,
        ("responses", "paired_contact_id"): 5,
        ("responses", "outside_period"): 5,
    }


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        ("2026-01-05", "2026-01-05", "is not before"),
        ("5/1/2026", None, "since='5/1/2026' is no date or time"),
        (None, 20260105, "until=20260105 is no date or time"),
        (pd.NaT, None, "since=NaT is no date or time"),
    ],
)
def test_periods_that_cannot_be_are_refused(session, since, until, told):
    with pytest.raises(UsageError, match=told):
        read_contacts(log(WALL), since=since, until=until, session=session)


def test_a_period_without_any_contact_says_when_they_were(session):
    with pytest.raises(EmptyTableError, match="from 2026-03-28 22:59 to 2026-03-29 22:00 UTC"):
        read_contacts(log(WALL), timezone="Europe/Berlin", since="2027-01-01", session=session)


def test_a_log_of_days_is_cut_by_days(session):
    days = [date(2026, 1, 1) + timedelta(days=i) for i in range(10)]
    contacts = read_contacts(
        log(days), timezone="Asia/Kolkata", since="2026-01-03", until="2026-01-06", session=session
    )
    assert contacts.to_arrow()["contact_id"].to_pylist() == ["2", "3", "4"]
