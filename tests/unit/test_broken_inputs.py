"""Inputs that once ended in a traceback, a crash of the process, or a wrong row, as tests/fuzz found them."""

from __future__ import annotations

import zipfile
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxfusion.engine import Session
from cxfusion.errors import EmptyTableError, InputError, UnreadableFileError
from cxfusion.pairing.pair import pair
from cxfusion.tables.read import read_contacts, read_surveys

LOG = "contact_id,started_at,talk_seconds\n1,2026-03-02 09:00,10\n2,2026-03-02 10:00,20\n"


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


@pytest.fixture
def read(session, tmp_path):
    def read(content, name="log.csv", reader=read_contacts, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return reader(path, session=session, **options)

    return read


def rows(table, *names):
    return [tuple(row[name] for name in names) for row in table.to_arrow().to_pylist()]


def aside(table):
    found = table.session.collect(table.set_aside).to_pylist()
    return [(row["source_row"], row["column"], row["reason"]) for row in found]


@pytest.mark.parametrize("above", ["\n", "\n\n\n", "   \n", "\r\n"])
def test_blank_lines_above_the_header_are_no_rows(read, above):
    log = LOG.replace("\n", "\r\n") if "\r" in above else LOG
    contacts = read(above + log)
    assert rows(contacts, "contact_id", "talk_seconds", "source_row") == [("1", 10, 1), ("2", 20, 2)]
    assert aside(contacts) == []


def test_csv_of_utf_16_as_excel_writes_it(read):
    contacts = read(LOG.replace("\n1,", "\né1,").encode("utf-16"))
    assert rows(contacts, "contact_id", "talk_seconds") == [("é1", 10), ("2", 20)]


@pytest.mark.parametrize("content", [b"\n", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_nothing_but_blanks_is_an_empty_table(read, content):
    with pytest.raises(EmptyTableError, match=r"nothing but blanks.*leave it out"):
        read(content)


@pytest.mark.parametrize(
    "content", [b"\0" * 5000, LOG.encode("utf-16-le"), LOG.encode("utf-16-be"), b"\x80,\x81\n1,2\n"]
)
def test_bytes_that_no_text_has(read, content):
    with pytest.raises(UnreadableFileError, match="is not UTF-8 text"):
        read(content)


def test_errors_quote_neither_rows_nor_queries(read):
    with pytest.raises(UnreadableFileError, match=r"[Ll]ine") as caught:
        read(LOG + "Mrs Miller,+43 1 234\n")
    assert "Miller" not in str(caught.value)
    with pytest.raises(UnreadableFileError, match="Expected a whole Parquet file") as caught:
        read(b"PAR1 no footer", "log.parquet")
    assert "LINE" not in str(caught.value)
    with pytest.raises(UnreadableFileError, match="lines end in different ways"):
        read(LOG.replace("\n", "\r\n", 1))


def test_errors_can_be_printed_whatever_the_file_holds(read):
    with pytest.raises(InputError) as caught:
        read("contact_id,\x1b[31m" + "x" * 100_000 + "\n1,2\n")
    told = str(caught.value)
    assert len(told) < 2_000
    assert "\\x1b[31m" in told
    with pytest.raises(InputError) as caught:
        read(",".join(f"column_{i}_of_many" for i in range(1_000)) + "\n" + "," * 999 + "\n")
    assert len(str(caught.value)) < 6_000


@pytest.mark.parametrize("deep", ['{"a":' * 100_000 + "1" + "}" * 100_000, '{"a":' + "[" * 9_000 + "]" * 9_000 + "}"])
def test_json_that_is_nested_too_deep(read, deep):
    # 100,000 braces end the process within the engine
    with pytest.raises(UnreadableFileError, match="nested more than"):
        read('{"contact_id": 1, "started_at": "2026-03-02"}\n' + deep, "log.jsonl")


def test_json_with_many_braces_side_by_side_is_not_deep(read):
    wide = '{"contact_id": 1, "started_at": "2026-03-02", "of": [' + ",".join(["[{}]"] * 2_000) + ', "[[[[\\""]}\n'
    assert rows(read(wide, "log.jsonl"), "contact_id") == [("1",)]


def test_a_workbook_whose_package_is_broken(read, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.save(tmp_path / "sound.xlsx")
    with pytest.raises(EmptyTableError, match="the sheet is empty"):
        read((tmp_path / "sound.xlsx").read_bytes(), "log.xlsx")
    with zipfile.ZipFile(tmp_path / "sound.xlsx") as sound, zipfile.ZipFile(tmp_path / "bad.xlsx", "w") as bad:
        for name in sound.namelist():
            bad.writestr(name, sound.read(name)[:-20] if "sheet1" in name else sound.read(name))
    with pytest.raises(UnreadableFileError, match="could not be read as an"):
        read((tmp_path / "bad.xlsx").read_bytes(), "log.xlsx")


def test_columns_of_a_type_that_is_not_meant(session):
    times = [datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 10)]
    frame = pd.DataFrame(
        {"contact_id": [1, -(10**20)], "started_at": times, "talk_seconds": times, "ended_at": [True, False]}
    )
    contacts = read_contacts(frame, session=session)
    assert rows(contacts, "contact_id", "talk_seconds", "ended_at") == [
        ("1", None, None), ("-100000000000000000000", None, None),
    ]  # fmt: skip
    assert sorted(aside(contacts)) == sorted(
        [(n, "talk_seconds", "not_a_number") for n in (1, 2)] + [(n, "ended_at", "unreadable_time") for n in (1, 2)]
    )


def test_half_a_character_among_records(session):
    contacts = read_contacts([{"contact_id": "a\udfff", "started_at": "2026-03-02"}], session=session)
    assert rows(contacts, "contact_id") == [("a?",)]


def test_a_time_among_numbers_makes_no_times_of_them(session):
    log = [
        {"contact_id": 7, "started_at": "2026-03-02"},
        {"contact_id": datetime(2026, 3, 2), "started_at": "2026-03-02"},
    ]
    assert rows(read_contacts(log, session=session), "contact_id") == [("7",), ("2026-03-02 00:00:00",)]
    frame = pd.DataFrame(log)
    assert rows(read_contacts(frame, session=session), "contact_id") == [("7",), ("2026-03-02 00:00:00",)]


@pytest.mark.parametrize("naive_first", [False, True])
@pytest.mark.parametrize("as_frame", [False, True])
def test_times_with_and_without_an_offset_may_stand_in_one_column(session, as_frame, naive_first):
    told = [datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 17, tzinfo=ZoneInfo("Asia/Tokyo"))]
    log = [{"contact_id": str(i), "started_at": at} for i, at in enumerate(told)][:: 1 if naive_first else -1]
    frame = pd.DataFrame(
        {"contact_id": ["a", "b"], "started_at": pd.Series([r["started_at"] for r in log], dtype=object)}
    )
    found = read_contacts(frame if as_frame else log, timezone="Europe/Berlin", session=session)
    assert rows(found, "started_at") == [(datetime(2026, 3, 2, 8),)] * 2


def test_months_and_bands_of_pandas_are_their_words(session):
    times = pd.Series([datetime(2026, 3, 2), datetime(2026, 4, 2), None])
    bands = pd.cut(pd.Series([5.0, 50.0, None]), [0, 10, 100])
    frame = pd.DataFrame({"contact_id": list("abc"), "started_at": datetime(2026, 3, 2)})
    frame = frame.assign(month=times.dt.to_period("M"), band=bands, plain=bands.astype(object))
    found = read_contacts(frame, session=session)
    expected = [("2026-03", "(0, 10]", "(0, 10]"), ("2026-04", "(10, 100]", "(10, 100]"), (None, None, None)]
    assert rows(found, "month", "band", "plain") == expected


def test_fractions_of_a_second_that_a_column_of_ones_own_has_are_kept(session):
    at = pd.Series([1_772_442_000_123_456_789, None], dtype="Int64").astype("datetime64[ns]")
    frame = pd.DataFrame({"contact_id": ["a", "b"], "started_at": datetime(2026, 3, 2), "seen": at})
    assert read_contacts(frame, session=session).to_pandas()["seen"].equals(at)


def test_a_frame_that_is_changed_afterwards_changes_nothing_that_was_read(session):
    starts = [datetime(2026, 3, day) for day in range(1, 11)]
    frame = pd.DataFrame({"contact_id": [f"c{i}" for i in range(10)], "started_at": starts})
    answers = read_surveys([{"contact_id": f"c{i}", "csat": 4} for i in range(10)], session=session)
    contacts = read_contacts(frame, since="2026-03-06", session=session)
    frame.loc[:, "started_at"] = datetime(2026, 3, 9)  # those outside the period are not looked at before the pairing
    audit = pair(contacts, answers).audit.set_index(["stage", "reason"])["n"]
    assert audit["responses"].to_dict() == {"paired_contact_id": 5, "outside_period": 5}


def test_categories_of_polars(session):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"contact_id": ["a", "b"], "started_at": ["2026-03-02"] * 2, "queue": ["sales", None]})
    categories = frame.with_columns(polars.col("queue").cast(polars.Categorical))
    assert rows(read_contacts(categories, session=session), "contact_id", "queue") == [("a", "sales"), ("b", None)]


