"""What is to be broken: for each reader a small sound input whose every row is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from fuzz import forms

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["READERS", "Reader"]

START: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
N: Final = 8


@dataclass(frozen=True)
class Reader:
    """One reader and a sound input of its.

    Attributes
    ----------
    name : str
    section : {"contacts", "surveys"}
    form : Form
    records : tuple of dict
        By the names of the input's own fields; nested as the form nests them.
    source : str, optional
        None for the generic reader.
    options : mapping
        What the call says besides.
    others : tuple of Form
        Further ways of holding the same records, which give the same table.
    """

    name: str
    section: Literal["contacts", "surveys"]
    form: forms.Form
    records: tuple[dict[str, Any], ...]
    source: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[forms.Form, ...] = ()


def at(i: int, seconds: float = 0) -> datetime:
    """When the i-th contact began, or so much later."""
    return START + timedelta(minutes=37 * i, seconds=seconds)


def iso(i: int, seconds: float = 0, end: str = "Z", sep: str = "T") -> str:
    """The same as text."""
    return at(i, seconds).strftime(f"%Y-%m-%d{sep}%H:%M:%S{end}")


def clock(seconds: int) -> str:
    """Seconds as 00:00:00."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def epoch(i: int, seconds: float = 0) -> int:
    """Seconds since 1970."""
    return int(at(i, seconds).timestamp())


def log_row(i: int) -> dict[str, Any]:
    """A contact under the usual headings, as text."""
    return {
        "Call ID": f"c{i}",
        "Start Time": iso(i, sep=" ", end=""),
        "Customer ID": f"k{i % 5}",
        "Agent": f"Zoë {i % 3}",
        "Queue Name": ("sales", "billing, old")[i % 2],
        "Wait Time": str(12 + i),
        "Talk Time": f"{200.5 + 10 * i}",
        "Hold Time (ms)": str(1500 * i),
        "Wrap Time": clock(30 + i),
        "Transfers": str(i % 2),
        "Abandoned": ("no", "yes")[i == 3],
        "Remark": f"said “fine” {i}",
    }


def typed_row(i: int) -> dict[str, Any]:
    """The same with values of the right types."""
    return {
        "Call ID": 1000 + i,
        "Start Time": at(i).replace(tzinfo=None),
        "Customer ID": f"k{i % 5}",
        "Queue Name": ("sales", "billing, old")[i % 2],
        "Wait Time": 12 + i,
        "Talk Time": 200.5 + 10 * i,
        "Hold Time (ms)": 1500 * i,
        "Transfers": i % 2,
        "Abandoned": i == 3,
        "Remark": f"said “fine” {i}",
    }


def nested_row(i: int) -> dict[str, Any]:
    """The same as an object of JSON, partly nested."""
    row = log_row(i)
    agent = {"Agent": row.pop("Agent"), "team": {"site": "Graz"}}
    return {**row, "Wait Time": 12 + i, "Abandoned": i == 3, "handled": agent, "tags": ["a", "b"]}


def answer(i: int) -> dict[str, Any]:
    """A response under the usual headings, as text."""
    return {
        "Response ID": f"r{i}",
        "Call ID": f"c{i}",
        "Sent At": iso(i, 3600, sep=" ", end=""),
        "Response Date": iso(i, 7200, sep=" ", end=""),
        "CSAT": str(1 + i % 5),
        "NPS": str(3 + i),
        "Resolved": ("no", "yes")[i % 2],
        "Comment": f"não, {i}",
    }


def connect(i: int) -> dict[str, Any]:
    """A contact record of Amazon Connect."""
    return {
        "ContactId": f"c{i}",
        "InitialContactId": None,
        "PreviousContactId": None,
        "NextContactId": None,
        "InitiationMethod": "INBOUND",
        "Channel": "VOICE",
        "InitiationTimestamp": iso(i),
        "DisconnectTimestamp": iso(i, 400),
        "LastUpdateTimestamp": iso(i, 900),
        "CustomerEndpoint": {"Address": f"+43{i}", "Type": "TELEPHONE_NUMBER"},
        "Queue": {"Name": "sälés", "EnqueueTimestamp": iso(i, 20), "DequeueTimestamp": iso(i, 60), "Duration": 40},
        "Agent": None
        if i == 3
        else {
            "Username": f"agent{i % 3}",
            "ConnectedToAgentTimestamp": iso(i, 60),
            "AgentInteractionDuration": 200 + i,
            "CustomerHoldDuration": 30,
            "AfterContactWorkDuration": 15,
            "AfterContactWorkEndTimestamp": iso(i, 305 + i),
            "NumberOfHolds": 1,
        },
        "Attributes": {"account": f"k{i}"},
    }


