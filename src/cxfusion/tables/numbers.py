"""How numbers are written: commas that group or are decimals, units of time, and clock times that count seconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.mapping import Unit

__all__ = ["NumberStyle", "comma_evidence", "native_number", "sure_number", "text_number", "without_nan"]

SECONDS: Final[dict[Unit, float]] = {"s": 1, "ms": 0.001, "min": 60, "h": 3600, "hh:mm:ss": 1}
"""In one unit of a number; elapsed times of frames and workbooks come as seconds, whatever their heading says."""
GROUPED: Final = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
DECIMAL_COMMA: Final = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$"
SURE_DECIMAL_COMMA: Final = r"^[+-]?((0|\d{1,3}(\.\d{3})+|\d{4,}),\d+|\d+,(\d{1,2}|\d{4,}))$"
CLOCK: Final = r"^(-?)(?:(\d+) days?,? )?(?:(\d+):([0-5]?\d)|(\d+)):([0-5]?\d(?:\.\d+)?)$"
"""Days, hours and minutes of the hour, else minutes alone, which may be more than an hour has; seconds."""

NumberStyle: TypeAlias = Literal["point", "comma", "unclear"]
"""What a comma means in a column of numbers: thousands, the decimals, or not to be told."""


def comma_evidence(text: ir.StringValue) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    """Whether a cell shows that commas are its decimals, and whether it shows that points are."""
    comma = text.re_search(SURE_DECIMAL_COMMA)
    return comma, text.re_search(r"\.\d") & ~comma


def without_nan(source: ir.Table) -> ir.Table:
    """A source in whose columns of numbers NaN is missing: no id, no flag, no time and no group of its own."""
    known = {name: _known(source[name]) for name, kind in source.schema().items() if kind.is_floating()}
    return source.mutate(**known) if known else source


def native_number(column: ir.Value, unit: Unit | None) -> ir.FloatingValue:
    """A column of numbers or flags as numbers, in seconds where a unit of time is meant."""
    number = (column.cast("int8") if column.type().is_boolean() else column).cast("float64")
    return _in_seconds(number, unit)


def text_number(text: ir.StringValue, unit: Unit | None, style: NumberStyle, clock: bool) -> ir.FloatingValue:
    """The number that a text shows, in seconds where a unit or a clock time is meant; null where it shows none."""
    if unit == "hh:mm:ss":
        return _clock_seconds(text)
    number = _in_seconds(_known(_plain_number(text, style)), unit)
    return number.coalesce(_clock_seconds(text)) if clock and unit is None else number


def sure_number(text: str) -> float | None:
    """The number that a single cell shows by itself, commas or a clock time included; None where it may be another.

    A column as a whole may settle what a comma means in ``1,200``; one cell cannot.

    Examples
    --------
    >>> sure_number("1.200,5"), sure_number("1,200.5"), sure_number("1:02:03"), sure_number("1,200")
    (1200.5, 1200.5, 3723.0, None)
    """
    if re.search(SURE_DECIMAL_COMMA, text):
        return float(text.replace(".", "").replace(",", "."))
    if re.search(GROUPED, text) and (text.count(",") > 1 or "." in text):
        return float(text.replace(",", ""))
    clock = re.search(CLOCK, text)
    if clock is None:
        return None
    sign, days, hours, of_hour, alone, seconds = clock.groups()
    size = int(days or 0) * 86_400 + int(hours or 0) * 3600 + int(of_hour or alone) * 60 + float(seconds)
    return -size if sign else size


def _in_seconds(number: ir.FloatingValue, unit: Unit | None) -> ir.FloatingValue:
    return number if unit is None or SECONDS[unit] == 1 else number * SECONDS[unit]


def _known(number: ir.FloatingValue) -> ir.FloatingValue:
    return ibis.ifelse(number.isnan(), ibis.null(number.type()), number)


def _plain_number(text: ir.StringValue, style: NumberStyle) -> ir.FloatingValue:
    if style == "unclear":
        return ibis.ifelse(text.re_search("[.,]"), ibis.null("string"), text).try_cast("float64")
    if style == "comma":
        european = (text.re_search(DECIMAL_COMMA), text.replace(".", "").replace(",", "."))
        return ibis.cases(european, (text.contains("."), ibis.null("string")), else_=text).try_cast("float64")
    grouped = ibis.ifelse(text.re_search(GROUPED), text.replace(",", ""), ibis.null("string"))
    return text.try_cast("float64").coalesce(grouped.try_cast("float64"))


def _clock_seconds(text: ir.StringValue) -> ir.FloatingValue:
    """Seconds of ``12:34``, ``75:30``, ``1:02:03.5`` and ``2 days 01:02:03``."""
    clock = ibis.ifelse(text.re_search(CLOCK), text, ibis.null("string"))
    days, hours, of_hour, alone, seconds = (clock.re_extract(CLOCK, i).try_cast("float64") for i in (2, 3, 4, 5, 6))
    minutes = of_hour.coalesce(alone)
    size = days.fill_null(0) * 86_400 + hours.fill_null(0) * 3600 + minutes * 60 + seconds
    return ibis.ifelse(clock.startswith("-"), -size, size)
