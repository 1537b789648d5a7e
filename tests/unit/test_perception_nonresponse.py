"""What non-response could change: worlds in which the dissatisfied truly answer more often, by a known factor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import ConvergenceError, UnknownNameError, UsageError
from cxfusion.estimators.tilting import Tilt, crossing


def world(times: float, shape: str, n: int = 20_000, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A log whose customers all have a score, and answers of those who gave it; one channel answers twice as often."""
    rng = np.random.default_rng(seed)
    channel = rng.choice(["call", "chat"], n)
    csat = np.digitize(rng.logistic(0.4 * (channel == "chat"), 1.0), [-1.5, -0.5, 0.3, 1.5]) + 1
    place = (5 - csat) / 4 if shape == "dissatisfied" else np.abs(csat - 3) / 2
    chance = np.minimum(0.08 * (1 + (channel == "call")) * times**place, 1)
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "channel": channel,
            "csat": csat,
        }
    )
    return log, log[rng.random(n) < chance]


def curve_of(log: pd.DataFrame, answers: pd.DataFrame, **words: object) -> cx.NonresponseCurve:
    contacts = cx.read_contacts(log.drop(columns=["csat"]))
    return cx.nonresponse_curve(cx.pair(contacts, cx.read_surveys(answers[["contact_id", "csat"]])), "csat", **words)


@pytest.mark.parametrize("shape", ["dissatisfied", "extremes"])
def test_at_the_true_factor_the_score_is_that_of_everybody(shape):
    log, answers = world(2.0, shape)
    found = curve_of(log, answers, times=(1, 2)).table
    mean = found[(found["metric"] == "csat_mean_weighted") & (found["shape"] == shape)].set_index("times")
    top = found[(found["metric"] == "csat_top2box_weighted") & (found["shape"] == shape)].set_index("times")
    truth = log["csat"].mean()
    assert mean.loc[2, "conf_low"] < truth < mean.loc[2, "conf_high"]
    assert top.loc[2, "conf_low"] < (log["csat"] >= 4).mean() < top.loc[2, "conf_high"]
    wrong = mean if shape == "dissatisfied" else top
    off = abs(wrong.loc[1, "estimate"] - (truth if shape == "dissatisfied" else (log["csat"] >= 4).mean()))
    assert off > 3 * wrong.loc[1, "std_error"]


def test_curve_is_the_weighted_score_at_one_and_tips_where_it_crosses():
    log, answers = world(2.0, "dissatisfied", n=6_000)
    contacts = cx.read_contacts(log.drop(columns=["csat"]))
    pairing = cx.pair(contacts, cx.read_surveys(answers[["contact_id", "csat"]]))
    weights = cx.weigh(pairing, "csat")
    now = cx.measure(pairing, "csat", weights=weights).table.set_index("metric")
    target = now.loc["csat_mean_weighted", "estimate"] + 0.1
    found = cx.nonresponse_curve(pairing, "csat", weights=weights, target=target)
    mean = found.table[found.table["metric"] == "csat_mean_weighted"]
    at_one = mean[mean["times"] == 1]["estimate"]
    assert at_one.to_numpy() == pytest.approx(now.loc["csat_mean_weighted", "estimate"], rel=1e-9)
    tips = found.tipping.set_index("shape")
    curve = mean[mean["shape"] == "dissatisfied"].sort_values("times")
    assert curve["estimate"].is_monotonic_increasing
    times = tips.loc["dissatisfied", "times"]
    assert np.interp(np.log(times), np.log(curve["times"]), curve["estimate"]) == pytest.approx(target, rel=1e-9)
    assert 1 < times < 2
    assert tips.loc["extremes", "status"] == "not_applicable"
    assert "crossed at" in found.summary()
    nearby = cx.nonresponse_curve(pairing, "csat", weights=weights, target=target - 0.0999)
    assert "is crossed at 1.01 times (the dissatisfied)" in nearby.summary()  # by a ten-thousandth of a point
    assert found.plot().to_dict()["layer"]
    with pytest.raises(UnknownNameError, match="csat_mean_weighted"):
        cx.nonresponse_curve(pairing, "csat", weights=weights, metric="csat_mean_wieghted")


