"""Scores of hand-made pairings: every figure worked out by hand, textbook formula or oracle."""

from __future__ import annotations

import importlib
import pickle
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

import cxfusion as cx
from cxfusion.engine import FrameSource, Session
from cxfusion.errors import NoScoreError, UnknownNameError
from cxfusion.perception.measure import measure
from cxfusion.results.schemas import PERCEPTION, as_arrow
from cxfusion.tables.relation import Contacts, Scale

SCALES = {"csat": Scale(1, 5), "nps": Scale(0, 10), "ces": Scale(1, 7)}


@dataclass(frozen=True)
class Pairs:
    """What measuring needs of a pairing."""

    session: Session
    pairs: Any
    contacts: Contacts
    surveys: Any
    answer_lag: None = None

    def is_untold(self, _: Any) -> Any:
        return ibis.literal(False)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    """What is measured here is a stand-in, which a caller's mistake would be too."""
    monkeypatch.setattr(importlib.import_module("cxfusion.perception.measure"), "require_pairing", lambda _: None)


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def pairs_of(session, scores, score="csat", customers=None, roles=None, scales=SCALES, timezone="UTC", **log):
    """A pairing of as many contacts as scores; ``log`` gives further columns of the contact log."""
    n = len(scores)
    log = {"started_at": [datetime(2026, 1, 5)] * n} | log
    ids = [f"c{i}" for i in range(n)]
    pairs = pa.table(
        {
            "response_id": [f"r{i}" for i in range(n)],
            "contact_id": ids,
            "customer_id": pa.array(customers or [None] * n, pa.string()),
            "respondent_role": roles or ["customer"] * n,
        }
        | {name: pa.array(scores if name == score else [None] * n, pa.float64()) for name in SCALES}
    )
    # the log holds one more contact, that nobody answered about
    table = pa.table({"contact_id": [*ids, "silent"]} | {name: [*values, values[0]] for name, values in log.items()})
    read = [session.read(FrameSource(frame, "frame")) for frame in (pairs, table)]
    contacts = Contacts(session, read[1], n + 1, read[1].limit(0), timezone)
    return Pairs(session, read[0], contacts, SimpleNamespace(scales=scales))


def only(frame, metric, **group):
    keep = frame["metric"] == metric
    for name, value in group.items():
        keep &= frame[name].isna() if value is None else frame[name] == value
    (found,) = frame[keep].itertuples()
    return found


def test_csat_of_independent_answers(session):
    scores = [5] * 20 + [4] * 12 + [3] * 4 + [1] * 4
    table = measure(pairs_of(session, scores), "csat").table
    mean, top = only(table, "csat_mean"), only(table, "csat_top2box")
    assert mean.estimate == pytest.approx(164 / 40)
    assert mean.std_error == pytest.approx(stats.sem(scores))
    # with half a 1 and half a 5: 41 answers, sum 167, sum of squares 745
    half = stats.t.ppf(0.975, 39) * np.sqrt((745 / 41 - (167 / 41) ** 2) / 41)
    assert (mean.conf_low, mean.conf_high) == pytest.approx((167 / 41 - half, 167 / 41 + half))
    assert (top.estimate, top.std_error) == pytest.approx((0.8, np.sqrt(0.8 * 0.2 / 40)))
    assert (top.conf_low, top.conf_high) == pytest.approx(proportion_confint(32, 40, method="wilson"))
    assert (mean.n, mean.n_clusters, mean.status, mean.unit) == (40, 40, "ok", "score points")
    assert top.unit == "share"
    assert pd.isna(mean.reason)


def test_nps_with_half_promoters_and_a_sixth_detractors(session):
    scores = [9] * 10 + [10] * 20 + [7] * 10 + [8] * 10 + [6] * 5 + [0] * 5
    found = only(measure(pairs_of(session, scores, "nps"), "nps").table, "nps")
    assert found.estimate == pytest.approx(100 / 3)
    assert found.std_error == pytest.approx(100 * np.sqrt(5 / 9 / 60))
    # 30.75 promoters and 10.75 detractors of 63
    half = 1.959963985 * np.sqrt((41.5 / 63 - (20 / 63) ** 2) / 63)
    assert (found.conf_low, found.conf_high) == pytest.approx((100 * (20 / 63 - half), 100 * (20 / 63 + half)))
    assert found.unit == "NPS points"


