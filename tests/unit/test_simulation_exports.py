"""A simulated centre as raw exports: the whole way from a vendor's file to the verdict gives the canonical numbers."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

import cxfusion as cx
from cxfusion.errors import UnknownNameError
from cxfusion.simulation import WORLDS, Centre, Faults, write_centre
from cxfusion.simulation.exports.legs import legs_of

N_CONTACTS = 4_000
CENTRE = replace(WORLDS["bad_days"].centre, n_days=5, response_rate=0.3)
SECONDS = ["wait_seconds", "rewait_seconds", "ivr_seconds", "talk_seconds", "hold_seconds", "wrap_seconds"]
SAME = [*SECONDS, "agent_id", "first_agent_id", "customer_id", "queue", "reason", "direction", "n_holds", "n_transfers"]


def read_and_fit(folder, file_format, *, with_evidence=True):
    files = write_centre(folder, N_CONTACTS, 3, CENTRE, file_format=file_format)
    given = {} if file_format == "parquet" else {"map": files.map}
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(files.contacts, session=session, **given)
        surveys = cx.read_surveys(files.surveys, session=session, **given)
        pairing = cx.pair(contacts, surveys)
        evidence = cx.fit_levers(pairing, "csat", weights=cx.weigh(pairing, "csat")) if with_evidence else None
        return files, contacts.to_pandas().set_index("contact_id").sort_index(), pairing.audit, evidence


@pytest.fixture(scope="module")
def canonical(tmp_path_factory):
    return read_and_fit(tmp_path_factory.mktemp("canonical"), "parquet")


def require_same_log(log, raw_log):
    answered, times = log.index[~log["is_abandoned"]], ["started_at", "ended_at"]
    assert raw_log["is_abandoned"].equals(log["is_abandoned"])
    pd.testing.assert_frame_equal(raw_log[times], log[times], check_dtype=False)
    pd.testing.assert_frame_equal(raw_log.loc[answered, SAME], log.loc[answered, SAME], check_dtype=False)


def test_from_the_raw_export_to_the_verdict_nothing_changes(tmp_path, canonical):
    truth_file, log, audit, evidence = canonical
    files, raw_log, raw_audit, raw_evidence = read_and_fit(tmp_path, "amazon_connect")
    assert files.truth.read_bytes() == truth_file.truth.read_bytes()
    require_same_log(log, raw_log)
    books = [frame[frame["stage"] == "responses"] for frame in (audit, raw_audit)]
    assert books[0]["n"].tolist() == books[1]["n"].tolist()
    assert evidence.levers["estimate"].notna().all()
    pd.testing.assert_frame_equal(raw_evidence.levers, evidence.levers, rtol=1e-6)
    pd.testing.assert_frame_equal(raw_evidence.rungs, evidence.rungs, rtol=1e-6)


def test_conversations_are_the_same_contacts(tmp_path, canonical):
    _, log, audit, _ = canonical
    _, raw_log, raw_audit, _ = read_and_fit(tmp_path, "genesys_cloud", with_evidence=False)
    require_same_log(log, raw_log)
    media = pd.crosstab(raw_log["channel"], log["channel"])
    assert ((media > 0).sum() == 1).all()
    paired = [
        frame.set_index(["stage", "reason"])["n"]["responses", "paired_contact_id"] for frame in (audit, raw_audit)
    ]
    assert paired[0] == paired[1]


def test_dirt_reaches_the_raw_export_and_is_set_aside_there(tmp_path):
    centre = replace(CENTRE, faults=Faults(dirty_share=0.2, unlinked_share=0.3))
    files = write_centre(tmp_path, 1_000, 3, centre, file_format="amazon_connect")
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(files.contacts, map=files.map, session=session)
        surveys = cx.read_surveys(files.surveys, map=files.map, session=session)
        assert contacts.count() == 1_000
        reasons = session.collect(contacts.legs.set_aside).to_pandas()["reason"].value_counts()
        assert reasons["redelivery"] > 20
        assert reasons["negative_duration"] > 20
        audit = cx.pair(contacts, surveys).audit.set_index(["stage", "reason"])["n"]
        assert audit["responses", "paired_window"] > 10
        assert audit["responses", "unknown_contact"] > 0


def test_a_transferred_contact_is_several_records_that_add_up():
    at = pd.Timestamp("2026-03-02 09:00:00+00:00").to_pydatetime()
    contact = {
        "contact_id": "c1", "started_at": at, "ended_at": at + pd.Timedelta(seconds=440), "agent_id": "ben",
        "first_agent_id": "ann", "wait_seconds": 60, "rewait_seconds": 40, "ivr_seconds": 30, "talk_seconds": 250,
        "hold_seconds": 60, "wrap_seconds": 20, "n_holds": 2, "n_transfers": 2,
    }  # fmt: skip
    legs = legs_of(contact)
    assert [leg.agent for leg in legs] == ["ann", "ann", "ben"]
    assert [leg.talk_seconds for leg in legs] == [62, 62, 126]
    assert [leg.wait_seconds for leg in legs] == [60, 40, 0]
    assert [(leg.answered_at - at).total_seconds() for leg in legs] == [90, 90 + 62 + 40, 90 + 62 + 40 + 62]
    last = legs[-1]
    assert last.left_at == contact["ended_at"] == last.answered_at + pd.Timedelta(seconds=126 + 60)
    unknown = legs_of({**contact, "talk_seconds": None})
    assert {leg.talk_seconds for leg in unknown} == {None}


def test_files_are_those_of_the_vendors(tmp_path):
    files = write_centre(tmp_path, 1_000, 3, Centre(n_days=2), file_format="amazon_connect")
    records = [json.loads(line) for line in files.contacts.read_text().splitlines()]
    assert len({record["ContactId"] for record in records}) == len(records) > 1_000
    assert {record["InitialContactId"] for record in records if record["InitiationMethod"] == "INBOUND"} == {None}
    gone = next(record for record in records if record["Agent"] is None)
    assert gone["Queue"]["EnqueueTimestamp"] <= gone["DisconnectTimestamp"]
    with files.surveys.open(newline="") as file:
        head, words, ids, first, *_ = csv.reader(file)
    assert "\n" in words[head.index("Q1")]  # as the real ones, which a reader of lines would break
    assert json.loads(ids[head.index("ResponseId")]) == {"ImportId": "_recordId", "timeZone": "UTC"}
    assert first[head.index("Q1")] in "12345"
    told = tomllib.loads(files.map.read_text())
    assert told["contacts"]["source"] == "amazon_connect"
    assert told["surveys"]["columns"]["csat"] == {"column": "Q1", "scale": [1, 5]}


def test_the_command_writes_them_and_says_so(tmp_path):
    from cxfusion.cli import app

    asked = ["simulate", "--out", str(tmp_path / "raw"), "--contacts", "1000", "--quiet", "--json"]
    told = CliRunner().invoke(app, [*asked, "--format", "genesys_cloud", "--world", "tiny"])
    assert set(json.loads(told.stdout)["files"]) == {"contacts.jsonl", "surveys.csv", "truth.csv", "map.toml"}
    manifest = json.loads((tmp_path / "raw" / "manifest.json").read_text())
    assert manifest["simulated"]["world"] == "tiny"
    assert CliRunner().invoke(app, [*asked, "--world", "no_such"]).exit_code == 2
    with pytest.raises(UnknownNameError, match="amazon_connect"):
        write_centre(tmp_path, 1_000, 1, file_format="avaya")
