"""Reading a contact log of Parquet beside DuckDB's plain CREATE TABLE AS, in one run.

``python benchmarks/reading.py --contacts 5000000`` prints seconds and ratio. Reading also checks every cell and id, and
counts what it sets aside; CREATE TABLE AS copies the rows, with their file and number, and checks nothing. Times of the
processor are told, besides those of the clock, since other work on the machine does not lengthen them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

import cxfusion as cx

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def write_log(path: Path, n_contacts: int) -> None:
    """Contacts with ids in no order, six columns of text and five of numbers, one cell in fifty missing."""
    duckdb.sql(
        f"""COPY (SELECT 'c' || lpad((i * 7919 % {n_contacts})::VARCHAR, 9, '0') AS contact_id,
            TIMESTAMP '2026-01-01' + to_seconds(i * 2) AS started_at, 'k' || hash(i) % 400000 AS customer_id,
            'agent ' || hash(i, 1) % 300 AS agent_id, 'queue ' || hash(i, 2) % 8 AS queue,
            CASE WHEN hash(i, 3) % 2 = 0 THEN 'phone' ELSE 'chat' END AS channel,
            'reason ' || hash(i, 4) % 12 AS reason,
            CASE WHEN hash(i, 5) % 50 > 0 THEN (hash(i, 6) % 300)::DOUBLE END AS wait_seconds,
            (hash(i, 7) % 900)::DOUBLE AS talk_seconds, (hash(i, 8) % 60)::DOUBLE AS hold_seconds,
            (hash(i, 9) % 120)::DOUBLE AS wrap_seconds, (hash(i, 10) % 3)::INT AS n_transfers,
            hash(i, 11) % 20 = 0 AS is_abandoned
            FROM range({n_contacts}) AS contacts(i)) TO '{path}' (FORMAT parquet)"""
    )


def copy_plainly(path: Path, threads: int) -> int:
    """CREATE TABLE AS, and the number of rows."""
    with duckdb.connect(config={"threads": threads}) as connection:
        source = f"read_parquet('{path}', filename = true, file_row_number = true)"
        connection.execute(f"CREATE TABLE log AS FROM {source}")
        return int(connection.execute("SELECT count(*) FROM log").fetchall()[0][0])


def read(path: Path, threads: int) -> int:
    """What a user calls, and the number of rows."""
    with cx.Session(threads=threads) as session:
        return cx.read_contacts(path, session=session).count()


def seconds(work: Callable[[Path, int], int], path: Path, threads: int) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work(path, threads)
    return time.perf_counter() - clock, time.process_time() - processor


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a log, read it both ways in turn, print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        write_log(path, given.contacts)
        if not copy_plainly(path, given.threads) == read(path, given.threads) == given.contacts:  # a warm-up, too
            raise AssertionError("Not every contact was read.")
        rounds = [[seconds(work, path, given.threads) for work in (copy_plainly, read)] for _ in range(given.repeats)]
    for i, name in enumerate(("clock", "processor")):
        plain, ours = (statistics.median(times[work][i] for times in rounds) for work in (0, 1))
        print(f"{name:<10} plain {plain:6.2f} s   cxfusion {ours:6.2f} s   ratio {ours / plain:.2f}")


if __name__ == "__main__":
    main()
