"""Survey exports of any kind of data, and broken ones: a clear error or set-aside rows, never a traceback."""

from __future__ import annotations

import gzip
import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from cxfusion.engine import Session
from cxfusion.errors import CxfusionError, EmptyTableError, UnreadableFileError, UsageError
from cxfusion.tables.canonical import SURVEY_COLUMNS
from cxfusion.tables.read import read_contacts, read_surveys
from cxfusion.tables.sources import SOURCES, require_source

SURVEY_SOURCES = [source for source in SOURCES if source.export and source.reads == ("surveys",)]
HEADER = "request_id,response_received_at,star_rating,ext_interaction_id"
ROWS = ["r1,2024-05-01 10:00:00,5,c1", "r2,2024-05-01 11:00:00,4,c2"]
CSV = "\n".join([HEADER, *ROWS]) + "\n"
RECORDS = [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in ROWS]


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


@pytest.fixture
def read(session):
    def read(data, source="medallia_agent_connect", **options):
        return read_surveys(data, source=source, session=session, **options)

    return read


def write(tmp_path, content, name="export.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def kinds(tmp_path):
    frame, table = pd.DataFrame(RECORDS), pa.Table.from_pylist(RECORDS)
    pq.write_table(table, tmp_path / "export.parquet")
    frame.to_excel(tmp_path / "export.xlsx", index=False)
    lines = "\n".join(map(json.dumps, RECORDS))
    return {
        "csv": write(tmp_path, CSV),
        "with a byte order mark": write(tmp_path, "\ufeff" + CSV, "bom.csv"),
        "UTF-16": write(tmp_path, CSV.encode("utf-16"), "wide.csv"),
        "CRLF and semicolons": write(tmp_path, CSV.replace("\n", "\r\n").replace(",", ";"), "other.csv"),
        "gzip": write(tmp_path, gzip.compress(CSV.encode()), "export.csv.gz"),
        "parquet": tmp_path / "export.parquet",
        "excel": tmp_path / "export.xlsx",
        "JSON lines": write(tmp_path, lines, "export.jsonl"),
        "a JSON list": write(tmp_path, "\ufeff" + json.dumps(RECORDS, indent=2), "export.json"),
        "packed JSON": write(tmp_path, gzip.compress(lines.encode()), "export.json.gz"),
        "records": RECORDS,
        "pandas": frame,
        "arrow": table,
        "a reader": table.to_reader(),
        "a dataset": pads.dataset(tmp_path / "export.parquet"),
        "ibis": ibis.memtable(table),
    }


def test_every_kind_of_data_reads_the_same(read, tmp_path):
    for kind, data in kinds(tmp_path).items():
        surveys = read(data)
        rows = surveys.to_arrow().select(["response_id", "contact_id", "csat", "source_row", "disposition"]).to_pylist()
        assert [tuple(row.values()) for row in rows] == [
            ("r1", "c1", 5, 1, "complete"),
            ("r2", "c2", 4, 2, "complete"),
        ], kind
        assert {str(time) for time in surveys.to_arrow()["answered_at"].to_pylist()} == {
            "2024-05-01 10:00:00", "2024-05-01 11:00:00",
        }, kind  # fmt: skip


def test_values_of_python_are_read_as_a_file_would_hold_them(read):
    answered = pd.Timestamp("2024-05-01 10:00")
    records = [
        {"request_id": UUID(int=7), "ext_interaction_id": np.int64(7), "star_rating": Decimal("4.0"),
         "response_received_at": answered, "request_sent_at": date(2024, 5, 1), "sent_by": pd.NaT, "tags": ("ü", 1)},
        {"request_id": UUID(int=8), "ext_interaction_id": 8, "star_rating": np.float64(5),
         "response_received_at": answered.tz_localize("Asia/Tokyo"), "request_sent_at": pd.NA, "sent_by": math.nan},
    ]  # fmt: skip
    surveys = read(records)
    rows = surveys.to_arrow().to_pylist()
    assert [(row["response_id"], row["contact_id"], row["csat"], row["answered_at"]) for row in rows] == [
        (str(UUID(int=7)), "7", 4, datetime(2024, 5, 1, 10)),  # as UTC, which the vendor's times are
        (str(UUID(int=8)), "8", 5, datetime(2024, 5, 1, 1)),  # nine hours ahead of it
    ]
    assert [(row["invited_at"], row["invited_at_is_day"], row["sent_by"]) for row in rows] == [
        (datetime(2024, 5, 1), True, None),
        (None, False, None),
    ]
    assert [row["tags"] for row in rows] == ['["ü", 1]', None]
    assert surveys.session.collect(surveys.set_aside).num_rows == 0


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_times_without_an_offset_are_the_vendors_utc_however_they_are_held(read, tmp_path, unit):
    times = [datetime(2024, 5, 1, 10), datetime(2024, 5, 1, 11)]
    table = pa.Table.from_pylist(RECORDS).drop("response_received_at")
    typed = table.append_column("response_received_at", pa.array(times, pa.timestamp(unit)))
    wide = table.append_column("response_received_at", pa.array(map(str, times), pa.large_string()))
    pq.write_table(typed, tmp_path / "typed.parquet")
    pq.write_table(wide, tmp_path / "wide.parquet")
    typed.to_pandas().to_excel(tmp_path / "typed.xlsx", index=False)
    files = (tmp_path / name for name in ("typed.parquet", "wide.parquet", "typed.xlsx"))
    for data in (typed, wide, typed.to_pandas(), typed.to_pandas().to_dict("records"), *files):
        assert read(data, timezone="Asia/Tokyo").to_arrow()["answered_at"].to_pylist() == times, data
    zoned = pa.array([time.replace(tzinfo=UTC) for time in times], pa.timestamp(unit, "Europe/Berlin"))
    told = table.append_column("response_received_at", zoned)
    assert read(told, timezone="Asia/Tokyo").to_arrow()["answered_at"].to_pylist() == times


def test_rows_know_their_file(read, tmp_path):
    for n, row in enumerate(ROWS):
        write(tmp_path, f"{HEADER}\n{row}\n", f"part{n}.csv")
    surveys = read(tmp_path / "part*.csv")
    found = surveys.to_arrow().to_pylist()
    assert [(row["source_file"].rsplit("/")[-1], row["source_row"]) for row in found] == [
        ("part0.csv", 1),
        ("part1.csv", 1),
    ]


def test_the_map_may_name_the_source(session, tmp_path):
    source_map = tmp_path / "map.toml"
    source_map.write_text('[surveys]\nsource = "medallia_agent_connect"\n')
    surveys = read_surveys(write(tmp_path, CSV), map=source_map, session=session)
    assert surveys.to_arrow()["csat"].to_pylist() == [5, 4]


def test_own_columns_and_chosen_attributes_go_on_working(read, tmp_path):
    told = {"columns": {"stars_again": {"column": "star_rating", "kind": "number"}}, "attributes": []}
    surveys = read(write(tmp_path, CSV), map=told)
    assert surveys.to_arrow()["stars_again"].to_pylist() == [5, 4]
    assert not surveys.has("request_id")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"{HEADER}\n{ROWS[0]}\nr2,too few\n", r"line 3: 2 cells were found where the first line has 4"),
        (f'{HEADER}\nr1,"never closed\n', "could not be cut into cells"),
        (f"{HEADER}\n".encode() + b"r1,2024-05-01 10:00:00,5,\xff\n", "not UTF-8"),
        (f"{HEADER}\nr1,{'x' * 200_000},5,c1\n", "could not be cut into cells"),
    ],
    ids=["ragged", "open quote", "a stray byte", "a huge cell"],
)
def test_broken_csv(read, tmp_path, content, told):
    with pytest.raises(UnreadableFileError, match=told):
        read(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"id": 1}\n{"id": \n', "line 3 is not JSON"),
        ("[1, 2]", "where a response should be"),
        ('"text"', "where a response should be"),
        ("[" * 100_000, "is not JSON"),
        ('{"a": ' * 20_000 + "1" + "}" * 20_000, "is not JSON"),
        (json.dumps({f"field {n}": n for n in range(3_000)}), "more than 2,000 different fields"),
        ("9" * 5_000, "is not JSON"),
    ],
    ids=["cut off", "numbers", "text", "open lists", "a deep object", "too wide", "a huge number"],
)
def test_broken_json(read, tmp_path, content, told):
    with pytest.raises(UnreadableFileError, match=told):
        read(write(tmp_path, content, "export.json"), source="delighted")


