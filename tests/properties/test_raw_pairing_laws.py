"""From raw rows to pairs: whatever mix of copies, gaps, ties, wrong clocks and roles, every row ends in one place."""

from __future__ import annotations

from collections import Counter
from random import Random

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import cxfusion as cx

PEOPLE = ["", "ann", "bob", "shared", "n/a"]
MOMENTS = ["", "soon"] + [f"2026-03-0{day} {hour:02}:00" for day in (1, 2, 3) for hour in (8, 9, 17)]
CONTACTS = st.lists(
    st.fixed_dictionaries(
        {
            "contact_id": st.sampled_from(["", *(f"c{n}" for n in range(12))]),
            "case_id": st.sampled_from(["", "", "k1", "k2"]),
            "customer_id": st.sampled_from(PEOPLE),
            "started_at": st.sampled_from(MOMENTS),
            "ended_at": st.sampled_from(["", *MOMENTS]),
            "talk_seconds": st.sampled_from(["", "60", "-5", "long", "inf"]),
            "is_abandoned": st.sampled_from(["", "yes", "no", "perhaps"]),
        }
    ),
    min_size=1,
    max_size=25,
)
ANSWERS = st.lists(
    st.fixed_dictionaries(
        {
            "contact_id": st.sampled_from(["", "", "", *(f"c{n}" for n in range(14))]),
            "case_id": st.sampled_from(["", "", "k1", "k3"]),
            "customer_id": st.sampled_from([*PEOPLE, "zoe"]),
            "answered_at": st.sampled_from([*MOMENTS, "2026-03-02", "2026-02-01 08:00"]),
            "csat": st.sampled_from(["1", "5", "5", "9", "", "good"]),
            "respondent_role": st.sampled_from(["", "Customer", "companion", "evaluator"]),
            "survey_level": st.sampled_from(["", "transaction", "relationship"]),
        }
    ),
    min_size=1,
    max_size=25,
)
SCALE = {"csat": {"column": "csat", "scale": [1, 5]}}
PLANS = st.builds(
    cx.PairingPlan,
    by=st.sampled_from([None, ("contact_id", "customer_id"), ("case_id", "customer_id")]),
    within=st.sampled_from(["9h", "72h"]),
)


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=2) as opened:
        yield opened


def alike_by_id(rows, key):
    """Rows of one id are copies of the first: what was delivered twice."""
    first = {}
    return [first.setdefault(row[key], row) if row[key] else row for row in rows]


def paired(session, contacts, answers, plan):
    log = cx.read_contacts(pd.DataFrame(contacts), timezone="UTC", session=session)
    surveys = cx.read_surveys(pd.DataFrame(answers), map=SCALE, timezone="UTC", session=session)
    return cx.pair(log, surveys, plan)


def outcomes(pairing):
    rows = pairing.to_arrow().to_pylist()
    return {row["response_id"]: tuple(row[name] for name in ("reason", "contact_id", "n_candidates")) for row in rows}


@settings(max_examples=5, deadline=None, phases=(Phase.explicit, Phase.generate))  # examples are small as they are
@given(contacts=CONTACTS, answers=ANSWERS, plan=PLANS, copies=st.data(), seed=st.integers(0, 2**16))
def test_raw_rows_end_once_and_in_the_same_place_in_any_order(session, contacts, answers, plan, copies, seed):
    contacts = alike_by_id(contacts, "contact_id")
    contacts.append({**contacts[0], "contact_id": "c0", "started_at": MOMENTS[2]})  # one row at least can be used
    contacts = alike_by_id(contacts[::-1], "contact_id")
    answers = [{"response_id": f"r{n}", **row} for n, row in enumerate(answers)]
    answers += copies.draw(st.lists(st.sampled_from(answers), max_size=3))
    pairing = paired(session, contacts, answers, plan)
    by_stage = pairing.audit.groupby("stage")["n"].sum()
    assert (by_stage["contacts"], by_stage["responses"]) == (len(contacts), len(answers))
    pairs = [row for row in pairing.to_arrow().to_pylist() if row["contact_id"] is not None]
    assert len({row["response_id"] for row in pairs}) == len(pairs) == pairing.n_pairs
    assert max(Counter((row["contact_id"], row["respondent_role"]) for row in pairs).values(), default=1) == 1
    Random(seed).shuffle(contacts)
    Random(seed + 1).shuffle(answers)
    again = paired(session, contacts, answers, plan)
    assert outcomes(again) == outcomes(pairing)
    assert again.audit.equals(pairing.audit)
