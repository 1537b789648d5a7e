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
from cxfusion.results.display import display_names
from cxfusion.results.formats import figure
from cxfusion.results.grouping import START
from cxfusion.results.labels import metric_label

if TYPE_CHECKING:
    from cxfusion.results.charts import Layers
    from cxfusion.results.grouping import Grouping

__all__ = ["MAX_PANELS", "MAX_PERIODS", "MAX_ROWS", "heat_map", "largest_groups", "score_over_time"]

MAX_ROWS: Final = 31
"""Rows of a heat map: the latest days (or weeks), or the largest groups; the table holds the rest."""
MAX_PANELS: Final = 6
"""Groups drawn over time: the largest ones."""
MAX_PERIODS: Final = 1000
"""Periods drawn: the latest ones."""
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LABEL_LETTERS: Final = 28
_CELL_HEIGHT: Final = 18  # pixels
_PANEL_HEIGHT: Final = 110  # pixels
_Y_AXIS_WIDTH: Final = 60  # pixels, about
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


def score_over_time(groups: pd.DataFrame, grouping: Grouping, metric: str, *, width: int = 720) -> alt.VConcatChart:
    """A score from period to period with its interval: one panel per group (the largest ones), on one shared axis.

    Parameters
    ----------
    groups : pandas.DataFrame
        Grouping columns, ``interval_start``, ``metric, estimate, conf_low, conf_high, unit, n``.
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
    frame = frame[frame[START].isin(sorted(frame[START].unique())[-MAX_PERIODS:])]
    frame = frame.assign(name=_names(frame, grouping, MAX_PANELS))
    panels = [
        _panel(rows, str(name) if grouping.columns else metric_label(metric), width)
        for name, rows in frame.groupby("name", sort=True)
    ]
    title = alt.TitleParams(metric_label(metric), anchor="start") if grouping.columns else alt.Undefined
    chart: alt.VConcatChart = alt.vconcat(*panels, title=title).resolve_scale(x="shared", y="shared")
    return chart


def largest_groups(
    frame: pd.DataFrame, grouping: Grouping, most: int, letters: int
) -> tuple[pd.Series[int], dict[int, str]]:
    """Each row's group by number, and the display names of those with the most contacts, largest first.

    Parameters
    ----------
    frame : pandas.DataFrame
        Grouping columns, ``interval_start, n``.
    grouping : Grouping
        With an interval and columns.
    most, letters : int
        Groups, and letters of a name.
    """
    columns = list(grouping.names[:-1])
    number = frame.groupby(columns, dropna=False, sort=False).ngroup()
    largest = list(frame.groupby(number)["n"].sum().nlargest(most).index)
    texts = grouping.texts(frame, columns).groupby(number).first()
    names = display_names([texts[group] for group in largest], letters)
    return number, dict(zip(largest, names, strict=True))


def _panel(rows: pd.DataFrame, title: str, width: int) -> Layers:
    frame = rows[[START, "estimate", "conf_low", "conf_high"]]
    axis = alt.Axis(format="%" if (rows["unit"] == "share").any() else "~f", tickCount=4)
    y = alt.Y("estimate:Q", title=None, axis=axis, scale=alt.Scale(zero=False))
    base = alt.Chart(frame).encode(x=alt.X(f"{START}:T", title=None))
    return alt.layer(
        base.mark_rule(opacity=0.35).encode(y=alt.Y("conf_low:Q", title=None), y2="conf_high:Q"),
        base.mark_line().encode(y=y),
        base.mark_point(filled=True, size=40, opacity=1).encode(y=y),
    ).properties(
        width=max(width - _Y_AXIS_WIDTH, 100),
        height=_PANEL_HEIGHT,
        title=alt.TitleParams(title, anchor="start", fontWeight="normal"),
    )


def _with_figure(groups: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = groups[(groups["metric"] == metric) & groups["estimate"].notna()]
    if rows.empty:
        raise NothingToEstimateError(f"There is no picture of {metric} over time: no interval has a figure.")
    return rows.copy()


def _cells(frame: pd.DataFrame, grouping: Grouping) -> pd.DataFrame:
    """One line per cell: ``row, column, estimate, n, unit, text``, rows in the order in which they are drawn."""
    start = frame[START]
    is_daily = grouping.interval is not None and grouping.interval >= timedelta(days=1)
    frame["column"] = start.dt.day_of_week.map(dict(enumerate(_WEEKDAYS))) if is_daily else start.dt.strftime("%H:%M")
    if grouping.columns:
        frame["row"] = _names(frame, grouping, MAX_ROWS)
    else:
        day = start.dt.normalize() - pd.to_timedelta(start.dt.day_of_week if is_daily else 0, unit="D")
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
    if not grouping.columns:
        return pd.Series("all", index=frame.index)
    number, names = largest_groups(frame, grouping, most, _LABEL_LETTERS)
    return number.map(names)
