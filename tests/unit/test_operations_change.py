"""What changed: parts worked out by hand, and parts that add up whatever the data."""

from __future__ import annotations

import pickle
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxfusion as cx
from cxfusion.engine import FrameSource, Session
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError
from cxfusion.operations.change import PARTS, decompose, what_changed
from cxfusion.tables.relation import Contacts

# 10 contacts on Monday, 10 on Tuesday, talk only: (queue, talk, how many)
MONDAY = [("bills", 60.0, 4), ("moves", 120.0, 5), ("old", 200.0, 1)]
TUESDAY = [("bills", 80.0, 6), ("moves", 110.0, 2), ("new", 300.0, 2)]


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


@pytest.fixture(scope="module")
def contacts(session):
    rows = [
        (datetime(2026, 1, 5 + day, 9), queue, talk, day)
        for day, cells in enumerate((MONDAY, TUESDAY))
        for queue, talk, n in cells
        for _ in range(n)
    ]
    table = pa.table(
        {
            "contact_id": [f"c{i}" for i in range(len(rows))],
            "started_at": [row[0] for row in rows],
            "queue": [row[1] for row in rows],
            "talk_seconds": [row[2] for row in rows],
            "is_repeat": [bool(i % 2) for i in range(len(rows))],
            "site": ["south" if row[3] else "north" for row in rows],
        }
    )
    made = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, made, table.num_rows, made.limit(0), "UTC")


def test_parts_by_hand(contacts):
    change = what_changed(contacts, "aht_seconds", "queue", since="2026-01-06")
    # before (240 + 600 + 200)/10 = 104, after (480 + 220 + 600)/10 = 130, middle 117
    assert (change.before, change.after) == (pytest.approx(104), pytest.approx(130))
    cells = change.table.set_index("queue")
    # bills: share .4 → .6, talk 60 → 80; moves: .5 → .2, 120 → 110
    assert cells.loc["bills", ["mix", "rate"]].to_list() == pytest.approx([0.2 * (70 - 117), 0.5 * 20])
    assert cells.loc["moves", ["mix", "rate"]].to_list() == pytest.approx([-0.3 * (115 - 117), 0.35 * -10])
    assert cells.loc["new", list(PARTS)].to_list() == pytest.approx([0, 0, 0.2 * (300 - 117), 0])
    assert cells.loc["old", list(PARTS)].to_list() == pytest.approx([0, 0, 0, -0.1 * (200 - 117)])
    assert cells.loc["new", ["n_before", "n_after", "share_after"]].to_list() == [0, 2, 0.2]
    parts = change.parts.set_index("part")["estimate"]
    assert parts["change"] == pytest.approx(26, abs=1e-12)
    assert parts["mix"] == pytest.approx(-9.4 + 0.6)
    assert list(change.table["queue"]) == ["new", "old", "moves", "bills"]  # the largest contribution first


def test_three_ways_to_name_the_sides_give_the_same(contacts):
    since = what_changed(contacts, "aht_seconds", "queue", since="2026-01-06")
    periods = (("2026-01-05", "2026-01-06"), ("2026-01-06", None))
    for other in (
        what_changed(contacts, "aht_seconds", "queue", periods=periods),
        what_changed(contacts, "aht_seconds", ["queue"], groups=("site", "north", "south")),
    ):
        pd.testing.assert_frame_equal(other.table, since.table)
    assert since.labels == ("before", "since 2026-01-06")


@settings(max_examples=200, deadline=None)
@given(
    cells=st.lists(
        st.tuples(
            st.sampled_from([0, 1]), st.integers(0, 6), st.integers(0, 50), st.floats(-1e6, 1e6, allow_nan=False)
        ),
        unique_by=lambda cell: cell[:2],
    )
)
def test_parts_always_add_up(cells):
    totals = pd.DataFrame(cells, columns=["key_0", "key_1", "n", "mean"])
    totals = totals.assign(total=totals["n"] * totals["mean"])[["key_0", "key_1", "total", "n"]]
    found, before, after = decompose(totals, ["key_1"])
    sides = totals.groupby("key_0")[["total", "n"]].sum()
    for side, figure in ((0, before), (1, after)):
        if side not in sides.index or sides.loc[side, "n"] == 0:
            assert figure is None
        else:
            assert figure == pytest.approx(sides.loc[side, "total"] / sides.loc[side, "n"], rel=1e-12, abs=1e-9)
    if before is not None and after is not None:
        scale = totals["total"].abs().max() + 1
        assert found["change"].sum() == pytest.approx(after - before, abs=1e-12 * scale)
        assert found[list(PARTS)].to_numpy().sum() == pytest.approx(after - before, abs=1e-12 * scale)
        one_part = (found[list(PARTS)] != 0).sum(axis=1)
        assert (one_part <= 2).all()
        assert found[["share_before", "share_after"]].sum().to_numpy() == pytest.approx([1, 1])


