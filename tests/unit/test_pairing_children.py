"""Surveys that name a child contact: the flow that asks after hang-up has a contact id of its own."""

from __future__ import annotations

import cxfusion as cx

ANSWERED = {"Username": "ivo", "ConnectedToAgentTimestamp": "2026-01-05T09:00:20Z"}


def record(contact_id, minute, method, **more):
    times = {"InitiationTimestamp": f"2026-01-05T09:{minute:02}:00Z"}
    return {"ContactId": contact_id, "Channel": "VOICE", "InitiationMethod": method, **times, **more}


LOG = [
    record("call", 0, "INBOUND", Agent=ANSWERED),
    record("survey", 5, "DISCONNECT", PreviousContactId="call"),
    record("other call", 30, "INBOUND", Agent=ANSWERED),
    record("transfer", 40, "TRANSFER", InitialContactId="other call", PreviousContactId="other call", Agent=ANSWERED),
    record("other survey", 50, "DISCONNECT", InitialContactId="other call", PreviousContactId="transfer"),
]


def test_pairs_of_legs_are_those_of_which_it_can_be_told_which_leg_is_meant():
    answers = [
        {"response_id": "names a leg", "leg_id": "transfer", "csat": 1},
        {"response_id": "one agent only", "contact_id": "call", "csat": 2},
        {"response_id": "two agents", "contact_id": "other call", "csat": 3, "respondent_role": "companion"},
        {"response_id": "unknown", "contact_id": "unknown", "csat": 4},
    ]
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(LOG, source="amazon_connect", session=session)
        pairing = cx.pair(contacts, cx.read_surveys(answers, session=session))
        own = cx.pair_legs(pairing)
        found = {row["response_id"]: (row["reason"], row["contact_id"]) for row in own.to_arrow().to_pylist()}
        assert own.contacts.count() == len(LOG)
    assert found == {
        "names a leg": ("paired_contact_id", "transfer"),
        "one agent only": ("paired_contact_id", "call"),
        "two agents": ("no_key", None),
    }


def test_the_answer_to_a_flow_after_hang_up_speaks_about_the_call_before_it():
    items = [
        {"contactId": name, "surveyId": "s", "timestamp": "1767610000", "survey_result_1": score}
        for name, score in (("survey", "2"), ("other survey", "5"), ("other call", "4"), ("unknown", "1"))
    ]
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(LOG, source="amazon_connect", session=session)
        surveys = cx.read_surveys(
            items, source="amazon_connect_surveys", map={"csat": "survey_result_1"}, session=session
        )
        assert contacts.count() == 2
        rows = cx.pair(contacts, surveys, cx.PairingPlan(one_per_contact=False)).to_arrow().to_pylist()
    assert [(row["contact_id"], row["leg_id"], row["reason"], row["csat"]) for row in rows] == [
        ("call", None, "paired_contact_id", 2.0),
        ("other call", None, "paired_contact_id", 5.0),
        ("other call", None, "paired_contact_id", 4.0),
        (None, None, "unknown_contact", 1.0),
    ]
