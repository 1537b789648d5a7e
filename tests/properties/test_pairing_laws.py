"""Pairing against a naive pairing in plain Python, on small worlds full of ties, gaps, duplicates and shared ids."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxfusion.engine import FrameSource, Session
from cxfusion.pairing import PairingPlan, pair
from cxfusion.tables.relation import Contacts, Surveys

TIME, TEXT, FLAG, NUMBER = pa.timestamp("us"), pa.string(), pa.bool_(), pa.float64()
CONTACT_TYPES = {
    "contact_id": TEXT, "customer_id": TEXT, "started_at": TIME, "ended_at": TIME,
    "wait_seconds": NUMBER, "talk_seconds": NUMBER, "is_abandoned": FLAG,
}  # fmt: skip
SURVEY_TYPES = {
    "response_id": TEXT, "contact_id": TEXT, "customer_id": TEXT, "invited_at": TIME, "invited_at_is_day": FLAG,
    "answered_at": TIME, "answered_at_is_day": FLAG, "csat": NUMBER, "score_status": TEXT, "respondent_role": TEXT,
}  # fmt: skip
ASIDE_TYPES = {"stage": TEXT, "column": TEXT, "reason": TEXT, "original": TEXT}
ZERO, HOUR, DAY = datetime(2026, 3, 1), timedelta(hours=1), timedelta(days=1)

HOURS = st.integers(0, 60)  # two and a half days on a grid of hours: ties, overlaps and touching ends are common
CUSTOMERS = ["shared", "shared", "ann", "bob"]


def few_or_many(row):
    return st.lists(row, max_size=2) | st.lists(row, min_size=25, max_size=40)


CONTACTS = few_or_many(
    st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from([None, *CUSTOMERS]),
            "started": HOURS,
            "lasted": st.sampled_from([None, -1, 0, 1, 5, 30]),
            "wait_seconds": st.sampled_from([None, 3600.0]),
            "talk_seconds": st.sampled_from([None, 7200.0]),
            "is_abandoned": st.sampled_from([None, False, False, True]),
        }
    )
)
ANSWERS = few_or_many(
    st.fixed_dictionaries(
        {
            "contact": st.sampled_from([None, None, None, 0, 1, 2, 99]),
            "customer_id": st.sampled_from([None, *CUSTOMERS, "unknown"]),
            "invited": st.sampled_from([None, *range(72)]),
            "answered": st.sampled_from([None, *range(72)]),
            "is_day": st.booleans(),
            "score_status": st.sampled_from([*[None] * 8, "score_missing", "score_out_of_scale"]),
            "respondent_role": st.sampled_from(["customer", "companion"]),
        }
    )
)
PLANS = st.builds(
    PairingPlan,
    by=st.sampled_from([None, "contact_id", "customer_id"]),
    within=st.sampled_from(["1h", "12h", "25h", "72h"]),
    one_per_contact=st.booleans(),
    eligible=st.sampled_from(["answered", "all"]),
)


def contacts_from(drawn):
    """Drawn rows as canonical ones."""
    for number, row in enumerate(drawn):
        start = ZERO + row["started"] * HOUR
        end = None if row["lasted"] is None else start + row["lasted"] * HOUR
        yield {**row, "contact_id": f"c{number}", "started_at": start, "ended_at": end}


def answers_from(drawn):
    for number, row in enumerate(drawn):
        step = DAY if row["is_day"] else HOUR
        invited, answered = (
            None if row[name] is None else ZERO + (row[name] * HOUR // step) * step for name in ("invited", "answered")
        )
        yield {
            **row,
            "response_id": f"r{number}",
            "contact_id": None if row["contact"] is None else f"c{row['contact']}",
            "invited_at": invited,
            "answered_at": answered,
            "invited_at_is_day": row["is_day"],
            "answered_at_is_day": row["is_day"],
            "csat": 3.0,
        }


def naive_pairing(contacts, answers, plan):
    """The rules of METHODS §3, one answer at a time."""
    found = {row["response_id"]: naive_choice(contacts, row, plan) for row in answers}
    if plan.one_per_contact:
        taken = set()
        for row in sorted(answers, key=first_answered):
            _, contact_id, n, *_ = found[row["response_id"]]
            if contact_id is None:
                continue
            if (contact_id, row["respondent_role"]) in taken:
                found[row["response_id"]] = ("duplicate_response", None, n, None, None)
            taken.add((contact_id, row["respondent_role"]))
    return found


def first_answered(row):
    anchor = row["invited_at"] or row["answered_at"]
    return (anchor is None, anchor or ZERO, row["answered_at"] is None, row["answered_at"] or ZERO, row["response_id"])


def naive_choice(contacts, row, plan):
    if row["score_status"]:
        return row["score_status"], None, None, None, None
    anchor = row["invited_at"] or row["answered_at"]
    told = row["answered_at"] or row["invited_at"]
    if row["contact_id"] and plan.by != "customer_id":
        return naive_by_id(contacts, row, anchor, told)
    if row["customer_id"] is None or plan.by == "contact_id":
        return "no_key", None, None, None, None
    if anchor is None:
        return "no_anchor", None, None, None, None
    return naive_by_customer([one for one in contacts if one["customer_id"] == row["customer_id"]], row, anchor, plan)


def naive_by_id(contacts, row, anchor, told):
    named = [one for one in contacts if one["contact_id"] == row["contact_id"]]
    if not named:
        return "unknown_contact", None, 0, None, None
    if told is not None and is_before(told, row["is_day"], named[0]["started_at"]):
        return "answered_before_contact", None, 0, None, None
    gap = None if anchor is None else (latest(anchor, row["is_day"]) - end_of(named[0])) / timedelta(seconds=1)
    return "paired_contact_id", row["contact_id"], 1, gap, None


def naive_by_customer(known, row, anchor, plan):
    met = [
        one
        for one in known
        if one["started_at"] >= anchor - plan.window and has_ended(end_of(one), anchor, row["is_day"])
    ]
    may = [one for one in met if plan.eligible == "all" or not one["is_abandoned"]]
    may.sort(key=lambda one: (end_of(one), one["started_at"], one["contact_id"]), reverse=True)
    if may:
        gaps = [(latest(anchor, row["is_day"]) - end_of(one)) / timedelta(seconds=1) for one in may[:2]]
        return "paired_window", may[0]["contact_id"], len(may), gaps[0], gaps[1] if len(gaps) > 1 else None
    if met:
        reason = "not_eligible"
    elif not known:
        reason = "unknown_customer"
    elif all(is_before(anchor, row["is_day"], one["started_at"]) for one in known):
        reason = "answered_before_contact"
    else:
        reason = "outside_window"
    return reason, None, 0, None, None


def end_of(one):
    parts = timedelta(seconds=(one["wait_seconds"] or 0) + (one["talk_seconds"] or 0))
    return max(one["started_at"], one["ended_at"] or one["started_at"] + parts)


def latest(moment, is_day):
    return moment + DAY if is_day else moment


def has_ended(end, anchor, is_day):
    return end.date() <= anchor.date() if is_day else end <= anchor


def is_before(moment, is_day, start):
    return moment.date() < start.date() if is_day else moment < start


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as opened:
        yield opened


def relation(session, rows, types):
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()}
    return session.read(FrameSource(pa.table(columns), "frame"))


def paired_rows(session, contacts, answers, plan):
    aside = relation(session, [], ASIDE_TYPES)
    log = Contacts(session, relation(session, contacts, CONTACT_TYPES), len(contacts), aside)
    surveys = Surveys(session, relation(session, answers, SURVEY_TYPES), len(answers), aside)
    paired = pair(log, surveys, plan)
    return paired, {row["response_id"]: row for row in paired.to_arrow().to_pylist()}


def in_short(row):
    return tuple(row[name] for name in ("reason", "contact_id", "n_candidates", "gap_seconds", "next_gap_seconds"))


def require_balance(session, paired, contacts, answers, pairs):
    by_stage = paired.audit.groupby("stage")["n"].sum().to_dict()
    assert by_stage == {stage: n for stage, n in (("contacts", len(contacts)), ("responses", len(answers))) if n}
    unreached = {one["contact_id"] for one in contacts} - {row["contact_id"] for row in pairs}
    assert paired.books.n("contacts", "no_response") == len(unreached)
    assert paired.n_pairs == len(pairs)
    assert session.collect(paired.set_aside).num_rows == len(answers) - len(pairs)


@settings(max_examples=40, deadline=None)
@given(contacts=CONTACTS, answers=ANSWERS, plan=PLANS, seed=st.integers(0, 2**16))
def test_pairing_is_the_naive_pairing_in_any_order_of_rows_and_loses_none(session, contacts, answers, plan, seed):
    contacts, answers = list(contacts_from(contacts)), list(answers_from(answers))
    expected = naive_pairing(contacts, answers, plan)
    Random(seed).shuffle(contacts)
    Random(seed + 1).shuffle(answers)
    paired, found = paired_rows(session, contacts, answers, plan)
    assert paired.count() == len(answers)  # one row per response: none lost, none twice
    assert {name: in_short(row) for name, row in found.items()} == expected
    pairs = [row for row in found.values() if row["contact_id"] is not None]
    require_balance(session, paired, contacts, answers, pairs)
    if plan.one_per_contact:
        claims = Counter((row["contact_id"], row["respondent_role"]) for row in pairs)
        assert all(n == 1 for n in claims.values())
