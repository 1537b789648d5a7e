"""Pictures of what leaders believe beside the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd

from cxfusion.results.display import display_names
from cxfusion.results.labels import lever_label

if TYPE_CHECKING:
    from cxfusion.results.charts import Layers

__all__ = ["belief_chart"]

_ROW: Final = 34  # pixels
_LABELS_WIDTH: Final = 216  # pixels
_LABEL_LETTERS: Final = 32
_KINDS: Final = ("Believed", "By the evidence")


def belief_chart(levers: pd.DataFrame, *, width: int) -> Layers:
    """Each lever's believed place, and its place by the evidence with the interval.

    Parameters
    ----------
    levers : pandas.DataFrame
        As of ``BeliefComparison``.
    width : int
        Whole width in pixels, about.
    """
    names = display_names([lever_label(str(name)) for name in levers["lever"]], _LABEL_LETTERS)
    own = levers.assign(name=names)
    believed = own.assign(kind=_KINDS[0], place=own["believed_place"], low=own["believed_place"])
    believed["high"] = own["believed_place"]
    found = own.assign(kind=_KINDS[1], place=own["evidence_place"], low=own["place_low"], high=own["place_high"])
    frame = pd.concat([believed, found], ignore_index=True)[["name", "kind", "place", "low", "high"]]
    kinds, most = list(_KINDS), int(frame["high"].max())
    legend = alt.Legend(title=None, orient="top")
    axis = alt.Axis(labelLimit=_LABELS_WIDTH - 8, ticks=False, domain=False)
    scale = alt.Scale(domain=[0.5, most + 0.5], nice=False)
    x = alt.X(
        "place:Q", title="Place (1: moves customers most)", axis=alt.Axis(values=list(range(1, most + 1))), scale=scale
    )
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=axis),
        yOffset=alt.YOffset("kind:N", sort=kinds, scale=alt.Scale(paddingOuter=0.8)),
        color=alt.Color("kind:N", sort=kinds, scale=alt.Scale(domain=kinds), legend=legend),
    )
    shape = alt.Shape("kind:N", sort=kinds, scale=alt.Scale(domain=kinds, range=["square", "circle"]), legend=legend)
    bars = base.mark_rule().encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    points = base.mark_point(filled=True, size=75, opacity=1).encode(x=x, shape=shape)
    return alt.layer(bars, points).properties(width=max(width - _LABELS_WIDTH, 100), height=_ROW * len(names))
