"""Books from the first leg to the last file: what any stage did not use is counted, listed, and compared at the end."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

import cxfusion as cx
from cxfusion.config import StudyConfig
from cxfusion.errors import BooksError
from cxfusion.job import diagnose_log
from cxfusion.results.labels import reason_label, words
from cxfusion.tables.books import count_listed, log_books, set_aside_rows
from cxfusion.tables.leg_reading import REASONS
from cxfusion.tables.sources import SOURCES

CALLS = [("a", "2026-03-02T09:00:00Z", 200), ("b", "2026-03-02T09:05:00Z", 100), ("c", "soon", 50), (None, "x", 5)]


def delivery(contact, start, talk, updated="2026-03-02T10:00:00Z"):
    return {
        "ContactId": contact, "InitiationMethod": "INBOUND", "InitiationTimestamp": start, "Channel": "VOICE",
        "LastUpdateTimestamp": updated, "Queue": {"Name": "sales", "EnqueueTimestamp": start, "Duration": 10},
        "Agent": {"Username": "kim", "ConnectedToAgentTimestamp": start, "AgentInteractionDuration": talk},
    }  # fmt: skip


@pytest.fixture
def connect_log(tmp_path):
    """Four records, one of them told twice, and a line that is broken off."""
    records = [delivery(*call) for call in CALLS] + [delivery(*CALLS[0], updated="2026-03-02T11:00:00Z")]
    path = tmp_path / "contacts.jsonl"
    path.write_text("\n".join(map(json.dumps, records)) + '\n{"ContactId": "d", "Init')
    return path


def rows_of(audit: pd.DataFrame, stage: str) -> dict[str, int]:
    here = audit[audit["stage"] == stage]
    return dict(zip(here["reason"], here["n"], strict=True))


LEGS = {"in_contact": 2, "not_a_record": 1, "redelivery": 1, "started_at_missing": 1, "unreadable_record": 1}


def test_legs_are_in_the_books_of_a_pairing_and_in_its_list(connect_log):
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(str(connect_log), source="amazon_connect", session=session)
        surveys = cx.read_surveys([{"contact_id": "a", "csat": 5}, {"contact_id": "z", "csat": 1}], session=session)
        pairing = cx.pair(contacts, surveys)
        listed = session.collect(pairing.set_aside).to_pandas()
    assert rows_of(pairing.audit, "legs") == LEGS
    assert sum(LEGS.values()) == contacts.legs.n_read == 6
    assert rows_of(pairing.audit, "contacts") == {"paired_contact_id": 1, "no_response": 1}
    rows = listed[listed["column"].isna()]
    assert rows.groupby("stage").size().to_dict() == {"legs": 4, "pairing": 1}
    assert "legs:" in pairing.summary()


def test_a_diagnosis_writes_what_became_of_every_leg(connect_log, tmp_path):
    told = {"path": str(connect_log), "source": "amazon_connect"}
    _, books = diagnose_log(StudyConfig.model_validate({"contacts": told}), tmp_path / "out")
    assert rows_of(books.audit, "legs") == LEGS
    assert rows_of(pd.read_csv(tmp_path / "out" / "contacts_audit.csv"), "legs") == LEGS
    listed = pq.read_table(tmp_path / "out" / "set_aside.parquet").to_pandas()
    assert dict(listed[listed["column"].isna()]["reason"].value_counts()) == {
        reason: n for reason, n in LEGS.items() if reason != "in_contact"
    }


def test_what_is_set_aside_is_the_same_list_however_few_rows_are_written_at_a_time(connect_log, tmp_path, monkeypatch):
    told = {"path": str(connect_log), "source": "amazon_connect"}
    lists = []
    for at_a_time in (1 << 18, 2):
        monkeypatch.setattr("cxfusion.delivery.outputs.SLICE_ROWS", at_a_time)
        out = tmp_path / f"by {at_a_time}"
        diagnose_log(StudyConfig.model_validate({"contacts": told}), out)
        lists.append(pq.ParquetFile(out / "set_aside.parquet"))
    whole, by_two = lists
    assert by_two.num_row_groups > 1 == whole.num_row_groups
    assert by_two.read().equals(whole.read())


def test_a_list_that_lost_a_row_is_found_out():
    with cx.Session(threads=1) as session:
        log = [{"contact_id": "a", "started_at": "2026-01-05"}, {"contact_id": None, "started_at": "2026-01-05"}]
        contacts = cx.read_contacts(
            [*log, {"contact_id": "b", "started_at": "-", "talk_seconds": "x"}], session=session
        )
        listed = session.collect(set_aside_rows(contacts))
        books = log_books(contacts)
    books.require_listed(count_listed(listed))
    with pytest.raises(BooksError, match="contacts contact_id_missing: 1 counted, 0 listed"):
        books.require_listed(count_listed(listed.slice(1)))
    with pytest.raises(BooksError, match="Of 4 contacts read, 3 ended in a reason"):
        books.require_balance("contacts", 4)


def test_every_reason_of_a_leg_is_a_sentence():
    for reason in {*REASONS, *(name for source in SOURCES if source.legs for name in source.legs.reasons)}:
        assert reason_label(reason).lower() != words(reason)
