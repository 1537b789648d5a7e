"""Pictures of ratings: dumbbells of groups, zones of tolerance, importance against performance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import altair as alt
import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.display import display_names

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cross", "dumbbells", "zones"]

Layers: TypeAlias = alt.LayerChart | alt.FacetChart
_ROW: Final = 26  # pixels
_LETTERS: Final = 34
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def dumbbells(scores: pd.DataFrame, *, width: int) -> Layers:
    """Per item, the groups' means on one line; the items on which they are widest apart come first.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``item, group, estimate, conf_low, conf_high, unit``, of one question.
    width : int
        Whole width in pixels.

    Raises
    ------
    NothingToEstimateError
        No cell has a figure.
    """
    frame = _shown(scores)
    ends = frame.groupby("item")["estimate"].agg(["min", "max"])
    order = (ends["max"] - ends["min"]).sort_values(ascending=False, kind="stable").index
    names = dict(zip(order, display_names(list(order), _LETTERS), strict=True))
    frame = frame.assign(name=frame["item"].map(names))
    lines = ends.assign(name=ends.index.map(names))
    groups = list(dict.fromkeys(frame["group"]))
    y = alt.Y("name:N", sort=list(names.values()), title=None)
    x = alt.X(
        "estimate:Q",
        title=str(frame["unit"].iloc[0]),
        axis=alt.Axis(tickCount=6),
        scale=alt.Scale(zero=False, padding=20),
    )
    legend = alt.Legend(title=None, orient="top")
    points = alt.Chart(frame).encode(
        y=y,
        x=x,
        color=alt.Color("group:N", sort=groups, legend=legend, scale=alt.Scale(domain=groups)),
        shape=alt.Shape("group:N", sort=groups, legend=legend, scale=alt.Scale(domain=groups, range=_shapes(groups))),
    )
    return alt.layer(
        alt.Chart(lines).mark_rule(style="reference", strokeWidth=1.25).encode(y=y, x=alt.X("min:Q"), x2="max:Q"),
        points.mark_point(filled=True, size=90, opacity=1),
    ).properties(width=width - 260, height=_ROW * len(names))


def zones(levels: pd.DataFrame, *, width: int) -> Layers:
    """Per item, the zone from adequate to desired as a bar, what was perceived as a point; what falls shortest first.

    Parameters
    ----------
    levels : pandas.DataFrame
        ``item, question, estimate`` with the questions perceived, desired and adequate.
    width : int
        Whole width in pixels.

    Raises
    ------
    NothingToEstimateError
        No item has a figure.
    """
    wide = _shown(levels).pivot_table(index="item", columns="question", values="estimate")
    wide = wide.reindex(columns=["adequate", "desired", "perceived"])
    short = wide["perceived"] - wide["adequate"].fillna(wide["desired"])
    wide = wide.loc[short.sort_values(kind="stable").index]
    names = display_names(list(wide.index), _LETTERS)
    frame = wide.assign(name=names).reset_index(drop=True)
    y = alt.Y("name:N", sort=names, title=None)
    x = alt.X("perceived:Q", title="mean rating", axis=alt.Axis(tickCount=6), scale=alt.Scale(zero=False, padding=20))
    base = alt.Chart(frame).encode(y=y)
    if frame[["adequate", "desired"]].notna().all(axis=1).any():
        zone = base.mark_bar(height=9, opacity=0.45).encode(x=alt.X("adequate:Q"), x2="desired:Q")
        told = "Bar: from adequate to desired. Point: as perceived."
    else:
        only = "desired" if frame["desired"].notna().any() else "adequate"
        zone = base.mark_tick(thickness=2, size=14).encode(x=alt.X(f"{only}:Q"))
        told = f"Line: {only}. Point: as perceived."
    points = base.mark_point(filled=True, size=90, opacity=1).encode(x=x)
    title = alt.TitleParams(told, anchor="start", fontWeight="normal", fontSize=12)
    return alt.layer(zone, points).properties(width=width - 260, height=_ROW * len(names), title=title)


def cross(items: pd.DataFrame, *, width: int) -> Layers:
    """Performance (across) against importance (up), each relative to the other items, with both intervals.

    Parameters
    ----------
    items : pandas.DataFrame
        Of one group, the columns of ``Priorities.table``.
    width : int
        Whole width in pixels.

    Raises
    ------
    NothingToEstimateError
        No item has a figure.
    """
    frame = items[items["advice"].notna()]
    if frame.empty:
        raise NothingToEstimateError("There is nothing to draw: no item was rated by enough people.")
    frame = frame.assign(name=display_names(list(frame["item"]), _LETTERS))
    zero = pd.DataFrame({"zero": [0]})
    x = alt.X("performance_difference:Q", title="Performance against the other items")
    y = alt.Y("importance_difference:Q", title="Importance against the other items")
    base = alt.Chart(frame).encode(x=x, y=y)
    return alt.layer(
        alt.Chart(zero).mark_rule(style="reference", strokeWidth=1.25).encode(x="zero:Q"),
        alt.Chart(zero).mark_rule(style="reference", strokeWidth=1.25).encode(y="zero:Q"),
        base.mark_rule(opacity=0.4).encode(x="performance_low:Q", x2="performance_high:Q"),
        base.mark_rule(opacity=0.4).encode(y="importance_low:Q", y2="importance_high:Q"),
        base.mark_point(filled=True, size=80, opacity=1),
        base.mark_text(align="left", dx=8, dy=-8).encode(text="name:N"),
    ).properties(width=width - 80, height=int(0.6 * width))


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    shown = frame[frame["estimate"].notna()]
    if shown.empty:
        raise NothingToEstimateError("There is nothing to draw: no item was rated by enough people.")
    return shown


def _shapes(groups: Sequence[str]) -> list[str]:
    return [_SHAPES[i % len(_SHAPES)] for i in range(len(groups))]
