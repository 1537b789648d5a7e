"""The exam at a small size: it resumes, counts by hand-made draws what it should, and writes its page."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAM = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "exam.py"))


def lever(truth=0.0, verdict="unclear", low=-0.1, high=0.1, *, identified=True, **claims):
    middle = (low + high) / 2
    others = {name: {"size": claims.get(name, 0.0), "claimed": name in claims} for name in EXAM["RIVALS"]}
    return {
        "lever": "hold_seconds", "truth": truth, "is_identified": identified, "verdict": verdict, "grade": "adjusted",
        "estimate": middle, "corrected_estimate": middle, "conf_low": low, "conf_high": high, **others,
    }  # fmt: skip


def draw(*levers, world="calm", seed=1):
    return {"world": world, "seed": seed, "n_contacts": 100, "n_answers": 10, "levers": list(levers)}


def test_it_counts_what_it_says():
    rows = EXAM["flat"](
        [
            draw(lever(0.0, "moves", 0.01, 0.1, ols=0.2), lever(0.004, "proxy"), lever(0.2, "moves", 0.1, 0.3)),
            draw(lever(0.08, "moves", 0.1, 0.2), lever(0.08, "contested"), lever(0.3, "moves", -0.4, -0.1), seed=2),
            draw(lever(0.0, "moves", identified=False), lever(0.0, identified=False), seed=3),
        ]
    )
    found = EXAM["summary_of"](rows)
    assert found["draws"] == 3
    assert found["false"] == (1, 2)
    assert found["found"] == (3, 4)
    assert found["wrong_sign"] == 1
    assert found["covered_movers"] == (1, 4)
    assert found["covered"] == (3, 6)
    assert (found["unknown_moves"], found["unknown_false"]) == ((1, 2), 1)
    assert found["width"] == pytest.approx(np.mean([0.09, 0.2, 0.2, 0.1, 0.2, 0.3]))
    ols = EXAM["table_of_rivals"](rows)[3]
    assert ols[:3] == ("OLS drivers", "25% (4)", "0% (4)")


def test_rank_agreement_is_spearmans_mean_over_draws():
    sizes = [(0.1, 0.0), (0.3, 0.2), (0.2, 0.1)]
    same = draw(*(lever(truth, low=size, high=size) for truth, size in sizes))
    turned = draw(*(lever(truth, low=-size, high=-size) for truth, size in sizes), seed=2)
    assert EXAM["rank_agreement"](EXAM["flat"]([same]), "cxfusion") == pytest.approx(1.0)
    assert EXAM["rank_agreement"](EXAM["flat"]([same, turned]), "cxfusion") == pytest.approx(0.0)


def test_rivals_are_the_textbook_ones():
    from scipy import stats

    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    frame = pd.DataFrame({"csat": x @ [0.10, -0.12] + rng.normal(size=400), "a": x[:, 0], "b": x[:, 1], "flat": 1.0})
    steps = pd.Series({"a": -30.0, "b": -30.0, "flat": -1.0})
    claims = EXAM["claims_of_others"](frame, ["a", "b", "flat"], steps)
    found = stats.pearsonr(frame["a"], frame["csat"])
    assert claims["a"]["correlation"]["size"] == pytest.approx(-found.statistic)
    assert claims["a"]["correlation"]["claimed"] == (found.pvalue < 0.05)
    z = ((frame - frame.mean()) / frame.std(ddof=0).replace(0, 1)).to_numpy()
    slopes = np.linalg.lstsq(z[:, 1:3], z[:, 0], rcond=None)[0]
    assert [claims[name]["ols"]["size"] for name in "ab"] == pytest.approx(list(-slopes))
    r2 = 1 - ((z[:, 0] - z[:, 1:3] @ slopes) ** 2).mean()
    for measure in ("shapley", "johnson"):
        assert sum(claims[name][measure]["size"] for name in "ab") == pytest.approx(r2)
    assert not any(claims["flat"][rival]["claimed"] for rival in EXAM["RIVALS"])


def test_a_small_sitting_goes_on_where_it_stopped_and_fills_its_page(tmp_path, capsys):
    out, page = tmp_path / "exam.jsonl", tmp_path / "exam.md"
    asked = ["--contacts", "3000", "--seeds", "1", "--out", str(out), "--worlds"]
    EXAM["main"]([*asked, "calm"])
    first = out.read_text()
    EXAM["main"]([*asked, "calm", "tiny"])
    draws = [json.loads(line) for line in out.read_text().splitlines()]
    assert out.read_text().startswith(first)
    assert [(one["world"], one["seed"]) for one in draws] == [("calm", 1), ("tiny", 1)]
    levers = {one["lever"]: one for one in draws[0]["levers"]}
    assert set(levers) == {"wait_seconds", "ivr_seconds", "hold_seconds", "talk_seconds", "n_transfers"}
    assert levers["hold_seconds"]["truth"] == pytest.approx(0.10, abs=0.03)
    assert levers["talk_seconds"]["truth"] == 0
    assert "Nulls called movers" in capsys.readouterr().out
    page.write_text("# Exam\n\n<!-- exam -->\nstale\n<!-- /exam -->\n\nend\n")
    EXAM["write_docs"](page, draws)
    text = page.read_text()
    assert "| calm | 1 |" in text
    assert "2 draws of 2 worlds: 3,000 contacts" in text
    assert "stale" not in text
    assert text.endswith("<!-- /exam -->\n\nend\n")
