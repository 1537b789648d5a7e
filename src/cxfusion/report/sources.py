"""What is already known, as a table of words: every source, its time, and what may be concluded from it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cxfusion.report.tables import Cell, Table, records
from cxfusion.results.display import display_name
from cxfusion.results.formats import count, day, percent
from cxfusion.results.language import said, say

__all__ = ["sources_table"]


def sources_table(sources: pd.DataFrame) -> Table:
    """One row per source of data."""
    return Table(
        caption=say("What is already known, and what is not"),
        heads=(say("Source"), say("Rows"), say("What it tells"), say("What it does not tell")),
        rows=tuple(
            (
                Cell(display_name(said(row["source"]), limit=60), _when(row)),
                Cell(count(row["n"]), _linked(row)),
                Cell(_sentence(row["can"])),
                Cell(" ".join(f"{_sentence(part)}." for part in row["cannot"].split("; "))),
            )
            for row in records(sources)
        ),
    )


def _when(row: dict[str, Any]) -> str:
    if row["first_day"] is None:
        return ""
    return say("{first} to {last}", first=day(row["first_day"].isoformat()), last=day(row["last_day"].isoformat()))


def _linked(row: dict[str, Any]) -> str:
    if pd.isna(row["linked_share"]) or row["kind"] != "survey":
        return ""
    return say("{share} tied to a contact", share=percent(row["linked_share"]))


def _sentence(text: str) -> str:
    told = said(text)
    return type(told)(told[:1].upper() + told[1:])
