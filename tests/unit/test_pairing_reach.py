"""What part of a log a survey can be about at all."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import cxfusion as cx
from cxfusion.pairing.candidates import log_of, within_reach
from cxfusion.pairing.responses import asked

FIRST = datetime(2026, 1, 5, 9)


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as opened:
        yield opened


def reached(session, answered_at):
    """Contacts of the days 0 … 9 within reach of answers, by customer and 72 hours."""
    days = range(10)
    log = [{"contact_id": f"c{i}", "customer_id": "ann", "started_at": FIRST + timedelta(days=i)} for i in days]
    contacts = cx.read_contacts(log, session=session)
    answers = [{"customer_id": "ann", "answered_at": at, "csat": 5} for at in answered_at]
    plan = cx.PairingPlan(by="customer_id")
    rows = log_of(contacts, plan)
    responses = session.collect(asked(cx.read_surveys(answers, session=session)))
    ends = (min(responses["anchor_at"].to_pylist()), max(responses["anchor_until"].to_pylist()))
    near = within_reach(rows, *ends, plan.window)
    return set(session.collect(near.select("contact_id"))["contact_id"].to_pylist())


def test_a_late_survey_meets_the_end_of_the_log_alone(session):
    assert reached(session, [FIRST + timedelta(days=8)]) == {"c5", "c6", "c7", "c8"}


def test_all_that_lies_between_the_first_and_the_last_answer_is_within_reach(session):
    answered_at = [FIRST + timedelta(days=6), FIRST + timedelta(days=4, hours=1)]
    assert reached(session, answered_at) == {"c2", "c3", "c4", "c5", "c6"}


def test_a_day_reaches_to_its_end(session):
    assert reached(session, [FIRST.date() + timedelta(days=8)]) == {"c5", "c6", "c7", "c8"}
