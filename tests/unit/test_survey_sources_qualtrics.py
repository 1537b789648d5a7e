"""Qualtrics exports: three lines of headings or two, previews, partials, time zones, labels, and the key."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime

import pandas as pd
import pytest

from cxfusion.engine import Session
from cxfusion.errors import EmptyTableError, InputError, MissingColumnError, NoScoreError, UnreadableFileError
from cxfusion.tables.read import read_surveys
from cxfusion.tables.relation import Scale

IDS = {
    "EndDate": "endDate",
    "Status": "status",
    "Finished": "finished",
    "Progress": "progress",
    "ResponseId": "_recordId",
    "ExternalReference": "externalDataReference",
    "DistributionChannel": "distributionChannel",
}


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def export(rows, names=None, zone="America/New_York", ids=None):
    """An export with a localised second line."""
    names = names or list(rows[0])
    told = [{"ImportId": (ids or IDS).get(name, f"QID_{name}")} for name in names]
    if zone:
        told[0]["timeZone"] = zone
    lines = [names, [f"Übersetzt,\n{name}" for name in names], [json.dumps(one) for one in told]]
    text = io.StringIO()
    csv.writer(text).writerows([*lines, *([row.get(name, "") for name in names] for row in rows)])
    return text.getvalue()


def response(number, **cells):
    plain = {"EndDate": f"2025-07-01 11:14:{number:02}", "Status": "0", "Finished": "1", "Progress": "100"}
    return {**plain, "ResponseId": f"R_{number}", "ExternalReference": f"c{number}", "Q1": "4", **cells}


def read(session, tmp_path, text, source_map=None, **options):
    path = tmp_path / "export.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read_surveys(path, source="qualtrics", map=source_map or {"csat": "Q1"}, session=session, **options)


def aside(surveys):
    rows = surveys.session.collect(surveys.set_aside).to_pylist()
    return [(row["source_row"], row["column"], row["reason"], row["original"]) for row in rows]


def test_three_lines_of_headings(session, tmp_path):
    surveys = read(session, tmp_path, export([response(1), response(2, Q1="5", Finished="0")]))
    rows = surveys.to_arrow().to_pylist()
    assert [row["response_id"] for row in rows] == ["R_1", "R_2"]
    assert [row["contact_id"] for row in rows] == ["c1", "c2"]
    assert [row["csat"] for row in rows] == [4, 5]
    assert [row["disposition"] for row in rows] == ["complete", "partial"]
    assert [row["source_row"] for row in rows] == [1, 2]
    # New York is four hours behind UTC in July
    assert [row["answered_at"] for row in rows] == [datetime(2025, 7, 1, 15, 14, n) for n in (1, 2)]
    assert surveys.timezone == "America/New_York"
    assert surveys.n_read == 2
    assert any("ExternalReference" in note for note in surveys.notes)


@pytest.mark.parametrize(("zone", "expected"), [("Z", "UTC"), (None, "UTC"), ("Europe/Berlin", "Europe/Berlin")])
def test_the_time_zone_is_in_the_third_line_where_it_is_told(session, tmp_path, zone, expected):
    surveys = read(session, tmp_path, export([response(1)], zone=zone))
    assert surveys.timezone == expected
    assert any("timezone=" in note for note in surveys.notes) == (zone is None)


def test_a_time_zone_that_is_not_known_is_told(session, tmp_path):
    surveys = read(session, tmp_path, export([response(1)], zone="Mars/Base"))
    assert surveys.timezone == "UTC"
    assert any("Mars/Base" in note for note in surveys.notes)


def test_the_callers_time_zone_goes_first(session, tmp_path):
    surveys = read(session, tmp_path, export([response(1)]), timezone="Europe/London")
    assert surveys.to_arrow()["answered_at"].to_pylist() == [datetime(2025, 7, 1, 10, 14, 1)]


def test_previews_tests_and_spam_are_set_aside_and_counted(session, tmp_path):
    statuses = ["0", "1", "Survey Preview", "2", "8", "IP Address", "16", "17"]
    rows = [response(n, Status=status) for n, status in enumerate(statuses, start=1)]
    rows.append(response(9, DistributionChannel="preview"))
    surveys = read(session, tmp_path, export(rows, names=list(rows[-1])))
    assert surveys.to_arrow()["response_id"].to_pylist() == ["R_1", "R_6", "R_7"]
    assert aside(surveys) == [
        (2, None, "survey_preview", "R_2"),
        (3, None, "survey_preview", "R_3"),
        (4, None, "survey_test", "R_4"),
        (5, None, "survey_spam", "R_5"),
        (8, None, "survey_preview", "R_8"),
        (9, None, "survey_preview", "R_9"),
    ]
    assert surveys.n_read == 9


def test_columns_are_known_by_their_import_id(session, tmp_path):
    ids = {
        "Ende": "endDate",
        "Antwort-ID": "_recordId",
        "Fertig": "finished",
        "Q1": "QID1",
        "Ref": "externalDataReference",
    }
    row = {"Ende": "2025-07-01 11:14:00", "Antwort-ID": "R_1", "Fertig": "True", "Ref": "c1", "Q1": "3"}
    surveys = read(session, tmp_path, export([row], ids=ids))
    found = surveys.to_arrow().to_pylist()[0]
    assert (found["response_id"], found["contact_id"], found["disposition"]) == ("R_1", "c1", "complete")


def test_embedded_data_hold_the_key(session, tmp_path):
    rows = [response(1, CallRef="call-7"), response(2, CallRef="call-8")]
    by_map = read(session, tmp_path, export(rows), {"csat": "Q1", "contact_id": "CallRef"})
    assert by_map.to_arrow()["contact_id"].to_pylist() == ["call-7", "call-8"]
    by_heading = read(session, tmp_path, export([{**response(1), "Call ID": "call-9"}]))
    assert by_heading.to_arrow()["contact_id"].to_pylist() == ["call-9"]
    assert by_heading.to_arrow()["external_reference"].to_pylist() == ["c1"]


def test_nps_is_known_by_its_groups_which_are_compared_with_it(session, tmp_path):
    rows = [
        response(1, Q2="10", Q2_NPS_GROUP="Promoter"),
        response(2, Q2="7", Q2_NPS_GROUP="Passive"),
        response(3, Q2="6", Q2_NPS_GROUP="Promoter"),
    ]
    surveys = read(session, tmp_path, export(rows))
    assert surveys.to_arrow()["nps"].to_pylist() == [10, 7, 6]
    assert surveys.scales["nps"] == Scale(0, 10)
    assert any("1 of its 3 groups contradict" in note for note in surveys.notes)


def test_of_two_columns_with_groups_none_is_chosen(session, tmp_path):
    row = response(1, Q2="10", Q2_NPS_GROUP="Promoter", Q3="9", Q3_NPS_GROUP="Promoter")
    surveys = read(session, tmp_path, export([row]))
    assert not surveys.has("nps")
    assert any("Q2, Q3" in note for note in surveys.notes)


def test_numbers_are_taken_from_numbered_labels(session, tmp_path):
    labels = ["5 - Extremely satisfied", "1 - Extremely dissatisfied", "3", "", "N/A"]
    rows = [response(n, Q1=label) for n, label in enumerate(labels, start=1)]
    surveys = read(session, tmp_path, export(rows))
    assert surveys.to_arrow()["csat"].to_pylist() == [5, 1, 3, None, None]
    assert any("the number was taken" in note for note in surveys.notes)


@pytest.mark.parametrize("label", ["Extremely satisfied", "5 - yes 2", "5 of 10", "5 - Fine"])
def test_labels_that_do_not_tell_one_number_are_no_numbers(session, tmp_path, label):
    rows = [response(1, Q1=label), response(2, Q1="5 - Good"), response(3, Q1="4")]
    surveys = read(session, tmp_path, export(rows))
    assert surveys.to_arrow()["csat"].to_pylist() == [None, None, 4]
    assert {(column, reason) for _, column, reason, _ in aside(surveys)} == {("csat", "not_a_number")}


def test_scores_exported_as_labels_alone_are_refused(session, tmp_path):
    rows = [response(1, Q1="Extremely satisfied"), response(2, Q1="Somewhat satisfied")]
    with pytest.raises(InputError, match="export the answers as numeric values") as caught:
        read(session, tmp_path, export(rows))
    assert caught.value.problems == ("'Q1' holds 'Extremely satisfied', 'Somewhat satisfied'",)


def test_the_older_export_has_two_lines(session, tmp_path):
    text = (
        "\ufeffV1,V2,V4,V7,V9,V10,Q1,\n"
        "ResponseID,ResponseSet,ExternalDataReference,Status,EndDate,Finished,How was it?,\n"
        "R_1,Default,c1,0,2017-07-18 08:28:48,1,2,\n"
        "R_2,Default,c2,1,2017-07-18 08:30:00,1,5,\n"
    )
    surveys = read(session, tmp_path, text)
    row = surveys.to_arrow().to_pylist()[0]
    assert (row["response_id"], row["contact_id"], row["csat"]) == ("R_1", "c1", 2)
    assert row["answered_at"] == datetime(2017, 7, 18, 8, 28, 48)
    assert row["source_row"] == 1
    assert aside(surveys) == [(2, None, "survey_preview", "R_2")]


def test_a_frame_read_with_the_further_headings_in_it(session, tmp_path):
    frame = pd.read_csv(io.StringIO(export([response(1), response(2)])))
    surveys = read_surveys(frame, source="qualtrics", map={"csat": "Q1"}, session=session)
    assert surveys.to_arrow()["response_id"].to_pylist() == ["R_1", "R_2"]
    assert surveys.to_arrow()["source_row"].to_pylist() == [1, 2]


def test_several_files_each_with_headings(session, tmp_path):
    for n in (1, 2):
        (tmp_path / f"part{n}.csv").write_text(export([response(n)]), encoding="utf-8", newline="")
    surveys = read_surveys(tmp_path / "part*.csv", source="qualtrics", map={"csat": "Q1"}, session=session)
    assert sorted(surveys.to_arrow()["response_id"].to_pylist()) == ["R_1", "R_2"]
    (tmp_path / "part3.csv").write_text("ResponseId,Q1\nR_3,5\n")
    with pytest.raises(UnreadableFileError, match=r"part3\.csv has no line of ImportIds"):
        read_surveys(tmp_path / "part*.csv", source="qualtrics", map={"csat": "Q1"}, session=session)


def test_files_of_two_time_zones_do_not_mix(session, tmp_path):
    for zone in ("America/New_York", "Europe/Berlin"):
        text = export([response(1)], zone=zone)
        (tmp_path / f"{zone.replace('/', '_')}.csv").write_text(text, encoding="utf-8", newline="")
    with pytest.raises(InputError, match="different time zones"):
        read_surveys(tmp_path / "*.csv", source="qualtrics", map={"csat": "Q1"}, session=session)


def test_what_is_no_export_of_qualtrics(session, tmp_path):
    with pytest.raises(UnreadableFileError, match="does not look like an export of Qualtrics"):
        read(session, tmp_path, "contact_id,csat\n1,5\n", {"csat": "csat"})
    with pytest.raises(EmptyTableError):
        read(session, tmp_path, export([response(1)]).rsplit("2025", 1)[0], {"csat": "Q1"})
    with pytest.raises(NoScoreError):
        read(session, tmp_path, export([response(1)]), {"contact_id": "ExternalReference"})
    with pytest.raises(MissingColumnError, match="no key was found"):
        read(session, tmp_path, export([response(1, ExternalReference="")]))


def test_line_three_may_be_damaged(session, tmp_path):
    text = export([response(1)]).replace('""ImportId"": ""status""', '""ImportId"": ""sta')
    surveys = read(session, tmp_path, text)
    assert surveys.to_arrow()["response_id"].to_pylist() == ["R_1"]


def test_samples(vendor):
    with Session(threads=1) as session:
        key = {"csat": "Q1", "customer_id": "ExternalReference"}
        for name in ("sample_3header.csv", "sample_legacy_2header.csv"):
            surveys = read_surveys(vendor / "qualtrics" / name, source="qualtrics", map=key, session=session)
            rows = surveys.to_arrow().to_pylist()
            assert [(row["response_id"], row["csat"], row["disposition"]) for row in rows] == [
                ("R_2YPOQ602ER1jkf1", 2, "complete")
            ]
            assert rows[0]["answered_at"] == datetime(2017, 7, 18, 8, 28, 48)
        ages = {"columns": {"age": {"column": "age_1", "scale": [18, 99]}, "customer_id": "ResponseId"}}
        path = vendor / "qualtrics" / "tutorial_default_export.csv"
        tutorial = read_surveys(path, source="qualtrics", map=ages, session=session)
        # two responses, 11:14:18 and 11:23:28 in New York, which is UTC−4 on 1 July
        assert tutorial.to_arrow()["answered_at"].to_pylist() == [
            datetime(2025, 7, 1, 15, 14, 18), datetime(2025, 7, 1, 15, 23, 28),
        ]  # fmt: skip
        assert tutorial.to_arrow()["age"].to_pylist() == [24, 21]
