"""Numbers as people read them: a true minus sign, thousands set apart, no more digits than are meant.

Every function takes a missing value and answers with a dash; none ever prints NaN.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from cxfusion.results.language import localised, say

__all__ = [
    "DASH",
    "FORMULA_STARTS",
    "change",
    "confidence",
    "count",
    "day",
    "decimals",
    "difference",
    "duration_in_words",
    "duration_short",
    "figure",
    "interval",
    "number",
    "p_value_in_words",
    "percent",
    "plain",
    "times_over",
]

DASH: Final = "–"
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet may take for a formula, now or once it is saved as CSV."""
_MINUS: Final = "−"
_FINEST: Final = 6
"""Decimals from which a number said aloud is nothing but rounding."""
_SHARES: Final = frozenset({"share", "proportion", "rate", "fraction"})
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_COUNTS: Final = frozenset({"count", "contacts", "responses"})


def _missing(value: float | None) -> bool:
    return value is None or bool(pd.isna(value))


def _fixed(value: float, digits: int, sign: str = "") -> str:
    rounded = round(float(value), digits) + 0.0  # + 0.0 turns −0.0 into 0.0
    return localised(f"{rounded:{sign if rounded else ''},.{digits}f}").replace("-", _MINUS)


def number(value: float | None, digits: int | None = None) -> str:
    """A number with fixed decimals, or with about four significant digits.

    Examples
    --------
    >>> number(17182), number(-3.14159), number(0.00042), number(None)
    ('17,182', '−3.142', '0.00042', '–')
    """
    if value is None or _missing(value):
        return DASH
    if digits is not None:
        return _fixed(value, digits)
    size = abs(float(value))
    if size >= 1e15 or 0 < size < 1e-3:
        return localised(f"{value:.2g}").replace("-", _MINUS)
    return _fixed(value, 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3)


def plain(value: float) -> str:
    """A number as said aloud: no trailing zeros, and two decimals at most where these leave anything to see.

    Examples
    --------
    >>> plain(30.0), plain(0.4), plain(22.37), plain(0.0042)
    ('30', '0.4', '22.4', '0.004')
    """
    digits = 1 if abs(value) >= 10 else next((n for n in range(2, _FINEST) if round(value, n)), 2)
    text = _fixed(value, digits)
    mark = localised(".")
    return text.rstrip("0").rstrip(mark) if mark in text and digits else text


def times_over(value: float) -> str:
    """How many times as much, as said aloud; never once where it is a little more or less.

    Examples
    --------
    >>> times_over(1.648), times_over(1.0031), times_over(0.998), times_over(1.0)
    ('1.65', '1.01', '0.99', '1')
    """
    if value == 1 or round(value, 2) != 1:
        return plain(value)
    return plain(1.01 if value > 1 else 0.99)


def count(value: float | None) -> str:
    """A whole number with thousands set apart."""
    return number(value, 0)


