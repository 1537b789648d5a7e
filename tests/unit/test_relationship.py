"""Surveys about the relationship stand beside all that was lived; some levers move the contact alone."""

from __future__ import annotations

import pickle
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.errors import NoScoreError, NothingPairedError
from cxfusion.evidence.catalogue import Lever
from cxfusion.fusion import Questions, study_of

LOG = [
    {"contact_id": name, "customer_id": customer, "started_at": f"2026-{when}", "wait_seconds": wait, "n_transfers": n,
     "is_abandoned": gone, "agent_id": agent}
    for name, customer, when, wait, n, gone, agent in [
        ("a1", "ann", "01-05 09:00", 60, 0, False, "ivo"),
        ("a2", "ann", "02-05 09:00", 300, None, True, None),
        ("a3", "ann", "03-05 09:00", 30, 2, False, "jan"),
        ("a4", "ann", "03-20 09:00", 999, 9, False, "kay"),
        ("b1", "bob", "03-05 09:00", None, 1, False, "ivo"),
    ]
]  # fmt: skip
ANSWERS = [
    {"response_id": name, "customer_id": customer, "contact_id": contact, "answered_at": f"2026-{when}", "nps": nps,
     "survey_level": level}
    for name, customer, contact, when, nps, level in [
        ("of ann", "ann", None, "03-10 09:00", 6, "relationship"),
        ("of ann, soon", "ann", None, "01-31 09:00", 8, "relationship"),
        ("of bob", "bob", None, "03-10 09:00", 9, "Relationship"),
        ("of the contact", "ann", "a1", "03-10 09:00", 10, "transaction"),
        ("of nobody", "zoe", None, "03-10 09:00", 1, "relationship"),
    ]
]  # fmt: skip


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as opened:
        yield opened


def paired(session, **plan):
    contacts = cx.read_contacts(LOG, timezone="UTC", session=session)
    return cx.pair(contacts, cx.read_surveys(ANSWERS, timezone="UTC", session=session), cx.PairingPlan(**plan))


def test_an_exposure_adds_up_what_was_lived_before_the_answer(session):
    pairing = paired(session, exposure="60d")
    assert (pairing.n_pairs, pairing.n_exposures) == (1, 3)
    assert repr(pairing) == "Pairing(1 of 2 responses paired with a contact (50.0%); 3 about the relationship)"
    lived = cx.pair_relationship(pairing)
    assert (lived.n_pairs, lived.surveys.n_read, lived.contacts.n_read) == (3, 3, 3)
    rows = {row["contact_id"]: row for row in lived.contacts.to_arrow().to_pylist()}
    told = ("n_contacts", "total_wait_seconds", "worst_wait_seconds", "n_total_transfers", "n_worst_transfers",
            "n_abandoned", "agent_id", "is_whole")  # fmt: skip
    assert {name: tuple(row[column] for column in told) for name, row in rows.items()} == {
        "of ann": (2, 330, 300, 2, 2, 1, "jan", True),  # 60 days back from 10 March reach to 9 January
        "of ann, soon": (1, 60, 60, 0, 0, 0, "ivo", False),
        "of bob": (1, None, None, 1, 1, 0, "ivo", True),
    }
    assert cx.measure(lived, "nps").table["n"].to_list() == [3]
    assert cx.measure(pairing, "nps").table["n"].to_list() == [1]  # levels are never mixed
    assert any("For 1 of them the log does not reach back so far" in note for note in lived.contacts.notes)


def test_an_exposure_is_the_same_in_any_order_of_the_log(session):
    starts = {0.1: "03-05 09:00", 0.2: "03-06 09:00", 0.3: "03-07 09:00"}  # floating point adds these up to 0.6 or more
    log = [
        {"contact_id": f"c{wait}", "customer_id": "ann", "started_at": f"2026-{when}", "wait_seconds": wait}
        for wait, when in starts.items()
    ]
    surveys = cx.read_surveys(ANSWERS, timezone="UTC", session=session)
    totals = set()
    for order in permutations(log):
        pairing = cx.pair(cx.read_contacts(list(order), timezone="UTC", session=session), surveys)
        lived = cx.pair_relationship(pairing).contacts.to_arrow().to_pylist()
        totals |= {row["total_wait_seconds"] for row in lived if row["contact_id"] == "of ann"}
    assert totals == {0.6}


def test_text_that_is_called_like_a_number_is_not_added_up(session):
    log = [row | {"Is VIP": "yes", "N Devices": "two", "n_products": 2} for row in LOG]
    contacts = cx.read_contacts(log, timezone="UTC", session=session)
    assert {"is_vip", "n_devices"} <= set(contacts.columns)
    surveys = cx.read_surveys(ANSWERS, timezone="UTC", session=session)
    lived = cx.pair_relationship(cx.pair(contacts, surveys)).contacts
    assert {"n_total_products", "n_abandoned"} <= set(lived.columns)
    assert not {"n_vip", "n_total_devices", "n_worst_devices"} & set(lived.columns)


def test_without_surveys_about_the_relationship_there_is_nothing_to_pair(session):
    contacts = cx.read_contacts(LOG, timezone="UTC", session=session)
    surveys = cx.read_surveys([{"contact_id": "a1", "csat": 3}], session=session)
    with pytest.raises(NothingPairedError, match="survey_level = relationship"):
        cx.pair_relationship(cx.pair(contacts, surveys))


