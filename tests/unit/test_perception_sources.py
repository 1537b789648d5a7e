"""Every source of data in one table: its period, holes and links counted by hand, and what follows in words."""

from __future__ import annotations

import datetime as dt
import pickle

import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import InputError, UsageError

DAYS = [day for day in range(60) if not 20 <= day < 32]  # an export that lacks twelve days
ANSWERED = [day for day in DAYS if day < 45]


@pytest.fixture(scope="module")
def pairing():
    began = pd.Timestamp("2026-01-01 09:00")
    calls = [
        {"contact_id": f"c{day}_{k}", "customer_id": f"u{day}", "started_at": began + pd.Timedelta(days=day, hours=k)}
        for day in DAYS
        for k in range(4)
    ]
    answers = [
        {"contact_id": f"c{day}_0", "customer_id": None, "csat": 4, "nps": 9 if day % 2 else None,
         "answered_at": began + pd.Timedelta(days=day, hours=12), "respondent_role": "customer", "survey_level": None}
        for day in ANSWERED
    ]  # fmt: skip
    lost = {**answers[0], "contact_id": "nowhere"}
    companion = {**answers[1], "respondent_role": "companion"}
    about_us = {
        **answers[2], "contact_id": None, "customer_id": "u2", "survey_level": "relationship", "nps": None,
        "answered_at": began + pd.Timedelta(days=10),
    }  # fmt: skip
    contacts = cx.read_contacts(calls, timezone="Europe/Berlin")
    strike = [{"start": "2026-01-03", "end": "2026-01-04", "kind": "strike"}]
    surveys = cx.read_surveys([*answers, lost, companion, about_us], timezone="Europe/Berlin")
    return cx.pair(cx.add_context(contacts, strike), surveys)


@pytest.fixture(scope="module")
def found(pairing):
    months = pd.DataFrame({"date": pd.date_range("2025-07-01", periods=5, freq="MS").astype(str), "awareness": 0.4})
    complaints = [{"date": "2026-01-05T08:00", "customer_id": "u4"}, {"date": "2026-01-06", "customer_id": "nobody"}]
    ratings = cx.read_ratings([{"respondent_id": "a", "item": "speed", "rating": 4}], scale=(1, 5))
    others = {"brand tracker": months, "complaints": complaints, "expectations": ratings}
    return cx.audit_sources(pairing, others)


def row(found, name):
    return found.table.set_index("source").loc[name]


def test_every_source_is_a_row(found):
    assert found.table["source"].tolist() == [
        "Contact log", "Satisfaction (CSAT)", "Recommendation (NPS)", "Surveys about the relationship",
        "Answers of companions and staff", "Events: strike", "brand tracker", "complaints", "expectations",
    ]  # fmt: skip
    assert found.as_of == dt.date(2026, 3, 1)


def test_the_log_by_hand(found):
    log = row(found, "Contact log")
    assert log[["n", "days_with_rows", "days_between", "longest_hole_days", "days_old"]].tolist() == [
        192,
        48,
        60,
        12,
        0,
    ]
    assert (log["first_day"], log["last_day"]) == (dt.date(2026, 1, 1), dt.date(2026, 3, 1))
    assert log["hole_after"] == dt.date(2026, 1, 20)
    assert "the 12 days without rows after 2026-01-20" in log["cannot"]


def test_answers_by_hand(found):
    csat = row(found, "Satisfaction (CSAT)")
    assert csat["n"] == len(ANSWERED) + 1
    assert csat["linked_share"] == pytest.approx(len(ANSWERED) / (len(ANSWERED) + 1))
    assert csat["contacts_covered_share"] == pytest.approx(len(ANSWERED) / 192)
    assert csat["days_old"] == 15
    assert csat["days_covered_share"] == pytest.approx(len(ANSWERED) / 48)
    assert "the last 15 days" in csat["cannot"]
    assert "34 answers are few" in csat["cannot"]
    nps = row(found, "Recommendation (NPS)")
    assert nps["n"] == sum(day % 2 for day in ANSWERED)
    assert row(found, "Surveys about the relationship")["n"] == 1
    assert row(found, "Answers of companions and staff")["n"] == 1
    assert row(found, "Events: strike")["n"] == 4


