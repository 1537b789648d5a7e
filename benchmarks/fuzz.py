"""Every reader against broken inputs: ``python benchmarks/fuzz.py`` tries 310 of each and prints a table.

``--reader NAME --first 17 --cases 1`` shows one case again. Needs what the tests need.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz.campaign import run_apart, table_of
from fuzz.readers import READERS

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and write what failed as JSON lines."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=310, help="inputs per reader")
    options.add_argument("--first", type=int, default=0, help="number of the first case")
    options.add_argument("--reader", action="append", help="only these, by any part of their name")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, help="file of JSON lines: every failure")
    asked = options.parse_args(arguments)
    chosen = [one for one in READERS if not asked.reader or any(part in one.name for part in asked.reader)]
    tallies = []
    for reader in chosen:
        began = time.monotonic()
        tally = run_apart(reader, range(asked.first, asked.first + asked.cases), asked.seed)
        tallies.append(tally)
        print(f"{reader.name}: {time.monotonic() - began:.0f} s, {len(tally.failures)} failures", flush=True)
        for number, change, told in tally.failures:
            line = json.dumps({"reader": reader.name, "case": number, "change": change, "failure": told})
            if asked.out:
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            else:
                print(line)
    print(table_of(tallies))
    return int(any(tally.failures for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
