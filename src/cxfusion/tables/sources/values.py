"""What one cell of a record holds, however Python keeps it: a text, a number, or a cell that is neither and is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from hashlib import blake2s
from numbers import Real
from typing import Any

from cxfusion.engine.python_values import as_written, is_missing
from cxfusion.tables.cells import MISSING
from cxfusion.tables.numbers import sure_number

__all__ = ["fingerprint", "is_blank", "is_some_time", "less", "number_of", "text_of", "total_of"]


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
    """A finite number that a cell holds, in digits or as such, or the seconds of a clock time; None otherwise.

    Examples
    --------
    >>> number_of("12"), number_of(Decimal("3.5")), number_of("soon"), number_of(True)
    (12.0, 3.5, None, None)
    >>> number_of("12,5"), number_of("00:03:20"), number_of("1,200")
    (12.5, 200.0, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal | Real):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return sure_number(value.strip()) if isinstance(value, str) else None
    return number if abs(number) < float("inf") else None


def is_some_time(cell: Any) -> bool:
    """Whether a duration is longer than none; of a cell that holds no number by itself ("1,200"), whether it may be.

    Examples
    --------
    >>> is_some_time("00:03:20"), is_some_time("0,0"), is_some_time("1,200"), is_some_time("soon")
    (True, False, True, False)
    """
    number = number_of(cell)
    return number > 0 if number is not None else isinstance(cell, str) and any(digit in cell for digit in "123456789")


def fingerprint(cells: Mapping[str, Any], names: Iterable[str]) -> str:
    """What stands for these cells of a record: alike in records that tell the same in them, blank or not there."""
    told = ((name, cells.get(name)) for name in names)
    whole = "\x1f".join(f"{name}={text_of(cell)}" for name, cell in told if not is_blank(cell))
    return blake2s(whole.encode("utf-8", "replace"), digest_size=8).hexdigest()


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
        return _in_a_sum(text_of(odd[0]))
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(cells) else None


def less(whole: float | str | None, part: float | str | None) -> float | str | None:
    """What is left of one sum without another; where either is a cell that holds no number, that cell."""
    if isinstance(whole, str) or whole is None:
        return whole
    return part if isinstance(part, str) or part is None else whole - part


def _in_a_sum(cell: str | None) -> str | None:
    """A cell that holds no number by itself, such that it is not read as one: beside sums nothing settles its comma."""
    return f"{cell} in a sum" if cell and cell[-1:].isdigit() else cell


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing, or one of the usual words for it."""
    return cell is None or (isinstance(cell, str) and cell.strip() in MISSING)
