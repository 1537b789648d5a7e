"""Whatever rows a source holds, each is kept or set aside, once, as a plain reading in Python says."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxfusion.engine import Session
from cxfusion.tables.read import read_contacts, read_surveys

ids = st.sampled_from(["a", "b", "c", " a ", "", None, "NA", "d"])
starts = st.sampled_from(["2026-01-05 09:00", "2026-01-05T10:00:00Z", "", None, "noon", "31/12/2025 10:00"])
talks = st.sampled_from(["5", "-5", "", None, "x", "00:01:00", "inf", "1e2"])
scores = st.sampled_from(["1", "5", "3", "4", "2", None, "9", "good", ""])
MISSING = {None, "", "NA"}


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def text_table(rows, names):
    return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)})


def clean(cell):
    trimmed = cell.strip() if cell is not None else None
    return None if trimmed in MISSING else trimmed


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(ids, starts, talks), min_size=1, max_size=25))
def test_contacts_are_kept_or_set_aside_once(session, rows):
    # Enough ISO cells that ISO is the column's form.
    rows = [
        ("first", "2026-01-05 09:00", "1"),
        ("second", "2026-01-05 09:00", "1"),
        *rows,
        *[(None, "2026-01-06", None)] * 25,
    ]
    contacts = read_contacts(text_table(rows, ["contact_id", "started_at", "talk_seconds"]), session=session)
    reasons, seen = {}, set()
    for number, row in enumerate(rows, start=1):
        contact_id, started_at = clean(row[0]), clean(row[1])
        if contact_id is None:
            reasons[number] = "contact_id_missing"
        elif started_at is None or not started_at.startswith("2026"):
            reasons[number] = "started_at_missing"
        elif contact_id in seen:
            reasons[number] = "duplicate_contact"
        else:
            seen.add(contact_id)
    aside = session.collect(contacts.set_aside).to_pylist()
    told = [(row["source_row"], row["reason"]) for row in aside if row["column"] is None]
    assert sorted(told) == sorted(reasons.items())
    kept = contacts.to_arrow().to_pylist()
    assert sorted(row["source_row"] for row in kept) == [n for n in range(1, len(rows) + 1) if n not in reasons]
    assert contacts.n_read == len(rows) == len(kept) + len(told)
    bad_talk = {"-5": "negative_duration", "x": "not_a_number", "inf": "not_finite"}
    assert {r["source_row"]: r["reason"] for r in aside if r["column"] == "talk_seconds"} == {
        n: bad_talk[row[2]] for n, row in enumerate(rows, start=1) if row[2] in bad_talk
    }
    for row in kept:
        assert row["started_at"] in (datetime(2026, 1, 5, 9), datetime(2026, 1, 5, 10))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(ids, ids, scores), min_size=1, max_size=25))
def test_responses_are_kept_or_set_aside_once(session, rows):
    rows = [("x", "x", "1")] + [(f"y{i}", "y", "5") for i in range(25)] + rows  # most scores lie on the scale
    surveys = read_surveys(text_table(rows, ["response_id", "contact_id", "csat"]), session=session)
    best: dict[str, tuple[bool, int]] = {}
    blank = {n for n, row in enumerate(rows, start=1) if all(clean(cell) is None for cell in row)}
    for number, (response_id, _, score) in enumerate(rows, start=1):
        if number in blank:
            continue
        name = clean(response_id) or f"row {number}"
        rank = (score not in {"1", "2", "3", "4", "5"}, number)
        best[name] = min(best.get(name, rank), rank)
    kept = surveys.to_arrow().to_pylist()
    assert sorted(row["source_row"] for row in kept) == sorted(number for _, number in best.values())
    assert {row["response_id"] for row in kept} == set(best)
    aside = [row for row in session.collect(surveys.set_aside).to_pylist() if row["column"] is None]
    assert {row["source_row"] for row in aside if row["reason"] == "empty_row"} == blank
    assert surveys.n_read == len(rows) == len(kept) + len(aside)
    for row in kept:
        usable = rows[row["source_row"] - 1][2] in {"1", "2", "3", "4", "5"}
        assert (row["csat"] is not None) == usable == (row["score_status"] is None)