def test_ces_keeps_its_direction(session):
    scales = {"ces": Scale(1, 7, higher_is_better=False)}
    measured = measure(pairs_of(session, [1, 2, 3, 2] * 10, "ces", scales=scales), "ces")
    assert only(measured.table, "ces_mean").estimate == pytest.approx(2)
    assert "40 answers on 1–7, lower is better" in measured.summary()


def test_answers_of_one_customer_are_not_counted_as_independent(session):
    # 30 customers, two answers each, alike: twice the answers, and no more known.
    once = ([5, 4, 4, 3, 1] * 6)[:30]
    twice = [score for score in once for _ in range(2)]
    customers = [f"k{i // 2}" for i in range(60)]
    found = only(measure(pairs_of(session, twice, customers=customers), "csat").table, "csat_mean")
    assert found.std_error == pytest.approx(stats.sem(once))
    assert (found.n, found.n_clusters) == (60, 30)


def test_customers_known_to_the_log_only_are_clusters_too_and_unknown_ones_stand_alone(session):
    known = pairs_of(session, [5, 5, 1, 1] * 10, customer_id=[f"k{i // 4}" for i in range(40)])
    assert only(measure(known, "csat").table, "csat_mean").n_clusters == 10
    # four answers of one customer, named like a response; the others unknown
    some = pairs_of(session, [5, 5, 1, 1] * 10, customers=["r7"] * 4 + [None] * 36)
    assert only(measure(some, "csat").table, "csat_mean").n_clusters == 37


def test_groups_come_from_the_contact_log_and_a_missing_value_is_one(session):
    queue = ["billing"] * 30 + ["repair"] * 29 + [None] * 4 + ["sales"] * 5
    scores = [5, 3] * 15 + [4] * 28 + [3] + [5] * 4 + [1] * 5
    measured = measure(pairs_of(session, scores, queue=queue), "csat", by="queue")
    status = {name: only(measured.table, "csat_mean", queue=name).status for name in ("billing", "repair", "sales")}
    assert status == {"billing": "ok", "repair": "small", "sales": "small"}
    assert only(measured.table, "csat_top2box", queue="billing").estimate == pytest.approx(0.5)
    assert only(measured.table, "csat_mean", queue="repair").reason == "fewer than 30 answers"
    assert list(measured.table["queue"].iloc[:4]) == ["billing", "billing", "repair", "repair"]
    hidden = only(measured.table, "csat_mean", queue=None)
    assert (hidden.status, hidden.reason, hidden.n) == ("suppressed", "fewer than 5 answers: not shown", 4)
    assert np.isnan([hidden.estimate, hidden.std_error, hidden.conf_low, hidden.conf_high]).all()
    assert only(measured.overall, "csat_mean").n == 68
    assert only(measured.overall, "csat_mean").estimate == pytest.approx((120 + 115 + 20 + 5) / 68)


def test_companions_are_left_out_and_counted(session):
    roles = ["customer"] * 30 + ["companion"] * 3
    measured = measure(pairs_of(session, [4] * 30 + [1] * 3, roles=roles), "csat")
    assert only(measured.table, "csat_mean").estimate == 4
    assert any("3 answers by others" in note for note in measured.notes)
    assert not any("others" in note for note in measure(pairs_of(session, [4] * 30), "csat").notes)


def test_responses_without_this_score_are_not_answers(session):
    found = only(measure(pairs_of(session, [4, None, 5, None] * 20), "csat").table, "csat_mean")
    assert (found.n, found.estimate) == (40, pytest.approx(4.5))


def test_nobody_answered(session):
    measured = measure(pairs_of(session, [None] * 3, queue=["a", "b", "b"]), "csat", by="queue")
    assert measured.table.empty
    assert list(measured.overall["status"]) == ["not_applicable", "not_applicable"]
    assert list(measured.overall["reason"]) == ["no customer answered"] * 2
    assert list(measured.as_rows().columns) == PERCEPTION.names
    assert "–" in measured.summary()


