"""Agents have bad days, slow and unloved at once: then only contacts of the same days of an agent are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.estimators.joint_tests import JointTest
from cxfusion.evidence.agent_days import SAME_DAYS, compared_over_time, notes_on_days
from cxfusion.evidence.checks import Check
from cxfusion.evidence.coding import AGENT_DAYS, CLUSTER, AgentDays, Coding
from cxfusion.evidence.ground import lay_ground
from cxfusion.evidence.sample import draw_sample

DAY = pd.Timestamp("2026-01-05 08:00")
N_DAYS = 56
TALK = cx.Lever("talk_seconds", "during", -60)
SPEC = cx.LeverSpec(levers=(TALK,))
SCORES = [-1.5, -0.5, 0.5, 1.5]


def centre(bad=0.0, effect=0.0, *, n=6_000, n_agents=20, seed=3):
    """On a bad day an agent talks longer and pleases less, by ``bad``; of each agent other days are bad."""
    rng = np.random.default_rng(seed)
    agent, day = rng.integers(0, n_agents, n), rng.integers(0, N_DAYS, n)
    badness = rng.standard_normal((n_agents, N_DAYS))[agent, day]
    talk = np.rint(rng.gamma(4.0, 60.0, n) * np.exp(0.3 * (bad > 0) * badness))
    latent = -bad * badness - effect * talk / 60 + rng.logistic(size=n)
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "agent_id": [f"a{i}" for i in agent],
            "started_at": DAY + pd.to_timedelta(day, "D") + pd.to_timedelta(rng.integers(0, 8 * 60, n), "min"),
            "talk_seconds": talk,
            "queue": "only",
        }
    )
    ids = contacts["contact_id"]
    return contacts, pd.DataFrame({"response_id": ids, "contact_id": ids, "csat": np.searchsorted(SCORES, latent) + 1})


def pairing_of(contacts, answers):
    return cx.pair(cx.read_contacts(contacts, timezone="UTC"), cx.read_surveys(answers))


def sample_of(contacts, answers, spec=SPEC):
    return draw_sample(pairing_of(contacts, answers), spec, spec.levers, None)


def check_of(contacts, answers, spec=SPEC):
    (check,) = compared_over_time(sample_of(contacts, answers), spec, spec.levers)[1]
    return check


def test_talk_that_only_shows_a_bad_day_is_not_called_a_lever():
    evidence = cx.fit_levers(pairing_of(*centre(bad=1.0)), spec=SPEC)
    lever, check = evidence.levers.iloc[0], evidence.checks.set_index("check").loc[SAME_DAYS]
    assert check["is_freed"]
    assert check["p_value"] < 1e-6
    assert check["shift"] < -0.05
    assert abs(lever["within_estimate"]) < 0.4 * abs(lever["within_estimate"] - check["shift"])
    assert [note for note in evidence.notes if note.startswith("Agents have good and bad days, or change: Talking")]


def test_where_days_are_alike_agents_are_compared_as_ever():
    evidence = cx.fit_levers(pairing_of(*centre(effect=0.3)), spec=SPEC)
    check = evidence.checks.set_index("check").loc[SAME_DAYS]
    assert not check["is_freed"]
    assert check["status"] == "ok"
    assert not [note for note in evidence.notes if "Agents have good" in note]


@pytest.mark.parametrize(("n", "days_at_a_time"), [(1_500, 1), (500, 4)])
def test_the_shift_is_that_of_two_regressions_with_all_their_dummies(n, days_at_a_time):
    contacts, answers = centre(bad=1.0, effect=0.2, n=n, n_agents=12)
    check = check_of(contacts, answers)
    rows = contacts.merge(answers, on="contact_id")
    days = (rows["started_at"].dt.normalize() - pd.Timestamp("1970-01-01")).dt.days
    stretch = days // days_at_a_time
    others = [days, rows["started_at"].dt.day_of_week * 24 + rows["started_at"].dt.hour]
    slopes, parts = zip(
        *(_slope(rows, [who, *others]) for who in (rows["agent_id"], rows["agent_id"] + " " + stretch.astype(str))),
        strict=True,
    )
    step = -min(60.0, rows["talk_seconds"].mean())
    assert check.shift == pytest.approx((slopes[1] - slopes[0]) * step, rel=1e-7)
    moved = (parts[1] - parts[0]).groupby(rows["agent_id"]).sum()
    held = np.hstack([pd.get_dummies(group.astype(str)).to_numpy(float) for group in (rows["agent_id"], *others)])
    of_few = len(rows) / (len(rows) - np.linalg.matrix_rank(held) - 1)
    f_of_one = (slopes[1] - slopes[0]) ** 2 / ((moved**2).sum() * 12 / 11 * of_few)
    assert check.test.statistic == pytest.approx(f_of_one, rel=1e-6)
    assert check.test.df_denominator == 11


def _slope(rows, groups):
    """The slope of the score on talk beside dummies of the groups, and each row's part in its error."""
    dummies = np.hstack([pd.get_dummies(group.astype(str)).to_numpy(float) for group in groups])

    def left(column):
        return column - dummies @ np.linalg.lstsq(dummies, column, rcond=None)[0]

    x, y = left(rows["talk_seconds"].to_numpy(float)), left(rows["csat"].to_numpy(float))
    slope = x @ y / (x @ x)
    return slope, pd.Series(x * (y - slope * x) / (x @ x), rows.index)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda log: log.drop(columns="agent_id"), "the log names no agents"),
        (lambda log: log.assign(agent_id=log["contact_id"]), "each agent has too few answers"),
        (lambda log: log.assign(started_at=DAY), "each agent has too few answers"),
    ],
)
def test_without_agents_or_answers_enough_it_says_why(change, reason):
    contacts, answers = centre(bad=2.0, n=1_500)
    check = check_of(change(contacts), answers)
    assert check.test is None
    assert check.reason.startswith(reason)


