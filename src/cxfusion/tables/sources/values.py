"""What one cell of a record holds, however Python keeps it: a text, a number, or a cell that is neither and is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import Any

from cxfusion.engine.python_values import as_written, is_missing
from cxfusion.tables.cells import MISSING

__all__ = ["is_blank", "less", "number_of", "text_of", "total_of"]


def text_of(value: Any) -> str | None:
    """A cell as text, as a file would hold it, whole numbers without a point; None where it is blank.

    Examples
    --------
    >>> text_of(123.0), text_of(1.5), text_of(True), text_of(float("nan"))
    ('123', '1.5', 'true', None)
    """
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int):
        return str(value).lower()  # a flag is true or false
    if is_missing(value):
        return None
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, default=str) if isinstance(value, Mapping | list) else as_written(value)


def number_of(value: Any) -> float | None:
    """A finite number that a cell holds, in digits or as such; None otherwise.

    Examples
    --------
    >>> number_of("12"), number_of(Decimal("3.5")), number_of("soon"), number_of(True)
    (12.0, 3.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal | Real):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def total_of(*cells: Any, blank: float | None = None) -> float | str | None:
    """Sum of cells; of those that hold no number the first one itself, so that the reading sets it aside with a reason.

    Parameters
    ----------
    *cells : object
    blank : float, optional
        What a blank cell counts for; without it there is no sum where one is blank.

    Examples
    --------
    >>> total_of("12", 3), total_of("12", None), total_of("12", None, blank=0), total_of("12", "soon")
    (15.0, None, 12.0, 'soon')
    """
    numbers = [blank if is_blank(cell) else number_of(cell) for cell in cells]
    odd = [cell for cell, number in zip(cells, numbers, strict=True) if number is None and not is_blank(cell)]
    if odd:
        return text_of(odd[0])
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(cells) else None


def less(whole: float | str | None, part: float | str | None) -> float | str | None:
    """What is left of one sum without another; where either is a cell that holds no number, that cell."""
    if isinstance(whole, str) or whole is None:
        return whole
    return part if isinstance(part, str) or part is None else whole - part


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing, or one of the usual words for it."""
    return cell is None or (isinstance(cell, str) and cell.strip() in MISSING)