def test_answers_of_fewer_than_five_customers_are_not_shown(session):
    four = [f"k{i % 4}" for i in range(40)]
    found = only(measure(pairs_of(session, [5, 4] * 20, customers=four), "csat").table, "csat_mean")
    assert np.isnan([found.estimate, found.std_error, found.conf_low, found.conf_high]).all()
    assert (found.status, found.reason, found.n) == ("suppressed", "fewer than 5 customers: not shown", 40)
    five = [f"k{i % 5}" for i in range(40)]
    assert only(measure(pairs_of(session, [5, 4] * 20, customers=five), "csat").table, "csat_mean").status == "ok"


def test_top_two_points_of_other_scales(session):
    ten = pairs_of(session, [10, 9, 8, 1] * 10, scales={"csat": Scale(1, 10)})
    assert only(measure(ten, "csat").table, "csat_top2box").estimate == pytest.approx(0.5)
    marks = pairs_of(session, [1, 2, 2, 5] * 10, scales={"csat": Scale(1, 6, higher_is_better=False)})
    assert only(measure(marks, "csat").table, "csat_top2box").estimate == pytest.approx(0.75)
    percent = pairs_of(session, [0.5, 1.0] * 20, scales={"csat": Scale(0, 1)})
    found = only(measure(percent, "csat").table, "csat_top2box")
    assert (found.status, found.n) == ("not_applicable", 40)
    assert "0–1" in found.reason
    assert only(measure(percent, "csat").table, "csat_mean").estimate == pytest.approx(0.75)
    fourths = pairs_of(session, [0, 50, 75, 100] * 10, scales={"csat": Scale(0, 100)})  # 75 is one of the two best
    found = only(measure(fourths, "csat").table, "csat_top2box")
    assert found.reason == "a scale of 0–100 does not say how far its two top points are apart"


def test_nps_needs_its_own_scale(session):
    table = measure(pairs_of(session, [4, 5] * 20, "nps", scales={"nps": Scale(1, 5)}), "nps").table
    found = only(table, "nps")
    assert found.status == "not_applicable"
    assert found.reason == "NPS is defined on a 0–10 scale, this one is 1–5"
    turned = {"nps": Scale(0, 10, higher_is_better=False)}
    found = only(measure(pairs_of(session, [4, 5] * 20, "nps", scales=turned), "nps").table, "nps")
    assert found.reason == "NPS is defined on a 0–10 scale, this one is 0–10, lower is better"


def test_intervals_stay_on_the_scale(session):
    table = measure(pairs_of(session, [5] * 40), "csat").table
    assert only(table, "csat_mean").conf_high == 5
    assert only(table, "csat_mean").conf_low < 5
    nps = only(measure(pairs_of(session, [10] * 6, "nps"), "nps").table, "nps")
    assert (nps.estimate, nps.conf_high) == (100, 100)


def test_rows_for_the_file(session):
    pairs = pairs_of(session, [5, 4] * 30, queue=["a", "b"] * 30, reason=["x", "y", "z"] * 20)
    rows = measure(pairs, "csat", by=["queue", "reason"]).as_rows()
    assert as_arrow(rows, PERCEPTION).schema.equals(PERCEPTION)
    assert list(rows["grouping"].unique()) == ["all", "queue × reason"]
    assert rows["group"].nunique() == 7
    assert list(rows["metric"][:2]) == ["csat_mean", "csat_top2box"]
    assert "contact_reason" in measure(pairs, "csat", by="reason").table.columns


def test_names_that_do_not_exist(session):
    pairs = pairs_of(session, [5] * 30, scales={"csat": Scale(1, 5)})
    with pytest.raises(UnknownNameError, match="Expected one of: csat"):
        measure(pairs, "csat_score")
    with pytest.raises(NoScoreError, match=r"The survey has no nps. Scores that it has: csat"):
        measure(pairs, "nps")
    with pytest.raises(UnknownNameError, match="queue"):
        measure(pairs, "csat", by="queue")


