"""What is noticed of times that were read all the same: a date without a time, and a time that no clock showed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

import cxfusion as cx
from cxfusion.tables.times import is_skipped


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as session:
        yield session


def read(session, *starts, timezone="Europe/Berlin", **more):
    log = [{"contact_id": str(i), "started_at": start, **more} for i, start in enumerate(starts)]
    return cx.read_contacts(log, timezone=timezone, session=session)


def test_a_time_that_the_clocks_skipped_is_counted_and_moved_on(session):
    # Berlin, 29 March 2026: after 01:59:59 comes 03:00; 25 October: 02:30 comes twice.
    starts = ["2026-03-29 01:59:59", "2026-03-29 02:00:00", "2026-03-29 02:59:59", "2026-03-29 03:00:00"]
    contacts = read(session, *starts, "2026-10-25 02:30:00", "2026-03-29T02:30:00Z")
    assert contacts.remarked == {"skipped_time": {"started_at": 2}}
    assert contacts.to_arrow()["started_at"][1].as_py() == datetime(2026, 3, 29, 1, 0)
    assert read(session, *starts, timezone="Asia/Kolkata").remarked == {}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_skipped_times_are_those_that_python_cannot_take_there_and_back(session, zone):
    from datetime import timedelta

    import ibis
    import pyarrow as pa

    moments = [datetime(2026, 1, 1) + timedelta(minutes=10 * i) for i in range(365 * 144)]
    table = ibis.memtable(pa.table({"at": pa.array(moments, pa.timestamp("us"))}))
    skipped = session.collect(table.filter(is_skipped(table["at"], zone, (2026, 2026)))).to_pylist()
    there_and_back = (
        moment.replace(tzinfo=ZoneInfo(zone))
        .astimezone(ZoneInfo("UTC"))
        .astimezone(ZoneInfo(zone))
        .replace(tzinfo=None)
        for moment in moments
    )
    expected = [moment for moment, seen in zip(moments, there_and_back, strict=True) if moment != seen]
    assert sorted(row["at"] for row in skipped) == expected
    assert bool(expected) == (zone != "Asia/Kolkata")


def test_dates_without_a_time_are_counted(session):
    assert read(session, "2026-03-02", "2026-03-02 10:00", "2026-03-03").remarked == {
        "date_without_time": {"started_at": 2}
    }
    surveys = cx.read_surveys([{"contact_id": "1", "csat": 4, "answered_at": "2026-03-02"}], session=session)
    assert surveys.remarked == {"date_without_time": {"answered_at": 1}}
