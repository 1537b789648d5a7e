"""Slots of UTC, moved to the site's clock afterwards, equal every row's own local interval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxfusion.engine import FrameSource, Session
from cxfusion.operations.slots import Slots
from cxfusion.results.grouping import INTERVALS

ZONES = ["UTC", "Europe/Paris", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]
INSTANTS = st.datetimes(datetime(2019, 12, 31), datetime(2021, 1, 1))


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def local_start(instant, zone, interval):
    """The same in plain Python: shift one instant to the wall clock, and cut."""
    wall = instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (wall - midnight) // interval * interval


@settings(deadline=None, max_examples=60)
@given(
    instants=st.lists(INSTANTS, min_size=1, max_size=30),
    zone=st.sampled_from(ZONES),
    interval=st.sampled_from(list(INTERVALS)),
)
def test_slots_agree_with_each_instants_own_clock(session, instants, zone, interval):
    slots = Slots(zone, INTERVALS[interval], (2019, 2021))
    rows = session.read(FrameSource(pa.table({"at": pa.array(instants, pa.timestamp("us"))}), "instants"))
    found = session.collect(rows.select("at", slot=slots.number(rows["at"]))).to_pandas()
    expected = [local_start(at.to_pydatetime(), zone, INTERVALS[interval]) for at in found["at"]]
    assert slots.starts(found["slot"]).to_list() == [pd.Timestamp(start) for start in expected]


@pytest.mark.parametrize(
    ("zone", "size"),
    [
        ("Europe/Paris", (3600, 0)),
        ("Asia/Kolkata", (3600, 1800)),
        ("Asia/Kathmandu", (3600, 2700)),
        ("Australia/Lord_Howe", (900, 0)),  # its summer time shifts the clock by half an hour
    ],
)
def test_slots_are_as_long_as_the_zone_allows(zone, size):
    assert Slots(zone, timedelta(days=1), (2020, 2021)).size == size