def genesys(i: int) -> dict[str, Any]:
    """A conversation of Genesys Cloud: menu, queue, one agent."""

    def segment(kind: str, first: int, last: int, **more: Any) -> dict[str, Any]:
        return {"segmentType": kind, "segmentStart": iso(i, first), "segmentEnd": iso(i, last), "queueId": "q1", **more}

    def metrics(**values: int) -> list[dict[str, Any]]:
        return [{"name": name, "value": value, "emitDate": iso(i, 400)} for name, value in values.items()]

    def session(ident: str, told: list[Any], *segments: Any, **more: Any) -> list[dict[str, Any]]:
        return [{"sessionId": f"{ident}{i}", "mediaType": "voice", "metrics": told, "segments": [*segments], **more}]

    waited = {"tAbandon": 40_000} if i == 3 else {"tAcd": 40_000}
    talked = {"tAlert": 4000, "tTalkComplete": 200_000 + i, "tHeld": 30_000, "tAcw": 15_000, "tHandle": 245_000 + i}
    agent = session(
        "a",
        metrics(**talked, nTransferred=i % 2) if i != 3 else metrics(tAlert=4000, tNotResponding=4000),
        segment("alert", 56, 60),
        segment("interact", 60, 290),
        segment("hold", 290, 320),
        segment("wrapup", 320, 335, wrapUpCode="bill"),
    )
    return {
        "conversationId": f"c{i}",
        "conversationStart": iso(i),
        "conversationEnd": iso(i, 335),
        "originatingDirection": "inbound",
        "participants": [
            {
                "purpose": "customer",
                "externalContactId": f"k{i}",
                "sessions": session("s", [], segment("interact", 0, 320), ani=f"tel:+43{i}"),
            },
            {"purpose": "ivr", "sessions": session("i", metrics(tIvr=20_000), segment("ivr", 0, 20))},
            {"purpose": "acd", "sessions": session("q", metrics(**waited), segment("interact", 20, 60))},
            {"purpose": "agent", "userId": f"u{i % 3}", "sessions": agent},
        ],
    }


def queue_log() -> list[dict[str, Any]]:
    """Calls of a queue_log: entry, answer and end, or giving up."""

    def line(i: int, seconds: int, queue: str, member: str, event: str, *data: str) -> dict[str, Any]:
        told = {f"data{n}": cell for n, cell in enumerate(data, start=1)}
        start = {"time": str(epoch(i, seconds)), "callid": f"{epoch(i)}.{i}", "queue": queue, "member": member}
        return {**start, "event": event, **told}

    lines = []
    for i in range(6):
        lines.append(line(i, 10, "600", "NONE", "ENTERQUEUE", "", f"43{i}", "1"))
        if i == 3:
            lines.append(line(i, 70, "600", "NONE", "ABANDON", "1", "1", "60"))
            continue
        lines.append(line(i, 30, "600", f"SIP/{i % 3}", "CONNECT", "20", f"{epoch(i, 10)}.9", "7"))
        lines.append(line(i, 230 + i, "600", f"SIP/{i % 3}", "COMPLETECALLER", "20", str(200 + i), "1"))
    return lines


def echi(i: int, *, text: bool) -> dict[str, Any]:
    """A call segment of ECHI."""
    numbers = {
        "CALLID": 500 + i,
        "SEGMENT": 1,
        "SEGSTART": epoch(i),
        "SEGSTOP": epoch(i, 300),
        "DISPTIME": 60,
        "QUEUETIME": 30,
        "RINGTIME": 5,
        "TALKTIME": 0 if i == 3 else 200 + i,
        "ANSHOLDTIME": 0 if i == 3 else 20,
        "ACWTIME": 15,
        "DURATION": 60 if i == 3 else 280 + i,
        "DISPSPLIT": 7,
        "CALL_DISP": 3 if i == 3 else 2,
        "HELD": 1,
        "TRANSFERRED": i % 2,
    }
    texts = {"UCID": f"00001{i:015}", "ANSLOGIN": f"40{i % 3}", "CALLING_PTY": f"43{i}", "DISPVDN": "900"}
    if not text:
        return {**numbers, **texts}
    times = {"SEGSTART": iso(i, sep=" ", end=""), "SEGSTOP": iso(i, 300, sep=" ", end="")}
    return {name: str(cell) for name, cell in {**numbers, **texts, **times}.items()}


