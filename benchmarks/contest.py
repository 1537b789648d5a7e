"""Contestants in turn, each in a process of its own: what it took by the clock and the processor, and its memory.

A process does the work of one of them: once unheard, to load and compile what it needs, then as often as asked. A
contestant may have an interpreter of its own, since not all peers install beside one another.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

KB: Final = 1024 if sys.platform == "linux" else 1


@dataclass(frozen=True)
class Contestant:
    """Somebody who does the work.

    Attributes
    ----------
    prepare : callable
        From the folder with the files to what is timed, which gives what it found.
    needs : str
        Module without which it is left out.
    python : str
        The interpreter; that of the benchmark by default.
    """

    prepare: Callable[[Path], Callable[[], Any]]
    needs: str = ""
    python: str = field(default=sys.executable)

    @property
    def left_out(self) -> str:
        """Why it is left out; nothing where it is not."""
        asked = f"import sys, importlib.util as u; sys.exit(u.find_spec({self.needs!r}) is None)"
        is_there = not self.needs or subprocess.run([self.python, "-c", asked], check=False).returncode == 0
        return "" if is_there else f"{self.needs} is not installed"


def take_part(prepare: Callable[[Path], Callable[[], Any]], folder: Path, repeats: int) -> tuple[dict[str, Any], Any]:
    """What one contestant needs in this process, and what it finds."""
    work = prepare(folder)
    clock, processor, found = [], [], None
    for _ in range(repeats + 1):
        began, spent = time.perf_counter(), time.process_time()
        found = work()
        clock.append(time.perf_counter() - began)
        processor.append(time.process_time() - spent)
    return {"seconds": clock[1:], "processor_seconds": processor[1:], "peak_bytes": peak_bytes()}, found


def peak_bytes() -> int:
    """The most memory that this process has held; not what its parent held before it began, as ``getrusage`` tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KB
    told = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(told.split()[1]) * 1024


def of_process(script: str, name: str, folder: Path, repeats: int, python: str = sys.executable) -> dict[str, Any]:
    """What a contestant tells of itself in a process of its own, of the script that knows it."""
    command = [python, script, "--only", name, "--folder", str(folder), "--repeats", str(repeats)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def everyone(script: str, contestants: Mapping[str, Contestant], folder: Path, repeats: int) -> dict[str, Any]:
    """All of them in turn; of those that are not there, why."""
    found: dict[str, Any] = {}
    for name, one in contestants.items():
        left_out = one.left_out
        found[name] = {"left_out": left_out} if left_out else of_process(script, name, folder, repeats, one.python)
        print(f"{name}: {left_out or 'done'}", file=sys.stderr, flush=True)
    return {"cores": os.cpu_count(), "python": sys.version.split()[0], "repeats": repeats, "contestants": found}


def options(about: str | None, contestants: Iterable[str], result: str) -> argparse.ArgumentParser:
    """The options that every such contest has; it adds its own."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the data are, or are to be drawn; else they are not kept")
    parser.add_argument("--out", type=Path, default=Path(result), help="JSON file to write")
    parser.add_argument("--only", choices=list(contestants), help=argparse.SUPPRESS)
    return parser


def tell_of(one: Contestant, given: argparse.Namespace) -> None:
    """Print what one contestant needs in this process, for :func:`of_process` to read."""
    took, told = take_part(one.prepare, given.folder, given.repeats)
    print(json.dumps({**took, "found": told}))


def contest(
    script: str,
    contestants: Mapping[str, Contestant],
    given: argparse.Namespace,
    draw: Callable[[Path], None],
    data: str,
) -> dict[str, Any]:
    """All of them in turn on the data in a folder, drawn first where they are not there."""
    with tempfile.TemporaryDirectory() as passing:
        folder = given.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / data).exists():
            draw(folder)
        return everyone(script, contestants, folder, given.repeats)


def write(path: Path, found: Mapping[str, Any]) -> None:
    """The result as JSON."""
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def took_part(found: Mapping[str, Any]) -> list[str]:
    """Names of those that were there."""
    return [name for name, told in found["contestants"].items() if "left_out" not in told]


def lines_of(found: Mapping[str, Any], beside: Sequence[str]) -> list[str]:
    """A table: medians by the clock and of the processor, peak memory, and ratios of the clock to some contestants."""
    told = {name: found["contestants"][name] for name in took_part(found)}
    median = {name: statistics.median(one["seconds"]) for name, one in told.items()}
    heads = "".join(f"{'× ' + name:>{_wide(name)}}" for name in beside)
    lines = [f"{'':<28}{'median s':>10}{'processor s':>13}{'peak GB':>9}{heads}"]
    for name, one in told.items():
        spent = f"{statistics.median(one['processor_seconds']):>13.2f}{one['peak_bytes'] / 1e9:>9.2f}"
        ratios = "".join(f"{median[name] / median[other]:>{_wide(other)}.2f}" for other in beside)
        lines.append(f"{name:<28}{median[name]:>10.2f}{spent}{ratios}")
    left_out = {name: one["left_out"] for name, one in found["contestants"].items() if "left_out" in one}
    return [*lines, *(f"{name:<28}{why}" for name, why in left_out.items())]


def _wide(name: str) -> int:
    return len(name) + 4
