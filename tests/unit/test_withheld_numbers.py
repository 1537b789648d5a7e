"""Callers who withhold their number are no customer, and above all not one and the same."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.tables.books import reading_counts

FIRST = datetime(2026, 1, 1, 9)
WORDS = [
    "anonymous", "ANONYMOUS", " Restricted ", "Private", "unavailable", "Unknown", "BLOCKED", "withheld",
    "Anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid",
    *(sign + keys for sign in ("", "+") for keys in ("266696687", "7378742833", "2562533", "8656696", "86282452253")),
]  # fmt: skip
CUSTOMERS = ["kim", "anonymous2", "unknowns", "mr private", "+26669668", "2666966870", "266 696 687", "18656696"]
KEYS = dict(zip("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999", strict=True))


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as session:
        yield session


def customers(session, ids, **options):
    """Customers as they are read, and how many of them are counted as withheld."""
    log = pa.table({"contact_id": [str(i) for i in range(len(ids))], "started_at": [FIRST] * len(ids), "who": ids})
    given = {"columns": {"customer_id": {"column": "who", **options.pop("how", {})}}}
    contacts = cx.read_contacts(log, map=given, session=session, **options)
    counts = reading_counts(contacts)
    told = {(row.column, row.reason): row.n for row in counts.itertuples()}
    return contacts.to_arrow().sort_by("source_row")["customer_id"].to_pylist(), told


def test_words_for_a_withheld_number_are_missing_and_counted(session):
    assert len(WORDS) == 20
    found, told = customers(session, [*WORDS, *CUSTOMERS, "", None])
    assert found == [*[None] * 20, *CUSTOMERS, None, None]
    assert told == {("customer_id", "withheld_customer"): 20}


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("anonymous", "266696687"),
        ("restricted", "7378742833"),
        ("blocked", "2562533"),
        ("unknown", "8656696"),
        ("unavailable", "86282452253"),
    ],
)
def test_the_numbers_are_words_on_the_keys_of_a_telephone(session, word, keys):
    assert "".join(KEYS[letter] for letter in word) == keys
    kinds = (pa.array([int(keys), 17]), pa.array([float(keys), 17.0]))
    assert [customers(session, ids)[0] for ids in kinds] == [[None, "17"]] * 2


def test_a_map_that_lists_what_is_missing_keeps_its_words_apart_from_ours(session):
    found, told = customers(session, ["0", "anonymous", "Unknown", "kim"], how={"null": ["0", "anonymous"]})
    assert found == [None, None, None, "kim"]
    assert told == {("customer_id", "missing_by_map"): 2, ("customer_id", "withheld_customer"): 1}


def test_they_have_no_pseudonym(session):
    hidden_by = cx.Pseudonyms(b"0123456789abcdef0123456789abcdef")
    found, told = customers(session, ["Anonymous", "kim"], pseudonyms=hidden_by)
    assert found == [None, hidden_by.of("kim")]
    assert told == {("customer_id", "withheld_customer"): 1}


def test_other_columns_keep_these_words(session):
    words = {"contact_id": "unknown", "agent_id": "private", "queue": "Restricted", "note": "blocked"}
    row = {**words, "started_at": FIRST}
    (kept,) = cx.read_contacts([row], session=session).to_arrow().to_pylist()
    assert {name: kept[name] for name in row} == row


def test_legs_of_a_vendor_do_not_make_one_customer_of_them_either(session):
    log = [
        {
            "ContactId": contact, "InitiationMethod": "INBOUND", "InitiationTimestamp": "2026-03-02T09:00:00Z",
            "Channel": "VOICE", "LastUpdateTimestamp": "2026-03-02T10:00:00Z", "CustomerEndpoint": {"Address": address},
        }
        for contact, address in (("a", "+266696687"), ("b", "+4930123456"))
    ]  # fmt: skip
    contacts = cx.read_contacts(log, source="amazon_connect", session=session)
    assert contacts.to_arrow().sort_by("contact_id")["customer_id"].to_pylist() == [None, "+4930123456"]
    assert contacts.legs.remarked == {"withheld_customer": {"customer_id": 1}}


def test_those_who_withhold_their_number_lower_no_first_contact_resolution(session, tmp_path):
    """30 calls without a number, one a day, and ten customers who call once: nobody is known to come back.

    Taken for one customer, the 23 calls of the first 23 days would all have been followed within seven days: 10 of 33.
    """
    withheld = pd.DataFrame({"customer_id": ["anonymous"] * 30, "started_at": pd.date_range(FIRST, periods=30)})
    known = pd.DataFrame({"customer_id": [f"k{i}" for i in range(10)], "started_at": pd.date_range(FIRST, periods=10)})
    log = pd.concat([withheld, known], ignore_index=True).assign(talk_seconds=60)
    log.insert(0, "contact_id", [f"c{i}" for i in range(40)])
    log.to_csv(tmp_path / "calls.csv", index=False)
    log.to_parquet(tmp_path / "calls.parquet")
    for source in (log, tmp_path / "calls.csv", tmp_path / "calls.parquet"):
        contacts = cx.read_contacts(source, timezone="UTC", session=session)
        found = cx.diagnose(contacts, episodes=cx.EpisodePlan()).table.set_index("metric").loc["fcr"]
        assert (found["estimate"], found["n"]) == (1.0, 10)


def test_an_answer_without_a_number_is_about_nobodys_last_call(session):
    log = [
        {"contact_id": name, "customer_id": who, "started_at": FIRST, "talk_seconds": 60}
        for name, who in (("a", "anonymous"), ("b", "Anonymous"), ("c", "kim"))
    ]
    answers = [
        {"response_id": name, "contact_id": contact, "customer_id": who, "csat": 4, "answered_at": FIRST + hours}
        for hours in [timedelta(hours=2)]
        for name, contact, who in (
            ("of one", None, "anonymous"),
            ("of another", None, "+266696687"),
            ("of kim", None, "kim"),
            ("by the call", "b", "anonymous"),
        )
    ]
    contacts = cx.read_contacts(log, timezone="UTC", session=session)
    surveys = cx.read_surveys(answers, timezone="UTC", session=session)
    pairing = cx.pair(contacts, surveys)
    rows = pairing.audit[pairing.audit["stage"] == "responses"]
    assert dict(zip(rows["reason"], rows["n"], strict=True)) == {
        "paired_contact_id": 1, "paired_window": 1, "no_key": 2,
    }  # fmt: skip
    assert pairing.n_pairs == 2
    told = {(row.stage, row.column): row.n for row in pairing.cells.itertuples()}
    assert told == {("contact_cells", "customer_id"): 2, ("response_cells", "customer_id"): 3}