def tcd(i: int) -> dict[str, Any]:
    """A leg of Cisco's Termination_Call_Detail."""
    gone = i == 3
    numbers = {"LocalQTime": 30, "RingTime": 5, "DelayTime": 1, "NetQTime": 0, "TalkTime": 0 if gone else 200 + i}
    numbers |= {"HoldTime": 0 if gone else 20, "WorkTime": 0 if gone else 15, "Duration": 36 if gone else 271 + i}
    return {
        "DateTime": iso(i, sep=" ", end=""),
        "RouterCallKeyDay": "155190",
        "RouterCallKey": str(700 + i),
        "RouterCallKeySequenceNumber": "1",
        "ANI": f"43{i}",
        "AgentPeripheralNumber": "NULL" if gone else f"40{i % 3}",
        "SkillGroupSkillTargetID": "5001",
        "CallDisposition": "2" if gone else "13",
        **{name: str(number) for name, number in numbers.items()},
        "WrapupData": "bill",
    }


def traced(i: int) -> dict[str, Any]:
    """The same in a trace."""
    fields = {"DateTime": at(i).strftime("%m/%d %H:%M:%S"), "Day": "155190", "RtrCallKey": str(700 + i)}
    fields |= {"RtrCallKeySeq#": "2", "CallDisp": "13", "Duration": str(236 + i), "RingTime": "5", "DelayTime": "1"}
    return {**fields, "HoldTime": "0", "TalkTime": str(190 + i), "WorkTime": "10", "LocalQTime": "30"}


def five9(i: int) -> dict[str, Any]:
    """A row of a Five9 call log."""
    gone = i == 3
    return {
        "CALL ID": str(900 + i),
        "TIMESTAMP": at(i).strftime("%a, %d %b %Y %H:%M:%S"),
        "SKILL": "sales",
        "CALL TYPE": "Inbound",
        "AGENT": "[None]" if gone else f"zoë{i % 3}",
        "DISPOSITION": "Solved",
        "ANI": f"43{i}",
        "IVR TIME": clock(20),
        "QUEUE WAIT TIME": clock(40),
        "RING TIME": clock(5),
        "TALK TIME": clock(0 if gone else 200 + i),
        "HOLD TIME": clock(0 if gone else 30),
        "AFTER CALL WORK TIME": clock(15),
        "HANDLE TIME": clock(15 if gone else 245 + i),
        "TRANSFERS": str(i % 2),
        "HOLDS": "1",
        "ABANDONED": str(int(gone)),
    }


def talkdesk(i: int) -> dict[str, Any]:
    """A row of a Talkdesk contacts report."""
    gone = i == 3
    return {
        "Interaction ID": f"t{i}",
        "Contact ID": f"t{i}-1",
        "Contact Person Number": f"43{i}",
        "Direction": "Inbound",
        "Contact Type": "Abandoned" if gone else "Answered",
        "Started At": iso(i, sep=" ", end=""),
        "Answered At": "" if gone else iso(i, 40, sep=" ", end=""),
        "Finished At": iso(i, 300, sep=" ", end=""),
        "Wait Time": "" if gone else clock(40),
        "Abandon Time": clock(61) if gone else "",
        "Ring Time": clock(5),
        "Talk Time": clock(0 if gone else 200 + i),
        "Hold Time": clock(0 if gone else 30),
        "After Call Work Time": clock(0 if gone else 15),
        "Handle Time": clock(0 if gone else 245 + i),
        "Transfer Out (Yes/No)": ("No", "Yes")[i % 2],
        "Ring Groups": "sales",
        "User ID": "" if gone else f"u{i % 3}",
        "Data Status (Valid / Damaged)": "Valid",
    }


