"""A job whose work PostgreSQL does: the answers of the embedded engine, from the command line and from a STUDY.toml."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import cxfusion as cx
from cxfusion.cli import app
from cxfusion.config import load_study, study_of_options
from cxfusion.engine import postgres
from cxfusion.engine.addresses import database_of, workplace_of
from cxfusion.engine.replacing import replace_tables
from cxfusion.errors import ConfigError, UsageError

N_CONTACTS = 5_000
TABLES = ("contacts", "surveys")
SAME = ("pairs", "set_aside", "operations", "perception")
"""Files that hold nothing iterated: the same bytes, whoever did the work."""


def cli(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def tables(database, tmp_path):
    """A small centre as files of a folder, and in schema raw of the database."""
    cx.simulate(n_contacts=N_CONTACTS, seed=1, out=tmp_path)
    raw = {name: pq.read_table(tmp_path / f"{name}.parquet").to_reader() for name in TABLES}
    replace_tables(database_of(f"{database}/raw"), raw)
    return tmp_path


def test_a_study_in_the_database_tells_what_one_here_does(tables, database, password, monkeypatch):
    here = cli("fuse", *(tables / f"{name}.parquet" for name in TABLES), "--out", tables / "here", "--no-report")
    assert here.exit_code == 0, here.output
    (tables / "STUDY.toml").write_text(
        f'[contacts]\npath = "{database}/raw.contacts"\n[surveys]\npath = "{database}/raw.surveys"\n'
        f'[engine]\ndatabase = "{database}"\nthreads = 1\n'
    )
    monkeypatch.setattr(postgres, "rows_here", None)  # no table of the database passes through here
    there = cli("run", tables / "STUDY.toml", "--out", tables / "there", "--json")
    assert there.exit_code == 0, there.output

    def read(name):
        frames = [pd.read_parquet(tables / where / f"{name}.parquet") for where in ("here", "there")]
        return [frame.replace(r"^(.*/)?raw\.|^(.*/)|\.parquet$", "", regex=True) for frame in frames]

    for name in SAME:
        pd.testing.assert_frame_equal(*read(name), check_exact=True)
    for name in ("levers", "evidence", "decisions"):
        a, b = read(name)
        assert np.isfinite(a["estimate"]).any()
        pd.testing.assert_frame_equal(a, b, rtol=1e-9, atol=1e-12)
    assert "svg" in (tables / "there" / "report.html").read_text()
    manifest = json.loads((tables / "there" / "manifest.json").read_text())
    assert manifest["config"]["engine"] == {"database": database.replace(f":{password}", ""), "threads": 1}
    said = [there.output, *(path.read_bytes().decode("latin-1") for path in (tables / "there").iterdir())]
    assert not any(password in text for text in said)


def test_check_diagnose_and_map_can_be_done_there_too(tables, database, password):
    paths = [f"{database}/raw.{name}" for name in TABLES]
    told = [
        cli("check", *paths, "--engine", database, "--json"),
        cli("diagnose", paths[0], "--engine", database, "--out", tables / "out"),
        cli("map", paths[0], "--engine", database),
    ]
    assert [one.exit_code for one in told] == [0, 0, 0]
    audit = json.loads(told[0].stdout)["audit"]
    assert sum(row["n"] for row in audit if row["stage"] == "contacts") == N_CONTACTS
    assert pq.read_metadata(tables / "out" / "operations.parquet").num_rows
    assert "[contacts.columns]" in told[2].stdout
    assert not any(password in one.output for one in told)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("calls.csv", "'calls.csv' cannot do the work. Expected a PostgreSQL database such as postgres://"),
        ("sqlite://kim:s3cret@log.db", "'sqlite://kim@log.db' cannot do the work"),
        ("duckdb://log.duckdb", "where none is named, DuckDB does it in this process"),
        ("postgres://kim:s3cret@db/sales/cx", "names more than a database"),
        ("postgres://kim:s3cret@db/sales?schema=cx", "names more than a database"),
        ("postgres://kim:s3cret@db:port/sales", "postgres://kim@db:port/sales is not a URL"),
    ],
)
def test_what_cannot_do_the_work_is_told_before_anything_is_opened(url, said):
    with pytest.raises(ConfigError) as told:
        study_of_options(None, engine={"database": url})
    (problem,) = told.value.problems
    assert problem.startswith("engine.database: ")
    assert said in problem
    assert "s3cret" not in str(told.value)
    if "://" in url:
        with pytest.raises(UsageError):
            cx.Session(url)


@pytest.mark.parametrize("settings", [{"memory_limit": "4GB"}, {"temp_dir": "/tmp"}])
def test_what_is_the_servers_own_cannot_be_set_beside_it(settings, tmp_path):
    with pytest.raises(ConfigError, match=r"Leave memory_limit \(--memory\) and temp_dir out, and set work_mem"):
        study_of_options(None, engine={"database": "postgres://kim@db/sales", **settings})
    (tmp_path / "a.csv").write_text("Call ID,Start Time\n7,2026-01-05 09:00\n")
    (tmp_path / "STUDY.toml").write_text(
        '[contacts]\npath = "a.csv"\n[surveys]\npath = "a.csv"\n[engine]\ndatabase = "postgres://kim:s3cret@db/sales"\n'
    )
    with pytest.raises(ConfigError) as told:
        load_study(tmp_path / "STUDY.toml", engine=settings)
    assert "s3cret" not in str(told.value)


def test_a_server_that_cannot_be_reached_is_told_before_anything_is_written(tables):
    done = cli(
        "fuse", *(tables / f"{name}.parquet" for name in TABLES), "--out", tables / "out", "--debug",
        "--engine", "postgres://kim:s3cret@127.0.0.1:1/sales",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "postgres://kim@127.0.0.1:1/sales cannot be used as an engine" in done.output
    assert "Connection refused" in done.output
    assert "s3cret" not in done.output
    assert not [path for path in tables.iterdir() if "out" in path.name]


@pytest.mark.parametrize("written", ["s3/cret", "s3#cret", "s3@cret", "1/s3cret", "1#s3cret", "1@s3cret"])
def test_a_password_with_letters_of_urls_is_told_nowhere(written):
    url = f"postgres://kim:{written}@127.0.0.1:1/sales"
    with pytest.raises(UsageError) as told:
        cx.Session(url)
    assert "cret" not in str(told.value).replace("%", "")


def test_a_server_of_this_machine_needs_no_host():
    assert workplace_of("postgres:///sales").target == "postgresql:///sales"
    assert workplace_of("postgres://k:p@ss@db/s").target == "postgresql://k:p%40ss@db/s"