def test_it_agrees_with_diagnose_on_a_real_metric():
    with Session(threads=1) as session:
        contacts = cx.simulate(n_contacts=4_000, seed=2, session=session).contacts
        plan = cx.EpisodePlan()
        change = what_changed(contacts, "fcr", ["queue", "channel"], since="2025-10-01", episodes=plan)
        by_day = cx.diagnose(contacts, interval="1d", episodes=plan).table
        days = by_day[by_day["metric"] == "fcr"]
        is_before = days["interval_start"] < pd.Timestamp("2025-10-01")
        for rows, figure in ((days[is_before], change.before), (days[~is_before], change.after)):
            known = rows[rows["n"] > 0]
            assert figure == pytest.approx(np.average(known["estimate"], weights=known["n"]), abs=1e-12)
        assert change.table["change"].sum() == pytest.approx(change.after - change.before, abs=1e-12)


@pytest.fixture(scope="module")
def of_tiers(session):
    """A log with a column of floats in which some are missing as null, others as NaN, as Arrow and Polars keep them."""
    days = pa.array([datetime(2026, 1, 5 + i // 20, 9) for i in range(40)])
    table = pa.table(
        {
            "contact_id": [f"c{i}" for i in range(40)],
            "started_at": days,
            "talk_seconds": [10.0 * i for i in range(40)],
            "tier": pa.array([None, float("nan"), 1.0, 2.5] * 10, from_pandas=False),
        }
    )
    return cx.read_contacts(table, timezone="UTC", session=session)


def test_nan_and_null_are_one_missing_group(of_tiers):
    change = what_changed(of_tiers, "talk_seconds", "tier", since="2026-01-06")
    assert len(change.table) == 3
    assert change.table["change"].sum() == pytest.approx(change.after - change.before)


def test_quantiles_stand_beside_sums_of_groups_with_nan_and_null(of_tiers):
    found = cx.diagnose(of_tiers, by="tier", interval="1d", percentiles=True).pivot()
    assert found["volume"].to_list() == [5, 5, 5, 5, 10, 10]


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("wait_p90_seconds", "quantiles of groups do not add up"),
        ("volume", "it is a count"),
        ("fcr", "it takes episodes"),
        ("asa_seconds", "the log has no waiting time"),
    ],
)
def test_what_cannot_be_split_says_why(contacts, metric, why):
    change = what_changed(contacts, metric, "queue", since="2026-01-06")
    assert why in change.reason
    assert change.table.empty
    assert why in change.summary()
    with pytest.raises(NothingToEstimateError, match=why):
        change.plot()


def test_a_side_without_contacts_says_so(contacts):
    change = what_changed(contacts, "aht_seconds", "queue", since="2020-01-01")
    assert change.reason == "no handled contacts: before"
    assert change.after == pytest.approx(117)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, UsageError),
        ({"since": "2026-01-06", "groups": ("site", "north", "south")}, UsageError),
        ({"periods": (("2026-01-05", "2026-01-07"), ("2026-01-06", None))}, UsageError),
        ({"periods": ((None, None), ("2026-01-06", None))}, UsageError),
        ({"groups": ("site", "north", "north")}, UsageError),
        ({"groups": ("sight", "north", "south")}, UnknownNameError),
        ({"since": "soon"}, UsageError),
    ],
)
def test_sides_that_are_none_are_refused(contacts, asked, error):
    with pytest.raises(error):
        what_changed(contacts, "aht_seconds", "queue", **asked)
    with pytest.raises(UnknownNameError, match="aht_seconds"):
        what_changed(contacts, "aht_second", "queue", since="2026-01-06")
    with pytest.raises(UsageError, match="by='queue'"):
        what_changed(contacts, "aht_seconds", [], since="2026-01-06")


def test_a_period_ends_before_its_last_moment_and_is_meant_on_the_sites_clock(session):
    starts = [datetime(2026, 1, 5, 22, 30), datetime(2026, 1, 5, 23, 30)]  # UTC: 23:30 and 0:30 in Berlin
    table = pa.table({"contact_id": ["a", "b"], "started_at": starts, "queue": ["q", "q"], "talk_seconds": [1.0, 3.0]})
    made = session.materialize(session.read(FrameSource(table, "log")))
    contacts = Contacts(session, made, 2, made.limit(0), "Europe/Berlin")
    change = what_changed(contacts, "aht_seconds", "queue", since="2026-01-06")
    assert (change.before, change.after) == (1, 3)


