"""Each function of the two halves on growing logs: seconds, and seconds of the processor for a million contacts.

``python benchmarks/halves.py --contacts 200000 2000000 --out halves.json`` draws simulated centres, reads and pairs
each, and then times every public function of operations and perception whose work grows with the log. What grows
faster than the log stands out in the last column: how many times as much a contact costs in the largest log as in the
smallest. ``--paths`` takes folders with ``contacts*.parquet`` and ``surveys*.parquet`` that are there already.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cxfusion as cx

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cxfusion.pairing.result import Pairing


def draw(folder: Path, n_contacts: int) -> Path:
    """A simulated centre, unless it is there."""
    from cxfusion.simulation.simulate import write_centre

    if not (folder / "contacts.parquet").exists():
        write_centre(folder, n_contacts, seed=7)
    return folder


def with_more(log: Path, folder: Path) -> tuple[Path, Path]:
    """Surveys that also ask whether it was resolved, and agents' states: handling while a contact lasts, then idle."""
    import duckdb

    surveys, states = folder / "surveys.parquet", folder / "states.parquet"
    duckdb.sql(
        f"COPY (SELECT *, csat >= 4 AS is_resolved_reported FROM '{log / 'surveys*.parquet'}') TO '{surveys}'"
        " (FORMAT parquet)"
    )
    duckdb.sql(
        f"""COPY (SELECT agent_id, unnest(['on contact', 'available']) AS state,
        unnest([started_at, ended_at]) AS started_at, unnest([ended_at, ended_at + to_seconds(60)]) AS ended_at
        FROM '{log / "contacts*.parquet"}' WHERE agent_id IS NOT NULL) TO '{states}' (FORMAT parquet)"""
    )
    return surveys, states


def operations_of(contacts: cx.Contacts, states: Path) -> dict[str, Callable[[], object]]:
    """What the diagnostic approach offers, by name."""
    from cxfusion.operations.episodes import recontacts

    plan, session = cx.EpisodePlan(), contacts.session
    return {
        "diagnose by queue": lambda: cx.diagnose(contacts, by="queue"),
        "diagnose by queue × 1h": lambda: cx.diagnose(contacts, by="queue", interval="1h"),
        "diagnose by agent": lambda: cx.diagnose(contacts, by="agent_id"),
        "diagnose, percentiles": lambda: cx.diagnose(contacts, by="queue", percentiles=True),
        "diagnose, with FCR": lambda: cx.diagnose(contacts, by="queue", episodes=plan),
        "with_history": lambda: cx.with_history(contacts),
        "recontacts": lambda: recontacts(contacts),
        "follow": lambda: cx.follow(contacts),
        "what_changed": lambda: cx.what_changed(contacts, "aht_seconds", ["queue", "reason"], since=_middle(contacts)),
        "control_chart by agent": lambda: cx.control_chart(contacts, "aht_seconds", "agent_id"),
        "control_chart, share": lambda: cx.control_chart(contacts, "abandonment_rate", "queue", "1h"),
        "rank_groups": lambda: cx.rank_groups(contacts, "aht_seconds", adjust_for=["queue", "reason"]),
        "occupancy by agent × 1h": lambda: cx.occupancy(str(states), "agent_id", "1h", session=session, timezone="UTC"),
        "staffing, 10,000 intervals": lambda: cx.required_agents([120.0] * 10_000, 300.0, service_level=0.8),
    }


def _middle(contacts: cx.Contacts) -> Any:
    """The day in the middle of the log."""
    found = contacts.session.collect(
        contacts.rows.aggregate(first=contacts.rows["started_at"].min(), last=contacts.rows["started_at"].max())
    ).to_pylist()[0]
    return (found["first"] + (found["last"] - found["first"]) / 2).date()


