"""Ten invented pairs of ordinary exports, each in another house style: all are read and paired without a map."""

from __future__ import annotations

from datetime import datetime

import pytest

import cxfusion as cx

# Of each pair: the log's cells of one call (and a second one), the survey's, and what they have to be read as.
PAIRS = {
    "plain words": (
        {"Call ID": "A1", "Start Time": "2026-03-02 10:00:00", "End Time": "2026-03-02 10:05:00", "Agent": "Ann",
         "Queue": "Sales", "Wait Time": "30", "Talk Time": "240", "Hold Time": "20", "Wrap Up Time": "15"},
        {"Call ID": "A1", "Survey Date": "2026-03-02 11:00:00", "CSAT Score": "4"},
        {"wait_seconds": 30, "talk_seconds": 240, "hold_seconds": 20, "wrap_seconds": 15, "agent_id": "Ann"},
    ),
    "snake case with units": (
        {"interaction_id": "B1", "started_at": "2026-03-02T10:00:00Z", "queue_name": "billing", "agent_name": "Bo",
         "queue_time_ms": "30500", "talk_time_ms": "240000", "hold_time_ms": "0", "acw_ms": "15000"},
        {"interaction_id": "B1", "submitted_at": "2026-03-02T11:00:00Z", "nps_score": "9"},
        {"wait_seconds": 30.5, "talk_seconds": 240, "hold_seconds": 0, "wrap_seconds": 15, "queue": "billing"},
    ),
    "clock forms": (
        {"Contact ID": "C1", "Contact Start Time": "03/25/2026 10:00:00 AM", "Skill Name": "Orders",
         "Agent Name": "Cy", "Queue Wait Time": "00:00:30", "Talk Time": "00:04:00", "Hold Time": "00:00:20",
         "After Call Work Time": "00:00:15", "Abandoned": "N"},
        {"Contact ID": "C1", "Completed On": "2026-03-25 11:00:00", "Overall Satisfaction": "5"},
        {"wait_seconds": 30, "talk_seconds": 240, "hold_seconds": 20, "wrap_seconds": 15, "is_abandoned": False},
    ),
    "camel case": (
        {"conversationId": "D1", "conversationStart": "2026-03-02T10:00:00.000Z", "queueName": "support",
         "agentId": "u7", "waitSeconds": "30", "talkSeconds": "240", "holdSeconds": "20", "acwSeconds": "15",
         "transferCount": "1", "mediaType": "voice"},
        {"conversationId": "D1", "surveyCompletedDate": "2026-03-02T12:00:00Z", "promoterScore": "10"},
        {"wait_seconds": 30, "talk_seconds": 240, "n_transfers": 1, "channel": "voice"},
    ),
    "upper case with units in brackets": (
        {"CALL_REF": "E1", "CALL_DATE_TIME": "02-Mar-2026 10:00", "AGENT_LOGIN": "e7", "SKILLSET": "Gas",
         "SPEED OF ANSWER (SECS)": "30", "TALK (SECS)": "240", "HOLD (SECS)": "20", "ACW (SECS)": "15"},
        {"CALL_REF": "E1", "RESPONSE_DATE": "02-Mar-2026", "CSAT": "3"},
        {"wait_seconds": 30, "talk_seconds": 240, "hold_seconds": 20, "wrap_seconds": 15, "queue": "Gas"},
    ),
    "minutes": (
        {"Ticket Number": "T1", "Call Number": "F1", "Arrival Time": "2026-03-02 10:00", "Advisor": "Fe",
         "Time in Queue (min)": "0.5", "Talk Duration (min)": "4", "On Hold Time (min)": "0.25",
         "After Call Work (min)": "1"},
        {"Ticket Number": "T1", "Call Number": "F1", "Date Submitted": "2026-03-02", "Customer Satisfaction": "2"},
        {"wait_seconds": 30, "talk_seconds": 240, "hold_seconds": 15, "wrap_seconds": 60, "case_id": "T1"},
    ),
    "duration words": (
        {"Call GUID": "G1", "Call Start": "2026-03-02 10:00:00", "Hunt Group": "Claims", "Representative": "Gi",
         "Ring Duration": "6", "Wait Duration": "30", "Talk Duration": "240", "Hold Duration": "20",
         "Wrap Duration": "15", "Number of Transfers": "0", "Call Direction": "Inbound"},
        {"Call GUID": "G1", "Responded At": "2026-03-02 11:00:00", "Likelihood to Recommend": "8"},
        {"ring_seconds": 6, "wait_seconds": 30, "direction": "Inbound", "n_transfers": 0, "queue": "Claims"},
    ),
    "totals and flags": (
        {"UCID": "H1", "Call Start Time": "2026-03-02 10:00:00", "Answered By": "Hu", "Split": "12",
         "Wait": "30", "Talk": "240", "Hold": "20", "ACW": "15", "Abandoned (Y/N)": "N", "FCR": "Y"},
        {"UCID": "H1", "Survey Response Date": "2026-03-02", "Customer Effort Score": "6"},
        {"wait_seconds": 30, "talk_seconds": 240, "is_abandoned": False, "is_resolved": True},
    ),
    "semicolons and decimal commas": (
        {"Interaction Number": "I1", "Interaction Start": "25.03.2026 10:00", "Operator": "Io", "Call Queue": "Heat",
         "Waiting Time (s)": "30,5", "Talking Time (s)": "240,0", "Total Hold Time (s)": "0,0", "Wrap-up (s)": "15,5"},
        {"Interaction Number": "I1", "Date Completed": "25.03.2026", "Satisfaction Rating": "4"},
        {"wait_seconds": 30.5, "talk_seconds": 240, "hold_seconds": 0, "wrap_seconds": 15.5, "queue": "Heat"},
    ),
    "customers and chats": (
        {"Chat ID": "J1", "Customer Number": "k9", "Initiated At": "2026-03-02T10:00:00+01:00",
         "Contact Channel": "chat",
         "Contact Reason": "refund", "Handled By": "Jo", "Time to Answer": "30"},
        {"Chat ID": "J1", "Customer Number": "k9", "Feedback Date": "2026-03-02T11:00:00+01:00",
         "Star Rating": "5"},
        {"wait_seconds": 30, "customer_id": "k9", "reason": "refund", "channel": "chat"},
    ),
}  # fmt: skip


def as_csv(path, row, second):
    separator = ";" if any("," in str(cell) for cell in row.values()) else ","
    lines = [row.keys(), row.values(), {**row, **second}.values()]
    path.write_text("\n".join(separator.join(map(str, cells)) for cells in lines) + "\n")
    return path


@pytest.mark.parametrize("name", PAIRS)
def test_ordinary_exports_need_no_map(name, tmp_path):
    call, answer, expected = PAIRS[name]
    key = next(iter(set(call) & set(answer) - {"Ticket Number", "Customer Number"}))
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(as_csv(tmp_path / "log.csv", call, {key: "Z9"}), session=session)
        surveys = cx.read_surveys(as_csv(tmp_path / "survey.csv", answer, {key: "Z9"}), session=session)
        rows = {row["contact_id"]: row for row in contacts.to_arrow().to_pylist()}
        first = rows[str(call[key])]
        assert {column: first[column] for column in expected} == expected
        assert first["started_at"].date() in (datetime(2026, 3, 2).date(), datetime(2026, 3, 25).date())
        scored = surveys.to_arrow().to_pylist()
        assert [row["score_status"] for row in scored] == [None, None]
        assert surveys.has("answered_at")
        assert cx.pair(contacts, surveys).n_pairs == 2
