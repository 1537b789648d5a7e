"""What follows upon what: by hand on the small log of the episodes, and in books that add up."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import FrameSource, Session
from cxfusion.errors import UnknownNameError
from cxfusion.report.follow_ups import follow_ups_table
from cxfusion.tables.relation import Contacts

START = datetime(2026, 1, 1)
DAY = 86_400


def contacts_of(session, rows):
    """Rows of (customer, day, reason, direction, is_abandoned)."""
    table = pa.table(
        {
            "contact_id": [f"c{i}" for i in range(len(rows))],
            "customer_id": [row[0] for row in rows],
            "started_at": pa.array([START + timedelta(days=row[1]) for row in rows], pa.timestamp("us")),
            "reason": pa.array([row[2] for row in rows], pa.string()),
            "direction": [row[3] for row in rows],
            "is_abandoned": [row[4] for row in rows],
            "talk_seconds": [None if row[4] else 60.0 for row in rows],
        }
    )
    made = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, made, table.num_rows, made.limit(0), "UTC")


def call(customer, day, reason, direction="inbound", is_abandoned=False):
    return (customer, day, reason, direction, is_abandoned)


# Six movers call about the bill two days later, the last of them after four; five of ten billers come back after a day
# about the bill, abandoned or not; an eleventh did 8 days later, which is another story.
ROWS = [
    *(call(f"m{i}", 1, "move") for i in range(8)),
    *(call(f"m{i}", 3 if i < 5 else 5, "bill") for i in range(6)),
    *(call(f"b{i}", 10, "bill") for i in range(10)),
    *(call(f"b{i}", 11, "bill", is_abandoned=i % 2 == 0) for i in range(5)),
    call("late", 10, "bill"),
    call("late", 18.5, "bill"),
    call("out", 10, "move"),
    call("out", 11, "bill", "outbound"),
    call(None, 12, "bill"),
    call("end", 40, "bill"),
]


@pytest.fixture(scope="module")
def found():
    with Session(threads=1) as session:
        return cx.follow(contacts_of(session, ROWS))


def test_rates_and_lags_by_hand(found):
    rows = found.table.set_index(["reason", "next_reason"])
    assert len(rows) == 2
    movers = rows.loc[("move", "bill")]
    # nine movers could be followed (the eight and "out"), six called about the bill
    assert movers[["n", "n_followed", "n_customers", "rate", "lag_median_seconds"]].to_list() == [
        9, 6, 6, 6 / 9, 2 * DAY,
    ]  # fmt: skip
    billers = rows.loc[("bill", "bill")]
    # 6 second calls of movers, 10 billers, 2 answered second calls of billers, both of "late"; 5 of them came back
    assert billers[["n", "n_followed", "rate"]].to_list() == [20, 5, 5 / 20]
    assert billers["lag_median_seconds"] == DAY
    assert movers["lift"] == pytest.approx((6 / 9) / (11 / 29))


def test_every_contact_ends_in_one_place(found):
    assert found.audit.set_index("reason")["n"].to_dict() == {
        "outbound": 1,
        "not_handled": 3,
        "no_customer": 1,
        "shared_customer": 0,
        "no_reason": 0,
        "window_open": 1,
        "followed": 29,
    }
    assert found.audit["n"].sum() == len(ROWS)
    assert found.fcr == pytest.approx(1 - 11 / 29)
    assert found.groups.set_index("reason")["fcr"].to_dict() == pytest.approx({"bill": 15 / 20, "move": 3 / 9})
    assert "the log ends too soon" in found.summary().lower()


def test_pairs_of_few_customers_are_suppressed():
    with Session(threads=1) as session:
        table = cx.follow(contacts_of(session, [row for row in ROWS if row[0] not in ("m0", "m1")])).table
    few = table[table["reason"] == "move"].iloc[0]
    assert (few["status"], few["why"]) == ("suppressed", "fewer than 5 customers")
    assert few[["n_followed", "n_customers", "rate", "lift", "lag_median_seconds"]].isna().all()
    assert few["n"] == 7


def test_groups_of_few_customers_show_how_many_contacts_there_were_and_no_more():
    rows = [call(f"z{i % 4}", 20 + i, "rare") for i in range(8)]
    with Session(threads=1) as session:
        groups = cx.follow(contacts_of(session, [*ROWS, *rows])).groups.set_index("reason")
    assert groups.loc["rare", "n"] == 8
    assert groups.loc["rare", ["n_followed", "fcr"]].isna().all()
    assert groups["fcr"].notna().sum() == 2


def test_the_page_says_what_customers_came_back_about(found):
    (row,) = follow_ups_table(found).rows  # who came about a bill comes back about one less often than others do
    assert [cell.text for cell in row] == ["move", "bill", "66.7 %", "1.8 times", "2.0 days"]
    assert row[2].detail == "6 of 9"
    assert "62.1 % of the contacts that could be followed for 7 days were not" in follow_ups_table(found).notes[0]
    assert "most contacts beyond what comes after any contact stand first" in follow_ups_table(found).notes[1]
    with Session(threads=1) as session:
        alone = cx.follow(contacts_of(session, [call(f"k{i}", 20 + i, "bill") for i in range(9)]))
    assert follow_ups_table(alone) is None


@pytest.mark.parametrize("same_reason", [False, True])
def test_it_agrees_with_the_metric_and_with_a_loop_over_pairs(same_reason):
    rng = np.random.default_rng(3)
    rows = [
        call(
            None if rng.random() < 0.05 else f"u{rng.integers(80)}",
            rng.integers(0, 60 * 6) / 6,
            None if rng.random() < 0.1 else str(rng.choice(["a", "b", "c"])),
            "outbound" if rng.random() < 0.1 else "inbound",
            bool(rng.random() < 0.15),
        )
        for _ in range(600)
    ]
    plan = cx.EpisodePlan(same_reason=same_reason)
    with Session(threads=1) as session:
        contacts = contacts_of(session, rows)
        found = cx.follow(contacts, plan=plan)
        table = cx.diagnose(contacts, episodes=plan).table.set_index("metric")
    assert found.fcr == pytest.approx(table.loc["fcr", "estimate"], abs=1e-12)
    n_followed = found.audit.set_index("reason")["n"]["followed"]
    assert n_followed == table.loc["fcr", "n"]
    assert found.audit["n"].sum() == 600
    assert int(found.groups["n"].sum()) == n_followed
    last = max(row[1] for row in rows)
    gaps = {}
    for row in rows:
        if row[0] is None or row[3] == "outbound" or row[4] or row[1] > last - 7 or (same_reason and row[2] is None):
            continue
        later = [
            (other[1], other[2] or "")
            for other in rows
            if other[0] == row[0] and other[3] == "inbound" and 0 < other[1] - row[1] <= 7
            and (not same_reason or other[2] == row[2])
        ]  # fmt: skip
        if later:
            day = min(later)[0]
            there = [reason for at, reason in later if at == day]
            if len(set(there)) == 1:  # which of several at one instant comes first cannot be known
                gaps.setdefault((row[2], there[0] or None), []).append((day - row[1]) * DAY)
            else:
                gaps.setdefault("tied", []).append(1)
    n_tied = len(gaps.pop("tied", []))
    shown = found.table[found.table["status"] == "ok"]
    for pair in shown.itertuples():
        key = tuple(None if pd.isna(value) else value for value in (pair.reason, pair.next_reason))
        assert abs(pair.n_followed - len(gaps[key])) <= n_tied
        if n_tied == 0:
            assert pair.lag_median_seconds == pytest.approx(np.median(gaps[key]))


def test_a_log_without_customers_has_nothing_to_follow():
    with Session(threads=1) as session:
        contacts = contacts_of(session, [call(None, 1, "a"), call(None, 9, "a")])
        found = cx.follow(contacts)
        assert found.fcr is None
        assert found.table.empty
        assert found.summary().startswith("No contact could be followed.")
        with pytest.raises(UnknownNameError, match="reason"):
            cx.follow(contacts, "reasn")
    assert pickle.loads(pickle.dumps(found)).audit.equals(found.audit)
