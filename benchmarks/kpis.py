"""KPIs by queue and hour: cxfusion beside plain DuckDB SQL, pandas and Polars, on one table in one run.

``python benchmarks/kpis.py --contacts 20000000 --out kpis.json`` prints a table and writes the same as JSON. Everyone
computes the same metrics, each with the count behind it; what they find is compared before any time is told. Reading
is not timed: cxfusion and SQL work on the same DuckDB table, pandas and Polars on frames in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import ibis
import numpy as np
import pandas as pd

import cxfusion as cx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TARGET, SHORT = 20, 5
MEANS: Final = {  # metric: the value per contact, and over which contacts
    "aht_seconds": ("talk_seconds + hold_seconds + wrap_seconds", "handled"),
    "asa_seconds": ("wait_seconds", "handled"),
    "transfer_rate": ("(n_transfers >= 1)::int", "handled"),
    "abandonment_rate": ("is_abandoned::int", "true"),
    "wait_seconds": ("wait_seconds", "true"),
    "talk_seconds": ("talk_seconds", "handled"),
    "hold_seconds": ("hold_seconds", "handled"),
    "wrap_seconds": ("wrap_seconds", "handled"),
}
COUNTS: Final = {
    "volume": "true",
    "handled": "handled",
    "gone": "gone",
    "n_in_time": f"handled AND wait_seconds <= {TARGET}",
    "n_gone_in_time": f"gone AND wait_seconds <= {TARGET}",
    "n_gone_short": f"gone AND wait_seconds <= {SHORT}",
}
PARTS: Final = ("wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds")
COLUMNS: Final = ("queue", "started_at", "is_abandoned", "n_transfers", *PARTS)


def write_log(path: Path, n_contacts: int) -> None:
    """A year of contacts in ten queues: one in twenty abandoned, hold unknown for one in fifty."""
    handled = "CASE WHEN hash(i, 2) % 20 > 0 THEN {} END"
    duckdb.sql(
        f"""COPY (SELECT 'c' || i AS contact_id, 'queue ' || (hash(i) % 10) AS queue,
            TIMESTAMP '2025-01-01' + to_seconds((i * 31536000 // {n_contacts})::BIGINT) AS started_at,
            (hash(i, 1) % 240)::DOUBLE AS wait_seconds, hash(i, 2) % 20 = 0 AS is_abandoned,
            {handled.format("(1 + hash(i, 3) % 600)::DOUBLE")} AS talk_seconds,
            {handled.format("CASE WHEN hash(i, 4) % 50 > 0 THEN (hash(i, 5) % 60)::DOUBLE END")} AS hold_seconds,
            {handled.format("(hash(i, 6) % 90)::DOUBLE")} AS wrap_seconds,
            {handled.format("(hash(i, 7) % 8 = 0)::INT::DOUBLE")} AS n_transfers
            FROM range({n_contacts}) AS contacts(i)) TO '{path}' (FORMAT parquet)"""
    )


def plain_sql(table: str) -> str:
    """What an analyst would write."""
    means = [
        f"avg({x}) FILTER ({who}) AS {name}, count({x}) FILTER ({who}) AS n_{name}" for name, (x, who) in MEANS.items()
    ]
    return _sql(table, [*(f"count(*) FILTER ({who}) AS {name}" for name, who in COUNTS.items()), *means])


def tuned_sql(table: str) -> str:
    """The same without FILTER and avg, which DuckDB sums faster; means are left to be divided."""
    counts = [f"sum(({who})::INT) AS {name}" for name, who in COUNTS.items()]
    values = {name: f"CASE WHEN {who} THEN {x} END" for name, (x, who) in MEANS.items()}
    return _sql(table, [*counts, *(f"sum({x}) AS sum_{name}, count({x}) AS n_{name}" for name, x in values.items())])


def _sql(table: str, columns: Sequence[str]) -> str:
    handled = "coalesce(NOT is_abandoned OR talk_seconds > 0, false)"
    gone = f"coalesce(is_abandoned, false) AND NOT {handled}"
    return f"""SELECT queue, date_trunc('hour', started_at) AS interval_start, {", ".join(columns)} FROM
        (SELECT *, {handled} AS handled, {gone} AS gone FROM {table}) GROUP BY ALL"""


def with_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """The same sums as a notebook would draw them."""
    is_abandoned, wait = frame["is_abandoned"], frame["wait_seconds"]
    handled = ~is_abandoned | (frame["talk_seconds"] > 0)
    gone = is_abandoned & ~handled
    values = pd.DataFrame(
        {
            "volume": True, "handled": handled, "gone": gone, "n_in_time": handled & (wait <= TARGET),
            "n_gone_in_time": gone & (wait <= TARGET), "n_gone_short": gone & (wait <= SHORT),
        }
    )  # fmt: skip
    means = {name: frame[name].where(handled) for name in ("talk_seconds", "hold_seconds", "wrap_seconds")}
    means |= {"aht_seconds": sum(means.values()), "asa_seconds": wait.where(handled), "wait_seconds": wait}
    means |= {"abandonment_rate": is_abandoned.astype(float)}
    means |= {"transfer_rate": (frame["n_transfers"] >= 1).astype(float).where(frame["n_transfers"].notna() & handled)}
    keys = [frame["queue"], frame["started_at"].dt.floor("h").rename("interval_start")]
    summed = values.groupby(keys).sum().join(pd.DataFrame(means).groupby(keys).mean())
    return summed.join(pd.DataFrame(means).groupby(keys).count().add_prefix("n_")).reset_index()


def with_polars(frame: Any) -> pd.DataFrame:
    """The same sums as a Polars expression."""
    import polars as pl

    handled = ~pl.col("is_abandoned") | (pl.col("talk_seconds") > 0).fill_null(value=False)
    wait = pl.col("wait_seconds")
    marked = frame.lazy().with_columns(handled=handled, gone=pl.col("is_abandoned") & ~handled)
    masks = {
        "volume": pl.lit(value=True), "handled": pl.col("handled"), "gone": pl.col("gone"),
        "n_in_time": pl.col("handled") & (wait <= TARGET), "n_gone_in_time": pl.col("gone") & (wait <= TARGET),
        "n_gone_short": pl.col("gone") & (wait <= SHORT),
    }  # fmt: skip
    parts = {name: pl.when("handled").then(pl.col(name)) for name in ("talk_seconds", "hold_seconds", "wrap_seconds")}
    means = parts | {
        "aht_seconds": sum(parts.values()),
        "asa_seconds": pl.when("handled").then(wait),
        "wait_seconds": wait,
    }
    means |= {"abandonment_rate": pl.col("is_abandoned").cast(pl.Float64)}
    means |= {"transfer_rate": pl.when("handled").then((pl.col("n_transfers") >= 1).cast(pl.Float64))}
    counts = [(pl.len() if name == "volume" else mask.sum()).alias(name) for name, mask in masks.items()]
    both = [part for name, x in means.items() for part in (x.mean().alias(name), x.count().alias(f"n_{name}"))]
    keys = ["queue", pl.col("started_at").dt.truncate("1h").alias("interval_start")]
    return marked.group_by(keys).agg(*counts, *both).collect().to_pandas()


def expected_metrics(found: pd.DataFrame) -> pd.DataFrame:
    """The metrics of cxfusion out of what the others count, group by group in one order."""
    answered, gone, met = found["handled"], found["gone"], found["n_in_time"]
    offered = answered + gone
    return found.assign(
        service_level=met / (offered - found["n_gone_in_time"]),
        service_level_of_offered=met / offered,
        service_level_of_answered=met / answered,
        service_level_crediting_abandons=(met + found["n_gone_in_time"]) / offered,
        service_level_crediting_short_abandons=(met + found["n_gone_short"]) / offered,
        abandonment_rate_without_short=(gone - found["n_gone_short"]) / (found["volume"] - found["n_gone_short"]),
    ).sort_values(["queue", "interval_start"], ignore_index=True)


def require_same(ours: cx.Diagnosis, theirs: pd.DataFrame) -> None:
    """Stop where the two disagree on any figure, or on the count behind any mean."""
    wide, expected = ours.pivot().sort_values(["queue", "interval_start"], ignore_index=True), expected_metrics(theirs)
    names = [name for name in expected.columns if name in wide.columns and name not in ("queue", "interval_start")]
    assert set(names) >= {*MEANS, "volume", "service_level"}, "figures that everyone computes are missing"
    np.testing.assert_allclose(wide[names].astype(float), expected[names].astype(float), rtol=1e-9)
    counts = ours.table.pivot(index=["queue", "interval_start"], columns="metric", values="n").sort_index()
    for name in MEANS:
        np.testing.assert_array_equal(counts[name], expected[f"n_{name}"])


def seconds_of(work: Callable[[], object], repeats: int) -> list[float]:
    """How long each of some runs took, the first of all left out."""
    work()
    return [_seconds(work) for _ in range(repeats)]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def table_of(contacts: cx.Contacts) -> str:
    """What SQL has to name to read the same rows."""
    return f"({ibis.to_sql(contacts.rows)})"


def contestants(path: Path, contacts: cx.Contacts) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name and work of everyone, the limit first."""
    connection, table = contacts.rows.get_backend().con, table_of(contacts)
    yield "plain SQL", lambda: connection.execute(plain_sql(table)).df()
    yield "tuned SQL", lambda: connection.execute(tuned_sql(table)).df()
    yield "cxfusion", lambda: cx.diagnose(contacts, by="queue", interval="1h")
    yield "cxfusion, percentiles", lambda: cx.diagnose(contacts, by="queue", interval="1h", percentiles=True)
    yield "pandas", partial(with_pandas, pd.read_parquet(path, columns=list(COLUMNS)))
    if find_spec("polars"):
        import polars as pl

        yield "Polars", partial(with_polars, pl.read_parquet(path, columns=list(COLUMNS)))


def run(n_contacts: int, repeats: int) -> dict[str, Any]:
    """Times of everyone on one log, and their ratios to plain SQL."""
    with tempfile.TemporaryDirectory() as folder, cx.Session() as session:
        path = Path(folder) / "contacts.parquet"
        write_log(path, n_contacts)
        contacts = cx.read_contacts(str(path), session=session)
        ours = cx.diagnose(contacts, by="queue", interval="1h", target_seconds=TARGET, short_abandon_seconds=SHORT)
        times: dict[str, list[float]] = {}
        for name, work in contestants(path, contacts):
            if name in {"plain SQL", "pandas", "Polars"}:
                require_same(ours, work())
            times[name] = seconds_of(work, repeats)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    return {
        "benchmark": "kpis by queue × hour", "n_contacts": n_contacts, "n_groups": len(ours.pivot()),
        "repeats": repeats, "cores": os.cpu_count(), "python": platform.python_version(), "duckdb": duckdb.__version__,
        "seconds": times, "median_seconds": medians,
        "ratio_to_plain_sql": {name: median / medians["plain SQL"] for name, median in medians.items()},
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=20_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("kpis.json"), help="JSON file to write")
    options = parser.parse_args(arguments)
    found = run(options.contacts, options.repeats)
    options.out.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    n_contacts, n_groups = found["n_contacts"], found["n_groups"]
    print(f"{n_contacts:,} contacts, {n_groups:,} groups, {found['cores']} cores, DuckDB {found['duckdb']}")
    print(f"{'':<24}{'median s':>10}{'× plain SQL':>14}")
    for name, median in found["median_seconds"].items():
        print(f"{name:<24}{median:>10.2f}{found['ratio_to_plain_sql'][name]:>14.2f}")


if __name__ == "__main__":
    main()
