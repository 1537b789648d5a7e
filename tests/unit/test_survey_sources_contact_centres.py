"""Surveys and evaluations that contact centre platforms keep themselves: Genesys Cloud and Amazon Connect."""

from __future__ import annotations

import json
from datetime import datetime

import pandas as pd
import pytest

from cxfusion.engine import Session
from cxfusion.errors import EmptyTableError, MissingColumnError
from cxfusion.tables.read import read_surveys
from cxfusion.tables.relation import Scale


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


@pytest.fixture
def read(session, tmp_path):
    def read(content, source, source_map=None):
        path = tmp_path / "export.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
        return read_surveys(path, source=source, map=source_map, session=session)

    return read


def rows_of(surveys, *names):
    return [tuple(row[name] for name in names) for row in surveys.to_arrow().to_pylist()]


def aside(surveys):
    rows = surveys.session.collect(surveys.set_aside).to_pylist()
    return [(row["source_row"], row["reason"], row["original"]) for row in rows]


def survey(number, status, **fields):
    return {"surveyId": f"s{number}", "surveyStatus": status, "userId": "u1", **fields}


def test_genesys_surveys_within_conversations(read):
    done = {"surveyCompletedDate": "2024-04-29T18:00:00.000Z", "surveyPromoterScore": 9, "oSurveyTotalScore": 80}
    conversations = [
        {
            "conversationId": "v1",
            "participants": [],
            "surveys": [survey(1, "Finished", **done), survey(2, "OptOut")],
            "evaluations": [
                {"evaluationId": "e1", "evaluatorId": "w", "oTotalScore": 75, "eventTime": "2024-04-30T08:00:00Z"},
                {"evaluationId": "e2", "evaluatorId": "w", "oTotalScore": 10, "deleted": True},
            ],
        },
        {"conversationId": "v2", "participants": [], "surveys": [survey(3, "Finished", surveyPartialResponse=True)]},
        {"conversationId": "v3", "participants": []},
        {
            "conversationId": "v4",
            "participants": [],
            "surveys": [survey(n, status) for n, status in enumerate(["Expired", "InProgress", "Error", "New"], 4)],
        },
    ]
    surveys = read({"conversations": conversations}, "genesys_surveys")
    assert rows_of(surveys, "response_id", "contact_id", "nps", "qa_score", "respondent_role", "disposition") == [
        ("s1", "v1", 9, None, "customer", "complete"),
        ("s2", "v1", None, None, "customer", "opt-out"),
        ("e1", "v1", None, 75, "evaluator", None),
        ("s3", "v2", None, None, "customer", "partial"),
        ("s4", "v4", None, None, "customer", "no answer"),
        ("s5", "v4", None, None, "customer", "partial"),
        ("s6", "v4", None, None, "customer", "undelivered"),
        ("s7", "v4", None, None, "customer", None),
    ]
    assert aside(surveys) == [(4, "evaluation_deleted", "e2")]
    assert rows_of(surveys, "answered_at")[0] == (datetime(2024, 4, 29, 18),)
    assert any("'New' (1)" in note for note in surveys.notes)
    assert any("oSurveyTotalScore" in note for note in surveys.notes)
    told = {"columns": {"csat": {"column": "oSurveyTotalScore", "scale": [0, 100]}}}
    total = read({"conversations": conversations}, "genesys_surveys", told)
    assert rows_of(total, "csat")[0] == (80,)
    assert total.scales["csat"] == Scale(0, 100)


def test_genesys_surveys_of_a_frame_tell_what_is_partial(session):
    frame = pd.DataFrame(
        {
            "surveyId": ["s1", "s2"],
            "conversationId": ["v1", "v2"],
            "surveyStatus": "Finished",
            "surveyPromoterScore": [9, 8],
            "surveyPartialResponse": [True, False],
        }
    )
    surveys = read_surveys(frame, source="genesys_surveys", session=session)
    assert rows_of(surveys, "response_id", "disposition") == [("s1", "partial"), ("s2", "complete")]