def test_the_waterfall_leads_from_one_figure_to_the_other(contacts):
    change = what_changed(contacts, "aht_seconds", "queue", since="2026-01-06")
    (bars,) = change.plot().to_dict()["datasets"].values()
    assert (bars[0]["stop"], bars[-1]["stop"]) == (pytest.approx(104), pytest.approx(130))
    assert bars[-2]["stop"] == pytest.approx(130)
    assert all(bar["start"] == pytest.approx(last["stop"]) for last, bar in pairwise(bars[:-1]))
    assert [bar["name"] for bar in bars] == ["before", "Other mix", "new", "bills", "old", "moves", "since 2026-01-06"]
    assert pickle.loads(pickle.dumps(change)).parts.equals(change.parts)


def waits(session, *cells):
    """Everybody waited 30 seconds: (day, queue, how many were answered, how many abandoned)."""
    log = [
        {"contact_id": f"{day}{queue}{i}", "started_at": f"2026-01-{day} 09:00", "queue": queue, "wait_seconds": 30,
         "talk_seconds": 60 if i < n else None, "is_abandoned": i >= n}
        for day, queue, n, n_gone in cells
        for i in range(n + n_gone)
    ]  # fmt: skip
    return cx.read_contacts(log, timezone="UTC", session=session)


def test_patience_is_split_only_where_every_wait_belongs_to_a_group(session):
    usual = ("05", "bills", 10, 2), ("06", "bills", 10, 4), ("06", "moves", 5, 1)
    contacts = waits(session, *usual, ("05", "moves", 5, 1))
    change = what_changed(contacts, "patience_seconds", "queue", since="2026-01-06")
    by_day = cx.diagnose(contacts, interval="1d").pivot()["patience_seconds"].to_list()
    assert [change.before, change.after] == by_day == [18 * 30 / 3, 20 * 30 / 5]
    contacts = waits(session, *usual, ("05", "moves", 5, 0))
    change = what_changed(contacts, "patience_seconds", "queue", since="2026-01-06")
    assert change.reason == "waits of groups in which nobody abandoned belong to no group's figure"
    assert (change.before, change.after) == (None, None)
    assert change.table.empty
    contacts = waits(session, ("05", "bills", 10, 0), *usual[1:])
    change = what_changed(contacts, "patience_seconds", "queue", since="2026-01-06")
    assert change.reason == "no inbound abandoned contacts: before"


def test_groups_may_be_named_by_the_number_that_their_id_looks_like(session):
    calls = [
        {"contact_id": i, "started_at": "2026-01-05", "agent_id": 1 + i % 2, "queue": "a", "talk_seconds": 60 + i % 2}
        for i in range(8)
    ]
    log = cx.read_contacts(calls, timezone="UTC", session=session)
    numbers, texts = (what_changed(log, "talk_seconds", "queue", groups=("agent_id", *ids)) for ids in ((1, 2), "12"))
    assert (numbers.before, numbers.after, numbers.labels) == (60, 61, ("1", "2"))
    pd.testing.assert_frame_equal(numbers.table, texts.table)


def test_groups_of_numbers_and_flags_may_be_named_in_words(session):
    calls = [
        {
            "contact_id": i,
            "started_at": "2026-01-05",
            "batch": 1 + i % 2,
            "is_new": i % 2 == 1,
            "talk_seconds": 60 + i % 2,
        }
        for i in range(8)
    ]
    log = cx.read_contacts(calls, timezone="UTC", session=session)
    for groups in (("batch", "1", "2"), ("batch", 1.0, "2.0"), ("is_new", "false", "True"), ("is_new", False, 1)):
        found = what_changed(log, "talk_seconds", "batch", groups=groups)
        assert (found.before, found.after) == (60, 61)
    with pytest.raises(UsageError, match="batch is never 'new': it holds numbers"):
        what_changed(log, "talk_seconds", "batch", groups=("batch", "new", "2"))
    with pytest.raises(UsageError, match="is_new is never 2: it is true or false"):
        what_changed(log, "talk_seconds", "batch", groups=("is_new", 1, 2))


@pytest.mark.parametrize(
    "periods",
    [
        ((None, "2026-02-01"), ("2026-01-15", "2026-03-01")),
        (("2026-02-01", "2026-03-01"), (None, "2026-02-15")),
        ((None, "2026-02-01"), (None, "2026-03-01")),
        (("2026-01-01", None), ("2026-02-01", None)),
        (("2026-01-01", "2026-02-01"), ("2026-01-31", "2026-02-28")),
    ],
)
def test_periods_that_overlap_are_refused_either_way_round(contacts, periods):
    for asked in (periods, periods[::-1]):
        with pytest.raises(UsageError, match="overlap"):
            what_changed(contacts, "aht_seconds", "queue", periods=asked)
    apart = what_changed(contacts, "aht_seconds", "queue", periods=((None, "2026-01-06"), ("2026-01-06", None)))
    assert (apart.before, apart.after) == (pytest.approx(104), pytest.approx(130))
