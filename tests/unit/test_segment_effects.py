"""Effects by segment in worlds whose effects are known, computed by intervention."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import BadControlError, NothingToEstimateError, UnknownNameError, UsageError
from cxfusion.results.labels import rung_label

CUTS = np.array([-1.0, 0.0, 0.7, 1.4])
N_AGENTS = 40


def world(slopes, segment, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A log whose wait hurts by ``slopes`` (per second, by row), and the latent score without the wait."""
    rng = np.random.default_rng(seed)
    n = len(slopes)
    agent = rng.integers(0, N_AGENTS, n)
    style = np.linspace(-1, 1, N_AGENTS)[agent]
    wait = (rng.gamma(2.0, 40.0, n) * np.exp(0.4 * style)).round()
    plain = 1.2 - 0.8 * style
    latent = plain - slopes * wait + rng.logistic(0, 0.7, n)
    frame = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"agent {i}" for i in agent],
            "queue": "sales",
            "segment": segment,
            "wait_seconds": wait,
            "csat": np.digitize(latent, CUTS) + 1,
        }
    )
    return frame, plain


def true_effect(frame: pd.DataFrame, plain: np.ndarray, slopes: np.ndarray, inside: np.ndarray, step: float) -> float:
    """What a step, taken in proportion to the wait, does to the segment's expected score."""

    def mean(scale: float) -> float:
        latent = plain - slopes * frame["wait_seconds"].to_numpy() * scale
        return float((1 / (1 + np.exp((CUTS - latent[inside, None]) / 0.7))).sum(axis=1).mean())

    return (mean(0.99) - mean(1.01)) / 0.02 * step / frame.loc[inside, "wait_seconds"].mean()


def paired(frame: pd.DataFrame) -> cx.Pairing:
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    return cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]]))


def test_segments_of_known_spread():
    rng = np.random.default_rng(11)
    of_segment = rng.normal(0.012, 0.006, 12)
    code = rng.choice(12, 14_000, p=np.array([4, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]) / 19)
    frame, plain = world(of_segment[code], [f"kind {i:02d}" for i in code])
    found = cx.segment_effects(paired(frame), "wait_seconds", by="segment")
    table = found.table.set_index("segment")
    truth = np.array(
        [true_effect(frame, plain, of_segment[code], code == int(name.split()[1]), 30) for name in table.index]
    )
    own, pooled = table["estimate"].to_numpy(float), table["pooled_estimate"].to_numpy(float)
    assert np.abs((own - truth) / table["std_error"].to_numpy(float)).max() < 3.5
    assert ((table["pooled_low"] < truth) & (truth < table["pooled_high"])).sum() >= 10
    assert np.ptp(pooled) < np.ptp(own)
    assert (np.argsort(pooled)[:2] == np.argsort(own)[:2]).all()
    tests = found.tests.set_index("test")
    assert tests.loc["heterogeneity", "p_value"] < 0.001
    assert tests.loc["spread", "estimate"] == pytest.approx(truth.std(ddof=1), rel=0.35)
    assert table["n"].sum() == len(frame)
    assert set(table["step"]) == {-30.0}
    assert "Segments differ" in found.summary()
    again = pickle.loads(pickle.dumps(found))
    assert again.table.equals(found.table)
    drawn = [row for rows in found.plot().to_dict()["datasets"].values() for row in rows if "kind" in row]
    assert sorted(row["estimate"] for row in drawn) == pytest.approx(sorted([*own, *pooled]))
    assert rung_label("raw") not in {row["kind"] for row in drawn}  # it is another comparison, on the same page


def test_segments_that_do_not_differ_are_rarely_called_different():
    p_values = []
    for seed in range(4):
        code = np.random.default_rng(100 + seed).integers(0, 5, 3_000)
        frame, _ = world(np.full(3_000, 0.01), [f"kind {i}" for i in code], seed)
        tests = cx.segment_effects(paired(frame), "wait_seconds", by="segment").tests.set_index("test")
        p_values.append(tests.loc["heterogeneity", "p_value"])
    assert min(p_values) > 0.01
    assert max(p_values) > 0.2


def test_burden_that_makes_waiting_worse_is_a_trend():
    # minor irritations, then the blow-up: each earlier contact adds to what a second of waiting does
    rng = np.random.default_rng(5)
    prior = rng.poisson(1.0, 8_000)
    slopes = 0.004 + 0.005 * np.minimum(prior, 3)
    frame, _ = world(slopes, "all")
    found = cx.segment_effects(paired(frame.assign(n_prior_contacts=prior)), "wait_seconds", by="n_prior_contacts")
    assert found.table["segment"].tolist() == ["0", "1", "2", "3 or more"]
    assert found.table["estimate"].is_monotonic_increasing
    trend = found.tests.set_index("test").loc["trend"]
    assert trend["estimate"] > 0
    assert trend["p_value"] < 0.001
    flat, _ = world(np.full(8_000, 0.01), "all", seed=1)
    none = cx.segment_effects(paired(flat.assign(n_prior_contacts=prior)), "wait_seconds", by="n_prior_contacts")
    assert none.tests.set_index("test").loc["trend", "p_value"] > 0.01


