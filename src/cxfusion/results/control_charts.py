"""Control charts: points about their centre within their limits, and the signals marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.grouping import START
from cxfusion.results.labels import metric_label
from cxfusion.results.time_charts import largest_groups

if TYPE_CHECKING:
    import pandas as pd

    from cxfusion.results.charts import Layers
    from cxfusion.results.grouping import Grouping

__all__ = ["control_charts"]

_MAX_PANELS: Final = 6
_MAX_POINTS: Final = 400
_PANEL_HEIGHT: Final = 120  # pixels
_Y_AXIS_WIDTH: Final = 60  # pixels, about


def control_charts(points: pd.DataFrame, grouping: Grouping, metric: str, unit: str, *, width: int) -> alt.VConcatChart:
    """One panel per group, those with the most contacts first.

    Parameters
    ----------
    points : pandas.DataFrame
        Grouping columns, ``interval_start, estimate, n, centre, low, high, signals, status``.
    grouping : Grouping
        With an interval.
    metric, unit : str
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No group has limits.
    """
    known = points[points["status"] == "ok"]
    if known.empty:
        raise NothingToEstimateError(f"There is no control chart of {metric}: no group has limits.")
    if not grouping.columns:
        panels = [_panel(known, metric_label(metric), unit, width)]
    else:
        number, names = largest_groups(known, grouping, _MAX_PANELS, 60)
        panels = [_panel(known[number == group], name, unit, width) for group, name in names.items()]
    title = alt.TitleParams(metric_label(metric), anchor="start") if grouping.columns else alt.Undefined
    chart: alt.VConcatChart = alt.vconcat(*panels, title=title).resolve_scale(x="shared")
    return chart


def _panel(rows: pd.DataFrame, title: str, unit: str, width: int) -> Layers:
    frame = rows[[START, "estimate", "centre", "low", "high", "signals"]].tail(_MAX_POINTS)
    frame = frame.assign(is_signal=frame["signals"].notna(), signals=frame["signals"].fillna("").str.replace("_", " "))
    axis = alt.Axis(format="%" if unit == "share" else "~f", tickCount=4)
    x = alt.X(f"{START}:T", title=None)
    y = alt.Y("estimate:Q", title=None, axis=axis, scale=alt.Scale(zero=False))
    base = alt.Chart(frame).encode(x=x)
    tooltip = [f"{START}:T", "estimate:Q", "centre:Q", "low:Q", "high:Q", "signals:N"]
    calm = base.transform_filter("!datum.is_signal").mark_point(filled=True, size=28, opacity=0.75)
    loud = base.transform_filter("datum.is_signal").mark_point(filled=True, size=95, opacity=1, shape="diamond")
    return alt.layer(
        base.mark_area(opacity=0.12).encode(y=alt.Y("low:Q", title=None), y2="high:Q"),
        base.mark_line(style="reference", strokeDash=[4, 3]).encode(y=alt.Y("centre:Q", title=None)),
        base.mark_line(opacity=0.5).encode(y=y),
        calm.encode(y=y, tooltip=tooltip),
        loud.encode(y=y, tooltip=tooltip),
    ).properties(
        width=max(width - _Y_AXIS_WIDTH, 100),
        height=_PANEL_HEIGHT,
        title=alt.TitleParams(title, anchor="start", fontWeight="normal"),
    )
