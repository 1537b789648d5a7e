"""Tables beside the ladder: what took a raw effect away, and what a driver chart would have said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.report.tables import Cell, Table, records
from cxfusion.results.formats import DASH, change, interval, percent
from cxfusion.results.labels import block_label, lever_label, verdict_label
from cxfusion.results.language import say

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["associations_table", "breakdown_table"]

_MISLED: Final = {
    "false_alarm": "would have misled: it names a lever that only marks something else, or does too little",
    "missed": "would have misled: it passes over a lever that moves the score",
}


def breakdown_table(decomposition: pd.DataFrame, levers: pd.DataFrame) -> Table | None:
    """What each block took from the raw effect, one row per lever; None where nothing could be told apart."""
    told = decomposition[decomposition["lever"].isin(levers["lever"]) & decomposition["estimate"].notna()]
    if told.empty:
        return None
    unit = str(levers["outcome_unit"].iloc[0])
    blocks = list(dict.fromkeys(told["block"]))
    rows = []
    for lever in dict.fromkeys(told["lever"]):
        parts = told[told["lever"] == lever].set_index("block")["estimate"].to_dict()
        cells = [Cell(change(parts[block], unit) if block in parts else DASH) for block in blocks]
        rows.append((Cell(lever_label(lever)), Cell(change(sum(parts.values()), unit)), *cells))
    return Table(
        caption=say("What took the raw effect away"),
        heads=(say("Lever"), say("Alone, less within"), *(block_label(block) for block in blocks)),
        rows=tuple(rows),
        notes=(say("Parts of one lever sum to the second column. Parts below zero hid some of the effect."),),
    )


def associations_table(associations: pd.DataFrame, levers: pd.DataFrame) -> Table | None:
    """What correlation and importance charts would have said of each lever; None where they say nothing."""
    told = associations[associations["estimate"].notna()]
    if told.empty:
        return None
    verdicts = dict(zip(levers["lever"], levers["verdict"], strict=True))
    rows = []
    for lever in dict.fromkeys(told["lever"]):
        own = {row["measure"]: row for row in records(told[told["lever"] == lever])}
        shown = [_measure(own.get(measure), measure) for measure in ("correlation", "shapley", "johnson")]
        verdict = Cell(verdict_label(verdicts[lever]), _mark(own.values()))
        rows.append((Cell(lever_label(lever)), *shown, verdict))
    return Table(
        caption=say("What a driver chart would have said"),
        heads=tuple(map(say, ("Lever", "Correlation", "Share by Shapley", "Share by Johnson", "The evidence"))),
        rows=tuple(rows),
        notes=(
            say(
                "Association, not effect: nothing is held equal here. A correlation names a lever where its interval"
                " excludes none, a share where it is more than an equal part of what all levers explain together."
                " Shapley and Johnson are two ways of dealing out among the levers what they explain together."
            ),
        ),
    )


def _measure(row: dict[str, Any] | None, measure: str) -> Cell:
    if row is None:
        return Cell(DASH)
    if measure == "correlation":
        ends = interval(row["conf_low"], row["conf_high"], None, signed=True)
        return Cell(change(row["estimate"], None), "" if ends == DASH else ends)
    ends = interval(row["conf_low"], row["conf_high"], "share") if pd.notna(row["conf_low"]) else ""
    return Cell(percent(row["estimate"]), ends)


def _mark(rows: Iterable[dict[str, Any]]) -> str:
    marks = dict.fromkeys(row["misled"] for row in rows if isinstance(row["misled"], str))
    return "; ".join(say(_MISLED[mark]) for mark in marks)
