"""Pictures of a few estimates with their intervals, in rows, told apart by kind: of levers, paths and segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.display import display_names
from cxfusion.results.labels import column_label, lever_label, outcome_label, rung_label, standing_label, step_in_words

if TYPE_CHECKING:
    from cxfusion.results.charts import Layers

__all__ = ["mediation_chart", "recontact_chart", "segment_chart"]

_ROW: Final = 34  # pixels
_LABELS_WIDTH: Final = 216  # pixels
_LABEL_LETTERS: Final = 32
_PATHS: Final = {"total": "In all", "direct": "Directly", "indirect": "Through what follows"}
_POOLING: Final = ("This group alone", "With what the others show")
_POOLED: Final = ("pooled_estimate", "pooled_low", "pooled_high")
_SEGMENT_ROW: Final = 40  # pixels


def recontact_chart(levers: pd.DataFrame, *, width: int) -> Layers:
    """Each lever's effect on contact within a week, with its interval, and whether that agrees with the answers.

    Parameters
    ----------
    levers : pandas.DataFrame
        As of ``Corroboration``.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No lever has an estimate.
    """
    rows = levers[levers["recontact_estimate"].notna()]
    if rows.empty:
        raise NothingToEstimateError("There is no picture of contact within a week: no lever has an estimate.")
    frame = pd.DataFrame(
        {
            "name": display_names([lever_label(str(name)) for name in rows["lever"]], _LABEL_LETTERS),
            "kind": [standing_label(str(word)) for word in rows["agreement"]],
            "estimate": rows["recontact_estimate"].to_numpy(float),
            "low": rows["recontact_conf_low"].to_numpy(float),
            "high": rows["recontact_conf_high"].to_numpy(float),
        }
    )
    return _intervals(frame, "Change in contact again within a week, percentage points", width)


def mediation_chart(effects: pd.DataFrame, *, width: int) -> Layers:
    """A lever's total, direct and indirect effect, before and after the correction for hard cases.

    Parameters
    ----------
    effects : pandas.DataFrame
        As of ``Mediation``.
    width : int
        Whole width in pixels, about.
    """
    rows = effects[effects["status"] == "ok"]
    frame = pd.DataFrame(
        {
            "name": [_PATHS[str(term)] for term in rows["term"]],
            "kind": [rung_label(str(basis)) for basis in rows["basis"]],
            "estimate": rows["estimate"].to_numpy(float),
            "low": rows["conf_low"].to_numpy(float),
            "high": rows["conf_high"].to_numpy(float),
        }
    )
    first = rows.iloc[0]
    step = step_in_words(str(first["lever"]), float(first["step"]))
    return _intervals(frame, f"{step[:1].upper()}{step[1:]}: change in {outcome_label(str(first['outcome']))}", width)


def segment_chart(segments: pd.DataFrame, *, width: int) -> Layers:
    """Each segment's own effect and the pooled one, with intervals, in the order of the table.

    Parameters
    ----------
    segments : pandas.DataFrame
        As of ``SegmentEffects``.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No segment has an effect.
    """
    rows = segments[segments["estimate"].notna()]
    if rows.empty:
        raise NothingToEstimateError("There is no picture of segments: none has an effect.")
    first = rows.iloc[0]
    names = display_names(list(rows["segment"]), _LABEL_LETTERS)
    parts = []
    for kind, own in zip(_POOLING, (("estimate", "conf_low", "conf_high"), _POOLED), strict=True):
        part = rows[list(own)].astype(float).set_axis(["estimate", "low", "high"], axis=1)
        parts.append(part.assign(name=names, kind=kind))
    step = step_in_words(str(first["lever"]), float(first["step"]), str(first["unit"]))
    title = f"{step[:1].upper()}{step[1:]}: change in {outcome_label(str(first['outcome']))}"
    frame = pd.concat(parts, ignore_index=True)
    heading, shapes = column_label(str(first["by"])), ["circle", "square"]
    return _intervals(
        frame, title, width, heading=heading, row=_SEGMENT_ROW, legend_columns=alt.Undefined, shapes=shapes
    )


def _intervals(
    frame: pd.DataFrame,
    title: str,
    width: int,
    *,
    heading: str | None = None,
    row: int = _ROW,
    legend_columns: Any = 1,
    shapes: Any = alt.Undefined,
) -> Layers:
    """One row per name, its kinds one beneath the other: ``name, kind, estimate, low, high``; a heading of the rows."""
    names, kinds = list(dict.fromkeys(frame["name"])), list(dict.fromkeys(frame["kind"]))
    legend = alt.Legend(title=None, orient="top", columns=legend_columns)
    axis = alt.Axis(labelLimit=_LABELS_WIDTH - 8, ticks=False, domain=False)
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", sort=names, title=heading, axis=axis),
        color=alt.Color("kind:N", sort=kinds, scale=alt.Scale(domain=kinds), legend=legend),
    )
    if len(names) < len(frame):
        base = base.encode(yOffset=alt.YOffset("kind:N", sort=kinds, scale=alt.Scale(paddingOuter=0.8)))
    shape = alt.Shape("kind:N", sort=kinds, scale=alt.Scale(domain=kinds, range=shapes), legend=legend)
    x = alt.X("zero:Q", title=title)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(style="reference").encode(x=x)
    bars = base.mark_rule().encode(x=alt.X("low:Q", title=title), x2="high:Q")
    points = base.mark_point(filled=True, size=75, opacity=1).encode(x=alt.X("estimate:Q", title=title), shape=shape)
    return alt.layer(zero, bars, points).properties(width=max(width - _LABELS_WIDTH, 100), height=row * len(names))