def test_types_of_arrow_that_the_engine_lacks(session):
    fixed = {"contact_id": ["a"], "started_at": ["2026-03-02"]}
    half = pa.table(
        {**fixed, "talk_seconds": pa.array(np.array([1.5], np.float16)), "odd": pa.array([{}], pa.struct([]))}
    )
    assert rows(read_contacts(half, session=session), "talk_seconds", "odd") == [(1.5, None)]
    with pytest.raises(EmptyTableError, match="no columns either"):
        read_contacts(half.select([]), session=session)


def test_three_hundred_columns_need_no_memory(session):
    # each column's list of words for "missing" was once a join, and 300 of them took more than 18 GB
    wide = {f"answer_{i}": ["5", "NULL"] for i in range(300)}
    table = pa.table({"contact_id": ["a", "b"], "started_at": ["2026-03-02"] * 2, **wide})
    assert rows(read_contacts(table, session=session), "answer_299") == [("5",), (None,)]


def test_what_is_nested_in_some_rows_only_is_kept(read):
    log = '{"contact_id": 1, "started_at": "2026-03-02", "by": {"agent_id": "ann"}}\n'
    contacts = read(log + '{"contact_id": 2, "started_at": "2026-03-02", "by": "ben"}\n', "log.jsonl")
    assert rows(contacts, "contact_id", "by_agent_id") == [("1", "ann"), ("2", None)]


