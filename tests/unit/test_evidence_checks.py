"""Linearity and proportional odds of levers, in worlds where each holds or fails, and what becomes of the effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.joint_tests import efficient_scores
from cxfusion.estimators.partial_odds import freed
from cxfusion.evidence import fitting, sample
from cxfusion.evidence.checks import check_form

N_AGENTS = 40


def world(n: int, scores, seed: int = 0) -> pd.DataFrame:
    """A log of one queue; ``scores`` draws CSAT from waits and the agents' styles."""
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, N_AGENTS, n)
    style = np.linspace(-1, 1, N_AGENTS)[agent]
    wait = (rng.gamma(2.0, 40.0, n) * np.exp(0.3 * style)).round()
    return pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"agent {i}" for i in agent],
            "queue": "sales",
            "wait_seconds": wait,
            "csat": scores(rng, wait, style),
        }
    )


def proportional(rng, wait, style):
    return np.digitize(1.2 - 0.008 * wait - 0.7 * style + rng.logistic(0, 0.7, len(wait)), [-1, 0, 0.7, 1.4]) + 1


def spoiling(rng, wait, style):
    """Whoever waits long answers 1, whatever the rest was like: the wait pushes at the bottom only."""
    plain = np.digitize(0.6 - 0.7 * style + rng.logistic(0, 0.7, len(wait)), [-1, 0, 0.7, 1.4]) + 1
    return np.where(rng.random(len(wait)) < spoilt(wait), 1, plain)


def spoilt(wait):
    return 0.5 * (1 - np.exp(-wait / 150))


def evidence_of(frame: pd.DataFrame) -> cx.LeverEvidence:
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    return cx.fit_levers(cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]])), "csat")


def test_a_lever_that_pushes_at_one_end_is_freed_and_its_effect_is_right():
    frame = world(12_000, spoiling)
    evidence = evidence_of(frame)
    checks = evidence.checks.set_index("check").loc["proportional_odds"]
    assert checks["p_value"] < 1e-6
    assert checks["is_freed"]
    assert abs(checks["shift"]) > 0.005
    assert any("partial proportional odds" in note for note in evidence.notes)
    # exactly: what scaling all waits does to the mean score, styles as they are
    wait = frame["wait_seconds"].to_numpy()
    style = np.linspace(-1, 1, N_AGENTS)[frame["agent_id"].str.removeprefix("agent ").astype(int)]
    plain = 1 + (1 / (1 + np.exp((np.array([-1, 0, 0.7, 1.4]) - (0.6 - 0.7 * style)[:, None]) / 0.7))).sum(axis=1)

    def mean(scale):
        return (plain - (plain - 1) * spoilt(wait * scale)).mean()

    truth = (mean(0.99) - mean(1.01)) / 0.02 * 30 / wait.mean()
    row = evidence.rungs.set_index("rung").loc["within"]
    assert abs(row["estimate"] - truth) < 2.5 * row["std_error"]


@pytest.mark.parametrize("scores", [spoiling, proportional])
def test_a_part_of_the_answers_decides_what_all_of_them_do(scores, monkeypatch):
    frame = world(9_000, scores)
    whole = evidence_of(frame)
    monkeypatch.setattr(sample, "MAX_PART", 5_000)
    few = evidence_of(frame)
    assert few.checks["is_freed"].tolist() == whole.checks["is_freed"].tolist()
    assert few.checks["is_freed"].any() == (scores is spoiling)
    for checks in (few.checks, whole.checks):
        p_values = checks.set_index("check").loc[["proportional_odds", "spread"], "p_value"]
        assert (p_values < 0.001).all() == (scores is spoiling)
    told = [note for note in few.notes if "a sample of" in note]
    n = int(few.associations["n"].max())
    assert n == pytest.approx(5_000, rel=0.05)
    assert len(told) == 1
    assert "all 9,000 responses" in told[0]
    assert f"a sample of {n:,} of these" in told[0]
    pd.testing.assert_frame_equal(few.rungs, whole.rungs, rtol=1e-9)  # estimates and errors are of all


