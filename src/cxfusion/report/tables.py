"""Frames of a study as tables of words, ready to print; the template only lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.results.display import display_name, display_names
from cxfusion.results.formats import DASH, change, confidence, count, figure, interval, number, percent
from cxfusion.results.labels import (
    HEADLINES,
    column_label,
    lever_label,
    metric_label,
    reason_label,
    rung_label,
    stage_label,
    step_in_words,
)
from cxfusion.results.language import in_sentence, say
from cxfusion.results.readable import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cxfusion.report.content import Drawn

__all__ = [
    "MAX_ROWS",
    "Cell",
    "Table",
    "audit_tables",
    "cells_table",
    "numbers_table",
    "operations_tables",
    "perception_tables",
    "records",
    "rungs_table",
]

MAX_ROWS: Final = 40
"""Groups in one table of the page; the Parquet file beside it holds all."""
_SHARED: Final = ("lever", "by", "step")
"""What the heading of a result says already, where it is the same in all rows."""
_ASIDE: Final = ("status", "reason", "n_clusters")
"""What is no figure: a reason stands below the name of its row."""


@dataclass(frozen=True)
class Cell:
    """One cell: its text, a smaller line below, and the length of a bar (0 to 1) where one is drawn."""

    text: str
    detail: str = ""
    bar: float | None = None


@dataclass(frozen=True)
class Table:
    """One table of words.

    Attributes
    ----------
    caption : str
    heads : tuple of str
        Column headings; the first column heads the rows.
    rows : tuple of tuple of Cell
    total : tuple of Cell
        A last row that sums the others; empty where there is none.
    notes : tuple of str
        Sentences under the table.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, each by column name."""
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def audit_tables(audit: pd.DataFrame) -> list[Table]:
    """One table per kind of row read: every reason, its rows, and their sum."""
    stages = [stage for stage in dict.fromkeys(audit["stage"]) if not str(stage).endswith("_cells")]
    return [_audit_table(stage, audit[audit["stage"] == stage]) for stage in stages]


def _audit_table(stage: str, rows: pd.DataFrame) -> Table:
    total = int(rows["n"].sum())
    return Table(
        caption=say("{what}: where each of the {n} rows read ended", what=stage_label(stage), n=count(total)),
        heads=(say("What happened"), say("Rows"), say("Share")),
        rows=tuple(
            (Cell(reason_label(reason)), Cell(count(n)), Cell(percent(n / total), bar=n / total))
            for reason, n in zip(rows["reason"], rows["n"].astype(int), strict=True)
            if n
        ),
        total=(Cell(say("All rows read")), Cell(count(total)), Cell(percent(1.0 if total else None))),
    )


def cells_table(cells: pd.DataFrame) -> Table | None:
    """Single values that could not be used, or None where all could."""
    if cells.empty:
        return None
    return Table(
        caption=say("Single values that could not be used; their rows still count"),
        heads=(say("Column"), say("What was wrong"), say("Values")),
        rows=tuple(
            (Cell(column_label(column), stage_label(stage)), Cell(reason_label(reason)), Cell(count(n)))
            for stage, column, reason, n in cells[["stage", "column", "reason", "n"]].itertuples(index=False, name=None)
        ),
    )


@dataclass(frozen=True)
class _Style:
    """How one kind of figures by group becomes a table."""

    caption: str
    whole: str
    file: str
    cell: Callable[[dict[str, Any]], Cell]
    count_head: tuple[str, ...] = ()
    count: Callable[[list[dict[str, Any]]], tuple[Cell, ...]] = lambda _: ()


def perception_tables(perception: pd.DataFrame) -> list[Table]:
    """Scores with their intervals, one table per grouping, everyone first."""
    style = _Style(say("Scores"), say("Everyone"), "perception.parquet", _score_cell, (say("Answers"),), _answers)
    return _grouped(perception, style)


def operations_tables(operations: pd.DataFrame) -> list[Table]:
    """Headline KPIs with bars that compare the groups, one table per grouping, the whole log first."""
    operations = operations[operations["metric"].isin(HEADLINES)]
    tops = operations[operations["grouping"] != "all"].groupby("metric")["estimate"].max().to_dict()

    def cell(row: dict[str, Any]) -> Cell:
        if pd.isna(row["estimate"]):
            return Cell(DASH, say("too few customers to show") if row["status"] == "suppressed" else "")
        top = tops.get(row["metric"], 0)
        bar = row["estimate"] / top if row["grouping"] != "all" and top > 0 else None
        return Cell(figure(row["estimate"], row["unit"]), bar=bar)

    return _grouped(operations, _Style(say("Contacts"), say("All contacts"), "operations.parquet", cell))


def _score_cell(row: dict[str, Any]) -> Cell:
    if pd.isna(row["estimate"]):
        return Cell(DASH, say("too few to show") if row["status"] == "suppressed" else "")
    return Cell(figure(row["estimate"], row["unit"]), interval(row["conf_low"], row["conf_high"], row["unit"]))


def _grouped(rows: pd.DataFrame, style: _Style) -> list[Table]:
    if rows.empty:
        return []
    groupings = [grouping for grouping in dict.fromkeys(rows["grouping"]) if grouping != "all"] or ["all"]
    return [_grouped_table(rows[rows["grouping"].isin(["all", one])], one, style) for one in groupings]


def _grouped_table(rows: pd.DataFrame, grouping: str, style: _Style) -> Table:
    metrics = list(dict.fromkeys(rows["metric"]))
    by_key = {(row["grouping"], row["group"], row["metric"]): row for row in records(rows)}
    order = _by_size(rows)
    shown = order[: MAX_ROWS + 1]
    names = display_names([style.whole if group[0] == "all" else group[1] for group in shown])
    body = []
    for group, name in zip(shown, names, strict=True):
        own = [by_key.get((*group, metric)) for metric in metrics]
        cells = [style.cell(row) if row else Cell(DASH) for row in own]
        body.append((Cell(name), *style.count([row for row in own if row]), *cells))
    left_out = len(order) - len(shown)
    more = (
        say("The {n} largest groups are shown; one more is in {file}.", n=MAX_ROWS, file=style.file)
        if left_out == 1
        else say(
            "The {n} largest groups are shown; {more} more are in {file}.",
            n=MAX_ROWS,
            more=count(left_out),
            file=style.file,
        )
    )
    return Table(
        caption=style.caption
        if grouping == "all"
        else say("{what} by {column}", what=style.caption, column=in_sentence(column_label(grouping))),
        heads=("" if grouping == "all" else column_label(grouping), *style.count_head, *map(metric_label, metrics)),
        rows=tuple(body),
        notes=(*_remarks(rows), *([more] if left_out else [])),
    )


def _by_size(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Grouping and group of every row of the table: the whole first, then the largest."""
    sizes = rows.groupby(["grouping", "group"], sort=False)["n"].max().sort_values(ascending=False, kind="stable")
    return sorted(sizes.index, key=lambda key: key[0] != "all")