def cxone(i: int) -> dict[str, Any]:
    """A completed contact of NICE CXone."""
    gone = i == 3
    return {
        "contactId": 100 + i,
        "masterContactId": 100 + i,
        "contactStart": iso(i, end=".000"),
        "agentId": 0 if gone else 11 + i % 3,
        "skillName": "sälés",
        "mediaTypeName": "Call",
        "isOutbound": False,
        "fromAddr": f"43{i}",
        "primaryDispositionId": 5,
        "preQueueSeconds": 8,
        "inQueueSeconds": 20.5,
        "routingTime": 3,
        "agentSeconds": 0 if gone else 230 + i,
        "holdSeconds": 0 if gone else 30,
        "confSeconds": 0,
        "holdCount": 1,
        "ACWSeconds": 15,
        "totalDurationSeconds": 28.5 if gone else 258.5 + i,
        "abandoned": gone,
        "lastUpdateTime": iso(i, 900),
    }


def zendesk_call(i: int) -> dict[str, Any]:
    """A call of Zendesk Talk."""
    gone = i == 3
    return {
        "id": 3000 + i,
        "ticket_id": 50 + i,
        "customer_id": 70 + i,
        "agent_id": None if gone else 11 + i % 3,
        "call_channel": "phone",
        "call_group_name": "Soporte técnico",
        "direction": "inbound",
        "created_at": iso(i),
        "updated_at": iso(i, 900),
        "completion_status": "abandoned_in_queue" if gone else "completed",
        "ivr_time_spent": 8,
        "wait_time": 40,
        "talk_time": 0 if gone else 200 + i,
        "hold_time": 0 if gone else 30,
        "wrap_up_time": 15,
        "duration": 48 if gone else 278 + i,
    }


QUALTRICS: Final = ("EndDate", "Status", "Finished", "Progress", "ResponseId", "ExternalReference", "Q1", "Q2")


def qualtrics(i: int) -> dict[str, Any]:
    """A response of Qualtrics."""
    cells = (iso(i, sep=" ", end=""), "0", "1", "100", f"R_{i}", f"c{i}", str(1 + i % 5), f"não {i}")
    return dict(zip(QUALTRICS, cells, strict=True))


def surveymonkey(i: int) -> dict[str, Any]:
    """A response of SurveyMonkey, condensed."""
    return {
        "Respondent ID": str(1000 + i),
        "Collector ID": "C1",
        "End Date": (at(i) + timedelta(days=20)).strftime("%m/%d/%Y %I:%M:%S %p"),
        "Custom Data 1": f"c{i}",
        "How satisfied are you?": str(1 + i % 5),
        "Why?": f"porque sí {i}",
    }


def medallia(i: int) -> dict[str, Any]:
    """A request of Medallia Agent Connect."""
    return {
        "request_id": f"r{i}",
        "request_sent_at": iso(i, sep=" ", end=""),
        "request_delivery_status": "Delivered",
        "response_received_at": "" if i == 3 else iso(i, 3600, sep=" ", end=""),
        "star_rating": "" if i == 3 else str(1 + i % 5),
        "ext_interaction_id": f"c{i}",
        "comments": f"très bien, {i}",
    }


def delighted(i: int) -> dict[str, Any]:
    """A response of Delighted."""
    properties = {"Call ID": f"c{i}", "plan": "größte"}
    fixed = {"id": str(i), "person": f"k{i}", "survey_type": "nps", "score": 3 + i, "created_at": epoch(i)}
    return {**fixed, "comment": f"sí {i}", "person_properties": properties}


def asknicely(i: int) -> dict[str, Any]:
    """A response of AskNicely."""
    answered = {"answer": str(3 + i), "responded": str(epoch(i, 3600))} if i != 3 else {"answer": "", "responded": "0"}
    fixed = {"response_id": str(i), "person_id": f"p{i}", "contact_id": f"p{i}", "question_type": "nps"}
    return {**fixed, "sent": str(epoch(i)), "dontcontact": None, "interaction_id_c": f"c{i}", **answered, "note": "é"}


def zendesk_old(i: int) -> dict[str, Any]:
    """An older rating of Zendesk."""
    score = ("good", "bad", "good", "offered")[i % 4]
    fixed = {"id": i, "ticket_id": 50 + i, "requester_id": 70 + i, "assignee_id": 5, "score": score}
    return {**fixed, "created_at": iso(i), "updated_at": iso(i, 3600), "comment": "très"}