def test_a_measurement_outlives_its_session():
    with Session(threads=1) as session:
        measured = measure(pairs_of(session, [5, 4] * 20), "csat")
    copy = pickle.loads(pickle.dumps(measured))
    assert copy.summary() == measured.summary()
    assert "not corrected for who did not" in copy.summary()
    assert copy.to_arrow().num_rows == 2


def test_a_customer_in_two_groups_is_one_customer_of_the_whole(session):
    customers = [f"k{i // 2}" for i in range(80)]
    scores = ([5, 4, 4, 3, 1] * 16)[:80]
    pairs = pairs_of(session, scores, customers=customers, queue=["a", "b"] * 40)
    measured = measure(pairs, "csat", by="queue")
    assert list(measured.table["n_clusters"].unique()) == [40]
    assert only(measured.overall, "csat_mean").n_clusters == 40
    # hand: deviations of each customer's two answers added, squared, times 40/39, over 80²
    sums = (np.array(scores) - np.mean(scores)).reshape(40, 2).sum(axis=1)
    expected = np.sqrt(40 / 39 * (sums**2).sum()) / 80
    assert only(measured.overall, "csat_mean").std_error == pytest.approx(expected)


def test_periods_are_on_the_sites_clock_and_by_the_contact(session):
    # 18:29 UTC is 23:59 in Kolkata, 18:30 is midnight
    started = [datetime(2026, 1, 5, 18, 29)] * 30 + [datetime(2026, 1, 5, 18, 30)] * 10
    pairs = pairs_of(session, [5] * 30 + [3] * 10, timezone="Asia/Kolkata", started_at=started)
    table = measure(pairs, "csat", interval="1d").table
    assert list(table.columns[:2]) == ["interval_start", "metric"]
    first, second = pd.Timestamp(2026, 1, 5), pd.Timestamp(2026, 1, 6)
    assert only(table, "csat_mean", interval_start=first).estimate == 5
    assert only(table, "csat_mean", interval_start=second).estimate == 3
    assert only(table, "csat_mean", interval_start=second).status == "small"
    assert list(table["interval_start"].unique()) == [first, second]


def test_groups_and_periods_together(session):
    started = [datetime(2026, 1, 5, 9 + i % 2, 30) for i in range(40)]
    pairs = pairs_of(session, [5, 4, 3, 2] * 10, queue=["a", "a", "b", "b"] * 10, started_at=started)
    measured = measure(pairs, "csat", by="queue", interval="1h")
    found = only(measured.table, "csat_mean", queue="b", interval_start=pd.Timestamp(2026, 1, 5, 10))
    assert (found.estimate, found.n) == (2, 10)
    assert list(measured.as_rows()["grouping"].unique()) == ["all", "queue × interval_start"]
    assert "b × 2026-01-05 10:00" in set(measured.as_rows()["group"])
    with pytest.raises(UnknownNameError, match="15min, 30min, 1h, 1d"):
        measure(pairs, "csat", interval="1 hour")


def test_the_hour_lived_twice_is_one_period(session):
    # 2026-10-25 01:00 UTC: Paris goes from 03:00 back to 02:00
    started = [datetime(2026, 10, 25, 0, 30)] * 5 + [datetime(2026, 10, 25, 1, 30)] * 5
    customers = ["k1", "k2", "k3", "k4", "k5"] * 2
    pairs = pairs_of(session, [4] * 10, timezone="Europe/Paris", started_at=started, customers=customers)
    found = only(measure(pairs, "csat", interval="1h").table, "csat_mean")
    assert (found.interval_start, found.n, found.n_clusters) == (pd.Timestamp(2026, 10, 25, 2), 10, 5)


