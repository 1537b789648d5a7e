"""Colours and type of every picture, for a light and for a dark page; contrast of text is AA on both."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import Any, Final

__all__ = ["FONT", "THEMES", "in_dark"]

FONT: Final = "Arial, Helvetica, 'Liberation Sans', sans-serif"
"""One width everywhere: the drawing program must measure the letters the reader's machine will show."""


@dataclass(frozen=True)
class _Palette:
    ink: str
    quiet: str
    line: str
    accent: str
    rungs: tuple[str, str, str, str]  # from the naive comparison to the fairest, ever stronger
    beside: tuple[str]  # agents compared with agents
    designs: tuple[str, str]  # what rests on assignment
    good: str
    warn: str
    calm: str


_LIGHT: Final = _Palette(
    ink="#18212b",
    quiet="#56616d",
    line="#e3e6ea",
    accent="#0f4c81",
    rungs=("#87929e", "#5592c4", "#3a78ad", "#0b3d69"),
    beside=("#6b6a16",),
    designs=("#a3541c", "#7a3b86"),
    good="#14603a",
    warn="#7a4a00",
    calm="#3b4a5a",
)
_DARK: Final = _Palette(
    ink="#eceff3",
    quiet="#a3adb8",
    line="#2c343d",
    accent="#8cc0f0",
    rungs=("#6b7681", "#5f87ad", "#86b4de", "#c3e1ff"),
    beside=("#c9c66a",),
    designs=("#eda267", "#d6a3e3"),
    good="#8fdcb0",
    warn="#f2c57c",
    calm="#c3cfdb",
)


def _config(palette: _Palette) -> dict[str, Any]:
    return {
        "aria": False,  # the page gives each picture one alternative text and a table
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "range": {
            "category": [*palette.rungs, *palette.beside, *palette.designs],
            "heatmap": [palette.line, palette.accent],
        },
        "mark": {"color": palette.accent},
        "text": {"fontSize": 12.5, "color": palette.ink},
        "rule": {"color": palette.accent, "strokeWidth": 2.5, "opacity": 0.75},
        "style": {
            "reference": {"color": palette.quiet, "strokeWidth": 1.25, "opacity": 1},
            "good": {"color": palette.good, "fontWeight": 600},
            "warn": {"color": palette.warn, "fontWeight": 600},
            "calm": {"color": palette.calm, "fontWeight": 600},
        },
        "title": {"color": palette.ink, "fontSize": 13, "fontWeight": 600},
        "legend": {
            "labelColor": palette.ink,
            "labelFontSize": 12.5,
            "symbolSize": 90,
            "columnPadding": 28,
            "padding": 0,
            "offset": 14,
        },
        "axis": {
            "labelColor": palette.ink,
            "labelFontSize": 12.5,
            "titleColor": palette.quiet,
            "titleFontSize": 12.5,
            "titleFontWeight": 400,
            "titlePadding": 12,
            "gridColor": palette.line,
            "domainColor": palette.line,
            "tickColor": palette.line,
        },
    }


THEMES: Final[dict[str, dict[str, Any]]] = {"light": _config(_LIGHT), "dark": _config(_DARK)}
"""Vega-Lite configuration by theme."""


def _colours(palette: _Palette) -> list[str]:
    return [one for role in astuple(palette) for one in ((role,) if isinstance(role, str) else role)]


_PLAIN: Final = {"none": "none", "transparent": "transparent"}
_TO_DARK: Final = dict(zip(_colours(_LIGHT), _colours(_DARK), strict=True)) | _PLAIN
_PAINT: Final = re.compile(r'\b(fill|stroke)="([^"]*)"')


def in_dark(svg: str) -> str | None:
    """A picture of the light theme in the colours of the dark one, without drawing it again.

    None where it has other colours than those of the theme, such as shades between two of them.
    """
    if any(colour not in _TO_DARK for _, colour in _PAINT.findall(svg)):
        return None
    return _PAINT.sub(lambda found: f'{found[1]}="{_TO_DARK[found[2]]}"', svg)
