"""Medallia Agent Connect, Delighted, AskNicely, Zendesk and HubSpot: what was sent, and what came back."""

from __future__ import annotations

import json
from datetime import datetime

import pandas as pd
import pytest

from cxfusion.engine import Session
from cxfusion.errors import EmptyTableError, InputError, MissingColumnError, NoScoreError
from cxfusion.tables.read import read_surveys
from cxfusion.tables.relation import Scale

SENT, RESPONDED = 1_614_192_119, 1_614_195_719  # 2021-02-24 18:41:59 and an hour later, UTC


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


@pytest.fixture
def read(session, tmp_path):
    def read(content, source, source_map=None, **options):
        path = tmp_path / ("export.csv" if isinstance(content, str) else "export.json")
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return read_surveys(path, source=source, map=source_map, session=session, **options)

    return read


def rows_of(surveys, *names):
    return [tuple(row[name] for name in names) for row in surveys.to_arrow().to_pylist()]


def aside(surveys):
    rows = surveys.session.collect(surveys.set_aside).to_pylist()
    return [(row["source_row"], row["reason"], row["original"]) for row in rows]


def test_medallia_agent_connect(read):
    text = (
        "request_id,request_sent_at,request_delivery_status,response_received_at,star_rating,ext_interaction_id\n"
        "r1,2024-05-01 10:00:00,Delivered,2024-05-01 11:00:00,5,i1\n"
        "r2,2024-05-01 10:00:00,Delivered,,,i2\n"
        "r3,2024-05-01 10:00:00,Bounced,,,i3\n"
        "r4,2024-05-01 10:00:00,Opted Out,,,i4\n"
        "r5,2024-05-01 10:00:00,Teleported,,,i5\n"
        "r6,2024-05-01 10:00:00,Delivered,2024-05-01 11:00:00,9,i6\n"
    )
    surveys = read(text, "medallia_agent_connect", timezone="Asia/Tokyo")  # its times are UTC all the same
    assert rows_of(surveys, "response_id", "contact_id", "csat", "disposition") == [
        ("r1", "i1", 5, "complete"),
        ("r2", "i2", None, "no answer"),
        ("r3", "i3", None, "undelivered"),
        ("r4", "i4", None, "opt-out"),
        ("r5", "i5", None, None),
        ("r6", "i6", None, "complete"),
    ]
    assert rows_of(surveys, "invited_at", "answered_at")[0] == (datetime(2024, 5, 1, 10), datetime(2024, 5, 1, 11))
    assert aside(surveys) == [(6, "score_out_of_scale", "9")]
    assert any("'Teleported' (1)" in note for note in surveys.notes)


def test_delighted(read):
    records = [
        {"id": "1", "person": "10", "survey_type": "nps", "score": 0, "created_at": 1713418460,
         "person_properties": {"Call ID": "c1", "id": "x"}},
        {"id": "2", "person": "11", "survey_type": "csat", "score": 5, "created_at": 1713418461,
         "person_properties": {"Call ID": "c2"}},
    ]  # fmt: skip
    surveys = read(records, "delighted")
    assert rows_of(surveys, "response_id", "customer_id", "contact_id", "nps", "csat") == [
        ("1", "10", "c1", 0, None), ("2", "11", "c2", None, 5),
    ]  # fmt: skip
    # 1713418460 s = 19831 days (2024-04-18) and 20060 s = 05:34:20
    assert rows_of(surveys, "answered_at")[0] == (datetime(2024, 4, 18, 5, 34, 20),)
    assert surveys.scales == {"nps": Scale(0, 10), "csat": Scale(1, 5)}


def test_delighted_scales_are_never_mixed_or_stretched(read):
    def records(*pairs):
        return [
            {"id": str(i), "person": "p", "survey_type": kind, "score": score} for i, (kind, score) in enumerate(pairs)
        ]

    with pytest.raises(InputError, match="could each be ces"):
        read(records(("ces", 4), ("ces7", 6)), "delighted")
    chosen = read(records(("ces", 4), ("ces7", 6)), "delighted", {"ces": "score (ces7)"})
    assert rows_of(chosen, "ces") == [(None,), (6,)]
    with pytest.raises(InputError, match="runs from 0 to 5, but is usually on 1 to 5"):
        read(records(("csat", 0), ("csat", 5)), "delighted")
    with pytest.raises(NoScoreError, match="runs from 1 to 3, on a scale that the export does not tell"):
        read(records(("pmf", 1), ("pmf", 3)), "delighted")
    beside = read(records(("nps", 7), ("pmf", 3)), "delighted")
    assert rows_of(beside, "nps") == [(7,), (None,)]
    assert any("score (pmf)" in note for note in beside.notes)