def test_numbers_are_cut_where_it_makes_sense():
    rng = np.random.default_rng(6)
    n = 1_200
    frame, _ = world(np.full(n, 0.01), "all")
    frame = frame.assign(
        tenure_days=rng.integers(1, 2_000, n).astype(float), prior_wait_seconds=rng.choice([0, 60, 120, 600], n)
    )
    frame.loc[:99, "tenure_days"] = np.nan
    pairing = paired(frame)
    tenure = cx.segment_effects(pairing, "wait_seconds", by="tenure_days").table
    assert tenure["segment"].tolist() == [
        "up to 90 days", "more than 90 days, up to 365 days", "more than 365 days, up to 1,095 days",
        "more than 1,095 days", "(missing)",
    ]  # fmt: skip
    assert tenure["n"].tolist()[-1] == 100
    waited = cx.segment_effects(pairing, "wait_seconds", by="prior_wait_seconds").table
    assert waited["segment"].tolist()[0] == "none"
    own = cx.segment_effects(pairing, "wait_seconds", by="tenure_days", edges=[1_000]).table
    assert own["segment"].tolist() == ["up to 1,000 days", "more than 1,000 days", "(missing)"]
    as_text = paired(frame.assign(tenure_days=frame["tenure_days"].map(str).replace("nan", None)))  # as in a CSV file
    assert cx.segment_effects(as_text, "wait_seconds", by="tenure_days").table.equals(tenure)


def test_nobody_below_zero_has_none():
    frame, _ = world(np.full(1_200, 0.01), "all")
    rng = np.random.default_rng(7)
    frame = frame.assign(balance=rng.normal(0, 100, 1_200).round(), n_net_visits=rng.integers(-2, 4, 1_200))
    pairing = paired(frame)
    for by in ("balance", "n_net_visits"):
        table = cx.segment_effects(pairing, "wait_seconds", by=by).table
        assert table["segment"].tolist()[0] == "up to 0"
        assert table["n"].tolist()[0] == (frame[by] <= 0).sum()


def test_small_segments_stand_together_and_are_not_named():
    n = 1_500
    names = np.array(["big", "other"] * (n // 2), dtype=object)
    names[:20], names[20:45] = "tiny", "small"
    frame, _ = world(np.full(n, 0.01), names)
    table = cx.segment_effects(paired(frame), "wait_seconds", by="segment").table
    assert table["segment"].tolist() == ["other", "big", "(all others)"]
    rest = table.iloc[-1]
    assert (rest["n"], rest["status"]) == (45, "not_applicable")
    assert pd.isna(rest["estimate"])


def test_a_single_small_segment_goes_by_its_name_unless_too_few_customers_tell_of_it():
    n = 1_500
    names = np.array(["big", "other"] * (n // 2), dtype=object)
    names[:45] = "small"
    frame, _ = world(np.full(n, 0.01), names)
    frame.loc[:44, "agent_id"] = [f"agent {i % 5}" for i in range(45)]
    rest = cx.segment_effects(paired(frame), "wait_seconds", by="segment").table.iloc[-1]
    assert (rest["segment"], rest["n"]) == ("small", 45)
    assert rest["reason"] == "too few answers or agents to stand alone"
    customers = [f"k{i % 4 if i < 45 else i}" for i in range(n)]
    hidden = cx.segment_effects(paired(frame.assign(customer_id=customers)), "wait_seconds", by="segment").table
    assert sorted(hidden["segment"]) == ["big", "other"]
    names = np.array([f"kind {i % 21:02d}" for i in range(n)])
    last = cx.segment_effects(paired(world(np.full(n, 0.01), names)[0]), "wait_seconds", by="segment").table.iloc[-1]
    assert (last["segment"], last["reason"]) == ("kind 20", "only the 20 largest stand alone")


def test_what_cannot_be_compared_says_why():
    frame, _ = world(np.full(600, 0.01), ["only"] * 600)
    pairing = paired(frame.assign(hold_seconds=np.arange(600) % 90))
    with pytest.raises(NothingToEstimateError, match="at least two"):
        cx.segment_effects(pairing, "wait_seconds", by="segment")
    with pytest.raises(UnknownNameError, match="segment"):
        cx.segment_effects(pairing, "wait_seconds", by="segmnt")
    with pytest.raises(UsageError, match="no number"):
        cx.segment_effects(pairing, "wait_seconds", by="segment", edges=[1])
    with pytest.raises(BadControlError, match="does not come before"):
        cx.segment_effects(pairing, "wait_seconds", by="hold_seconds")


def test_more_segments_than_agents_are_drawn_together_by_what_is_known_of_each():
    rng = np.random.default_rng(8)
    n, n_segments = 4_500, 15
    code = rng.integers(0, n_segments, n)
    frame, _ = world(np.full(n, 0.01), "all", seed=2)
    agent = frame["agent_id"].str.removeprefix("agent ").astype(int) % 12
    frame = frame.assign(agent_id="agent " + agent.astype(str), tenure_days=100.0 * code + 50)
    found = cx.segment_effects(
        paired(frame), "wait_seconds", by="tenure_days", edges=[100 * k for k in range(1, n_segments)]
    )
    table, tests = found.table, found.tests.set_index("test")
    assert len(table) == n_segments
    error = table["std_error"].to_numpy(float)
    mean = np.average(table["estimate"].astype(float), weights=error**-2)  # all have the same effect
    assert ((table["pooled_low"] < mean) & (mean < table["pooled_high"])).all()
    place = 100.0 * np.arange(n_segments) + 50
    slope = np.polyfit(place, table["estimate"].to_numpy(float), 1, w=1 / error)[0]  # each segment by itself
    assert tests.loc["trend", "estimate"] == pytest.approx(slope, rel=1e-6)
    assert tests.loc["trend", "p_value"] > 0.01  # what is alike in all segments has no trend