def zendesk_new(i: int) -> dict[str, Any]:
    """A newer response of Zendesk."""
    rated = {"type": "rating_scale", "rating": 1 + i % 5, "rating_category": "good", "created_at": iso(i)}
    subjects = [{"type": "ticket", "id": str(50 + i), "zrn": f"zen:ticket:{50 + i}"}]
    return {"id": f"s{i}", "responder_id": 70 + i, "answers": [rated, {"type": "open", "value": "é"}]} | {
        "subjects": subjects
    }


def hubspot(i: int) -> dict[str, Any]:
    """A feedback submission of HubSpot."""
    inner = {"hs_value": str(3 + i), "hs_survey_type": "NPS", "hs_response_group": "PASSIVE", "hs_contact_id": f"k{i}"}
    return {"id": str(i), "createdAt": iso(i), "properties": {**inner, "hs_content": "é"}}


def typeform(i: int) -> dict[str, Any]:
    """A response of Typeform."""
    fixed = {"#": f"t{i}", "How happy?": str(1 + i % 5), "call_id": f"c{i}", "Why?": f"é {i}"}
    return {**fixed, "Submit Date (UTC)": iso(i, sep=" ", end="")}


def google(i: int) -> dict[str, Any]:
    """An answer of a Google form."""
    return {"Timestamp": iso(i, sep=" ", end=""), "How happy?": str(1 + i % 5), "Your call": f"c{i}", "Why?": f"é {i}"}


def genesys_survey(i: int) -> dict[str, Any]:
    """A conversation with a survey."""
    done = {"surveyCompletedDate": iso(i), "surveyPromoterScore": 3 + i, "oSurveyTotalScore": 80}
    told = {"surveyId": f"s{i}", "surveyStatus": "Finished", "userId": "u1", **done}
    return {"conversationId": f"c{i}", "participants": [], "surveys": [told]}


def dynamo(i: int) -> dict[str, Any]:
    """An item of the Amazon Connect surveys."""
    answers = {"survey_result_1": {"S": str(1 + i % 5)}, "timestamp": {"N": f"{epoch(i)}.125"}}
    return {"contactId": {"S": f"c{i}"}, "surveyId": {"S": "s1"}, **answers}


def evaluation(i: int) -> dict[str, Any]:
    """A Contact Lens evaluation."""
    about = {"contactId": f"c{i}", "agentId": "u1", "evaluationSubmitTimestamp": iso(i), "evaluator": "zoë"}
    return {"schemaVersion": "3.1", "evaluationId": f"e{i}", "metadata": {**about, "score": {"percentage": 60 + i}}}


def rows(make: Any, n: int = N, **how: Any) -> tuple[dict[str, Any], ...]:
    """The first n of them."""
    return tuple(make(i, **how) for i in range(n))


LINES, LIST = forms.JsonForm(), forms.JsonForm(".json", "list", 1)
MONKEY: Final = ("", "", "", "", "Response", "Open-Ended Response")
IMPORTED: Final = ("endDate", "status", "finished", "progress", "_recordId", "externalDataReference", "QID1", "QID2")
HEADED: Final = (
    ("End", "Etat", "Fini", "Progrès", "ID", "Réf.", "Êtes-vous, content?", "Pourquoi"),
    tuple(f'{{"ImportId":"{name}"}}' for name in IMPORTED),
)
SATISFIED: Final = {"map": {"csat": "How happy?"}}
UTC_CLOCK: Final = {"timezone": "UTC"}


def _generic() -> list[Reader]:
    log, answers, nested, typed = rows(log_row), rows(answer), rows(nested_row), rows(typed_row)
    csv, tsv = forms.CsvForm(), forms.CsvForm(".tsv", "\t")
    return [
        Reader("CSV of contacts", "contacts", csv, log, options=UTC_CLOCK, others=(tsv,)),
        Reader("CSV of surveys", "surveys", csv, answers, options=UTC_CLOCK, others=(tsv,)),
        Reader("TSV", "contacts", tsv, log, options=UTC_CLOCK, others=(csv,)),
        Reader("JSON lines of contacts", "contacts", LINES, nested, options=UTC_CLOCK),
        Reader("JSON lines of surveys", "surveys", LINES, answers, options=UTC_CLOCK),
        Reader("Excel", "contacts", forms.Workbook(), typed, options=UTC_CLOCK),
        Reader("Parquet", "contacts", forms.ParquetForm(), typed, options=UTC_CLOCK),
        Reader("list of dict", "contacts", forms.Records(), typed, options=UTC_CLOCK),
        Reader("Arrow table", "contacts", forms.ArrowForm(), typed, options=UTC_CLOCK),
        Reader("pandas frame", "contacts", forms.PandasForm(), typed, options=UTC_CLOCK),
        Reader("Polars frame", "contacts", forms.PolarsForm(), typed, options=UTC_CLOCK),
    ]


