"""The benchmark of the cumulative logit on few answers: everyone who is there finds the same optimum."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

LOGIT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "logit.py"))


def test_it_prints_a_table_and_writes_json(tmp_path, capsys):
    sizes = ["--responses", "1500", "--columns", "3", "--peer-responses", "600", "--repeats", "1"]
    LOGIT["main"]([*sizes, "--out", str(tmp_path / "logit.json")])
    found = json.loads((tmp_path / "logit.json").read_text())
    contestants = found["contestants"]
    assert list(contestants) == ["cxfusion", "BLAS", "statsmodels", "ordinal::clm"]
    assert contestants["statsmodels"]["rows"] == 600
    assert all("left_out" in told or told["seconds"] >= 0 for told in contestants.values())
    assert found["newton_steps"] >= 3
    printed = capsys.readouterr().out
    assert all(name in printed for name in contestants)


def test_an_optimum_that_differs_stops_it(monkeypatch):
    run = LOGIT["run"]
    monkeypatch.setitem(run.__globals__, "peers", lambda x, y: [("another", 1.0, np.full(x.shape[1], 5.0))])
    with pytest.raises(AssertionError):
        run(600, 2, 600, 1)
