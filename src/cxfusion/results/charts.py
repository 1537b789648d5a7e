"""Pictures of results as Altair specs, one spec for notebook and page; colours come from the theme alone.

A picture reads on paper without colour (shapes differ) and its numbers always stand in a table as well.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import altair as alt
import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.results.display import display_names
from cxfusion.results.formats import figure, percent
from cxfusion.results.labels import (
    BESIDE,
    DESIGNS,
    HEADLINES,
    LADDER,
    lever_label,
    metric_label,
    outcome_label,
    rung_label,
    step_in_words,
    unit_label,
    verdict_label,
)
from cxfusion.results.language import say
from cxfusion.results.reach import ARROWS, cut_to_reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MAX_GROUPS", "Layers", "control", "kpis_by_group", "ladder", "scores_by_group"]

Layers: TypeAlias = alt.LayerChart | alt.FacetChart
MAX_GROUPS: Final = 15
"""Groups in one picture: the largest ones; the table holds the rest."""
_SIGNED: Final = "datum.value === 0 ? '0' : format(datum.value, '+.4~f')"
_WIDE: Final = 800  # pixels; below, legends take two columns
_NARROW: Final = 480  # pixels; below, legends stand in one column and labels take less room
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "triangle-right", "cross", "triangle-down")
_PICTURED: Final = (*LADDER, *BESIDE, *DESIGNS)
_TONES: Final = {"moves": "good", "passed": "good", "proxy": "warn", "contested": "warn", "failed": "warn"}
"""Tone of the word beside a lever; calm for the others."""
_LETTER: Final = 6.4  # pixels, an ample mean at the size of labels
_LINE: Final = 16  # pixels
_BAND: Final = 46  # pixels of a lever besides its rungs
_RUNG: Final = 14  # pixels


def ladder(rungs: pd.DataFrame, levers: pd.DataFrame, *, width: int = 720) -> Layers:
    """Per lever, the change of the score at each rung, with its interval, on one shared axis, and the verdict.

    Agents compared with agents, and designs that rest on assignment, stand below the ladder where they are applicable;
    the picture is as wide as the ladder asks, and an arrow marks an interval of theirs that goes on beyond it.

    Parameters
    ----------
    rungs : pandas.DataFrame
        Columns of ``results.schemas.EVIDENCE``.
    levers : pandas.DataFrame
        Columns of ``results.schemas.LEVERS``; gives the levers shown and their order.
    width : int
        Whole width in pixels, labels included.

    Raises
    ------
    NothingToEstimateError
        No lever has an estimate on any rung.
    """
    return _rungs_chart(rungs, levers, _PICTURED, _words(levers["verdict"], verdict_label), width)


def control(rungs: pd.DataFrame, levers: pd.DataFrame, *, width: int = 720) -> Layers:
    """The negative control: per lever, the effect before and after the correction for hard cases, and how it came out.

    Parameters
    ----------
    rungs, levers : pandas.DataFrame
        As of :func:`ladder`.
    width : int
        Whole width in pixels.

    Raises
    ------
    NothingToEstimateError
        No lever could be corrected.
    """
    told = levers[levers["corrected_estimate"].notna() & levers["control"].notna()]
    if told.empty:
        raise NothingToEstimateError("There is no negative control to draw: no lever could be corrected by one.")
    words = _words(told["control"], lambda word: say(f"Control {word}"))
    chart = _rungs_chart(rungs, told, ("within", "corrected"), words, width)
    share = told["reliability"].dropna()
    if share.empty:
        return chart
    title = say(
        "{share} of after-call work is hidden difficulty; the rest of it is noise", share=percent(float(share.iloc[0]))
    )
    return chart.properties(
        title=alt.TitleParams(textwrap.wrap(title, int(width / _LETTER)), anchor="start", offset=10)
    )


def _words(words: pd.Series[str], label: Callable[[str], str]) -> list[tuple[str, str]]:
    """Word beside each lever, and its tone."""
    return [(label(str(word)), _TONES.get(str(word), "calm")) for word in words]


def _rungs_chart(
    rungs: pd.DataFrame, levers: pd.DataFrame, shown: tuple[str, ...], words: list[tuple[str, str]], width: int
) -> Layers:
    """Some rungs of every lever, each with a word above its marks."""
    frame = _ladder_frame(rungs, levers, shown, width)
    frame = cut_to_reach(frame, frame["rung_name"].isin([rung_label(rung) for rung in LADDER]).to_numpy())
    names, rung_names = list(dict.fromkeys(frame["name"])), list(dict.fromkeys(frame["rung_name"]))
    title: list[str] = textwrap.wrap(
        say(
            "Change in {outcome}, {unit}",
            outcome=outcome_label(str(levers["outcome"].iloc[0])),
            unit=unit_label(str(levers["outcome_unit"].iloc[0])),
        ),
        int(_plot_width(width) / _LETTER),
    )
    columns = 1 if width < _NARROW else 2 if width < _WIDE else 3
    legend = alt.Legend(
        title=None, orient="top", direction="vertical" if columns == 1 else "horizontal", columns=columns,
        values=rung_names, labelLimit=0,
    )  # fmt: skip
    known = [rung_label(rung) for rung in _PICTURED]  # a rung keeps its colour and shape whichever others are there
    shapes = alt.Scale(domain=known, range=list(_SHAPES))
    y = alt.Y("name:N", sort=names, title=None, axis=_band_axis(names, _label_width(width)), scale=alt.Scale(padding=0))
    base = alt.Chart(frame).encode(
        y=y,
        yOffset=alt.YOffset("rung_name:N", sort=rung_names, scale=alt.Scale(paddingOuter=1.0)),
        color=alt.Color("rung_name:N", sort=known, scale=alt.Scale(domain=known), legend=legend),
    )
    x = alt.X("estimate:Q", title=title, axis=alt.Axis(labelExpr=_SIGNED, tickCount=4 if width < _NARROW else 6))
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(style="reference").encode(x=alt.X("zero:Q", title=title))
    bars = base.mark_rule().encode(x=alt.X("conf_low:Q", title=title), x2="conf_high:Q")
    arrows = [
        base.transform_filter(f"datum.{end}")
        .mark_point(shape=outline, filled=False, size=130, strokeWidth=2.5, opacity=1)
        .encode(x=f"{at}:Q")
        for (end, outline), at in zip(ARROWS.items(), ("conf_low", "conf_high"), strict=True)
        if frame[end].any()
    ]
    points = base.mark_point(filled=True, size=85, opacity=1).encode(
        x=x, shape=alt.Shape("rung_name:N", sort=known, scale=shapes, legend=legend)
    )
    band = _BAND + _RUNG * len(rung_names)
    by_lever = dict(zip(levers["lever"], words, strict=True))
    beside = _word_layers(
        {name: by_lever[lever] for lever, name in _names(levers, width).items() if name in names}, y, band
    )
    return _sized(alt.layer(zero, bars, *arrows, points, *beside), width, band * len(names))


def _word_layers(words: dict[str, tuple[str, str]], y: alt.Y, band: int) -> list[alt.Chart]:
    """The word of each lever at the right end of its band, one layer per tone; colours come from the theme."""
    layers = []
    for tone in dict.fromkeys(tone for _, tone in words.values()):
        own = [{"name": name, "word": word} for name, (word, its) in words.items() if its == tone]
        chart = alt.Chart(pd.DataFrame(own)).mark_text(
            style=tone, align="right", baseline="top", dx=-4, dy=5 - band / 2
        )
        layers.append(chart.encode(y=y, x=alt.value("width"), text="word:N"))
    return layers


def _names(levers: pd.DataFrame, width: int) -> dict[str, str]:
    return {str(row.lever): _lever_name(row, _label_width(width)) for row in levers.itertuples()}


def _ladder_frame(rungs: pd.DataFrame, levers: pd.DataFrame, rungs_shown: tuple[str, ...], width: int) -> pd.DataFrame:
    """One row per lever and rung that has an estimate, in the order of ``levers`` and of the rungs."""
    names = _names(levers, width)
    shown = rungs[rungs["lever"].isin(list(names)) & rungs["rung"].isin(rungs_shown) & rungs["estimate"].notna()]
    if shown.empty:
        raise NothingToEstimateError("There is no ladder to draw: no lever has an estimate on any rung.")
    places = {key: i for i, key in enumerate([*names, *rungs_shown])}
    shown = shown.sort_values(["rung", "lever"], key=lambda keys: keys.map(places))
    return pd.DataFrame(
        {
            "name": shown["lever"].map(names),
            "rung_name": shown["rung"].map(rung_label),
            **{column: shown[column].astype(float) for column in ("estimate", "conf_low", "conf_high")},
        }
    )


def _lever_name(row: Any, label_width: int) -> str:
    """Label and step, wrapped to the room there is; the axis splits the lines at the line feeds."""
    letters = int(label_width / _LETTER)
    step = step_in_words(row.lever, row.step, row.unit)
    lines = textwrap.wrap(lever_label(row.lever), letters)[:2] + textwrap.wrap(step, letters)[:3]
    return "\n".join(lines)


def scores_by_group(perception: pd.DataFrame, metric: str, *, width: int = 720) -> Layers:
    """One score by group with its interval, best first, the overall figure as a line.

    Parameters
    ----------
    perception : pandas.DataFrame
        Columns of ``results.schemas.PERCEPTION``; the largest groups of its first grouping are drawn.
    metric : str
        For example ``csat_mean``.
    width : int
        Whole width in pixels.

    Raises
    ------
    NothingToEstimateError
        No group has a figure.
    """
    rows = perception[(perception["metric"] == metric) & perception["estimate"].notna()]
    groups = _largest_groups(rows, metric).sort_values("estimate", ascending=False, kind="stable")
    frame = groups[["estimate", "conf_low", "conf_high"]].astype(float)
    frame["name"] = display_names(list(groups["group"]), int(_label_width(width) / _LETTER))
    frame["text"] = _figures(groups)
    title = metric_label(metric)
    axis = alt.Axis(format="%" if (groups["unit"] == "share").any() else "~f", tickCount=5)
    x = alt.X("estimate:Q", title=title, axis=axis, scale=alt.Scale(zero=False, padding=28))
    y_axis = _label_axis(_label_width(width))
    base = alt.Chart(frame).encode(y=alt.Y("name:N", sort=list(frame["name"]), title=None, axis=y_axis))
    overall = rows.loc[rows["grouping"] == "all", ["estimate"]].astype(float)
    return _sized(
        alt.layer(
            alt.Chart(overall).mark_rule(style="reference").encode(x=x),
            base.mark_rule().encode(x=alt.X("conf_low:Q", title=title), x2="conf_high:Q"),
            base.mark_point(filled=True, size=75, opacity=1).encode(x=x),
            base.mark_text(align="left", dx=7).encode(x="conf_high:Q", text="text:N"),
        ),
        width,
        34 * len(frame),
    )


def kpis_by_group(operations: pd.DataFrame, *, metrics: Sequence[str] = HEADLINES, width: int = 720) -> alt.ConcatChart:
    """One small bar chart per metric, groups in the same order (largest first) in each.

    Parameters
    ----------
    operations : pandas.DataFrame
        Columns of ``results.schemas.OPERATIONS``; the largest groups of its first grouping are drawn.
    metrics : sequence of str
        Those of them that have a figure are drawn.
    width : int
        Whole width in pixels, about.

    Raises
    ------
    NothingToEstimateError
        No group has a figure.
    """
    rows = operations[operations["estimate"].notna()]
    sizes = _largest_groups(rows, "volume")["group"]
    names = dict(zip(sizes, display_names(list(sizes), int(_label_width(width) / _LETTER)), strict=True))
    rows = rows[(rows["grouping"] != "all") & rows["group"].isin(list(names)) & rows["metric"].isin(metrics)]
    drawn = list(dict.fromkeys(rows["metric"]))
    if not drawn:
        raise NothingToEstimateError(f"There is no picture of {', '.join(metrics)} by group: no group has a figure.")
    columns = min(len(drawn), 1 if width < _NARROW else 3)
    bar_width = (width - _label_width(width) - 24 * columns) // columns
    panels = [
        _bars(rows[rows["metric"] == metric], names, bar_width, None if i % columns else _label_width(width))
        for i, metric in enumerate(drawn)
    ]
    return alt.concat(*panels, columns=columns, spacing=24)


def _bars(rows: pd.DataFrame, names: dict[Any, str], width: int, label_width: int | None) -> Layers:
    frame = pd.DataFrame(
        {
            "name": [names[group] for group in rows["group"]],
            "estimate": rows["estimate"].astype(float).to_numpy(),
            "text": _figures(rows),
        }
    )
    top = max(float(frame["estimate"].max()), 0.0) or 1.0
    axis = None if label_width is None else _label_axis(label_width)
    base = alt.Chart(frame).encode(
        y=alt.Y(
            "name:N",
            sort=list(names.values()),
            title=None,
            axis=axis,
            scale=alt.Scale(domain=list(names.values())),
        ),
        x=alt.X("estimate:Q", axis=None, scale=alt.Scale(domain=[0, 1.8 * top])),  # room for the figure beside the bar
    )
    bars = base.mark_bar(height=11, cornerRadiusEnd=2)
    title = alt.TitleParams(metric_label(str(rows["metric"].iloc[0])), anchor="start", offset=6)
    layered = alt.layer(bars, base.mark_text(align="left", dx=5).encode(text="text:N"))
    return layered.properties(width=width, height=24 * len(names), title=title)


def _largest_groups(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of one metric for the largest groups of the first grouping, largest first."""
    grouped = rows[(rows["grouping"] != "all") & (rows["metric"] == metric)]
    if grouped.empty:
        raise NothingToEstimateError(f"There is no picture of {metric} by group: no group has a figure.")
    first: pd.DataFrame = grouped[grouped["grouping"] == grouped["grouping"].iloc[0]]
    return first.sort_values("n", ascending=False, kind="stable").head(MAX_GROUPS)


