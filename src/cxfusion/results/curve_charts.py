"""Pictures of one lever in detail: what the score would be at each of its levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.labels import lever_label, metric_label, outcome_label, tilt_label
from cxfusion.results.language import say
from cxfusion.results.readable import best_estimates

if TYPE_CHECKING:
    import pandas as pd

    from cxfusion.results.charts import Layers

__all__ = ["dose_curve", "nonresponse_chart", "nonresponse_panels"]

_HEIGHT: Final = 260  # pixels
_AXIS_WIDTH: Final = 60  # pixels, about
_IN_SECONDS: Final = (
    "datum.value >= 7200 ? format(datum.value / 3600, '~r') + ' h' :"
    " datum.value >= 120 ? format(datum.value / 60, '~r') + ' min' : format(datum.value, '~r') + ' s'"
)
_DURATIONS: Final = (
    *(1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800),
    *(3600, 7200, 14400, 21600, 28800, 43200, 86400, 172800, 345600, 604800, 1209600, 2592000),
)
"""Seconds that people count in."""
_TICKS: Final = 9


def dose_curve(
    curve: pd.DataFrame, bands: pd.DataFrame, tests: pd.DataFrame, *, is_log: bool = False, width: int
) -> Layers:
    """The expected score at each level of a lever, with its pointwise interval; bands as points.

    Parameters
    ----------
    curve, bands, tests : pandas.DataFrame
        As of ``DoseResponse``.
    is_log : bool
        Draw the levels in their logarithm, as far as they are not near zero.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        There is no curve.
    """
    if curve.empty:
        raise NothingToEstimateError("There is no dose curve to draw: it has no level.")
    lever, outcome, unit = (str(curve[name].iloc[0]) for name in ("lever", "outcome", "unit"))
    low, high = float(curve["level"].min()), float(curve["level"].max())
    axis = alt.Axis(format="~f", tickMinStep=1 if unit == "count" else alt.Undefined)
    if unit == "seconds":
        axis = alt.Axis(labelExpr=_IN_SECONDS, values=_time_ticks(low, high, is_log=is_log))
    scale = alt.Scale(domain=[low, high], nice=False, type="symlog" if is_log else "linear")
    x = alt.X("level:Q", title=lever_label(lever), axis=axis, scale=scale)
    title = f"Expected {outcome_label(outcome)}"
    y = alt.Y("estimate:Q", title=title, scale=alt.Scale(zero=False, padding=8))
    frame = curve[["level", "estimate", "conf_low", "conf_high"]]
    base = alt.Chart(frame).encode(x=x)
    points = alt.Chart(_on_curve(bands, low, high)).encode(x=x)
    layers = [
        *_threshold(tests, low, high, x),
        base.mark_area(opacity=0.18, clip=True).encode(y=alt.Y("conf_low:Q", title=title), y2="conf_high:Q"),
        base.mark_line(clip=True).encode(y=y),
        points.mark_rule(clip=True, opacity=0.5).encode(y=alt.Y("conf_low:Q", title=title), y2="conf_high:Q"),
        points.mark_point(filled=True, size=55, opacity=1, clip=True).encode(y=y),
    ]
    return alt.layer(*layers).properties(width=max(width - _AXIS_WIDTH, 100), height=_HEIGHT)


def _time_ticks(low: float, high: float, *, is_log: bool) -> list[int]:
    """Round durations along the axis, not too many."""
    if is_log:
        inside = [tick for tick in _DURATIONS if low <= tick <= high]
        return inside[:: max(1, -(-len(inside) // _TICKS))]
    step = next((step for step in _DURATIONS if (high - low) / step <= _TICKS), _DURATIONS[-1])
    return list(range(int(-(-low // step)) * step, int(high) + 1, step))


def _on_curve(bands: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Bands at their mean level, as far as that lies on the curve."""
    frame = bands[["level", "estimate", "conf_low", "conf_high"]].astype(float)
    return frame[frame["level"].between(low, high)]


def _threshold(tests: pd.DataFrame, low: float, high: float, x: alt.X) -> list[alt.Chart]:
    """The place where the score bends or drops, as a band and a line."""
    found = tests[(tests["test"] == "threshold") & tests["estimate"].notna()]
    if found.empty:
        return []
    frame = found[["estimate", "conf_low", "conf_high"]].astype(float).clip(lower=low, upper=high)
    frame = frame.rename(columns={"estimate": "level"})
    chart = alt.Chart(frame)
    return [
        chart.mark_rect(opacity=0.08).encode(x=alt.X("conf_low:Q"), x2="conf_high:Q"),
        chart.mark_rule(style="reference", strokeDash=[4, 3]).encode(x=x),
    ]


