"""The benchmark of the evidence on a small centre: every stage is told, and the centre is drawn once only."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

FIT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "fit.py"))


def test_it_prints_a_table_and_writes_json(tmp_path, capsys):
    out, centre = tmp_path / "fit.json", tmp_path / "centre"
    FIT["main"](["--contacts", "4000", "--threads", "1", "--folder", str(centre), "--out", str(out)])
    found = json.loads(out.read_text())
    assert list(found["stages"]) == ["read", "pair", "fit", "fit again", "weights", "fit, weighted"]
    assert all(took["processor_seconds"] > 0 for took in found["stages"].values())
    assert found["n_contacts"] == 4000
    assert 100 < found["n_responses"] < 2000
    assert found["peak_gigabytes"] > 0.05
    printed = capsys.readouterr().out
    assert all(stage in printed for stage in found["stages"])
    assert (centre / "contacts.parquet").exists()
