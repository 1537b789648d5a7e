"""Pictures of a lever's effect segment by segment: its own estimate, and the one drawn towards the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.labels import column_label, display_names, outcome_label, step_in_words

if TYPE_CHECKING:
    from cxfusion.results.charts import Layers

__all__ = ["segment_chart"]

_ROW: Final = 40  # pixels
_LABELS_WIDTH: Final = 216  # pixels
_LABEL_LETTERS: Final = 32
_KINDS: Final = ("Alone", "With what the others show")


def segment_chart(segments: pd.DataFrame, *, width: int = 720) -> Layers:
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
    frame = _both(rows)
    step = step_in_words(str(first["lever"]), float(first["step"]), str(first["unit"]))
    title = f"{step[:1].upper()}{step[1:]}: change in {outcome_label(str(first['outcome']))}"
    names, kinds = list(dict.fromkeys(frame["name"])), list(_KINDS)
    legend = alt.Legend(title=None, orient="top")
    axis = alt.Axis(labelLimit=_LABELS_WIDTH - 8, ticks=False, domain=False)
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", sort=names, title=column_label(str(first["by"])), axis=axis),
        yOffset=alt.YOffset("kind:N", sort=kinds, scale=alt.Scale(paddingOuter=0.8)),
        color=alt.Color("kind:N", sort=kinds, scale=alt.Scale(domain=kinds), legend=legend),
    )
    shape = alt.Shape("kind:N", sort=kinds, scale=alt.Scale(domain=kinds, range=["circle", "square"]), legend=legend)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(style="reference").encode(x=alt.X("zero:Q", title=title))
    bars = base.mark_rule().encode(x=alt.X("low:Q", title=title), x2="high:Q")
    points = base.mark_point(filled=True, size=75, opacity=1).encode(x=alt.X("estimate:Q", title=title), shape=shape)
    return alt.layer(zero, bars, points).properties(width=max(width - _LABELS_WIDTH, 100), height=_ROW * len(names))


def _both(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per segment and kind of estimate: ``name, kind, estimate, low, high``."""
    columns = (("estimate", "conf_low", "conf_high"), ("pooled_estimate", "pooled_low", "pooled_high"))
    names = display_names(list(rows["segment"]), _LABEL_LETTERS)
    parts = []
    for kind, own in zip(_KINDS, columns, strict=True):
        part = rows[list(own)].astype(float).set_axis(["estimate", "low", "high"], axis=1)
        parts.append(part.assign(name=names, kind=kind))
    return pd.concat(parts, ignore_index=True)
