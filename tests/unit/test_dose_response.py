"""Dose curves in worlds whose curve is known, and on a real centre whose steps are known."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError
from cxfusion.evidence.catalogue import Lever
from cxfusion.evidence.dose_bases import learn_spline
from cxfusion.evidence.ground import lay_ground
from cxfusion.evidence.spec import LeverSpec
from cxfusion.evidence.threshold import plan_search

MAP = Path(__file__).parents[2] / "examples" / "maps" / "ecommerce_support.toml"
CUTS = np.array([-1.0, 0.0, 0.7, 1.4])
N_AGENTS = 40


def harm(wait):
    """Latent harm: none up to two minutes, then steep."""
    return 0.012 * np.maximum(wait - 120, 0.0)


def drop(wait):
    """Latent harm: a drop at one and a half minutes."""
    return 0.8 * (wait > 90)


def world(shape, seed: int = 0, n: int = 5_000) -> pd.DataFrame:
    """CSAT falls with the wait by a shape, and with the agent's habit of letting people wait."""
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, N_AGENTS, n)
    style = np.linspace(-1, 1, N_AGENTS)[agent]
    wait = (rng.gamma(2.0, 45.0, n) * np.exp(0.3 * style)).round()
    latent = 1.0 - shape(wait) - 0.8 * style + rng.logistic(0, 0.7, n)
    return pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"agent {i}" for i in agent],
            "queue": "sales",
            "wait_seconds": wait,
            "csat": np.digitize(latent, CUTS) + 1,
        }
    )


def paired(frame: pd.DataFrame) -> cx.Pairing:
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    return cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]]))


@cache
def found(shape) -> cx.DoseResponse:
    return cx.dose_response(paired(world(shape)), "wait_seconds", bands=[60, 120, 180])


def truth(shape, level: float) -> float:
    """Expected score of everybody at one wait, exactly: the styles are spread evenly over agents."""
    style = np.linspace(-1, 1, N_AGENTS)
    latent = 1.0 - shape(np.array([level])) - 0.8 * style
    return float(1 + (1 / (1 + np.exp((CUTS - latent[:, None]) / 0.7))).sum(axis=1).mean())


def test_curve_is_the_truth_and_not_what_agents_bring_along():
    curve = found(harm).table
    inside = 0
    for row in curve.itertuples():
        expected = truth(harm, row.level)
        assert row.estimate == pytest.approx(expected, abs=0.15)
        inside += row.conf_low < expected < row.conf_high
    assert inside >= 0.8 * len(curve)  # a spline is nearly this shape, not quite
    bands = found(harm).bands
    frame = world(harm)
    first = frame["wait_seconds"] <= 60
    assert bands["raw_estimate"][0] == pytest.approx(frame.loc[first, "csat"].mean(), rel=1e-12)
    assert bands["n"].sum() == len(frame)
    # alone, the lowest band looks better than it is: its agents are the better ones
    assert bands["raw_estimate"][0] > bands["estimate"][0] + 0.03
    assert abs(bands["estimate"][0] - truth(harm, 30)) < 3 * bands["std_error"][0]


def test_a_kink_is_found_where_it_is():
    threshold = found(harm).threshold
    assert (threshold.kind, threshold.p_value < 0.001) == ("kink", True)
    assert threshold.conf_low < 120 < threshold.conf_high
    assert threshold.conf_high - threshold.conf_low < 60
    assert abs(threshold.before) < 0.3 * abs(threshold.after)
    assert found(harm).tests.set_index("test").loc["linearity", "p_value"] < 0.001
    assert "falls faster past" in found(harm).summary()


def test_a_drop_is_told_from_a_kink():
    threshold = found(drop).threshold
    assert threshold.kind == "drop"
    assert threshold.conf_low <= 90.5
    assert threshold.conf_high >= 89.5
    assert threshold.conf_high - threshold.conf_low < 25
    assert threshold.after < -0.3
    assert "drops past" in found(drop).summary()


def test_a_bend_is_not_called_a_jump_against_the_levers_own_direction():
    # steep at first, flat later: against a straight line, a step up at the bend would fit as well as a kink
    threshold = found(lambda wait: 1.2 * -np.expm1(-wait / 40)).threshold
    assert threshold.kind == "kink"
    assert abs(threshold.after) < abs(threshold.before)


def test_a_straight_line_has_no_threshold():
    straight = found(lambda wait: 0.006 * wait)
    assert straight.threshold.estimate is None
    assert straight.threshold.reason == "no bend or drop is told from a straight line"
    assert straight.threshold.p_value > 0.05
    assert "No threshold" in straight.summary()


