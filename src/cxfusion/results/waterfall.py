"""A waterfall: from one figure to another, step by step, each step as long as what it adds or takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import pandas as pd

from cxfusion.results.display import display_name
from cxfusion.results.formats import difference, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxfusion.results.charts import Layers

__all__ = ["waterfall"]

_LETTERS: Final = 30
_LABELS: Final = 216  # pixels at the left
_ROOM: Final = 96  # pixels at the right, for the figures


def waterfall(
    before: float,
    after: float,
    steps: Sequence[tuple[str, float]],
    unit: str,
    title: str,
    labels: tuple[str, str],
    *,
    width: int,
) -> Layers:
    """The steps that lead from one figure to another.

    Parameters
    ----------
    before, after : float
    steps : sequence of (str, float)
        What is added or taken away; they sum to ``after − before``.
    unit : str
        Of all of them.
    title : str
    labels : (str, str)
        What the two figures are called.
    width : int
        Whole width in pixels, about.
    """
    frame = _bars(before, after, steps, unit, labels)
    names = list(frame["name"])
    low, high = min(frame["start"].min(), frame["stop"].min()), max(frame["start"].max(), frame["stop"].max())
    pad = (high - low) * 0.15 or abs(high) * 0.1 or 1.0
    scale = alt.Scale(domain=[low - pad, high + pad], zero=False, nice=False)
    axis = alt.Axis(format="%" if unit == "share" else "~f", tickCount=5)
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelLimit=_LABELS - 8, ticks=False, domain=False))
    base = alt.Chart(frame).encode(y=y)
    spans = (
        base.transform_filter("datum.kind == 'step'")
        .mark_bar(height=14)
        .encode(x=alt.X("start:Q", title=None, scale=scale, axis=axis), x2="stop:Q", opacity=alt.value(0.85))
    )
    ends = (
        base.transform_filter("datum.kind == 'end'")
        .mark_point(filled=True, size=120, opacity=1)
        .encode(x=alt.X("stop:Q", title=None, scale=scale, axis=axis))
    )
    text = base.mark_text(align="left", dx=8).encode(x=alt.X("right:Q", title=None, scale=scale), text="text:N")
    return alt.layer(spans, ends, text).properties(
        width=max(width - _LABELS - _ROOM, 120), height=26 * len(frame), title=alt.TitleParams(title, anchor="start")
    )


def _bars(
    before: float, after: float, steps: Sequence[tuple[str, float]], unit: str, labels: tuple[str, str]
) -> pd.DataFrame:
    rows = [{"kind": "end", "start": before, "stop": before, "text": figure(before, unit)}]
    at = before
    for _, change in steps:
        rows.append({"kind": "step", "start": at, "stop": at + change, "text": difference(change, unit)})
        at += change
    rows.append({"kind": "end", "start": after, "stop": after, "text": figure(after, unit)})
    names = [display_name(name, _LETTERS) for name in (labels[0], *(name for name, _ in steps), labels[1])]
    frame = pd.DataFrame(rows)
    return frame.assign(name=_unique(names), right=frame[["start", "stop"]].max(axis=1))


def _unique(names: list[str]) -> list[str]:
    """A group may be called as another step is; each bar keeps its own line."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
