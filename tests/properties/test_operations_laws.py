"""Metrics of any log agree with pandas on every group, and quantiles with NumPy, whatever is missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxfusion.engine import FrameSource, Session
from cxfusion.operations.diagnose import diagnose
from cxfusion.results.grouping import INTERVALS
from cxfusion.tables.relation import Contacts

PARIS = ZoneInfo("Europe/Paris")
SECONDS = st.none() | st.integers(0, 40).map(float)
CONTACT = st.tuples(
    st.sampled_from(["a", "b", None]),
    st.integers(0, 60),  # half hours: from the evening before the clocks go back
    SECONDS, SECONDS, SECONDS, SECONDS,
    st.sampled_from([True, False, None]),
)  # fmt: skip
COLUMNS = ("queue", "half_hour", "wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds", "is_abandoned")


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def frame_of(rows):
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame[list(COLUMNS[2:6])] = frame[list(COLUMNS[2:6])].astype(float)
    frame["started_at"] = datetime(2026, 10, 24, 20) + frame["half_hour"] * timedelta(minutes=30)
    return frame


def contacts_of(session, frame):
    table = pa.table(
        {
            "contact_id": [f"c{i}" for i in range(len(frame))],
            "started_at": pa.array(frame["started_at"], pa.timestamp("us")),
            "queue": pa.array(frame["queue"], pa.string(), from_pandas=True),
            "is_abandoned": pa.array(frame["is_abandoned"], pa.bool_(), from_pandas=True),
            **{name: pa.array(frame[name], pa.float64(), from_pandas=True) for name in COLUMNS[2:6]},
        }
    )
    rows = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, rows, len(frame), rows.limit(0), "Europe/Paris")


def expected(group):
    """A few metrics the slow way, contact by contact."""
    marked = [contact for contact in group.itertuples() if not pd.isna(contact.is_abandoned)]
    talked = group["talk_seconds"] > 0
    handled = group[talked | group["is_abandoned"].map(lambda mark: mark is False)]
    gone = group[~talked & group["is_abandoned"].map(lambda mark: mark is True)]
    in_time = (handled["wait_seconds"] <= 20).sum()
    offered = handled["wait_seconds"].notna().sum() + len(gone)
    handle_time = handled[["talk_seconds", "hold_seconds", "wrap_seconds"]].sum(axis=1, min_count=3).dropna()
    waits = group["wait_seconds"].dropna()
    return {
        "volume": len(group),
        "handled": len(handled),
        "aht_seconds": ratio(handle_time.sum(), len(handle_time)),
        "service_level": ratio(in_time, offered - (gone["wait_seconds"] <= 20).sum()),
        "service_level_of_offered": ratio(in_time, offered),
        "abandonment_rate": ratio(sum(contact.is_abandoned for contact in marked), len(marked)),
        "wait_median_seconds": np.quantile(waits, 0.5) if len(waits) else np.nan,
        "handle_p90_seconds": np.quantile(handle_time, 0.9) if len(handle_time) else np.nan,
    }


def ratio(over, under):
    return over / under if under else np.nan


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(CONTACT, min_size=1, max_size=40), interval=st.sampled_from(["1h", "1d"]))
def test_every_group_agrees_with_a_count_by_hand(session, rows, interval):
    # one contact each that makes every column count as filled
    frame = frame_of([*rows, ("z", 0, 1.0, 1.0, 1.0, 1.0, False), ("z", 0, 1.0, None, None, None, True)])
    local = frame["started_at"].dt.tz_localize("UTC").dt.tz_convert(PARIS).dt.tz_localize(None)
    starts = local.dt.floor(INTERVALS[interval])
    wide = diagnose(contacts_of(session, frame), by="queue", interval=interval, percentiles=True).pivot()
    assert wide["volume"].sum() == len(frame)
    found = {(queue if isinstance(queue, str) else None, start): values for (queue, start, *_), (_, values) in
             zip(wide.itertuples(index=False), wide.iterrows(), strict=True)}  # fmt: skip
    groups = list(frame.groupby([frame["queue"].fillna("missing"), starts]))
    assert len(groups) == len(found)
    for (queue, start), group in groups:
        values = found[None if queue == "missing" else queue, start]
        for metric, figure in expected(group).items():
            assert values[metric] == pytest.approx(figure, nan_ok=True), (metric, queue, start)
