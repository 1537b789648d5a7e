"""What a careful person may read in a cell: written down apart from the readers, to judge them by.

Where a cell has several meanings, each is allowed; where it has none, a reader must leave it missing and say so.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Final

__all__ = ["flags", "is_blank", "numbers", "seconds", "times"]

BLANK: Final = ("", "-", "null", "na", "n/a", "nan", "none")
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
GROUPED: Final = re.compile(r"[+-]?\d{1,3}([,.' \u00a0_]\d{3})+([.,]\d+)?")
CLOCK: Final = re.compile(r"(-?)(?:(\d+) days?,? )?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")
DATES: Final = ("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%Y%m%d")
TIMES: Final = ("", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S")
WORDED: Final = ("%a, %d %b %Y %H:%M:%S", "%a %b %d %H:%M:%S %Y")
FIRST, LAST = datetime(1971, 1, 1), datetime(2200, 1, 1)


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing, or a word for it."""
    if cell is None or cell in ([], {}) or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip(" \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\ufeff").lower() in BLANK


def numbers(cell: Any) -> set[float]:
    """Numbers that a cell may mean."""
    if isinstance(cell, bool):
        return {float(cell)}
    if isinstance(cell, int | float):
        return {float(cell)} if abs(cell) < 1e400 and math.isfinite(cell) else set()
    if not isinstance(cell, str) or len(cell) > 500:
        return set() if not isinstance(cell, str) or not NUMBER.fullmatch(cell.strip()) else _finite(cell.strip())
    text = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in cell.strip())
    found = _finite(text) if NUMBER.fullmatch(text) else set()
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        found |= _finite(text.replace(",", "."))
    if GROUPED.fullmatch(text):
        whole, _, decimals = text.rpartition(text[-4]) if not text[-4].isdigit() else (text, "", "")
        found |= _finite(re.sub(r"[^\d+-]", "", text)) | _finite(f"{re.sub(r'[^0-9+-]', '', whole)}.{decimals}")
        found |= {n for split in (".", ",") for n in _split(text, split)}
    if re.fullmatch(r"[+-]?\d+(_\d+)+", text):
        found |= _finite(text.replace("_", ""))
    if labelled := re.fullmatch(r"(\d+) - \D+", text):
        found |= _finite(labelled[1])
    return found


def _split(text: str, decimal: str) -> set[float]:
    whole, mark, decimals = text.rpartition(decimal)
    if not mark:
        return set()
    return _finite(f"{re.sub(r'[^0-9+-]', '', whole)}.{decimals}") if decimals.isdigit() else set()


def _finite(text: str) -> set[float]:
    try:
        number = float(text)
    except ValueError:
        return set()
    return {number} if math.isfinite(number) else set()


def seconds(cell: Any, unit: float = 1.0) -> set[float]:
    """Seconds that a cell may mean, as a number in a unit or as on a clock."""
    found = {number * unit for number in numbers(cell)}
    clock = CLOCK.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if clock and float(clock[5]) < 60 and (clock[3] is None or int(clock[4]) < 60):
        size = int(clock[2] or 0) * 86_400 + int(clock[3] or 0) * 3600 + int(clock[4]) * 60 + float(clock[5])
        found.add(-size if clock[1] else size)
    if isinstance(cell, timedelta):
        found.add(cell.total_seconds())
    return found


def flags(cell: Any) -> set[bool]:
    """What a cell may mean as yes or no."""
    word = str(cell).strip().lower()
    if word in ("true", "t", "yes", "y", "1", "1.0"):
        return {True}
    return {False} if word in ("false", "f", "no", "n", "0", "0.0", "-0", "-0.0") else set()


def times(cell: Any) -> set[datetime]:
    """Instants that a cell may mean, those without an offset in UTC; without what can only be a mistake."""
    found = set(_instants(cell))
    return {time for time in found if FIRST <= time < LAST}


def _instants(cell: Any) -> list[datetime]:
    if isinstance(cell, datetime):
        return [cell.astimezone(UTC).replace(tzinfo=None) if cell.tzinfo else cell]
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return []
    if not isinstance(cell, str):
        return _since_1970(float(cell)) if abs(cell) < 1e18 else []
    text = cell.strip()
    found = _since_1970(float(text)) if re.fullmatch(r"\d{1,17}(\.\d*)?", text) else []
    try:
        read = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        found.append(read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read)
    except (ValueError, OverflowError):
        pass
    for pattern in (*(date + time for date, time in product(DATES, TIMES)), *WORDED):
        try:
            found.append(datetime.strptime(text, pattern))
        except ValueError:
            continue
    if "24:00" in text:
        found += [time + timedelta(days=1) for time in _instants(text.replace("24:00", "00:00"))]
    return found


def _since_1970(number: float) -> list[datetime]:
    start = datetime(1970, 1, 1)
    whole = [number / unit for unit in (1.0, 1e3, 1e6)]
    return [start + timedelta(microseconds=round(seconds * 1e6)) for seconds in whole if 0 < seconds < 8e9]
