"""SurveyMonkey, Typeform and Google Forms: columns headed by the questions themselves."""

from __future__ import annotations

from datetime import datetime

import pytest

from cxfusion.engine import Session
from cxfusion.errors import EmptyTableError, InputError, MissingColumnError
from cxfusion.tables.read import read_surveys

MONKEY = (
    "Respondent ID,Collector ID,End Date,Custom Data 1,<b>How satisfied&nbsp;are you?</b>,How likely to recommend?,\n"
    ",,,,Response,Response,Other (please specify)\n"
    "1001,C1,01/13/2024 03:05:00 PM,contact-1,4,8,\n"
    "1002,C1,01/13/2024 03:06:00 PM,contact-2,5,10,more\n"
)
QUESTIONS = {"csat": "How satisfied are you?", "nps": "How likely to recommend?"}


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def read(session, tmp_path, text, source, source_map, **options):
    path = tmp_path / "export.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read_surveys(path, source=source, map=source_map, session=session, **options)


def test_surveymonkey_condensed(session, tmp_path):
    surveys = read(session, tmp_path, MONKEY, "surveymonkey", QUESTIONS, timezone="America/Los_Angeles")
    rows = surveys.to_arrow().to_pylist()
    assert [(row["response_id"], row["contact_id"], row["csat"], row["nps"]) for row in rows] == [
        ("1001", "contact-1", 4, 8), ("1002", "contact-2", 5, 10),
    ]  # fmt: skip
    # Los Angeles is eight hours behind UTC in January; 01/13 can only be month and day
    assert [row["answered_at"] for row in rows] == [datetime(2024, 1, 13, 23, minute) for minute in (5, 6)]
    assert [row["how_likely_to_recommend_other_please_specify"] for row in rows] == [None, "more"]
    assert [row["source_row"] for row in rows] == [1, 2]
    assert surveys.n_read == 2


def test_surveymonkey_does_not_guess_day_and_month(session, tmp_path):
    text = MONKEY.replace("01/13/2024", "01/02/2024")
    with pytest.raises(InputError, match="datetime_format"):
        read(session, tmp_path, text, "surveymonkey", QUESTIONS)
    told = {"columns": QUESTIONS, "datetime_format": "%d/%m/%Y %I:%M:%S %p"}
    surveys = read(session, tmp_path, text, "surveymonkey", told)
    assert surveys.to_arrow()["answered_at"].to_pylist()[0] == datetime(2024, 2, 1, 15, 5)


def test_surveymonkey_expanded_questions_of_one_answer_become_one_column(session, tmp_path):
    text = (
        "Respondent ID,End Date,Custom Data 1,How satisfied are you?,,,Which of these?,\n"
        ",,,1 - Bad,2 - Fair,3 - Good,Phone,Chat\n"
        "1,2024-01-13 10:00,c1,,,3 - Good,Phone,Chat\n"
        "2,2024-01-13 10:00,c2,1 - Bad,,,,Chat\n"
        "3,2024-01-13 10:00,c3,,,,,\n"
    )
    told = {"columns": {"csat": {"column": "How satisfied are you?", "scale": [1, 3]}}}
    surveys = read(session, tmp_path, text, "surveymonkey", told)
    assert surveys.to_arrow()["csat"].to_pylist() == [3, 1, None]
    assert not surveys.has("which_of_these")  # the first respondent chose both
    assert surveys.to_arrow()["which_of_these_phone"].to_pylist() == ["Phone", None, None]


def test_surveymonkey_without_the_line_of_choices(session, tmp_path):
    text = "Respondent ID,End Date,Call ID,CSAT\n7,2024-01-13 10:00,c7,5\n"
    surveys = read(session, tmp_path, text, "surveymonkey", None)
    assert surveys.to_arrow().select(["response_id", "contact_id", "csat"]).to_pylist() == [
        {"response_id": "7", "contact_id": "c7", "csat": 5.0}
    ]


TYPEFORM = (
    "#,How satisfied were you?,contact_id,Response Type,Start Date (UTC),Submit Date (UTC),Network ID\n"
    "a1,5,c1,completed,2018-04-03 09:05:14,2018-04-03 09:05:40,n1\n"
    "a2,,c2,partial,2018-04-03 09:06:14,,n2\n"
)


