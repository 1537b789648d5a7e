"""Ranks against brute simulation of the joint errors, and what driver charts would have said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxfusion.estimators.effects import Effects
from cxfusion.evidence.associations import associations_of
from cxfusion.evidence.catalogue import DEFAULT_LEVERS
from cxfusion.evidence.ladder import Ladder
from cxfusion.evidence.ranks import rank_levers
from cxfusion.evidence.sample import draw_sample
from cxfusion.evidence.spec import LeverSpec
from cxfusion.report.evidence_tables import associations_table, breakdown_table


def effect(estimate, influence):
    one, n = np.array([estimate]), len(influence)
    se = np.array([np.sqrt((influence**2).sum() * n / (n - 1))])
    scaled = influence[:, None] * np.sqrt(n / (n - 1))
    return Effects(one, one, se, one, one, one, scaled, np.array([n - 1]), np.empty((1, 0)), 1000, n, n)


def ladder_of(estimates, errors, corrected=None, n=200, seed=0):
    """Influences of n clusters that have a given covariance, exactly."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(n, len(estimates)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(raw.T @ raw * n / (n - 1))).T
    influence = white @ np.linalg.cholesky(errors).T
    ladder = Ladder()
    for j, estimate in enumerate(estimates):
        ladder.effects[f"lever {j}", "within"] = effect(estimate, influence[:, j])
        if corrected is not None:
            ladder.effects[f"lever {j}", "corrected"] = effect(corrected[j], influence[:, j])
    return ladder, [f"lever {j}" for j in range(len(estimates))]


def test_probabilities_are_those_of_the_joint_distribution():
    estimates = np.array([0.10, -0.08, 0.02])
    errors = np.array([[4, 3.5, 0], [3.5, 4, 0], [0, 0, 1]]) * 1e-4
    ladder, levers = ladder_of(estimates, errors)
    ranks = rank_levers(ladder, levers, 0.95)
    drawn = np.abs(np.random.default_rng(5).multivariate_normal(estimates, errors, 200_000))
    place = (-drawn).argsort(axis=1).argsort(axis=1) + 1
    expected = [[(place[:, j] <= k).mean() for k in (1, 2, 3)] for j in range(3)]
    assert ranks.up_to == pytest.approx(np.array(expected), abs=0.012)
    assert ranks.rank.tolist() == [1, 2, 3]  # by size, whatever the sign
    assert ranks.of("lever 2") == {"rank": 3, "rank_low": 3, "rank_high": 3}
    assert ranks.of("another") == {"rank": None, "rank_low": None, "rank_high": None}


def test_errors_that_go_together_make_the_order_surer():
    estimates, size = np.array([0.10, 0.08]), 4e-4
    together = rank_levers(*ladder_of(estimates, size * np.array([[1, 0.95], [0.95, 1]])), 0.95)
    apart = rank_levers(*ladder_of(estimates, size * np.eye(2)), 0.95)
    assert together.up_to[0, 0] > 0.99
    assert apart.up_to[0, 0] < 0.8


def test_intervals_span_both_centres_and_the_rank_is_of_the_corrected():
    ladder, levers = ladder_of(np.array([0.2, 0.1]), 1e-6 * np.eye(2), corrected=np.array([0.05, 0.1]))
    ranks = rank_levers(ladder, levers, 0.95)
    assert ranks.rank.tolist() == [2, 1]
    assert (ranks.low.tolist(), ranks.high.tolist()) == ([1, 1], [2, 2])


def test_what_the_correction_itself_leaves_open_counts_for_the_levers_that_were_corrected():
    ladder, levers = ladder_of(np.array([0.2, 0.1, 0.1]), 1e-4 * np.eye(3))
    within = [ladder.effects[lever, "within"].influence[:, 0] for lever in levers]
    for lever, own, of_control in zip(levers[:2], within, (0.03, -0.02), strict=False):
        ladder.effects[lever, "corrected"] = replace(
            ladder.effects[lever, "within"], influence=np.append(own, of_control)[:, None]
        )
    found = rank_levers(ladder, levers, 0.95).covariance
    shared = np.outer([0.03, -0.02, 0.0], [0.03, -0.02, 0.0])  # one error of one κ; the third lever has none
    assert found == pytest.approx(1e-4 * np.eye(3) + shared, abs=1e-12)


