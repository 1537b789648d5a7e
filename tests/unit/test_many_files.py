"""One table from many files: nights without a contact, and files that put day and month the other way round."""

from __future__ import annotations

import gzip
import json
from datetime import datetime

import duckdb
import pytest
from typer.testing import CliRunner

import cxfusion as cx
from cxfusion.cli import app
from cxfusion.errors import EmptyTableError, InputError

HEADINGS = "contact_id,started_at\n"
US = [f"{month:02d}/{day:02d}/2025 10:00" for month in (1, 2) for day in (3, 15, 20, 28)]
DAILY = {f"{day:02d}": [f"09/{day:02d}/2025 10:0{i}" for i in range(3)] for day in range(1, 31)}


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as session:
        yield session


def read(folder, session, files, pattern="*.csv", **options):
    """A log of files of times, or of whatever text they hold."""
    for name, given in files.items():
        rows = "".join(f"{name}-{i},{time}\n" for i, time in enumerate(given))
        content = HEADINGS + rows if isinstance(given, list) else given
        (folder / f"{name}{pattern[1:]}").write_bytes(content if isinstance(content, bytes) else content.encode())
    return cx.read_contacts(folder / pattern, timezone="UTC", session=session, **options)


@pytest.mark.parametrize(
    "other",
    [
        [f"{day:02d}/02/2025 10:00" for day in (13, 4, 5)],  # a day above 12 says so
        [f"{day:02d}/02/2025 10:00" for day in (4, 5, 6)],  # else its days would lie months apart
        ["05/02/2025 10:00"],  # or away from those of the other files
    ],
)
def test_a_file_of_the_other_order_is_named_and_none_of_its_days_is_misread(tmp_path, session, other):
    many = [f"01/{day:02d}/2025 10:{i:02d}" for day in range(1, 32) for i in range(5)]
    with pytest.raises(
        InputError, match=r"started_at.*b\.csv is rather %d/%m/%Y.*datetime_format = \"%m/%d/%Y"
    ) as told:
        read(tmp_path, session, {"a": US + many, "b": other})
    assert "a.csv" not in str(told.value)


def test_two_files_that_each_settle_their_order_differently_are_told_by_name(tmp_path, session):
    turned = [f"{time[3:5]}/{time[:2]}{time[5:]}" for time in US]
    with pytest.raises(InputError, match=r"[ab]\.csv is rather"):
        read(tmp_path, session, {"a": [*US, "03/04/2025 10:00"], "b": [*turned, "03/04/2025 10:00"]})


def test_a_file_whose_days_tell_nothing_is_read_like_the_others_that_it_lies_among(tmp_path, session):
    contacts = read(tmp_path, session, DAILY)
    days = contacts.to_pandas()["started_at"].dt.normalize().unique()
    assert sorted(days) == [datetime(2025, 9, day) for day in range(1, 31)]
    assert "'started_at' has no day above 12 in 11 of 30 files, such as 01.csv: read as %m/%d/%Y, like the others" in (
        contacts.notes
    )


def test_a_format_of_the_map_settles_what_the_files_do_not(tmp_path, session):
    how = {"datetime_format": "%m/%d/%Y %H:%M"}
    contacts = read(tmp_path, session, {"a": US, "b": ["05/02/2025 10:00"]}, map=how)
    assert contacts.to_pandas()["started_at"].max() == datetime(2025, 5, 2, 10)
    assert contacts.notes == ()


@pytest.mark.parametrize("quiet", ["", " \r\n\n", HEADINGS, b"\xff\xfe", "\ufeff"])
def test_a_quiet_night_among_others_is_told_and_stops_nothing(tmp_path, session, quiet):
    contacts = read(tmp_path, session, {"a": ["2025-09-01 10:00", "2025-09-01 11:00"], "b": quiet})
    assert (contacts.n_read, contacts.count()) == (2, 2)
    assert contacts.notes == ("1 of 2 files hold no row: b.csv",)
    found = cx.check_feed(contacts).table.query("check == 'file_without_rows'")
    assert found[["level", "table", "n", "told", "examples"]].values.tolist() == [
        ["warn", "contacts", 1, "1 file holds no row", "b.csv"]
    ]


@pytest.mark.parametrize("quiet", [{"a": ""}, {"a": "", "b": " \n"}, {"a": HEADINGS}, {"a": HEADINGS, "b": ""}])
def test_where_no_file_holds_a_row_there_is_nothing_to_read(tmp_path, session, quiet):
    with pytest.raises(EmptyTableError):
        read(tmp_path, session, quiet)


@pytest.mark.parametrize("empty", [b"", gzip.compress(b"")], ids=["empty", "packed"])
def test_quiet_nights_of_packed_json_are_none_of_parquet(tmp_path, session, empty):
    row = gzip.compress(b'{"contact_id": 7, "started_at": "2025-09-01T10:00:00Z"}\n')
    assert read(tmp_path, session, {"a": row, "b": empty}, "*.jsonl.gz").remarked["file_without_rows"] == {
        "b.jsonl.gz": 1
    }
    duckdb.sql(f"COPY (SELECT 1 AS contact_id, now() AS started_at) TO '{tmp_path}/a.parquet' (FORMAT parquet)")
    with pytest.raises(EmptyTableError, match=r"b\.parquet: the file is empty"):
        read(tmp_path, session, {"b": b""}, "*.parquet")


def test_a_quiet_night_of_a_vendor_and_of_a_survey_is_told_too(tmp_path, session):
    (tmp_path / "a.csv").write_text("Contact ID,CSAT\n7,4\n")
    (tmp_path / "b.csv").write_text("")
    surveys = cx.read_surveys(tmp_path / "*.csv", session=session)
    assert surveys.remarked["file_without_rows"] == {"b.csv": 1}
    logs = tmp_path / "logs"
    logs.mkdir()
    record = {"ContactId": "7", "Channel": "VOICE", "InitiationTimestamp": "2026-01-05T09:00:00Z"}
    (logs / "a.json").write_text(json.dumps(record))
    (logs / "b.json").write_text("")
    contacts = cx.read_contacts(logs / "*.json", source="amazon_connect", session=session)
    assert contacts.remarked["file_without_rows"] == {"b.json": 1}


def test_a_night_without_contacts_is_told_by_the_command_and_in_the_manifest(tmp_path):
    cx.simulate(n_contacts=3_000, seed=1, out=tmp_path / "drawn")
    rows = duckdb.sql(f"FROM '{tmp_path}/drawn/contacts.parquet'")
    rows.write_csv(str(tmp_path / "contacts_1.csv"))
    (tmp_path / "contacts_2.csv").write_text("")
    given = [str(tmp_path / "contacts_*.csv"), str(tmp_path / "drawn/surveys.parquet")]
    ran = CliRunner().invoke(app, ["fuse", *given, "--out", str(tmp_path / "out"), "--no-report"])
    assert ran.exit_code == 0, ran.output
    assert "contacts: 1 file holds no row (contacts_2.csv)" in ran.stderr.splitlines()
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    told = [one for one in manifest["checks"] if one["check"] == "file_without_rows"]
    assert told[0]["examples"] == "contacts_2.csv"
