"""Kill -9 of whole runs at random points: ``python benchmarks/kills.py`` kills 50 and says what each left behind.

Every other kill falls near the end of the run, where the output is written. After each the output directory must be the
last good one or the whole new one, and the next start must leave nothing beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cxfusion as cx
from cxfusion.delivery.directory import manifest_of, require_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

STUDY = """[contacts]
path = "data/contacts.parquet"
[surveys]
path = "data/surveys.parquet"
[study]
title = "{title}"
[engine]
threads = 1
memory_limit = "1GB"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill and look; the exit code is 1 where anything was found broken."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--contacts", type=int, default=3_000)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = kill_runs(Path(folder), asked.kills, asked.contacts, random.Random(asked.seed))
    told = Counter(one["state"] for one in found)
    print(f"{len(found)} runs killed: {dict(told)}")
    return int(any(one["problems"] for one in found))


def kill_runs(folder: Path, kills: int, contacts: int, rng: random.Random) -> list[dict[str, Any]]:
    """One row per kill: at which share of a run, in which stage, ``state`` (old, new) and ``problems``."""
    spawn(lambda: cx.simulate(n_contacts=contacts, seed=1, out=folder / "data"), folder)
    took = whole_run(folder, "run 0")
    rows = []
    for number in range(1, kills + 1):
        before = title_of(folder / "out")
        at = rng.random() if number % 2 else 0.85 + 0.2 * rng.random()
        child = start(folder, f"run {number}")
        time.sleep(at * took)
        stage = stop(child, folder)
        rows.append(row := {"at": round(at, 3), "stage": stage, **looked_at(folder, before, f"run {number}")})
        print(json.dumps(row), flush=True)
    return rows


def whole_run(folder: Path, title: str) -> float:
    """Seconds that a run takes which nobody kills."""
    began = time.monotonic()
    _, status = os.waitpid(start(folder, title), 0)
    if status:
        raise SystemExit(f"a run that nobody killed ended with status {status}: {(folder / 'told').read_text()}")
    return time.monotonic() - began


def start(folder: Path, title: str) -> int:
    """A run of the command in a process of its own, whose imports are done."""
    (folder / "STUDY.toml").write_text(STUDY.format(title=title))
    return fork(lambda: command(folder), folder)


def command(folder: Path) -> None:
    """``cxfusion run``, with its stages told to a file."""
    from cxfusion.cli import main as cxfusion

    sys.argv = ["cxfusion", "run", str(folder / "STUDY.toml"), "--out", str(folder / "out")]
    cxfusion()


def spawn(act: Any, folder: Path) -> None:
    """Do something in a process of its own, so that no thread of it is there when others are forked."""
    os.waitpid(fork(act, folder), 0)


def fork(act: Any, folder: Path) -> int:
    """Process id of a child that does something and ends."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.chdir(folder)
        told = os.open(folder / "told", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(told, 1)
        os.dup2(told, 2)
        act()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        os._exit(code)


def stop(child: int, folder: Path) -> str:
    """Kill it, if it still runs; the last stage that it told as done."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    lines = (folder / "told").read_text().splitlines()
    return lines[-1].split("  ")[0] if lines else "start"


def title_of(out: Path) -> str:
    """Title of the run that wrote the directory."""
    return str(manifest_of(out).get("config", {}).get("study", {}).get("title"))


def looked_at(folder: Path, before: str, now: str) -> dict[str, Any]:
    """What is there after a kill, and after the next start."""
    import pyarrow.parquet as pq

    out, problems = folder / "out", []
    title, files = title_of(out), manifest_of(out).get("files", [])
    there = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if title not in (before, now) or there != sorted(files):
        problems.append(f"neither the old nor the new one: {title}, {there}")
    for name in there:
        if name.endswith(".parquet"):
            pq.read_table(out / name)
    if "report.html" in there and not (out / "report.html").read_text().rstrip().endswith("</html>"):
        problems.append("report.html is cut off")
    left = sorted(path.name for path in folder.iterdir() if path.name not in KNOWN)
    require_ours(out)
    orphans = sorted(path.name for path in folder.iterdir() if path.name not in KNOWN)
    if orphans:
        problems.append(f"still there after the next start: {orphans}")
    if title_of(out) != title:
        problems.append(f"the next start made {title_of(out)} of {title}")
    return {"state": "old" if title == before else "new", "left": left, "problems": problems}


KNOWN = ("data", "out", "told", "STUDY.toml")

if __name__ == "__main__":
    sys.exit(main())
