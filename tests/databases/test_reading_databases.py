"""Tables of databases as sources: the same contacts as of a file, and no more of them asked for than is wanted."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.engine import databases
from cxfusion.engine.databases import batches_of
from cxfusion.errors import EmptyTableError, UnreadableFileError, UsageError

N = 480
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
START = "timestamptz '2026-03-01 00:00+00' + i * interval '1 hour'"


@pytest.fixture
def calls(database):
    """480 calls, one an hour, in schema cx."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA cx")
        cursor.execute(
            f"CREATE TABLE cx.calls AS SELECT i AS call_id, {START} AS start_time,"
            " (i % 7)::numeric(10, 2) AS talk_time, make_interval(secs => i % 90) AS hold_time,"
            " CASE WHEN i % 2 = 0 THEN 'sales' END AS queue,"
            " ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid AS customer_id,"
            f" '{{\"a\": 1}}'::jsonb AS remarks FROM generate_series(0, {N - 1}) i"
        )
    return f"{database}/cx.calls"


def expected(i: int) -> dict[str, object]:
    return {
        "contact_id": str(i),
        "started_at": (FIRST + timedelta(hours=i)).replace(tzinfo=None),
        "customer_id": f"00000000-0000-0000-0000-{i:012}",
        "queue": None if i % 2 else "sales",
        "talk_seconds": float(i % 7),
        "hold_seconds": float(i % 90),
    }


def test_every_row_of_postgres_arrives_in_our_units(calls):
    with cx.Session() as session:
        contacts = cx.read_contacts(calls, session=session)
        found = contacts.to_arrow().sort_by("started_at").to_pylist()
        assert [{name: row[name] for name in expected(0)} for row in found] == [expected(i) for i in range(N)]
        assert found[0]["remarks"] == '{"a": 1}'
        assert contacts.n_read == N


def test_rows_far_from_the_period_and_other_columns_stay_in_the_database(calls, monkeypatch):
    fetched = []
    whole = databases._postgres

    def watched(address):
        manager = whole(address)

        class Watching:
            def __enter__(self):
                remote = manager.__enter__()

                def fetch(relation):
                    table = remote.fetch(relation).read_all()
                    fetched.append(table)
                    return table.to_reader()

                return databases.RemoteTable(remote.table, fetch)

            def __exit__(self, *told):
                return manager.__exit__(*told)

        return Watching()

    monkeypatch.setattr(databases, "_postgres", watched)
    with cx.Session() as session:
        contacts = cx.read_contacts(
            calls, session=session, since="2026-03-05", until="2026-03-07", map={"contacts": {"attributes": []}}
        )
        ids = sorted(int(row["contact_id"]) for row in contacts.to_arrow().to_pylist())
    assert ids == list(range(4 * 24, 6 * 24))
    assert (contacts.n_read, contacts.n_outside_period) == (N, N - 48)
    rows = max(fetched, key=len)
    assert len(rows) == 13 * 24  # a week of margin on either side, of which the log has four days before the first
    assert "remarks" not in rows.column_names


def test_a_period_without_contacts_is_told_with_what_there_is(calls):
    with pytest.raises(EmptyTableError, match=r"None of the 480.*2026-03-01 00:00 to 2026-03-20 23:00"):
        cx.read_contacts(calls, since="2030-01-01")


def test_a_table_by_another_name_is_told_with_the_nearest(calls, password):
    with pytest.raises(UnreadableFileError, match="Expected one such as: calls") as told:
        cx.read_contacts(calls.replace("cx.calls", "cx.cals"))
    assert password not in str(told.value)


@pytest.mark.parametrize("change", [("/cx_", "/no_"), ("s3cret", "wr0ng"), ("127.0.0.1", "127.0.0.1:1,127.0.0.1")])
def test_a_database_that_cannot_be_opened_is_told_without_its_password(calls, change, password):
    url = calls.replace(*change)
    with pytest.raises((UnreadableFileError, UsageError)) as told:
        cx.read_contacts(url)
    assert password not in str(told.value)
    assert "wr0ng" not in str(told.value)


def test_an_empty_table_is_told(database):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE calls (call_id text, start_time timestamptz)")
    with pytest.raises(EmptyTableError, match="no rows"):
        cx.read_contacts(f"{database}/calls")


def test_answers_of_postgres_are_paired_with_calls_of_postgres(calls, database):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE VIEW answers AS SELECT call_id, (1 + call_id % 5)::smallint AS csat FROM cx.calls")
    with cx.Session() as session:
        surveys = cx.read_surveys(f"{database}/answers", session=session)
        pairing = cx.pair(cx.read_contacts(calls, session=session), surveys)
        assert pairing.n_pairs == N
        assert session.collect(pairing.pairs)["csat"].to_pylist().count(5.0) == N / 5


def test_a_vendors_log_may_lie_in_a_database(database):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE calls AS SELECT i AS id, timestamptz '2026-01-05 09:00+00' AS created_at, 3 AS agent_id,"
            " 20 AS wait_time, 200 AS talk_time, 0 AS hold_time FROM generate_series(1, 3) i"
        )
    with cx.Session() as session:
        contacts = cx.read_contacts(f"{database}/calls", source="zendesk_talk", session=session)
        rows = contacts.to_arrow().to_pylist()
    assert sorted(row["contact_id"] for row in rows) == ["1", "2", "3"]
    assert {(row["wait_seconds"], row["talk_seconds"], row["started_at"]) for row in rows} == {
        (20.0, 200.0, datetime(2026, 1, 5, 9))
    }


