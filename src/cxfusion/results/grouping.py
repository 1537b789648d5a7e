"""By which columns a result is grouped: their names in its frames, and its rows as a file shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import UnknownNameError, nearest_names

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

__all__ = ["EVERYTHING", "Grouping", "grouping_by"]

EVERYTHING: Final = "all"
"""Grouping and group of the rows that speak of the whole."""
_JOINER: Final = " × "


@dataclass(frozen=True)
class Grouping:
    """Columns by which a result is grouped.

    Attributes
    ----------
    columns : tuple of str
        Their names in the contact log.
    names : tuple of str
        Their names in the result's frames: the same, but ``contact_reason`` where the log's ``reason`` would
        stand beside the frame's own ``reason``.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]

    def as_rows(self, overall: pd.DataFrame, groups: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
        """The whole and its groups in one frame with the columns of ``schema``.

        Parameters
        ----------
        overall : pandas.DataFrame
            Rows without grouping columns.
        groups : pandas.DataFrame
            The same columns after the grouping columns.
        schema : pyarrow.Schema
            One with ``grouping`` and ``group``: column names and values, several joined by " × ".
        """
        whole = overall.assign(grouping=EVERYTHING, group=EVERYTHING)
        if not self.names:
            return whole[schema.names]
        parts = [[_text(value) for value in groups[name]] for name in self.names]
        joined = [_JOINER.join(values) for values in zip(*parts, strict=True)]
        named = groups.drop(columns=list(self.names)).assign(grouping=_JOINER.join(self.columns), group=joined)
        return pd.concat([whole, named], ignore_index=True)[schema.names] if joined else whole[schema.names]


def grouping_by(by: str | Sequence[str] | None, known: Collection[str], taken: Collection[str]) -> Grouping:
    """The grouping that was asked for.

    Parameters
    ----------
    by : str, sequence of str or None
        Columns of the contact log; None for the whole only.
    known : collection of str
        The columns there are.
    taken : collection of str
        Names that the result's frames use themselves.

    Raises
    ------
    UnknownNameError
        A column that the log does not have; all of them are listed, with the nearest that it has.
    """
    columns = tuple(dict.fromkeys([by] if isinstance(by, str) else by or ()))
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise UnknownNameError(
            f"The contact log has no column {', '.join(map(repr, unknown))} to group by."
            f" Expected columns of the log: {', '.join(known)}.",
            [f"{name!r}: nearest are {', '.join(nearest_names(name, known)) or 'none'}" for name in unknown],
        )
    return Grouping(columns, tuple(f"contact_{name}" if name in taken else name for name in columns))


def _text(value: Any) -> str:
    if pd.isna(value):
        return "(missing)"
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ", timespec="minutes")
    return f"{value:g}" if isinstance(value, float) else str(value)
