"""Chains of contacts and first-contact resolution: by hand, and against a plain loop over every pair of contacts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import FrameSource, Session
from cxfusion.errors import ConfigError
from cxfusion.operations.diagnose import diagnose
from cxfusion.operations.episodes import EpisodePlan, recontacts, with_history, with_some_history
from cxfusion.tables.relation import Contacts

MAPS = Path(__file__).parents[2] / "examples" / "maps"

START = datetime(2026, 1, 1, 9)
# Kim: day 40 → 44 (abandoned) → 50; Lou: 41, and outbound at 43; Max at 42 with two reasons; one of nobody; the log
# begins on day 0 and ends on day 60 (both Zoe's).
#        id   customer day reason  wait talk direction   abandoned
ROWS = [
    ("z0", "zoe", 0.0, "bill", 10, 60, "inbound", False),
    ("k1", "kim", 40.0, "bill", 20, 60, "inbound", False),
    ("l1", "lou", 41.0, "bill", 30, 60, "inbound", False),
    ("m1", "max", 42.0, "bill", 40, 60, None, False),
    ("l2", "lou", 43.0, "bill", None, 60, "Outbound", False),
    ("k2", "kim", 44.0, "move", 50, None, "inbound", True),
    ("m2", "max", 45.0, "move", None, 60, "inbound", False),
    ("n1", None, 46.0, "bill", 10, 60, "inbound", False),
    ("k3", "kim", 50.0, "bill", 15, 60, "inbound", False),
    ("l3", "lou", 55.0, "bill", 15, 60, "inbound", False),
    ("z1", "zoe", 60.0, "bill", 10, 60, "inbound", False),
]


def table_of(rows):
    names = ["contact_id", "customer_id", "day", "reason", "wait_seconds", "talk_seconds", "direction", "is_abandoned"]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    started = pa.array([START + timedelta(days=day) for day in columns.pop("day")], pa.timestamp("us"))
    numbers = {name: pa.array(columns[name], pa.float64()) for name in ("wait_seconds", "talk_seconds")}
    return pa.table({**columns, **numbers, "started_at": started})


def contacts_of(session, table):
    rows = session.materialize(session.read(FrameSource(table, "log")))
    return Contacts(session, rows, table.num_rows, rows.limit(0), "UTC")


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


@pytest.fixture(scope="module")
def contacts(session):
    return contacts_of(session, table_of(ROWS))


def by_id(relation, *columns):
    frame = relation.to_pandas().set_index("contact_id")
    return frame[list(columns)].replace({np.nan: None}).to_dict("index")


def test_history_by_hand(contacts):
    found = by_id(with_history(contacts), "n_prior_contacts", "prior_wait_seconds")
    assert {name: tuple(row.values()) for name, row in found.items()} == {
        "z0": (None, None),  # the log does not reach back 30 days
        "k1": (0, 0),
        "l1": (0, 0),
        "m1": (0, 0),
        "l2": (1, 30),
        "k2": (1, 20),
        "m2": (1, 40),
        "n1": (None, None),  # nobody is known
        "k3": (2, 70),  # who abandoned has waited too
        "l3": (1, 30),  # the outbound contact is none of Lou's
        "z1": (0, 0),  # the other one was 60 days ago
    }


def test_recontact_by_hand(session, contacts):
    frame = session.collect(recontacts(contacts)).to_pandas().set_index("contact_id")["is_recontacted"]
    assert frame.to_dict() == {
        "z0": False,
        "k1": True,  # the abandoned attempt counts
        "l1": False,  # outbound does not
        "m1": True,
        "l2": False,
        "k2": True,
        "m2": False,
        "n1": None,
        "k3": False,
        "l3": None,  # its week passes the end of the log
        "z1": None,
    }


def fcr_of(contacts, by=None, **plan):
    table = diagnose(contacts, by=by, episodes=EpisodePlan(**plan)).table
    return table[table["metric"] == "fcr"]


def test_fcr_by_hand(contacts):
    (found,) = fcr_of(contacts).itertuples()
    # handled and inbound with a known week: z0 k1 l1 m1 m2 k3, of them k1 and m1 repeated; n1, l3 and z1 are unknown
    assert (found.estimate, found.n, found.status) == (4 / 6, 6, "ok")
    assert found.reason == "no further attempt within 7 days; known for 6 of 9 inbound handled contacts"


def test_fcr_of_the_same_reason_by_hand(contacts):
    (found,) = fcr_of(contacts, same_reason=True).itertuples()
    assert (found.estimate, found.n) == (1.0, 6)  # Kim and Max came back about something else
    (wide,) = fcr_of(contacts, same_reason=True, repeat_days=10).itertuples()
    assert (wide.estimate, wide.n) == (5 / 6, 6)  # on day 50 Kim asks about the bill of day 40 again


def test_fcr_by_group(contacts):
    found = fcr_of(contacts, by="reason").set_index("contact_reason")["estimate"].to_dict()
    assert found == {"bill": 3 / 5, "move": 1.0}


def test_an_id_with_too_many_contacts_is_no_one_person(session):
    often = [(f"o{i}", "switchboard", 40 + i / 10, "bill", 1, 60, "inbound", False) for i in range(12)]
    contacts = contacts_of(session, table_of([*ROWS, *often]))
    history = by_id(with_history(contacts, EpisodePlan(shared_above=11)), "n_prior_contacts")
    assert history["o11"]["n_prior_contacts"] is None
    assert history["k3"]["n_prior_contacts"] == 2
    assert by_id(with_history(contacts, EpisodePlan(shared_above=12)), "n_prior_contacts")["o11"] == {
        "n_prior_contacts": 11
    }
    (found,) = fcr_of(contacts, shared_above=11).itertuples()
    assert (found.estimate, found.n) == (4 / 6, 6)


def test_many_contacts_over_a_long_time_are_still_one_person(session):
    often = [(f"o{i}", "kim", 100 + 20 * i, "bill", 1, 60, "inbound", False) for i in range(12)]
    contacts = contacts_of(session, table_of([*ROWS, *often]))
    history = by_id(with_history(contacts, EpisodePlan(shared_above=5)), "n_prior_contacts")
    assert history["o11"] == {"n_prior_contacts": 1}


def test_a_log_without_customers_says_so(session):
    table = table_of(ROWS).drop_columns(["customer_id"])
    (found,) = fcr_of(contacts_of(session, table)).itertuples()
    assert (found.status, found.n) == ("not_applicable", 0)
    assert "names no customers" in found.reason
    history = by_id(with_history(contacts_of(session, table)), "n_prior_contacts")
    assert all(row["n_prior_contacts"] is None for row in history.values())


def test_a_log_of_a_day_can_judge_nothing(session):
    (found,) = fcr_of(contacts_of(session, table_of(ROWS[1:2]))).itertuples()
    assert (found.status, found.reason) == ("not_applicable", "known for none of 1 inbound handled contacts")


@pytest.mark.parametrize(("far", "n_judged", "n_with_history"), [(2099, 60, 1), (1999, 61, 0), (None, 60, 0)])
def test_one_call_of_another_century_does_not_make_the_log_a_long_one(session, far, n_judged, n_with_history):
    # twenty customers a day, one call each: ten days in all, and one call by a wrong clock, itself judged or long after
    rows = [(f"c{i}", f"k{i}", i // 20 + i % 20 / 100, "bill", 1, 60, "inbound", False) for i in range(200)]
    rows += [] if far is None else [("far", "far", (datetime(far, 1, 1, 9) - START).days, "bill", 1, 60, "in", False)]
    contacts = contacts_of(session, table_of(rows))
    # the last start is on the tenth day at 0.19 days past nine: those up to the third, at that time, have their week
    again = session.collect(recontacts(contacts)).to_pandas()["is_recontacted"]
    assert again.notna().sum() == n_judged
    # and none of these has thirty days before
    assert with_history(contacts).to_pandas()["n_prior_contacts"].notna().sum() == n_with_history


def test_an_empty_log_has_chains_too(session):
    empty = contacts_of(session, table_of(ROWS).slice(0, 0))
    assert with_history(empty).count() == 0
    assert fcr_of(empty)["status"].to_list() == ["not_applicable"]


@pytest.mark.parametrize("wrong", [{"repeat_days": 0}, {"look_back_days": -1}, {"shared_above": 0}])
def test_an_impossible_plan_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        EpisodePlan(**wrong)


def test_resolution_as_the_log_marks_it(session):
    table = table_of(ROWS).append_column("is_resolved", pa.array([True, False, None] + [True] * 8))
    found = diagnose(contacts_of(session, table)).table.set_index("metric").loc["resolved_rate"]
    assert (found["estimate"], found["n"]) == (8 / 9, 9)  # k2 was never handled, l1 is unknown


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("same_reason", [False, True])
def test_against_a_loop_over_every_pair(session, seed, same_reason):
    rng, is_odd = np.random.default_rng(seed), seed < 2  # the third log has known customers and inbound contacts only
    n = 400
    rows = [
        (
            f"c{i}",
            None if rng.random() < 0.1 * is_odd else f"u{rng.integers(60)}",
            float(rng.integers(0, 90 * 4)) / 4,  # quarters of a day: ties, and gaps of exactly 7 and 30 days
            None if rng.random() < 0.1 else str(rng.choice(["bill", "move"])),
            None if rng.random() < 0.1 else float(rng.integers(100)),
            60.0,
            "outbound" if rng.random() < 0.2 * is_odd else "inbound",
            bool(rng.random() < 0.1),
        )
        for i in range(n)
    ]
    plan = EpisodePlan(same_reason=same_reason)
    contacts = contacts_of(session, table_of(rows))
    history = by_id(with_history(contacts, plan), "n_prior_contacts", "prior_wait_seconds")
    again = session.collect(recontacts(contacts, plan)).to_pandas().set_index("contact_id")["is_recontacted"].to_dict()
    first, last = min(row[2] for row in rows), max(row[2] for row in rows)
    for row in rows:
        theirs = [
            other
            for other in rows
            if other[1] == row[1] and (not same_reason or other[3] == row[3]) and other[6] == "inbound"
        ]
        known = row[1] is not None and (not same_reason or row[3] is not None)
        before = [other for other in theirs if 0 < row[2] - other[2] <= 30]
        waits = [other[4] for other in before]
        seen = known and row[2] >= first + 30
        assert history[row[0]]["n_prior_contacts"] == (len(before) if seen else None)
        assert history[row[0]]["prior_wait_seconds"] == (sum(waits) if seen and None not in waits else None)
        after = [other for other in theirs if 0 < other[2] - row[2] <= 7]
        assert again[row[0]] == (bool(after) if known and row[2] <= last - 7 else None)


def test_fcr_of_a_real_bank_equals_plain_pandas(bank):
    calls = pd.read_csv(bank, sep="\t", dtype={"date": str, "call_id": str, "customer_id": str})
    calls = calls[calls["outcome"] != "PHANTOM"]
    calls["at"] = pd.to_datetime(calls["date"] + " " + calls["vru_entry"], format="%y%m%d %H:%M:%S")
    handled = (calls["outcome"] == "AGENT") | (calls["ser_time"] > 0)
    known = calls[calls["customer_id"] != "0"].sort_values(["customer_id", "at"])
    often = known["customer_id"].value_counts()
    shared = often[often > 100].index  # all within one month, so within 30 days
    for customer in shared:
        days = known.loc[known["customer_id"] == customer, "at"].to_numpy()
        assert max(np.searchsorted(days, days + np.timedelta64(30, "D"), "right") - np.arange(len(days))) > 100
    known = known[~known["customer_id"].isin(shared)]
    later = known.drop_duplicates(["customer_id", "at"]).groupby("customer_id")["at"].shift(-1)
    known = known.assign(later=later)
    known["later"] = known.groupby(["customer_id", "at"])["later"].transform("max")
    judged = known[handled.loc[known.index] & (known["at"] <= calls["at"].max() - pd.Timedelta(days=7))]
    repeated = judged["later"] - judged["at"] <= pd.Timedelta(days=7)
    with cx.Session(threads=2) as session:
        contacts = cx.read_contacts(bank, map=MAPS / "anonymous_bank.toml", session=session)
        (found,) = fcr_of(contacts).itertuples()
    assert (found.estimate, found.n) == (pytest.approx(1 - repeated.mean(), abs=1e-15), len(judged))
    assert 0.3 < found.estimate < 0.9
    assert len(shared) > 3


def test_a_missing_group_keeps_its_fcr_beside_its_other_metrics(session):
    table = table_of([(*row[:3], None if row[0] in {"k1", "m1"} else row[3], *row[4:]) for row in ROWS])
    found = diagnose(contacts_of(session, table), by="reason", interval="1d", episodes=EpisodePlan()).pivot()
    missing = found[found["contact_reason"].isna()]
    assert missing["volume"].to_list() == [1, 1]
    assert missing["fcr"].to_list() == [0, 0]  # both came back
    assert found["volume"].sum() == len(ROWS)


def test_a_history_of_ones_own_stays_beside_what_is_looked_up(session):
    table = table_of(ROWS).append_column("prior_wait_seconds", pa.array(range(len(ROWS)), pa.float64()))
    asked = with_some_history(contacts_of(session, table), ["n_prior_contacts"])
    found = by_id(asked, "n_prior_contacts", "prior_wait_seconds")
    assert found["k3"] == {"n_prior_contacts": 2, "prior_wait_seconds": 8.0}  # k1 and k2 came before it, the ninth row