def test_a_queue_log_and_its_call_records_may_lie_in_one_database(database):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE queue_log AS SELECT * FROM (VALUES"
            " ('2026-03-02 10:00:10', '1772445600.0', 'sales', 'NONE', 'ENTERQUEUE', '', '', '1'),"
            " ('2026-03-02 10:00:30', '1772445600.0', 'sales', 'ann', 'CONNECT', '20', 'x', '4'),"
            " ('2026-03-02 10:01:30', '1772445600.0', 'sales', 'ann', 'COMPLETEAGENT', '20', '60', '1')"
            ") AS log (time, callid, queuename, agent, event, data1, data2, data3)"
        )
        cursor.execute(
            "CREATE TABLE cdr AS SELECT timestamp '2026-03-02 10:00:00' AS calldate, '111' AS src, 90 AS duration,"
            " '1772445600.0' AS uniqueid, '1772445600.0' AS linkedid"
        )
    with cx.Session() as session:
        contacts = cx.read_contacts(f"{database}/queue_log?cdr=cdr", source="asterisk_queue_log", session=session)
        (row,) = contacts.to_arrow().to_pylist()
    assert (row["ivr_seconds"], row["wait_seconds"], row["talk_seconds"], row["customer_id"]) == (10, 20, 60, "111")


@pytest.fixture
def log() -> pa.Table:
    return pa.table(
        {
            "call_id": list(range(10)),
            "start_time": [FIRST.replace(tzinfo=None) + timedelta(days=i) for i in range(10)],
            "talk_time": [Decimal(i) for i in range(10)],
            "note": ["x"] * 10,
        }
    )


def test_a_table_of_a_duckdb_file(log, tmp_path):
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute("CREATE SCHEMA cx")
        connection.execute("CREATE TABLE cx.calls AS FROM log")
    url = f"duckdb://{tmp_path}/log.duckdb"
    with cx.Session() as session:
        contacts = cx.read_contacts(f"{url}/cx/calls", session=session, since="2026-03-05")
        assert sorted(row["contact_id"] for row in contacts.to_arrow().to_pylist()) == ["4", "5", "6", "7", "8", "9"]
        assert (contacts.n_read, contacts.n_outside_period) == (10, 4)
    with pytest.raises(UnreadableFileError, match=r"Expected one such as: calls"):
        cx.read_contacts(f"{url}/cx/call")
    with pytest.raises(UsageError, match=r"duckdb://.*log\.duckdb/TABLE"):
        cx.read_contacts(tmp_path / "log.duckdb")
    with pytest.raises(UnreadableFileError, match=r"none\.duckdb"):
        cx.read_contacts(f"duckdb://{tmp_path}/none.duckdb/calls")


def test_a_day_and_its_time_in_two_columns_are_the_start_wherever_the_log_lies(tmp_path):
    import ibis

    log = pa.table({"Call ID": ["a", "b"], "Date": ["2026-01-05", "2026-01-06"], "Time": ["09:00", "23:30"]})
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute("CREATE TABLE texts AS FROM log")
        connection.execute(
            'CREATE TABLE typed AS SELECT "Call ID", "Date"::DATE AS "Date", "Time"::TIME AS "Time", 7 AS note FROM log'
        )
    backend = ibis.duckdb.connect()
    url = f"duckdb://{tmp_path}/log.duckdb"
    for data in (log, f"{url}/texts", f"{url}/typed", backend.create_table("calls", log)):
        contacts = cx.read_contacts(data, since="2026-01-06")
        rows = contacts.to_arrow().select(["contact_id", "started_at"]).to_pylist()
        assert rows == [{"contact_id": "b", "started_at": datetime(2026, 1, 6, 23, 30)}]
        assert (contacts.n_read, contacts.n_outside_period) == (2, 1)
        assert [note for note in contacts.notes if "'Date' and 'Time' together" in note], contacts.notes
    backend.disconnect()


def test_a_table_of_any_other_database_that_ibis_knows(tmp_path):
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        connection.execute("CREATE TABLE calls (call_id INTEGER, start_time TEXT, talk_time REAL)")
        connection.executemany("INSERT INTO calls VALUES (?, ?, ?)", [(7, "2026-01-05 09:00:00", 20.0)])
    connection.close()
    contacts = cx.read_contacts(f"sqlite://{tmp_path}/log.sqlite?table=calls")
    assert contacts.to_pandas()[["contact_id", "talk_seconds"]].values.tolist() == [["7", 20.0]]
    with pytest.raises((UnreadableFileError, UsageError), match="nosuch"):
        cx.read_contacts("nosuch://db/x?table=calls")


def test_an_ibis_table_of_another_engine_is_narrowed_where_it_lives(log, tmp_path, monkeypatch):
    import ibis

    from cxfusion.engine import duckdb as engine

    fetched = []

    def watched(relation):
        batches = batches_of(relation).read_all()
        fetched.append(batches)
        return batches.to_reader()

    monkeypatch.setattr(engine, "batches_of", watched)
    backend = ibis.duckdb.connect()
    given = backend.create_table("calls", log)
    contacts = cx.read_contacts(given, since="2026-03-09", map={"contacts": {"attributes": []}})
    assert (contacts.n_read, contacts.count()) == (10, 2)
    assert len(max(fetched, key=len)) == 9  # a week before the first, of ten days
    assert not any("note" in batches.column_names for batches in fetched[1:])
    backend.disconnect()
