"""The weights tested by recontact: they pass where answering follows the log, and fail where it follows the mood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.evidence import recontact
from cxfusion.operations.episodes import EpisodePlan
from cxfusion.operations.links import link

N_AGENTS = 30


def world(mood_answers: float, n: int = 9_000, seed: int = 0) -> cx.Pairing:
    """Customers in a bad mood call again more often; ``mood_answers`` times as likely do they answer.

    One channel has worse moods and answers more: that much the log knows.
    """
    rng = np.random.default_rng(seed)
    channel = rng.choice(["call", "chat"], n)
    mood = rng.normal(-0.6 * (channel == "call"), 1.0)
    wait = rng.gamma(2.0, 40.0, n).round()
    csat = np.digitize(mood - 0.008 * wait + rng.logistic(0, 0.5, n) + 0.8, [-1, 0, 0.7, 1.4]) + 1
    start = pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s")
    frame = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "customer_id": [f"k{i}" for i in range(n)],
            "started_at": start,
            "agent_id": [f"agent {i}" for i in rng.integers(0, N_AGENTS, n)],
            "channel": channel,
            "wait_seconds": wait,
            "csat": csat,
        }
    )
    is_bad = mood < -0.5
    again = frame[rng.random(n) < np.where(is_bad, 0.5, 0.1)]
    later = again.assign(
        contact_id="again " + again["contact_id"],
        started_at=again["started_at"] + pd.to_timedelta(rng.uniform(1, 6, len(again)), "D"),
    )
    # who calls again gives up waiting, so that no contact of the second kind is asked; the log goes on for a week, so
    # that what followed is known
    later, frame = later.assign(is_abandoned=True), frame.assign(is_abandoned=False)
    last = frame.head(1).assign(contact_id="last", customer_id="nobody", started_at=start.max() + pd.Timedelta("14D"))
    log = pd.concat([frame, later, last])
    chance = 0.1 * (1 + (channel == "call")) * np.where(is_bad, mood_answers, 1.0)
    answers = frame[rng.random(n) < chance]
    contacts = cx.read_contacts(log.drop(columns=["csat"]))
    return cx.pair(contacts, cx.read_surveys(answers[["contact_id", "csat"]]))


def test_weights_pass_where_answering_follows_the_log():
    pairing = world(1.0)
    found = cx.check_weights(pairing, cx.weigh(pairing, "csat"))
    assert found.status == "passed"
    assert abs(found.weighted - found.everyone) < 3 * found.std_error
    assert abs(found.unweighted - found.everyone) > 0.01  # and the weights were needed
    assert "pass the recontact test" in found.summary()


def test_weights_fail_where_answering_follows_the_mood():
    pairing = world(3.0)
    weights = cx.weigh(pairing, "csat")
    found = cx.check_weights(pairing, weights)
    assert found.status == "failed"
    assert found.weighted > found.everyone + 0.05
    evidence = cx.fit_levers(pairing, "csat", weights=weights)
    assert any("fail the recontact test" in note for note in evidence.notes)
    unweighted = cx.fit_levers(pairing, "csat").table.set_index("lever")["grade"]
    assert unweighted["wait_seconds"] == "adjusted" or unweighted["wait_seconds"] == "correlational"
    assert evidence.table.set_index("lever").loc["wait_seconds", "grade"] == "correlational"


def test_rates_are_those_counted_by_hand():
    pairing = world(2.0, n=3_000)
    weights = cx.weigh(pairing, "csat")
    found = cx.check_weights(pairing, weights)
    log = pairing.contacts.to_pandas().sort_values("started_at")
    following = log.groupby("customer_id")["started_at"].shift(-1)
    log["again"] = (following - log["started_at"]) <= pd.Timedelta("7D")
    log = log[(log["started_at"] + pd.Timedelta("7D") <= log["started_at"].max()) & ~log["is_abandoned"]]
    joined = log.merge(weights.to_pandas(), on="contact_id")
    assert found.everyone == pytest.approx(log["again"].mean(), abs=1e-12)
    assert found.unweighted == pytest.approx(joined["again"].mean(), abs=1e-12)
    weighted = np.average(joined["again"], weights=joined["weight"])
    assert found.weighted == pytest.approx(weighted, abs=1e-9)
    left = joined["weight"] * (joined["again"] - weighted)
    n = joined["customer_id"].nunique()
    by_hand = np.sqrt((left.groupby(joined["customer_id"]).sum() ** 2).sum() * n / (n - 1)) / joined["weight"].sum()
    assert found.std_error == pytest.approx(by_hand, rel=1e-9)
    assert found.table.loc[0, "n"] == len(joined)


def test_weights_fail_where_nobody_who_came_back_was_asked():
    # as by a rule that cancels the survey of whoever calls again
    all_asked = world(1.0)
    ids = set(all_asked.contacts.to_pandas()["contact_id"])
    answers = all_asked.surveys.to_pandas()[["contact_id", "csat"]]
    kept = answers[~("again " + answers["contact_id"]).isin(ids)]
    pairing = cx.pair(all_asked.contacts, cx.read_surveys(kept))
    weights = cx.weigh(pairing, "csat")
    found = cx.check_weights(pairing, weights)
    assert (found.weighted, found.status) == (0, "failed")
    own = weights.to_pandas()["weight"]
    by_hand = np.sqrt(found.everyone * (1 - found.everyone) * (own**2).sum()) / own.sum()
    assert found.std_error == pytest.approx(by_hand, rel=1e-9)


def test_a_long_log_is_thinned_by_customer(monkeypatch):
    pairing = world(1.0)
    weights = cx.weigh(pairing, "csat")
    whole = cx.check_weights(pairing, weights)
    monkeypatch.setattr(recontact, "MAX_CONTACTS", 5_000)
    thinned = cx.check_weights(pairing, weights)
    assert 0.3 * whole.n < thinned.n < 0.7 * whole.n
    assert thinned.everyone == pytest.approx(whole.everyone, abs=0.04)
    links = link(pairing.contacts, EpisodePlan(), columns=["customer_id"])  # one that is chained already is not thinned
    pd.testing.assert_frame_equal(recontact.check_weights(pairing, weights, links).table, whole.table, rtol=1e-12)


def test_one_call_of_another_century_does_not_tell_what_followed_the_last_ones():
    pairing = world(1.0, n=3_000)
    log, answers = pairing.contacts.to_pandas(), pairing.surveys.to_pandas()[["contact_id", "csat"]]
    log = log.drop(columns=["source_file", "source_row"])
    far = log.head(1).assign(
        contact_id="far", customer_id="far", is_abandoned=True, started_at=pd.Timestamp("2099-01-01", tz="UTC")
    )
    stretched = cx.pair(cx.read_contacts(pd.concat([log, far]).assign(ended_at=None)), cx.read_surveys(answers))
    usual, found = (cx.check_weights(one, cx.weigh(one, "csat")) for one in (pairing, stretched))
    assert (found.everyone, found.n) == (pytest.approx(usual.everyone, abs=1e-12), usual.n)


def test_a_log_without_customers_cannot_be_tested(pairing):
    log = pairing.contacts.to_pandas().drop(columns=["customer_id", "source_file", "source_row"])
    surveys = pairing.surveys.to_pandas()[["contact_id", "csat"]].dropna()
    nameless = cx.pair(cx.read_contacts(log), cx.read_surveys(surveys))
    found = cx.check_weights(nameless, cx.weigh(nameless, "csat"))
    assert (found.status, found.reason) == ("not_applicable", "the log names no customers")
