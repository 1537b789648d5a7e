"""Broken studies, maps and command lines: ``python benchmarks/fuzz_words.py`` tries some hundreds of each.

Needs what the tests need. ``--only studies --first 17 --cases 1`` shows one case again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz.words import CAMPAIGNS

if TYPE_CHECKING:
    from collections.abc import Sequence

CASES = {"studies": 3_000, "maps": 300, "commands": 300}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print; the exit code is 1 where anything was wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", choices=CAMPAIGNS)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--cases", type=int)
    asked = options.parse_args(arguments)
    n_wrong = 0
    for name in [asked.only] if asked.only else list(CAMPAIGNS):
        began, numbers = time.monotonic(), range(asked.first, asked.first + (asked.cases or CASES[name]))
        for number in numbers:
            with TemporaryDirectory() as folder:
                os.chdir(folder)
                wrong = list(CAMPAIGNS[name](number, Path(folder)))
                os.chdir("/")
            n_wrong += bool(wrong)
            for told in wrong:
                print(f"{name} {number}: {told}", flush=True)
        print(f"{len(numbers)} {name} in {time.monotonic() - began:.0f} s", flush=True)
    print(f"{n_wrong} ended badly")
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
