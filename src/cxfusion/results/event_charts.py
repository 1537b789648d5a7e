"""Event studies: what a change did period by period, and whether the groups went alike before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.labels import metric_label

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["event_study"]

_PANEL_HEIGHT: Final = 120  # pixels
_Y_AXIS_WIDTH: Final = 70  # pixels, about


def event_study(events: pd.DataFrame, *, width: int) -> alt.VConcatChart:
    """One panel per outcome: the difference of the groups in each period, against the last one before the change.

    Parameters
    ----------
    events : pandas.DataFrame
        As of ``ReadOut``.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        There is no period to draw.
    """
    if events.empty:
        raise NothingToEstimateError("There is no event study to draw: no outcome is known in several periods.")
    panels = [_panel(own, str(name), width) for name, own in events.groupby("outcome", sort=False)]
    chart: alt.VConcatChart = alt.vconcat(*panels).resolve_scale(x="shared")
    return chart


def _panel(own: pd.DataFrame, outcome: str, width: int) -> alt.LayerChart:
    unit = str(own["unit"].iloc[0])
    base = alt.Chart(own[["day", "estimate", "conf_low", "conf_high"]])
    x = alt.X("day:Q", title="Days since the change", axis=alt.Axis(format="~f", tickMinStep=1))
    bars = base.mark_rule().encode(x=x, y=alt.Y("conf_low:Q", title=unit), y2="conf_high:Q")
    dots = base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y="estimate:Q")
    lines = [
        alt.Chart().mark_rule(style="reference").encode(y=alt.datum(0)),
        alt.Chart().mark_rule(style="reference", strokeDash=[4, 3]).encode(x=alt.datum(0)),
    ]
    title = alt.TitleParams(metric_label(outcome), anchor="start")
    chart = alt.LayerChart(layer=[*lines, bars, dots])
    return chart.properties(width=width - _Y_AXIS_WIDTH, height=_PANEL_HEIGHT, title=title)
