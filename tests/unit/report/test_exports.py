"""What is taken along: pictures for slides, and a workbook in which no text is a formula and no person is named."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from openpyxl import load_workbook

from cxfusion.errors import UnknownNameError
from cxfusion.report.pictures import write_pictures
from cxfusion.report.workbook import write_workbook
from invented_study import HOSTILE, invented_content

FORMULAS = ("=1+1", "+49 30 123", "-2+3", "@SUM(A1)", "\t=1+1", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0")
PNG = b"\x89PNG\r\n\x1a\n"


def test_every_picture_is_written_in_every_format(tmp_path):
    written = write_pictures(invented_content(), tmp_path / "slides")
    assert [path.name for path in written] == [
        f"{name}.{form}" for name in ("ladder", "scores", "operations") for form in ("svg", "png")
    ]
    for path in written:
        content = path.read_bytes()
        if path.suffix == ".png":
            assert content.startswith(PNG)
            assert int.from_bytes(content[16:20], "big") >= 1600
        else:
            assert ET.fromstring(content).tag.endswith("svg")


def test_pictures_speak_the_language_and_formats_are_checked(tmp_path):
    (ladder, *_) = write_pictures(replace(invented_content(), language="es"), tmp_path, formats=["svg"])
    text = ladder.read_text(encoding="utf-8")
    assert "Mismo tipo de caso" in text
    assert "+0,05" in text
    with pytest.raises(UnknownNameError, match="pdf"):
        write_pictures(invented_content(), tmp_path, formats=["pdf"])


def test_no_text_of_a_workbook_is_a_formula(tmp_path):
    frame = pd.DataFrame({"group": [*FORMULAS, HOSTILE, "plain"], "=A1": 1.5})
    path = write_workbook(tmp_path / "tables.xlsx", {"Scores": frame})
    sheet = load_workbook(path)["Scores"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    texts = [sheet.cell(row, 1) for row in range(2, 2 + len(FORMULAS))]
    assert all(cell.quotePrefix for cell in texts)
    assert not sheet.cell(len(FORMULAS) + 3, 1).quotePrefix
    assert [cell.value for cell in texts] == [text.replace("\t", "�").strip() for text in FORMULAS]
    with zipfile.ZipFile(path) as parts:
        assert not any("<f>" in parts.read(name).decode() for name in parts.namelist() if "sheet" in name)


def test_numbers_stay_numbers_and_what_is_missing_is_empty(tmp_path):
    frame = pd.DataFrame({"n": [1, 2], "estimate": [0.25, None], "flag": [True, False], "why": ["a\x00b", None]})
    sheet = load_workbook(write_workbook(tmp_path / "t.xlsx", {"Scores": frame}))["Scores"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["n", "estimate", "flag", "why"], [1, 0.25, True, "a�b"], [2, None, False, None],
    ]  # fmt: skip


def test_the_same_tables_give_the_same_bytes(tmp_path):
    frame = pd.DataFrame({"a": [1]})
    one, other = (write_workbook(tmp_path / name, {"Scores": frame}) for name in ("a.xlsx", "b.xlsx"))
    assert one.read_bytes() == other.read_bytes()


def test_a_workbook_of_nothing_can_still_be_opened(tmp_path):
    assert load_workbook(write_workbook(tmp_path / "t.xlsx", {"Scores": pd.DataFrame({"a": []})})).sheetnames


def test_a_study_is_taken_along(study, tmp_path):
    sheets = load_workbook(study.to_excel(tmp_path / "tables.xlsx")).sheetnames
    expected = ["Levers", "Comparisons", "What if", "Decisions", "Scores", "Operations", "Sources", "Pairing", "Checks"]
    assert sheets == expected
    spanish = load_workbook(study.to_excel(tmp_path / "tablas.xlsx", language="es"))
    assert spanish.sheetnames[:2] == ["Palancas", "Comparaciones"]
    steps = pd.read_excel(tmp_path / "tables.xlsx", sheet_name="What if")
    assert set(steps["lever"]) == {"wait_seconds", "hold_seconds", "talk_seconds", "n_transfers", "together"}
    levers = pd.read_excel(tmp_path / "tables.xlsx", sheet_name="Levers")
    assert levers["estimate"].tolist() == pytest.approx(study.evidence.levers["estimate"].astype(float).tolist())
    names = {path.name for path in study.charts(tmp_path / "slides", formats=["svg"])}
    of_levers = {f"detail-{place}-{kind}.svg" for place, kind in enumerate(["doseresponse", "segmenteffects"] * 2, 1)}
    assert names == {"ladder.svg", "control.svg", "scores.svg", "operations.svg"} | of_levers


def test_no_person_is_in_the_workbook(study, tmp_path):
    text = json.dumps(
        [[cell.value for row in sheet.iter_rows() for cell in row] for sheet in load_workbook(
            study.to_excel(tmp_path / "tables.xlsx"))], default=str)  # fmt: skip
    for kind in ("customer", "agent", "contact"):
        assert f'"{kind}_id"' not in text
    assert "examples" not in text