def test_what_the_log_knows_stays_true():
    log, answers = world(2.0, "dissatisfied", n=6_000)
    pairing = cx.pair(cx.read_contacts(log.drop(columns=["csat"])), cx.read_surveys(answers[["contact_id", "csat"]]))
    from cxfusion.perception.nonresponse import _Answers

    weights = cx.weigh(pairing, "csat")
    there = _Answers.of(pairing, weights).tilted(Tilt("dissatisfied", 2.0), weights)
    rows = there.to_pandas().merge(log, on="contact_id")
    share = rows.loc[rows["channel"] == "call", "weight"].sum() / rows["weight"].sum()
    assert share == pytest.approx((log["channel"] == "call").mean(), abs=1e-6)
    assert rows["weight"].sum() == pytest.approx(len(rows), rel=1e-6)


def test_a_tilt_is_even_in_the_log_between_the_ends():
    worth = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    assert Tilt("dissatisfied", 16.0).factors(worth) == pytest.approx([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1])
    assert Tilt("extremes", 4.0).factors(worth) == pytest.approx([1 / 4, 1 / 2, 1, 1 / 2, 1 / 4])
    assert Tilt("extremes", 1.0).factors(worth) == pytest.approx(np.ones(5))


def test_where_a_curve_crosses():
    times = np.array([0.5, 1.0, 2.0])
    assert crossing(times, np.array([1.0, 2.0, 3.0]), 2.5) == pytest.approx(np.sqrt(2))
    assert crossing(times, np.array([1.0, 2.0, 3.0]), 4.0) is None
    assert crossing(times, np.array([3.0, 2.0, 3.0]), 2.5) in (pytest.approx(np.sqrt(2)), pytest.approx(np.sqrt(0.5)))
    assert crossing(times, np.array([2.0, 2.0, 2.0]), 2.0) == 1.0


def test_bad_questions_are_refused():
    log, answers = world(1.0, "extremes", n=2_000)
    for times in ((0, 1), (np.nan,), (np.inf, 2)):
        with pytest.raises(UsageError, match="positive"):
            curve_of(log, answers, times=times)
    pairing = cx.pair(
        cx.read_contacts(log.drop(columns=["csat"])),
        cx.read_surveys(answers.assign(nps=answers["csat"] * 2)[["contact_id", "csat", "nps"]]),
    )
    weights = cx.weigh(pairing, "csat")
    with pytest.raises(UsageError, match="weigh"):
        cx.nonresponse_curve(pairing, "nps", weights=weights)
    with pytest.raises(UsageError, match="takes no weights"):
        cx.measure(pairing, "response_rate", weights=weights)


def test_a_factor_for_which_no_weights_are_found_is_a_row_with_its_reason(monkeypatch):
    from cxfusion.perception.nonresponse import _Answers

    tilted, out_of_reach = _Answers.tilted, [("dissatisfied", 0.5), ("extremes", 2.0)]

    def reach(self, tilt, weights):
        if (tilt.shape, tilt.times) in out_of_reach:
            raise ConvergenceError("No weights.")
        return tilted(self, tilt, weights)

    monkeypatch.setattr(_Answers, "tilted", reach)
    found = curve_of(*world(1.0, "extremes", n=4_000), times=(0.5, 2))
    lost = found.table[found.table["status"] == "not_applicable"]
    assert list(zip(lost["shape"], lost["times"], strict=True)) == out_of_reach
    assert set(lost["reason"]) == {"no weights reach the log's margins"}
    assert "1 to 2 times as likely" in found.summary()
    assert "0.5 to 1 times as likely" in found.summary()
    assert found.plot().to_dict()["layer"]


def test_a_figure_of_fewer_than_five_answers_crosses_nothing():
    log, _ = world(1.0, "extremes", n=200)
    found = curve_of(log, log.iloc[:4], target=3.0)
    assert set(found.tipping["reason"]) == {"fewer than 5 answers: not shown"}
    assert "nan" not in found.summary()
