"""Contact within a week as an outcome: a log whose returns are known, and what counts as agreement."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError
from cxfusion.evidence.corroboration import agreement_of

LEVERS = [cx.Lever("wait_seconds", "before", -30), cx.Lever("hold_seconds", "during", -30)]


@pytest.mark.parametrize(
    ("said", "done", "pleases", "sends", "expected"),
    [
        ("moves", "moves", 1, -1, "agrees"),
        ("moves", "moves", -1, 1, "agrees"),
        ("moves", "moves", 1, 1, "contradicts"),
        ("moves", "no_effect", 1, -1, "agrees"),  # small, but surely the same way
        ("moves", "no_effect", 1, 0, "differs"),
        ("proxy", "no_effect", 1, 0, "agrees"),
        ("no_effect", "moves", 1, -1, "differs"),
        ("contested", "moves", 1, -1, "open"),
        ("moves", "contested", 1, -1, "open"),
        ("moves", "unclear", 1, 0, "open"),
    ],
)
def test_what_counts_as_agreement(said, done, pleases, sends, expected):
    assert agreement_of(said, done, pleases, sends) == expected


@pytest.fixture(scope="module")
def returning():
    """Each second of waiting makes one in a thousand more come back, and annoys; hold does neither."""
    rng = np.random.default_rng(4)
    n = 9_000
    wait, hold = rng.gamma(2.0, 40.0, n).round(), rng.gamma(2.0, 20.0, n).round()
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "customer_id": [f"k{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 40 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, 60, n)],
            "queue": "q",
            "wait_seconds": wait,
            "hold_seconds": hold,
            "wrap_seconds": rng.gamma(3.0, 20.0, n).round(),
            "is_abandoned": False,
        }
    )
    comes_back = rng.random(n) < 0.1 + 0.001 * wait
    again = log[comes_back].assign(
        contact_id=lambda rows: "again " + rows["contact_id"],
        started_at=lambda rows: rows["started_at"] + pd.Timedelta(days=2),
        agent_id=None, wait_seconds=np.nan, hold_seconds=np.nan, wrap_seconds=np.nan, is_abandoned=True,
    )  # fmt: skip
    answers = log[["contact_id"]].assign(
        csat=np.digitize(1.4 - 0.01 * wait + rng.logistic(0, 0.7, n), [-1, 0, 0.7, 1.4]) + 1
    )
    return cx.pair(cx.read_contacts(pd.concat([log, again])), cx.read_surveys(answers.iloc[:3_000]))


def test_a_lever_that_brings_customers_back_is_measured_and_agrees(returning):
    evidence = cx.fit_levers(returning, levers=LEVERS)
    found = cx.corroborate(evidence, returning)
    wait, hold = found.table.set_index("lever").loc[["wait_seconds", "hold_seconds"]].itertuples()
    assert wait.recontact_estimate == pytest.approx(-3.0, abs=1.0)  # 30 seconds, one in a thousand each
    assert wait.recontact_conf_low < -3.0 < wait.recontact_conf_high
    assert (wait.recontact_verdict, wait.verdict, wait.agreement) == ("moves", "moves", "agrees")
    assert hold.recontact_conf_low < 0 < hold.recontact_conf_high
    assert found.rate == 1
    assert 7_000 < found.n < 9_000  # the last week is not known, those who came back were not answered
    assert found.recontact_rate == pytest.approx(0.18, abs=0.02)
    assert "Waiting time: what they do agrees" in pickle.loads(pickle.dumps(found)).summary()
    found.plot(width=400)

    few = cx.corroborate(evidence, returning, max_contacts=4_000)
    assert few.rate == pytest.approx(4_000 / found.n, rel=0.01)
    assert few.n == pytest.approx(4_000, rel=0.1)


def test_without_customers_nobody_can_tell(returning):
    evidence = cx.fit_levers(returning, levers=LEVERS[:1])
    bare = replace(returning, contacts=replace(returning.contacts, rows=returning.contacts.rows.drop("customer_id")))
    with pytest.raises(NothingToEstimateError, match="names no customers"):
        cx.corroborate(evidence, bare)
