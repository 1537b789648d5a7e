"""How long the evidence takes on one log: pairing, weights, and every rung, control and verdict of one outcome.

``python benchmarks/fit.py --contacts 200000 --out fit.json`` simulates a centre (about one contact in nine is answered
about), prints seconds by stage and writes the same as JSON. ``--folder`` names a folder in which the centre is kept, or
found. Times of the processor are told beside those of the clock, since other work on the machine lengthens only these;
the first fit pays for whatever is imported and compiled on the way. The peak of memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

import cxfusion as cx
from cxfusion.simulation import write_centre

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Stopwatch:
    """Seconds of the clock and of the processor, stage by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    def __call__(self, stage: str, work: Callable[[], Any]) -> Any:
        """What the work gives."""
        clock, processor = time.perf_counter(), time.process_time()
        found = work()
        self.stages[stage] = {
            "seconds": time.perf_counter() - clock,
            "processor_seconds": time.process_time() - processor,
        }
        return found


def peak_gigabytes() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def run(folder: Path, n_contacts: int, outcome: str, threads: int | None, memory: str | None) -> dict[str, Any]:
    """Times of every stage, of a centre that is drawn into the folder unless it is there."""
    if not (folder / "contacts.parquet").exists():
        write_centre(folder, n_contacts, 7)
    clock = Stopwatch()
    with cx.Session(threads=threads, memory_limit=memory) as session:
        contacts = clock("read", lambda: cx.read_contacts(folder / "contacts.parquet", session=session))
        surveys = cx.read_surveys(folder / "surveys.parquet", session=session)
        pairing = clock("pair", lambda: cx.pair(contacts, surveys))
        evidence = clock("fit", lambda: cx.fit_levers(pairing, outcome=outcome))
        again = clock("fit again", lambda: cx.fit_levers(pairing, outcome=outcome))
        assert again.to_arrow().equals(evidence.to_arrow()), "the same answer twice was expected"
        weights = clock("weights", lambda: cx.weigh(pairing, evidence.spec.score))
        clock("fit, weighted", lambda: cx.fit_levers(pairing, outcome=outcome, weights=weights))
        n_contacts = contacts.count()
    return {
        "benchmark": "evidence", "outcome": outcome, "n_contacts": n_contacts, "n_responses": evidence.n,
        "cores": os.cpu_count(), "threads": threads, "memory_limit": memory, "python": platform.python_version(),
        "duckdb": duckdb.__version__, "stages": clock.stages, "peak_gigabytes": peak_gigabytes(),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="where the centre is kept; a temporary one by default")
    parser.add_argument("--outcome", default="csat")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--memory", help="such as 4GB")
    parser.add_argument("--out", type=Path, default=Path("fit.json"), help="JSON file to write")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        found = run(folder, options.contacts, options.outcome, options.threads, options.memory)
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{found['n_contacts']:,} contacts, {found['n_responses']:,} responses, {found['cores']} cores")
    print(f"{'':<16}{'seconds':>10}{'processor':>12}")
    for stage, took in found["stages"].items():
        print(f"{stage:<16}{took['seconds']:>10.2f}{took['processor_seconds']:>12.2f}")
    print(f"at most {found['peak_gigabytes']:.2f} GB")


if __name__ == "__main__":
    main()