def nonresponse_chart(curve: pd.DataFrame, tipping: pd.DataFrame, *, width: int) -> Layers:
    """One figure by how many times as likely some were to answer, with its interval, and the target to be crossed.

    Parameters
    ----------
    curve, tipping : pandas.DataFrame
        As of ``NonresponseCurve``; one metric.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No row has a figure.
    """
    rows = curve[curve["estimate"].notna()]
    if rows.empty:
        raise NothingToEstimateError("There is no curve of non-response to draw: no row has a figure.")
    frame = rows[["times", "estimate", "conf_low", "conf_high"]].astype(float)
    frame["kind"] = rows["shape"].map(tilt_label)
    kinds = list(dict.fromkeys(frame["kind"]))
    title = metric_label(str(rows["metric"].iloc[0]))
    ticks = sorted(frame["times"].unique())
    axis = alt.Axis(values=ticks, format=".2~f", grid=True)
    scale = alt.Scale(type="log", domain=[ticks[0], ticks[-1]], nice=False)
    x = alt.X("times:Q", title=say("Times as likely to answer"), axis=axis, scale=scale)
    y = alt.Y("estimate:Q", title=title, scale=alt.Scale(zero=False, padding=8))
    legend = alt.Legend(title=None, orient="top")
    color = alt.Color("kind:N", sort=kinds, scale=alt.Scale(domain=kinds), legend=legend)
    base = alt.Chart(frame).encode(x=x, color=color)
    shape = alt.Shape("kind:N", sort=kinds, scale=alt.Scale(domain=kinds, range=["circle", "square"]), legend=legend)
    goal = alt.Chart(tipping[["target"]].astype(float).drop_duplicates())
    layers = [
        goal.mark_rule(style="reference").encode(y=alt.Y("target:Q", title=title)),
        base.mark_area(opacity=0.15).encode(y=alt.Y("conf_low:Q", title=title), y2="conf_high:Q"),
        base.mark_line().encode(y=y),
        base.mark_point(filled=True, size=55, opacity=1).encode(y=y, shape=shape),
    ]
    return alt.layer(*layers).properties(width=max(width - _AXIS_WIDTH, 100), height=_HEIGHT)


def nonresponse_panels(effects: pd.DataFrame, *, width: int) -> alt.VConcatChart:
    """Each lever's effect by how many times as likely some were to answer, one panel per lever, on one shared axis.

    Parameters
    ----------
    effects : pandas.DataFrame
        As of ``NonresponseEffects``.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No lever has an effect.
    """
    rows = effects[effects["estimate"].notna()]
    if rows.empty:
        raise NothingToEstimateError("There is no picture of levers under non-response: none has an effect.")
    best = best_estimates(rows)
    frame = rows[["lever", "times", "conf_low", "conf_high"]].assign(estimate=best, kind=rows["shape"].map(tilt_label))
    kinds, ticks = list(dict.fromkeys(frame["kind"])), sorted(frame["times"].unique())
    legend = alt.Legend(title=None, orient="top")
    scale = alt.Scale(type="log", domain=[ticks[0], ticks[-1]], nice=False)
    axis = alt.Axis(values=ticks, format=".2~f")
    panels = []
    for lever, own in frame.groupby("lever", sort=False):
        base = alt.Chart(own).encode(
            x=alt.X("times:Q", title=say("Times as likely to answer"), axis=axis, scale=scale),
            color=alt.Color("kind:N", sort=kinds, scale=alt.Scale(domain=kinds), legend=legend),
        )
        zero = alt.Chart(own.assign(zero=0).head(1)).mark_rule(style="reference").encode(y=alt.Y("zero:Q", title=None))
        layers = [
            zero,
            base.mark_area(opacity=0.15).encode(y=alt.Y("conf_low:Q", title=None), y2="conf_high:Q"),
            base.mark_line(point=True).encode(y=alt.Y("estimate:Q", title=None)),
        ]
        title = alt.TitleParams(lever_label(str(lever)), anchor="start")
        panels.append(alt.layer(*layers).properties(width=max(width - _AXIS_WIDTH, 100), height=110, title=title))
    chart: alt.VConcatChart = alt.vconcat(*panels).resolve_scale(x="shared", y="shared")
    return chart
