"""What customers came back about: which contacts breed further ones, as a table of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.report.tables import Cell, Table, records
from cxfusion.results.display import display_name
from cxfusion.results.formats import count, number, percent
from cxfusion.results.labels import column_label
from cxfusion.results.language import say

if TYPE_CHECKING:
    from cxfusion.operations.follow import FollowUps

__all__ = ["follow_ups_table"]

MOST: Final = 12
SECONDS_A_DAY: Final = 86_400


def follow_ups_table(followed: FollowUps) -> Table | None:
    """The pairs that stand for most contacts beyond what chance brings; None where there are none."""
    pairs = followed.beyond_chance.head(MOST)
    if pairs.empty or followed.fcr is None:
        return None
    about = column_label(followed.by)
    told = say(
        "{share} of the contacts that could be followed for {days} days were not followed by another from the same"
        " customer.",
        share=percent(followed.fcr),
        days=f"{followed.plan.repeat_days:g}",
    )
    return Table(
        caption=say("What customers came back about"),
        heads=(
            about,
            say("The next contact"),
            say("After how many"),
            say("Beside any contact"),
            say("Half of them within"),
        ),
        rows=tuple(_row(row, followed.by) for row in records(pairs)),
        notes=(
            told,
            say(
                "Those with the most contacts beyond what comes after any contact stand first; “beside any contact” is"
                " how many times as often."
            ),
        ),
    )


def _row(row: dict[str, Any], by: str) -> tuple[Cell, ...]:
    days = row["lag_median_seconds"] / SECONDS_A_DAY
    return (
        Cell(_named(row[by])),
        Cell(_named(row[f"next_{by}"])),
        Cell(
            percent(row["rate"]), say("{n} of {all}", n=count(row["n_followed"]), all=count(row["n"])), bar=row["rate"]
        ),
        Cell(say("{n} times", n=number(row["lift"], 1))),
        Cell(say("{n} days", n=number(days, 1))),
    )


def _named(value: Any) -> str:
    return say("not said") if pd.isna(value) else display_name(value, limit=60)
