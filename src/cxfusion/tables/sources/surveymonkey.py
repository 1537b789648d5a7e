"""SurveyMonkey: two lines of headings, the question and the choice; a question without text repeats the one before it.

Condensed exports have one column per question, expanded ones a column per choice.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.engine.csv_header import unique_names
from cxfusion.tables.sources.export import (
    Export,
    Field,
    bare_numbers,
    columns_of,
    key_by_default,
    require_fields,
    score_columns,
    texts,
    with_column,
    without_headings,
)
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["SURVEYMONKEY"]

FIELDS: Final = (
    Field("Respondent ID", "the response", "response_id"),
    Field("End Date", "when the respondent left the survey, on the account's clock", "answered_at"),
    Field("Start Date", "when the respondent began"),
    Field("Custom Data 1", "a value given with the invitation: contact_id where the map names no key"),
)
ONLY_ANSWER: Final = ("", "Response", "Open-Ended Response")
"""Choices that say nothing beyond their question."""


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet)
    require_fields(table, "SurveyMonkey", "Respondent ID")
    if _has_choices(table):
        table = _by_question(table)
    table, notes = bare_numbers(table, score_columns(given, table))
    key, told = key_by_default(given, table, "Custom Data 1")
    return Export(table, columns_of(FIELDS, table.column_names) | key, notes=(*notes, *told))


def _has_choices(table: pa.Table) -> bool:
    """Whether the first line below the headings names choices: it belongs to no respondent."""
    return table.num_rows > 0 and not texts(table, "Respondent ID")[0]


def _by_question(table: pa.Table) -> pa.Table:
    """Columns named by question and choice, in plain text, and one for each question asked choice by choice."""
    questions, choices = _headings(table)
    names = [
        question if choice in ONLY_ANSWER else f"{question} - {choice}"
        for question, choice in zip(questions, choices, strict=True)
    ]
    names = list(unique_names([SOURCE_FILE, SOURCE_ROW, *names])[2:])
    rows = without_headings(table, 1).rename_columns([*names, SOURCE_FILE, SOURCE_ROW])
    choosable: dict[str, list[str]] = {}
    for name, question, choice in zip(names, questions, choices, strict=True):
        if choice not in ONLY_ANSWER and not choice.startswith("Other"):
            choosable.setdefault(question, []).append(name)
    for question, columns in choosable.items():
        rows = _with_single_answer(rows, question, columns)
    return rows


def _headings(table: pa.Table) -> tuple[list[str], list[str]]:
    """Question and choice of each column."""
    questions: list[str] = []
    choices: list[str] = []
    for place, name in enumerate(table.column_names[:-2], start=1):
        questions.append(questions[-1] if name == f"column_{place}" and questions else _plain(name))
        choices.append(_plain(texts(table, name)[0] or ""))
    return questions, choices


def _plain(heading: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", heading)).split())


def _with_single_answer(table: pa.Table, question: str, columns: list[str]) -> pa.Table:
    """The table with a question's answers in one column, if nobody chose more than one."""
    chosen = [[cell for cell in row if cell] for row in zip(*(texts(table, name) for name in columns), strict=True)]
    if len(columns) < 2 or question in table.column_names or any(len(cells) > 1 for cells in chosen):
        return table
    return with_column(table, question, [next(iter(cells), None) for cells in chosen])


SURVEYMONKEY: Final = Source(
    "surveymonkey",
    ("surveys",),
    "Responses exported from SurveyMonkey, condensed or expanded; the map names the scores by their question.",
    fields=FIELDS,
    unconfirmed=(
        "the clock of Start Date and End Date: the account's; give it as timezone",
        "how dates are written: by the account's locale; where the data do not settle it, datetime_format has to",
    ),
    export=_export,
)
