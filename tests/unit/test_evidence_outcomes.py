"""Outcomes that are read off a score: the share of satisfied customers, and efforts that count downwards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UnknownNameError
from cxfusion.evidence.catalogue import Lever

WAIT = [Lever("wait_seconds", "before", -30)]


def log(n=3_000, seed=0):
    rng = np.random.default_rng(seed)
    wait = rng.gamma(2.0, 30.0, n)
    return pd.DataFrame(
        {
            "contact_id": [f"c{i:05}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, 30, n)],
            "queue": "sales",
            "wait_seconds": wait.round(),
            "csat": np.digitize(2.0 - 0.012 * wait + rng.normal(0, 1.2, n), [-1.0, 0.0, 0.7, 1.4]) + 1,
        }
    )


def evidence_of(frame, scores, outcome, **column):
    pairing = cx.pair(
        cx.read_contacts(frame.drop(columns=["csat"])),
        cx.read_surveys(scores, map={"columns": {next(iter(column)): next(iter(column.values()))}}),
    )
    return cx.fit_levers(pairing, outcome, levers=WAIT)


def scores_of(frame, values, name="csat"):
    return pd.DataFrame({"contact_id": frame["contact_id"], name: values})


def test_satisfied_customers_are_those_on_the_two_best_marks():
    frame = log()
    evidence = evidence_of(
        frame, scores_of(frame, frame["csat"]), "csat_top2box", csat={"column": "csat", "scale": [1, 5]}
    )
    by_hand = evidence_of(
        frame, scores_of(frame, np.where(frame["csat"] >= 4, 5, 1)), "csat", csat={"column": "csat", "scale": [1, 5]}
    )
    shares, points = evidence.rungs["estimate"].astype(float), by_hand.rungs["estimate"].astype(float)
    assert shares.to_numpy() == pytest.approx(25 * points.to_numpy(), rel=1e-6, nan_ok=True)
    assert set(evidence.table["outcome_unit"]) == {"percentage points"}
    assert set(evidence.rungs["outcome"]) == {"csat_top2box"}


def test_a_scale_that_counts_down_has_its_best_marks_at_the_low_end():
    frame = log()
    up = evidence_of(frame, scores_of(frame, frame["csat"]), "csat_top2box", csat={"column": "csat", "scale": [1, 5]})
    scale = {"column": "csat", "scale": [1, 5], "higher_is_better": False}
    down = evidence_of(frame, scores_of(frame, 6 - frame["csat"]), "csat_top2box", csat=scale)
    assert down.rungs["estimate"].to_numpy(float) == pytest.approx(
        up.rungs["estimate"].to_numpy(float), rel=1e-6, nan_ok=True
    )
    assert not [note for note in down.notes if "worse experience" in note]


def test_an_effort_that_counts_down_says_that_less_is_good():
    frame = log()
    scale = {"column": "effort", "scale": [1, 7], "higher_is_better": False}
    evidence = evidence_of(frame, scores_of(frame, 8 - frame["csat"], "effort"), "ces", ces=scale)
    assert evidence.table["estimate"].iloc[0] < 0
    assert "A higher ces score means a worse experience: a negative effect is good." in evidence.notes


def test_weights_of_the_score_serve_its_share(pairing):
    weights = cx.weigh(pairing, "csat")
    assert cx.fit_levers(pairing, "csat_top2box", levers=WAIT, weights=weights).n > 1000


def test_a_study_of_the_share_has_a_page(centre, tmp_path):
    study = cx.fuse(centre.contacts, centre.surveys, outcome="csat_top2box")
    page = study.report(tmp_path / "report.html").read_text()
    assert "share of satisfied customers" in page
    with pytest.raises(UnknownNameError, match=r"csat_top2box.*; ask for one of these\.$"):
        cx.fuse(centre.contacts, centre.surveys, outcome="csat_top3box")
    with pytest.raises(UnknownNameError, match=r"or map a column to ces\.$"):
        cx.fuse(centre.contacts, centre.surveys, outcome="ces")


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"scale": [1, 10]}, "NPS is defined on a 0–10 scale, this one is 1–10"),
        ({"scale": [0, 100]}, "NPS is defined on a 0–10 scale, this one is 0–100"),
        ({"higher_is_better": False}, "NPS is defined on a 0–10 scale, this one is 0–10, lower is better"),
    ],
)
def test_no_net_score_is_read_off_another_scale(column, reason):
    frame = log(n=600)
    with pytest.raises(NothingToEstimateError, match=f"nps cannot be read off these answers: {reason}"):
        evidence_of(frame, scores_of(frame, 2 * frame["csat"], "likely"), "nps", nps={"column": "likely", **column})


@pytest.mark.parametrize(("low", "step"), [(0, 0.25), (0.5, 0.5), (0, 25)])
def test_no_share_of_best_marks_is_read_off_a_scale_that_has_not_two(low, step):
    frame = log(n=1_200)
    marks = scores_of(frame, low + step * (frame["csat"] - 1))
    own = {"column": "csat", "scale": [low, low + 4 * step if step != 0.5 else 5]}
    with pytest.raises(NothingToEstimateError, match=r"csat_top2box cannot be read off .* two top points"):
        evidence_of(frame, marks, "csat_top2box", csat=own)
    found = cx.what_if(evidence_of(frame, marks, "csat", csat=own), {"wait_seconds": -10})
    assert found.table["metric"].to_list() == ["csat_mean"]
    assert "top two" not in found.summary()


def test_scores_of_too_many_marks_say_so():
    frame = log(n=600)
    values = np.arange(600) % 50
    with pytest.raises(NothingToEstimateError, match=r"50 different answers; .* marks in use\. Round them"):
        evidence_of(frame, scores_of(frame, values), "csat", csat={"column": "csat", "scale": [0, 100]})
