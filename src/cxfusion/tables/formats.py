"""How times are written: the forms known, and which one a column of text is in.

One form per column, decided from all its rows; a day and month that the data do not tell apart are never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final, Literal, cast

import ibis

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

__all__ = ["TimeForm", "candidates", "instant", "microseconds", "plausible", "read_epoch"]

# Earlier and later times are fill-in values (1900-01-01, 9999-12-31) or misread.
FIRST, LAST = datetime(1971, 1, 1), datetime(2199, 12, 31)

NUMERIC_DATES: Final = tuple(
    separator.join(parts)
    for parts, separator in product(
        [("%d", "%m", "%Y"), ("%m", "%d", "%Y"), ("%d", "%m", "%y"), ("%m", "%d", "%y"), ("%y", "%m", "%d")],
        "/-.",
    )
)
NAMED_DATES: Final = (
    *(separator.join(["%d", month, year]) for separator, month, year in product("-/ ", ["%b", "%B"], ["%Y", "%y"])),
    *(f"{day}{month} %d, %Y" for day, month in product(["", "%a, ", "%A, "], ["%b", "%B"])),
    *(f"{day} %d %b %Y" for day in ("%a,", "%A,", "%a")),
    "%b %d %Y",
    "%B %d %Y",
    "%Y%m%d",
)
CLOCKS: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%I:%M%p", "%I:%M:%S%p")
LINKS: Final = (" ", ", ", "T")
PIECES: Final = {
    **{"%d": r"(0?[1-9]|[12]\d|3[01])", "%m": r"(0?[1-9]|1[0-2])", "%Y": r"\d{4}", "%y": r"\d\d"},
    **dict.fromkeys(["%H", "%I", "%M", "%S"], r"\d{1,2}"),
    **dict.fromkeys(["%a", "%A", "%b", "%B"], "[a-z]+"),
    **{"%f": r"\d+", "%p": "[ap]m"},
}

ISO: Final = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?)?$"
ISO_ZONED: Final = (
    r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}[T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)? ?([Zz]|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"
)


EPOCH: Final = r"^\d{8,16}(\.\d*)?$"


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "array<string>"), "timestamp"))
def _strptime(text, patterns):  # type: ignore[no-untyped-def]
    """Time of the first pattern that fits, else null; the engine's own."""


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "array<string>"), "timestamp('UTC')"))
def _strptime_zoned(text, patterns):  # type: ignore[no-untyped-def]
    """The same where the patterns hold an offset."""


@ibis.udf.scalar.builtin(name="epoch_us", signature=(("timestamp('UTC')",), "int64"))
def _microseconds(time):  # type: ignore[no-untyped-def]
    """Microseconds since 1970; a cast would consult the session's zone for every row, twenty times as dear."""


@ibis.udf.scalar.builtin(name="epoch_us", signature=(("timestamp",), "int64"))
def microseconds(time):  # type: ignore[no-untyped-def]
    """The same of times without a zone."""


@ibis.udf.scalar.builtin(name="make_timestamp", signature=(("int64",), "timestamp"))
def _since_1970(microseconds):  # type: ignore[no-untyped-def]
    """The way back, which Ibis has for whole milliseconds only."""


@dataclass(frozen=True)
class TimeForm:
    """One way of writing times.

    Attributes
    ----------
    kind : {"iso", "epoch", "pattern"}
    label : str
        As messages name it; of a known pattern its date.
    patterns : tuple of str
        Of kind "pattern": strptime patterns, the first that fits counts.
    is_given : bool
        The map named it.
    """

    kind: Literal["iso", "epoch", "pattern"]
    label: str
    patterns: tuple[str, ...] = ()
    is_given: bool = False

    def read(self, text: ir.StringValue) -> ir.TimestampValue:
        """Times of trimmed cells, null where this form does not fit; UTC where zoned, else local."""
        if self.kind == "iso":
            return _read_iso(text)
        if self.kind == "epoch":
            return read_epoch(text.try_cast("float64"))
        if self.always_zoned:
            return plausible(cast("ir.TimestampValue", instant(_strptime_zoned(text, list(self.patterns)))))
        return cast("ir.TimestampValue", _strptime(text, list(self.patterns)))

    def is_zoned(self, text: ir.StringValue) -> ir.BooleanValue:
        """Whether a cell tells its own offset from UTC."""
        if self.kind == "iso":
            return text.re_search(ISO_ZONED)
        return ibis.literal(self.always_zoned)

    def is_day(self, text: ir.StringValue) -> ir.BooleanValue:
        """Whether a readable cell is a date without a time of day."""
        if self.kind == "epoch":
            return ibis.literal(False)
        if self.kind == "iso" or any(":" in pattern for pattern in self.patterns):
            return ~text.contains(":")
        return ibis.literal(not any(re.search("%[HIcTXs]", pattern) for pattern in self.patterns))

    def narrowed(self, cells: Iterable[str]) -> TimeForm | None:
        """The same form with only those patterns that some cells have the shape of; None if there is none.

        Engines are slow at patterns that do not fit. A form that the map gave is tried whatever the cells look like.
        """
        if self.is_given:
            return self
        if self.kind != "pattern":
            shapes = [ISO, ISO_ZONED] if self.kind == "iso" else [EPOCH]
            return self if any(re.search(shape, cell) for shape in shapes for cell in cells) else None
        dated = [cell for cell in cells if _shape(self.label).match(cell)]
        fitting = tuple(p for p in self.patterns if any(_shape(p).fullmatch(cell) for cell in dated))
        return replace(self, patterns=fitting) if fitting else None

    @property
    def always_zoned(self) -> bool:
        """Whether every cell in this form is an instant, whatever the site's zone."""
        return self.kind == "epoch" or any(re.search("%[zZ]", pattern) for pattern in self.patterns)

    @property
    def order(self) -> str:
        """Order of day, month and year, such as ``dmy``."""
        return "".join(re.findall("[dmy]", re.sub("%[bB]", "%m", " ".join(self.patterns[:1])).lower()))[:3]


