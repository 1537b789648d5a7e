"""The benchmark of the two halves at a tiny size: every function runs, and what it costs is told."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

HALVES = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "halves.py"))


def test_every_function_is_timed(tmp_path, capsys):
    HALVES["main"](["--contacts", "9000", "--out", str(tmp_path / "halves.json")])
    (log,) = json.loads((tmp_path / "halves.json").read_text())["logs"]
    assert log["n_contacts"] >= 9000
    assert log["n_pairs"] > 300
    assert len(log["functions"]) == 26
    assert all(one["processor_seconds"] > 0 for one in log["functions"].values())
    printed = capsys.readouterr().out
    assert all(name in printed for name in log["functions"])


def test_what_grows_faster_than_the_log_stands_out():
    def of(n, spent):
        functions = {"one": {"seconds": spent, "processor_seconds": spent}}
        return {"n_contacts": n, "peak_bytes": 1e9, "functions": functions}

    line = HALVES["lines_of"]([of(1_000_000, 2.0), of(10_000_000, 60.0)])[1]
    assert line.split()[-3:] == ["6.00", "s", "3.00"]
