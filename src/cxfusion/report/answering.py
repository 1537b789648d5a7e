"""Who answered and who did not: the groups that the answers hear too much or too little, and what weighting leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.report.tables import Cell, Table, records
from cxfusion.results.display import display_name
from cxfusion.results.formats import difference, percent
from cxfusion.results.labels import column_label
from cxfusion.results.language import say

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["answering_table"]

_SHOWN: Final = 10
_LEAST: Final = 5
"""Answers of a group that may be shown."""


def answering_table(balance: pd.DataFrame) -> Table | None:
    """The groups farthest from their share of all contacts, the farthest first; None where there is none to show.

    Parameters
    ----------
    balance : pandas.DataFrame
        ``column, level, n, share_of_contacts, share_of_answers, share_weighted, difference_before``.
    """
    told = balance[(balance["column"] != "hour_of_week") & (balance["n"] >= _LEAST)]
    farthest = told.assign(size=-told["difference_before"].abs()).sort_values("size", kind="stable").head(_SHOWN)
    if farthest.empty:
        return None
    n_levels = balance[balance["level"].astype(str).str.isdigit()].groupby("column").size().to_dict()
    return Table(
        caption=say("Groups farthest from their share of all contacts"),
        heads=tuple(
            map(say, ("Group", "Share of the contacts", "Share of the answers", "Too many or too few", "Left"))
        ),
        rows=tuple(_row(row, n_levels.get(row["column"], 0)) for row in records(farthest)),
    )


def _row(row: dict[str, Any], n_levels: int) -> tuple[Cell, ...]:
    contacts = row["share_of_contacts"]
    return (
        Cell(_level(row["column"], row["level"], n_levels), column_label(row["column"])),
        Cell(percent(contacts)),
        Cell(percent(row["share_of_answers"])),
        Cell(difference(row["share_of_answers"] - contacts, "share")),
        Cell(difference(row["share_weighted"] - contacts, "share")),
    )


def _level(column: str, level: str, n_levels: int) -> str:
    """A group's name; durations and counts are cut into parts of about as many contacts."""
    if column.endswith("_seconds") or column.startswith(("n_", "prior_")):
        place = str(level)
        if place.isdigit() and n_levels > 1:
            ends = {0: say("least"), n_levels - 1: say("most")}
            return ends.get(int(place)) or say(
                "part {place} of {n}, from least to most", place=int(place) + 1, n=n_levels
            )
    return display_name(level)
