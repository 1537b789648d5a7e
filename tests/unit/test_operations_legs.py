"""Metrics per leg: each leg's own agent and queue, every queue that a contact passed."""

from __future__ import annotations

import json

import pytest

import cxfusion as cx
from cxfusion.errors import UsageError
from cxfusion.tables.books import log_books


def record(contact, queue, agent=None, talk=0, **more):
    """A leg of an Amazon Connect log; without an agent it was abandoned in the queue."""
    return {
        "ContactId": contact,
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": "2026-03-02T09:00:00Z",
        "LastUpdateTimestamp": "2026-03-02T10:00:00Z",
        "DisconnectTimestamp": "2026-03-02T09:04:00Z",
        "Channel": "VOICE",
        "Queue": {"Name": queue, "EnqueueTimestamp": "2026-03-02T09:00:20Z", "Duration": 40},
        "Agent": agent
        and {
            "Username": agent,
            "ConnectedToAgentTimestamp": "2026-03-02T09:01:00Z",
            "AgentInteractionDuration": talk,
            "CustomerHoldDuration": 0,
            "AfterContactWorkDuration": 10,
        },
        **more,
    }


@pytest.fixture
def contacts(tmp_path, read_log):
    """One contact passed on from sales to help, one that only sales handled, one abandoned in help."""
    passed = record("a2", "help", "ben", 50, InitialContactId="a1", PreviousContactId="a1", InitiationMethod="TRANSFER",
                    InitiationTimestamp="2026-03-02T09:05:00Z")  # fmt: skip
    legs = [record("a1", "sales", "ann", 100, NextContactId="a2"), passed, record("b1", "sales", "ann", 200),
            record("c1", "help")]  # fmt: skip
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in legs), encoding="utf-8")
    return read_log(path, "amazon_connect")


def test_each_leg_counts_for_its_own_queue_and_agent(contacts):
    whole = cx.diagnose(contacts, by="queue").pivot().set_index("queue")
    assert whole["volume"].to_dict() == {"help": 1, "sales": 2}
    assert whole.loc["sales", "aht_seconds"] == (100 + 50 + 20 + 200 + 10) / 2  # the first queue bears all of it
    legs = cx.diagnose(cx.per_leg(contacts), by="queue").pivot().set_index("queue")
    assert legs["volume"].to_dict() == {"help": 2, "sales": 2}
    assert legs["handled"].to_dict() == {"help": 1, "sales": 2}
    assert legs["aht_seconds"].to_dict() == {"help": 60, "sales": (110 + 210) / 2}
    assert legs["abandonment_rate"].to_dict() == {"help": 0.5, "sales": 0}
    by_agent = cx.diagnose(cx.per_leg(contacts), by="agent_id").pivot().set_index("agent_id")
    assert by_agent["talk_seconds"].dropna().to_dict() == {"ann": 150, "ben": 50}


def test_legs_keep_their_contact(contacts):
    rows = cx.per_leg(contacts).to_pandas().set_index("contact_id")
    assert rows["parent_id"].to_dict() == {"a1": "a1", "a2": "a1", "b1": "b1", "c1": "c1"}


def test_legs_without_an_id_of_several_files_are_told_apart(tmp_path, read_log):
    spoken = {"segmentType": "interact", "segmentStart": "2026-03-02T09:00:00Z", "segmentEnd": "2026-03-02T09:01:00Z"}
    served = {"mediaType": "voice", "segments": [spoken], "metrics": [{"name": "tTalk", "value": 60_000}]}
    agent = {"purpose": "agent", "userId": "ann", "sessions": [served]}  # the session has no sessionId
    for name in ("a", "b"):
        record = {"conversationId": name, "conversationStart": "2026-03-02T09:00:00Z", "participants": [agent]}
        (tmp_path / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    rows = cx.per_leg(read_log(str(tmp_path / "*.json"), "genesys_cloud")).to_pandas()
    assert len(rows) == 4  # of each conversation its own leg and that of its agent
    own = rows.loc[~rows["contact_id"].isin(["a", "b"]), "contact_id"].to_list()
    assert own == [f"row {tmp_path}/a.json:2", f"row {tmp_path}/b.json:2"]


def test_a_log_without_legs_is_refused():
    with pytest.raises(UsageError, match="no legs"):
        cx.per_leg(cx.read_contacts([{"contact_id": "a", "started_at": "2026-01-05 09:00"}]))


def passed_on(name, day):
    """Records of a contact with two legs on some day."""
    first = record(f"{name}1", "sales", "ann", 100, NextContactId=f"{name}2")
    second = record(f"{name}2", "help", "ben", 50, InitialContactId=f"{name}1", PreviousContactId=f"{name}1",
                    InitiationMethod="TRANSFER", InitiationTimestamp="2026-03-02T09:05:00Z")  # fmt: skip
    return "".join(json.dumps(one).replace("2026-03-02", day) + "\n" for one in (first, second))


def test_of_a_period_the_legs_are_those_of_the_contacts_within(tmp_path, read_log, log_session):
    path = tmp_path / "records.jsonl"
    path.write_text(passed_on("a", "2026-03-02") + passed_on("b", "2026-03-03"), encoding="utf-8")
    contacts = read_log(path, "amazon_connect", since="2026-03-03")
    own = cx.per_leg(contacts)
    assert own.to_pandas()["contact_id"].to_list() == ["b1", "b2"]
    assert (own.n_read, own.n_outside_period, own.period, own.around) == (2, 0, None, None)
    assert log_books(own).n("contacts", "used") == 2
    surveys = cx.read_surveys([{"leg_id": "b2", "csat": 5}, {"leg_id": "a2", "csat": 1}], session=log_session)
    of_legs = cx.pair_legs(cx.pair(contacts, surveys))
    assert of_legs.contacts.to_pandas()["contact_id"].to_list() == ["b1", "b2"]
    assert of_legs.to_pandas()["contact_id"].to_list() == ["b2"]
