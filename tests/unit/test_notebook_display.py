"""What a notebook shows of a result: people's words, figures in their units, pictures that need no network."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET

import altair as alt
import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.results.html import frame_as_html
from cxfusion.results.labels import lever_label
from cxfusion.results.readable import FIGURES, by_metric, readable

EFFECT = {
    "outcome": "csat",
    "lever": "wait_seconds",
    "outcome_unit": "CSAT points",
    "unit": "seconds",
    "step": -30.0,
    "estimate": 0.0982,
    "std_error": 0.02,
    "conf_low": 0.0361,
    "conf_high": 0.1702,
    "verdict": "moves",
    "rank": 1,
    "n": 2222,
}


def test_an_effect_reads_as_a_sentence_would_say_it():
    shown = readable(pd.DataFrame([EFFECT]), ("lever", "step", "estimate", "verdict", "n"))
    assert shown.to_dict("records") == [
        {
            "Lever": "Waiting time",
            "Step": "30 seconds less waiting",
            "Change (CSAT points)": "+0.10",
            "95 % interval": "+0.04 to +0.17",
            "Verdict": "Moves the score",
            "n": 2222,
        }
    ]
    assert shown.attrs[FIGURES] == ("Change (CSAT points)", "95 % interval")


def test_the_effect_that_is_read_first_is_the_corrected_one_where_there_is_one():
    shown = readable(pd.DataFrame([EFFECT | {"corrected_estimate": 0.071}, EFFECT]), ("lever", "estimate"))
    assert list(shown["Change (CSAT points)"]) == ["+0.07", "+0.10"]


def test_figures_carry_their_unit_and_columns_that_say_nothing_are_left_out():
    rows = [
        {"metric": "aht_seconds", "estimate": 312.0, "unit": "seconds", "n": 9, "status": "ok", "reason": None},
        {"metric": "abandonment_rate", "estimate": 0.041, "unit": "share", "n": 9, "status": "ok", "reason": None},
        {"metric": "occupancy", "estimate": np.nan, "unit": "share", "n": 0, "status": "not_applicable", "reason": "x"},
    ]
    fine = readable(pd.DataFrame(rows[:2]))
    assert list(fine.columns) == ["Metric", "Estimate", "n"]
    assert list(fine["Estimate"]) == ["5 min 12 s", "4.1 %"]
    assert list(readable(pd.DataFrame(rows))["Estimate"])[2] == "–"
    assert {"Status", "Reason"} <= set(readable(pd.DataFrame(rows)).columns)


def test_a_score_at_a_level_of_a_lever_does_not_take_the_unit_of_the_lever():
    row = {"lever": "wait_seconds", "unit": "seconds", "level": 65.0, "estimate": 3.71, "conf_low": 3.5, "conf_high": 4}
    shown = readable(pd.DataFrame([row])).to_dict("records")
    assert shown == [
        {"Lever": "Waiting time", "Level": "1 min 05 s", "Estimate": "3.71", "95 % interval": "3.50 to 4.00"}
    ]


def test_days_are_days_and_hours_have_no_seconds():
    days = pd.DataFrame({"interval_start": pd.to_datetime(["2026-01-05", None, "2026-01-06"])})
    assert list(readable(days)["Interval"].dropna()) == ["2026-01-05", "2026-01-06"]
    assert readable(days + pd.Timedelta(hours=9))["Interval"][0] == "2026-01-05 09:00"


def test_two_columns_of_one_label_both_stay():
    shown = readable(pd.DataFrame({"wait_time": [1], "wait_seconds": [2], "a": [3]}))
    assert shown.shape == (1, 3)


def test_an_empty_frame_keeps_its_headings():
    assert list(readable(pd.DataFrame({"lever": [], "n": []})).columns) == ["Lever", "n"]


def test_groups_stand_side_by_side_by_metric():
    rows = [
        {"queue": queue, "metric": metric, "estimate": value, "unit": unit}
        for queue, figures in {"a": (10, 60.0), "b": (20, np.nan)}.items()
        for metric, value, unit in zip(("volume", "asa_seconds"), figures, ("contacts", "seconds"), strict=True)
    ]
    shown = by_metric(pd.DataFrame(rows), ["queue"], ["asa_seconds", "volume", "fcr"])
    assert shown.to_dict("list") == {
        "Queue": ["a", "b"],
        "Average speed of answer": ["1 min 00 s", "–"],
        "Contacts": ["10", "20"],
    }


def test_figures_in_words_are_aligned_like_numbers():
    table = ET.fromstring(frame_as_html(readable(pd.DataFrame([EFFECT]), ("lever", "estimate")), "Effects"))
    cells = {cell.text: cell.get("style") for cell in table.findall("tbody/tr/*")}
    assert "text-align:right" in cells["+0.10"]
    assert "text-align:left" in cells["Waiting time"]


@pytest.fixture(scope="module")
def diagnosis(centre):
    return cx.diagnose(centre.contacts, by="queue")


def test_a_diagnosis_shows_a_row_for_each_group(diagnosis):
    table = ET.fromstring(diagnosis._repr_html_())
    heads = [head.text for head in table.findall("thead/tr/th")]
    assert heads[:4] == ["Queue", "Contacts", "Handled contacts", "Average handle time"]
    assert len(table.findall("tbody/tr")) == len(set(diagnosis.groups["queue"]))


def test_a_chart_brings_its_picture_along_and_no_script_from_elsewhere(diagnosis):
    chart = diagnosis.plot()
    shown = chart._repr_mimebundle_(include=None, exclude=None)
    picture = ET.fromstring(shown["image/svg+xml"])
    assert picture.tag.endswith("svg")
    assert set(shown) == {"image/svg+xml", "text/plain"}
    assert "http" not in shown["image/svg+xml"].replace("http://www.w3.org/", "")
    assert "mimebundle" not in str(chart.to_dict())


def test_a_chart_that_is_changed_or_copied_is_an_altair_chart_like_any_other(diagnosis):
    chart = diagnosis.plot()
    assert isinstance(chart, alt.ConcatChart)
    assert chart.properties(title="Mine").to_dict()["title"] == "Mine"
    assert copy.deepcopy(chart).to_dict() == chart.to_dict()


def test_relations_tell_their_columns_and_no_rows(centre):
    table = ET.fromstring(centre.contacts._repr_html_())
    assert table.findtext("caption") == "Contacts: 30,000 rows"
    names = [head.text for head in table.findall("tbody/tr/th")]
    assert names == list(centre.contacts.columns)
    assert "c000000000" not in centre.contacts._repr_html_()


def test_a_lever_is_called_what_its_owner_calls_it_everywhere(pairing):
    menu = cx.Lever("ivr_seconds", moment="before", step=-30, label="Time in our menu")
    evidence = cx.fit_levers(pairing, "csat", levers=[menu])
    own = "30 seconds less time in our menu"
    assert own in evidence.table["because"][0]
    assert f"Time in our menu: {own}" in evidence.summary()
    assert evidence.summary().startswith("1 lever of csat from ")
    assert cx.decide(evidence).summary().startswith("Decisions about 1 lever, ")
    assert "Time in our menu" in evidence._repr_html_()
    assert "Time in our menu" in str(evidence.plot().to_dict())
    assert "Time in our menu" in repr(cx.dose_response(pairing, "ivr_seconds", levers=[menu]))
    assert lever_label("ivr_seconds") == "Time in the voice menu"  # nobody else is told