def test_broken_archives_and_tables(read, tmp_path):
    packed = gzip.compress(CSV.encode())
    with pytest.raises(UnreadableFileError):
        read(write(tmp_path, packed[:-12], "cut.csv.gz"))
    with pytest.raises(UnreadableFileError):
        read(write(tmp_path, b"PAR1 nothing of the sort", "export.parquet"))
    with pytest.raises(EmptyTableError):
        read(write(tmp_path, "", "empty.csv"))
    with pytest.raises(EmptyTableError, match="has headings but no response"):
        read(write(tmp_path, HEADER + "\n", "headings.csv"))
    with pytest.raises(UsageError, match="was given"):
        read(7)


def test_odd_cells_are_set_aside_not_believed(read):
    odd = ["=cmd()", "NaN", "1e999", "-1", "5 stars", None, [5], {"x": 5}]
    records = [{**RECORDS[0], "request_id": f"r{n}", "star_rating": cell} for n, cell in enumerate(odd)]
    surveys = read(records)
    assert surveys.to_arrow()["csat"].to_pylist() == [None] * len(odd)
    reasons = {row["original"]: row["reason"] for row in surveys.session.collect(surveys.set_aside).to_pylist()}
    assert reasons["=cmd()"] == reasons["5 stars"] == reasons["[5]"] == "not_a_number"
    assert reasons["-1"] == "score_out_of_scale"


