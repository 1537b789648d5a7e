"""A chart as a picture, drawn without a network: SVG for a page or a notebook, PNG for slides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import vl_convert

from cxfusion.results.language import spoken
from cxfusion.results.themes import THEMES

if TYPE_CHECKING:
    import altair as alt

__all__ = ["Theme", "as_png", "as_svg"]

Theme: TypeAlias = Literal["light", "dark"]
_DRAWN_ID: Final = re.compile(r'(?:(?<=id="clip)|(?<=url\(#clip)|(?<=id="gradient_)|(?<=url\(#gradient_))\d+')


def as_png(chart: alt.TopLevelMixin, theme: Theme = "light") -> bytes:
    """A chart as a PNG for slides, twice as large as it says so that it stays sharp, on an opaque ground.

    Parameters
    ----------
    chart : altair chart
    theme : {"light", "dark"}
    """
    spec = chart.to_dict(validate=False) | {"background": THEMES[theme]["background"] or "white"}
    drawn = vl_convert.vegalite_to_png(
        spec, config=THEMES[theme], scale=2, format_locale=_marks(), allowed_base_urls=[]
    )
    return bytes(drawn)


def _marks() -> dict[str, Any]:
    """How numbers on axes are written, in the language of the moment."""
    language = spoken()
    return {"decimal": language.decimal, "thousands": language.thousands, "grouping": [3], "currency": ["", ""]}


def as_svg(chart: alt.TopLevelMixin, theme: Theme = "light", background: str | None = None) -> str:
    """A chart as SVG text, drawn offline; the same chart gives the same text.

    Parameters
    ----------
    chart : altair chart
    theme : {"light", "dark"}
        Colours for a light or a dark page.
    background : str, optional
        A colour; transparent where none is given.
    """
    config = THEMES[theme] | {"background": background}
    spec = chart.to_dict(validate=False)
    svg = str(vl_convert.vegalite_to_svg(spec, config=config, format_locale=_marks(), allowed_base_urls=[]))
    numbers = list(dict.fromkeys(_DRAWN_ID.findall(svg)))  # they go on counting from picture to picture
    return _DRAWN_ID.sub(lambda found: str(numbers.index(found[0]) + 1), svg)
