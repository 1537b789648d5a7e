"""Genesys Cloud conversation details: agents who did not respond, metrics told twice, transfers, abandons."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

SOURCE = "genesys_cloud"


def session(ident, start, metrics, *segments, **more):
    """A session; ``metrics`` name → ms, or a list of them; segments are (kind, start second, end second)."""
    told = [
        {"name": name, "value": value, "emitDate": f"2026-03-02T09:0{start}:30.000Z"}
        for name, values in metrics.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    parts = [
        {"segmentType": kind, "segmentStart": at(first), "segmentEnd": at(last), "queueId": "q1", **code}
        for kind, first, last, code in ((*segment, {})[:4] for segment in segments)
    ]
    return {"sessionId": ident, "mediaType": "voice", "metrics": told, "segments": parts, **more}


def at(second):
    return f"2026-03-02T09:{second // 60:02}:{second % 60:02}.000Z"


def conversation(ident, *participants):
    found = [{"purpose": purpose, "sessions": [one], **more} for purpose, one, more in participants]
    start = {"conversationStart": at(0), "conversationEnd": at(600), "originatingDirection": "inbound"}
    return {"conversationId": ident, **start, "participants": found}


CUSTOMER = ("customer", session("s0", 0, {}, ("interact", 0, 500), ani="tel:+4900"), {"externalContactId": None})
IVR = ("ivr", session("s1", 0, {"tIvr": 20_000}, ("ivr", 0, 20)), {})


def served():
    """Two agents: talk told per segment and as a whole, hold per segment alone; the first passed the call on."""
    first = session(
        "a1",
        1,
        {"tAlert": 4_000, "tAnswered": 30_000, "tTalk": [60_000, 40_000], "tTalkComplete": 100_000}
        | {"tHeld": [15_000, 5_000], "tAcw": 10_000, "tHandle": 130_000, "nTransferred": 1},
        ("alert", 46, 50),
        ("interact", 50, 110),
        ("hold", 110, 125),
        ("interact", 125, 165),
        ("hold", 165, 170),
        ("wrapup", 170, 180, {"wrapUpCode": "bill"}),
    )
    second = session(
        "a2", 4, {"tAlert": 2_000, "tTalk": 30_000, "tHandle": 31_000}, ("alert", 200, 202), ("interact", 202, 232)
    )
    listening = session("a3", 4, {"tTalk": 9_000}, ("interact", 210, 219), monitoredParticipantId="p1")
    return conversation(
        "v1",
        CUSTOMER,
        IVR,
        ("acd", session("q1", 1, {"tAcd": 30_000}, ("interact", 20, 50)), {}),
        ("agent", first, {"userId": "ann"}),
        ("acd", session("q2", 3, {"tAcd": 22_000}, ("interact", 180, 202)), {}),
        ("agent", second, {"userId": "ben"}),
        ("agent", listening, {"userId": "boss"}),
    )


@pytest.mark.parametrize(
    ("name", "customer", "agents"),
    [
        ("conversation_detail_not_responding_then_answered.json", "ext-1", ("s-a1", "s-a2")),
        ("genesys_conversation_detail_deidentified.json", None, ("s-agA", "s-agB")),
    ],
)
def test_an_agent_who_did_not_respond(vendor, read_log, by_id, name, customer, agents):
    contacts = read_log(vendor / "genesys_cloud" / name, SOURCE)
    (contact,) = by_id(contacts).values()
    legs = by_id(contacts.legs)
    missed, answered = (legs[agent] for agent in agents)
    assert (missed["ring_seconds"], missed["wrap_seconds"], missed["is_handled"]) == (7.421, 57, False)
    assert (answered["talk_seconds"], answered["wrap_seconds"], answered["total_seconds"]) == (374.894, 3, 377.894)
    # AHT has three denominators: two sessions with tHandle, one conversation, one agent who answered
    handles = [leg["total_seconds"] for leg in legs.values() if leg["total_seconds"] is not None]
    assert [round(sum(handles) / n, 1) for n in (len(handles), 1)] == [217.4, 434.9]  # (57 + 377.894) / 2 and / 1
    handle = contact["talk_seconds"] + contact["hold_seconds"] + contact["wrap_seconds"]
    assert handle == pytest.approx(377.894)  # the contact's own: what the customer was served
    assert any("57 s in 1 legs" in note for note in contacts.notes)
    # the wait holds the alerts of both agents: 17:31:47.652 to 17:32:00.063
    assert (contact["wait_seconds"], contact["ring_seconds"], contact["ivr_seconds"]) == (12.411, 2.364, 64.488)
    assert contact["started_at"] == datetime(2024, 4, 29, 17, 30, 43, 90_000)
    assert contact["ended_at"] == datetime(2024, 4, 29, 17, 38, 14, 974_000)
    assert (contact.get("customer_id"), contact["n_agents"], contact["n_transfers"]) == (customer, 1, 0)
    assert contact.get("reason") is None  # the agent who answered gave none in time


def test_metrics_told_twice_count_once(read_log, by_id, set_aside):
    gone = conversation(
        "v2", CUSTOMER, ("acd", session("q9", 1, {"tAcd": 45_000, "tAbandon": 45_000}, ("interact", 20, 65)), {})
    )
    menu = conversation("v3", CUSTOMER, IVR)
    contacts = read_log([served(), {"conversations": [gone, menu]}, {"foo": 1}, served()], SOURCE)
    found = by_id(contacts)
    contact = found["v1"]
    assert contact["talk_seconds"] == 130  # 100 (not 60 + 40 + 100) and 30
    assert contact["hold_seconds"] == 20  # 15 + 5; the second agent's tHandle leaves no room for any
    assert contact["wrap_seconds"] == 10
    assert (contact["wait_seconds"], contact["rewait_seconds"]) == (30, 22)
    assert (contact["n_transfers"], contact["n_holds"], contact["n_agents"]) == (1, 2, 2)
    assert (contact["agent_id"], contact["reason"], contact["customer_id"]) == ("ben", "bill", "+4900")
    assert contact["ended_at"] == datetime(2026, 3, 2, 9, 8, 20)  # the customer's session, 500 s
    assert (found["v2"]["is_abandoned"], found["v2"]["wait_seconds"]) == (True, 45)
    assert (found["v3"]["is_abandoned"], found["v3"]["ivr_seconds"]) == (None, 20)
    # ben's tHandle is 31 s, his parts are 30 s: within what rounding may lose
    assert any("in 0 of 2 legs" in note for note in contacts.notes)
    reasons = [reason for _, _, reason in set_aside(contacts.legs)]
    # the conversation was told twice: its 6 legs, the supervisor's among them, are there again
    assert sorted(reasons) == ["monitor_leg"] * 2 + ["not_a_record"] + ["redelivery"] * 5


def odd_metrics(ident, *metrics):
    """A call that one agent took, with these metrics."""
    serving = session(f"s-{ident}", 1, {}, ("interact", 50, 130)) | {"metrics": list(metrics)}
    return conversation(ident, CUSTOMER, ("agent", serving, {"userId": "ann"}))


def test_what_stands_among_metrics_and_is_none_has_a_reason(read_log):
    handle, talk = {"name": "tHandle", "value": 90_000}, {"name": "tTalk", "value": 80_000}
    contacts = read_log([odd_metrics("v1", handle, talk), odd_metrics("v2", handle, "tTalk: 80000", None)], SOURCE)
    legs = {row["leg_id"]: row for row in contacts.legs.to_arrow().to_pylist()}
    # a part that is not told took no time, but not where something could not be read that may have told it
    assert (legs["s-v1"]["talk_seconds"], legs["s-v1"]["hold_seconds"]) == (80, 0)
    assert [legs["s-v2"][f"{part}_seconds"] for part in ("ring", "talk", "hold", "wrap")] == [None] * 4
    assert legs["s-v2"]["total_seconds"] == 90
    aside = contacts.session.collect(contacts.legs.set_aside).to_pylist()
    told = {(row["column"], row["reason"], row["original"]) for row in aside}
    assert told == {
        (f"{part}_seconds", "not_a_number", "among the metrics: tTalk: 80000")
        for part in ("ring", "talk", "hold", "wrap")
    }


def test_a_conversation_of_odd_shape_is_no_traceback(tmp_path, read_log, by_id):
    odd = [
        {"conversationId": "v1", "conversationStart": at(0), "participants": None},
        {"conversationId": "v2", "conversationStart": at(0), "participants": ["x", {"sessions": {"a": 1}}]},
        conversation("v3", ("agent", {"metrics": [{"name": None, "value": []}], "segments": [7, {}]}, {"userId": 5})),
        conversation("v4", ("acd", session("s", 1, {"tAcd": "soon"}), {})),
        {"conversationId": {"x": 1}, "conversationStart": 17},
    ]
    path = tmp_path / "odd.json"
    path.write_text("\n".join(map(json.dumps, odd)), encoding="utf-8")
    assert {"v1", "v2", "v3", "v4"} <= set(by_id(read_log(path, SOURCE)))