def test_monotone_curve_and_its_ends_only_fall():
    frame = world(lambda wait: 0.001 * wait, n=1_500)
    wavy, falling = (cx.dose_response(paired(frame), "wait_seconds", is_monotone=is_it) for is_it in (False, True))
    assert not wavy.table["estimate"].is_monotonic_decreasing
    for column in ("estimate", "conf_low", "conf_high"):
        assert falling.table[column].is_monotonic_decreasing
        assert sorted(falling.table[column]) == pytest.approx(sorted(wavy.table[column]))


def test_counts_go_level_by_level():
    frame = world(lambda wait: 0 * wait, n=3_000)
    rng = np.random.default_rng(3)
    transfers = rng.poisson(0.4, len(frame))
    latent = 1.0 - 0.7 * (transfers > 0) + rng.logistic(0, 0.7, len(frame))
    frame = frame.assign(n_transfers=transfers, csat=np.digitize(latent, CUTS) + 1)
    dose = cx.dose_response(paired(frame), "n_transfers")
    drawn = dose.plot().to_dict()
    levels = [one["encoding"]["x"]["axis"] for one in drawn["layer"] if one["encoding"]["x"].get("axis")]
    assert levels
    assert all(axis["tickMinStep"] == 1 for axis in levels)  # there is no tenth of a transfer
    assert dose.table["level"].tolist() == [0.0, 1.0, 2.0]  # three and more are too few for a band of their own
    assert dose.bands["n"].tolist() == [int((transfers == k).sum()) for k in (0, 1)] + [int((transfers >= 2).sum())]
    tests = dose.tests.set_index("test")
    assert tests.loc["linearity", "p_value"] < 0.01  # the second transfer does nothing more
    assert tests.loc["threshold", "status"] == "not_applicable"


def test_steps_of_the_real_centre(ecommerce):
    # mean CSAT by minutes until the first response, as counted by others from the same rows
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(ecommerce / "contacts.csv", map=MAP, session=session)
        pairing = cx.pair(contacts, cx.read_surveys(ecommerce / "surveys.csv", map=MAP, session=session))
        lever = cx.Lever("response_seconds", "before", -600, shape="log1p")
        minutes = [2, 5, 10, 30, 60, 240, 1440]
        dose = cx.dose_response(pairing, lever.name, levers=[lever], bands=[60 * m for m in minutes])
    assert dose.n == 16_547
    assert dose.bands["raw_estimate"].round(2).tolist() == [4.52, 4.47, 4.30, 4.01, 4.00, 3.94, 3.88, 3.31]
    assert dose.bands["estimate"].round(2).tolist() == [4.47, 4.41, 4.26, 4.05, 4.04, 4.02, 3.96, 3.48]  # as documented
    assert dose.bands["n"].tolist() == [4818, 3320, 1895, 2017, 924, 1499, 1506, 568]
    # within agents and days the steps are smaller, in the same order
    assert dose.bands["estimate"].is_monotonic_decreasing
    assert np.ptp(dose.bands["estimate"]) < np.ptp(dose.bands["raw_estimate"])
    assert dose.tests.set_index("test").loc["linearity", "p_value"] < 0.001


def test_result_pickles_draws_and_can_be_changed_outside():
    dose = found(harm)
    again = pickle.loads(pickle.dumps(dose))
    pd.testing.assert_frame_equal(again.table, dose.table)
    drawn = dose.plot().to_dict()
    levels = [row["level"] for rows in drawn["datasets"].values() for row in rows if "level" in row]
    assert set(dose.table["level"]) <= set(levels)
    assert dose.threshold.estimate in levels


def test_what_cannot_be_drawn_says_why():
    pairing = paired(world(harm, n=600).assign(hold_seconds=20.0))
    with pytest.raises(UnknownNameError, match="wait_seconds"):
        cx.dose_response(pairing, "waiting")
    with pytest.raises(NothingToEstimateError, match="the same for every paired contact"):
        cx.dose_response(pairing, "hold_seconds")
    with pytest.raises(UsageError, match="inner edge"):
        cx.dose_response(pairing, "wait_seconds", bands=[])
    with pytest.raises(UsageError, match="too few answers for two bands"):
        cx.dose_response(pairing, "wait_seconds", bands=[1e6])