def test_a_lever_that_pushes_alike_is_left_alone():
    evidence = evidence_of(world(4_000, proportional))
    checks = evidence.checks.set_index("check")
    assert checks.loc["proportional_odds", "p_value"] > 0.01
    assert not checks["is_freed"].any()
    assert checks.loc["linearity", "p_value"] > 0.01
    assert checks.loc["spread", "p_value"] > 0.01
    assert checks["outcome"].unique().tolist() == ["csat"]
    assert checks.loc["later_contact", "reason"] == "the log names no customers"


def test_a_lever_that_divides_customers_spreads_their_answers():
    def dividing(rng, wait, style):
        spread = 0.7 * np.exp(0.004 * (wait - 80))
        return np.digitize(0.5 - 0.7 * style + spread * rng.logistic(size=len(wait)), [-1, 0, 0.7, 1.4]) + 1

    checks = evidence_of(world(4_000, dividing)).checks.set_index("check")
    assert checks.loc["spread", "p_value"] < 1e-4
    assert checks.loc["spread", "status"] == "ok"


def test_two_categories_have_nothing_to_differ():
    frame = world(2_000, proportional)
    checks = evidence_of(frame.assign(csat=np.where(frame["csat"] > 3, 5, 1))).checks.set_index("check")
    for check in ("proportional_odds", "spread"):
        assert checks.loc[check, "status"] == "not_applicable"
        assert checks.loc[check, "reason"] == "the outcome has two categories"


def test_test_of_proportional_odds_keeps_its_level(array_sample_of):
    rng = np.random.default_rng(21)
    p_values = []
    for _ in range(150):
        cluster = rng.integers(0, 40, 500)
        x = rng.normal(size=(500, 2)) + 0.4 * rng.normal(size=40)[cluster][:, None]
        outcome = np.digitize(x @ [0.6, -0.3] + rng.logistic(size=500), [-1.2, 0.0, 1.0])
        sample = array_sample_of(x, outcome, cluster)
        fit = fit_cumulative_logit(sample.sweep, sample.rows, 4)
        null = freed(fit, np.eye(2)[:, :1])
        p_values.append(efficient_scores(sample.sweep, sample.rows, null, null.extra_places.ravel(), 40).test().p_value)
    assert (np.array(p_values) < 0.05).mean() == pytest.approx(0.05, abs=0.045)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.08)


@pytest.fixture
def array_sample_of():
    """Samples of plain arrays."""
    from dataclasses import dataclass

    import pyarrow as pa

    from cxfusion.estimators.rows import Indicators, Rows
    from cxfusion.fold import fold_batches

    @dataclass(frozen=True)
    class Sample:
        x: np.ndarray
        outcome: np.ndarray
        cluster: np.ndarray

        def sweep(self, fold):
            return fold_batches(fold, [pa.RecordBatch.from_pydict({"row": np.arange(len(self.outcome))})])

        def rows(self, batch):
            n = len(batch)
            none = Indicators(np.empty((n, 0), dtype=np.int64), ())
            return Rows(self.x, none, self.outcome, np.ones(n), self.cluster)

    return Sample


def test_whether_odds_are_freed_is_held_against_the_smallest_effect_on_the_scale_that_was_offered(monkeypatch):
    given = []

    def noted(*args):
        given.append(args[-1])
        return check_form(*args)

    monkeypatch.setattr(fitting, "check_form", noted)
    frame = world(600, proportional)
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    scale = {"surveys": {"columns": {"csat": {"column": "csat", "scale": [1, 10]}}}}
    pairing = cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]], map=scale))
    cx.fit_levers(pairing)
    cx.fit_levers(pairing, levers=[cx.Lever("wait_seconds", "before", -30, smallest_effect=0.3)])
    assert given == [[pytest.approx(0.1125)], [0.3]]  # 0.05 · 9/4
