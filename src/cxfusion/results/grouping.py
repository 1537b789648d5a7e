"""By which columns and intervals a result is grouped: their names in its frames, and its rows as a file shows them.

An interval is a piece of the site's clock; its start is shown as that clock showed it, without a zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import UnknownNameError, UsageError, told_nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

__all__ = ["EVERYTHING", "INTERVALS", "START", "TEXT", "Grouping", "as_columns", "grouping_by", "local_starts"]

EVERYTHING: Final = "all"
"""Grouping and group of the rows that speak of the whole."""
START: Final = "interval_start"
"""Column of a result's frames that holds the start of the interval."""
INTERVALS: Final[Mapping[str, timedelta]] = {
    "15min": timedelta(minutes=15),
    "30min": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
"""Intervals that can be asked for."""
TEXT: Final = pd.Series(["", None]).dtype
"""Type of a result's column of text with gaps. Before pandas 3 its own ``str`` made the word "None" of a gap."""
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
        stand beside the frame's own ``reason``; at last ``interval_start`` where an interval was asked for.
    interval : timedelta or None
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]
    interval: timedelta | None = None

    @property
    def title(self) -> str:
        """What the groups are, as files name it: ``queue × interval_start``."""
        return _JOINER.join([*self.columns, *([START] if self.interval else [])])

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
        if groups.empty:
            return whole[schema.names]
        named = groups.drop(columns=list(self.names)).assign(grouping=self.title, group=self.texts(groups))
        return pd.concat([whole, named], ignore_index=True)[schema.names]

    def texts(self, groups: pd.DataFrame, names: Sequence[str] | None = None) -> pd.Series[str]:
        """Each row's group in one text, its values joined by " × "; ``names`` are the columns it is made from."""
        parts = [[_text(value) for value in groups[name]] for name in names or self.names]
        return pd.Series([_JOINER.join(values) for values in zip(*parts, strict=True)], groups.index, dtype=TEXT)


def as_columns(by: str | Sequence[str] | None) -> list[str]:
    """The columns that a grouping names: one, several or none.

    Raises
    ------
    UsageError
        It is something else.
    """
    columns = [by] if isinstance(by, str) else () if by is None else by
    if not isinstance(columns, Iterable) or not all(isinstance(name, str) for name in columns):
        raise UsageError(f"{by!r} names no column. Expected the name of one, or a list of several, to group by.")
    return list(columns)


def grouping_by(
    by: str | Sequence[str] | None, interval: str | None, known: Collection[str], taken: Collection[str]
) -> Grouping:
    """The grouping that was asked for.

    Parameters
    ----------
    by : str, sequence of str or None
        Columns of the contact log.
    interval : {"15min", "30min", "1h", "1d"} or None
        Neither this nor ``by``: the whole only.
    known : collection of str
        The columns there are.
    taken : collection of str
        Names that the result's frames use themselves.

    Raises
    ------
    UnknownNameError
        A column that the log does not have (all of them are listed, with the nearest that it has), or no such
        interval.
    """
    columns = tuple(dict.fromkeys(as_columns(by)))
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise UnknownNameError(
            f"The contact log has no column {', '.join(map(repr, unknown))} to group by."
            f" Expected columns of the log: {', '.join(name for name in known if not name.startswith('source_'))}.",
            told_nearest(unknown, known),
        )
    names = tuple(_own_name(name, columns, taken) for name in columns)
    if interval is None:
        return Grouping(columns, names)
    if not isinstance(interval, str) or interval not in INTERVALS:
        raise UnknownNameError(f"There is no interval {interval!r}. Expected one of: {', '.join(INTERVALS)}.")
    return Grouping(columns, (*names, START), INTERVALS[interval])


def _own_name(name: str, columns: Collection[str], taken: Collection[str]) -> str:
    """The name of a column beside those that a frame uses itself, and beside the others that it is grouped by."""
    own = name
    while own in taken or own == START or (own != name and own in columns):
        own = f"contact_{own}"
    return own


def local_starts(numbers: pd.Series[int], interval: timedelta) -> pd.Series[pd.Timestamp]:
    """Starts of intervals that are counted from 1970 on a local clock.

    Examples
    --------
    >>> local_starts(pd.Series([490905]), INTERVALS["1h"]).to_list()
    [Timestamp('2026-01-01 09:00:00')]
    """
    return pd.to_datetime(numbers * int(interval.total_seconds()), unit="s")


def _text(value: Any) -> str:
    if pd.isna(value):
        return "(missing)"
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, float):  # as a column of ids with gaps is: every digit counts
        return str(int(value)) if value.is_integer() else repr(float(value))
    return str(value)