def nicely(number, **fields):
    plain = {"response_id": str(number), "person_id": f"p{number}", "contact_id": f"p{number}", "sent": str(SENT)}
    return {**plain, "answer": "", "responded": "0", "dontcontact": None, "question_type": "nps", **fields}


def test_asknicely(read):
    records = [
        nicely(1, answer="9", responded=str(RESPONDED), interaction_id_c="c1"),
        nicely(2),
        nicely(3, dontcontact="1"),
        nicely(4, sent="0", survey_sent="false"),
    ]
    surveys = read({"success": True, "data": records}, "asknicely")
    assert rows_of(surveys, "response_id", "contact_id", "customer_id", "nps", "disposition") == [
        ("1", "c1", "p1", 9, "complete"),
        ("2", None, "p2", None, "no answer"),
        ("3", None, "p3", None, "opt-out"),
    ]
    assert rows_of(surveys, "invited_at", "answered_at")[:2] == [
        (datetime(2021, 2, 24, 18, 41, 59), datetime(2021, 2, 24, 19, 41, 59)),
        (datetime(2021, 2, 24, 18, 41, 59), None),
    ]
    assert aside(surveys) == [(4, "survey_not_sent", "4")]
    assert rows_of(surveys, "person_record_id")[0] == ("p1",)


def test_asknicely_in_a_frame_and_in_its_csv_is_what_it_is_in_json(read, session):
    frame = pd.DataFrame(
        {
            "response_id": ["1", "2", "3", "4"],
            "person_id": ["p1", "p2", "p3", "p4"],
            "answer": [9.0, None, None, None],  # a gap makes floats of whole numbers
            "question_type": "nps",
            "sent": [SENT, SENT, SENT, 0],
            "responded": [float(RESPONDED), 0.0, None, 0.0],
            "dontcontact": [False, False, True, False],
            "survey_sent": [True, True, True, False],
        }
    )
    for surveys in (
        read_surveys(frame, source="asknicely", session=session),
        read(frame.to_csv(index=False), "asknicely"),
        read(frame.to_csv(index=False).replace("False", "FALSE"), "asknicely"),  # as Excel writes it
    ):
        assert rows_of(surveys, "response_id", "nps", "disposition") == [
            ("1", 9, "complete"),
            ("2", None, "no answer"),
            ("3", None, "opt-out"),
        ]
        assert aside(surveys) == [(4, "survey_not_sent", "4")]


def test_asknicely_stars_and_csat_are_two_things(read):
    records = [nicely(1, answer="5", question_type="csat"), nicely(2, answer="4", question_type="fivestar")]
    with pytest.raises(InputError, match="could each be csat"):
        read({"data": records}, "asknicely")
    assert rows_of(read({"data": records[1:]}, "asknicely"), "csat") == [(4,)]


def rating(number, score, **fields):
    times = {"created_at": "2024-05-01T10:00:00Z", "updated_at": "2024-05-01T12:00:00Z"}
    return {
        "id": number,
        "ticket_id": 100 + number,
        "requester_id": 7,
        "assignee_id": 8,
        "score": score,
        **times,
        **fields,
    }


def test_zendesk_older_ratings(read):
    scores = ["good", "bad", "offered", "unoffered", "good_with_comment", "strange"]
    surveys = read({"satisfaction_ratings": [rating(n, score) for n, score in enumerate(scores, 1)]}, "zendesk_csat")
    assert rows_of(surveys, "response_id", "case_id", "customer_id", "csat", "disposition") == [
        ("1", "101", "7", 1, "complete"),
        ("2", "102", "7", 0, "complete"),
        ("3", "103", "7", None, "no answer"),
        ("5", "105", "7", 1, "complete"),
        ("6", "106", "7", None, None),
    ]
    assert surveys.scales == {"csat": Scale(0, 1)}
    assert rows_of(surveys, "invited_at", "answered_at")[1:3] == [
        (datetime(2024, 5, 1, 10), datetime(2024, 5, 1, 12)),
        (datetime(2024, 5, 1, 10), None),
    ]
    assert aside(surveys) == [(4, "survey_not_sent", "4")]
    assert any("'strange' (1)" in note for note in surveys.notes)


def answered(number, *answers, subjects):
    return {"id": f"s{number}", "responder_id": "7", "expires_at": None, "subjects": subjects, "answers": list(answers)}


