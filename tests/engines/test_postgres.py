"""PostgreSQL as an engine: what every engine must do, and what only PostgreSQL must show."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import FrameSource
from cxfusion.engine.functions import greatest_of
from cxfusion.errors import ResourceError, UnreadableFileError, UsageError
from cxfusion.tables.formats import TimeForm
from engines.conformance import *  # noqa: F403 - the tests are taken over
from engines.conformance import TABLE, Total, read
from engines.folds import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = "adbc-driver-postgresql is not installed (the extra postgres has it)"
dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi", reason=NEEDED)


@pytest.fixture
def session(server) -> Iterator[cx.Session]:
    with cx.Session(server, threads=2) as opened:
        yield opened


def run(server, *statements) -> list[tuple[object, ...]]:
    """Rows of the last of some statements, by a connection of its own."""
    with dbapi.connect(server, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def schemas(server) -> list[str]:
    found = run(server, "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'cxfusion%'")
    return [str(name) for (name,) in found]


def test_nothing_is_left_behind(server):
    before = schemas(server)
    with cx.Session(server) as session:
        session.materialize(read(session))
        assert len(schemas(server)) == len(before) + 1
    assert schemas(server) == before


def test_what_cannot_be_prepared_leaves_nothing_behind(server, monkeypatch):
    before = schemas(server)
    monkeypatch.setattr("cxfusion.engine.postgres.FUNCTIONS", ("CREATE FUNCTION that is none",))
    with pytest.raises(UsageError, match="cannot be used as an engine"):
        cx.Session(server)
    assert schemas(server) == before


def test_tables_of_the_database_stay_in_it(server):
    run(
        server,
        "DROP TABLE IF EXISTS public.calls",
        "CREATE TABLE public.calls AS SELECT 'c' || i AS call_id, timestamptz '2026-01-05 09:00+05:30' AS start_time,"
        " i * interval '1 s' AS talk_time, '{\"a\": 1}'::jsonb AS extra FROM generate_series(1, 100) AS i",
        "SELECT 1",
    )
    with cx.Session(server) as session:
        contacts = cx.read_contacts(f"{server}/calls", session=session, timezone="UTC")
        rows = contacts.to_arrow().sort_by("source_row").to_pydict()
    assert rows["contact_id"][:2] == ["c1", "c2"]
    assert rows["talk_seconds"][:2] == [1, 2]
    assert rows["started_at"][0] == datetime(2026, 1, 5, 3, 30)
    run(server, "DROP TABLE public.calls", "SELECT 1")


def test_a_fold_is_swept_by_buckets_and_tells_the_same(session, monkeypatch):
    rows = session.materialize(read(session))
    whole = session.fold(rows, Batches())
    monkeypatch.setattr("cxfusion.engine.postgres.BUCKET_ROWS", 9)
    parts = session.fold(rows, Batches())
    assert len(whole) == 1
    assert len(parts) == 12  # of 100 rows
    assert [*chain(*parts)] == whole[0]  # by key, not as the server happens to give them
    backwards = session.materialize(rows.order_by(rows["source_row"].desc()))
    assert [*chain(*session.fold(backwards, Batches()))] == whole[0]
    assert session.fold(rows, Total()) == (100, sum(TABLE["wait_seconds"].to_pylist()))


class Batches:
    """Fold: the ids of each batch that has rows."""

    def zero(self):
        return []

    def step(self, state, batch):
        return [*state, batch.column("contact_id").to_pylist()] if len(batch) else state

    def merge(self, left, right):
        return left + right

    def finish(self, state):
        return state


def test_pairs_by_customer_and_window_are_those_of_the_default_engine(session, centre):
    plan = cx.PairingPlan(by=("customer_id",), within="72h")
    with cx.Session(threads=1) as plain:
        there, here = (cx.pair(*tables_of(one, centre), plan) for one in (session, plain))
        assert there.audit.equals(here.audit)
        found = [
            one.collect(pairing.pairs.order_by("response_file", "response_row"))
            for one, pairing in ((session, there), (plain, here))
        ]
    assert there.n_pairs > 500
    assert found[0].to_pandas().equals(found[1].to_pandas())


def test_structures_come_back_whole(session):
    rows = session.materialize(read(session))
    both = ibis.struct({"w": rows["wait_seconds"], "id": rows["contact_id"].nullif("c12")})
    asked = {"last": both.argmax(rows["source_row"]), "most": greatest_of(both, 2)[0]}
    asked |= {"none": both.argmax(rows["source_row"], where=rows["source_row"] < 0)}
    asked |= {"half": both.argmax(rows["source_row"], where=rows["source_row"] == 13)}
    found = session.collect(rows.aggregate(**asked)).to_pylist()[0]
    assert found == {
        "last": {"w": 8.0, "id": "c99"},
        "most": {"w": 12.0, "id": None},  # what is missing is the greatest, as in DuckDB
        "none": None,
        "half": {"w": 12.0, "id": None},
    }


def test_odd_columns_arrive(session):
    odd = pa.table(
        {
            "nested": pa.array([{"a": [1, None]}, None]),
            "list": pa.array([[1.5], None]),
            "at": pa.array([datetime(2026, 1, 5, tzinfo=UTC), None], pa.timestamp("ns", "UTC")),
            "small": pa.array([1, None], pa.uint8()),
            "large": pa.array([2**64 - 1, None], pa.uint64()),
            "text": pa.array(["Ä\n\\", None]),
        }
    )
    found = session.collect(session.read(FrameSource(odd, "log")).order_by("source_row")).to_pylist()
    told = {name: found[0][name] for name in odd.column_names}
    assert told == {
        "nested": '{"a": [1, null]}',
        "list": [1.5],
        "at": datetime(2026, 1, 5, tzinfo=UTC),
        "small": 1,
        "large": 2**64 - 1,
        "text": "Ä\n\\",
    }
    assert set(found[1].values()) == {None, "log", 2}


def test_text_is_sorted_as_elsewhere_and_knows_its_letters(session):
    words = pa.table({"word": ["b", "A", "ä", "a", "Z"]})
    rows = session.read(FrameSource(words, "log"))
    assert session.collect(rows.order_by("word"))["word"].to_pylist() == ["A", "Z", "a", "b", "ä"]
    assert session.collect(rows.aggregate(top=rows["word"].upper().max()))["top"][0].as_py() == "Ä"


@pytest.mark.parametrize(
    ("pattern", "cell", "expected"),
    [
        ("%d.%m.%Y %H:%M", "5.1.2026 9:30", datetime(2026, 1, 5, 9, 30)),
        ("%m/%d/%y %I:%M:%S %p", "01/25/26 12:05:07 AM", datetime(2026, 1, 25, 0, 5, 7)),
        ("%m/%d/%y %I:%M%p", "01/25/99 1:05pm", datetime(1999, 1, 25, 13, 5)),
        ("%A, %B %d, %Y", "Monday, January 05, 2026", datetime(2026, 1, 5)),
        ("%d-%b-%y", "05-JAN-26", datetime(2026, 1, 5)),
        ("%Y%m%d", "20260105", datetime(2026, 1, 5)),
        ("%d/%m/%Y %H:%M:%S.%f", "05/01/2026 09:30:00.25", datetime(2026, 1, 5, 9, 30, 0, 250_000)),
        ("%d/%m/%Y", "30/02/2026", None),
        ("%d/%m/%Y", "05/13/2026", None),
        ("%d/%m/%Y %H:%M", "05/01/2026 24:00", None),
        ("%d/%m/%Y", "05/01/2026 09:30", None),
    ],
)
def test_times_written_as_text_are_those_of_the_default_engine(server, pattern, cell, expected):
    form = TimeForm("pattern", pattern, (pattern,))
    with cx.Session(server) as one, cx.Session(threads=1) as other:
        for session in (one, other):
            rows = session.read(FrameSource(pa.table({"cell": [cell]}), "log"))
            assert session.collect(rows.select(at=form.read(rows["cell"])))["at"].to_pylist() == [expected]


@pytest.mark.parametrize(
    ("settings", "told"), [({"memory_limit": "4GB"}, "work_mem"), ({"temp_dir": "/tmp"}, "temp_tablespaces")]
)
def test_memory_and_files_are_the_servers(settings, told):
    with pytest.raises(UsageError, match=told):
        cx.Session("postgres://kim@127.0.0.1:1/sales", **settings)


def test_a_server_that_cannot_be_reached_is_told_without_the_password():
    with pytest.raises(UsageError, match="cannot be used as an engine") as caught:
        cx.Session("postgres://kim:secret@127.0.0.1:1/sales")
    assert "secret" not in str(caught.value)


def test_a_server_that_breaks_off_is_told_and_its_schema_named(server, caplog):
    before = schemas(server)
    others = "pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with cx.Session(server) as session:
        rows = session.materialize(read(session))
        run(server, f"SELECT pg_terminate_backend(pid) FROM {others}")
        with pytest.raises(ResourceError, match="The PostgreSQL server broke off"):
            session.collect(rows)
    (left,) = set(schemas(server)) - set(before)
    assert f"Schema {left} is left in postgres://cx@127.0.0.1" in caplog.text
    run(server, f"DROP SCHEMA {left} CASCADE", "SELECT 1")


def test_text_that_postgres_does_not_take_is_told_as_such(session):
    with pytest.raises(UnreadableFileError, match="the character of code 0"):
        session.read(FrameSource(pa.table({"contact_id": ["a\0b"]}), "log"))


def test_names_that_would_be_cut_are_refused(session):
    long = pa.table({"a" * 70: [1]})
    with pytest.raises(UsageError, match="63 bytes"):
        session.read(FrameSource(long, "log"))
