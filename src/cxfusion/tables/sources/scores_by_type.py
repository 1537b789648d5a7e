"""Exports that keep all scores in one column and their kind in another: each kind becomes a column of its own.

Scales are never mixed: two kinds that would feed one score are both kept apart, and the map has to choose.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxfusion.errors import InputError, NoScoreError
from cxfusion.tables.canonical import SCORE_SCALES
from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.export import texts, with_column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from cxfusion.tables.mapping import TableMap

__all__ = ["ScoreType", "split_scores"]


NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True)
class ScoreType:
    """A vendor's kind of survey.

    Attributes
    ----------
    score : {"csat", "nps", "ces"}
    scale : (float, float) or None
        None where only the survey's own settings tell it.
    is_confirmed : bool
        By the vendor's documentation; a scale that is not must hold for every answer.
    """

    score: str
    scale: tuple[float, float] | None
    is_confirmed: bool = True


def split_scores(
    table: pa.Table, value: str, kind: str, types: Mapping[str, ScoreType], given: TableMap
) -> tuple[pa.Table, dict[str, ColumnMap], list[str]]:
    """Columns ``VALUE (KIND)`` of the kinds that occur, those that feed a score, and notes on the others.

    Raises
    ------
    InputError
        Kinds that would feed one score, or answers outside a scale that was to be confirmed, where the caller's own
        map does not say what is meant.
    NoScoreError
        There are answers, but none on a scale that is known.
    """
    values, kinds = texts(table, value), [(cell or "no type").lower() for cell in texts(table, kind)]
    answered = Counter(one for one, cell in zip(kinds, values, strict=True) if cell is not None)
    columns: dict[str, ColumnMap] = {}
    open_lines, problems = [], []
    for one in sorted(answered):
        name = f"{value} ({one})"
        cells = [cell if other == one else None for cell, other in zip(values, kinds, strict=True)]
        table = with_column(table, name, cells)
        known = types.get(one)
        if known is None or known.scale is None:
            line = _line(known.score if known else "csat", name)
            open_lines.append(f"{name!r} {_seen(cells)}, on a scale that the export does not tell; {line}")
        elif known.score not in given.columns:
            problems += _problems(name, known, columns, cells)
            columns[known.score] = ColumnMap(column=name, scale=known.scale)
    if problems:
        raise InputError("The scores cannot be told apart, or lie outside their scale.", problems)
    is_told = any(name in SCORE_SCALES or how.scale for name, how in given.columns.items())
    if open_lines and not columns and not is_told:
        raise NoScoreError("The export does not tell the scale of any of its scores.", open_lines)
    return table, columns, [] if is_told else open_lines


def _problems(name: str, known: ScoreType, taken: Mapping[str, ColumnMap], cells: Sequence[str | None]) -> list[str]:
    if known.score in taken:
        return [f"{taken[known.score].column!r} and {name!r} could each be {known.score}; {_line(known.score, name)}"]
    low, high = known.scale or (0, 0)
    if known.is_confirmed or all(low <= number <= high for number in _numbers(cells)):
        return []
    return [f"{name!r} {_seen(cells)}, but is usually on {low:g} to {high:g}; {_line(known.score, name)}"]


def _line(score: str, name: str) -> str:
    return f'give it in the map as  {score} = {{ column = "{name}", scale = [LOWEST, HIGHEST] }}'


def _seen(cells: Sequence[str | None]) -> str:
    numbers = _numbers(cells)
    return f"runs from {min(numbers):g} to {max(numbers):g}" if numbers else "holds no numbers"


def _numbers(cells: Sequence[str | None]) -> list[float]:
    return [float(cell) for cell in cells if cell is not None and NUMBER.fullmatch(cell)]
