"""The benchmarks of pairing and of the whole job at a tiny size: all find the same, and what they cost is told."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PAIRING = runpy.run_path(str(BENCHMARKS / "pairing.py"))
MOVED = runpy.run_path(str(BENCHMARKS / "moved.py"))
WHOLE = runpy.run_path(str(BENCHMARKS / "whole.py"))


def test_everyone_finds_the_same_pairs(tmp_path):
    PAIRING["draw"](tmp_path, 3000)
    names = [name for name, one in PAIRING["CONTESTANTS"].items() if not one.left_out]
    found = {name: PAIRING["take_part"](name, tmp_path, 1) for name in names}
    assert PAIRING["require_same"](tmp_path, names) == 0
    assert all(
        one["found"]["n_pairs"] > 100 and one["peak_bytes"] > 1e7 and len(one["seconds"]) == 1 for one in found.values()
    )
    wrong = pd.read_parquet(tmp_path / "pandas.pairs")
    wrong.iloc[:50].to_parquet(tmp_path / "pandas.pairs")
    with pytest.raises(AssertionError, match="differ"):
        PAIRING["require_same"](tmp_path, names)


def test_the_whole_job_beside_the_notebook(tmp_path, capsys):
    WHOLE["main"](["--contacts", "8000", "--notebook", "--out", str(tmp_path / "whole.json")])
    (log,) = json.loads((tmp_path / "whole.json").read_text())["logs"]
    assert log["cxfusion"]["counts"]["contacts_read"] >= 8000
    assert log["cxfusion"]["stages"]["pair"] > 0
    assert all(log[name]["peak_bytes"] > 1e7 for name in ("cxfusion", "same tables", "notebook"))
    spent = {name: log[name]["processor_seconds"] for name in ("same tables", "notebook")}
    assert log["ratios"]["same tables"]["processor_seconds"] == pytest.approx(spent["notebook"] / spent["same tables"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("cxfusion", "same tables", "notebook takes"))


def test_what_a_study_moves_is_weighed_by_stage(tmp_path, capsys):
    MOVED["main"](["--contacts", "8000", "--out", str(tmp_path / "moved.json")])
    (log,) = json.loads((tmp_path / "moved.json").read_text())["logs"]
    stages = log["stages"]
    assert stages["fit levers"]["folds"] > 50
    assert stages["pair"]["folds"] == 0
    for stage in stages.values():
        assert stage["largest_state"] <= stage["state_bytes"]
        assert stage["largest_answer"] <= stage["answer_bytes"]
    assert sum(stage["answer_bytes"] for name, stage in stages.items() if name != "measure") < 1_000_000
    assert "fit levers" in capsys.readouterr().out
