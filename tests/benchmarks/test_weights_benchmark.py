"""The benchmark of the weights on a small centre: its score is that of raking by hand; scores that differ stop it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

WEIGHTS = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "weights.py"))


def test_it_prints_a_table_and_writes_json(tmp_path, capsys):
    centre, out = tmp_path / "centre", tmp_path / "weights.json"
    sizes = ["--contacts", "4000", "--repeats", "1", "--ipw-most", "100"]
    WEIGHTS["main"]([*sizes, "--folder", str(centre), "--out", str(out)])
    found = json.loads(out.read_text())["contestants"]
    assert list(found) == ["cxfusion", "balance, rake"]
    printed = capsys.readouterr().out
    assert all(name in printed for name in found)
    table = pd.read_parquet(centre / "levels.parquet")
    assert set(table) == {*WEIGHTS["FIFTHS"], *WEIGHTS["AS_THEY_ARE"], "hour_of_week", "csat", "id"}
    levels = table.drop(columns=["csat", "id"])
    n_answers = [levels.loc[table["csat"].notna(), name].value_counts().min() for name in levels]
    assert min(n_answers) >= WEIGHTS["RAREST"]
    raked = _raked(table, levels)
    assert found["cxfusion"]["found"]["score"] == pytest.approx(raked, abs=WEIGHTS["SAME"])


def _raked(table, levels):
    """The weighted score by margins met in turn: a second way to about the same weights."""
    answers = table[table["csat"].notna()]
    weight = np.ones(len(answers))
    for _ in range(50):
        for name in levels:
            share = pd.Series(weight).groupby(answers[name].to_numpy()).sum() / weight.sum()
            weight = weight * answers[name].map(table[name].value_counts(normalize=True) / share).to_numpy()
    return np.average(answers["csat"], weights=weight)


def test_scores_that_differ_stop_it():
    told = {name: {"found": {"score": score}} for name, score in (("cxfusion", 3.7), ("another", 3.72))}
    with pytest.raises(AssertionError, match="another"):
        WEIGHTS["require_same"]({"contestants": told})