def test_typeform_times_are_utc_whatever_the_callers_zone(session, tmp_path):
    told = {"csat": "How satisfied were you?"}
    for zone in (None, "Asia/Tokyo"):
        surveys = read(session, tmp_path, TYPEFORM, "typeform", told, timezone=zone)
        rows = surveys.to_arrow().to_pylist()
        assert [row["answered_at"] for row in rows] == [datetime(2018, 4, 3, 9, 5, 40), None]
    assert [(row["response_id"], row["contact_id"], row["csat"], row["disposition"]) for row in rows] == [
        ("a1", "c1", 5, "complete"), ("a2", "c2", None, "partial"),
    ]  # fmt: skip
    assert [row["score_status"] for row in rows] == [None, "score_missing"]


def test_typeform_without_response_type_tells_partials_by_the_missing_time(session, tmp_path):
    text = TYPEFORM.replace("Response Type,", "").replace("completed,", "").replace("partial,", "")
    surveys = read(session, tmp_path, text, "typeform", {"csat": "How satisfied were you?"})
    assert surveys.to_arrow()["disposition"].to_pylist() == ["complete", "partial"]


def test_google_forms(session, tmp_path):
    text = (
        "Zeitstempel,Call ID,How satisfied are you?,Comment,Comment\n"
        "13.01.2024 10:00:00,c1,4,x,y\n"
        "14.01.2024 10:00:00,c2,5,,\n"
    )
    told = {"csat": "How satisfied are you?"}
    surveys = read(session, tmp_path, text, "google_forms", told, timezone="Europe/Berlin")
    rows = surveys.to_arrow().to_pylist()
    # Berlin is an hour ahead of UTC in January
    assert [row["answered_at"] for row in rows] == [datetime(2024, 1, day, 9) for day in (13, 14)]
    assert [(row["response_id"], row["contact_id"], row["csat"]) for row in rows] == [("1", "c1", 4), ("2", "c2", 5)]
    assert [(row["comment"], row["comment_2"]) for row in rows] == [("x", "y"), (None, None)]
    unzoned = read(session, tmp_path, text, "google_forms", told)
    assert any("timezone=" in note for note in unzoned.notes)
    assert any("not confirmed" in note and "locale" in note for note in unzoned.notes)


@pytest.mark.parametrize(
    ("told", "answered"),
    [
        ("2026/03/02 10:00:00 AM GMT+1", datetime(2026, 3, 2, 9)),
        ("2026/03/02 12:05:09 AM GMT", datetime(2026, 3, 2, 0, 5, 9)),
        ("2026/03/02 1:05:09 p. m. GMT-3:30", datetime(2026, 3, 2, 16, 35, 9)),
        ("2026/03/02 12:00:00 PM GMT+5:30", datetime(2026, 3, 2, 6, 30)),
    ],
)
def test_google_forms_own_download_tells_the_offset(session, tmp_path, told, answered):
    text = f"Timestamp,Call ID,CSAT\n{told},c1,4\n"
    surveys = read(session, tmp_path, text, "google_forms", {"csat": "CSAT"}, timezone="Asia/Tokyo")
    assert surveys.to_arrow()["answered_at"].to_pylist() == [answered]


@pytest.mark.parametrize("source", ["surveymonkey", "typeform", "google_forms"])
def test_what_is_no_such_export(session, tmp_path, source):
    with pytest.raises((MissingColumnError, EmptyTableError)):
        read(session, tmp_path, "one,two\n", source, {"csat": "two"})
    with pytest.raises(MissingColumnError):
        read(session, tmp_path, "one,two\n1,2\n", source, {"csat": "two"})


def test_samples(session, vendor):
    told = {"columns": QUESTIONS, "datetime_format": "%m/%d/%Y %I:%M:%S %p"}
    monkey = read_surveys(
        vendor / "surveymonkey" / "condensed_two_header_shape.csv", source="surveymonkey", map=told, session=session
    )
    row = monkey.to_arrow().to_pylist()[0]
    assert (row["response_id"], row["contact_id"], row["csat"], row["nps"]) == ("1001", "contact-1", 4, 8)
    assert row["answered_at"] == datetime(2024, 1, 2, 15, 5)
    typeform = read_surveys(
        vendor / "typeform" / "typeform_export_shape.csv",
        source="typeform",
        map={"csat": "How satisfied were you with the call?"},
        session=session,
    )
    row = typeform.to_arrow().to_pylist()[0]
    assert (row["contact_id"], row["csat"], row["disposition"]) == ("c-1", 5, "complete")
    assert row["answered_at"] == datetime(2018, 4, 3, 9, 5, 40)
