"""The whole job, from files to a directory with its report, at growing sizes: seconds by stage, and peak memory.

``python benchmarks/whole.py --contacts 1000000 10000000 --out whole.json`` draws simulated centres, runs ``cxfusion
fuse`` on each in a process of its own, and prints what a million contacts cost. With ``--notebook`` the same log goes
through ``benchmarks/notebook.py``, up to ``--notebook-most`` contacts, and through ``benchmarks/same_tables.py``, which
is cxfusion for the notebook's tables alone; the notebook's time is told in multiples of both. ``--paths`` takes a log
that is there already, of files ``contacts*.parquet`` and ``surveys*.parquet``.

Times of the processor (of all threads) stand beside those of the clock, since other work on the machine does not
lengthen them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTEBOOK: Final = Path(__file__).with_name("notebook.py")
SAME_TABLES: Final = Path(__file__).with_name("same_tables.py")
DRAW: Final = "import sys; from cxfusion.simulation import write_centre; write_centre(sys.argv[1], int(sys.argv[2]), 7)"


def draw(folder: Path, n_contacts: int) -> Path:
    """A simulated centre, unless it is there; in a process of its own, lest its memory be counted for those after."""
    if not (folder / "contacts.parquet").exists():
        subprocess.run([sys.executable, "-c", DRAW, str(folder), str(n_contacts)], check=True)
    return folder


def of_process(command: Sequence[str]) -> dict[str, float]:
    """Seconds of the clock and of the processor, and peak memory, of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {told[-2000:]}")
    peak = used.ru_maxrss * (1024 if sys.platform == "linux" else 1)
    spent = used.ru_utime + used.ru_stime
    return {"seconds": time.perf_counter() - began, "processor_seconds": spent, "peak_bytes": peak}


def ours(log: Path, memory: str, out: Path) -> dict[str, Any]:
    """What a user calls, and what its manifest says of the stages."""
    fuse = [sys.executable, "-m", "cxfusion", "fuse", str(log / "contacts*.parquet"), str(log / "surveys*.parquet")]
    found: dict[str, Any] = of_process([*fuse, "--out", str(out), "--memory", memory, "--quiet"])
    manifest = json.loads((out / "manifest.json").read_text())
    return {**found, "stages": manifest["seconds"], "counts": manifest["counts"]}


def theirs(log: Path, out: Path) -> dict[str, Any]:
    """The notebook."""
    return of_process([sys.executable, str(NOTEBOOK), str(log), "--out", str(out)])


def measured(log: Path, given: argparse.Namespace) -> dict[str, Any]:
    """One log, both ways if asked."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"cxfusion": ours(log, given.memory, Path(folder) / "ours")}
        if given.notebook and found["cxfusion"]["counts"]["contacts_read"] <= given.notebook_most:
            same = [sys.executable, str(SAME_TABLES), str(log), "--memory", given.memory]
            found["same tables"] = of_process([*same, "--out", str(Path(folder) / "same")])
            found["notebook"] = theirs(log, Path(folder) / "theirs")
            found["ratios"] = {
                name: {kind: found["notebook"][kind] / found[name][kind] for kind in ("seconds", "processor_seconds")}
                for name in ("cxfusion", "same tables")
            }
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all sizes, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, nargs="*", help="sizes to draw; a million, where no paths are given")
    parser.add_argument("--paths", type=Path, nargs="*", default=[], help="folders that hold logs already")
    parser.add_argument("--folder", type=Path, help="where logs are drawn and kept; else they are not kept")
    parser.add_argument("--memory", default="4GB", help="memory limit of the engine")
    parser.add_argument("--notebook", action="store_true", help="run benchmarks/notebook.py beside it")
    parser.add_argument("--notebook-most", type=int, default=2_000_000, help="largest log that the notebook is given")
    parser.add_argument("--out", type=Path, default=Path("whole.json"), help="JSON file to write")
    given = parser.parse_args(arguments)
    found = []
    print(f"{'contacts':>12}{'responses':>12}{'':>13}{'s':>9}{'processor s':>13}{'peak GB':>9}{'s per million':>15}")
    with tempfile.TemporaryDirectory() as passing:
        sizes = [draw((given.folder or Path(passing)) / str(n), n) for n in _sizes(given)]
        for log in [*sizes, *given.paths]:
            found.append(measured(log, given))
            counts = found[-1]["cxfusion"]["counts"]
            for name in [name for name in ("cxfusion", "same tables", "notebook") if name in found[-1]]:
                print(_line(name, counts, found[-1][name]), flush=True)
            for name, ratio in found[-1].get("ratios", {}).items():
                times = f"{ratio['seconds']:.1f} × by the clock, {ratio['processor_seconds']:.1f} × of the processor"
                print(f"{'':>24}  the notebook takes {times} what {name} takes", flush=True)
    versions = {"cores": os.cpu_count(), "python": sys.version.split()[0], "memory_limit": given.memory}
    given.out.write_text(json.dumps({"benchmark": "whole job", **versions, "logs": found}, indent=2) + "\n")


def _sizes(given: argparse.Namespace) -> Sequence[int]:
    """Logs to be drawn."""
    if given.contacts is not None:
        return list(given.contacts)
    return [] if given.paths else [1_000_000]


def _line(name: str, counts: dict[str, int], used: dict[str, Any]) -> str:
    n = counts["contacts_read"]
    sizes = f"{n:>12,}{counts['responses_read']:>12,}  {name:<11}"
    spent = f"{used['seconds']:>9.1f}{used['processor_seconds']:>13.1f}{used['peak_bytes'] / 1e9:>9.2f}"
    return f"{sizes}{spent}{used['processor_seconds'] / n * 1e6:>15.2f}"


if __name__ == "__main__":
    main()
