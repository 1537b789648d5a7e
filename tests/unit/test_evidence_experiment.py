"""The experiment rung: the Wald ratio, the jackknife with many arms, and trials that teach nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

import cxfusion as cx
from cxfusion.config import StudyConfig
from cxfusion.errors import ConfigError, UnknownNameError
from cxfusion.evidence.catalogue import Lever
from cxfusion.evidence.spec import Experiment, LeverSpec

CUTS = [-1.0, 0.0, 0.7, 1.4]
HOLD = Lever("hold_seconds", "during", -30)


def centre(n=12_000, seed=0, effect=0.01, cut=0.5, n_arms=2, by_agent=False):
    """A trial shortens holds by a share that depends on the arm; hard cases are held longer and score lower."""
    rng = np.random.default_rng(seed)
    agent, hard = rng.integers(0, 60, n), rng.normal(size=n)
    arm = agent % n_arms if by_agent else rng.integers(0, n_arms, n)
    kept = 1 - cut * arm / (n_arms - 1)
    hold = 60 * np.exp(0.5 * hard) * rng.gamma(3, 1 / 3, n) * kept
    background = 1.0 - 0.7 * hard
    return pd.DataFrame(
        {
            "contact_id": [f"c{i:06}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 15 * 86_400, n), "s"),
            "agent_id": [f"a{i:02}" for i in agent],
            "queue": np.where(agent // 2 % 2, "sales", "help"),
            "hold_seconds": hold.round(1),
            "pilot_group": [f"arm {i:02}" for i in arm],
            "background": background,
            "csat": np.digitize(background - effect * hold + rng.normal(0, 1, n), CUTS) + 1,
        }
    )


def evidence_of(frame, experiment=None):
    contacts = cx.read_contacts(frame.drop(columns=["csat", "background"], errors="ignore"))
    pairing = cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]].dropna()))
    experiment = experiment or Experiment("pilot_group", "hold_seconds")
    return cx.fit_levers(pairing, spec=LeverSpec(levers=(HOLD,), experiments=(experiment,)))


def rung(evidence, name="experiment"):
    return evidence.rungs[evidence.rungs["rung"] == name].iloc[0]


def truth_of(frame, effect):
    def mean_score(scale):
        latent = frame["background"].to_numpy() - effect * scale * frame["hold_seconds"].to_numpy()
        return 1 + sum(norm.cdf(latent - cut) for cut in CUTS).mean()

    return (mean_score(0.99) - mean_score(1.01)) / 0.02 * 30 / frame["hold_seconds"].mean()


def test_two_arms_are_the_ratio_of_two_differences_within_days():
    frame = centre()
    day = frame["started_at"].dt.date
    arm = (frame["pilot_group"] == "arm 01").astype(float)
    y, hold, arm = (one - one.groupby(day).transform("mean") for one in (frame["csat"], frame["hold_seconds"], arm))
    ratio = (arm @ y) / (arm @ hold)
    found = rung(evidence_of(frame))
    assert found["estimate"] == pytest.approx(-30 * ratio, rel=1e-9)
    scores = (arm * (y - ratio * hold)).groupby(frame["agent_id"]).sum()
    factor = 60 / 59 * (len(frame) - 1) / (len(frame) - day.nunique() - 1)
    se = np.sqrt((scores**2).sum() * factor) / abs(arm @ hold)
    assert found["std_error"] == pytest.approx(30 * se, rel=1e-6)


def test_a_trial_finds_the_truth_and_contests_what_within_says():
    frame = centre(n=20_000, seed=1)
    evidence, truth = evidence_of(frame), truth_of(frame, 0.01)
    found, hold = rung(evidence), evidence.table.iloc[0]
    assert abs(found["estimate"] - truth) < 2.5 * found["std_error"]
    assert rung(evidence, "within")["estimate"] > truth + 5 * rung(evidence, "within")["std_error"]
    assert (hold["verdict"], hold["design_estimate"]) == ("contested", found["estimate"])
    assert "in the trial it is" in hold["because"]
    assert "go by the trial" in hold["because"]


def test_a_trial_that_agrees_gives_the_highest_grade():
    frame = centre(n=20_000, seed=2, effect=0.02)
    frame["csat"] = (
        np.digitize(1.0 - 0.02 * frame["hold_seconds"] + np.random.default_rng(9).normal(0, 1, 20_000), CUTS) + 1
    )
    hold = evidence_of(frame).table.iloc[0]
    assert (hold["verdict"], hold["grade"]) == ("moves", "experiment")  # the log has no after-call work


def test_many_arms_take_the_jackknife():
    frame = centre(n=20_000, seed=3, n_arms=40, cut=0.8)
    frame["started_at"] = pd.Timestamp("2026-03-02") + (frame["started_at"] - frame["started_at"].dt.normalize())
    found = rung(evidence_of(frame))
    assert abs(found["estimate"] - truth_of(frame, 0.01)) < 3 * found["std_error"]
    arms = pd.get_dummies(frame["pilot_group"]).to_numpy(float)
    size = arms.sum(axis=0)[arms.argmax(axis=1)]
    hold = frame["hold_seconds"].to_numpy()
    others = (arms.sum(axis=0) * 0 + arms.T @ hold)[arms.argmax(axis=1)] - hold  # the arm without oneself
    everyone = (hold.sum() - hold) / (len(hold) - 1)
    predicted = (others / (size - 1) - everyone) * 1.0
    slope = predicted @ (frame["csat"] - 0.0) / (predicted @ hold)
    assert found["estimate"] == pytest.approx(-30 * slope, rel=1e-6)


def test_cells_are_held_fixed_and_contacts_outside_are_left_out():
    # one queue gets the pilot more often and scores higher anyway: only within queues is there chance
    rng = np.random.default_rng(4)
    frame = centre(n=16_000, seed=4)
    is_sales = frame["queue"] == "sales"
    in_pilot = rng.random(len(frame)) < np.where(is_sales, 0.8, 0.3)
    frame["hold_seconds"] = 60 * rng.gamma(3, 1 / 3, len(frame)) * np.where(in_pilot, 0.5, 1.0)
    frame["pilot_group"] = np.where(in_pilot, "on", "off")
    latent = 0.6 * is_sales - 0.01 * frame["hold_seconds"] + rng.normal(0, 1, len(frame))
    frame["csat"] = np.digitize(latent, CUTS) + 1
    frame["background"] = 0.6 * is_sales
    frame.loc[frame.index % 10 == 0, "pilot_group"] = None
    truth = truth_of(frame, 0.01)
    held = rung(evidence_of(frame, Experiment("pilot_group", "hold_seconds", within=("queue",))))
    loose = rung(evidence_of(frame))
    assert held["n"] == len(frame) - len(frame[::10])
    assert abs(held["estimate"] - truth) < 3 * held["std_error"]
    assert loose["estimate"] > truth + 4 * loose["std_error"]


def test_clusters_are_what_was_assigned_as_a_whole():
    by_agent = centre(n=6_000, by_agent=True)
    assert rung(evidence_of(by_agent))["n_clusters"] == 60
    by_day = centre(n=6_000)
    by_day["pilot_group"] = np.where(by_day["started_at"].dt.day % 2, "on", "off")
    by_day["hold_seconds"] *= np.where(by_day["pilot_group"] == "on", 0.4, 1.0)
    days = by_day["started_at"].dt.date
    found = rung(evidence_of(by_day))  # both queues changed arms together
    own_days = Experiment("pilot_group", "hold_seconds", unit="day")
    assert found["n_clusters"] == days.nunique()
    told_days = rung(evidence_of(by_day.assign(day=days.astype(str)), own_days))
    assert found["std_error"] == pytest.approx(told_days["std_error"])
    weeks = by_day.assign(started_at=by_day["started_at"] + pd.to_timedelta(by_day.index % 6 * 14, "D"))
    week = (weeks["started_at"] - weeks["started_at"].min().normalize()).dt.days // 7
    weeks["pilot_group"] = np.where(week % 2, "on", "off")
    weeks["hold_seconds"] *= np.where(week % 2, 0.4, 1.0)
    assert rung(evidence_of(weeks))["n_clusters"] == 13
    is_on = (by_day["queue"] == "help") & (by_day["pilot_group"] == "on")
    by_queue = by_day.assign(pilot_group=np.where(is_on, "on", "off"))
    by_queue["hold_seconds"] *= np.where(is_on, 0.4, 1.0)
    assert rung(evidence_of(by_queue))["n_clusters"] == 2 * days.nunique()
    told = Experiment("pilot_group", "hold_seconds", unit="contact_id")
    assert rung(evidence_of(by_day, told))["n_clusters"] == 6_000


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.assign(pilot_group=frame["queue"]), "only 2 units were assigned as a whole"),
        (lambda frame: frame.assign(pilot_group="all"), "the trial has 1 arm|only 2 units"),
        (
            lambda frame: frame.assign(pilot_group=np.where(frame.index % 2, "on", "off")),
            "too little of the lever|set is",
        ),
        (
            lambda frame: frame.assign(pilot_group=frame["queue"] + (frame.index < 9).astype(str)),
            "only 2 units were assigned as a whole",
        ),
        (lambda frame: frame.assign(pilot_group=(frame.index % 40).astype(str)), "too little of the lever"),
    ],
)
def test_a_trial_that_teaches_nothing_says_why(change, told):
    frame = change(
        centre(n=3_000).assign(hold_seconds=lambda f: f["hold_seconds"].sample(frac=1, random_state=0).to_numpy())
    )
    found = rung(evidence_of(frame, Experiment("pilot_group", "hold_seconds", within=("queue",))))
    assert found["status"] == "not_applicable"
    assert pd.Series([found["reason"]]).str.contains(told).all(), found["reason"]


@pytest.mark.parametrize("unit", [None, "agent_id"])
def test_before_and_after_a_day_are_no_trial(unit):
    """Hold does nothing; it became shorter for all on one day, and scores rise as time goes on."""
    frame = centre(n=4_000, effect=0.0)
    day = (frame["started_at"] - frame["started_at"].min()).dt.days
    is_after = frame["started_at"] >= frame["started_at"].min() + pd.Timedelta(7.5, "D")  # in the middle of a day
    frame["pilot_group"] = np.where(is_after, "new", "old")
    frame["hold_seconds"] *= np.where(is_after, 0.5, 1.0)
    frame["csat"] = np.digitize(frame["background"] + 0.15 * (day - 7), CUTS) + 1
    found = rung(evidence_of(frame, Experiment("pilot_group", "hold_seconds", unit=unit)))
    assert found["status"] == "not_applicable"
    assert found["reason"].startswith("its arms followed each other")


@pytest.mark.parametrize("by", ["agent", "queue", "contact"])
def test_a_roll_out_is_compared_with_who_is_still_without_it(by):
    """Hold does nothing; it became shorter for one after the other, and scores rise as time goes on."""
    frame = centre(n=8_000, effect=0.0, seed=5)
    day = frame["started_at"].dt.day - 2
    order = {
        "agent": frame["agent_id"].map(dict(zip(*_shuffled(frame["agent_id"]), strict=True))) / 60 * 14,
        "queue": np.where(frame["queue"] == "help", 4, 10),
        "contact": np.random.default_rng(6).random(len(frame)) * 14,  # a growing share of the contacts
    }
    frame["pilot_group"] = np.where(day > order[by], "new", "old")
    frame["hold_seconds"] *= np.where(day > order[by], 0.5, 1.0)
    frame["csat"] = np.digitize(frame["background"] + 0.15 * (day - 7), CUTS) + 1
    means = frame.groupby("pilot_group")[["csat", "hold_seconds"]].mean()
    gap = means.loc["new"] - means.loc["old"]
    found = rung(evidence_of(frame))
    if by == "queue":
        assert found["reason"] == "only 2 units were assigned as a whole; at least 10 are needed"
    else:
        assert -30 * gap["csat"] / gap["hold_seconds"] > 0.5
        assert abs(found["estimate"]) < min(2.5 * found["std_error"], 0.15)


def _shuffled(names):
    every = sorted(set(names))
    return every, np.random.default_rng(7).permutation(len(every))


@pytest.mark.parametrize(("n_treated", "is_told"), [(1, False), (3, False), (4, True)])
def test_an_arm_of_few_agents_does_not_tell_how_agents_differ(n_treated, is_told):
    frame = centre(n=6_000)
    is_treated = frame["agent_id"].isin([f"a{i:02}" for i in range(n_treated)])
    frame["pilot_group"] = np.where(is_treated, "on", "off")
    frame["hold_seconds"] *= np.where(is_treated, 0.3, 1.0)
    found = rung(evidence_of(frame, Experiment("pilot_group", "hold_seconds", unit="agent_id")))
    told = f"one of its two arms was given to {n_treated} of the units; at least 4 are needed"
    assert (found["reason"] == told) == (not is_told)


@pytest.mark.parametrize(("n_treated", "degrees"), [(6, 5), (30, 29), (54, 5)])
def test_the_arm_with_fewer_units_says_how_sure_a_trial_is(n_treated, degrees):
    frame = centre(n=4_000)
    frame["pilot_group"] = np.where(frame["agent_id"].str[1:].astype(int) < n_treated, "on", "off")
    frame["hold_seconds"] *= np.where(frame["pilot_group"] == "on", 0.4, 1.0)
    found = rung(evidence_of(frame))
    reach = (found["conf_high"] - found["conf_low"]) / 2
    assert found["n_clusters"] == 60
    assert reach / found["std_error"] == pytest.approx(t.ppf(0.975, degrees), rel=1e-9)


def test_trials_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="hold_seconds"):
        LeverSpec(levers=(HOLD,), experiments=(Experiment("pilot_group", "talk_seconds"),))
    with pytest.raises(ConfigError, match="itself"):
        Experiment("hold_seconds", "hold_seconds")
    with pytest.raises(UnknownNameError, match="pilot_group"):
        evidence_of(centre(n=200), replace(Experiment("pilot_group", "hold_seconds"), column="pilot_grup"))


def test_a_study_file_names_its_trials():
    config = StudyConfig.model_validate(
        {"experiments": {"pilot_group": {"lever": "hold_seconds", "within": "queue", "unit": "agent_id"}}}
    )
    assert config.spec().experiments == (Experiment("pilot_group", "hold_seconds", ("queue",), "agent_id"),)
    with pytest.raises(ValueError, match="hold_second"):
        StudyConfig.model_validate({"experiments": {"pilot_group": {"lever": "hold_second"}}})
