"""Amazon Connect contact records: deliveries, chains, abandoned contacts, supervisors, broken files."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import datetime

import pandas as pd
import pytest

from cxfusion.errors import EmptyTableError, InputError, MissingColumnError, UnreadableFileError, UsageError

SOURCE = "amazon_connect"


def record(contact, start="2026-03-02T09:00:00Z", *, agent=None, queue=None, **more):
    """A record; ``agent`` is (name, connected, talk, hold, wrap, wrap ended), ``queue`` (name, entered, seconds)."""
    found = {
        "ContactId": contact,
        "InitialContactId": None,
        "PreviousContactId": None,
        "NextContactId": None,
        "InitiationMethod": "INBOUND",
        "InitiationTimestamp": start,
        "Channel": "VOICE",
        "CustomerEndpoint": {"Address": "+4900", "Type": "TELEPHONE_NUMBER"},
        "LastUpdateTimestamp": "2026-03-02T10:00:00Z",
        "Agent": None,
        "Queue": None,
    }
    if agent:
        name, connected, talk, hold, wrap, ended = agent
        found["Agent"] = {
            "Username": name,
            "ConnectedToAgentTimestamp": connected,
            "AgentInteractionDuration": talk,
            "CustomerHoldDuration": hold,
            "AfterContactWorkDuration": wrap,
            "AfterContactWorkEndTimestamp": ended,
        }
    if queue:
        name, entered, seconds = queue
        found["Queue"] = {"Name": name, "EnqueueTimestamp": entered, "Duration": seconds}
    return found | more


ANN = ("ann", "2026-03-02T09:01:00Z", 100, 20, 30, "2026-03-02T09:03:30Z")  # 09:01:00 + 100 + 20 + 30 s
BEN = ("ben", "2026-03-02T09:05:00Z", 50, 0, 5, "2026-03-02T09:05:55Z")
SALES = ("sales", "2026-03-02T09:00:20Z", 40)
HELP = ("help", "2026-03-02T09:04:00Z", 60)


def write(tmp_path, records, name="records.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def test_a_contact_delivered_three_times_is_one_contact(vendor, read_log, by_id, set_aside):
    contacts = read_log(vendor / "amazon_connect" / "ctr_same_contact_three_deliveries.jsonl", SOURCE)
    (contact,) = by_id(contacts).values()
    assert (contact["talk_seconds"], contact["hold_seconds"], contact["wrap_seconds"]) == (239, 221, 5)
    # 17:12:59 initiation, 17:14:46 enqueued: 107 s; 17:20:32 dequeued: 346 s in the queue
    assert (contact["ivr_seconds"], contact["wait_seconds"]) == (107, 346)
    assert contact["started_at"] == datetime(2022, 1, 5, 17, 12, 59)
    assert contact["ended_at"] == datetime(2022, 1, 5, 17, 47, 28)
    # the agent left at 17:28:12 for a number outside; the customer hung up there 1156 s later: no handle time
    assert (contact["agent_id"], contact["n_transfers"], contact["is_abandoned"]) == ("agent.one", 1, False)
    (leg,) = by_id(contacts.legs).values()
    assert leg["updated_at"] == datetime(2022, 1, 11, 4, 9, 47)  # the last of the three deliveries
    assert leg["total_seconds"] == 465 == 239 + 221 + 5  # 17:20:32 to 17:28:17
    assert set_aside(contacts.legs) == [(1, None, "redelivery"), (2, None, "redelivery")]
    assert any("legs set aside: redelivery 2" in note for note in contacts.notes)


def test_a_record_of_one_agent_and_no_hold(vendor, read_log, by_id):
    contacts = read_log(vendor / "amazon_connect" / "connect_ctr_deidentified.json", SOURCE)
    (contact,) = by_id(contacts).values()
    parts = ("talk_seconds", "hold_seconds", "wrap_seconds", "wait_seconds", "n_transfers")
    assert [contact[part] for part in parts] == [33, 0, 32, 7, 0]
    assert contact["ivr_seconds"] == 64  # 14:59:38 to 15:00:42


@pytest.fixture
def chain():
    """A call passed on to another queue, with the flow of a survey after it; and a supervisor who listened in."""
    return [
        record("c1", agent=ANN, queue=SALES, NextContactId="c2", DisconnectTimestamp="2026-03-02T09:03:00Z"),
        record(
            "c2",
            "2026-03-02T09:03:00Z",
            agent=BEN,
            queue=HELP,
            InitialContactId="c1",
            PreviousContactId="c1",
            InitiationMethod="TRANSFER",
            DisconnectTimestamp="2026-03-02T09:05:50Z",
        ),
        record(
            "c3",
            "2026-03-02T09:05:50Z",
            PreviousContactId="c2",
            InitiationMethod="DISCONNECT",
            DisconnectTimestamp="2026-03-02T09:09:00Z",
        ),
        record("c4", InitialContactId="c1", InitiationMethod="MONITOR", agent=ANN),
    ]


def test_a_chain_is_one_contact(tmp_path, read_log, by_id, set_aside, chain):
    contacts = read_log(write(tmp_path, chain), SOURCE)
    contact = by_id(contacts)["c1"]
    assert contacts.count() == 1
    assert (contact["wait_seconds"], contact["rewait_seconds"], contact["ivr_seconds"]) == (40, 60, 20)
    assert (contact["talk_seconds"], contact["hold_seconds"], contact["wrap_seconds"]) == (150, 20, 35)
    assert (contact["first_agent_id"], contact["agent_id"], contact["n_agents"]) == ("ann", "ben", 2)
    assert (contact["queue"], contact["direction"], contact["n_transfers"]) == ("sales", "inbound", 1)
    assert contact["ended_at"] == datetime(2026, 3, 2, 9, 5, 50)  # the survey's flow is no longer the contact
    assert {leg["contact_id"] for leg in by_id(contacts.legs).values()} == {"c1"}
    assert set_aside(contacts.legs) == [(4, None, "monitor_leg")]


def test_the_order_of_delivery_does_not_matter(tmp_path, read_log, by_id, chain):
    one = by_id(read_log(write(tmp_path, chain), SOURCE))
    other = by_id(read_log(write(tmp_path, chain[::-1], "other.jsonl"), SOURCE))
    assert one == other


@pytest.mark.parametrize(
    ("more", "is_abandoned"),
    [
        ({"queue": SALES}, True),
        ({"queue": SALES, "NextContactId": "c9"}, None),  # went on in a callback
        ({"queue": SALES, "InitiationMethod": "CALLBACK"}, None),  # the customer waited in no queue
        ({}, None),  # served by the menu alone
        ({"queue": SALES, "agent": ANN}, False),
    ],
)
def test_who_abandoned(read_log, by_id, more, is_abandoned):
    # beside a contact that is known either way, so that the column is there
    contacts = by_id(read_log([record("c1", **more), record("c0", agent=ANN, queue=SALES)], SOURCE))
    assert contacts["c1"]["is_abandoned"] is is_abandoned


def test_fields_of_the_export_that_a_map_names_are_kept(read_log, by_id):
    records = [
        record("c1", agent=ANN, queue=SALES, Attributes={"account": "77", "topic": "bill"}),
        record("c2", agent=BEN, queue=HELP, Attributes={"account": "78"}),
    ]
    columns = {"customer_id": "Attributes.account", "reason": "attributes.topic"}
    mapped = {"columns": columns, "leave_out": {"Agent.Username": ["ben"]}}
    contacts = read_log(records, SOURCE, map={**mapped, "columns": {**columns, "reason": "Attributes.topic"}})
    assert by_id(contacts)["c1"]["customer_id"] == "77"
    assert by_id(contacts)["c1"]["reason"] == "bill"
    assert contacts.count() == 1  # ben's leg was left out
    with pytest.raises(MissingColumnError, match="lack"):
        read_log(records, SOURCE, map={"customer_id": "Attributes.acount"})


def test_a_frame_made_into_dicts_tells_nothing_where_it_has_nan(read_log, by_id):
    frame = pd.json_normalize([record("c1", queue=SALES), record("c2", agent=ANN, queue=SALES)])
    contacts = by_id(read_log(frame.to_dict("records"), SOURCE))
    told = [(contacts[one]["agent_id"], contacts[one]["is_abandoned"]) for one in ("c1", "c2")]
    assert told == [(None, True), ("ann", False)]


def test_what_is_left_out_may_be_spelled_in_any_case(read_log, by_id):
    records = [record("c1", agent=ANN), record("c2", agent=BEN, Channel="TASK"), record("c3", agent=BEN)]
    given = {"columns": {"kind": "CHANNEL"}, "leave_out": {"channel": ["TASK"], "Channel": ["CHAT"], "contactid": "c3"}}
    contacts = read_log(records, SOURCE, map=given)
    assert set(by_id(contacts)) == {"c1"}
    assert by_id(contacts)["c1"]["kind"] == "VOICE"
    assert not any("leave_out" in note for note in contacts.notes)


def test_leaving_out_by_what_no_record_tells_is_told(read_log):
    records = [record("c1", agent=ANN), record("c2", agent=BEN, Attributes={"vip": "1"})]
    given = {"leave_out": {"Agent.Usernam": ["ben"], "Attributes.vip": ["0"]}}
    contacts = read_log(records, SOURCE, map=given)
    assert contacts.count() == 2
    (note,) = [note for note in contacts.notes if "leave_out" in note]
    assert note == (
        "leave_out = 'Agent.Usernam' of the map: no record has it, nearest: Agent.Username; it left nothing out"
    )


def test_only_contacts_of_the_period_are_read(read_log, by_id):
    records = [record("c1", queue=SALES), record("c2", "2026-03-03T09:00:00Z", queue=SALES)]
    contacts = read_log(records, SOURCE, since="2026-03-03")
    assert (set(by_id(contacts)), contacts.n_read, contacts.n_outside_period) == ({"c2"}, 2, 1)


def test_a_total_that_does_not_fit_is_told(read_log):
    longer = (*ANN[:5], "2026-03-02T09:04:30Z")  # a minute more than 100 + 20 + 30 s
    contacts = read_log([record("c1", agent=ANN, queue=SALES), record("c2", agent=longer, queue=SALES)], SOURCE)
    assert any("by more than 2 s in 1 of 2 legs that tell both (50.0%)" in note for note in contacts.notes)


def test_json_in_every_layout_reads_alike(tmp_path, read_log, by_id, chain):
    expected = by_id(read_log(write(tmp_path, chain), SOURCE))
    texts = {
        "list.json": json.dumps(chain, indent=2),
        "reply.json": json.dumps({"Contacts": chain}),
        "joined.json": "".join(map(json.dumps, chain)),
        "marked.json": "\ufeff" + "\r\n".join(map(json.dumps, chain)),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert by_id(read_log(tmp_path / name, SOURCE)) == expected, name
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(texts["list.json"].encode()))
    (tmp_path / "wide.json").write_text(texts["list.json"], encoding="utf-16")
    for name in ("packed.json.gz", "wide.json"):
        assert by_id(read_log(tmp_path / name, SOURCE)) == expected, name


def test_a_folder_is_read_as_one_log(tmp_path, read_log, by_id, chain):
    for hour, part in enumerate((chain[:2], chain[2:])):
        (tmp_path / "day" / f"{hour:02}").mkdir(parents=True)
        write(tmp_path / "day" / f"{hour:02}", part, "firehose")
    assert by_id(read_log(tmp_path / "day", SOURCE))["c1"]["talk_seconds"] == 150


def test_what_cannot_be_used_is_set_aside(tmp_path, read_log, by_id, set_aside):
    bad_cells = record("c2", queue=("sales", "2026-03-02T09:00:20Z", "soon"), CustomerEndpoint="+4900")
    bad_cells["Agent"] = {"AgentInteractionDuration": -5, "AfterContactWorkDuration": 10**30, "Username": "\ud800"}
    lines = [
        json.dumps(record("c1", agent=ANN, queue=SALES)),
        '{"ContactId": "c9", "Initiation',
        json.dumps({"hello": [1, {"world": None}]}),
        "17",
        json.dumps(bad_cells),
        json.dumps(record("c3", "yesterday")),
    ]
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    contacts = read_log(path, SOURCE)
    assert set(by_id(contacts)) == {"c1", "c2"}
    assert set_aside(contacts.legs) == [
        (2, None, "unreadable_record"),
        (3, None, "not_a_record"),
        (4, None, "not_a_record"),
        (5, "talk_seconds", "negative_duration"),
        (5, "wait_seconds", "not_a_number"),
        (5, "wrap_seconds", "out_of_range"),
        (6, "ivr_seconds", "unreadable_time"),  # it is told from the same cell
        (6, "started_at", "unreadable_time"),
        (6, None, "started_at_missing"),
    ]


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("", EmptyTableError, "nothing but blanks"),
        ('{"ContactId": "c1",\n "Agent": {', UnreadableFileError, "line 2 is not JSON"),
        ('{"foo": 1}\n{"foo": 2}\n', InputError, "None of the 2 records"),
        ("[" * 100_000, UnreadableFileError, "not JSON"),
        ("Contact;Start\n1;2\n", InputError, "None of the 1 records"),
    ],
)
def test_files_that_are_no_such_export(tmp_path, read_log, text, error, told):
    path = tmp_path / "records.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=told):
        read_log(path, SOURCE)


def test_text_in_an_unknown_encoding_is_an_error(tmp_path, read_log):
    path = tmp_path / "records.json"
    path.write_bytes(b'{"ContactId": "\xe9\xff"}\n')
    with pytest.raises(UnreadableFileError, match="UTF-8"):
        read_log(path, SOURCE)
    with zipfile.ZipFile(tmp_path / "records.zip", "w") as archive:
        archive.write(path, "records.json")
    with pytest.raises(UnreadableFileError, match="Unpack it"):
        read_log(tmp_path / "records.zip", SOURCE)
    with pytest.raises(UnreadableFileError, match="matches no file"):
        read_log(tmp_path / "nowhere*.json", SOURCE)
    with pytest.raises(UsageError, match="int"):
        read_log(7, SOURCE)
