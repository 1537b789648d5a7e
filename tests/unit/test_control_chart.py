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


def log_at(session, started, timezone="UTC", **columns):
    table = pa.table({"contact_id": [f"c{i}" for i in range(len(started))], "started_at": list(started), **columns})
    made = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, made, table.num_rows, made.limit(0), timezone)


def test_a_day_without_contacts_is_a_point_of_zero_and_a_closed_sunday_is_none(session):
    rng = np.random.default_rng(2)
    numbers = [0 if day == 22 or day % 7 == 6 else int(rng.poisson(200)) for day in range(41)]
    for metric in ("volume", "handled"):
        points = cx.control_chart(log_of(session, np.repeat(np.arange(41), numbers)), metric).table
        assert len(points) == 41 - 5  # five Sundays
        out = points[points["estimate"] == 0]
        assert out["interval_start"].tolist() == [pd.Timestamp("2026-01-27")]
        assert out[["n", "status", "signals"]].values.tolist() == [[0, "ok", "beyond_limits"]]
        assert points["reason"].isna().sum() == (len(points) if metric == "volume" else 0)


def test_hours_of_each_group_without_contacts_are_points_at_the_hours_of_the_week_it_has(session):
    hours = [datetime(2026, 1, 5) + timedelta(hours=hour) for hour in range(21 * 24)]
    of_a = [at for at in hours if 8 <= at.hour < 12 and at != datetime(2026, 1, 13, 10)]
    of_none = [at for at in hours if at.weekday() == 0 and at.hour == 9 and at.day != 12]
    log = log_at(session, [*of_a, *of_none], queue=["a"] * len(of_a) + [None] * len(of_none))
    points = cx.control_chart(log, "volume", "queue", "1h", seasonal=False).table
    zeros = points[points["estimate"] == 0]
    assert points.groupby("queue", dropna=False).size().tolist() == [21 * 4, 3]
    assert zeros["interval_start"].tolist() == [pd.Timestamp("2026-01-13 10:00"), pd.Timestamp("2026-01-12 09:00")]
    assert zeros["queue"].isna().tolist() == [False, True]
    assert points.groupby("queue", dropna=False)["interval_start"].is_monotonic_increasing.all()


def test_the_centre_of_few_contacts_counts_the_hours_that_had_none(session):
    numbers = np.random.default_rng(8).poisson(0.5, 100 * 24)
    numbers[[0, -1]] = 1
    started = np.repeat([datetime(2026, 1, 5) + timedelta(hours=hour) for hour in range(100 * 24)], numbers)
    points = cx.control_chart(log_at(session, started), "volume", None, "1h", seasonal=False).table
    assert points["estimate"].tolist() == numbers.tolist()
    assert points["centre"].to_numpy() == pytest.approx(numbers.mean())


def test_an_hour_that_the_clock_skips_is_no_outage_and_a_wrong_clock_brings_no_years_of_them(session):
    spring = pd.date_range("2026-03-02 05:00", "2026-03-16 03:00", freq="1h")  # 0:00 to 23:00 in New York, UTC
    contacts = log_at(session, spring.to_pydatetime(), "America/New_York")
    points = cx.control_chart(contacts, "volume", None, "1h").table
    assert len(points) == len(spring) == 14 * 24 - 1
    assert pd.Timestamp("2026-03-08 02:00") not in set(points["interval_start"])
    assert set(points["estimate"]) == {1}
    astray = log_at(session, [*spring.to_pydatetime(), datetime(2099, 3, 2, 12)], "America/New_York")
    assert cx.control_chart(astray, "volume", None, "1h").table["estimate"].tolist() == [1] * (len(spring) + 1)


def test_counts_vary_as_the_root_of_their_centre_and_hours_that_had_none_in_the_baseline_say_so(session):
    rng = np.random.default_rng(6)
    means = np.where(np.arange(56 * 24) % 24 == 12, 100, np.where(np.arange(56 * 24) % 24 == 20, 9, 0))
    numbers = rng.poisson(means)
    numbers[-1] = 40  # at 23:00 of the last Sunday, the first ever
    started = np.repeat([datetime(2026, 1, 5) + timedelta(hours=hour) for hour in range(56 * 24)], numbers)
    chart = cx.control_chart(log_at(session, started), "volume", None, "1h", baseline_until="2026-02-23")
    points = chart.table.assign(hour=chart.table["interval_start"].dt.hour)
    assert (chart.kind, chart.is_seasonal) == ("xmr", True)
    late = points[points["hour"] == 23]
    assert late["estimate"].tolist() == [0] * 7 + [40]
    assert set(late["reason"]) == {"at this weekday or hour the count is 0 throughout the baseline"}
    known = points[points["hour"] != 23]
    scale = (known["high"] - known["centre"]) / 3 / np.sqrt(known["centre"])
    assert scale.to_numpy() == pytest.approx(scale.iloc[0])
    assert scale.iloc[0] == pytest.approx(1, abs=0.25)  # Poisson
