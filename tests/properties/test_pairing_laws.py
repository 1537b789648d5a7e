"""Pairing against a naive pairing in plain Python, on small worlds full of ties, gaps, duplicates and shared ids."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxfusion.engine import FrameSource, Session
from cxfusion.pairing import PairingPlan, pair
from cxfusion.pairing.plan import KEYS
from cxfusion.tables.relation import Contacts, Legs, Surveys

TIME, TEXT, FLAG, NUMBER = pa.timestamp("us"), pa.string(), pa.bool_(), pa.float64()
CONTACT_TYPES = {
    "contact_id": TEXT, "case_id": TEXT, "customer_id": TEXT, "started_at": TIME, "ended_at": TIME,
    "wait_seconds": NUMBER, "talk_seconds": NUMBER, "is_abandoned": FLAG,
}  # fmt: skip
SURVEY_TYPES = {
    "response_id": TEXT, "leg_id": TEXT, "contact_id": TEXT, "case_id": TEXT, "customer_id": TEXT,
    "invited_at": TIME, "invited_at_is_day": FLAG, "survey_level": TEXT,
    "answered_at": TIME, "answered_at_is_day": FLAG, "csat": NUMBER, "score_status": TEXT, "respondent_role": TEXT,
}  # fmt: skip
LEG_TYPES = {"leg_id": TEXT, "contact_id": TEXT, "own_contact_id": TEXT}
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
            "case_id": st.sampled_from([None, None, "k1", "k2"]),
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
            "leg_id": st.sampled_from([*[None] * 6, "c0", "l0", "l1", "l2", "l99"]),
            "contact_id": st.sampled_from([*[None] * 6, "c0", "c1", "c2", "c99", "l0", "child1", "child99"]),
            "case_id": st.sampled_from([None, None, None, "k1", "k2", "k3"]),
            "customer_id": st.sampled_from([None, *CUSTOMERS, "unknown"]),
            "invited": st.sampled_from([None, *range(72)]),
            "answered": st.sampled_from([None, *range(72)]),
            "is_day": st.booleans(),
            "score_status": st.sampled_from([*[None] * 8, "score_missing", "score_out_of_scale"]),
            "respondent_role": st.sampled_from(["customer", "companion", "agent"]),
            "survey_level": st.sampled_from([None, "transaction", "transaction", "Relationship"]),
        }
    )
)
PLANS = st.builds(
    PairingPlan,
    by=st.none() | st.sampled_from(KEYS) | st.lists(st.sampled_from(KEYS), min_size=1, unique=True),
    exposure=st.sampled_from(["6h", "30h"]),
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
            "invited_at": invited,
            "answered_at": answered,
            "invited_at_is_day": row["is_day"],
            "answered_at_is_day": row["is_day"],
            "csat": 3.0,
        }


def legs_from(contacts):
    """Two legs for each of the first contacts: its own, and one that a child contact of another name tells of."""
    for row in contacts[:3]:
        contact_id, number = row["contact_id"], row["contact_id"][1:]
        yield {"leg_id": contact_id, "contact_id": contact_id, "own_contact_id": contact_id}
        yield {"leg_id": f"l{number}", "contact_id": contact_id, "own_contact_id": f"child{number}"}
    yield {"leg_id": "l99", "contact_id": "outside the log", "own_contact_id": "child99"}


def naive_pairing(contacts, legs, answers, plan):
    """The rules of docs/how-to/pair.md, one answer at a time."""
    found = {row["response_id"]: naive_choice(contacts, legs, row, plan) for row in answers}
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


def naive_choice(contacts, legs, row, plan):
    if row["score_status"]:
        return row["score_status"], None, None, None, None
    anchor = row["invited_at"] or row["answered_at"]
    of_customer = [one for one in contacts if row["customer_id"] and one["customer_id"] == row["customer_id"]]
    if row["survey_level"] == "Relationship":
        return naive_exposure(of_customer, row, anchor, plan)
    key = naive_key(contacts, legs, row, plan)
    if key is None:
        return "no_key", None, None, None, None
    if key in ("leg_id", "contact_id"):
        return naive_by_id(contacts, key, meant_by(contacts, legs, row, key), row, anchor)
    if key == "case_id":
        return naive_by_case([one for one in contacts if one["case_id"] == row["case_id"]], row, anchor, plan)
    return naive_by_customer(of_customer, row, anchor, plan)


def naive_key(contacts, legs, row, plan):
    given = [key for key in plan.keys if row[key]]
    if plan.by is None:
        if row["leg_id"] and row["contact_id"] and row["leg_id"] not in {leg["leg_id"] for leg in legs}:
            given = ["contact_id"]
        return given[0] if given else None
    known = {
        "leg_id": {leg["leg_id"] for leg in legs},
        "contact_id": {row["contact_id"]} if meant_by(contacts, legs, row, "contact_id") else set(),
        "case_id": {one["case_id"] for one in contacts},
        "customer_id": {one["customer_id"] for one in contacts},
    }
    last = plan.keys[-1]
    usable = [key for key in given if key == last or row[key] in known[key]]
    return usable[0] if usable else given[-1] if given else None


def meant_by(contacts, legs, row, key):
    """The contacts that the id of a leg or of a contact stands for: none, or one."""
    roots = {leg["contact_id"] for leg in legs}
    names = {leg["leg_id"]: leg["contact_id"] for leg in legs}
    wanted = names.get(row["leg_id"])
    if key == "contact_id":
        names |= {leg["own_contact_id"]: leg["contact_id"] for leg in legs}
        wanted = row["contact_id"] if row["contact_id"] in roots else names.get(row["contact_id"], row["contact_id"])
    return [one for one in contacts if one["contact_id"] == wanted]


def naive_by_id(contacts, key, named, row, anchor):
    if not named:
        return {"leg_id": "unknown_leg", "contact_id": "unknown_contact"}[key], None, 0, None, None
    told = row["answered_at"] or row["invited_at"]
    if told is not None and is_before(told, row["is_day"], named[0]["started_at"]):
        return "answered_before_contact", None, 0, None, None
    gap = None if anchor is None else (latest(anchor, row["is_day"]) - end_of(named[0])) / timedelta(seconds=1)
    return f"paired_{key}", named[0]["contact_id"], 1, gap, None


def naive_by_case(known, row, anchor, plan):
    if not known:
        return "unknown_case", None, 0, None, None
    met = [one for one in known if anchor is None or has_ended(end_of(one), anchor, row["is_day"])]
    may = last_first(met, plan)
    if may:
        gaps = [None if anchor is None else gap_of(row, anchor, one) for one in may[:2]]
        return "paired_case_id", may[0]["contact_id"], len(may), gaps[0], gaps[1] if len(gaps) > 1 else None
    if met:
        return "not_eligible", None, 0, None, None
    is_early = all(is_before(anchor, row["is_day"], one["started_at"]) for one in known)
    return "answered_before_contact" if is_early else "outside_window", None, 0, None, None


def naive_exposure(known, row, anchor, plan):
    if row["customer_id"] is None:
        return "no_key", None, None, None, None
    if anchor is None:
        return "no_anchor", None, None, None, None
    since = anchor - plan.exposure_window
    met = [one for one in known if one["started_at"] >= since and has_ended(end_of(one), anchor, row["is_day"])]
    if met:
        return "paired_exposure", None, len(met), None, None
    return why_nobody(known, row, anchor), None, 0, None, None


def why_nobody(known, row, anchor):
    if not known:
        return "unknown_customer"
    is_early = all(is_before(anchor, row["is_day"], one["started_at"]) for one in known)
    return "answered_before_contact" if is_early else "outside_window"


def last_first(met, plan):
    may = [one for one in met if plan.eligible == "all" or not one["is_abandoned"]]
    return sorted(may, key=lambda one: (end_of(one), one["started_at"], one["contact_id"]), reverse=True)


def gap_of(row, anchor, one):
    return (latest(anchor, row["is_day"]) - end_of(one)) / timedelta(seconds=1)


def naive_by_customer(known, row, anchor, plan):
    if anchor is None:
        return "no_anchor", None, None, None, None
    met = [
        one
        for one in known
        if one["started_at"] >= anchor - plan.window and has_ended(end_of(one), anchor, row["is_day"])
    ]
    may = last_first(met, plan)
    if may:
        gaps = [gap_of(row, anchor, one) for one in may[:2]]
        return "paired_window", may[0]["contact_id"], len(may), gaps[0], gaps[1] if len(gaps) > 1 else None
    return "not_eligible" if met else why_nobody(known, row, anchor), None, 0, None, None


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


def relation(session, rows, types, rows_per_batch=None):
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()}
    table = pa.table(columns)
    if rows_per_batch:
        table = pa.Table.from_batches(table.to_batches(rows_per_batch), table.schema)
    return session.read(FrameSource(table, "frame"))


def paired_rows(session, contacts, legs, answers, plan, rows_per_batch=None):
    aside = relation(session, [], ASIDE_TYPES)
    of_legs = Legs(session, relation(session, legs, LEG_TYPES), len(legs), aside)
    log = Contacts(
        session, relation(session, contacts, CONTACT_TYPES, rows_per_batch), len(contacts), aside, legs=of_legs
    )
    surveys = Surveys(session, relation(session, answers, SURVEY_TYPES, rows_per_batch), len(answers), aside)
    paired = pair(log, surveys, plan)
    return paired, {row["response_id"]: row for row in paired.to_arrow().to_pylist()}


def in_short(row):
    return tuple(row[name] for name in ("reason", "contact_id", "n_candidates", "gap_seconds", "next_gap_seconds"))


def require_balance(session, paired, contacts, answers, pairs):
    by_stage = paired.audit[paired.audit["stage"] != "legs"].groupby("stage")["n"].sum().to_dict()
    assert by_stage == {stage: n for stage, n in (("contacts", len(contacts)), ("responses", len(answers))) if n}
    unreached = {one["contact_id"] for one in contacts} - {row["contact_id"] for row in pairs}
    assert paired.books.n("contacts", "no_response") == len(unreached)
    assert paired.n_pairs == len(pairs)
    assert session.collect(paired.set_aside).num_rows == len(answers) - len(pairs) - paired.n_exposures


@settings(max_examples=25, deadline=None)
@given(contacts=CONTACTS, answers=ANSWERS, plan=PLANS, seed=st.integers(0, 2**16))
@example(contacts=[], answers=[], plan=PairingPlan(), seed=0)
def test_pairing_is_the_naive_pairing_in_any_order_of_rows_and_loses_none(session, contacts, answers, plan, seed):
    contacts, answers = list(contacts_from(contacts)), list(answers_from(answers))
    legs = list(legs_from(contacts))
    expected = naive_pairing(contacts, legs, answers, plan)
    for number, rows in enumerate((contacts, legs, answers)):
        Random(seed + number).shuffle(rows)
    paired, found = paired_rows(session, contacts, legs, answers, plan)
    assert paired.count() == len(answers)  # one row per response: none lost, none twice
    assert {name: in_short(row) for name, row in found.items()} == expected
    pairs = [row for row in found.values() if row["contact_id"] is not None]
    require_balance(session, paired, contacts, answers, pairs)
    if plan.one_per_contact:
        claims = Counter((row["contact_id"], row["respondent_role"]) for row in pairs)
        assert all(n == 1 for n in claims.values())
    clear = paired.unambiguous()
    kept = [row for row in pairs if row["n_candidates"] == 1]
    require_balance(session, clear, contacts, answers, kept)
    assert [row for row in clear.to_arrow().to_pylist() if row["contact_id"]] == [
        row for row in paired.to_arrow().to_pylist() if row in kept
    ]


@pytest.mark.parametrize("rows_per_batch", [3, 1000])
def test_pairing_does_not_depend_on_how_rows_come_in_batches(rows_per_batch):
    random = Random(3)
    contacts = [
        {"contact_id": f"c{n}", "customer_id": f"u{random.randrange(30)}", "started_at": ZERO + n * HOUR / 2}
        for n in range(400)
    ]
    answers = [
        {"response_id": f"r{n}", "customer_id": f"u{random.randrange(30)}", "answered_at": ZERO + n * HOUR, "csat": 3.0,
         "respondent_role": "customer"}
        for n in range(200)
    ]  # fmt: skip
    tables = []
    for threads in (1, 2):
        with Session(threads=threads) as opened:
            paired, _ = paired_rows(opened, contacts, [], answers, PairingPlan(), rows_per_batch=rows_per_batch)
            tables.append(paired.to_arrow())
    whole = Counter(tables[0]["reason"].to_pylist())
    assert tables[0].equals(tables[1])
    assert whole["paired_window"] > 100
    nothing = dict.fromkeys((*CONTACT_TYPES, *SURVEY_TYPES, "is_day"))
    expected = naive_pairing([nothing | one for one in contacts], [], [nothing | row for row in answers], PairingPlan())
    assert [in_short(row) for row in tables[0].to_pylist()] == [expected[row["response_id"]] for row in answers]