def test_zendesk_newer_responses(read):
    ticket = [{"type": "ticket", "id": "55", "zrn": "zen:ticket:55"}]
    rated = {"type": "rating_scale", "rating": 4, "rating_category": "good", "created_at": "2024-05-01T12:00:00Z"}
    said = {"type": "open_ended", "comment": "fine", "created_at": "2024-05-01T12:01:00Z"}
    records = [
        answered(1, said, rated, subjects=ticket),
        answered(2, rated, {**rated, "rating": 1}, subjects=[{"zrn": "zen:ticket:56"}]),
        answered(3, subjects=ticket),
    ]
    surveys = read({"survey_responses": records}, "zendesk_csat")
    assert rows_of(surveys, "response_id", "case_id", "customer_id", "csat", "disposition") == [
        ("s1", "55", "7", 4, "complete"), ("s2", "56", "7", 4, "complete"), ("s3", "55", "7", None, "no answer"),
    ]  # fmt: skip
    assert rows_of(surveys, "answered_at")[0] == (datetime(2024, 5, 1, 12),)
    assert any("1 responses hold several ratings" in note for note in surveys.notes)
    assert any("taken to be on 1 to 5" in note for note in surveys.notes)
    with pytest.raises(InputError, match="cannot be mixed"):
        read([rating(1, "good"), records[0]], "zendesk_csat")


def submission(number, kind, value):
    properties = {
        "hs_survey_type": kind,
        "hs_value": str(value),
        "hs_contact_id": "p1",
        "hs_response_group": "PROMOTER",
    }
    return {"id": str(number), "properties": properties, "createdAt": "2019-10-30T03:30:17.883Z"}


def test_hubspot_feedback(read):
    records = {"results": [submission(1, "NPS", 9), submission(2, "CES", 7), submission(3, "CSAT", 2)]}
    surveys = read(records, "hubspot_feedback")
    assert rows_of(surveys, "response_id", "customer_id", "nps", "ces") == [
        ("1", "p1", 9, None), ("2", "p1", None, 7), ("3", "p1", None, None),
    ]  # fmt: skip
    assert rows_of(surveys, "answered_at")[0] == (datetime(2019, 10, 30, 3, 30, 17, 883_000),)
    assert any("'hs_value (csat)' runs from 2 to 2" in note for note in surveys.notes)
    told = {"columns": {"csat": {"column": "hs_value (csat)", "scale": [0, 2]}}}
    assert rows_of(read(records, "hubspot_feedback", told), "csat") == [(None,), (None,), (2,)]


def test_hubspot_csat_has_no_scale_of_its_own(read):
    with pytest.raises(NoScoreError, match=r"csat = \{ column = \"hs_value \(csat\)\", scale = \[LOWEST, HIGHEST\] \}"):
        read(submission(1, "CSAT", 2), "hubspot_feedback")


@pytest.mark.parametrize(
    "source", ["delighted", "asknicely", "zendesk_csat", "hubspot_feedback", "medallia_agent_connect"]
)
def test_what_is_no_such_export(read, source):
    with pytest.raises(MissingColumnError, match="does not look like an export"):
        read([{"contact_id": "1", "csat": 5}], source)
    with pytest.raises(EmptyTableError):
        read([], source)


@pytest.fixture
def sample(session, vendor):
    def sample(path, source, source_map=None):
        return read_surveys(vendor / path, source=source, map=source_map, session=session)

    return sample


def test_samples(sample):
    delighted = sample("delighted/survey_response_doc_example.json", "delighted")
    assert rows_of(delighted, "response_id", "customer_id", "nps", "answered_at") == [
        ("1", "10", 0, datetime(2024, 4, 18, 5, 34, 20))
    ]
    nicely = sample("asknicely/get_responses_doc_example.json", "asknicely")
    assert rows_of(nicely, "response_id", "customer_id", "nps", "disposition", "answered_at") == [
        ("54120", "54121", 8, "complete", datetime(2021, 2, 24, 18, 41, 59))
    ]
    told = {"columns": {"csat": {"column": "hs_value (csat)", "scale": [0, 2]}, "customer_id": "hs_survey_id"}}
    hubspot = sample("hubspot/feedback_submission_doc_example.json", "hubspot_feedback", told)
    assert rows_of(hubspot, "response_id", "csat") == [("512", 2)]
    with pytest.raises(EmptyTableError):  # the sample is a line of headings alone
        sample("medallia/agent_connect_export_header.csv", "medallia_agent_connect")
