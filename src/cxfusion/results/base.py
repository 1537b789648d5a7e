"""What every result offers: a frame, Arrow, text and HTML, all drawn from the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cxfusion.errors import UnknownNameError, nearest_names
from cxfusion.results.language import known_as
from cxfusion.results.pictures import shown_anywhere

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

__all__ = ["Result", "require_metric"]


class Result:
    """Mix-in of results; a result is frozen, holds numbers only, and outlives its session.

    A subclass gives ``_frame`` (its numbers, one tidy frame) and ``_lines`` (its summary, line by line; the first line
    says on its own what the result is). As a dataclass it takes ``repr=False``, so that it is shown by that line. What
    its ``plot`` returns is shown by a notebook without a network.
    """

    _told: ClassVar[tuple[str, ...]] = ()
    """Columns that a notebook shows; all where empty."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "plot" in vars(cls):
            setattr(cls, "plot", shown_anywhere(vars(cls)["plot"]))  # noqa: B010  mypy knows of no plot here

    @property
    def _labels(self) -> Mapping[str, str]:
        """What levers are called, where who asked said so: of results that keep what was asked as ``spec``."""
        labels: Mapping[str, str] = getattr(getattr(self, "spec", None), "labels", {})
        return labels

    @property
    def _frame(self) -> pd.DataFrame:
        raise NotImplementedError

    def _lines(self) -> list[str]:
        raise NotImplementedError

    @property
    def table(self) -> pd.DataFrame:
        """The numbers as a pandas frame; a copy, so that changing it changes nothing here."""
        return self._frame.copy()

    def to_arrow(self) -> pa.Table:
        """The numbers as an Arrow table."""
        import pyarrow as pa

        return pa.Table.from_pandas(self._frame, preserve_index=False)

    def summary(self) -> str:
        """The result in a few lines of plain text."""
        with known_as(self._labels):
            return "\n".join(self._lines())

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        with known_as(self._labels):
            return f"{type(self).__name__}({self._lines()[0]})"

    def _shown(self) -> pd.DataFrame:
        """The numbers as people read them."""
        from cxfusion.results.readable import readable

        level = getattr(getattr(self, "spec", None), "conf_level", 0.95)
        return readable(self._frame, self._told, level)

    def _repr_html_(self) -> str:
        from cxfusion.results.html import frame_as_html

        with known_as(self._labels):
            return frame_as_html(self._shown(), caption=self._lines()[0])


def require_metric(metric: str, known: Sequence[str]) -> str:
    """The name of a metric, if the table has it.

    Raises
    ------
    UnknownNameError
        It has no such metric; the nearest that it has are named.
    """
    if metric not in known:
        near = ", ".join(nearest_names(metric, known) or known)
        raise UnknownNameError(f"The table has no metric {metric!r}. Expected one of: {near}.")
    return metric
