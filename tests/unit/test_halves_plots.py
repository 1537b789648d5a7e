"""Which picture a diagnosis and a measurement draw, and what is shown of a result on one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UnknownNameError
from cxfusion.results.labels import HEADLINES


def rows(chart) -> list[dict]:
    return [row for data in chart.to_dict()["datasets"].values() for row in data]


@pytest.fixture(scope="module")
def by_queue(centre):
    return cx.diagnose(centre.contacts, by="queue")


def test_groups_are_drawn_by_headline_or_by_the_metric_named(by_queue):
    shown = [metric for metric in HEADLINES if metric in set(by_queue.table["metric"])]
    assert len(by_queue.plot().to_dict()["concat"]) == len(shown) == 8
    bars = [row for row in rows(by_queue.plot("wrap_seconds")) if "estimate" in row]
    table = by_queue.table
    wrap = table[table["metric"] == "wrap_seconds"]
    assert sorted(row["estimate"] for row in bars) == pytest.approx(sorted(wrap["estimate"]))


def test_intervals_are_drawn_as_a_heat_map(centre):
    hours = cx.diagnose(centre.contacts, interval="1h", percentiles=True)
    last_day = hours.table["interval_start"].max().strftime("%Y-%m-%d")
    assert any(row["row"] == last_day for row in rows(hours.plot()))
    assert rows(hours.plot("wait_p90_seconds"))
    both = cx.diagnose(centre.contacts, by="queue", interval="1d", percentiles=True)
    drawn = rows(both.plot())
    assert sum(row["estimate"] for row in drawn) == 30_000
    with pytest.raises(NothingToEstimateError, match="quantiles of single days"):
        both.plot("wait_p90_seconds")


def test_scores_are_drawn_by_group_or_over_time(pairing):
    measured = cx.measure(pairing, "csat", by="queue")
    tops = [row for row in rows(measured.plot("csat_top2box")) if "name" in row]
    table = measured.table
    expected = table.loc[table["metric"] == "csat_top2box", "estimate"]
    assert sorted(row["estimate"] for row in tops) == pytest.approx(sorted(expected))
    rates = cx.measure(pairing, "response_rate", interval="1d")
    assert [row["estimate"] for row in rows(rates.plot())] == pytest.approx(list(rates.table["estimate"]))


def test_what_cannot_be_drawn_is_said(centre, pairing, by_queue):
    with pytest.raises(NothingToEstimateError, match="by group"):
        cx.diagnose(centre.contacts).plot()
    with pytest.raises(NothingToEstimateError, match="by group"):
        cx.measure(pairing, "nps").plot()
    with pytest.raises(UnknownNameError, match="Expected one of: wait_seconds"):
        by_queue.plot("wait_secs")
    with pytest.raises(UnknownNameError, match="nps"):
        cx.measure(pairing, "nps", by="queue").plot("nsp")


def test_handled_contacts_are_those_that_can_be_answered_about(centre, pairing):
    rate = cx.measure(pairing, "response_rate").overall.iloc[0]
    diagnosis = cx.diagnose(centre.contacts).pivot()
    assert rate["n"] == diagnosis["handled"].item()
    assert rate["estimate"] * rate["n"] == pytest.approx(pairing.n_pairs)


def test_a_study_has_both_halves_and_is_shown_by_its_headline(pairing, study, tmp_path):
    assert repr(study) == f"Study({study.summary().splitlines()[0]})"
    fcr = study.diagnosis.overall.set_index("metric").loc["fcr"]
    expected = cx.diagnose(pairing.contacts, episodes=cx.EpisodePlan()).overall.set_index("metric").loc["fcr"]
    assert (fcr["status"], fcr["estimate"]) == ("ok", expected["estimate"])
    assert study.sources.table["source"].tolist()[0] == "Contact log"
    assert study.followed.by == "reason"
    assert study.followed.fcr == pytest.approx(fcr["estimate"], abs=1e-12)
    page = study.report(tmp_path / "report.html").read_text()
    assert "What customers came back about" in page
    assert study.resolution is None
    assert study.offers.basis == "answered"


def test_a_study_tells_who_says_resolved_and_comes_back():
    rng = np.random.default_rng(1)
    calls = pd.DataFrame(
        {"contact_id": [f"c{i}" for i in range(2_400)], "customer_id": [f"u{i % 800}" for i in range(2_400)]}
    )
    calls["started_at"] = pd.Timestamp("2026-01-05 08:00") + pd.to_timedelta(
        rng.integers(0, 60 * 24 * 60, 2_400), "min"
    )
    calls["agent_id"] = [f"a{i}" for i in rng.integers(0, 12, 2_400)]
    calls["wait_seconds"] = rng.exponential(60, 2_400).round()
    answers = calls[["contact_id"]].sample(900, random_state=1)
    answers = answers.assign(csat=rng.integers(1, 6, 900), is_resolved_reported=rng.random(900) < 0.7)
    pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys(answers))
    study = cx.fuse(pairing.contacts, pairing.surveys)
    alone = cx.resolution(pairing)
    pd.testing.assert_frame_equal(study.resolution.overall, alone.overall)
    assert alone.sentences[0] in study.notes
    kept = study.perception_rows().set_index(["grouping", "metric"])["estimate"]
    assert (
        kept["all", "repeat_after_resolved"] == alone.overall.set_index("metric")["estimate"]["repeat_after_resolved"]
    )
