"""What customers say about resolution beside what they do: by hand."""

from __future__ import annotations

import pickle

import pytest

import cxfusion as cx
from cxfusion.errors import NoScoreError, UnknownNameError


def call(name, customer, day, queue="a", **more):
    return {
        "contact_id": name,
        "customer_id": customer,
        "started_at": f"2026-01-{day:02d} 09:00",
        "queue": queue,
        **more,
    }


def answer(contact, said, **more):
    return {"contact_id": contact, "csat": 4, "is_resolved_reported": said, **more}


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as session:
        yield session


@pytest.fixture(scope="module")
def pairing(session):
    """Forty asked: 24 said yes, of whom 6 came back; 12 said no, of whom 9 came back; 4 did not say."""
    log, answers = [], []
    for i in range(40):
        said = "yes" if i < 24 else "no" if i < 36 else ""
        comes_back = i < 6 or 24 <= i < 33
        log.append(call(f"c{i}", f"u{i}", 5, "a" if i % 2 else "b"))
        answers.append(answer(f"c{i}", said))
        if comes_back:
            log.append(call(f"d{i}", f"u{i}", 9))
    log += [call("late", "late", 30), call("nobody", None, 5)]
    answers += [answer("late", "yes"), answer("nobody", "no"), answer("c0", "no", respondent_role="companion")]
    contacts = cx.read_contacts(log, timezone="UTC", session=session)
    return cx.pair(contacts, cx.read_surveys(answers, timezone="UTC", session=session))


def test_by_hand(pairing):
    found = cx.resolution(pairing)
    rows = found.table.set_index("metric")
    assert rows["n"].to_dict() == {
        "reported_resolution": 38,  # with "late" and "nobody", without the four who did not say and the companion
        "fcr_of_answers": 36,
        "repeat_after_resolved": 24,
        "repeat_after_unresolved": 12,
    }
    assert rows["estimate"].to_dict() == pytest.approx(
        {
            "reported_resolution": 25 / 38,
            "fcr_of_answers": 1 - 15 / 36,
            "repeat_after_resolved": 6 / 24,
            "repeat_after_unresolved": 9 / 12,
        }
    )
    assert ((rows["conf_low"] < rows["estimate"]) & (rows["estimate"] < rows["conf_high"])).all()
    # of the log: the forty and their 15 returns, all handled; "late" is too late and "nobody" is nobody
    assert found.fcr == pytest.approx(1 - 15 / 55)
    assert "Said resolved and came back: 25.0 %" in found.summary()
    assert " ".join(found.sentences) == (
        "65.8 % of the customers who answered say that it was resolved;"
        " 25.0 % of these were in touch again within 7 days."
    )
    assert pickle.loads(pickle.dumps(found)).table.equals(found.table)


def test_by_group(pairing):
    rows = cx.resolution(pairing, by="queue").table.set_index(["queue", "metric"])
    assert rows.loc[("b", "repeat_after_resolved"), ["estimate", "n"]].to_list() == [3 / 12, 12]
    assert rows.loc[("a", "repeat_after_unresolved"), "n"] == 6
    assert len(rows) == 8


def test_another_window_changes_what_counts_as_coming_back(pairing):
    rows = cx.resolution(pairing, plan=cx.EpisodePlan(repeat_days=3)).table.set_index("metric")
    assert rows.loc["repeat_after_resolved", "estimate"] == 0


def test_a_log_without_customers_still_has_what_they_say(session):
    contacts = cx.read_contacts([call(f"c{i}", None, 5) for i in range(8)], timezone="UTC", session=session)
    surveys = cx.read_surveys([answer(f"c{i}", i < 6) for i in range(8)], timezone="UTC", session=session)
    found = cx.resolution(cx.pair(contacts, surveys))
    rows = found.table.set_index("metric")
    assert rows.loc["reported_resolution", "estimate"] == 0.75
    assert rows.loc["fcr_of_answers", "status"] == "not_applicable"
    assert rows.loc["fcr_of_answers", "reason"] == "no such answer about a contact that could be followed"
    assert found.fcr is None


def test_a_survey_that_did_not_ask_says_so(session):
    contacts = cx.read_contacts([call("c", "u", 5)], timezone="UTC", session=session)
    surveys = cx.read_surveys([{"contact_id": "c", "csat": 4}], timezone="UTC", session=session)
    with pytest.raises(NoScoreError, match="is_resolved_reported"):
        cx.resolution(cx.pair(contacts, surveys))


def test_a_column_that_is_not_there_is_named(pairing):
    with pytest.raises(UnknownNameError, match="quueue"):
        cx.resolution(pairing, by="quueue")