def test_what_else_is_at_hand(found):
    brand = row(found, "brand tracker")
    assert brand[["n", "longest_hole_days", "days_covered_share"]].tolist() == [5, 0, 0.0]
    assert pd.isna(brand["linked_share"])
    assert "their periods do not meet" in brand["cannot"]
    assert "5 points in time are too few" in brand["cannot"]
    complaints = row(found, "complaints")
    assert complaints[["n", "linked_share", "contacts_covered_share"]].tolist() == [2, 0.5, pytest.approx(4 / 192)]
    views = row(found, "expectations")
    assert views["first_day"] is None
    assert "no dates" in found.summary()


def test_ids_of_numbers_meet_though_one_is_missing():
    calls = [{"contact_id": one, "started_at": "2026-01-05 09:00"} for one in (16, 17)]
    tracker = pd.DataFrame({"date": "2026-01-05", "contact_id": [17, None, 99]})  # which makes them floats
    pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys([{"contact_id": 17, "csat": 4}]))
    complaints = row(cx.audit_sources(pairing, {"complaints": tracker}), "complaints")
    assert complaints[["linked_share", "contacts_covered_share"]].tolist() == [pytest.approx(1 / 3), 0.5]


@pytest.mark.parametrize(
    ("zone", "cells", "first", "last"),
    [
        ("Asia/Kolkata", ["2026-03-01T00:30:00+05:30", "2026-03-04T00:30:00+05:30"], 1, 4),
        ("Asia/Kolkata", ["2026-03-01T18:29:59Z", "2026-03-04 18:30:00+00"], 1, 5),  # midnight is 18:30 UTC
        ("America/New_York", ["2026-03-02T04:59:00Z", "2026-03-04T05:00:00.5+0000"], 1, 4),  # midnight is 5:00 UTC
        ("America/New_York", ["2026-03-01T00:30", "2026-03-04"], 1, 4),
        ("America/New_York", pd.to_datetime(["2026-03-02 04:59", "2026-03-04 05:00"], utc=True), 1, 4),
    ],
)
def test_days_of_a_tracker_are_on_the_sites_calendar(zone, cells, first, last):
    calls = [{"contact_id": "1", "started_at": "2026-03-02 09:00"}]
    surveys = cx.read_surveys([{"contact_id": "1", "csat": 4}], timezone=zone)
    pairing = cx.pair(cx.read_contacts(calls, timezone=zone), surveys)
    tracker = row(cx.audit_sources(pairing, {"tracker": pd.DataFrame({"date": cells})}), "tracker")
    assert (tracker["first_day"].day, tracker["last_day"].day, tracker["days_with_rows"]) == (first, last, 2)


def test_freshness_is_counted_from_the_day_that_is_given(pairing):
    later = cx.audit_sources(pairing, as_of=dt.date(2026, 3, 31))
    assert row(later, "Contact log")["days_old"] == 30
    with pytest.raises(UsageError, match="before the log's first day"):
        cx.audit_sources(pairing, as_of=dt.date(2025, 3, 31))


def test_all_sources_that_cannot_be_used_are_named_at_once(pairing):
    bad = {"one": [{"day": "2026-01-01"}], "two": [{"date": "01/02/26"}], "three": [{"date": "2026-01-01"}]}
    with pytest.raises(InputError) as raised:
        cx.audit_sources(pairing, bad)
    assert [problem.split(":")[0] for problem in raised.value.problems] == ["one", "two"]
    with pytest.raises(InputError) as raised:
        cx.audit_sources(pairing, bad, dates={"one": "day", "three": "when"})
    assert [problem.split(", but")[0] for problem in raised.value.problems] == [
        "two: 1 of 1 dates cannot be read",
        "three: it has no column when",
    ]


def test_a_log_closed_on_sundays_has_no_hole():
    days = [day for day in pd.date_range("2026-01-01", periods=90) if day.weekday() != 6]
    calls = [{"contact_id": f"c{i}", "started_at": day + pd.Timedelta(hours=10)} for i, day in enumerate(days)]
    pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys([{"contact_id": "c0", "csat": 3}]))
    log = row(cx.audit_sources(pairing), "Contact log")
    assert (log["longest_hole_days"], log["hole_after"]) == (0, None)


def test_it_pickles(found):
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(found)).table, found.table)
