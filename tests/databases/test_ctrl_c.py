"""Ctrl-C while a database is at work: the driver takes the signal, and the command still ends as an interruption."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pytest

from cxfusion.engine.addresses import database_of
from cxfusion.engine.replacing import replace_tables

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are not asked to end there")

SLOW = """
CREATE VIEW slow AS
SELECT 'a'::text AS contact_id, '2026-01-05 09:00'::text AS started_at, 5::float8 AS csat, pg_sleep(60)::text AS note
"""
AT_WORK = "FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()"


def ask(url, query):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else None


def wait_for(url, words):
    """Until the database is at a query that has these words in it."""
    for _ in range(600):
        if ask(url, f"SELECT pid {AT_WORK} AND query LIKE '%{words}%'"):
            return
        time.sleep(0.1)
    raise AssertionError(words)


@pytest.mark.parametrize("heeds", [signal.default_int_handler, signal.SIG_IGN], ids=["heeded", "ignored"])
@pytest.mark.parametrize("engine", [[], ["--engine"]], ids=["source", "engine"])
def test_a_query_that_is_cancelled_by_ctrl_c_is_an_interruption(database, tmp_path, engine, heeds):
    ask(database, SLOW)
    words = ["fuse", f"{database}/slow", f"{database}/slow", "--out", str(tmp_path / "out"), "--quiet"]
    command = [sys.executable, "-m", "cxfusion", *words, *engine, *([database] if engine else [])]
    before = signal.signal(signal.SIGINT, heeds)  # a process that is started takes over only what is ignored
    try:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        wait_for(database, "slow")
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert (process.returncode, told) == (130, "Interrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_not_written_for_ctrl_c_are_no_fault_of_the_database(database):
    from adbc_driver_postgresql import dbapi

    def cancel():
        wait_for(database, "CREATE SCHEMA")
        ask(database, f"SELECT pg_cancel_backend(pid) {AT_WORK}")

    with dbapi.connect(database) as other, other.cursor() as cursor:
        cursor.execute("CREATE SCHEMA taken")  # whoever else wants it waits for the end of this transaction
        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            replace_tables(database_of(f"{database}/taken"), {"levers": pa.table({"x": [1]}).to_reader()})
        thread.join()
