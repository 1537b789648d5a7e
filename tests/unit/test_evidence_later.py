"""A later contact cannot have caused the answer: where it goes with it, customers differ, and else it finds nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.evidence.inquiry import inquire
from cxfusion.evidence.later import LATER

DAY = pd.Timestamp("2026-01-05 08:00")
WAIT = cx.Lever("wait_seconds", "before", -30)
SPEC = cx.LeverSpec(levers=(WAIT,))


def centre(favour=0.0, wait_effect=0.0, *, favoured=0.3, days_apart=9, n_customers=2_500, n_agents=30, seed=3):
    """Three contacts of each customer; a share of them hardly wait, and are by ``favour`` more satisfied anyway."""
    rng = np.random.default_rng(seed)
    n = 3 * n_customers
    customer = np.tile(np.arange(n_customers), 3)
    is_favoured = (rng.random(n_customers) < favoured)[customer]
    day = np.repeat([0, days_apart, 2 * days_apart], n_customers) + np.tile(rng.integers(0, 7, n_customers), 3)
    wait = np.rint(rng.gamma(2.0, 60.0, n) * np.where(is_favoured, 0.2, 1.0))
    latent = favour * is_favoured - wait_effect * wait / 60 + rng.logistic(size=n)
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "customer_id": [f"k{i}" for i in customer],
            "agent_id": [f"a{i}" for i in rng.integers(0, n_agents, n)],
            "started_at": DAY + pd.to_timedelta(day, "D") + pd.to_timedelta(rng.integers(0, 8 * 60, n), "min"),
            "wait_seconds": wait,
            "queue": "only",
        }
    )
    answers = pd.DataFrame(
        {
            "response_id": [f"r{i}" for i in range(n)],
            "contact_id": contacts["contact_id"],
            "csat": np.searchsorted([-1.5, -0.5, 0.5, 1.5], latent) + 1,
        }
    )
    return contacts, answers[np.repeat([True, False, False], n_customers)]


def pairing_of(contacts, answers):
    return cx.pair(cx.read_contacts(contacts, timezone="UTC"), cx.read_surveys(answers))


def evidence_of(contacts, answers, spec=SPEC):
    return cx.fit_levers(pairing_of(contacts, answers), spec=spec)


def later_of(contacts, answers):
    return inquire(pairing_of(contacts, answers), SPEC, None).later["wait_seconds"]


def check_of(evidence):
    return evidence.checks.set_index("check").loc[LATER]


def test_who_hardly_waits_and_is_pleased_anyway_is_found_out():
    evidence = evidence_of(*centre(favour=1.5))
    lever, check = evidence.levers.iloc[0], check_of(evidence)
    assert lever["conf_low"] > 0.05  # within agent, hour and day it looks like a lever
    assert check["p_value"] < 1e-4
    assert check["shift"] == pytest.approx(lever["estimate"], rel=0.4)  # a later wait looks the same
    assert lever["verdict"] == "contested"
    assert "a week or more later" in lever["because"]


def test_a_wait_that_does_something_stands():
    evidence = evidence_of(*centre(wait_effect=0.6))
    lever, check = evidence.levers.iloc[0], check_of(evidence)
    assert lever["verdict"] == "moves"
    assert abs(check["shift"]) < abs(lever["estimate"]) / 2
    assert not [note for note in evidence.notes if "later contact" in note]


def test_an_effect_beside_which_customers_differ_stands_with_a_note():
    evidence = evidence_of(*centre(favour=1.0, wait_effect=1.0))
    assert evidence.levers["verdict"].tolist() == ["moves"]
    assert any("at a later contact of the customer goes with the answer too" in note for note in evidence.notes)


def test_it_is_the_within_rung_of_answers_filed_under_the_next_contact_but_a_week():
    contacts, answers = centre(favour=1.0, wait_effect=0.5)
    order = contacts.merge(answers[["contact_id", "csat"]], on="contact_id")
    both = order.merge(contacts, on="customer_id", suffixes=("", "_later"))
    both = both[both["started_at_later"] >= both["started_at"] + pd.Timedelta("7D")]
    first = both.sort_values(["started_at_later", "contact_id_later"]).drop_duplicates("contact_id")
    filed = answers.merge(first[["contact_id", "contact_id_later"]], on="contact_id")
    filed = filed.drop(columns="contact_id").rename(columns={"contact_id_later": "contact_id"})
    by_hand = evidence_of(contacts, filed).levers.iloc[0]
    check = check_of(evidence_of(contacts, answers))
    assert check["shift"] == pytest.approx(by_hand["estimate"], rel=1e-9)
    assert check["statistic"] == pytest.approx((by_hand["estimate"] / by_hand["std_error"]) ** 2, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda log: log.drop(columns="customer_id"), "the log names no customers"),
        (lambda log: log.assign(customer_id=None), "too few who answered had another contact a week or more later"),
        (lambda log: log.drop_duplicates("customer_id"), "too few who answered had another contact a week or more"),
    ],
)
def test_without_later_contacts_it_says_why(change, reason):
    contacts, answers = centre(wait_effect=0.5)
    check = check_of(evidence_of(change(contacts), answers))
    assert check["status"] == "not_applicable"
    assert reason in check["reason"]


def test_sooner_than_a_week_is_the_same_case():
    check = check_of(evidence_of(*centre(favour=1.5, days_apart=0)))
    assert check["status"] == "not_applicable"


def test_an_id_of_many_is_no_customer():
    contacts, answers = centre(favour=1.5)
    known = contacts["customer_id"].str[1:].astype(int) < 1_200
    contacts["customer_id"] = contacts["customer_id"].where(known, "reception")
    assert later_of(contacts, answers).n == 1_200


def test_levers_that_are_the_customers_own_are_not_asked_about():
    contacts, answers = centre(wait_effect=0.6)
    own = replace(WAIT, name="asked_before", step=-1, role="influenceable", shape="count")
    contacts["asked_before"] = (np.arange(len(contacts)) % 7 == 0).astype(int)
    evidence = evidence_of(contacts, answers, cx.LeverSpec(levers=(WAIT, own)))
    assert evidence.checks.loc[evidence.checks["check"] == LATER, "lever"].tolist() == ["wait_seconds"]


def test_it_finds_nothing_where_there_is_nothing():
    """Of 24 draws in which customers are alike and waits move scores, about one is beyond 5 %."""
    asked = [later_of(*centre(wait_effect=0.5, favoured=0.0, n_customers=500, seed=seed)) for seed in range(24)]
    assert sum(found.p_value < 0.05 for found in asked) <= 4
