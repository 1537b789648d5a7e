"""Contacts younger than the lag of the answers leave response rates and propensities, and are counted."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx

ZERO, HOUR = datetime(2026, 3, 2), timedelta(hours=1)
N = 400


def night(*, hours_of_answers=N, wrong_clock=None):
    """A contact an hour in two queues; every second is answered, 1 to 40 hours later, if the file reaches so far."""
    log = pd.DataFrame({"contact_id": [f"c{i}" for i in range(N)], "queue": ["a", "b", "b"] * 133 + ["a"]})
    log["started_at"] = [ZERO + i * HOUR for i in range(N)]
    answers = log.iloc[::2][["contact_id"]].assign(csat=np.tile([3, 4, 5, 5], N // 8))
    answers["answered_at"] = log["started_at"] + pd.to_timedelta(1 + np.arange(N) // 2 % 40, "h")
    answers = answers[answers["answered_at"] <= ZERO + hours_of_answers * HOUR]
    if wrong_clock:
        answers.loc[answers.index[0], "answered_at"] = wrong_clock
    return cx.pair(cx.read_contacts(log), cx.read_surveys(answers))


def test_the_lag_is_the_95th_percentile_and_the_file_ends_with_its_last_answer():
    lag = night().answer_lag
    hours = [1 + i % 40 for i in range(N // 2) if 2 * i + 1 + i % 40 <= N]
    assert lag.n == len(hours)
    assert lag.seconds == pytest.approx(np.quantile(hours, 0.95) * 3600)
    last = max(2 * i + 1 + i % 40 for i in range(N // 2) if 2 * i + 1 + i % 40 <= N)
    assert lag.last_answer_at == ZERO + last * HOUR
    assert lag.complete_until == lag.last_answer_at - timedelta(seconds=lag.seconds)


def test_young_contacts_leave_the_response_rate_and_are_counted():
    pairing = night()
    until = pairing.answer_lag.complete_until
    log = pairing.contacts.to_pandas()
    old = log[log["started_at"] <= until]
    answered = set(pairing.to_pandas()["contact_id"].dropna())
    measured = cx.measure(pairing, "response_rate")
    row = measured.overall.iloc[0]
    assert row["n"] == len(old) < N
    assert row["estimate"] == pytest.approx(old["contact_id"].isin(answered).mean())
    n_young = N - len(old)
    assert [note for note in measured.notes if note.startswith("Left out as too young")] == [
        *pairing.answer_lag.notes(n_young, 0)
    ]
    assert f"{n_young} contacts" in measured.notes[-1]
    assert not any("reached no agent" in note for note in measured.notes)
    rates = cx.response_analysis(pairing)
    assert rates.table.iloc[0]["n"] == len(old)
    assert rates.notes == (*pairing.answer_lag.notes(n_young, 0),)
    naive = len(answered) / N
    assert row["estimate"] > naive  # the young would have pulled it down


def test_young_contacts_have_no_say_in_who_answers_but_their_answers_are_weighted():
    pairing = night()
    log = pairing.contacts.to_pandas()
    old = log[log["started_at"] <= pairing.answer_lag.complete_until]
    weights = cx.weigh(pairing)
    assert (weights.n_contacts, weights.n_young) == (len(old), N - len(old))
    assert weights.n_answers == pairing.n_pairs
    assert len(weights.to_pandas()) == pairing.n_pairs
    shares = weights.balance.query("column == 'queue'").set_index("level")
    assert np.sort(shares["share_of_contacts"]) == pytest.approx(np.sort(old["queue"].value_counts(normalize=True)))
    assert shares["share_weighted"].to_numpy() == pytest.approx(shares["share_of_contacts"].to_numpy())
    assert f"{N - len(old)} contacts are too young" in weights.summary()
    assert cx.measure(pairing, "csat").overall["n"].iloc[0] == pairing.n_pairs


def test_once_every_answer_is_there_nobody_is_too_young():
    pairing = night(hours_of_answers=N + 48)
    assert cx.measure(pairing, "response_rate").overall[["n", "estimate"]].iloc[0].tolist() == [N, 0.5]
    assert cx.weigh(pairing).n_young == 0


def test_an_answer_of_a_wrong_clock_does_not_say_when_the_file_ends():
    assert night(wrong_clock=datetime(2077, 1, 1)).answer_lag.last_answer_at.year == 2026


def test_too_few_answers_tell_no_lag():
    pairing = night(hours_of_answers=40)
    assert pairing.n_pairs < 30
    assert pairing.answer_lag is None
    assert cx.measure(pairing, "response_rate").overall["n"].iloc[0] == N


def launched(*, first=300, strays=()):
    """A contact an hour, every third answered two hours later from one of them on; of those before only some strays."""
    log = pd.DataFrame({"contact_id": [f"c{i}" for i in range(N)], "queue": ["a", "b"] * (N // 2)})
    log["started_at"] = [ZERO + i * HOUR for i in range(N)]
    answers = log.iloc[[*strays, *range(first, N, 3)]][["contact_id", "started_at"]]
    answers = answers.assign(csat=np.resize([3, 4, 5, 5], len(answers)), answered_at=answers["started_at"] + 2 * HOUR)
    return cx.pair(cx.read_contacts(log), cx.read_surveys(answers.drop(columns="started_at")))


@pytest.mark.parametrize("strays", [(), (12,)])
def test_contacts_from_before_a_survey_was_launched_refuse_nothing(strays):
    """One of some 34 answers may be a stray, so that the second of them begins; one in three is answered from there."""
    pairing = launched(strays=strays)
    first = 300 if strays else 303
    assert abs(pairing.answer_lag.asked_from - (ZERO + first * HOUR)) < timedelta(seconds=1)
    measured = cx.measure(pairing, "response_rate")
    row = measured.overall.iloc[0]
    n_old = N - first - int((pairing.contacts.to_pandas()["started_at"] > pairing.answer_lag.complete_until).sum())
    assert (row["n"], row["estimate"]) == (n_old, pytest.approx(1 / 3, abs=0.01))
    early = f"Left out as not asked about: {first} contacts from before"
    assert [note for note in measured.notes if note.startswith(early)]
    weights = cx.weigh(pairing)
    assert (weights.n_contacts, weights.n_early) == (n_old, first)
    assert f"{first} contacts are from before anybody was asked" in weights.summary()
    assert weights.n_answers == pairing.n_pairs


def test_a_slow_start_is_no_launch():
    """Where one contact in twelve was answered before, and one in three since, all were asked."""
    pairing = launched(strays=range(0, 300, 12))
    assert pairing.answer_lag.asked_from is None
    assert cx.weigh(pairing).n_early == 0
