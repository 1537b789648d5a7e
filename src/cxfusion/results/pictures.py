"""Charts that a notebook shows without a network.

Altair's own display fetches its drawing program from elsewhere, and a call centre's machine may have no way out. So a
chart of ours is drawn here, in the colours of the page. Once changed, it is an Altair chart like any other.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from cxfusion.errors import require_number
from cxfusion.results.language import known_as

if TYPE_CHECKING:
    from collections.abc import Callable

    import altair as alt

__all__ = ["require_width", "shown_anywhere"]

P = ParamSpec("P")
LEAST_WIDTH: Final = 200
"""In pixels: labels alone take more than half of it."""


def require_width(width: object) -> None:
    """Refuse what is no width of a picture, before anything is drawn.

    Raises
    ------
    UsageError
    """
    told = f"pixels, such as 960, and at least {LEAST_WIDTH}"
    require_number("width", width, told, lambda pixels: pixels >= LEAST_WIDTH)


def shown_anywhere(plot: Callable[P, alt.TopLevelMixin]) -> Callable[P, alt.TopLevelMixin]:
    """A ``plot`` whose charts bring their picture along: SVG, in the colours of a light page, on white."""

    @wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> alt.TopLevelMixin:
        if "width" in kwargs:
            require_width(kwargs["width"])
        with known_as(getattr(args[0], "_labels", {})):
            chart = plot(*args, **kwargs)
        object.__setattr__(
            chart, "_repr_mimebundle_", partial(_bundle, chart)
        )  # past Altair's own: no part of the spec
        return chart

    return drawn


def _bundle(chart: alt.TopLevelMixin, *_: Any, **__: Any) -> dict[str, str]:
    from cxfusion.results.drawing import as_svg

    return {"image/svg+xml": as_svg(chart, background="white"), "text/plain": f"{type(chart).__name__} of cxfusion"}
