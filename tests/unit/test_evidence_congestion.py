"""The congestion rung: against plain matrix algebra, where only crowding is innocent, and where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import cxfusion as cx
from cxfusion.estimators.splines import spline_slopes, spline_values
from cxfusion.evidence.inquiry import inquire
from cxfusion.evidence.spec import LeverSpec

CUTS = [-1.0, 0.0, 0.7, 1.4]


def crowded_centre(seed=0, n=20_000, effect=0.012, hidden=0.8, n_days=20):
    """Crowding moves waits by chance from quarter to quarter; besides, hard cases wait longer and score lower."""
    rng = np.random.default_rng(seed)
    day, quarter, queue = rng.integers(0, n_days, n), rng.integers(0, 40, n), rng.integers(0, 2, n)
    surprise = rng.normal(0, 0.7, (2, n_days, 40))[queue, day, quarter]
    bad_day = rng.normal(0, 0.4, (2, n_days))[queue, day]
    hard = rng.normal(size=n)
    wait = 40 * np.exp(surprise + 0.5 * bad_day + 0.5 * hard) * rng.gamma(3, 1 / 3, n)
    agent = rng.integers(0, 30, n)
    start = pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(day * 86_400 + quarter * 900, "s")
    return pd.DataFrame(
        {
            "contact_id": [f"c{i:06}" for i in range(n)],
            "started_at": start + pd.to_timedelta(rng.integers(0, 900, n), "s"),
            "agent_id": [f"a{i}" for i in agent],
            "queue": np.where(queue == 0, "sales", "help"),
            "wait_seconds": wait.round(1),
            "talk_seconds": rng.gamma(4, 50, n).round(),
            "background": 1.0 - hidden * hard - bad_day + 0.3 * (agent % 5),
            "csat": np.digitize(
                1.0 - hidden * hard - bad_day + 0.3 * (agent % 5) - effect * wait + rng.normal(0, 1.0, n), CUTS
            )
            + 1,
        }
    )


def truth_of(frame, effect):
    """Change of the mean score when 30 seconds of the mean wait are taken in proportion, by the noise's own cdf."""

    def mean_score(scale):
        latent = frame["background"].to_numpy() - effect * scale * frame["wait_seconds"].to_numpy()
        return 1 + sum(norm.cdf(latent - cut) for cut in CUTS).mean()

    t = 0.01
    return (mean_score(1 - t) - mean_score(1 + t)) / (2 * t) * 30 / frame["wait_seconds"].mean()


def paired(frame):
    contacts = cx.read_contacts(frame.drop(columns=["csat", "background"], errors="ignore"))
    return cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]].dropna()))


def evidence_of(frame):
    return cx.fit_levers(paired(frame), "csat")


def rung(evidence, name):
    rungs = evidence.rungs
    return rungs[(rungs["lever"] == "wait_seconds") & (rungs["rung"] == name)].iloc[0]


def test_crowding_finds_the_truth_where_within_cannot():
    frame = crowded_centre()
    truth, evidence = truth_of(frame, 0.012), evidence_of(frame)
    design, within = rung(evidence, "congestion"), rung(evidence, "within")
    assert abs(design["estimate"] - truth) < 2.5 * design["std_error"]
    assert design["std_error"] < truth / 5
    assert within["estimate"] > truth + 5 * within["std_error"]
    wait = evidence.table.set_index("lever").loc["wait_seconds"]
    assert wait["design_estimate"] == design["estimate"]
    assert wait["verdict"] == "contested"
    assert "more and less crowded quarters of an hour" in wait["because"]


def test_a_null_wait_that_hard_cases_share_is_not_called_a_mover():
    evidence = evidence_of(crowded_centre(seed=1, effect=0.0, hidden=0.5))
    design = rung(evidence, "congestion")
    assert design["conf_low"] < 0 < design["conf_high"]
    assert rung(evidence, "within")["estimate"] > 0.05
    assert evidence.table.set_index("lever").loc["wait_seconds", "verdict"] == "contested"


def test_where_nothing_is_hidden_crowding_agrees_and_raises_the_grade():
    frame = crowded_centre(seed=2, hidden=0.0)
    evidence = evidence_of(frame)
    wait = evidence.table.set_index("lever").loc["wait_seconds"]
    assert (wait["verdict"], wait["grade"]) == ("moves", "quasi-random")
    assert abs(wait["estimate"] - truth_of(frame, 0.012)) < 3 * wait["std_error"]