def _logs() -> list[Reader]:
    def log(name: str, form: forms.Form, records: Any, *others: forms.Form) -> Reader:
        source = name.split(",", maxsplit=1)[0]
        return Reader(name, "contacts", form, tuple(records), source, UTC_CLOCK, others)

    return [
        log("amazon_connect", LINES, rows(connect), LIST, forms.JsonForm(".json", "Contacts"), forms.Records()),
        log("genesys_cloud", forms.JsonForm(".json", "conversations", 1), rows(genesys, 4), LINES, forms.Records()),
        log("asterisk_queue_log", forms.QueueLog(), queue_log()),
        log("avaya_echi, ASCII", forms.EchiText(), rows(echi, text=True)),
        log("avaya_echi, binary", forms.EchiBinary(), rows(echi, text=False)),
        log("cisco_ucce_tcd, CSV", forms.CsvForm(), rows(tcd), forms.JsonForm(), forms.Records()),
        log("cisco_ucce_tcd, trace", forms.Trace(), rows(traced)),
        log("five9_call_log", forms.CsvForm(), rows(five9), forms.JsonForm(), forms.Records()),
        log("talkdesk_contacts", forms.CsvForm(), rows(talkdesk), forms.JsonForm(), forms.Records()),
        log("nice_cxone_completed", forms.JsonForm(".json", "completedContacts", 1), rows(cxone), LINES),
        log("zendesk_talk", forms.JsonForm(".json", "calls", 1), rows(zendesk_call), LINES),
    ]


def _surveys() -> list[Reader]:
    def survey(name: str, form: forms.Form, records: Any, *others: forms.Form, **options: Any) -> Reader:
        source = name.split(",", maxsplit=1)[0]
        return Reader(name, "surveys", form, tuple(records), source, {**UTC_CLOCK, **options}, others)

    headed = forms.CsvForm(headings=HEADED)
    asked = {"csat": "How satisfied are you?"}
    told = {"csat": "How happy?", "contact_id": "Your call"}
    return [
        survey("qualtrics", headed, rows(qualtrics), map={"csat": "Q1"}),
        survey("surveymonkey", forms.CsvForm(headings=(MONKEY,)), rows(surveymonkey), map=asked),
        survey("medallia_agent_connect", forms.CsvForm(), rows(medallia), forms.JsonForm()),
        survey("delighted", LIST, rows(delighted), LINES, forms.Records()),
        survey("asknicely", forms.JsonForm(".json", "data", 1), rows(asknicely), LINES, forms.Records()),
        survey("zendesk_csat, ratings", forms.JsonForm(".json", "satisfaction_ratings", 1), rows(zendesk_old), LINES),
        survey("zendesk_csat, responses", forms.JsonForm(".json", "survey_responses", 1), rows(zendesk_new), LINES),
        survey("hubspot_feedback", forms.JsonForm(".json", "results", 1), rows(hubspot), LINES),
        survey("typeform", forms.CsvForm(), rows(typeform), **SATISFIED),
        survey("google_forms", forms.CsvForm(), rows(google), map=told),
        survey("genesys_surveys", forms.JsonForm(".json", "conversations", 1), rows(genesys_survey), LINES),
        survey("amazon_connect_surveys", LINES, rows(dynamo), LIST, map={"csat": "survey_result_1"}),
        survey(
            *("amazon_connect_evaluations", LIST, rows(evaluation), LINES),
            map={"qa_score": {"column": "metadata.score.percentage", "scale": [0, 100]}},
        ),
    ]


READERS: Final = (*_generic(), *_logs(), *_surveys())
"""All of them but the proposer of maps and the loader of studies, which read text of their own."""
