"""Pictures over time: when in the day and on which days, and how a score went from period to period.

Times are the site's own clock. Colours come from the theme; a heat map's cells grow darker (on dark: lighter) with
their figure, so that it reads on grey paper.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.formats import figure
from cxfusion.results.grouping import START
from cxfusion.results.labels import display_names, metric_label

if TYPE_CHECKING:
    from cxfusion.results.charts import Layers
    from cxfusion.results.grouping import Grouping

__all__ = ["MAX_LINES", "MAX_ROWS", "heat_map", "score_over_time"]

MAX_ROWS: Final = 31
"""Rows of a heat map: the latest days (or weeks), or the largest groups; the table holds the rest."""
MAX_LINES: Final = 3
"""Groups drawn over time: the largest ones, as many as are told apart by shape on paper."""
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHAPES: Final = ("circle", "square", "diamond")
_LABEL_LETTERS: Final = 28
_CELL_HEIGHT: Final = 18  # pixels
_LABELS_WIDTH: Final = 180  # pixels, about: labels at the left and the legend at the right


def heat_map(groups: pd.DataFrame, grouping: Grouping, metric: str, *, width: int = 720) -> alt.Chart:
    """One metric by time of day: a row per day, or per group with all its days taken together.

    Where the interval is a day, the columns are weekdays, and a row is a week. Days taken together are weighted by the
    contacts behind each figure, so that a mean stays the mean of its contacts.

    Parameters
    ----------
    groups : pandas.DataFrame
        Grouping columns, ``interval_start``, ``metric, estimate, unit, n``.
    grouping : Grouping
        With an interval.
    metric : str
        Not a quantile where there are grouping columns.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No interval has a figure.
    """
    cells = _cells(_with_figure(groups, metric), grouping)
    rows = list(dict.fromkeys(cells["row"]))
    unit = cells["unit"].iloc[0]
    legend = alt.Legend(title=None, format="%" if unit == "share" else "~s", gradientLength=120)
    columns = sorted(
        cells["column"].unique(), key=lambda name: (_WEEKDAYS.index(name) if name in _WEEKDAYS else 0, name)
    )
    chart: alt.Chart = (
        alt.Chart(cells, title=alt.TitleParams(metric_label(metric), anchor="start"))
        .mark_rect()
        .encode(
            x=alt.X("column:O", sort=columns, title=None, axis=alt.Axis(labelAngle=0, labelOverlap="greedy")),
            y=alt.Y("row:O", sort=rows, title=None),
            color=alt.Color("estimate:Q", legend=legend),
            tooltip=["row:N", "column:N", alt.Tooltip("text:N", title=metric_label(metric)), "n:Q"],
        )
        .properties(width=max(width - _LABELS_WIDTH, 100), height=_CELL_HEIGHT * len(rows))
    )
    return chart


def score_over_time(groups: pd.DataFrame, grouping: Grouping, metric: str, *, width: int = 720) -> Layers:
    """A score from period to period with its interval, one line per group (the largest ones).

    Parameters
    ----------
    groups : pandas.DataFrame
        Grouping columns, ``interval_start``, ``metric, estimate, conf_low, conf_high, n``.
    grouping : Grouping
        With an interval.
    metric : str
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No period has a figure.
    """
    frame = _with_figure(groups, metric)
    frame["name"] = _names(frame, grouping, MAX_LINES)
    frame = frame.loc[frame["name"].notna(), ["name", START, "estimate", "conf_low", "conf_high", "unit"]]
    names = list(dict.fromkeys(frame["name"]))
    title, is_share = metric_label(metric), (frame["unit"] == "share").any()
    axis = alt.Axis(format="%" if is_share else "~f", tickCount=5)
    legend = alt.Legend(title=None, orient="top") if len(names) > 1 else None
    color = alt.Color("name:N", sort=names, legend=legend) if len(names) > 1 else alt.Undefined
    base = alt.Chart(frame).encode(x=alt.X(f"{START}:T", title=None), color=color)
    y = alt.Y("estimate:Q", title=title, axis=axis, scale=alt.Scale(zero=False))
    shapes = alt.Scale(domain=names, range=list(_SHAPES[: len(names)]))
    layers = alt.layer(
        base.mark_rule(opacity=0.4).encode(y=alt.Y("conf_low:Q", title=title), y2="conf_high:Q"),
        base.mark_line().encode(y=y),
        base.mark_point(filled=True, size=45, opacity=1).encode(
            y=y, shape=alt.Shape("name:N", sort=names, scale=shapes, legend=legend)
        ),
    )
    return layers.properties(width=max(width - 80, 100), height=260)


def _with_figure(groups: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = groups[(groups["metric"] == metric) & groups["estimate"].notna()]
    if rows.empty:
        raise NothingToEstimateError(f"There is no picture of {metric} over time: no interval has a figure.")
    return rows.copy()


def _cells(frame: pd.DataFrame, grouping: Grouping) -> pd.DataFrame:
    """One line per cell: ``row, column, estimate, n, unit, text``, rows in the order in which they are drawn."""
    start = frame[START]
    is_daily = grouping.interval is not None and grouping.interval >= timedelta(days=1)
    frame["column"] = start.dt.dayofweek.map(dict(enumerate(_WEEKDAYS))) if is_daily else start.dt.strftime("%H:%M")
    if grouping.columns:
        frame["row"] = _names(frame, grouping, MAX_ROWS)
    else:
        day = start.dt.normalize() - pd.to_timedelta(start.dt.dayofweek if is_daily else 0, unit="D")
        frame["row"] = day.dt.strftime("%Y-%m-%d").where(day.isin(sorted(day.unique())[-MAX_ROWS:]))
    is_count = frame["unit"] == "contacts"
    frame["weighted"] = frame["estimate"].where(is_count, frame["estimate"] * frame["n"])
    added = frame.dropna(subset="row").groupby(["row", "column", "unit"], sort=False, as_index=False)
    cells = added[["weighted", "n"]].sum()
    cells["estimate"] = cells["weighted"].where(cells["unit"] == "contacts", cells["weighted"] / cells["n"])
    cells["text"] = [figure(value, unit) for value, unit in zip(cells["estimate"], cells["unit"], strict=True)]
    return cells[["row", "column", "estimate", "n", "unit", "text"]]


def _names(frame: pd.DataFrame, grouping: Grouping, most: int) -> pd.Series[str]:
    """Each row's group by its display name; null but for the largest groups."""
    columns = list(grouping.names[:-1])
    if not columns:
        return pd.Series("all", index=frame.index)
    number = frame.groupby(columns, dropna=False, sort=False).ngroup()
    sizes = frame.groupby(number)["n"].sum().nlargest(most)
    texts = grouping.texts(frame, columns).groupby(number).first().reindex(sizes.index)
    return number.map(dict(zip(sizes.index, display_names(list(texts), _LABEL_LETTERS), strict=True)))