def test_vendors_tables_skip_blank_lines_too(read):
    export = "\n  \nCALL ID,TIMESTAMP,AGENT,TALK TIME\n7,2026-03-02 09:00:00,ann,00:01:00\n"
    assert rows(read(export, source="five9_call_log"), "contact_id", "talk_seconds") == [("7", 60)]
    survey = "\n  \nrequest_id,response_received_at,star_rating,ext_interaction_id\nr1,2026-03-02 09:00,5,c1\n"
    for content in (survey, survey.encode("utf-16")):
        surveys = read(content, reader=read_surveys, source="medallia_agent_connect")
        assert rows(surveys, "response_id", "csat", "source_row") == [("r1", 5, 1)]


def test_an_open_quote_swallows_no_rows(read):
    export = 'CALL ID,TIMESTAMP,AGENT\n7,2026-03-02 09:00:00,"ann\n8,2026-03-02 09:00:00,ben\n'
    with pytest.raises(UnreadableFileError, match="could not be cut into cells"):
        read(export, source="five9_call_log")


def test_a_line_of_a_million_tabs(read):
    with pytest.raises(UnreadableFileError, match="1,000,001 columns"):
        read("x" + "\t" * 1_000_000 + "\n" + LOG, "log.tsv")


CXONE = {"contactId": 1, "contactStart": "2026-03-02T09:00:00", "agentSeconds": 90, "holdSeconds": "soon"}
TCD = {
    **{"DateTime": "2026-03-02 09:00", "RouterCallKeyDay": 1, "RouterCallKey": 2, "Duration": 9},
    **{"NetQTime": 0, "LocalQTime": "soon", "RingTime": 2, "DelayTime": 0},
}


