"""Control charts of a log: a shift is found, a quiet log is left alone, and what has no limits says why."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import FrameSource, Session
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError
from cxfusion.tables.relation import Contacts

N_DAYS, PER_DAY = 56, 40


def draw(session, shift_from=None, queues=("a",)):
    """Talk of 300 s a day (twice that on Sundays), give or take; from some day on 12 s more in the first queue."""
    rng = np.random.default_rng(11)
    rows = []
    for queue in queues:
        for day in range(N_DAYS):
            level = 600.0 if day % 7 == 6 else 300.0
            level += rng.normal(0, 4) + (12.0 if queue == "a" and shift_from is not None and day >= shift_from else 0)
            start = datetime(2026, 1, 5, 9) + timedelta(days=day)
            rows += [(start + timedelta(minutes=i), queue, level, i < 4 + day % 2) for i in range(PER_DAY)]
    table = pa.table(
        {
            "contact_id": [f"c{i}" for i in range(len(rows))],
            "started_at": [row[0] for row in rows],
            "queue": [row[1] for row in rows],
            "talk_seconds": [row[2] for row in rows],
            "is_abandoned": [False] * len(rows),
            "n_transfers": [float(row[3]) for row in rows],
        }
    )
    made = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, made, table.num_rows, made.limit(0), "UTC")


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def test_a_shift_is_found_and_named(session):
    chart = cx.control_chart(draw(session, shift_from=40), "aht_seconds", baseline_until="2026-02-14")
    assert (chart.kind, chart.is_seasonal) == ("xbar", True)
    late = chart.table["interval_start"] >= pd.Timestamp("2026-02-14")
    assert chart.table.loc[~late, "signals"].notna().sum() <= 4  # one run by chance
    assert chart.table.loc[late, "signals"].notna().mean() > 0.5
    assert "run_of_nine" in chart.table["signals"].iloc[-1]
    assert "signals; by chance alone about" in chart.summary()


def test_sundays_are_no_signal_where_they_are_always_so(session):
    quiet = draw(session)
    together = cx.control_chart(quiet, "aht_seconds", seasonal=False, rules=["beyond_limits"])
    assert not together.is_seasonal
    assert len(together.table["centre"].unique()) == 1
    weekly = cx.control_chart(quiet, "aht_seconds", rules=["beyond_limits"]).table
    assert len(weekly["centre"].unique()) == 7
    assert weekly["signals"].notna().sum() <= 1
    assert ((weekly["high"] - weekly["low"]) < (together.table["high"] - together.table["low"])).all()


def test_a_share_has_p_limits(session):
    chart = cx.control_chart(draw(session), "transfer_rate", seasonal=False, overdispersed=False)
    assert chart.kind == "p"
    row = chart.table.iloc[0]
    share = chart.table["estimate"].mean()  # every day has as many contacts
    assert row["centre"] == pytest.approx(share)
    assert row["high"] == pytest.approx(share + 3 * np.sqrt(share * (1 - share) / PER_DAY))
    assert row["low"] == max(0, share - 3 * np.sqrt(share * (1 - share) / PER_DAY))


def test_days_of_few_contacts_have_wider_limits(session):
    rng = np.random.default_rng(3)
    days, sizes = 300, np.where(np.arange(300) % 3 == 0, 4, 80)
    day = np.repeat(np.arange(days), sizes)
    table = pa.table(
        {
            "contact_id": [f"c{i}" for i in range(len(day))],
            "started_at": [datetime(2026, 1, 5, 9) + timedelta(days=int(one)) for one in day],
            "talk_seconds": rng.normal(300, 90, len(day)).round(1),
        }
    )
    made = session.materialize(session.read(FrameSource(table, "log")))
    log = Contacts(session, made, table.num_rows, made.limit(0), "UTC")
    chart = cx.control_chart(log, "talk_seconds", seasonal=False, rules=["beyond_limits"])
    points = chart.table.sort_values("interval_start", ignore_index=True)
    spread = table.to_pandas().groupby(day)["talk_seconds"]
    within = np.sqrt(((spread.var() * (sizes - 1)).sum()) / (sizes - 1).sum())  # pooled, over all days
    sigma = (points["high"] - points["centre"]) / 3
    assert sigma.to_numpy() == pytest.approx(within / np.sqrt(sizes), rel=0.05)  # nothing but chance between the days
    assert points["signals"].notna().sum() <= 3
    counts = cx.control_chart(log, "volume", seasonal=False)
    assert (chart.kind, counts.kind) == ("xbar", "xmr")


def test_each_group_has_a_chart_of_its_own(session):
    chart = cx.control_chart(draw(session, 40, ("a", "b")), "aht_seconds", by="queue", baseline_until="2026-02-14")
    flagged = chart.table[chart.table["signals"].notna()]
    assert (flagged["queue"] == "a").sum() > 5 >= (flagged["queue"] == "b").sum()
    assert chart.n_charts == 2
    assert chart.expected_false_alarms == pytest.approx(2 * N_DAYS * 0.00865, rel=0.01)
    panels = chart.plot().to_dict()["vconcat"]
    assert [panel["title"]["text"] for panel in panels] == ["a", "b"]
    assert pickle.loads(pickle.dumps(chart)).table.equals(chart.table)


def test_what_has_no_limits_says_why(session):
    contacts = draw(session)
    short = cx.control_chart(contacts, "aht_seconds", baseline_until="2026-01-10")
    assert set(short.table["reason"]) == {"5 intervals in the baseline, at least 10 are needed for limits"}
    assert short.table["estimate"].notna().all()
    same = cx.control_chart(contacts, "volume")
    assert set(same.table["reason"]) == {"it does not vary"}
    assert "no limits, it does not vary" in same.summary()
    absent = cx.control_chart(contacts, "wait_seconds")
    assert set(absent.table["reason"]) == {"the log has no waiting time"}
    with pytest.raises(NothingToEstimateError, match="no group has limits"):
        absent.plot()


def test_wrong_words_are_refused(session):
    contacts = draw(session)
    with pytest.raises(UnknownNameError, match="run_of_nine"):
        cx.control_chart(contacts, "aht_seconds", rules=["run_of_ten"])
    with pytest.raises(UsageError, match="at least one"):
        cx.control_chart(contacts, "aht_seconds", rules=[])
    with pytest.raises(UnknownNameError, match="aht_seconds"):
        cx.control_chart(contacts, "aht")
    with pytest.raises(UsageError, match="EpisodePlan"):
        cx.control_chart(contacts, "fcr")


def test_an_empty_log_has_an_empty_chart(session):
    contacts = draw(session)
    empty = Contacts(session, contacts.rows.limit(0), 0, contacts.set_aside, "UTC")
    chart = cx.control_chart(empty, "aht_seconds", by="queue")
    assert chart.table.empty
    assert "no limits, there are no intervals" in chart.summary()
    assert cx.what_changed(empty, "aht_seconds", "queue", since="2026-01-06").reason == "the log has no talk time"
    assert cx.rank_groups(empty, "aht_seconds", "queue").reason == "the log has no talk time"


def test_fcr_has_a_chart_with_episodes(session):
    chart = cx.control_chart(draw(session), "fcr", episodes=cx.EpisodePlan())
    assert set(chart.table["reason"]) == {"the log names no customers, so nobody can be seen to come back"}


def log_of(session, day, **columns):
    """Contacts at nine in the morning of some days, counted from Monday 5 January 2026."""
    started = [datetime(2026, 1, 5, 9) + timedelta(days=int(one)) for one in day]
    table = pa.table({"contact_id": [f"c{i}" for i in range(len(day))], "started_at": started, **columns})
    made = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, made, table.num_rows, made.limit(0), "UTC")


def test_a_day_on_which_nobody_was_served_is_a_point_too(session):
    day = np.repeat(np.arange(30), [8 + one % 3 for one in range(30)])
    chart = cx.control_chart(log_of(session, day, is_abandoned=day == 20), "handled", seasonal=False)
    row = chart.table.iloc[20]
    # 260 contacts in 30 days; 27 moving ranges between other days make 35, those beside it are 9 and 8
    assert (row["estimate"], row["status"], row["signals"]) == (0, "ok", "beyond_limits")
    assert row["z"] == pytest.approx(-260 / 30 / (52 / 29 / 1.128))


def test_a_weekday_without_transfers_has_no_limits_and_leaves_the_others_theirs(session):
    day = np.repeat(np.arange(56), 40)
    place = np.tile(np.arange(40), 56)
    passed_on = (place < 4 + day % 3) & (day % 7 != 6)
    chart = cx.control_chart(log_of(session, day, n_transfers=passed_on.astype(float)), "transfer_rate")
    sunday = chart.table["interval_start"].dt.day_of_week == 6
    assert chart.is_seasonal
    assert set(chart.table.loc[sunday, "status"]) == {"not_applicable"}
    assert set(chart.table.loc[sunday, "reason"]) == {"at this weekday or hour the share is 0 or 1 throughout"}
    assert set(chart.table.loc[~sunday, "status"]) == {"ok"}
    monday = chart.table[chart.table["interval_start"].dt.day_of_week == 0]
    assert set(monday["centre"].round(12)) == {round(passed_on[day % 7 == 0].mean(), 12)}
    never = cx.control_chart(log_of(session, day, n_transfers=0.0 * day), "transfer_rate")
    assert set(never.table["reason"]) == {"the share is 0 or 1 throughout"}


def test_the_end_of_the_baseline_may_have_an_offset_and_must_be_a_time(session):
    contacts = draw(session)
    local, told = (
        cx.control_chart(contacts, "aht_seconds", baseline_until=end).table
        for end in ("2026-02-14", pd.Timestamp("2026-02-14 01:00+01:00"))
    )
    pd.testing.assert_frame_equal(told, local)
    with pytest.raises(UsageError, match="'spring' is no date or time"):
        cx.control_chart(contacts, "aht_seconds", baseline_until="spring")