def centre(n=9_000, seed=11):
    """Three contacts for each customer. Transfers move what is said of the contact, waits the relationship too."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2026-01-01T08:00", "us") + (rng.integers(0, 40 * 24 * 3600, (n, 3)) * 1_000_000).astype(
        "m8[us]"
    )
    wait, transfers = rng.exponential(60, (n, 3)).round(), rng.poisson(0.6, (n, 3)).astype(float)
    last = start.argmax(axis=1)
    at = np.arange(n), last
    said = 4.2 - 0.006 * wait[at] - 0.35 * transfers[at] + rng.normal(0, 0.8, n)
    thought = 4.4 - 0.004 * wait.sum(axis=1) + rng.normal(0, 0.8, n)
    ids = np.array([[f"c{i}-{j}" for j in range(3)] for i in range(n)])
    contacts = pa.table(
        {
            "contact_id": ids.ravel(), "customer_id": np.repeat([f"u{i}" for i in range(n)], 3),
            "agent_id": [f"a{i}" for i in rng.integers(0, 60, 3 * n)], "started_at": start.ravel(),
            "wait_seconds": wait.ravel(), "n_transfers": transfers.ravel(),
        }
    )  # fmt: skip
    after = start.max(axis=1) + np.timedelta64(5, "h")
    surveys = pa.table(
        {
            "contact_id": [*ids[at], *[None] * n], "customer_id": [f"u{i}" for i in range(n)] * 2,
            "answered_at": np.concatenate([after, after]), "csat": np.rint(np.concatenate([said, thought])).clip(1, 5),
            "survey_level": ["transaction"] * n + ["relationship"] * n,
        }
    )  # fmt: skip
    return contacts, surveys


@pytest.fixture(scope="module")
def levels(session):
    contacts, surveys = centre()
    pairing = cx.pair(cx.read_contacts(contacts, session=session), cx.read_surveys(surveys, session=session))
    levers = (Lever("wait_seconds", "before", -30), Lever("n_transfers", "before", -1, shape="count"))
    return cx.compare_levels(cx.fit_levers(pairing, levers=levers), pairing), pairing


def test_a_lever_of_the_contact_that_leaves_the_relationship_as_it_is_stands_out(levels):
    compared, _ = levels
    found = compared.table.set_index("lever")
    assert found["relationship_lever"].to_dict() == {
        "wait_seconds": "total_wait_seconds", "n_transfers": "n_total_transfers",
    }  # fmt: skip
    assert found["moves"].to_dict() == {"wait_seconds": "both", "n_transfers": "contact_only"}
    # 30 seconds less of all waiting, at 0.004 points a second; rounding and the ends of the scale take a little
    assert found.loc["wait_seconds", "relationship_estimate"] == pytest.approx(0.12, abs=0.025)
    assert compared.sentence == (
        "What moves the answer about a contact, but not satisfaction (CSAT) of the relationship: transfers."
        " What moves both the answer about a contact and satisfaction (CSAT) of the relationship: waiting time."
    )
    assert compared.relationship.n > 8_500
    assert compared.summary().endswith(compared.sentence)
    assert pickle.loads(pickle.dumps(compared)).table.equals(compared.table)


def test_a_score_that_the_relationship_was_not_asked_is_refused(levels):
    compared, pairing = levels
    with pytest.raises(NoScoreError, match="have: csat"):
        cx.compare_levels(compared.contact, pairing, "nps")


def test_a_study_compares_the_levels_where_surveys_ask_about_both(levels):
    compared, pairing = levels
    study = study_of(pairing, Questions(spec=compared.contact.spec))
    assert study.levels is not None
    own = ["lever", "relationship_estimate", "relationship_verdict", "moves"]  # the study weights its contacts
    assert study.levels.table[own].equals(compared.table[own])
    assert compared.sentence in study.notes
    assert pickle.loads(pickle.dumps(study)).levels.sentence == compared.sentence


def test_what_only_single_contacts_have_is_not_asked_of_the_relationship(session):
    contacts, surveys = centre(n=1_500)
    odd = pa.array([i % 2 for i in range(len(contacts))])
    for name, column in (
        ("plan", pa.array([f"plan {i % 5}" for i in range(len(contacts))])),
        ("team", pa.array([f"t{i % 30}" for i in range(len(contacts))])),
        ("pilot", pa.array(["on" if one else "off" for one in odd.to_pylist()])),
    ):
        contacts = contacts.append_column(name, column)
    pairing = cx.pair(cx.read_contacts(contacts, session=session), cx.read_surveys(surveys, session=session))
    spec = cx.LeverSpec(
        levers=(Lever("wait_seconds", "before", -30), Lever("n_transfers", "before", -1, shape="count")),
        case_mix=("queue", "plan"),
        experiments=(cx.Experiment("pilot", "wait_seconds"),),
        cluster="team",
    )
    compared = cx.compare_levels(cx.fit_levers(pairing, spec=spec), pairing)
    assert compared.table["lever"].tolist() == ["wait_seconds", "n_transfers"]
    assert (compared.relationship.rungs["rung"] != "experiment").all()
    assert compared.contact.spec == spec
