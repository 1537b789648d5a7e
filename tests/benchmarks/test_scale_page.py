"""The page on scale says what was measured."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "scale_page.py"))


def test_the_page_says_what_the_files_say():
    assert SCRIPT["main"](["--check"]) == 0, "run benchmarks/scale_page.py"


def stages(seconds):
    moved = {"queries": 2, "answer_bytes": 1500, "largest_answer": 1000, "folds": 1, "state_bytes": 8, "kept": 3}
    return {"pair": {**moved, "largest_state": 8, "seconds": 1.0, "processor_seconds": seconds}}


def test_tables_stand_between_their_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- measured: spark -->\nstale\n<!-- end -->\nb\n<!-- measured: moved -->\n<!-- end -->\nc\n")
    small = {"contacts": 1_000_000, "responses": 1, "stages": stages(10.0)}
    large = {"contacts": 3_000_000, "responses": 1, "stages": stages(14.0)}
    (tmp_path / "spark.json").write_text(json.dumps({"logs": [small, large]}))
    (tmp_path / "moved.json").write_text(json.dumps({"logs": [small]}))
    assert SCRIPT["main"](["--page", str(page), "--measured", str(tmp_path), "--check"]) == 1
    for _ in range(2):
        SCRIPT["main"](["--page", str(page), "--measured", str(tmp_path)])
        told = page.read_text()
        # two seconds a million: 14 for the first three, and 2 for each of the 997 others
        hours = f"{(14 + 2 * 997) / 3600:,.1f}"
        assert f"| Pair | 10.0 | 14.0 | 8.0 | 2.0 | {hours} |" in told
        assert f"| All | 10.0 | 14.0 | 8.0 | 2.0 | {hours} |" in told
        assert "| Pair | 2 | 1.5 | 1.0 | 1 | 0.0 | 0.0 | 3 |" in told
        assert "stale" not in told
        assert told.startswith("a\n")
        assert told.endswith("c\n")
    assert SCRIPT["main"](["--page", str(page), "--measured", str(tmp_path), "--check"]) == 0
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no one place"):
        SCRIPT["main"](["--page", str(page), "--measured", str(tmp_path)])
