"""A real support centre's files through the shipped map. Figures counted with the standard library's csv module."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cxfusion.engine import Session
from cxfusion.tables.mapping import load_map
from cxfusion.tables.read import read_contacts, read_surveys
from cxfusion.tables.relation import Scale

MAP = Path(__file__).parents[2] / "examples" / "maps" / "ecommerce_support.toml"
INDIA = timedelta(hours=5, minutes=30)


@pytest.fixture(scope="module")
def session():
    with Session(threads=2) as session:
        yield session


def test_the_shipped_map_is_sound():
    lever = load_map(MAP).levers["response_seconds"]
    assert (lever.moment, lever.step, lever.shape) == ("before", -600, "log1p")


def test_contacts(ecommerce, session):
    contacts = read_contacts(ecommerce / "contacts.csv", map=MAP, session=session)
    assert (contacts.n_read, contacts.count(), contacts.timezone) == (17_182, 17_182, "Asia/Kolkata")
    bad = session.collect(contacts.set_aside).to_pylist()
    assert {(row["column"], row["reason"]) for row in bad} == {("response_seconds", "negative_duration")}
    assert len(bad) == 635
    with (ecommerce / "contacts.csv").open(encoding="utf-8") as file:
        source = list(csv.DictReader(file))
    for row, given in zip(contacts.to_arrow().to_pylist(), source, strict=True):
        start, answer = (
            datetime.strptime(given[name], "%d/%m/%Y %H:%M") for name in ("Issue_reported at", "issue_responded")
        )
        seconds = (answer - start).total_seconds()
        assert row["started_at"] == start - INDIA
        assert row["response_seconds"] == (seconds if seconds >= 0 else None)
        assert row["contact_id"] == given["Unique id"]
    known = [row for row in source if row["connected_handling_time"]]
    assert contacts.to_arrow()["handling_seconds"].null_count == 17_182 - len(known)
    assert not contacts.has("talk_seconds")


def test_surveys(ecommerce, session):
    surveys = read_surveys(ecommerce / "surveys.csv", map=MAP, session=session)
    assert (surveys.n_read, surveys.count()) == (17_182, 17_182)
    assert surveys.scales == {"csat": Scale(1, 5)}
    rows = surveys.to_arrow().to_pylist()
    with (ecommerce / "surveys.csv").open(encoding="utf-8") as file:
        for row, given in zip(rows, csv.DictReader(file), strict=True):
            assert row["csat"] == float(given["CSAT Score"])
            assert row["answered_at"] == datetime.strptime(given["Survey_response_Date"], "%d-%b-%y") - INDIA
            assert row["answered_at_is_day"]
    assert {row["score_status"] for row in rows} == {None}
    assert len({row["response_id"] for row in rows}) == 17_182
