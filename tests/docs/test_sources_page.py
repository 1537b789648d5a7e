"""The page of contact logs tells every source, field, reason and column of legs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import reference

from cxfusion.tables.canonical import LEG_COLUMNS
from cxfusion.tables.sources import SOURCES
from cxfusion.tables.sources.contact_logs import CONTACT_LOGS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sources.md"


EXPORTS = [source for source in SOURCES if source.export]


def test_every_source_has_a_page():
    assert {source.name for source in SOURCES} == {source.name for source in (*EXPORTS, *CONTACT_LOGS)} | {"generic"}


@pytest.mark.parametrize("source", EXPORTS, ids=lambda source: source.name)
def test_every_export_is_told_in_full(source):
    page = reference.on_page_markdown(PAGE.with_name("exports.md").read_text())
    section = re.search(rf"^## {source.name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert len(rows) == len(source.fields)
    for field, row in zip(source.fields, rows, strict=True):
        assert row.startswith(f"| `{field.source}` | {f'`{field.canonical}`' if field.canonical else ''}")
        assert field.meaning in row
    assert all(doubt in section for doubt in (source.description, *source.unconfirmed))


def test_every_column_of_legs_has_its_kind_and_meaning():
    section = re.search(r"^## Legs\n(.*?)^## ", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")]
    told = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {column.name: column.kind for column in LEG_COLUMNS}


@pytest.mark.parametrize("source", CONTACT_LOGS, ids=lambda source: source.name)
def test_every_contact_log_is_told_in_full(source):
    page = reference.on_page_markdown(PAGE.read_text())
    section = re.search(rf"^## {source.name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]
    export = source.legs
    assert set(export.columns) <= {column.name for column in LEG_COLUMNS}
    for text in (*export.reasons, *(f"`{column}` | {words}" for column, words in export.words.items())):
        assert text in section
    for sentence in (source.description, export.rule, *export.reasons.values(), *source.unconfirmed):
        assert sentence in section
    assert not {"contact_id", "is_handled"} - set(export.columns)  # no contact without either