def test_genesys_surveys_by_themselves(read):
    records = [
        {"id": "s1", "conversation": {"id": "v1"}, "status": "Finished", "completedDate": "2024-04-29T18:00:00Z",
         "answers": {"npsScore": 3, "totalScore": 40}},
    ]  # fmt: skip
    surveys = read({"entities": records}, "genesys_surveys")
    assert rows_of(surveys, "response_id", "contact_id", "nps", "disposition") == [("s1", "v1", 3, "complete")]


def test_amazon_connect_surveys(read):
    typed = {
        "contactId": {"S": "k1"}, "surveyId": {"S": "post"}, "survey_result_1": {"S": "2"},
        "survey_result_2": {"S": "5"}, "timestamp": {"N": "1641404855.123"}, "comment": {"NULL": True},
    }  # fmt: skip
    plain = {"contactId": "k2", "surveyId": "post", "survey_result_1": 5, "timestamp": 1641404856}
    # 1641404855 s = 18997 days (2022-01-05) and 64055 s = 17:47:35
    for content in ({"Items": [typed, plain]}, f"{json.dumps({'Item': typed})}\n{json.dumps(plain)}\n"):
        surveys = read(content, "amazon_connect_surveys", {"csat": "survey_result_1"})
        assert rows_of(surveys, "response_id", "contact_id", "csat", "answered_at") == [
            ("k1:post", "k1", 2, datetime(2022, 1, 5, 17, 47, 35, 123_000)),
            ("k2:post", "k2", 5, datetime(2022, 1, 5, 17, 47, 36)),
        ]
        assert any("overwrites" in note for note in surveys.notes)


def test_amazon_connect_evaluations_are_an_evaluators(read):
    evaluation = {
        "evaluationId": "e1",
        "metadata": {
            "contactId": "k1",
            "agentId": "a1",
            "evaluationSubmitTimestamp": "2022-11-14T17:59:29.052Z",
            "score": {"percentage": 60},
        },
    }
    surveys = read([evaluation, evaluation], "amazon_connect_evaluations")
    assert rows_of(surveys, "response_id", "contact_id", "qa_score", "respondent_role", "answered_at") == [
        ("e1", "k1", 60, "evaluator", datetime(2022, 11, 14, 17, 59, 29, 52_000))
    ]
    assert aside(surveys) == [(2, "duplicate_response", "e1")]
    assert not surveys.has("csat")


@pytest.mark.parametrize("source", ["genesys_surveys", "amazon_connect_surveys", "amazon_connect_evaluations"])
def test_what_is_no_such_export(read, source):
    with pytest.raises(MissingColumnError, match="does not look like an export"):
        read([{"case_id": "1", "csat": 5}], source)
    with pytest.raises(EmptyTableError):
        read("", source)


def test_samples(session, vendor):
    item = read_surveys(
        vendor / "amazon_connect" / "contact_surveys_dynamodb_item_shape.json",
        source="amazon_connect_surveys",
        map={"csat": "survey_result_1"},
        session=session,
    )
    assert rows_of(item, "response_id", "csat", "answered_at") == [
        ("<ContactId>:<surveyId>", 2, datetime(2022, 1, 5, 17, 47, 35, 123_000))
    ]
    evaluation = read_surveys(
        vendor / "amazon_connect" / "contact_lens_evaluation_aws_doc_example_trimmed.json",
        source="amazon_connect_evaluations",
        session=session,
    )
    assert rows_of(evaluation, "contact_id", "qa_score", "respondent_role") == [
        ("badd4896-75f7-43b3-bee6-c617ed3d04cb", 100, "evaluator")
    ]
    with pytest.raises(EmptyTableError):  # conversations without a single survey
        read_surveys(
            vendor / "genesys_cloud" / "genesys_conversation_detail_deidentified.json",
            source="genesys_surveys",
            session=session,
        )
