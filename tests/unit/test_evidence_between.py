"""The between rung: the slope of agents' means, and the warning where it turns the within slope round."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.evidence.catalogue import Lever

TALK = Lever("talk_seconds", "during", -60, shape="linear")


def paradox(n=12_000, n_agents=40, seed=0):
    """Thorough agents talk long and score high; with any one agent, a long talk means trouble. A third answers."""
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, n_agents, n)
    thorough = np.linspace(-1, 1, n_agents)[agent]
    own = rng.normal(0, 60, n)
    talk = 300 + 100 * thorough + own
    score = np.clip((3.2 + 0.9 * thorough - 0.006 * own + rng.normal(0, 0.8, n)).round(), 1, 5)
    frame = pd.DataFrame(
        {
            "contact_id": [f"c{i:05}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"a{i:02}" for i in agent],
            "queue": "sales",
            "talk_seconds": talk.clip(1).round(),
            "csat": score,
        }
    )
    frame.loc[rng.random(n) < 0.67, "csat"] = np.nan
    return frame


def evidence_of(frame, **options):
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    return cx.fit_levers(cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]].dropna())), **options)


def between(evidence, lever="talk_seconds"):
    rungs = evidence.rungs
    return rungs[(rungs["lever"] == lever) & (rungs["rung"] == "between")].iloc[0]


def test_it_is_least_squares_on_means_over_the_whole_log():
    frame = paradox()
    found = between(evidence_of(frame, levers=[TALK]))
    answers = frame.dropna()
    mean = frame.groupby("agent_id")["talk_seconds"].mean()[answers["agent_id"]].to_numpy()
    hour = pd.get_dummies(answers["started_at"].dt.strftime("%w %H"))
    rare = hour.sum() < 30
    hours = np.column_stack([hour.loc[:, ~rare], hour.loc[:, rare].sum(axis=1)]).astype(float)
    design = np.column_stack([mean, hours])
    slope = np.linalg.lstsq(design, answers["csat"].to_numpy(), rcond=None)[0][0]
    assert found["estimate"] == pytest.approx(-60 * slope, rel=1e-6)
    assert found["n_clusters"] == 40


def test_its_error_is_that_of_agents_compared_with_agents():
    # fourteen agents, sixty answers each, all at one hour: HC1 of the regression of their means, by hand
    rng, g, each = np.random.default_rng(2), 14, 60
    agent = np.repeat(np.arange(g), each)
    frame = pd.DataFrame(
        {
            "contact_id": [f"c{i:05}" for i in range(g * each)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(7 * rng.integers(0, 4, g * each), "D"),
            "agent_id": [f"a{i:02}" for i in agent],
            "queue": "sales",
            "talk_seconds": (300 + rng.normal(0, 40, g)[agent] + rng.normal(0, 60, g * each)).clip(1).round(),
        }
    )
    frame["csat"] = np.clip((3 + rng.normal(0, 0.4, g)[agent] + rng.normal(0, 1, g * each)).round(), 1, 5)
    found = between(evidence_of(frame, levers=[TALK]))
    means = frame.groupby("agent_id")[["talk_seconds", "csat"]].mean()
    x, y = (means[name].to_numpy() - means[name].mean() for name in means)
    slope = x @ y / (x @ x)
    error = np.sqrt((x**2 * (y - slope * x) ** 2).sum() * g / (g - 2)) / (x @ x)
    few = (g * each - 1) / (g * each - 2)
    assert found["estimate"] == pytest.approx(-60 * slope, rel=1e-6)
    assert found["std_error"] == pytest.approx(60 * error * np.sqrt(few), rel=1e-6)
    # 2.179: upper 2.5 % point of Student's t with 12 degrees of freedom
    assert found["conf_high"] - found["estimate"] == pytest.approx(2.1788 * found["std_error"], rel=1e-4)


def test_a_paradox_is_told_in_plain_words():
    evidence = evidence_of(paradox(), levers=[TALK])
    told = [note for note in evidence.notes if "Simpson" in note]
    assert len(told) == 1
    assert told[0].startswith("Talking time: comparing agents' averages points the wrong way.")
    assert (
        "Agents with less of it have lower scores, but with one and the same agent less of it goes with higher"
        in told[0]
    )


def test_agents_that_only_repeat_their_contacts_raise_no_warning():
    frame = paradox()
    rng = np.random.default_rng(3)
    frame["csat"] = np.clip((5 - 0.006 * frame["talk_seconds"] + rng.normal(0, 0.8, len(frame))).round(), 1, 5)
    evidence = evidence_of(frame, levers=[TALK])
    assert not [note for note in evidence.notes if "Simpson" in note]
    assert between(evidence)["estimate"] > 0.1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.drop(columns=["agent_id"]), "no agent_id"),
        (lambda frame: frame[frame["agent_id"] < "a10"], "only 10 agents"),
        (
            lambda frame: frame.assign(
                talk_seconds=frame["talk_seconds"] - frame.groupby("agent_id")["talk_seconds"].transform("mean") + 900
            ),
            "agents do not differ",
        ),
    ],
)
def test_where_agents_cannot_be_compared_it_says_why(change, told):
    found = between(evidence_of(change(paradox()), levers=[TALK]))
    assert found["status"] == "not_applicable"
    assert told in found["reason"]
