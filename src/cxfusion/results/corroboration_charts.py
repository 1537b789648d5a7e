"""Pictures of what customers do beside what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.labels import display_names, lever_label, standing_label

if TYPE_CHECKING:
    from cxfusion.results.charts import Layers

__all__ = ["recontact_chart"]

_ROW: Final = 34  # pixels
_LABELS_WIDTH: Final = 216  # pixels
_LABEL_LETTERS: Final = 32


def recontact_chart(levers: pd.DataFrame, *, width: int = 720) -> Layers:
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
    kinds = list(dict.fromkeys(frame["kind"]))
    legend = alt.Legend(title=None, orient="top")
    title = "Change in contact again within a week, percentage points"
    axis = alt.Axis(labelLimit=_LABELS_WIDTH - 8, ticks=False, domain=False)
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", sort=list(frame["name"]), title=None, axis=axis),
        color=alt.Color("kind:N", sort=kinds, scale=alt.Scale(domain=kinds), legend=legend),
    )
    shape = alt.Shape("kind:N", sort=kinds, scale=alt.Scale(domain=kinds), legend=legend)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(style="reference").encode(x=alt.X("zero:Q", title=title))
    bars = base.mark_rule().encode(x=alt.X("low:Q", title=title), x2="high:Q")
    points = base.mark_point(filled=True, size=75, opacity=1).encode(x=alt.X("estimate:Q", title=title), shape=shape)
    return alt.layer(zero, bars, points).properties(width=max(width - _LABELS_WIDTH, 100), height=_ROW * len(frame))
