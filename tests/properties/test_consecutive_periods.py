"""Nightly runs over consecutive periods pair every answer once, and as one run over the whole log would."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxfusion as cx
from cxfusion.engine import Session
from cxfusion.pairing.reasons import EXPOSED, PAIRED

ZERO, HOUR = datetime(2026, 3, 1), timedelta(hours=1)
CUSTOMERS = ["ann", "ann", "bob", "cy"]
DAYS = 5
CONTACTS = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from([None, *CUSTOMERS]),
            "case_id": st.sampled_from([None, None, "k1", "k2"]),
            "started": st.integers(0, DAYS * 24 - 1),
            "talk_seconds": st.sampled_from([None, 0, 1800, 7200]),
            "is_abandoned": st.sampled_from([None, False, False, True]),
        }
    ),
    min_size=8,
    max_size=40,
)
ANSWERS = st.lists(
    st.fixed_dictionaries(
        {
            "contact_id": st.sampled_from([*[None] * 5, "c0", "c1", "c2", "c99"]),
            "case_id": st.sampled_from([None, None, None, "k1", "k2", "k3"]),
            "customer_id": st.sampled_from([None, *CUSTOMERS, "unknown"]),
            "answered": st.sampled_from([None, *range(DAYS * 24 + 96)]),
            "csat": st.sampled_from([None, *[4] * 6]),
            "survey_level": st.sampled_from(["transaction", "transaction", "transaction", "relationship"]),
        }
    ),
    min_size=1,
    max_size=40,
)
CUTS = st.lists(st.integers(1, DAYS * 24 - 1), min_size=1, max_size=2, unique=True).map(sorted)
PLANS = st.builds(
    cx.PairingPlan,
    by=st.sampled_from([None, "customer_id", ("contact_id", "customer_id"), ("contact_id", "case_id", "customer_id")]),
    exposure=st.sampled_from(["12h", "3d"]),
    within=st.sampled_from(["6h", "36h", "72h"]),
    one_per_contact=st.booleans(),
)


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as opened:
        yield opened


def log_of(drawn):
    for number, row in enumerate(drawn):
        kept = {name: cell for name, cell in row.items() if name != "started"}
        yield {**kept, "contact_id": f"c{number}", "started_at": ZERO + row["started"] * HOUR}


def answers_of(drawn):
    for number, row in enumerate(drawn):
        kept = {name: cell for name, cell in row.items() if name != "answered"}
        answered = None if row["answered"] is None else ZERO + row["answered"] * HOUR
        yield {**kept, "response_id": f"r{number}", "answered_at": answered}


def rows_by_response(pairing):
    return {row["response_id"]: row for row in pairing.to_arrow().to_pylist()}


@settings(max_examples=5, deadline=None)
@given(contacts=CONTACTS, answers=ANSWERS, cuts=CUTS, plan=PLANS)
def test_every_answer_is_paired_in_one_of_them_as_it_is_in_the_whole(session, contacts, answers, cuts, plan):
    log, answers = list(log_of(contacts)), list(answers_of(answers))
    if all(row["csat"] is None for row in answers):
        answers[0]["csat"] = 4
    surveys = cx.read_surveys(answers, session=session)
    whole = cx.pair(cx.read_contacts(log, session=session), surveys, plan)
    edges = [None, *(ZERO + cut * HOUR for cut in cuts), None]
    kept, seen = Counter(), {name: [] for name in rows_by_response(whole)}
    lived = []
    for since, until in pairwise(edges):
        if not any((since is None or row["started_at"] >= since) and (until is None or row["started_at"] < until)
                   for row in log):  # fmt: skip
            continue  # a night without contacts is refused: an EmptyTableError
        night = cx.pair(cx.read_contacts(log, since=since, until=until, session=session), surveys, plan)
        kept.update(night.contacts.to_arrow()["contact_id"].to_pylist())
        for name, row in rows_by_response(night).items():
            seen[name].append(row)
        assert night.answer_lag == whole.answer_lag
        if night.n_exposures:
            lived += cx.pair_relationship(night).contacts.to_arrow().to_pylist()
    assert kept == Counter(row["contact_id"] for row in log)
    for name, row in rows_by_response(whole).items():
        others = [one for one in seen[name] if one != row]
        if row["reason"] in PAIRED:
            assert len(seen[name]) - len(others) == 1
            assert {one["reason"] for one in others} <= {"outside_period"}
        elif row["reason"] == EXPOSED:  # unless it was asked in a night without contacts, which had no run
            assert {one["reason"] for one in others} <= {"outside_period"}
        else:
            assert others == []
    if whole.n_exposures:
        of_all = {row["contact_id"]: row for row in cx.pair_relationship(whole).contacts.to_arrow().to_pylist()}
        assert all(row == of_all[row["contact_id"]] for row in lived)


def test_files_that_overlap_between_nights_double_nothing(session, tmp_path):
    import pandas as pd

    log = pd.DataFrame({"contact_id": [f"c{i}" for i in range(60)], "customer_id": [f"k{i % 7}" for i in range(60)]})
    log["started_at"] = [ZERO + i * HOUR for i in range(60)]
    answers = log.iloc[::3][["contact_id", "customer_id"]].assign(csat=4, answered_at=log["started_at"] + 20 * HOUR)
    for night in range(3):
        log.iloc[night * 20 : night * 20 + 27].to_csv(tmp_path / f"calls-{night}.csv", index=False)
        answers.iloc[night * 6 : night * 6 + 9].to_csv(tmp_path / f"answers-{night}.csv", index=False)
    nights = cx.pair(
        cx.read_contacts(tmp_path / "calls-*.csv", session=session, timezone="UTC"),
        cx.read_surveys(tmp_path / "answers-*.csv", session=session, timezone="UTC"),
    )
    whole = cx.pair(cx.read_contacts(log, session=session), cx.read_surveys(answers, session=session))
    columns = ["contact_id", "started_at", "csat", "gap_seconds"]
    frames = [one.to_pandas().query("reason == 'paired_contact_id'")[columns] for one in (nights, whole)]
    frames = [frame.sort_values("contact_id", ignore_index=True) for frame in frames]
    assert frames[0].equals(frames[1])
    assert nights.contacts.count() == 60
    assert nights.books.n("contacts", "duplicate_contact") == 14
    assert nights.books.n("responses", "duplicate_response") == 8 - 2
