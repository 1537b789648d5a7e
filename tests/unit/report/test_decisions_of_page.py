"""What to do on Monday on the page: prices, hotspots and pilots in words, and what is missing said."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from cxfusion.report import decisions as page
from cxfusion.report import render_report
from invented_study import HOSTILE, invented_content

PRICE = {
    "lever": "wait_seconds", "group": "ours", "verdict": "moves", "outcome_unit": "CSAT points", "unit": "seconds",
    "step": -30.0, "estimate": 0.07, "conf_low": 0.05, "conf_high": 0.09, "agents": 2.4, "cost": 120_000.0,
    "currency": "EUR", "price": 1_714_286.0, "price_low": 1_333_333.0, "price_high": 2_400_000.0, "rank": 1,
    "rank_low": 1, "rank_high": 2, "status": "ok", "reason": None,
}  # fmt: skip
NOTHING = dict.fromkeys(("agents", "cost", "price", "price_low", "price_high", "rank", "rank_low", "rank_high"), np.nan)


@dataclass(frozen=True)
class Decided:
    prices: pd.DataFrame
    hotspots: pd.DataFrame
    pilots: pd.DataFrame
    notes: tuple[str, ...] = ()


def decided(*prices: dict, notes: tuple[str, ...] = ()) -> Decided:
    hotspots = pd.DataFrame([
        {"lever": "wait_seconds", "verdict": verdict, "segment_column": "queue", "segment": segment, "share": 0.2,
         "outcome_unit": "CSAT points", "unit": "seconds", "mean_level": 95.0, "target": 40.0, "estimate": 0.012,
         "conf_low": 0.009, "conf_high": 0.015}
        for verdict, segment in (("moves", HOSTILE), ("contested", "never shown"))
    ])  # fmt: skip
    pilots = pd.DataFrame([
        {"lever": "talk_seconds", "verdict": "contested", "design": "clusters", "clusters_per_arm": 24,
         "answers_per_arm": 5200, "weeks": 8.0, "power": 0.903, "reason": None},
        {"lever": "talk_seconds", "verdict": "contested", "design": "contacts", "clusters_per_arm": np.nan,
         "answers_per_arm": 4200, "weeks": 5.0, "power": 0.9004, "reason": "it takes longer"},
    ])  # fmt: skip
    return Decided(pd.DataFrame([{**PRICE, **row} for row in prices]), hotspots, pilots, notes)


def decision_blocks(found: Decided | None) -> list[dict]:
    """The sections beside a table of levers that tells the same."""
    same = {"lever": ["wait_seconds", "n_transfers"], "step": -30.0, "estimate": 0.0, "corrected_estimate": 0.0701}
    return page.decision_blocks(found, pd.DataFrame(same))


def texts(block: dict) -> list[list[str]]:
    return [[f"{cell.text}|{cell.detail}" for cell in row] for row in block["table"].rows]


def test_a_price_stands_with_its_span_and_what_it_buys():
    prices, hotspots, pilots = decision_blocks(decided({}, {"lever": "n_transfers", "unit": "count", "cost": -5000.0}))
    assert texts(prices)[0] == [
        "Waiting time|In our hands", "+0.07 CSAT points|30 seconds less waiting (+0.05 to +0.09)", "+2.40|",
        "120,000 EUR|", "1,714,286 EUR|1,333,333 to 2,400,000", "1|1 to 2",
    ]  # fmt: skip
    assert texts(prices)[1][3] == "saves 5,000 EUR|"
    assert [row[0] for row in texts(hotspots)] == [f"{HOSTILE[:59]}…|Queue · Waiting time"]
    assert texts(hotspots)[0][1:4] == ["20.0 %|", "1 min 35 s|", "40 s|"]
    assert [row[2:] for row in texts(pilots)] == [["24|", "5,200|", "8|"], ["–|", "4,200|", "5|"]]


def test_where_the_table_of_levers_tells_another_size_of_the_step_the_price_says_so():
    (prices, *_) = decision_blocks(decided({"estimate": 0.03}, {"estimate": 0.03, "verdict": "contested", **NOTHING}))
    sure, open_ = texts(prices)
    assert sure[1].endswith("less waiting (+0.05 to +0.09); in the table of levers, from small changes, +0.07")
    assert open_[1].endswith("(+0.05 to +0.09)")
    assert "scaled up to the step" in prices["lines"][0]
    (turned, *_) = decision_blocks(decided({"estimate": 0.03, "step": 30.0}))  # the other way round
    assert "table of levers" not in texts(turned)[0][1]


def test_without_a_cost_agents_are_shown_and_the_reason_told():
    told = {**NOTHING, "agents": 2.4, "currency": "", "reason": "no cost of an hour was given"}
    blocks = decision_blocks(decided(told, notes=("Agents are counted and not priced: nobody said what one costs.",)))
    assert texts(blocks[0])[0][2:] == ["+2.40|", "–|", "–|No cost of an hour was given", "–|"]
    assert blocks[0]["lines"][1:] == ["Agents are counted and not priced: nobody said what one costs."]


def test_a_lever_without_a_price_says_why():
    untold = {**NOTHING, "estimate": np.nan, "status": "not_applicable", "reason": "the evidence has no model of it"}
    assert texts(decision_blocks(decided(untold))[0])[0][1] == "–|The evidence has no model of it"


def test_small_gains_keep_their_digits_and_what_is_open_promises_nothing():
    row = {"lever": "n_transfers", "unit": "count", "mean_level": 0.183, "target": 0.143, "estimate": 0.0053}
    found = decided({"verdict": "contested", **NOTHING})
    hotspots = found.hotspots.assign(**row, conf_low=0.0038, conf_high=0.0057)
    prices, hotspot, _ = decision_blocks(replace(found, hotspots=hotspots))
    assert texts(hotspot)[0][2:] == ["0.18|", "0.14|", "0.005 CSAT points|0.004 to 0.006"]
    assert texts(prices)[0][1] == "Contested|30 seconds less waiting (+0.05 to +0.09)"


def test_how_sure_a_trial_is_to_find_the_effect_is_the_power_that_was_asked_for():
    pilots = decision_blocks(decided({}))[2]
    assert "the effect: 90 % or more of trials of this size would find it" in pilots["lead"]


def test_nothing_decided_leaves_no_section():
    empty = Decided(pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
    assert decision_blocks(empty) == decision_blocks(None) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_sections_stand_after_the_what_if_and_are_linked(language):
    html = render_report(replace(invented_content(), decisions=decided({}), language=language))
    places = [html.index(f'<section id="{name}"') for name in ("what_if", "prices", "hotspots", "pilots", "perception")]
    assert places == sorted(places)
    assert '<a href="#prices">' in html
    assert "<script>alert" not in html
    assert ("1.714.286 EUR" if language == "es" else "1,714,286 EUR") in html
    assert "never shown" not in html