def test_bands_with_few_answers_are_joined():
    dose = cx.dose_response(paired(world(harm, n=600)), "wait_seconds", bands=[1, 60, 61, 120, 100_000])
    assert (dose.bands["n"] >= 30).all()
    assert dose.bands["n"].sum() == 600
    assert dose.bands["high"].tolist()[:2] == [60, 120]


def test_rows_read_once_for_all_models_give_what_rows_of_its_own_give_each():
    """Of a lever with few values the curve is a straight line too, in other units than that of the search."""
    frame = world(harm, n=600)
    frame["wait_seconds"] = np.select([frame["wait_seconds"] < 50, frame["wait_seconds"] < 75], [30.0, 90.0], 200.0)
    spec = LeverSpec(levers=(Lever("wait_seconds", "before", -30, shape="linear"),))
    ground = lay_ground(paired(frame), "wait_seconds", spec, None)
    curve, search = learn_spline(ground), plan_search(ground)
    assert not isinstance(search, str)
    assert curve.knots == search.straight.knots == ()
    known = ground.know(curve, search.straight, beside=(search.bend,))
    for basis in (curve, search.straight):
        alone, beside = ground.fit_within(basis).fit, ground.fit_within(basis, known=known).fit
        assert beside.coefficients == pytest.approx(alone.coefficients, rel=1e-9)


def test_a_curve_of_a_rare_lever_goes_to_its_most():
    # one contact in a hundred and fifty waited at all: the 99th percentile is 0, and a curve up to there shows nothing
    frame = world(lambda wait: 0.01 * wait, n=6_000)
    frame["wait_seconds"] = frame["wait_seconds"].where(frame.index % 150 == 0, 0)
    found = cx.dose_response(paired(frame), "wait_seconds", is_monotone=True)
    levels = found.table["level"]
    assert (levels.min(), levels.max()) == (0, frame["wait_seconds"].max())
    assert levels.is_unique


@pytest.mark.parametrize("counted", ["n_transfers", "n_words"])
def test_large_counts_are_cut_into_bands_however_far_one_of_them_lies(counted):
    """One cell out of place, or a count that is large throughout: a band for each would be thousands."""
    frame = world(lambda wait: 0 * wait, n=3_000)
    rng = np.random.default_rng(3)
    if counted == "n_transfers":
        counts = rng.poisson(0.4, len(frame))
        counts[7] = 5_000
        expected, levels = [0.0, 1.0], [0.0, 1.0, 2.0]  # three and more are too few for a band of their own
    else:
        counts = np.where(rng.random(len(frame)) < 0.1, 0, rng.integers(40, 440, len(frame)))
        expected = [0.0, *np.floor(np.quantile(counts[counts > 0], np.arange(1, 8) / 8))]
        levels = None
    latent = 1.0 - 0.7 * (counts > 0) + rng.logistic(0, 0.7, len(frame))
    frame = frame.assign(**{counted: counts}, csat=np.digitize(latent, CUTS) + 1)
    dose = cx.dose_response(paired(frame), counted, levers=[Lever(counted, "during", -1, shape="count")])
    assert dose.bands["high"].tolist() == [*expected, counts.max()]
    assert len(dose.bands) <= 9
    assert dose.bands["n"].sum() == len(frame)
    means = frame.groupby(pd.cut(counts, [-np.inf, *expected, np.inf]), observed=True)["csat"].mean()
    assert dose.bands["raw_estimate"].to_numpy() == pytest.approx(means.to_numpy(), rel=1e-12)
    assert dose.table["level"].between(dose.bands["low"], dose.bands["high"]).all()  # each point is in its band
    if levels is not None:
        assert dose.table["level"].tolist() == levels


def test_a_straight_line_through_large_counts_is_taken_for_one():
    frame = world(lambda wait: 0 * wait, n=4_000)
    rng = np.random.default_rng(4)
    words = 40 + rng.gamma(2.0, 60.0, len(frame)).round()  # nobody wrote none, and a few wrote very much
    frame = frame.assign(n_words=words, csat=np.digitize(1.6 - 0.006 * words + rng.logistic(0, 0.7, 4_000), CUTS) + 1)
    dose = cx.dose_response(paired(frame), "n_words", levers=[Lever("n_words", "during", -10, shape="count")])
    medians = pd.Series(words).groupby(pd.cut(words, [-np.inf, *dose.bands["low"][1:], np.inf]), observed=True).median()
    assert dose.table["level"].to_numpy() == pytest.approx(medians.to_numpy(), rel=0.05)
    assert dose.tests.set_index("test").loc["linearity", "p_value"] > 0.05
