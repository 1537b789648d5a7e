"""What to do on Monday, as tables: what a point costs, where little brings much, how to settle what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.report.tables import Cell, Table, records
from cxfusion.results.display import LONGEST_TOLD, display_name
from cxfusion.results.formats import DASH, change, count, interval, number, percent
from cxfusion.results.labels import column_label, lever_label, reason_label, step_in_words, unit_label, verdict_label
from cxfusion.results.language import said, say
from cxfusion.results.readable import best_estimates, mean_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.decisions.decide import Decisions

__all__ = ["decision_blocks"]

_GROUPS: Final = {"ours": "In our hands", "customers": "The customer’s part, which we can influence", "given": "Given"}
_DESIGNS: Final = {
    "clusters": "Whole agents change their ways, or do not",
    "contacts": "Chance decides contact by contact",
}
_BLOCKS: Final = {
    "prices": (
        "What a point costs",
        "What one step of a lever takes in a year, and what a point of the score then costs. Agents are counted by"
        " queueing theory (Erlang): how many it takes to shorten waits, or how many a shorter contact sets free.",
    ),
    "hotspots": (
        "Where little brings much",
        "What the whole would gain if one group came as far as the better fourth of its like already is.",
    ),
    "pilots": (
        "How to settle what is open",
        "How large a trial must be so that chance does not hide the effect: {share} or more of trials of this size"
        " would find it, if it is as large as it looks.",
    ),
}
_MOST: Final = 10


def decision_blocks(decisions: Decisions | None, levers: pd.DataFrame) -> list[dict[str, Any]]:
    """The sections of the page that say what to do, beside its table of levers; those with nothing to say are left out.

    Parameters
    ----------
    decisions : Decisions or None
    levers : pandas.DataFrame
        Columns of ``results.schemas.LEVERS``: what the reader has seen of each lever.
    """
    if decisions is None:
        return []
    tables = {
        "prices": _prices(decisions.prices, levers),
        "hotspots": _hotspots(decisions.hotspots),
        "pilots": _pilots(decisions.pilots),
    }
    along = say(
        "The table of levers tells what a small change brings, scaled up to the step. Here the whole step is taken"
        " along the lever’s curve, from where it is now: where that is much of all there is, it may bring more or less,"
        " and be less sure."
    )
    power = percent(decisions.pilots["power"].min(), 0) if len(decisions.pilots) else DASH
    lines = {"prices": [along, *(said(display_name(note, LONGEST_TOLD)) for note in decisions.notes)]}
    return [
        {
            "id": name,
            "heading": say(heading),
            "lead": say(lead, share=power),
            "table": tables[name],
            "lines": lines.get(name, []),
        }
        for name, (heading, lead) in _BLOCKS.items()
        if tables[name] is not None
    ]


def _prices(prices: pd.DataFrame, levers: pd.DataFrame) -> Table | None:
    if prices.empty:
        return None
    small = levers.assign(estimate=best_estimates(levers)).set_index("lever")[["step", "estimate"]].to_dict("index")
    return Table(
        caption=(
            say("Levers and the agents they take")
            if prices["price"].isna().all()
            else say("Levers by the price of a point, the best first")
        ),
        heads=tuple(
            map(say, ("Lever", "What a step brings", "Agents it takes", "Cost of a year", "Price of a point", "Place"))
        ),
        rows=tuple(_price_row(row, small.get(row["lever"])) for row in records(prices)),
    )


def _price_row(row: dict[str, Any], small: Mapping[Any, float] | None) -> tuple[Cell, ...]:
    name = Cell(lever_label(row["lever"]), say(_GROUPS[row["group"]]) if row["group"] in _GROUPS else "")
    if row["status"] != "ok":
        return name, Cell(DASH, reason_label(row["reason"])), *(Cell(DASH) for _ in range(4))
    unit, currency = row["outcome_unit"], _currency(row["currency"])
    ends = interval(row["conf_low"], row["conf_high"], unit, signed=True)
    step = step_in_words(row["lever"], row["step"], row["unit"])
    why = reason_label(row["reason"]) if pd.isna(row["price"]) else ""
    is_sure = row["verdict"] == "moves"
    gain = f"{change(row['estimate'], unit)} {unit_label(unit)}" if is_sure else verdict_label(row["verdict"])
    return (
        name,
        Cell(gain, f"{step} ({ends}){_told_of_levers(row, small) if is_sure else ''}"),
        Cell(change(row["agents"])),
        Cell(_money(row["cost"], currency)),
        Cell(_money(row["price"], currency), _span(row, "price") or why),
        Cell(count(row["rank"]), _span(row, "rank")),
    )


def _told_of_levers(row: dict[str, Any], small: Mapping[Any, float] | None) -> str:
    """What the table of levers tells of the same step, where that reads differently."""
    if small is None or row["step"] * small["step"] <= 0:
        return ""
    here, there = (change(one["estimate"], row["outcome_unit"]) for one in (row, small))
    return "" if here == there else say("; in the table of levers, from small changes, {size}", size=there)


def _span(row: dict[str, Any], name: str) -> str:
    """Between which ends a price or a place lies, as far as that is known."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if pd.isna(low) or pd.isna(high) else say("{low} to {high}", low=number(low, 0), high=number(high, 0))


def _currency(currency: Any) -> str:
    return "" if pd.isna(currency) or not currency else f" {display_name(currency, limit=12)}"


def _money(value: float | None, currency: str) -> str:
    """A sum; one that is saved says so instead of a minus sign."""
    if value is None or pd.isna(value):
        return DASH
    text = f"{number(abs(value), 0)}{currency}"
    return say("saves {sum}", sum=text) if value < 0 else text


def _hotspots(hotspots: pd.DataFrame) -> Table | None:
    sure = hotspots[hotspots["verdict"] == "moves"].head(_MOST) if len(hotspots) else hotspots
    if sure.empty:
        return None
    return Table(
        caption=say("Groups with the most to gain, by levers that move the score"),
        heads=tuple(
            map(say, ("Group", "Share of the contacts", "On average now", "Within reach", "Gain of the whole"))
        ),
        rows=tuple(_hotspot_row(row) for row in records(sure)),
    )


def _hotspot_row(row: dict[str, Any]) -> tuple[Cell, ...]:
    unit = row["outcome_unit"]
    return (
        Cell(display_name(row["segment"]), f"{column_label(row['segment_column'])} · {lever_label(row['lever'])}"),
        Cell(percent(row["share"])),
        Cell(mean_level(row["mean_level"], row["unit"])),
        Cell(mean_level(row["target"], row["unit"])),
        Cell(
            f"{number(row['estimate'], 3)} {unit_label(unit)}",
            say("{low} to {high}", low=number(row["conf_low"], 3), high=number(row["conf_high"], 3)),
        ),
    )


def _pilots(pilots: pd.DataFrame) -> Table | None:
    if pilots.empty:
        return None
    return Table(
        caption=say("Trials that would settle each lever"),
        heads=tuple(map(say, ("Lever", "How", "Agents in each arm", "Answers in each arm", "Weeks"))),
        rows=tuple(_pilot_row(row) for row in records(pilots)),
    )


def _pilot_row(row: dict[str, Any]) -> tuple[Cell, ...]:
    name = Cell(lever_label(row["lever"]), verdict_label(row["verdict"]))
    design = _DESIGNS.get(str(row["design"]))
    how = Cell(say(design) if design else display_name(row["design"]), reason_label(row["reason"]))
    agents = row["clusters_per_arm"] if row["design"] == "clusters" else None
    return name, how, Cell(count(agents)), Cell(count(row["answers_per_arm"])), Cell(count(row["weeks"]))
