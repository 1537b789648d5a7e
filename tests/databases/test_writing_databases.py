"""Output tables in a database: all of them or none, ours alone, and never a password beside them."""

from __future__ import annotations

import json
import subprocess
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cxfusion as cx
from cxfusion.config import load_study
from cxfusion.engine.addresses import database_of
from cxfusion.engine.replacing import replace_tables
from cxfusion.errors import ConfigError, OutputDatabaseError
from cxfusion.job import run


def ask(url, query):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else None


def reader(**columns):
    return pa.table(columns).to_reader()


@pytest.fixture(params=["postgres", "duckdb"])
def place(request, tmp_path):
    """A database to write to, as its URL, and a way to ask it."""
    if request.param == "postgres":
        url = request.getfixturevalue("database")
        return url, lambda query: ask(url, query)

    def ask_file(query):
        with duckdb.connect(str(tmp_path / "out.duckdb")) as connection:
            return connection.execute(query).fetchall()

    return f"duckdb://{tmp_path}/out.duckdb", ask_file


def test_tables_are_made_and_replaced(place):
    url, query = place
    address = database_of(f"{url}/cx")
    replace_tables(address, {"pairs": reader(id=["a", "b"], n=[1, 2]), "levers": reader(x=[0.5])})
    assert query("SELECT id, n FROM cx.pairs ORDER BY id") == [("a", 1), ("b", 2)]
    replace_tables(address, {"pairs": reader(id=["c"], n=[3]), "levers": reader(other=["y"])})
    assert query("SELECT id, n FROM cx.pairs") == [("c", 3)]
    assert query("SELECT * FROM cx.levers") == [("y",)]


def test_all_kinds_of_columns_arrive(place):
    url, query = place
    time = pa.array([1_772_000_000_123_456], pa.timestamp("us", "UTC"))
    nothing = {"i": pa.array([None], pa.int64()), "e": pa.array([None], pa.string())}
    rows = reader(s=["'\"\\\n"], t=time, b=[True], f=[1.5], **nothing)
    replace_tables(database_of(url), {"all": rows})
    found = query('SELECT s, extract(epoch FROM t)::float8, b, f, i, e FROM "all"')
    assert found == [("'\"\\\n", 1_772_000_000.123456, True, 1.5, None, None)]


def test_text_that_postgres_does_not_take_is_told_as_what_it_is(database):
    address = database_of(f"{database}/cx")
    replace_tables(address, {"operations": reader(group=["sales"])})
    with pytest.raises(OutputDatabaseError, match=r"the character of code 0.*untouched. Take it out of the source"):
        replace_tables(address, {"operations": reader(group=["sal\0es"])})
    assert ask(database, 'SELECT "group" FROM cx.operations') == [("sales",)]


def test_a_failure_half_way_changes_nothing(place):
    url, query = place
    address = database_of(url)
    replace_tables(address, {"a": reader(n=[1]), "b": reader(n=[1])})

    def breaking():
        yield pa.record_batch({"n": [2]})
        raise OSError("the disk is full")

    broken = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), breaking())
    with pytest.raises(OutputDatabaseError, match="What was there before is untouched"):
        replace_tables(address, {"a": reader(n=[2]), "b": broken, "c": reader(n=[2])})
    assert query("SELECT n FROM a") == query("SELECT n FROM b") == [(1,)]
    with pytest.raises(Exception, match="c"):
        query("SELECT n FROM c")


KILLED = """
import os, signal, sys
import pyarrow as pa
from cxfusion.engine.addresses import database_of
from cxfusion.engine.replacing import replace_tables

def rows():
    yield pa.record_batch({"n": list(range(100_000))})
    os.kill(os.getpid(), signal.SIGKILL)

late = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), rows())
replace_tables(database_of(sys.argv[1]), {"a": pa.table({"n": [2]}).to_reader(), "b": late})
"""