def perception_of(pairing: Pairing) -> dict[str, Callable[[], object]]:
    """What the research approach offers, by name; weights are made once, and timed."""
    kept: dict[str, cx.ResponseWeights] = {}

    def weigh() -> None:
        kept["csat"] = cx.weigh(pairing, "csat")

    return {
        "measure": lambda: cx.measure(pairing, "csat"),
        "measure NPS by queue × day": lambda: cx.measure(pairing, "nps", by="queue", interval="1d"),
        "response rate by queue": lambda: cx.measure(pairing, "response_rate", by="queue"),
        "weigh": weigh,
        "measure, weighted, by queue": lambda: cx.measure(pairing, "csat", by="queue", weights=kept["csat"]),
        "compare by queue": lambda: cx.compare(pairing, "csat", by="queue"),
        "compare, weighted": lambda: cx.compare(pairing, "csat", by="queue", weights=kept["csat"]),
        "response_analysis": lambda: cx.response_analysis(pairing),
        "check_offers": lambda: cx.check_offers(pairing, "csat"),
        "nonresponse_curve": lambda: cx.nonresponse_curve(pairing, "csat", weights=kept["csat"]),
        "resolution by queue": lambda: cx.resolution(pairing, by="queue"),
        "audit_sources": lambda: cx.audit_sources(pairing),
    }


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of the clock and of the processor (all threads)."""
    gc.collect()
    began, spent = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - began, "processor_seconds": time.process_time() - spent}


def run(log: Path, memory: str, wanted: str = "") -> dict[str, Any]:
    """All of one log; each function once."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, cx.Session(memory_limit=memory) as session:
        surveys, states = with_more(log, Path(folder))
        contacts = cx.read_contacts(str(log / "contacts*.parquet"), session=session)
        pairing = cx.pair(contacts, cx.read_surveys(str(surveys), session=session))
        n = contacts.count()
        for name, work in {**operations_of(contacts, states), **perception_of(pairing)}.items():
            if wanted in name or name == "weigh":
                found[name] = timed(work)
                print(f"{name:<32}{found[name]['seconds']:>8.2f} s", file=sys.stderr, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1024 if sys.platform == "linux" else 1)
    return {"n_contacts": n, "n_pairs": pairing.n_pairs, "peak_bytes": peak, "functions": found}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, nargs="*", default=[200_000, 2_000_000])
    parser.add_argument("--paths", type=Path, nargs="*", default=[], help="folders that hold logs already")
    parser.add_argument("--memory", default="4GB", help="memory limit of the engine")
    parser.add_argument("--only", default="", help="functions whose name has this in it")
    parser.add_argument("--out", type=Path, default=Path("halves.json"), help="JSON file to write")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as passing:
        logs = [draw(Path(passing) / str(n), n) for n in given.contacts] + given.paths
        runs = sorted((run(log, given.memory, given.only) for log in logs), key=lambda one: one["n_contacts"])
    print("\n".join(lines_of(runs)))
    given.out.write_text(json.dumps({"benchmark": "both halves", "cores": os.cpu_count(), "logs": runs}, indent=2))


def lines_of(runs: Sequence[dict[str, Any]]) -> list[str]:
    """A table: by function, seconds of each log, those of the processor for a million contacts, and their growth."""
    heads = "".join(f"{one['n_contacts']:>13,}" for one in runs)
    lines = [f"{'contacts':<32}{heads}{'per million':>13}{'growth':>8}"]
    for name in runs[0]["functions"]:
        seconds = "".join(f"{one['functions'][name]['seconds']:>11.2f} s" for one in runs)
        each = [one["functions"][name]["processor_seconds"] / one["n_contacts"] * 1e6 for one in runs]
        growth = f"{each[-1] / max(each[0], 1e-9):>8.2f}" if len(runs) > 1 else f"{'':>8}"
        lines.append(f"{name:<32}{seconds}{each[-1]:>11.2f} s{growth}")
    return [*lines, f"{'peak memory':<32}" + "".join(f"{one['peak_bytes'] / 1e9:>10.2f} GB" for one in runs)]


if __name__ == "__main__":
    main()