def test_no_lever_is_lost_by_it():
    """What is switched on for an agent for a whole day cannot be told within days of an agent."""
    contacts, answers = centre(bad=1.0)
    contacts["new_tool"] = (contacts["started_at"] >= DAY + pd.Timedelta("28D")).astype(int) * (
        contacts["agent_id"].str[1:].astype(int) % 2
    )
    tool = cx.Lever("new_tool", "before", 1, shape="count")
    spec = replace(SPEC, levers=(tool, TALK))
    sample, checks = compared_over_time(sample_of(contacts, answers, spec), spec, spec.levers)
    assert CLUSTER in sample.coding.groups
    assert {check.lever.name: check.reason for check in checks if check.test is None} == {
        "new_tool": "it does not vary within the same days of an agent"
    }
    assert not any(check.is_freed for check in checks)


def test_everything_about_the_lever_is_compared_within_the_same_days():
    pairing = pairing_of(*centre(bad=1.0))
    ground = lay_ground(pairing, "talk_seconds", SPEC, None)
    assert ground.sample.coding.holds_days
    assert AGENT_DAYS in dict(ground.design().groups)
    evidence = cx.fit_levers(pairing, spec=SPEC)
    parts = evidence.decomposition.set_index("block")["estimate"]
    lever = evidence.levers.iloc[0]
    assert parts.sum() == pytest.approx(lever["raw_estimate"] - lever["within_estimate"], abs=1e-9)
    assert abs(parts["agent"]) > 0.05
    assert "day" not in parts  # it is among the agent's days


def test_it_finds_nothing_where_there_is_nothing():
    """Of 16 draws in which agents stay as they are and talk moves scores, about one is beyond 5 %."""
    asked = [check_of(*centre(effect=0.3, n=900, n_agents=12, seed=seed)) for seed in range(16)]
    assert sum(check.test.p_value < 0.05 for check in asked) <= 3


def test_the_days_take_the_place_of_the_agent():
    coding = Coding(
        {},
        {CLUSTER: 5, "group_hour": 3},
        5,
        True,
        np.zeros(3, int),
        {},
        AgentDays(days=2, n=11, of=CLUSTER, n_agents=5),
    )
    assert coding.by_days().groups == {AGENT_DAYS: 11, "group_hour": 3}
    assert coding.by_days().by_days() == coding.by_days()
    assert coding.by_days().agents == CLUSTER
    assert replace(coding, agent_days=None).by_days().groups == coding.groups


def test_the_sentence_names_the_lever_that_moves_most_and_the_days():
    coding = Coding({}, {}, 5, True, np.zeros(3, int), {}, AgentDays(days=2, n=11, of=CLUSTER, n_agents=5))
    checks = [
        Check(cx.Lever(name, "during", -60), SAME_DAYS, JointTest(statistic, 1, 19, 0.001), 0.1, is_freed=True)
        for name, statistic in (("hold_seconds", 12.0), ("talk_seconds", 15.0))
    ]
    (note,) = notes_on_days(coding, checks)
    assert "Talking time looks different" in note
    assert "same days of an agent (2 at a time)" in note
    assert not list(notes_on_days(coding, [replace(check, is_freed=False) for check in checks]))
