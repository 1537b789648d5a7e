"""Pictures for the page: each drawn wide and narrow, light and dark, and shown by the style sheet as fits.

They stand in ``<img>`` as data, where no script can run and nothing can be fetched, each with its words.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxfusion.errors import NothingToEstimateError
from cxfusion.report.answer import by_verdict
from cxfusion.results.charts import MAX_GROUPS, control, ladder, scores_by_group
from cxfusion.results.display import display_name
from cxfusion.results.drawing import as_svg
from cxfusion.results.formats import change, confidence, figure, interval
from cxfusion.results.labels import BESIDE, DESIGNS, LADDER, lever_label, metric_label, rung_label, step_in_words
from cxfusion.results.language import ENGLISH, Untranslated, in_sentence, said, say, speaking, spoken
from cxfusion.results.themes import in_dark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import altair as alt
    import pandas as pd

    from cxfusion.report.content import Drawn, ReportContent
    from cxfusion.results.drawing import Theme

__all__ = ["Detail", "Figure", "Image", "control_figure", "detail", "in_english", "ladder_figure", "scores_figure"]

_WIDTHS: Final = {"wide": 848, "narrow": 350}


@dataclass(frozen=True)
class Image:
    """One drawing of a figure: when it is shown, its data, its size in pixels."""

    shown: str
    source: str
    width: str
    height: str


@dataclass(frozen=True)
class Figure:
    """One figure of the page: its words, and its drawings; none of these where ``missing`` says why."""

    words: str
    images: tuple[Image, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Detail:
    """One result in detail: what it is, its picture, and its sentences."""

    title: str
    picture: Figure
    lines: tuple[str, ...]


def detail(result: Drawn) -> Detail:
    """A result as its own summary and picture."""
    title, *lines = told = in_english(result)
    words = display_name(" ".join(told), limit=1200)
    words = Untranslated(words) if isinstance(title, Untranslated) else words
    return Detail(title, _figure(lambda width: result.plot(width=width), words), tuple(lines))


def in_english(result: Drawn) -> list[str]:
    """The lines of a result's summary, which speak English with the user's own words whatever the page speaks."""
    page = spoken()
    with speaking(ENGLISH.code, page.labels):
        lines = [line.strip() for line in result.summary().splitlines()]
    return lines if page.is_english else [Untranslated(line) for line in lines]


def ladder_figure(content: ReportContent) -> Figure:
    """The ladder of every lever, in the order of the table."""
    levers = by_verdict(content.levers)
    return _figure(
        lambda width: ladder(content.rungs, levers, width=width),
        _ladder_in_words(levers, content.rungs, content.conf_level),
    )


def control_figure(content: ReportContent) -> Figure:
    """The negative control of every lever that has one."""
    told = content.levers[content.levers["corrected_estimate"].notna()]
    return _figure(
        lambda width: control(content.rungs, content.levers, width=width),
        say("Effect of each lever before and after the correction for hidden difficulty.")
        + "".join(
            " "
            + say(
                "{lever}: {within}, corrected {corrected}.",
                lever=lever_label(lever),
                within=change(within, unit),
                corrected=change(corrected, unit),
            )
            for lever, within, corrected, unit in told[
                ["lever", "within_estimate", "corrected_estimate", "outcome_unit"]
            ].itertuples(index=False)
        ),
    )


def scores_figure(content: ReportContent) -> Figure:
    """The outcome's score by group."""
    metric = content.headline_metric
    return _figure(
        lambda width: scores_by_group(content.perception, metric, width=width),
        _scores_in_words(content.perception, metric),
    )


def _figure(draw: Callable[[int], alt.TopLevelMixin], words: str) -> Figure:
    try:
        charts = {room: draw(width) for room, width in _WIDTHS.items()}
    except NothingToEstimateError as nothing:
        return Figure(words, missing=said(nothing.message))
    drawn = {f"{room} {theme}": svg for room, chart in charts.items() for theme, svg in _by_theme(chart)}
    return Figure(words, tuple(_image(svg, shown) for shown, svg in drawn.items()))


def _by_theme(chart: alt.TopLevelMixin) -> Iterator[tuple[Theme, str]]:
    light = as_svg(chart, "light")
    yield "light", light
    yield "dark", in_dark(light) or as_svg(chart, "dark")


def _image(svg: str, shown: str) -> Image:
    width, height = re.findall(r' (?:width|height)="([\d.]+)"', svg)[:2]
    return Image(shown, f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}", width, height)


def _ladder_in_words(levers: pd.DataFrame, rungs: pd.DataFrame, conf_level: float) -> str:
    spoken = []
    for lever, step, unit, outcome_unit in levers[["lever", "step", "unit", "outcome_unit"]].itertuples(index=False):
        own = rungs[
            (rungs["lever"] == lever) & rungs["rung"].isin((*LADDER, *BESIDE, *DESIGNS)) & rungs["estimate"].notna()
        ]
        parts = [
            f"{in_sentence(rung_label(rung))} {change(estimate, outcome_unit)}"
            f" ({interval(low, high, outcome_unit, signed=True)})"
            for rung, estimate, low, high in own[["rung", "estimate", "conf_low", "conf_high"]].itertuples(index=False)
        ]
        if parts:
            spoken.append(f"{lever_label(lever)}, {step_in_words(lever, step, unit)}: {', '.join(parts)}.")
    head = say(
        "Change of the score for each lever, in ever fairer comparisons, with {level} intervals.",
        level=confidence(conf_level),
    )
    return " ".join([head, *spoken])


def _scores_in_words(perception: pd.DataFrame, metric: str) -> str:
    rows = perception[(perception["metric"] == metric) & perception["estimate"].notna()]
    columns = ["grouping", "group", "estimate", "conf_low", "conf_high", "unit"]
    largest = rows.sort_values("n", ascending=False, kind="stable").head(MAX_GROUPS + 1)
    parts = [
        f"{say('everyone') if grouping == 'all' else display_name(group)} {figure(estimate, unit)}"
        f" ({interval(low, high, unit)})"
        for grouping, group, estimate, low, high, unit in largest[columns].itertuples(index=False)
    ]
    return say(
        "{metric} by group, with 95 % intervals: {figures}.", metric=metric_label(metric), figures="; ".join(parts)
    )
