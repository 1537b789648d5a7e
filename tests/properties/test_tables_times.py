"""Zones applied as CASE expressions agree with the standard library's zoneinfo on any instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxfusion.engine import FrameSource, Session
from cxfusion.errors import ConfigError
from cxfusion.tables.times import end_of_day, require_zone, to_local, to_utc

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "UTC",
         "America/Sao_Paulo", "Pacific/Apia", "Asia/Jerusalem"]  # fmt: skip
# Around changes of the clock in these zones, 2011 (Apia skips a day) to 2024.
CHANGES = [
    datetime(2023, 3, 26, 1), datetime(2023, 10, 29, 1), datetime(2024, 3, 10, 7), datetime(2023, 11, 5, 6),
    datetime(2023, 4, 1, 15), datetime(2023, 9, 30, 15, 30), datetime(2023, 4, 23, 2), datetime(2018, 11, 4, 3),
    datetime(2011, 12, 30, 10), datetime(2023, 3, 24, 0), datetime(2022, 12, 31, 23), datetime(2023, 1, 1),
]  # fmt: skip
YEARS = (2011, 2024)

instants = st.builds(
    lambda base, seconds: base + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-2 * 86_400, 2 * 86_400),
)


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def shifted(session, shift, moments, zone):
    source = FrameSource(pa.table({"t": pa.array(moments, pa.timestamp("us"))}), "moments")
    rows = session.read(source)
    answer = session.collect(rows.order_by("source_row").select(t=shift(rows.t, zone, YEARS)))
    return answer["t"].to_pylist()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.lists(instants, min_size=1, max_size=40))
def test_utc_to_wall_clock_agrees_with_zoneinfo(session, zone, moments):
    expected = [t.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for t in moments]
    assert shifted(session, to_local, moments, zone) == expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.lists(instants, min_size=1, max_size=40))
def test_wall_clock_to_utc_agrees_with_zoneinfo_first_reading(session, zone, moments):
    expected = [t.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC).replace(tzinfo=None) for t in moments]
    assert shifted(session, to_utc, moments, zone) == expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.lists(instants, min_size=1, max_size=40))
def test_a_day_lasts_from_midnight_to_midnight_on_the_clock(session, zone, moments):
    skipped = datetime(2011, 12, 30)  # at Apia, a day that never was
    days = [day for moment in moments if (day := datetime(*moment.timetuple()[:3])) != skipped]
    first, end = (
        [(day + timedelta(days=n)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None) for day in days]
        for n in (0, 1)
    )
    assert shifted(session, end_of_day, first, zone) == end


def test_repeated_hour_is_the_first_and_missing_hour_moves_forward(session):
    repeated, missing = datetime(2023, 10, 29, 2, 30), datetime(2023, 3, 26, 2, 30)
    utc = shifted(session, to_utc, [repeated, missing], "Europe/Berlin")
    assert utc == [datetime(2023, 10, 29, 0, 30), datetime(2023, 3, 26, 1, 30)]
    assert shifted(session, to_local, utc, "Europe/Berlin")[1] == datetime(2023, 3, 26, 3, 30)


def test_utc_is_left_alone():
    time = ibis.literal(datetime(2024, 1, 1))
    assert to_local(time, "UTC", (2024, 2024)) is time


def test_unknown_zone_names_the_nearest():
    with pytest.raises(ConfigError, match="Asia/Kolkata"):
        require_zone("Asia/Kolkatta")
    with pytest.raises(ConfigError, match="IANA"):
        require_zone("../secret")