def test_a_run_that_is_killed_while_it_writes_leaves_the_old_tables(place):
    url, query = place
    replace_tables(database_of(url), {"a": reader(n=[1]), "b": reader(n=[1])})
    done = subprocess.run([sys.executable, "-c", KILLED, url], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert query("SELECT n FROM a") == query("SELECT n FROM b") == [(1,)]
    replace_tables(database_of(url), {"a": reader(n=[3]), "b": reader(n=[3])})
    assert query("SELECT n FROM a") == query("SELECT n FROM b") == [(3,)]


def test_a_table_that_is_not_ours_is_left_alone(place):
    url, query = place
    address = database_of(url)
    query("CREATE TABLE pairs AS SELECT 'precious' AS it")
    with pytest.raises(OutputDatabaseError, match="did not write: pairs"):
        replace_tables(address, {"levers": reader(n=[1]), "pairs": reader(n=[1])})
    assert query("SELECT it FROM pairs") == [("precious",)]
    query("DROP TABLE pairs")
    query("CREATE VIEW pairs AS SELECT 1 AS it")
    with pytest.raises(OutputDatabaseError, match="did not write: pairs"):
        replace_tables(address, {"pairs": reader(n=[1])})


def test_readers_of_postgres_keep_their_views_and_see_old_or_new(database):
    address = database_of(f"{database}/cx")
    replace_tables(address, {"levers": reader(n=[1])})
    ask(database, "CREATE VIEW seen AS SELECT n FROM cx.levers")
    during = []

    def watched():
        during.extend(ask(database, "SELECT n FROM seen"))
        yield pa.record_batch({"n": [2]})

    rows = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), watched())
    replace_tables(address, {"levers": rows})
    assert during == [(1,)]
    assert ask(database, "SELECT n FROM seen") == [(2,)]


def test_a_database_that_is_not_there_is_told_before_anything_is_read(tmp_path, server, password):
    (tmp_path / "calls.csv").write_text("Call ID,Start Time\n7,2026-01-05 09:00\n")
    study = tmp_path / "STUDY.toml"
    nowhere = server.replace("/postgres", "/nowhere").replace("postgres:/nowhere", "postgres:/")
    study.write_text(
        '[contacts]\npath = "calls.csv"\n[surveys]\npath = "calls.csv"\n[output]\n' + f'database = "{nowhere}"\n'
    )
    with pytest.raises(OutputDatabaseError, match="nowhere") as told:
        run(load_study(study), tmp_path / "out")
    assert password not in str(told.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('schema = "cx"', "belongs to `database`"),
        ('database = "sqlite://out.db"', "cannot be written to"),
        ('database = "postgres://kim:7up@db/sales/cx/calls"', "names more than"),
        ('databse = "x"', "nearest: database"),
    ],
)
def test_an_output_section_that_cannot_be_used_is_told(tmp_path, words, said):
    study = tmp_path / "STUDY.toml"
    (tmp_path / "calls.csv").write_text("Call ID,Start Time\n7,2026-01-05 09:00\n")
    study.write_text(f'[contacts]\npath = "calls.csv"\n[surveys]\npath = "calls.csv"\n[output]\n{words}\n')
    with pytest.raises(ConfigError, match=said) as told:
        load_study(study)
    assert "7up" not in str(told.value)


def test_a_study_from_database_to_database_tells_its_password_nowhere(database, password, tmp_path):
    cx.simulate(n_contacts=8_000, seed=1, out=tmp_path)
    raw = {name: pq.read_table(tmp_path / f"{name}.parquet").to_reader() for name in ("contacts", "surveys")}
    replace_tables(database_of(f"{database}/raw"), raw)
    (tmp_path / "STUDY.toml").write_text(
        f'[contacts]\npath = "{database}/raw.contacts"\n[surveys]\npath = "{database}/raw.surveys"\n'
        f'[output]\ndatabase = "{database}"\nschema = "cx"\n'
    )
    command = [sys.executable, "-m", "cxfusion", "run", "STUDY.toml", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = {path.stem: path for path in (tmp_path / "out").glob("*.parquet")}
    tables = {name for (name,) in ask(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'cx'")}
    assert tables == {*files, "pairing_audit", "manifest"}
    for name, path in files.items():
        assert ask(database, f"SELECT count(*) FROM cx.{name}") == [(pq.read_metadata(path).num_rows,)]
    levers = ask(database, "SELECT lever, estimate FROM cx.levers ORDER BY lever")
    assert levers == sorted(
        zip(*pq.read_table(files["levers"]).select(["lever", "estimate"]).to_pydict().values(), strict=True)
    )
    manifest = json.loads(ask(database, "SELECT manifest FROM cx.manifest")[0][0])
    assert manifest["inputs"]["contacts"] == f"{database}/raw.contacts".replace(f":{password}", "")
    said = [done.stdout, done.stderr, *(path.read_bytes().decode("latin-1") for path in (tmp_path / "out").iterdir())]
    assert not any(password in text for text in said)
