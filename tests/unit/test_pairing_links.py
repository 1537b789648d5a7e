"""How far links can be trusted, on logs small enough to count by hand."""

from __future__ import annotations

import pickle

import pytest

import cxfusion as cx
from cxfusion.pairing import links
from cxfusion.pairing.links import check_links, other_candidates

CALLS = [
    {"contact_id": name, "case_id": case, "customer_id": customer, "started_at": f"2026-01-0{day} {hour:02}:00"}
    for name, case, customer, day, hour in [
        ("a1", "k1", "ann", 5, 8),
        ("a2", "k1", "ann", 5, 10),
        ("a3", "k2", "ann", 6, 10),
        ("b1", "k3", "bob", 5, 9),
        ("c1", "k3", "cat", 1, 9),
    ]
]
ANSWERS = [
    {"response_id": name, "contact_id": contact, "case_id": case, "customer_id": customer,
     "answered_at": f"2026-01-{day} 12:00", "csat": 4}
    for name, contact, case, customer, day in [
        ("right", "a3", "k2", "ann", "06"),
        ("wrong", "a1", "k1", "ann", "06"),
        ("alone", "b1", None, "bob", "06"),
        ("too late", "c1", None, "cat", "09"),
        ("no customer", "a2", None, None, "06"),
        ("unknown", "zzz", None, "ann", "06"),
    ]
]  # fmt: skip


@pytest.fixture
def session():
    with cx.Session(threads=1) as opened:
        yield opened


def paired(session, **plan):
    contacts = cx.read_contacts(CALLS, timezone="UTC", session=session)
    surveys = cx.read_surveys(ANSWERS, timezone="UTC", session=session)
    return cx.pair(contacts, surveys, cx.PairingPlan(**plan))


@pytest.mark.parametrize("by", [None, "customer_id"])
def test_hidden_ids_tell_how_often_another_key_finds_the_contact(session, by):
    check = pickle.loads(pickle.dumps(paired(session, by=by).check_links()))
    counted = ["key", "candidates", "n", "n_correct", "estimate", "status"]
    rows = check.table[counted].astype(object).where(check.table[counted].notna(), None).values.tolist()
    assert rows == [
        ["case_id", "one", 1, 1, 1.0, "ok"],
        ["case_id", "several", 1, 0, 0.0, "ok"],
        ["customer_id", "none", 1, 0, None, "not_applicable"],
        ["customer_id", "one", 1, 1, 1.0, "ok"],
        ["customer_id", "several", 2, 1, 0.5, "ok"],
    ]
    assert check.probability("customer_id") == 0.5
    assert check.probability("customer_id", fewest=3) is None
    half = check.table[(check.table["key"] == "customer_id") & (check.table["candidates"] == "several")].iloc[0]
    assert half["conf_low"] == pytest.approx(0.0945, abs=1e-4)  # Wilson: (0.5 ± 0.5·√(1 + …)), 1 of 2
    assert "50.0% of 2 right" in check.summary()


def test_without_ids_nothing_can_be_checked(session):
    contacts = cx.read_contacts(CALLS, timezone="UTC", session=session)
    surveys = cx.read_surveys([{"customer_id": "ann", "answered_at": "2026-01-06", "csat": 3}], session=session)
    check = check_links(cx.pair(contacts, surveys))
    assert len(check.table) == 0
    assert check.probability("customer_id") is None
    assert check.summary().startswith("0 answers")


def test_the_other_candidates_are_those_that_were_not_chosen(session, monkeypatch):
    pairing = paired(session, by=["case_id", "customer_id"], one_per_contact=False)
    others = session.collect(other_candidates(pairing)).to_pylist()
    found = sorted((row["response_id"], row["reason"], row["contact_id"]) for row in others)
    assert found == [
        ("unknown", "paired_window", "a1"),
        ("unknown", "paired_window", "a2"),
        ("wrong", "paired_case_id", "a1"),
    ]
    monkeypatch.setattr(links, "MOST_CANDIDATES", 2)
    assert [row["response_id"] for row in session.collect(other_candidates(pairing)).to_pylist()] == ["wrong"]
    counts = {row["response_id"]: row["n_candidates"] for row in pairing.to_arrow().to_pylist()}
    assert (counts["unknown"], counts["wrong"], counts["right"]) == (3, 2, 1)
