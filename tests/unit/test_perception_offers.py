"""Agents who pick whom to ask are seen, by invitations or by answers alone; a centre with a rule of its own is not."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NoScoreError, NothingToEstimateError, UnknownNameError
from cxfusion.perception.asked import asked_about

N = 6_000


@pytest.fixture(scope="module")
def picked():
    with cx.Session(threads=2) as session:
        centre = cx.simulate(n_contacts=12_000, seed=5, world="picked_customers", session=session)
        yield cx.pair(centre.contacts, centre.surveys)


@pytest.fixture(scope="module")
def found(picked):
    return cx.check_offers(picked)


def centre_with_a_rule(seed=1, **columns):
    """Ten agents of two queues; the system asks after short waits in one queue, and one agent often forgets."""
    rng = np.random.default_rng(seed)
    queue, agent = rng.integers(0, 2, N), rng.integers(0, 10, N)
    wait = rng.exponential(60, N).round()
    chance = np.where(queue == 0, 0.5, np.where(wait < 60, 0.6, 0.1)) * np.where(agent == 3, 0.4, 1.0)
    asked, answers = rng.random(N) < chance, rng.random(N) < 0.4
    score = np.clip(np.round(4.4 - wait / 60 - queue + rng.normal(0, 0.8, N)), 1, 5)
    calls = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(N)],
            "started_at": pd.Timestamp("2026-01-05 08:00") + pd.to_timedelta(rng.integers(0, 28 * 24 * 60, N), "min"),
            "customer_id": [f"u{i}" for i in rng.integers(0, 3_000, N)],
            "agent_id": [f"a{i}" for i in agent],
            "queue": np.where(queue == 0, "sales", "service"),
            "wait_seconds": wait,
            "talk_seconds": rng.exponential(200, N).round(),
        }
    ).assign(**columns)
    sent = calls.loc[asked, ["contact_id"]].assign(
        csat=np.where(answers, score, np.nan)[asked], disposition=np.where(answers, "complete", "no answer")[asked]
    )
    return calls, sent, agent, wait


def paired(calls, sent):
    return cx.pair(cx.read_contacts(calls), cx.read_surveys(sent))


@pytest.fixture(scope="module")
def honest():
    calls, sent, *_ = centre_with_a_rule()
    return paired(calls, sent)


def test_those_who_pick_are_found_in_the_world_where_half_do(found, picked):
    assert (found.basis, found.status, found.note) == ("asked", "failed", None)
    assert found.n_flagged >= 0.5 * found.n_tested > 0
    assert found.p_value < 1e-6
    flagged = found.table[found.table["is_flagged"]]
    assert (flagged["expected_of_asked"] > flagged["expected_of_all"]).all()
    assert (flagged["q_value"] <= 0.05).all()
    frank = found.table[found.table["n_asked"] == found.table["n"]]
    assert len(frank) > 5
    assert not frank["is_flagged"].any()
    assert set(frank["status"]) == {"not_applicable"}
    assert f"{found.n_flagged} of the {found.n_tested} agents tested" in found.summary()
    assert "agent_0" not in found.summary()


def test_answers_alone_tell_the_same_more_weakly_and_say_what_cannot_be_told():
    calls, sent, agent, wait = centre_with_a_rule()
    rng = np.random.default_rng(2)
    is_silenced = (agent[sent.index] < 4) & (wait[sent.index] > 60) & (rng.random(len(sent)) < 0.95)
    answers = sent[sent["csat"].notna() & ~is_silenced][["contact_id", "csat"]]
    found = cx.check_offers(paired(calls, answers))
    assert (found.basis, found.status) == ("answered", "failed")
    flagged = set(found.table.loc[found.table["is_flagged"], "agent_id"])
    assert flagged
    assert flagged <= {"a0", "a1", "a2", "a3"}
    assert "cannot be told" in found.note


def test_a_rule_of_the_centre_and_one_who_forgets_are_no_picking(honest):
    found = cx.check_offers(honest)
    assert (found.status, found.n_flagged, found.n_tested) == ("passed", 0, 10)
    assert found.common > 0.1  # the rule does favour good contacts
    forgetful = found.table.set_index("agent_id").loc["a3"]
    assert forgetful["asked_rate"] < 0.25


def test_where_worse_scores_are_higher_picking_still_shows():
    calls, sent, agent, wait = centre_with_a_rule()
    keep = ~((agent[sent.index] < 3) & (wait[sent.index] > 60))
    sent = sent[keep].rename(columns={"csat": "ces"})
    sent["ces"] = 6 - sent["ces"]
    effort = {"column": "ces", "scale": [1, 5], "higher_is_better": False}
    surveys = cx.read_surveys(sent, map={"columns": {"contact_id": "contact_id", "ces": effort}})
    assert not surveys.scales["ces"].higher_is_better
    found = cx.check_offers(cx.pair(cx.read_contacts(calls), surveys), "ces")
    assert set(found.table.loc[found.table["is_flagged"], "agent_id"]) == {"a0", "a1", "a2"}
    flagged = found.table[found.table["is_flagged"]]
    assert (flagged["expected_of_asked"] < flagged["expected_of_all"]).all()


def test_a_flag_of_the_log_tells_who_was_asked(honest):
    calls, sent, *_ = centre_with_a_rule()
    calls["is_invited"] = calls["contact_id"].isin(sent["contact_id"])
    answers = sent[sent["csat"].notna()][["contact_id", "csat"]]
    by_flag, by_file = cx.check_offers(paired(calls, answers)), cx.check_offers(honest)
    assert (by_flag.basis, by_flag.n_tested) == ("asked", 10)
    pd.testing.assert_frame_equal(by_flag.table, by_file.table)


def test_invitations_that_name_no_contact_do_not_tell_who_was_asked():
    calls, sent, *_ = centre_with_a_rule()
    sent = sent.merge(calls[["contact_id", "customer_id"]], on="contact_id")
    sent.loc[sent["csat"].isna(), "contact_id"] = None
    pairing = paired(calls, sent)
    assert "name no contact of the log" in asked_about(pairing).reason
    assert cx.check_offers(pairing).basis == "answered"
    rates = cx.response_analysis(pairing, ["queue"]).table
    assert rates["asked_rate"].isna().all()


def test_a_few_answers_without_a_score_are_no_invitations():
    calls, sent, *_ = centre_with_a_rule()
    answers = sent[sent["csat"].notna()][["contact_id", "csat"]].copy()
    answers.iloc[:10, 1] = np.nan
    assert asked_about(paired(calls, answers)).reason is not None


def test_few_contacts_are_not_shown_and_few_asked_are_not_tested():
    calls, sent, *_ = centre_with_a_rule()
    calls.loc[:3, "agent_id"] = "rare"
    calls.loc[4:40, "agent_id"] = "new"
    checked = cx.check_offers(paired(calls, sent))
    table = checked.table.set_index("agent_id")
    assert table.loc["rare", "status"] == "suppressed"
    assert table.loc["rare", ["n_asked", "asked_rate", "estimate"]].isna().all()
    assert table.loc["new", ["status", "reason"]].to_list() == [
        "not_applicable", "fewer than 30 contacts asked about"
    ]  # fmt: skip
    assert set(checked.table["unit"]) == {"score points"}
    assert "not shown" in checked._repr_html_()  # agents without a figure are shown in a notebook, too


@pytest.mark.parametrize("column", [None, "one"])
def test_without_agents_to_compare_there_is_a_reason_and_no_picture(column):
    calls, sent, *_ = centre_with_a_rule()
    calls = calls.drop(columns="agent_id") if column is None else calls.assign(agent_id=column)
    found = cx.check_offers(paired(calls, sent))
    assert (found.status, found.n_tested) == ("not_applicable", 0)
    few = "fewer than two agents have 30 contacts asked about and 30 others"
    assert found.reason == ("the log names no agents" if column is None else few)
    with pytest.raises(NothingToEstimateError, match="no picture"):
        found.plot()


def test_where_everybody_was_asked_nobody_picked_however_many_agents():
    calls, *_ = centre_with_a_rule()
    everybody = calls[["contact_id"]].assign(csat=np.arange(len(calls)) % 5 + 1)
    found = cx.check_offers(paired(calls, everybody))
    assert (found.status, found.reason) == ("not_applicable", "every contact was asked about, so that none was picked")


def test_the_same_whatever_the_order_of_the_rows(honest):
    calls, sent, *_ = centre_with_a_rule()
    here = cx.check_offers(honest).table
    there = cx.check_offers(paired(calls.sample(frac=1, random_state=1), sent.sample(frac=1, random_state=2))).table
    pd.testing.assert_frame_equal(here, there, rtol=1e-9)


def test_a_large_log_is_thinned(honest):  # 10 agents with 600 contacts each
    found = cx.check_offers(honest, max_contacts=5_400)
    assert 5_250 < found.table["n"].sum() < 5_550
    assert found.note is None or "about one in" not in found.note


def test_where_a_sample_leaves_agents_too_few_contacts_some_agents_are_checked(honest):
    found = cx.check_offers(honest, max_contacts=2_000)
    assert 2 <= len(found.table) < 10
    assert found.table["n"].mean() == pytest.approx(500, rel=0.05)
    assert found.n_tested == len(found.table)
    assert "Of the 10 that the log names, about one in 2 is checked." in found.note


def test_names_that_do_not_exist(picked):
    with pytest.raises(UnknownNameError, match="agent_id"):
        cx.check_offers(picked, by="agent")
    with pytest.raises(NoScoreError):
        cx.check_offers(picked, "ces")


def test_it_pickles_and_draws_without_names(found):
    again = pickle.loads(pickle.dumps(found))
    pd.testing.assert_frame_equal(again.table, found.table)
    drawn = found.plot().to_json()
    assert "agent_0" not in drawn
    assert '"flagged": true' in drawn