def by_hand(frame):
    """Two-stage least squares with two endogenous columns and every dummy, in plain matrices."""
    frame = frame.copy()
    quarter = frame["started_at"].astype("int64") // (
        900 * 10**6 if frame["started_at"].dt.unit == "us" else 900 * 10**9
    )
    slot = frame["queue"] + quarter.astype(str)
    total, count = (frame.groupby(slot)["wait_seconds"].transform(how) for how in ("sum", "count"))
    begun = frame["talk_seconds"].groupby([frame["agent_id"], quarter]).sum().to_dict()
    load = np.array(
        [sum(begun.get((a, q - k), 0.0) for k in range(1, 5)) for a, q in zip(frame["agent_id"], quarter, strict=True)]
    )
    answered = frame["csat"].notna() & (count > 1)
    seen = frame.loc[frame["csat"].notna(), "wait_seconds"].quantile([0.4, 0.7, 0.88, 0.97, 0.1])
    knots = [seen[0.1], *np.interp([0.5, 0.9], seen.index[:4], seen.iloc[:4])]
    others = ((total - frame["wait_seconds"]) / (count - 1).where(count > 1))[answered].to_numpy()
    kept = frame[answered]
    wait, y, hours = kept["wait_seconds"].to_numpy(), kept["csat"].to_numpy(float), load[answered] / 3600
    value, slope = spline_values(wait, knots).T, spline_slopes(wait, knots).T
    keys = [kept["agent_id"], kept["queue"] + kept["started_at"].dt.strftime("%w %H"),
            kept["queue"] + kept["started_at"].dt.strftime("%F")]  # fmt: skip
    dummies = [pd.get_dummies(key).to_numpy(float) for key in keys]
    held = np.column_stack([*dummies, hours, hours**2])
    z = spline_values(others, knots).T
    left = np.column_stack([y, value, z])
    left = left - held @ np.linalg.lstsq(held, left, rcond=None)[0]
    y_, x_, z_ = left[:, 0], left[:, 1:3], left[:, 3:]
    inverse = np.linalg.inv(z_.T @ x_)
    beta = inverse @ z_.T @ y_
    per_unit = (wait[:, None] * slope).sum(axis=0) / wait.sum()
    scores = z_ * (y_ - x_ @ beta)[:, None]
    by_slot = pd.DataFrame(scores).groupby(slot[answered].to_numpy()).sum().to_numpy()
    variance = per_unit @ inverse @ (by_slot.T @ by_slot) @ inverse.T @ per_unit
    rank = np.linalg.matrix_rank(np.column_stack([held, np.ones(len(y))]))
    plain = -30 * per_unit @ np.linalg.lstsq(x_, y_, rcond=None)[0]
    return -30 * per_unit @ beta, 30 * np.sqrt(variance), len(y), rank, len(by_slot), plain


def test_the_rung_is_two_stage_least_squares_with_all_dummies():
    frame = crowded_centre(seed=3, n=9_000, n_days=6)
    frame.loc[np.random.default_rng(0).random(len(frame)) < 0.6, "csat"] = np.nan
    estimate, std_error, n, rank, n_slots, plain = by_hand(frame)
    ladder = inquire(paired(frame), LeverSpec(), None).ladder
    found = next(one for one in ladder.rungs if one.rung == "congestion")
    assert found.n == n
    assert found.estimate == pytest.approx(estimate, rel=1e-6)
    assert found.unassigned == pytest.approx(plain, rel=1e-6)
    factor = n_slots / (n_slots - 1) * (n - 1) / (n - rank - 1)
    assert found.std_error == pytest.approx(std_error * np.sqrt(factor), rel=2e-3)  # slots without a row count too


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.drop(columns=["agent_id"]), "how busy their agent had been"),
        (lambda frame: frame.drop(columns=["talk_seconds"]), "how busy their agent had been"),
        (lambda frame: frame.assign(started_at=frame["started_at"].dt.floor("D")), "too few quarters of an hour"),
        (
            lambda frame: frame.assign(wait_seconds=frame["wait_seconds"].sample(frac=1, random_state=1).to_numpy()),
            "tell too little|does not vary|set is",
        ),
    ],
)
def test_a_design_that_is_not_there_says_why(change, told):
    found = rung(evidence_of(change(crowded_centre(n=6_000, n_days=5))), "congestion")
    assert found["status"] == "not_applicable"
    assert pd.isna(found["estimate"])
    assert pd.Series([found["reason"]]).str.contains(told).all(), found["reason"]
