"""What every result offers: a frame, Arrow, text and HTML, all drawn from the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Result"]


class Result:
    """Mix-in of results; a result is frozen, holds numbers only, and outlives its session.

    A subclass gives ``_frame`` (its numbers, one tidy frame) and ``_lines`` (its summary, line by line).
    """

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
        return "\n".join(self._lines())

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        from cxfusion.results.html import frame_as_html

        return frame_as_html(self._frame, caption=self._lines()[0])
