"""Every way in gives the same rows, and reads no more than it needs."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import date, datetime, time, timedelta

import duckdb
import ibis
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from cxfusion.engine import Session
from cxfusion.errors import (
    EmptyTableError,
    InputError,
    UnknownNameError,
    UnreadableFileError,
    UsageError,
)
from cxfusion.tables.read import read_contacts, read_surveys

ROWS = [
    {"contact_id": "7", "started_at": datetime(2026, 1, 5, 9), "talk_seconds": 200.0, "plan": "gold"},
    {"contact_id": "8", "started_at": datetime(2026, 1, 5, 9, 5), "talk_seconds": 45.5, "plan": None},
    {"contact_id": "9", "started_at": datetime(2026, 1, 6), "talk_seconds": None, "plan": "blue"},
]
TABLE = pa.Table.from_pylist(ROWS)
TEXTS = [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in ROWS]
CSV = "\n".join([",".join(TEXTS[0]), *(",".join(row.values()) for row in TEXTS), ""])
LINES = "".join(json.dumps(row, default=str) + "\n" for row in ROWS)


@pytest.fixture(scope="module")
def session():
    with Session(threads=1) as session:
        yield session


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def workbook(path, rows, sheet="Sheet", before=()):
    book = openpyxl.Workbook()
    book.active.title = sheet
    for name in before:
        book.create_sheet(name, 0).append(["other"])
    for row in rows:
        book[sheet].append(row)
    book.save(path)
    return path


def duckdb_relation():
    connection = duckdb.connect()
    connection.register("log", TABLE)
    return connection.sql("FROM log")


def ibis_table(session):
    return ibis.duckdb.connect().create_table("log", ibis.memtable(TABLE))


WAYS = {
    "csv.gz": lambda _, folder: written(folder, "log.csv.gz", gzip.compress(CSV.encode())),
    "CSV.GZ": lambda _, folder: written(folder, "LOG.CSV.GZ", gzip.compress(CSV.encode())),
    "JSONL.GZ": lambda _, folder: written(folder, "LOG.JSONL.GZ", gzip.compress(LINES.encode())),
    "tsv": lambda _, folder: written(folder, "log.tsv", CSV.replace(",", "\t")),
    "jsonl": lambda _, folder: written(folder, "log.jsonl", LINES),
    "ndjson.gz": lambda _, folder: written(folder, "log.ndjson.gz", gzip.compress(LINES.encode())),
    "json": lambda _, folder: written(folder, "log.json", LINES),
    "json array": lambda _, folder: written(folder, "log.json", json.dumps(ROWS, default=str)),
    "xlsx": lambda _, folder: workbook(folder / "log.xlsx", [list(ROWS[0]), *(list(r.values()) for r in ROWS)]),
    "pandas": lambda *_: TABLE.to_pandas(),
    "polars": lambda *_: pl.from_arrow(TABLE),
    "lazy polars": lambda *_: pl.from_arrow(TABLE).lazy().filter(pl.col("contact_id") != "x"),
    "Arrow table": lambda *_: TABLE,
    "Arrow batch": lambda *_: TABLE.to_batches()[0],
    "Arrow reader": lambda *_: pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches(max_chunksize=1)),
    "Arrow dataset": lambda *_: pads.dataset(TABLE),
    "records": lambda *_: ROWS,
    "DuckDB relation": lambda *_: duckdb_relation(),
    "Ibis table of another engine": lambda *_: ibis_table(None),
    "Ibis table in memory": lambda *_: ibis.memtable(TABLE),
    "Ibis table of the session": lambda session, _: session.materialize(ibis.memtable(TABLE)),
    "Ibis expression of the session": lambda session, _: session.materialize(ibis.memtable(TABLE)).order_by(
        "contact_id"
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_gives_the_same_rows(session, tmp_path, way):
    contacts = read_contacts(WAYS[way](session, tmp_path), session=session)
    rows = contacts.to_arrow().select([*ROWS[0], "source_row"]).to_pylist()
    assert rows == [{**row, "source_row": i} for i, row in enumerate(ROWS, start=1)]
    assert contacts.n_read == 3


def test_frames_without_rows_and_with_names_that_collide_are_refused(session):
    for empty in (pl.DataFrame({"contact_id": []}), pads.dataset(TABLE.slice(0, 0)), TABLE.slice(0, 0)):
        with pytest.raises(EmptyTableError):
            read_contacts(empty, session=session)
    twice = pa.table([["1"], ["2"]], names=["id", "ID"])
    for collides in (twice, pa.RecordBatchReader.from_batches(twice.schema, twice.to_batches()), pads.dataset(twice)):
        with pytest.raises(InputError, match="cannot be told apart"):
            read_contacts(collides, session=session)


def test_what_cannot_be_read_is_told_what_can(session, tmp_path):
    with pytest.raises(UsageError, match=r"A set was given.*Polars.*DuckDB relation.*Ibis table.*list of dicts"):
        read_contacts({1}, session=session)
    with pytest.raises(UsageError, match=r"\.xlsx.*\.csv\.gz"):
        read_contacts(written(tmp_path, "log.pdf", "x"), session=session)
    written(tmp_path, "log.csv", CSV)
    with pytest.raises(UsageError, match="mixes two"):
        read_contacts(str(tmp_path / "log.*"), session=session)


def test_no_library_is_loaded_that_is_not_given():
    program = (
        "import sys, cxfusion as cx;"
        "cx.read_contacts([{'contact_id': '1', 'started_at': '2026-01-05'}]);"
        "print(sorted({'polars', 'openpyxl', 'pyspark'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_partitions_are_columns(session, tmp_path):
    days = pa.array(["2026-01-05", "2026-01-05", "2026-01-06"])
    table = TABLE.append_column("day", days).append_column("site", pa.array(["a b", None, "c"]))
    keys = pads.partitioning(pa.schema([("day", pa.string()), ("site", pa.string())]), flavor="hive")
    pads.write_dataset(table, tmp_path / "log", format="parquet", partitioning=keys)
    (tmp_path / "log" / "_temporary").mkdir()
    written(tmp_path / "log" / "_temporary", "part.parquet", b"unfinished")
    for given in (tmp_path / "log", tmp_path / "log" / "**" / "day=*" / "**" / "*.parquet"):
        rows = read_contacts(given, session=session).to_arrow().to_pylist()
        found = sorted((row["contact_id"], row["day"], row["site"]) for row in rows)
        assert found == [("7", date(2026, 1, 5), "a b"), ("8", date(2026, 1, 5), None), ("9", date(2026, 1, 6), "c")]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_brackets_in_the_name_of_a_file_are_no_pattern(session, tmp_path, ending):
    for n, name in enumerate(["log1", "log[1]"]):  # the pattern log[1] means the first of them
        frame = TABLE.slice(n, 1).to_pandas()
        path = tmp_path / f"{name}.{ending}"
        if ending == "parquet":
            frame.to_parquet(path)
        elif ending == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_json(path, orient="records", lines=True, date_format="iso")
    for given in (tmp_path / f"log[[]1].{ending}", tmp_path / f"log[[]*.{ending}", tmp_path / f"log[1].{ending}"):
        assert read_contacts(given, session=session).to_arrow()["contact_id"].to_pylist() == ["8"]


def test_a_folder_stands_for_every_parquet_file_in_it(session, tmp_path):
    for n, name in enumerate(["a.parquet", "b.PARQUET", "c.pq"]):
        pq.write_table(TABLE.slice(n, 1), tmp_path / name)
    found = read_contacts(tmp_path, session=session).to_arrow()["contact_id"].to_pylist()
    assert sorted(found) == ["7", "8", "9"]


def test_a_parquet_file_may_have_a_column_of_file_names(session, tmp_path):
    for n in range(2):
        pq.write_table(TABLE.append_column("Filename", pa.array(["a", None, "c"])), tmp_path / f"log{n}.parquet")
    contacts = read_contacts(tmp_path / "log0.parquet", session=session)
    assert contacts.to_arrow()["filename"].to_pylist() == ["a", None, "c"]
    both = read_contacts(tmp_path, session=session)
    assert both.n_read == 6
    places = {row["source_file"] for row in session.collect(both.set_aside).to_pylist()}
    assert places == {str(tmp_path / "log1.parquet")}  # the same contacts again


def test_folders_above_the_one_that_was_given_are_no_partitions(session, tmp_path):
    folder = tmp_path / "run=3"
    folder.mkdir()
    pq.write_table(TABLE, folder / "log.parquet")
    assert "run" not in read_contacts(folder, session=session).columns


def test_nested_objects_get_dotted_names(session, tmp_path):
    lines = [
        {"id": 12345678901234567890, "begin": "2026-01-05T09:00:00Z", "agent": {"id": "a1", "team": {"name": "x"}}},
        {"id": 2, "begin": "2026-01-05T09:01:00Z", "agent": {"id": 7}, "skills": [1, 2], "odd/key~": True},
        {"id": 3, "begin": "2026-01-05T09:02:00Z", "agent": None},
    ]
    path = written(tmp_path, "log.jsonl", "\n\n".join(map(json.dumps, lines)))
    given = {"contact_id": "id", "started_at": "begin", "agent_id": "agent.id"}
    rows = read_contacts(path, map=given, session=session).to_arrow().to_pydict()
    assert rows["contact_id"] == ["12345678901234567890", "2", "3"]
    assert rows["agent_id"] == ["a1", "7", None]
    assert rows["agent_team_name"][0] == "x"
    assert rows["skills"][1] == "[1,2]"
    assert rows["odd_key"][1] == "true"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("log.jsonl", '{"contact_id": "1"}\n{"contact_id": \n{"contact_id": "3"}\n', "line 3"),
        ("log.jsonl", "[1, 2]\n3\n", "one JSON object per row"),
        ("log.csv", "contact_id,started_at\n1,2026-01-05\n2,2026-01-05,x\n", "Line: 3"),
        ("log.csv", "contact_id,started_at\n1,2026-01-05\n2\n", "Line: 3"),
        ("log.csv.gz", gzip.compress(CSV.encode())[:-9], "log.csv.gz"),
        ("log.csv.gz", b"no gzip at all", "log.csv.gz"),
        ("log.xlsx", b"no workbook", "log.xlsx"),
        ("log.parquet", b"PAR1 no table", "log.parquet"),
    ],
)
def test_broken_files_are_told_with_the_place(session, tmp_path, name, content, told):
    with pytest.raises(UnreadableFileError) as caught:
        read_contacts(written(tmp_path, name, content), session=session)
    assert told in str(caught.value)


def test_a_workbook_sheet_is_found_and_its_margins_are_not_read(session, tmp_path):
    rows = [
        [],
        ["Call ID", "Start Time", "Talk Time", "Hold Time", "Note", None, None],
        [7, datetime(2026, 1, 5, 9), time(0, 3, 20), timedelta(seconds=61), 1],
        [None, None, None, None, None],
        [8, "2026-01-05 09:05", "45", timedelta(seconds=2), "x"],
        [],
    ]
    path = workbook(tmp_path / "log.xlsx", rows, sheet="Log", before=["Cover"])
    contacts = read_contacts(path, map={"sheet": "Log"}, session=session)
    kept = contacts.to_arrow().to_pylist()
    assert [(r["contact_id"], r["started_at"], r["talk_seconds"], r["hold_seconds"], r["note"]) for r in kept] == [
        ("7", datetime(2026, 1, 5, 9), 200, 61, "1"),
        ("8", datetime(2026, 1, 5, 9, 5), 45, 2, "x"),
    ]
    assert contacts.n_read == 3
    with pytest.raises(UnknownNameError, match="Expected one such as: Log"):
        read_contacts(path, map={"sheet": "Logs"}, session=session)
    with pytest.raises(UsageError, match="only Excel workbooks"):
        read_contacts(ROWS, map={"sheet": "Log"}, session=session)


def test_without_openpyxl_a_workbook_says_what_to_install(session, tmp_path, monkeypatch):
    path = workbook(tmp_path / "log.xlsx", [["contact_id"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UsageError, match=r"pip install 'cxfusion\[excel\]'"):
        read_contacts(path, session=session)


def test_elapsed_times_are_seconds_wherever_they_come_from(session, tmp_path):
    elapsed = pa.array([61_500_000_000, None], pa.duration("ns"))
    table = pa.table({"contact_id": ["1", "2"], "started_at": ["2026-01-05"] * 2, "talk_seconds": elapsed})
    pq.write_table(table, tmp_path / "log.parquet")
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    for given in (table, table.to_pandas(), reader, pads.dataset(table), tmp_path / "log.parquet"):
        assert read_contacts(given, session=session).to_arrow()["talk_seconds"].to_pylist() == [61.5, None]


def test_each_parquet_file_has_elapsed_times_of_its_own_unit(session, tmp_path):
    units = {"a": pa.duration("ns"), "b": pa.duration("us"), "c": pa.float64(), "d": pa.duration("ns"), "e": None}
    for name, kind in units.items():
        ids, starts = [f"{name}1", f"{name}2"], [datetime(2026, 1, 5)] * 2
        table = pa.table({"contact_id": ids, "started_at": starts, f"only_{name}": [1.0, 2.0]})
        if kind is not None:
            talk = pa.array([timedelta(seconds=61.5), None], kind) if kind != pa.float64() else pa.array([61.5, None])
            table = table.append_column("talk_seconds", talk)
        pq.write_table(table, tmp_path / f"{name}.parquet")
    rows = read_contacts(tmp_path, session=session).to_arrow().sort_by("contact_id").to_pylist()
    assert [row["talk_seconds"] for row in rows] == [61.5, None] * 4 + [None, None]
    assert [(row["source_file"], row["source_row"]) for row in rows] == [
        (str(tmp_path / f"{name}.parquet"), n) for name in units for n in (1, 2)
    ]
    assert [row["only_d"] for row in rows] == [None] * 6 + [1.0, 2.0] + [None] * 2


def test_typed_text_that_needs_cleaning_is_cleaned(session):
    clean = pa.table({"contact_id": ["1", "2"], "started_at": [datetime(2026, 1, 5)] * 2, "queue": ["sales", "care"]})
    assert read_contacts(clean, session=session).to_arrow()["queue"].to_pylist() == ["sales", "care"]
    for cell, expected in ((" care", "care"), ("care\r", "care"), ("N/A", None), ("", None), (" - ", None)):
        dirty = clean.set_column(2, "queue", pa.array(["sales", cell]))
        assert read_contacts(dirty, session=session).to_arrow()["queue"].to_pylist() == ["sales", expected]
        as_attribute = read_contacts(dirty.rename_columns(["contact_id", "started_at", "plan"]), session=session)
        assert as_attribute.to_arrow()["plan"].to_pylist() == ["sales", expected]


def spoilt(path, *chunks):
    """The file with some column chunks (row group, column) overwritten: whoever reads one of them, fails."""
    content, groups = bytearray(path.read_bytes()), pq.read_metadata(path)
    for group, column in chunks:
        chunk = groups.row_group(group).column(column)
        start, size = chunk.data_page_offset, chunk.total_compressed_size
        content[start : start + size] = b"\xff" * size
    path.write_bytes(bytes(content))
    return path


@pytest.fixture
def parts(tmp_path):
    """4,000 contacts, an hour apart, in four row groups."""
    starts = [datetime(2026, 1, 1) + timedelta(hours=i) for i in range(4000)]
    columns = {"contact_id": [f"c{i}" for i in range(4000)], "started_at": starts}
    more = {"talk_seconds": [float(i % 977) for i in range(4000)], "plan": [f"p{i * 7919 % 4001}" for i in range(4000)]}
    pq.write_table(pa.table(columns | more), tmp_path / "log.parquet", row_group_size=1000, use_dictionary=False)
    return tmp_path / "log.parquet"


def test_columns_that_nobody_asks_for_are_not_read(session, parts):
    spoilt(parts, (0, 3), (2, 3))
    contacts = read_contacts(parts, map={"columns": {}, "attributes": []}, session=session)
    assert (contacts.count(), "plan" in contacts.columns) == (4000, False)
    with pytest.raises(UnreadableFileError):
        read_contacts(parts, session=session)


def test_blocks_outside_the_period_are_not_read(session, parts):
    spoilt(parts, (0, 2), (0, 3), (3, 2), (3, 3))
    contacts = read_contacts(parts, since="2026-02-20", until="2026-03-20", timezone="Europe/Berlin", session=session)
    assert (contacts.count(), contacts.n_outside_period) == (28 * 24, 4000 - 28 * 24)
    with pytest.raises(UnreadableFileError):
        read_contacts(parts, since="2026-01-20", session=session)


def test_surveys_come_in_every_way_too(session, tmp_path):
    answers = [{"contact_id": "1", "csat": 4}, {"contact_id": "2", "csat": None}]
    path = written(tmp_path, "answers.jsonl", "".join(json.dumps(row) + "\n" for row in answers))
    for given in (path, pl.DataFrame(answers), pd.DataFrame(answers), ibis.memtable(pa.Table.from_pylist(answers))):
        surveys = read_surveys(given, session=session)
        assert surveys.to_arrow()["csat"].to_pylist() == [4, None]