@pytest.mark.parametrize(
    ("source", "record", "column"),
    [("nice_cxone_completed", CXONE, "talk_seconds"), ("cisco_ucce_tcd", TCD, "wait_seconds")],
)
def test_what_is_no_number_is_not_taken_for_none(session, source, record, column):
    other = {name: 3 if cell == "soon" else cell for name, cell in record.items()}
    other |= {"contactId": 5, "RouterCallKey": 6}
    contacts = read_contacts([record, other], source=source, session=session)
    values = {row["source_row"]: row[column] for row in contacts.legs.to_arrow().to_pylist()}
    assert (values[1], values[2] is not None) == (None, True)
    assert (1, column, "not_a_number") in aside(contacts.legs)


def test_metrics_of_genesys_that_are_no_numbers(session):
    metrics = [{"name": "tHandle", "value": 5000}, {"name": "tTalk", "value": "soon"}]
    segments = [
        {"segmentType": "interact", "segmentStart": "2026-03-02T09:00:00Z", "segmentEnd": "2026-03-02T09:00:05Z"}
    ]
    agent = {
        "purpose": "agent",
        "userId": "u",
        "sessions": [{"sessionId": "s", "metrics": metrics, "segments": segments}],
    }
    record = {"conversationId": "c", "conversationStart": "2026-03-02T09:00:00Z", "participants": [agent]}
    legs = read_contacts([record], source="genesys_cloud", session=session).legs
    assert rows(legs, "leg_id", "talk_seconds", "hold_seconds") == [("c", None, None), ("s", None, 0)]
    assert aside(legs) == [(2, "talk_seconds", "not_a_number")]


def test_durations_between_times_keep_their_fractions(session):
    log = [{"contact_id": 1, "started_at": "2026-03-02T09:00:00.900", "answered": "2026-03-02T09:00:03.150"}]
    contacts = read_contacts(log, map={"wait_seconds": {"from": "started_at", "to": "answered"}}, session=session)
    assert rows(contacts, "wait_seconds") == [(2.25,)]


def test_durations_beyond_any_are_missing_with_a_reason(session):
    calls = [{"id": i, "created_at": "2026-03-02T09:00:00Z", "wait_time": wait} for i, wait in enumerate([5, 1e308])]
    contacts = read_contacts(calls, source="zendesk_talk", session=session)
    assert rows(contacts, "wait_seconds") == [(5,), (None,)]
    assert aside(contacts.legs) == [(2, "wait_seconds", "out_of_range")]
    answers = [{"contact_id": 1, "csat": 5, "n_calls": 1e300}]
    assert read_surveys(answers, session=session).count() == 1


def test_columns_that_are_nested_too_deeply_are_named(session):
    cell = 1
    for _ in range(40):
        cell = [cell]
    table = pa.table({"contact_id": ["a"], "started_at": ["2026-03-02 09:00"], "trace": [cell]})
    with pytest.raises(UnreadableFileError, match="nested more than 16 levels") as told:
        read_contacts(table, timezone="UTC", session=session)
    assert told.value.problems == ("trace",)


def test_a_file_that_was_written_again_at_once_is_read_again(session, tmp_path):
    path = tmp_path / "log.parquet"
    for talk in (1.5, 2.5, 3.5):
        table = pa.table({"contact_id": ["a"], "started_at": ["2026-03-02 09:00"], "talk_seconds": [talk]})
        pq.write_table(table, path)
        assert rows(read_contacts(path, timezone="UTC", session=session), "talk_seconds") == [(talk,)]


def test_a_folder_that_cannot_be_looked_into_is_named(session, tmp_path, monkeypatch):
    def walk(given, onerror):
        onerror(FileNotFoundError(2, "No such file or directory", f"{given}/gone"))
        yield from ()

    monkeypatch.setattr("cxfusion.tables.opening.os.walk", walk)
    with pytest.raises(UnreadableFileError, match=r"The folder .*/gone could not be read: No such file"):
        read_contacts(tmp_path, session=session)