def p_value_in_words(p_value: float | None) -> str:
    """A p-value, no finer than it may be believed.

    Examples
    --------
    >>> p_value_in_words(0.0412), p_value_in_words(1e-9)
    ('p 0.041', 'p below 0.001')
    """
    return "p below 0.001" if p_value is not None and p_value < 0.001 else f"p {number(p_value, 3)}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    Examples
    --------
    >>> percent(0.963)
    '96.3 %'
    """
    return DASH if value is None or _missing(value) else f"{_fixed(100 * value, digits)} %"


def confidence(level: float) -> str:
    """A level of confidence, as said of an interval.

    Examples
    --------
    >>> confidence(0.95), confidence(0.975)
    ('95 %', '97.5 %')
    """
    return f"{plain(100 * level)} %"


def day(date: str) -> str:
    """A day as people write it, from a date that begins the way ISO 8601 does.

    Examples
    --------
    >>> day("2025-09-01T07:00:48")
    '1 September 2025'
    """
    year, month, number_of_day = (int(part) for part in date[:10].split("-"))
    return say("{day} {month} {year}", day=number_of_day, month=say(_MONTHS[month - 1]), year=year)


def duration_in_words(seconds: float) -> str:
    """A duration as said aloud: ``600`` is "10 minutes".

    Examples
    --------
    >>> duration_in_words(30), duration_in_words(60), duration_in_words(600), duration_in_words(86400)
    ('30 seconds', '60 seconds', '10 minutes', '24 hours')
    """
    size, unit = next(
        (size, unit)
        for size, unit, least in ((3600, "hour", 7200), (60, "minute", 120), (1, "second", 0))
        if seconds >= least
    )
    text = plain(seconds / size)
    return f"{text} {say(unit if text == '1' else f'{unit}s')}"


def duration_short(seconds: float | None) -> str:
    """A measured duration, short: "45 s", "5 min 12 s", "3 h 05 min".

    Examples
    --------
    >>> duration_short(45.2), duration_short(312), duration_short(11100)
    ('45 s', '5 min 12 s', '3 h 05 min')
    """
    if seconds is None or _missing(seconds):
        return DASH
    whole = round(abs(seconds))
    sign = _MINUS if seconds < 0 and whole else ""
    if whole < 60:
        return f"{sign}{_fixed(abs(seconds), 1 if abs(seconds) < 9.95 else 0)} s"
    if whole < 3600:
        return f"{sign}{whole // 60} min {whole % 60:02d} s"
    minutes = round(abs(seconds) / 60)
    return f"{sign}{minutes // 60} h {minutes % 60:02d} min"


def change(value: float | None, unit: str | None = None, *, finer: int = 0) -> str:
    """A change with its sign: two decimals on a score, one in NPS points, and as many more as ``finer`` says.

    Examples
    --------
    >>> change(0.0812), change(-1.26, "NPS points"), change(-0.001)
    ('+0.08', '−1.3', '0.00')
    """
    if value is None or _missing(value):
        return DASH
    return _fixed(value, decimals(unit) + finer, sign="+")


def decimals(unit: str | None) -> int:
    """How many decimals a change in a unit is printed with."""
    return 1 if unit and ("nps" in unit.lower() or unit == "percentage points") else 2


def figure(value: float | None, unit: str | None, *, finer: int = 0) -> str:
    """A measured figure in its own unit: seconds, a share, a count, or points of a score.

    Shares and points have as many more decimals as ``finer`` says.

    Examples
    --------
    >>> figure(312, "seconds"), figure(0.041, "share"), figure(4.517, "score points")
    ('5 min 12 s', '4.1 %', '4.52')
    """
    if unit == "seconds":
        return duration_short(value)
    if unit in _SHARES:
        return percent(value, 1 + finer)
    if unit in _COUNTS:
        return count(value)
    return number(value, decimals(unit) + finer)


def difference(value: float | None, unit: str | None) -> str:
    """A difference between two figures, with its sign; one of shares in percentage points.

    Examples
    --------
    >>> difference(-77, "seconds"), difference(0.0061, "share"), difference(-0.0001, "share")
    ('−1 min 17 s', '+0.6 points', '0.0 points')
    """
    if value is None or _missing(value):
        return DASH
    if unit in _SHARES:
        return f"{_fixed(100 * value, 1, sign='+')} {say('points')}"
    text = figure(abs(value), unit)
    if not any(digit in text for digit in "123456789"):
        return text
    return f"{'+' if value > 0 else _MINUS}{text}"


def interval(low: float | None, high: float | None, unit: str | None = None, *, signed: bool = False) -> str:
    """Both ends of an interval: "4.50 to 4.54", signed for a change; ends that would read the same are told finer.

    So are those of a change that is sure to be above, or below, none, where one would read as none.

    Examples
    --------
    >>> interval(0.052, 0.11, signed=True), interval(0.61, 0.64, "share"), interval(3.8172, 3.8224)
    ('+0.05 to +0.11', '61.0 to 64.0 %', '3.817 to 3.822')
    >>> interval(0.0032, 0.11, signed=True), interval(-0.0032, 0.11, signed=True)
    ('+0.003 to +0.110', '0.00 to +0.11')
    """
    if low is None or high is None or _missing(low) or _missing(high):
        return DASH
    show = change if signed else figure
    finer = int(low < high and show(low, unit) == show(high, unit))
    if signed and low * high > 0:
        nearer = min(low, high, key=abs)
        finer = next((n for n in range(finer, 3) if round(nearer, decimals(unit) + n)), finer)
    low_text = show(low, unit, finer=finer).removesuffix(" %")  # one sign for both ends
    return say("{low} to {high}", low=low_text, high=show(high, unit, finer=finer))
