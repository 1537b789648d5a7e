"""The pictures: what is drawn where, in words a person reads, escaped, and the same on every run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import altair as alt
import pandas as pd
import pytest

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.charts import MAX_GROUPS, control, kpis_by_group, ladder, scores_by_group
from cxfusion.results.drawing import as_svg
from cxfusion.results.reach import ARROWS
from cxfusion.results.themes import in_dark

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def rows(chart) -> list[dict]:
    """Every data row of a chart."""
    return [row for data in chart.to_dict()["datasets"].values() for row in data]


def test_the_ladder_draws_every_estimated_rung_of_every_lever_in_the_order_given(content):
    drawn = [row for row in rows(ladder(content.rungs, content.levers)) if "rung_name" in row]
    assert len(drawn) == 12  # three levers, four rungs
    assert list(dict.fromkeys(row["name"].splitlines()[0] for row in drawn)) == [
        "Waiting time", "Transfers", "Time on hold",
    ]  # fmt: skip
    within = next(row for row in drawn if row["rung_name"] == "Same agent, hour and day")
    assert within["estimate"] == 0.082
    assert within["conf_low"] == pytest.approx(0.082 - 1.96 * 0.014)


@pytest.mark.parametrize("width", [848, 350])
def test_the_ladder_says_lever_step_comparison_and_unit_and_fits_its_width(content, width):
    svg = as_svg(ladder(content.rungs, content.levers, width=width))
    said = " ".join(texts(svg))
    for words in ("Waiting time", "30 seconds less", "Alone", "Same kind of case", "score points"):
        assert words in said
    assert float(ET.fromstring(svg).get("width")) <= width + 1


def test_the_ladder_says_the_verdict_of_each_lever_and_shows_designs(content):
    design = content.rungs.iloc[[0]].assign(rung="congestion", estimate=0.09)
    chart_rungs = pd.concat([content.rungs, design])
    chart = ladder(chart_rungs, content.levers)
    said = " ".join(texts(as_svg(chart)))
    for words in ("Moves the score", "Contested", "Only a mark of something else", "Busy against quiet minutes"):
        assert words in said
    assert [row["estimate"] for row in rows(chart) if row.get("rung_name") == "Busy against quiet minutes"] == [0.09]
    for width in (848, 720, 350):
        assert float(ET.fromstring(as_svg(ladder(chart_rungs, content.levers, width=width))).get("width")) <= width + 1
    assert "Busy against quiet minutes" not in " ".join(texts(as_svg(ladder(content.rungs, content.levers))))


def test_the_control_shows_both_estimates_and_how_reliable_the_witness_is(content):
    levers = content.levers.assign(control="failed", reliability=0.412)
    chart = control(content.rungs, levers)
    drawn = [row for row in rows(chart) if "rung_name" in row]
    assert {row["rung_name"] for row in drawn} == {"Same agent, hour and day", "Corrected for hard cases"}
    assert len(drawn) == 6  # the untestable lever has none
    said = " ".join(texts(as_svg(chart)))
    assert "41.2 % of after-call work is hidden difficulty" in said
    assert "Control failed" in said
    with pytest.raises(NothingToEstimateError, match="no lever could be corrected"):
        control(content.rungs, content.levers)


def test_a_placebo_has_no_place_on_the_ladder(content):
    placebo = content.rungs.iloc[[0]].assign(lever="wrap_seconds")
    chart = ladder(pd.concat([content.rungs, placebo]), content.levers)
    assert not any("After-call" in str(row.get("name")) for row in rows(chart))


def test_without_any_estimate_there_is_nothing_to_draw(content):
    with pytest.raises(NothingToEstimateError, match="no lever has an estimate"):
        ladder(content.rungs.assign(estimate=float("nan")), content.levers)
    with pytest.raises(NothingToEstimateError, match="csat_mean by group"):
        scores_by_group(content.perception[content.perception["grouping"] == "all"], "csat_mean")
    with pytest.raises(NothingToEstimateError, match="volume by group"):
        kpis_by_group(content.operations[content.operations["grouping"] == "all"])


def test_scores_are_drawn_best_first_and_suppressed_groups_are_not(content):
    drawn = [row for row in rows(scores_by_group(content.perception, "csat_mean")) if "name" in row]
    assert [row["estimate"] for row in drawn] == sorted((row["estimate"] for row in drawn), reverse=True)
    assert "Nano" not in {row["name"] for row in drawn}
    assert len(drawn) == 5


def test_only_the_largest_groups_are_drawn():
    many = pd.DataFrame({
        "grouping": "agent_id", "group": [f"agent {i:02d}" for i in range(40)], "metric": "nps", "estimate": 10.0,
        "conf_low": 5.0, "conf_high": 15.0, "unit": "NPS points", "n": range(100, 140),
    })  # fmt: skip
    drawn = [row for row in rows(scores_by_group(many, "nps")) if "name" in row]
    assert {row["name"] for row in drawn} == {f"agent {i}" for i in range(40 - MAX_GROUPS, 40)}


def test_kpis_show_their_figures_in_their_units(content):
    said = texts(as_svg(kpis_by_group(content.operations)))
    assert {"Contacts", "Average handle time", "Abandoned", "80,000", "6 min 32 s", "4.1 %"} <= set(said)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [848, 350])
def test_a_hostile_name_is_text_in_the_picture_cut_short(content, theme, width):
    svg = as_svg(scores_by_group(content.perception, "csat_mean", width=width), theme)
    tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()}
    assert tags <= {"svg", "g", "path", "text", "line", "rect", "tspan", "defs", "clipPath"}
    hostile = [text for text in texts(svg) if "script" in text]
    assert hostile
    assert all(text.startswith("<script>") and text.endswith("…") and len(text) < 40 for text in hostile)


def test_a_control_character_in_a_name_leaves_the_picture_readable(content):
    broken = content.perception.assign(group=content.perception["group"].str.replace("Billing", "Bill\x00\x1bing"))
    assert "Bill��ing" in texts(as_svg(scores_by_group(broken, "csat_mean")))


def test_the_same_chart_is_the_same_picture_and_themes_differ_in_colour_alone(content):
    light, again, dark = (as_svg(ladder(content.rungs, content.levers), theme) for theme in ("light", "light", "dark"))
    assert light == again
    assert light != dark
    assert texts(light) == texts(dark)


def test_nps_is_labelled_in_its_own_points(content):
    nps = replace(content, levers=content.levers.assign(outcome="nps", outcome_unit="NPS points"))
    assert "Change in recommendation (NPS), NPS points" in texts(as_svg(ladder(nps.rungs, nps.levers)))


def test_a_light_picture_in_dark_colours_is_the_dark_picture(content):
    charts = [
        ladder(content.rungs, content.levers),
        scores_by_group(content.perception, "csat_mean"),
        kpis_by_group(content.operations),
        alt.Chart(content.levers).mark_line(clip=True).encode(x="lever:N", y="estimate:Q"),
    ]
    for chart in charts:
        assert in_dark(as_svg(chart, "light")) == as_svg(chart, "dark")
    assert in_dark('<rect fill="rgb(200, 210, 220)"/>') is None  # a shade between two colours of the theme


def test_an_interval_that_would_press_the_ladder_into_a_few_pixels_is_cut_off_with_an_arrow(content):
    first = content.rungs.iloc[[0]]
    wide = first.assign(rung="between", estimate=0.1, conf_low=-3.0, conf_high=0.12)
    far = first.assign(rung="congestion", estimate=2.0, conf_low=1.5, conf_high=2.5)
    chart = ladder(pd.concat([content.rungs, wide, far]), content.levers)
    drawn = {row["rung_name"]: row for row in rows(chart) if "rung_name" in row and row["name"].startswith("Waiting")}
    usual = [row for row in rows(ladder(content.rungs, content.levers)) if "rung_name" in row]
    low, high = min(0, *(row["conf_low"] for row in usual)), max(row["conf_high"] for row in usual)
    between, busy = drawn["Agents compared with agents"], drawn["Busy against quiet minutes"]
    assert between["conf_low"] == pytest.approx(low - (high - low) / 2)
    assert (between["estimate"], between["conf_high"]) == (0.1, 0.12)
    assert (between["beyond_low"], between["beyond_high"]) == (True, False)
    assert busy["estimate"] is None
    assert busy["conf_low"] == busy["conf_high"] == pytest.approx(high + (high - low) / 2)
    arrows = [layer["mark"]["shape"] for layer in chart.to_dict()["layer"] if layer["mark"].get("strokeWidth") == 2.5]
    assert arrows == list(ARROWS.values())
    assert len(chart.to_dict()["layer"]) == len(ladder(content.rungs, content.levers).to_dict()["layer"]) + 2
    narrow = as_svg(ladder(pd.concat([content.rungs, wide, far]), content.levers, width=350))
    assert float(ET.fromstring(narrow).get("width")) <= 351
