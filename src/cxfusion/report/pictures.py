"""The pictures of the page as files for slides: SVG that stays sharp, PNG that opens anywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxfusion.errors import NothingToEstimateError, UnknownNameError
from cxfusion.report.answer import by_verdict
from cxfusion.results.charts import control, kpis_by_group, ladder, scores_by_group
from cxfusion.results.drawing import as_png, as_svg
from cxfusion.results.labels import within_labels
from cxfusion.results.language import known_as, speaking
from cxfusion.results.pictures import require_width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import altair as alt

    from cxfusion.report.content import ReportContent

__all__ = ["FORMATS", "write_pictures"]

FORMATS: Final = ("svg", "png")
_TURNS: Final = {"svg": lambda chart: as_svg(chart).encode(), "png": as_png}


def write_pictures(
    content: ReportContent, folder: str | Path, *, formats: Sequence[str] = FORMATS, width: int = 960
) -> list[Path]:
    """Every picture of the page, each as one file per format, on a light ground.

    Parameters
    ----------
    content : ReportContent
    folder : path
        Made if need be; files of the same names are replaced.
    formats : sequence of {"svg", "png"}
    width : int
        In pixels; a PNG has twice as many, so that it stays sharp on a projector.

    Returns
    -------
    list of Path
        The files; a picture for which there are no figures is left out.

    Raises
    ------
    UnknownNameError
        There is no such format.
    UsageError
        The width is none.
    """
    require_width(width)
    unknown = [str(form) for form in formats if form not in FORMATS]
    if unknown:
        raise UnknownNameError(f"Pictures cannot be written as {', '.join(unknown)}. Expected: {', '.join(FORMATS)}.")
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = []
    with speaking(content.language, content.labels), known_as(within_labels(content.who)):
        for name, chart in _charts(content, width):
            for form in formats:
                path = Path(folder) / f"{name}.{form}"
                path.write_bytes(_TURNS[form](chart))
                written.append(path)
    return written


def _charts(content: ReportContent, width: int) -> Iterator[tuple[str, alt.TopLevelMixin]]:
    levers = by_verdict(content.levers)
    draw: dict[str, Callable[[], alt.TopLevelMixin]] = {
        "ladder": lambda: ladder(content.rungs, levers, width=width),
        "control": lambda: control(content.rungs, levers, width=width),
        "scores": lambda: scores_by_group(content.perception, content.headline_metric, width=width),
        "operations": lambda: kpis_by_group(content.operations, width=width),
    }
    for place, result in enumerate(content.details, start=1):
        name = re.sub(r"[^a-z]+", "-", type(result).__name__.lower())
        draw[f"detail-{place}-{name}"] = lambda result=result: result.plot(width=width)  # type: ignore[misc]
    for name, make in draw.items():
        try:
            yield name, make()
        except NothingToEstimateError:
            continue
