"""The embedded default: what every engine must do, and what DuckDB says of settings and broken files."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import TYPE_CHECKING

import duckdb
import ibis
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import FileSource, FrameSource, RelationSource, StreamSource, duckdb_backend, require_one_session
from cxfusion.engine import session as session_module
from cxfusion.errors import SessionMismatchError, UnknownNameError, UnreadableFileError, UsageError
from engines.conformance import *  # noqa: F403 - the tests are taken over
from engines.conformance import Rows, read

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def session() -> Iterator[cx.Session]:
    with cx.Session() as opened:
        yield opened


@pytest.fixture
def spec() -> cx.LeverSpec:
    """All levers: two threads tell what one does."""
    return cx.LeverSpec()


def test_a_closed_session_says_what_happened():
    session = cx.Session()
    rows = read(session)
    session.close()
    session.close()  # closing twice is no error
    with pytest.raises(UsageError, match="closed"):
        session.collect(rows)


def test_relations_of_two_sessions_do_not_mix():
    with cx.Session() as one, cx.Session() as other:
        assert require_one_session(one, one) is one
        with pytest.raises(SessionMismatchError, match="different sessions"):
            require_one_session(one, other)


class Crowded:
    """An engine that tells how many were in it at once."""

    def __init__(self) -> None:
        self.n, self.most, self.lock = 0, 0, Lock()

    def collect(self, _):
        with self.lock:
            self.n += 1
            self.most = max(self.most, self.n)
        time.sleep(0.05)
        with self.lock:
            self.n -= 1

    read = materialize = collect

    def fold(self, relation, _):
        self.collect(relation)


def test_threads_that_share_a_session_take_turns():
    # DuckDB's connection and Python's own lock would each be held by one of them, for ever
    engine = Crowded()
    session = cx.Session(engine)
    asks = [session.read, session.materialize, session.collect, lambda rows: session.fold(rows, Rows())]
    with ThreadPoolExecutor(len(asks)) as threads:
        list(threads.map(lambda ask: ask(None), asks))
    assert engine.most == 1


def test_threads_that_come_at_once_get_one_default_session(monkeypatch):
    opened, at_once = [], Barrier(3)

    class Slow(cx.Session):
        def __init__(self) -> None:
            time.sleep(0.05)
            opened.append(self)
            super().__init__(Crowded())

        def close(self) -> None:
            """Nothing is open."""

    def ask(_):
        at_once.wait()
        return session_module.default_session()

    monkeypatch.setattr(session_module, "Session", Slow)
    monkeypatch.setattr(session_module, "_default", [])
    with ThreadPoolExecutor(3) as threads:
        assert set(threads.map(ask, range(3))) == set(opened)
    assert len(opened) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
def test_a_forked_process_that_ends_leaves_the_folder_to_the_one_that_made_it(tmp_path):
    script = f"""
import os, sys
import cxfusion as cx
from cxfusion.engine.session import default_session
kept = cx.Session(temp_dir={str(tmp_path)!r}), default_session()
if not (child := os.fork()):
    sys.exit()
