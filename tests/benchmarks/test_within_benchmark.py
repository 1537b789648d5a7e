"""The benchmark of a linear model within groups on few answers: everyone who is there finds the same."""

from __future__ import annotations

import json
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

WITHIN = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "within.py"))


def test_it_prints_a_table_and_writes_json(tmp_path, capsys):
    sizes = ["--responses", "4000", "--agents", "40", "--days", "30", "--repeats", "1"]
    WITHIN["main"]([*sizes, "--out", str(tmp_path / "within.json"), "--folder", str(tmp_path / "answers")])
    found = json.loads((tmp_path / "within.json").read_text())["contestants"]
    peers = ["pyfixest", "pyfixest, in memory", "pyfixest, LSMR, in memory"]
    assert list(found) == ["cxfusion", *peers]
    assert found["cxfusion"]["peak_bytes"] > 1e7
    assert all(("left_out" in found[name]) == (find_spec("pyfixest") is None) for name in peers)
    printed = capsys.readouterr().out
    assert all(name in printed for name in found)
    frame = pd.read_parquet(tmp_path / "answers" / "answers.parquet")
    model = smf.ols(f"csat ~ {' + '.join(WITHIN['LEVERS'])} + C(agent_id) + C(day)", frame)
    expected = model.fit(cov_type="cluster", cov_kwds={"groups": frame["agent_id"]})
    ours, levers = found["cxfusion"]["found"], list(WITHIN["LEVERS"])
    np.testing.assert_allclose(ours["coefficients"], expected.params[levers], rtol=1e-8)
    np.testing.assert_allclose(ours["std_errors"], expected.bse[levers], rtol=1e-8)


def test_estimates_that_differ_stop_it():
    told = {"coefficients": [1.0, 2.0], "std_errors": [0.1, 0.2]}
    for wrong in ({**told, "coefficients": [1.0, 2.01]}, {**told, "std_errors": [0.1, 0.21]}):
        contestants = {"cxfusion": {"found": told}, "another": {"found": wrong}}
        with pytest.raises(AssertionError, match="another"):
            WITHIN["require_same"]({"contestants": contestants})
    WITHIN["require_same"]({"contestants": {"cxfusion": {"found": told}, "another": {"found": told}}})


def test_a_peer_that_is_not_there_is_left_out_with_the_reason():
    contestant = type(WITHIN["contestants"]()["pyfixest"])
    assert contestant(lambda _: None, "a_module_that_nobody_has", sys.executable).left_out.endswith("is not installed")
    assert not contestant(lambda _: None, "json", sys.executable).left_out
