"""Scores of surveys without a contact log: the same figures as those of a pairing, by the surveys' own columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.engine import Session
from cxfusion.errors import MissingColumnError, NoScoreError, UnknownNameError, UsageError

N = 400


@pytest.fixture(scope="module")
def told():
    rng = np.random.default_rng(4)
    region = rng.choice(["north", "south"], N)
    rows = pd.DataFrame(
        {
            "response_id": [f"r{i}" for i in range(N)],
            "customer_id": [f"u{i % 300}" for i in range(N)],
            "answered_at": pd.Timestamp("2026-03-02 23:30") + pd.to_timedelta(np.arange(N) // 100, "D"),
            "region": region,
            "nps": np.where(region == "north", rng.choice([10, 9, 8, 3], N), rng.choice([9, 7, 4, 2], N)),
            "csat": rng.integers(1, 6, N),
            "respondent_role": np.where(np.arange(N) % 10 == 0, "companion", "customer"),
        }
    )
    return rows.assign(answered_at=rows["answered_at"].astype("str").mask(np.arange(N) >= 395))


@pytest.fixture(scope="module")
def surveys(told):
    with Session(threads=1) as session:
        yield cx.read_surveys(told, timezone="Europe/Madrid", session=session)


@pytest.fixture(scope="module")
def pairing(told):
    """The same answers, each about a contact of its own that a log knows by the same columns."""
    calls = told[["response_id", "customer_id", "region"]].rename(columns={"response_id": "contact_id"})
    answers = told.drop(columns=["region", "answered_at"]).rename(columns={"response_id": "contact_id"})
    with Session(threads=1) as session:
        contacts = cx.read_contacts(calls.assign(started_at="2026-03-01 09:00"), timezone="UTC", session=session)
        yield cx.pair(contacts, cx.read_surveys(answers, session=session))


@pytest.mark.parametrize("by", [None, "region"])
@pytest.mark.parametrize("score", ["nps", "csat"])
def test_figures_are_those_of_the_same_answers_in_a_pairing(surveys, pairing, score, by):
    alone, paired = cx.measure(surveys, score, by), cx.measure(pairing, score, by)
    pd.testing.assert_frame_equal(alone.table, paired.table)
    assert alone.notes == paired.notes
    assert "40 answers by others" in alone.summary()


def test_nps_by_hand(surveys, told):
    own = told[(told["respondent_role"] == "customer") & (told["region"] == "north")]["nps"]
    row = cx.measure(surveys, "nps", "region").table.set_index("region").loc["north"]
    assert row["estimate"] == pytest.approx(100 * ((own >= 9).mean() - (own <= 6).mean()))
    assert row["n"] == len(own)


def test_days_are_those_of_the_answer_on_the_sites_clock(surveys, told):
    measured = cx.measure(surveys, "csat", interval="1d")
    means = measured.table[measured.table["metric"] == "csat_mean"]
    assert [str(day.date()) for day in means["interval_start"]] == [f"2026-03-0{i}" for i in range(2, 6)]
    own = told[(told["respondent_role"] == "customer")]
    assert means["n"].tolist() == own.groupby(own["answered_at"].str[:10])["csat"].size().tolist()
    assert "Left out: 5 answers without a date." in measured.notes


def test_groups_are_compared_as_those_of_a_pairing_are(surveys, pairing):
    alone, paired = cx.compare(surveys, "nps", "region"), cx.compare(pairing, "nps", "region")
    pd.testing.assert_frame_equal(alone.table, paired.table)
    assert alone.of("nps")["reading"].tolist() == ["different"]


def test_what_only_a_log_can_tell_is_refused(surveys, pairing):
    with pytest.raises(UsageError, match="response rate comes from a contact log"):
        cx.measure(surveys, "response_rate")
    with pytest.raises(UsageError, match="Weights come from a contact log"):
        cx.measure(surveys, "csat", weights=cx.weigh(pairing, "csat"))
    with pytest.raises(NoScoreError, match="has no ces"):
        cx.measure(surveys, "ces")
    with pytest.raises(UnknownNameError, match="region"):
        cx.measure(surveys, "csat", "regio")


def test_answers_without_any_key_are_enough_and_levels_that_stand_together_are_told():
    rows = [
        {"response_id": str(i), "nps": 9, "survey_level": ["transaction", "relationship"][i % 2]} for i in range(80)
    ]
    with Session(threads=1) as session:
        with pytest.raises(MissingColumnError) as raised:
            cx.read_surveys(rows, session=session)
        assert "alone=True" in raised.value.problems[0]
        surveys = cx.read_surveys(rows, session=session, alone=True)
        assert any("taken together" in note for note in cx.measure(surveys, "nps").notes)
        calls = cx.read_contacts([{"contact_id": "a", "started_at": "2026-01-05 09:00"}], session=session)
        assert cx.pair(calls, surveys).audit.set_index("reason")["n"]["no_key"] == 80
        assert cx.measure(surveys, "nps", "survey_level").table["n"].tolist() == [40, 40]
