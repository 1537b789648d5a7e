"""The notebook's table: well-formed, escaped, with headings; read back with the standard library's parser."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd

from cxfusion.results.html import frame_as_html

HOSTILE = "<script>alert('x')</script>\"&"


def test_what_comes_from_the_data_is_text_and_nothing_else():
    frame = pd.DataFrame({HOSTILE: [HOSTILE, "plain"], "n": [1200, 3]})
    table = ET.fromstring(frame_as_html(frame, caption=HOSTILE))
    assert {element.tag for element in table.iter()} == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert table.findtext("caption") == HOSTILE
    assert table.find("thead/tr/th").text == HOSTILE
    assert table.find("tbody/tr/th").text == HOSTILE


def test_headings_carry_their_scope():
    table = ET.fromstring(frame_as_html(pd.DataFrame({"queue": ["a"], "n": [1]}), "Volume"))
    assert [th.get("scope") for th in table.findall("thead/tr/th")] == ["col", "col"]
    assert [th.get("scope") for th in table.findall("tbody/tr/th")] == ["row"]


def test_values_read_as_people_write_them():
    row = {
        "name": "a",
        "n": 17182,
        "estimate": -0.08123,
        "none": np.nan,
        "flag": True,
        "when": pd.Timestamp("2024-05-01"),
    }
    table = ET.fromstring(frame_as_html(pd.DataFrame([row]), "One row"))
    assert [td.text for td in table.findall("tbody/tr/td")] == ["17,182", "−0.081", "–", "yes", "2024-05-01 00:00:00"]


def test_a_long_frame_says_how_much_was_left_out():
    table = ET.fromstring(frame_as_html(pd.DataFrame({"n": range(1500)}), "Long"))
    rows = table.findall("tbody/tr")
    assert len(rows) == 61
    assert rows[-1].findtext("td") == "… and 1,440 more rows"
    table = ET.fromstring(frame_as_html(pd.DataFrame({"n": range(61)}), "Long"))
    assert table.findall("tbody/tr")[-1].findtext("td") == "… and 1 more row"


def test_an_empty_frame_is_a_table_of_headings():
    table = ET.fromstring(frame_as_html(pd.DataFrame({"queue": [], "n": []}), "Nothing"))
    assert table.findall("tbody/tr") == []
    assert len(table.findall("thead/tr/th")) == 2