os.waitpid(child, 0)
sys.exit(0 if all(os.path.isdir(one.room.folder) for one in kept) else "gone")
"""
    command = [sys.executable, "-W", "ignore", "-c", script]  # newer Pythons warn of forking beside threads
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"engine": "duckbd"}, UnknownNameError, "duckdb"),
        ({"threads": 0}, UsageError, "at least 1"),
        ({"memory_limit": "plenty"}, UsageError, "4GB"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, told):
    with pytest.raises(error, match=told):
        cx.Session(**settings)


def test_a_line_with_too_many_cells_is_named(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("contact_id,wait\n" + "".join(f"c{i},3\n" for i in range(500)) + "c501,3,4,5\nc502,1\n")
    with cx.Session() as session, pytest.raises(UnreadableFileError, match=r"calls\.csv"):
        session.materialize(session.read(FileSource((str(path),), "csv")))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"contact_id,wait\nc1,3\n", [("c1", "3")]),
        (b"\xef\xbb\xbfcontact_id,wait\r\nc1,3\r\nc2,\r\n", [("c1", "3"), ("c2", None)]),
        (b"contact_id;wait\nc1;3,5\n", [("c1", "3,5")]),
        (b"contact_id\twait\nc1\t3", [("c1", "3")]),
        (b'contact_id,wait\r\n"c\n1","a ""b"", c"\r\n', [("c\n1", 'a "b", c')]),
        (b'"contact\nid",wait\nc1,3\n\n\nc2,4\n', [("c1", "3"), ("c2", "4")]),
        (b"contact_id,wait\n", []),
    ],
)
def test_csv_dialects(tmp_path, content, expected):
    path = tmp_path / "calls.csv"
    path.write_bytes(content)
    with cx.Session() as session:
        rows = session.collect(session.read(FileSource((str(path),), "csv"))).to_pydict()
    assert list(zip(*list(rows.values())[:2], strict=True)) == expected
    assert rows["source_row"] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("tail", [b"c501\n", b'c501,"3\n', b"c501,\xff\xfe\n", b"c501,3,4\n"])
def test_a_broken_line_is_an_error_and_never_a_lost_row(tmp_path, tail):
    path = tmp_path / "calls.csv"
    path.write_bytes(b"contact_id,wait\n" + b"".join(b"c%d,3\n" % i for i in range(500)) + tail)
    source = FileSource((str(path),), "csv")
    with cx.Session() as session:
        for use in (session.materialize, session.collect, lambda rows: session.fold(rows, Rows())):
            with pytest.raises(UnreadableFileError):
                use(session.read(source))


def test_repeated_and_empty_headings_get_names_of_their_own(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("id,wait,Wait,\nc1,1,2,3\n")
    with cx.Session() as session:
        rows = session.read(FileSource((str(path),), "csv"))
        assert rows.columns[:4] == ("id", "wait", "Wait_2", "column_4")


def test_small_tables_of_ours_are_joined_as_such():
    """DuckDB does not know the size of an Arrow table, and would make a hash table of the log instead."""
    with cx.Session() as session:
        codes = ibis.memtable(pa.table({"source_row": [1, 2], "code": [7, 8]}))
        joined = session.materialize(read(session)).inner_join(codes, "source_row")
        assert session.collect(joined.order_by("source_row"))["code"].to_pylist() == [7, 8]
        plan = session._engine._backend.con.execute(f"EXPLAIN {ibis.to_sql(joined, dialect='duckdb')}").fetchone()[1]
        assert "ARROW_SCAN" not in plan


def catalogue_of(session: cx.Session) -> set[str]:
    con = session._engine._backend.con
    found = con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    return {name for (name,) in found} | names_of(session)


def names_of(session: cx.Session) -> set[str]:
    found = session._engine._backend.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    return {name for (name,) in found}


def stored_columns(session: cx.Session) -> set[str]:
    query = "SELECT column_name FROM duckdb_columns() WHERE table_name IN (SELECT table_name FROM duckdb_tables())"
    return {name for (name,) in session._engine._backend.con.execute(query).fetchall()}


def test_the_only_file_of_a_log_is_not_stored_with_every_row(session, tmp_path):
    """A path is longer than all that a row tells."""
    path = tmp_path / "calls.csv"
    path.write_text("id,wait\nc1,1\nc2,2\nc3,1\n")
    kept = session.materialize(session.read(FileSource((str(path),), "csv")))
    few = session.materialize(kept.filter(kept["wait"] == "1"))
    known = ibis.memtable(pa.table({"key": ["c1", "c4"]}))
    joined = session.materialize(few.left_join(known, few["id"] == known["key"]))
    assert "source_file" not in stored_columns(session)
    assert joined.columns == ("id", "wait", "source_file", "source_row", "key")
    found = session.collect(joined.order_by("source_row")).to_pylist()
    assert [(row["id"], row["source_file"], row["key"]) for row in found] == [
        ("c1", str(path), "c1"),
        ("c3", str(path), None),
    ]


def test_rows_sorted_by_their_only_file_first_are_sorted_by_what_follows(session, tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("id,wait\nc1,2\nc2,1\nc3,3\n")
    rows = session.read(FileSource((str(path),), "csv"))
    kept = session.materialize(rows.order_by("source_file", ibis.desc("wait")))
    assert session.collect(kept)["id"].to_pylist() == ["c3", "c1", "c2"]
    assert session.collect(session.materialize(rows.order_by("source_file")))["id"].to_pylist() == ["c1", "c2", "c3"]


def test_what_a_join_may_leave_empty_is_stored(session, tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("id\nc1\n")
    log = session.read(FileSource((str(path),), "csv"))
    known = ibis.memtable(pa.table({"key": ["c1", "c4"]}))
    beside = session.materialize(known.left_join(log, known["key"] == log["id"]))
    other = session.materialize(log.outer_join(known, log["id"] == known["key"]))
    for rows in (beside, other):
        assert session.collect(rows.order_by("key"))["source_file"].to_pylist() == [str(path), None]


def test_rows_that_are_all_one_text_are_as_many_as_they_were(session):
    one = session.materialize(read(session).select(only=ibis.literal("same")))
    assert session.collect(one)["only"].to_pylist() == ["same"] * session.count(read(session))


def test_a_table_lives_as_long_as_what_is_built_on_it(session):
    """Else every intermediate of a study would stay in memory until its end."""
    before = names_of(session)
    first = session.materialize(read(session))
    known = ibis.memtable(pa.table({"source_row": [1, 2]}))
    built = first.mutate(twice=first["source_row"] * 2).inner_join(known, "source_row")
    del first, known
    gc.collect()
    assert session.collect(built.order_by("source_row"))["twice"].to_pylist() == [2, 4]
    assert len(names_of(session) - before) == 2
    del built
    session.collect(read(session))
    assert names_of(session) == before


@pytest.mark.parametrize("way", ["frame", "stream", "relation"])
def test_a_source_is_let_go_with_what_was_read_from_it(session, way):
    """A notebook reads its frames again and again, in one session."""
    frame = [pa.table({"x": ["a", "b"]})]
    ways = {
        "frame": lambda: FrameSource(frame[0], "mine"),
        "stream": lambda: StreamSource(frame[0].to_reader(), "mine"),
        "relation": lambda: RelationSource(kept, "mine"),
    }
    kept = session.materialize(read(session))
    gc.collect()
    session._engine._backend.drop_unreachable()
    before = catalogue_of(session)
    found = session.read(ways[way]())
    assert session.count(found.filter(found["source_row"] == 1)) == 1
    assert catalogue_of(session) > before
    lent = weakref.ref(frame.pop())
    del found
    gc.collect()
    session._engine._backend.drop_unreachable()
    assert catalogue_of(session) == before
    assert lent() is None


def test_what_is_known_of_a_table_goes_with_it(session):
    known = session._engine._backend._constants
    kept = session.materialize(read(session).mutate(only=ibis.literal("same")))
    assert [told["only"] for told in known.values()] == ["same"]
    del kept
    gc.collect()
    assert not known


def test_what_a_fold_no_longer_needs_is_not_dropped_under_it(session):
    """A statement on the connection would end the stream of rows that the fold is reading."""

    class Dropping:
        def zero(self) -> int:
            return 0

        def step(self, state: int, batch: pa.RecordBatch) -> int:
            held.clear()
            return state + len(batch)

        def merge(self, left: int, right: int) -> int:
            return left + right

        def finish(self, state: int) -> int:
            return state

    rows = session.materialize(ibis.range(300_000).unnest().name("x").as_table())
    held = [session.materialize(rows)]
    assert session.fold(rows, Dropping()) == 300_000


def test_rows_read_from_a_relation_outlive_it(session):
    rows = session.read(RelationSource(session.materialize(read(session)), "mine"))
    gc.collect()
    assert session.collect(rows.count().as_table()).num_rows == 1


LOG = (
    "SELECT 'contact ' || i AS contact_id, 'queue ' || i % 5 AS queue, i * 7 % 1000 AS wait FROM range(400000) AS t(i)"
)


@pytest.mark.parametrize("memory_limit", ["50MB", "2GB"])
def test_a_log_that_would_fill_memory_is_packed_in_a_file_of_the_session(tmp_path, memory_limit):
    path, folder = str(tmp_path / "log.parquet"), tmp_path / "room"
    folder.mkdir()
    duckdb.sql(f"COPY ({LOG}) TO '{path}' (FORMAT parquet)")
    with cx.Session(memory_limit=memory_limit, threads=2, temp_dir=str(folder)) as session:
        log = session.materialize(session.read(FileSource((path,), "parquet")))
        few = session.materialize(log.filter(log["wait"] == 7))
        packed = list(folder.rglob("packed.duckdb"))
        assert bool(packed) == (memory_limit == "50MB")
        assert (
            session.collect(log)
            .drop_columns(["source_file"])
            .equals(duckdb.sql(f"SELECT *, row_number() OVER () AS source_row FROM ({LOG})").to_arrow_table())
        )
        both = log.inner_join(few, "contact_id")
        assert session.collect(both.count().as_table())[0].to_pylist() == [400]
        del log, both, few
        assert session.collect(read(session))
        assert not names_of(session)
    assert not list(folder.iterdir())


def packing_of(session: cx.Session, relation: ibis.Table) -> dict[str, str]:
    """How each column of text of a packed table is packed."""
    own = session._engine._backend
    ((name,),) = own.con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'packed'").fetchall()
    query = "SELECT DISTINCT column_name, compression FROM pragma_storage_info(?) WHERE segment_type = 'VARCHAR'"
    return dict(own.con.execute(query, [f"packed.main.{name}"]).fetchall())


@pytest.mark.parametrize("is_joined", [False, True])
def test_ids_are_not_packed_where_some_rows_tell_which_they_are(tmp_path, is_joined):
    """To look at some rows of what is joined first could join all of them once more."""
    path = str(tmp_path / "log.parquet")
    note = "repeat('said ', 8) || range % 50_000 AS note"
    rows = f"SELECT 'c' || range * 7919 % 300_007 AS id, 'agent ' || range % 90 AS agent, {note} FROM range(300_000)"
    duckdb.sql(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    with cx.Session(memory_limit="60MB", threads=1, temp_dir=str(tmp_path)) as session:
        log = session.read(FileSource((path,), "parquet"))
        teams = ibis.memtable(
            pa.table({"agent": [f"agent {i}" for i in range(90)], "team": [i % 7 for i in range(90)]})
        )
        kept = session.materialize(log.left_join(teams, "agent") if is_joined else log)
        packed = packing_of(session, kept)
        assert (packed["id"] == "Uncompressed") is not is_joined
        assert "Uncompressed" not in {packed["agent"], packed["note"]}
        assert session.count(kept) == 300_000


def step(name: str, rows: int | None, *children: dict[str, object]) -> dict[str, object]:
    told = {} if rows is None else {"Estimated Cardinality": str(rows)}
    return {"name": name, "extra_info": told, "children": list(children)}


@pytest.mark.parametrize(
    ("plan", "rows"),
    [
        (step("HASH_JOIN", 5_000, step("SEQ_SCAN ", 200), step("SEQ_SCAN ", 7)), 200),
        (step("PROJECTION", None, step("FILTER", 40, step("SEQ_SCAN ", 200))), 40),
        (step("PROJECTION", 5_000, step("UNNEST ", 5_000, step("SEQ_SCAN ", 200))), 5_000),
        (step("HASH_JOIN", 5_000, step("ARROW_SCAN ", None), step("ARROW_SCAN ", None)), 5_000),
    ],
)
def test_look_ups_do_not_make_a_table_large(plan, rows):
    """Of several in a row DuckDB expects many times the rows, and so would have them packed for nothing."""
    assert duckdb_backend.estimated_rows([plan]) == rows


def test_the_columns_of_what_is_kept_are_those_that_the_engine_would_tell(session):
    kinds = ["timestamp", "timestamp(9)", "timestamp(0)", "timestamp('UTC', 9)", "timestamp('UTC')", "date", "time"]
    kinds += ["interval('us')", "float32", "decimal(10, 2)", "uuid"]
    kinds += ["array<timestamp>", "struct<a: timestamp, b: map<string, int16>>", "!int64", "binary", "json", "boolean"]
    rows = read(session).select(**{f"c{i}": ibis.null(kind) for i, kind in enumerate(kinds) if "!" not in kind})
    kept = session.materialize(rows.mutate(number=ibis.literal(1), at=ibis.timestamp("2026-01-05")))
    assert kept.schema() == session._engine._backend.table(kept.get_name()).schema()