def candidates(given: Iterable[str]) -> tuple[TimeForm, ...]:
    """Forms to try, the ones given first.

    A known form that puts day and month the other way round than the ones given is left out.
    """
    naive = tuple(pattern for pattern in given if not re.search("%[zZ]", pattern))
    zoned = tuple(pattern for pattern in given if pattern not in naive)
    told = [TimeForm("pattern", " or ".join(group), group, is_given=True) for group in (naive, zoned) if group]
    orders = {form.order for form in told if len(form.order) == 3}
    known = [_dated(date) for date in (*NUMERIC_DATES, *NAMED_DATES)]
    fitting = [form for form in known if not orders or form.order in orders or "%b" in form.label.lower()]
    return (
        *told,
        TimeForm("iso", "ISO 8601"),
        TimeForm("epoch", "seconds or milliseconds since 1970"),
        *fitting,
    )


def read_epoch(number: ir.NumericValue) -> ir.TimestampValue:
    """Instants from 1980 on of numbers that count seconds, milli- or microseconds since 1970; null for other numbers.

    Twelve digits that begin with a year of this century (202601050930) would be milliseconds of 1976.
    """
    seconds = ibis.cases(
        (number.between(3.2e8, 7.3e9), number),
        (number.between(3.2e11, 7.3e12), number / 1e3),
        (number.between(3.2e14, 7.3e15), number / 1e6),
        else_=ibis.null("float64"),
    )
    return cast("ir.TimestampValue", _since_1970((seconds * 1e6).round().cast("int64")))


def instant(zoned: ir.TimestampValue) -> ir.TimestampValue:
    """The same instants as UTC without a zone."""
    return cast("ir.TimestampValue", _since_1970(_microseconds(zoned)))


def plausible(time: ir.TimestampValue) -> ir.TimestampValue:
    """The same times; null where they can only be fill-in values."""
    return ibis.ifelse(time.between(ibis.literal(FIRST), ibis.literal(LAST)), time, ibis.null("timestamp"))


def _read_iso(text: ir.StringValue) -> ir.TimestampValue:
    point = text.replace(",", ".")
    naive = ibis.ifelse(text.re_search(ISO), point.try_cast("timestamp"), ibis.null("timestamp"))
    # Engines want seconds before an offset, and no blank.
    full = point.re_replace(r"([T ]\d{1,2}:\d{2})( ?)([Zz]|UTC|GMT|[+-][\d:]+)$", r"\1:00\3")
    bare = full.re_replace(r" ?([Zz]|UTC|GMT)$", "Z").re_replace(r" ?([+-]\d{2}:?\d{0,2})$", r"\1")
    zoned = ibis.ifelse(text.re_search(ISO_ZONED), bare.try_cast("timestamp('UTC')"), ibis.null("timestamp('UTC')"))
    return naive.coalesce(instant(zoned))


@cache
def _shape(pattern: str) -> re.Pattern[str]:
    """Regular expression of the text that a known pattern may read."""
    pieces = re.findall("%.|[^%]+", pattern)
    return re.compile("".join(PIECES.get(piece) or re.escape(piece) for piece in pieces), re.IGNORECASE)


def _dated(date: str) -> TimeForm:
    return TimeForm("pattern", date, (date, *(f"{date}{link}{clock}" for link, clock in product(LINKS, CLOCKS))))