def _answers(rows: list[dict[str, Any]]) -> tuple[Cell, ...]:
    few = any(row["status"] == "small" for row in rows)
    return (Cell(count(max(row["n"] for row in rows)), say("few") if few else ""),)


def _remarks(rows: pd.DataFrame) -> list[str]:
    """Why a figure is absent or partial, of the whole where it has a reason; cells of few answers say it themselves."""
    told = rows[rows["reason"].notna() & ~rows["status"].isin(["small", "suppressed"])]
    kind = told["metric"].astype(str) + " " + told["status"].astype(str)
    is_whole = told["grouping"] == "all"
    told = told[is_whole | ~kind.isin(kind[is_whole])]
    pairs = dict.fromkeys(zip(told["metric"], told["reason"], strict=True))
    return [f"{metric_label(metric)}. {reason_label(reason)}." for metric, reason in pairs]


def numbers_table(result: Drawn) -> Table | None:
    """The numbers of a result in words; what all its rows share its heading says. None where nothing is told."""
    frame = result.table
    shared = [name for name in _SHARED if name in frame.columns and len(set(frame[name])) == 1]
    bare = frame.drop(columns=[*shared, *(name for name in _ASIDE if name in frame.columns)])
    level = getattr(getattr(result, "spec", None), "conf_level", 0.95)
    shown = readable(frame, [str(name) for name in bare.columns], level).rename(columns=_heads(frame, shared))
    if shown.empty:
        return None
    why = [reason_label(reason) for reason in frame.get("reason", [None] * len(frame))]
    left_out = len(shown) - MAX_ROWS
    more = (
        say("One more row is in the result itself.")
        if left_out == 1
        else say("{n} more rows are in the result itself.", n=count(left_out))
    )
    return Table(
        caption=say("The numbers behind the picture"),
        heads=tuple(map(str, shown.columns)),
        rows=tuple(
            (_value(first, told), *map(_value, row))
            for (first, *row), told in zip(shown.head(MAX_ROWS).itertuples(index=False, name=None), why, strict=False)
        ),
        notes=(more,) if left_out > 0 else (),
    )


def _heads(frame: pd.DataFrame, shared: Sequence[str]) -> dict[str, str]:
    """Headings that say of what, where all rows are of one lever or one column."""
    of_one = {name: str(frame[name].iloc[0]) for name in shared}
    heads = {"n": say("Answers used")} if "lever" in frame.columns else {}
    if "lever" in of_one:
        heads[say("Level")] = lever_label(of_one["lever"])
    if "by" in of_one:
        heads[column_label("segment")] = column_label(of_one["by"])
    return heads


def _value(value: Any, detail: str = "") -> Cell:
    if not pd.api.types.is_scalar(value) or pd.isna(value):
        return Cell(DASH, detail)
    if pd.api.types.is_integer(value):
        return Cell(count(int(value)), detail)
    told = number(float(value)) if pd.api.types.is_float(value) else display_name(value, limit=80)
    return Cell(told, detail)


def rungs_table(rungs: pd.DataFrame, conf_level: float = 0.95) -> Table:
    """The numbers behind the ladder: every lever and check on every rung."""
    return Table(
        caption=say("The numbers behind the picture"),
        heads=(
            *map(say, ("Lever", "Compared", "Change of the score")),
            say("{level} interval", level=confidence(conf_level)),
            say("Answers used"),
        ),
        rows=tuple(_rung_row(row) for row in records(rungs)),
    )


def _rung_row(row: dict[str, Any]) -> tuple[Cell, ...]:
    unit = "NPS points" if row["outcome"] == "nps" else None
    is_absent = bool(pd.isna(row["estimate"]))  # then no step was taken, and the one asked for may be another
    why = reason_label(row["reason"]) if is_absent else ""
    return (
        Cell(lever_label(row["lever"]), "" if is_absent else step_in_words(row["lever"], row["step"], row["unit"])),
        Cell(rung_label(row["rung"])),
        Cell(change(row["estimate"], unit), why),
        Cell(interval(row["conf_low"], row["conf_high"], unit, signed=True)),
        Cell(count(row["n"])),
    )
