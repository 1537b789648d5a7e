"""Every reader against broken inputs: ``python benchmarks/fuzz.py`` tries 310 of each and prints a table.

Readers take turns, so that a run that is stopped early has tried all of them. ``--reader NAME --first 17 --cases 1``
shows one case again. Needs what the tests need.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz.campaign import PER_SESSION, Tally, run_apart, table_of
from fuzz.readers import READERS

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print each turn, and write it where that is asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=310, help="inputs per reader")
    options.add_argument("--first", type=int, default=0, help="number of the first case")
    options.add_argument("--reader", action="append", help="only these, by any part of their name")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, help="file of JSON lines: every turn, its counts and its failures")
    asked = options.parse_args(arguments)
    chosen = [one for one in READERS if not asked.reader or any(part in one.name for part in asked.reader)]
    tallies = {reader.name: Tally(reader.name) for reader in chosen}
    last = asked.first + asked.cases
    for first in range(asked.first, last, PER_SESSION):
        for reader in chosen:
            began = time.monotonic()
            turn = run_apart(reader, range(first, min(first + PER_SESSION, last)), asked.seed)
            tallies[reader.name] += turn
            _tell(turn, first, time.monotonic() - began, asked.out)
    print(table_of(list(tallies.values())))
    return int(any(tally.failures for tally in tallies.values()))


def _tell(turn: Tally, first: int, seconds: float, out: Path | None) -> None:
    failures = [{"case": number, "change": change, "failure": told} for number, change, told in turn.failures]
    line = {"reader": turn.reader, "first": first, **turn.outcomes, "seconds": round(seconds), "failures": failures}
    print(json.dumps(line), flush=True)
    if out:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