def _figures(rows: pd.DataFrame) -> list[str]:
    return [figure(value, unit) for value, unit in zip(rows["estimate"], rows["unit"], strict=True)]


def _label_width(width: int) -> int:
    """Room for labels at the left, in pixels."""
    return 126 if width < _NARROW else 216


def _plot_width(width: int) -> int:
    return width - _label_width(width) - 20


def _band_axis(names: list[str], label_width: int) -> alt.Axis:
    """Labels of several lines, between faint lines that part one lever from the next."""
    lines = max(name.count("\n") + 1 for name in names)
    return alt.Axis(
        **_labels_at_left(label_width), labelExpr="split(datum.label, '\\n')", labelLineHeight=_LINE,
        labelOffset=-_LINE * (lines - 1) / 2, tickBand="extent", grid=True,
    )  # fmt: skip


def _label_axis(label_width: int) -> alt.Axis:
    return alt.Axis(**_labels_at_left(label_width), grid=False)


def _labels_at_left(label_width: int) -> dict[str, Any]:
    """Labels that begin where the text of the page begins, with a fixed room."""
    return {
        "labelAlign": "left", "labelPadding": label_width, "labelLimit": label_width - 8,
        "minExtent": label_width, "maxExtent": label_width, "ticks": False, "domain": False,
    }  # fmt: skip


def _sized(chart: Layers, width: int, height: int) -> Layers:
    """A chart whose labels and plot together are ``width`` wide, whatever the labels say."""
    padding = {"left": 0, "right": 20, "top": 4, "bottom": 4}
    return chart.properties(width=_plot_width(width), height=height, padding=padding)