def test_names_that_clash_with_ours_stay_the_sources(read):
    clash = {"source_row": "9", "SOURCE_FILE": "f", "Star_Rating": "1", "disposition (from x)": "y", "": "z"}
    surveys = read([{**RECORDS[0], **clash}])
    row = surveys.to_arrow().to_pylist()[0]
    assert (row["csat"], row["source_row"], row["source_file"]) == (5, 1, "list")


def test_half_a_character_pair_is_no_text(read, tmp_path):
    text = json.dumps([{**RECORDS[0], "comments": "\ud800 well", "\ud800": 1}])
    assert read(write(tmp_path, text, "export.json")).to_arrow()["comments"].to_pylist() == ["? well"]


@pytest.mark.parametrize("source", SURVEY_SOURCES, ids=lambda source: source.name)
def test_every_source_says_what_it_reads(source):
    assert source.reads == ("surveys",)
    assert require_source(source.name) is source
    known = {column.name for column in SURVEY_COLUMNS} | {"qa_score", "person_record_id"}
    assert {field.canonical for field in source.fields} - {None} <= known
    assert all(field.source and field.meaning for field in source.fields)
    with pytest.raises(UsageError, match="not contacts"):
        read_contacts(RECORDS, source=source.name)


@pytest.mark.parametrize(
    ("source", "record"),
    [
        (
            "genesys_surveys",
            {"conversationId": "v1", "surveys": [{"surveyId": "s1", "surveyPromoterScore": 9}, "lost"]},
        ),
        ("zendesk_csat", {"id": "r1", "answers": ["lost"]}),
    ],
)
def test_an_answer_that_is_no_object_is_not_left_out_in_silence(session, source, record):
    with pytest.raises(UnreadableFileError, match="holds a str where an object should be"):
        read_surveys([record], source=source, session=session)


@pytest.mark.parametrize("source", SURVEY_SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize(
    "data", [[{"": None}], [{"id": {"a": []}}], [{"answers": 5, "surveys": {}, "Item": 1}]], ids=str
)
def test_odd_records_are_errors_of_ours(session, source, data):
    with pytest.raises(CxfusionError):
        read_surveys(data, source=source.name, map={"csat": "x"}, session=session)