def test_nothing_to_rank():
    assert rank_levers(Ladder(), ["lever 0"], 0.95).frame("csat").empty


def test_ranks_of_a_study(evidence):
    table, frame = evidence.table, evidence.ranks
    assert sorted(table["rank"].dropna()) == list(range(1, int(table["rank"].notna().sum()) + 1))
    assert (table["rank_low"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_high"]).all()
    by_place = frame.pivot_table(index="lever", columns="place", values="probability")
    assert by_place.sum().tolist() == pytest.approx(by_place.columns.tolist())  # k levers are among the first k
    assert (by_place.iloc[:, -1] == 1).all()


def test_associations_are_those_of_the_paired_frame(evidence, pairing):
    contacts, pairs = pairing.contacts.to_pandas(), pairing.to_pandas()
    scored = pairs[pairs["csat"].notna()].merge(contacts, on="contact_id")
    scored = scored[~scored["is_abandoned"]]
    frame = evidence.associations
    by_lever = frame[frame["measure"] == "correlation"].set_index("lever")
    for lever, row in by_lever.iterrows():
        assert row["estimate"] == pytest.approx(scored[lever].corr(scored["csat"]), rel=1e-9)
        assert row["conf_low"] < row["estimate"] < row["conf_high"]
    for measure in ("shapley", "johnson"):
        shares = frame[frame["measure"] == measure]["estimate"]
        x = np.column_stack([np.ones(len(scored)), scored[list(by_lever.index)]])
        left = scored["csat"] - x @ np.linalg.lstsq(x, scored["csat"].to_numpy(), rcond=None)[0]
        assert shares.sum() == pytest.approx(1 - left.var() / scored["csat"].var(), rel=1e-9)


def test_charts_that_mislead_are_marked(pairing):
    levers = tuple(lever for lever in DEFAULT_LEVERS if pairing.contacts.has(lever.name))
    sample = draw_sample(pairing, LeverSpec(), levers, None)
    names = ["wait_seconds", "hold_seconds", "talk_seconds"]
    verdicts = {"wait_seconds": "moves", "hold_seconds": "proxy", "talk_seconds": "contested"}
    frame = associations_of(sample, names, verdicts, 0.95)
    assert (frame[frame["measure"] == "correlation"]["is_named"]).all()
    marks = {(row.lever, row.measure): row.misled for row in frame.itertuples()}
    assert marks["hold_seconds", "correlation"] == "false_alarm"
    assert pd.isna(marks["wait_seconds", "correlation"])
    assert pd.isna(marks["talk_seconds", "correlation"])  # nobody knows
    shares = frame[frame["measure"] == "shapley"].set_index("lever")["estimate"]
    smallest = associations_of(sample, names, {shares.idxmin(): "moves"}, 0.95)
    assert (smallest[smallest["misled"].notna()]["misled"] == "missed").all()
    assert set(smallest[smallest["misled"].notna()]["lever"]) == {shares.idxmin()}
    page = associations_table(frame, pd.DataFrame({"lever": verdicts.keys(), "verdict": verdicts.values()}))
    assert [row[0].text for row in page.rows] == ["Waiting time", "Time on hold", "Talking time"]
    assert "would have misled" in page.rows[1][4].detail
    assert page.rows[2][4].detail == ""


def test_a_breakdown_is_a_table_whose_parts_sum(evidence):
    table = breakdown_table(evidence.decomposition, evidence.levers)
    assert table.heads[:3] == ("Lever", "Alone, less within", "Kind of case")
    assert table.rows[0][0].text == "Waiting time"
    assert breakdown_table(evidence.decomposition.iloc[:0], evidence.levers) is None