def test_response_rate_of_contacts_that_reached_an_agent(session):
    # 40 contacts, and the silent one: 20 answered by customers, 1 by a companion; of the rest two never reached an
    # agent (one of them answered about nevertheless), one was marked abandoned but talked to, one has no mark
    scores = [5.0] * 20 + [1.0, 4.0] + [None] * 18
    roles = ["customer"] * 20 + ["companion"] + ["customer"] * 19
    abandoned = [False] * 21 + [True, True, True, None] + [False] * 15
    talk = [60.0] * 21 + [None, 0.0, 10.0, None] + [60.0] * 15
    pairs = pairs_of(session, scores, roles=roles, is_abandoned=abandoned, talk_seconds=talk)
    measured = measure(pairs, "response_rate")
    found = only(measured.table, "response_rate")
    assert (found.estimate, found.n, found.unit, found.status) == (pytest.approx(20 / 39), 39, "share", "ok")
    assert (found.conf_low, found.conf_high) == pytest.approx(proportion_confint(20, 39, method="wilson"))
    assert measured.notes == (
        "Left out: 1 answer by others than the customer (companions, staff).",
        "Left out: 1 answer about contacts that reached no agent.",
    )
    assert measured.summary().splitlines()[0] == "Measurement of response rate: 39 contacts that reached an agent"
    assert measured.scale is None
    assert as_arrow(measured.as_rows(), PERCEPTION).num_rows == 1


def test_several_answers_about_one_contact_are_about_no_other(session):
    # twenty contacts answered about, ten of them twice; and two answers about the one that was abandoned
    calls = [{"contact_id": f"c{i}", "started_at": "2026-01-05 09:00", "is_abandoned": i == 39} for i in range(40)]
    about = [*range(20), *range(10), 39, 39]
    answers = [{"response_id": f"r{i}", "contact_id": f"c{about[i]}", "csat": 4} for i in range(32)]
    contacts, surveys = cx.read_contacts(calls, session=session), cx.read_surveys(answers, session=session)
    measured = measure(cx.pair(contacts, surveys, cx.PairingPlan(one_per_contact=False)), "response_rate")
    assert only(measured.table, "response_rate").estimate == pytest.approx(20 / 39)
    assert measured.notes == ("Left out: 2 answers about contacts that reached no agent.",)


def test_response_rate_by_group_and_period(session):
    started = [datetime(2026, 1, 5, 9)] * 40 + [datetime(2026, 1, 6, 9)] * 40
    queue = (["a"] * 35 + ["b"] * 5) * 2
    scores = [5.0 if i % 4 == 0 else None for i in range(80)]
    pairs = pairs_of(session, scores, queue=queue, started_at=started)
    by_queue = measure(pairs, "response_rate", by="queue").table
    # the silent contact is in queue a on the first day; 18 of the first 70 + 1
    assert only(by_queue, "response_rate", queue="a").estimate == pytest.approx(18 / 71)
    assert only(by_queue, "response_rate", queue="b").reason == "fewer than 30 contacts"
    by_day = measure(pairs, "response_rate", interval="1d").table
    assert only(by_day, "response_rate", interval_start=pd.Timestamp(2026, 1, 6)).estimate == pytest.approx(10 / 40)


def test_response_rate_is_clustered_by_the_logs_customer(session):
    # 20 customers with two contacts each, who answer about both or none; and the silent contact, the first one's
    scores = [5.0, 5.0, None, None] * 10
    known = measure(pairs_of(session, scores, customer_id=[f"k{i // 2}" for i in range(40)]), "response_rate").table
    assert (only(known, "response_rate").n, only(known, "response_rate").n_clusters) == (41, 20)
    sums, sizes = np.array([2.0] * 10 + [0.0] * 10), np.array([3.0] + [2.0] * 19)
    expected = np.sqrt(20 / 19 * ((sums - 20 / 41 * sizes) ** 2).sum()) / 41
    assert only(known, "response_rate").std_error == pytest.approx(expected, rel=0.02)  # n for n − 1 in a share


def test_nobody_reached_an_agent(session):
    pairs = pairs_of(session, [None] * 3, is_abandoned=[True] * 3)
    found = only(measure(pairs, "response_rate").table, "response_rate")
    assert (found.status, found.reason, found.n) == ("not_applicable", "no contact reached an agent", 0)


def test_a_measurement_is_shown_by_its_headline(session):
    measured = measure(pairs_of(session, [5, 4] * 20), "csat")
    headline = "Measurement of satisfaction (CSAT): 40 answers on 1–5, higher is better"
    assert repr(measured) == f"Measurement({headline})"
