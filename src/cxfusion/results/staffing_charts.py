"""What waiting so many agents give: one small panel per figure over the number of agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from cxfusion.results.labels import metric_label

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_agents"]

_PANELS: Final = (
    ("asa_seconds", "~f"), ("service_level", "%"), ("occupancy", "%"), ("abandonment_rate", "%"),
)  # fmt: skip
_HEIGHT: Final = 130  # pixels
_AXIS: Final = 60  # pixels, about


def by_agents(scenarios: pd.DataFrame, *, width: int) -> alt.ConcatChart:
    """Panels in two columns; abandonment only where somebody hangs up.

    Parameters
    ----------
    scenarios : pandas.DataFrame
        ``agents`` and the figures, one row per number of agents.
    width : int
        Whole width in pixels, about.
    """
    frame = scenarios[["agents", *(name for name, _ in _PANELS)]].astype(float)
    x = alt.X("agents:Q", title="Agents", axis=alt.Axis(format="d", tickMinStep=1), scale=alt.Scale(zero=False))
    panels = []
    for name, form in _PANELS:
        if name == "abandonment_rate" and not (frame[name] > 0).any():
            continue
        y = alt.Y(f"{name}:Q", title=None, axis=alt.Axis(format=form, tickCount=4))
        base = alt.Chart(frame, title=alt.TitleParams(metric_label(name), anchor="start")).encode(x=x, y=y)
        layers = alt.layer(base.mark_line(opacity=0.5), base.mark_point(filled=True, size=45, opacity=1))
        panels.append(layers.properties(width=max(width // 2 - _AXIS, 100), height=_HEIGHT))
    return alt.concat(*panels, columns=2)
