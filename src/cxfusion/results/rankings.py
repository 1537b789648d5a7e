"""Groups in the order of their shrunk figures, with intervals, and the raw figures as hollow points beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd

from cxfusion.results.display import display_names
from cxfusion.results.labels import column_label, metric_label

if TYPE_CHECKING:
    from cxfusion.results.charts import Layers

__all__ = ["excess_chart", "ranking_chart"]

_MAX_ROWS: Final = 40
_LETTERS: Final = 28
_LABELS: Final = 180  # pixels at the left
_ROW: Final = 17  # pixels
_MOST_HIGH: Final = 420  # pixels


def ranking_chart(groups: pd.DataFrame, by: str, metric: str, unit: str, mean: float, *, width: int) -> Layers:
    """One line per group; of many groups, those at either end.

    Parameters
    ----------
    groups : pandas.DataFrame
        The group's name in the first column, then ``adjusted, estimate, conf_low, conf_high``, lowest first.
    by, metric, unit : str
    mean : float
        Of the groups.
    width : int
        Whole width in pixels, about.
    """
    half = _MAX_ROWS // 2
    shown = groups if len(groups) <= _MAX_ROWS else pd.concat([groups.head(half), groups.tail(half)])
    frame = shown[["adjusted", "estimate", "conf_low", "conf_high"]].astype(float)
    frame["name"] = display_names(list(shown.iloc[:, 0]), _LETTERS)
    axis = alt.Axis(format="%" if unit == "share" else "~f", tickCount=5)
    title = metric_label(metric) if len(shown) == len(groups) else f"{metric_label(metric)}, lowest and highest {half}"
    y = alt.Y("name:N", sort=list(frame["name"]), title=column_label(by), axis=alt.Axis(labelLimit=_LABELS - 8))
    x = alt.X("estimate:Q", title=title, axis=axis, scale=alt.Scale(zero=False))
    base = alt.Chart(frame).encode(y=y)
    rule = alt.Chart(pd.DataFrame({"mean": [mean]})).mark_rule(style="reference").encode(x=alt.X("mean:Q", title=title))
    return alt.layer(
        rule,
        base.mark_rule().encode(x=alt.X("conf_low:Q", title=title), x2="conf_high:Q"),
        base.mark_point(filled=False, size=30, opacity=0.7).encode(x=alt.X("adjusted:Q", title=title)),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=x),
    ).properties(width=max(width - _LABELS - 20, 100), height=_ROW * len(frame))


def excess_chart(agents: pd.DataFrame, by: str, *, width: int) -> Layers:
    """One line per agent, the largest excess on top, filled where it is flagged; nobody is named.

    Parameters
    ----------
    agents : pandas.DataFrame
        ``estimate, conf_low, conf_high, is_flagged``.
    by : str
    width : int
        Whole width in pixels, about.
    """
    frame = agents[["estimate", "conf_low", "conf_high"]].astype(float).assign(
        place=range(1, len(agents) + 1), flagged=agents["is_flagged"].astype(bool)
    )  # fmt: skip
    title = "Expected score of those asked, beyond the common rule (score points)"
    y = alt.Y("place:O", title=f"{column_label(by)}, largest first", axis=alt.Axis(labels=False, ticks=False))
    x = alt.X("estimate:Q", title=title, axis=alt.Axis(format="~f", tickCount=5))
    base = alt.Chart(frame).encode(y=y)
    rule = alt.Chart(pd.DataFrame({"none": [0.0]})).mark_rule(style="reference").encode(x=alt.X("none:Q", title=title))
    return alt.layer(
        rule,
        base.mark_rule().encode(x=alt.X("conf_low:Q", title=title), x2="conf_high:Q"),
        base.transform_filter("!datum.flagged").mark_point(filled=False, size=30, opacity=0.7).encode(x=x),
        base.transform_filter("datum.flagged").mark_point(filled=True, size=60, opacity=1).encode(x=x),
    ).properties(width=max(width - 60, 100), height=min(_ROW * len(frame), _MOST_HIGH))
