"""From a source's cell to a value, or to the reason why there is none.

A missing cell has neither value nor reason; a bad one has a reason. Cells are read in steps, one nested query each, so
that no engine computes a step twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import ibis

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.formats import TimeForm, instant, microseconds, plausible, read_epoch
from cxfusion.tables.numbers import native_number, text_number
from cxfusion.tables.times import is_skipped, to_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir

    from cxfusion.tables.numbers import NumberStyle
    from cxfusion.tables.pseudonyms import Pseudonyms
    from cxfusion.tables.times import Years

__all__ = [
    "FALSE",
    "MISSING",
    "TRUE",
    "Clock",
    "Part",
    "Recipe",
    "clean_id",
    "clean_text",
    "digits",
    "flag_recipe",
    "is_number",
    "is_time",
    "number_recipe",
    "part",
    "says_missing",
    "stage",
    "text_recipe",
    "time_recipe",
    "until_recipe",
]

MISSING: Final = (
    *("", "-", "NULL", "Null", "null", "NA", "N/A", "n/a", "NaN", "nan", "None", "none"),
    *("#N/A", "<NA>", "NaT"),  # of Excel, and of pandas
)
"""Cells that mean "missing" where the map does not list its own."""
ON_KEYS: Final = ("266696687", "7378742833", "2562533", "8656696", "86282452253")
"""Anonymous, restricted, blocked, unknown and unavailable, as the keys of a telephone spell them."""
WITHHELD: Final = (
    *("anonymous", "blocked", "private", "restricted", "unavailable", "unknown", "withheld"),
    *("anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"),  # what SIP sends (RFC 3323)
    *(f"{sign}{keys}" for sign in ("", "+") for keys in ON_KEYS),
)
"""What stands for a caller whose number is withheld, letter case aside."""
TRUE: Final = ("true", "t", "yes", "y", "1", "1.0")
FALSE: Final = ("false", "f", "no", "n", "0", "0.0")
Part: TypeAlias = Literal[
    "text", "number", "time", "value", "reason", "original", "is_day", "is_skipped", "is_withheld"
]
Step: TypeAlias = Callable[["ir.Table"], dict[str, "ir.Value"]]


@dataclass(frozen=True)
class Clock:
    """The wall clock of a site, through the years that its data span; without years nothing is meant by it."""

    zone: str
    years: Years | None

    def to_utc(self, time: ir.TimestampValue) -> ir.TimestampValue:
        """What it shows, in UTC."""
        return time if self.years is None else to_utc(time, self.zone, self.years)

    def skips(self, time: ir.TimestampValue) -> ir.BooleanValue:
        """Whether it never showed this."""
        return ibis.literal(False) if self.years is None else is_skipped(time, self.zone, self.years)


@dataclass(frozen=True)
class Recipe:
    """How one column is read.

    Attributes
    ----------
    name : str
        Of the canonical or own column.
    steps : tuple of callables
        Table to new columns, named by :func:`part`; each sees those of the steps before. They end in a ``value``
        and an ``original``, and in what the flags promise.
    can_fail : bool
        There is a ``reason``.
    has_days : bool
        There is an ``is_day`` (a date without a time), and an ``is_skipped`` (a time that no clock showed).
    may_be_withheld : bool
        There is an ``is_withheld`` (a caller who does not say who calls).
    """

    name: str
    steps: tuple[Step, ...]
    can_fail: bool = False
    has_days: bool = False
    may_be_withheld: bool = False


def part(name: str, which: Part) -> str:
    """Name of a staged column."""
    return f"cx:{name}:{which}"


def stage(source: ir.Table, recipes: Iterable[Recipe]) -> ir.Table:
    """The source with all recipes' columns beside its own."""
    table = source
    for level in zip_longest(*(recipe.steps for recipe in recipes)):
        table = table.mutate(**{name: value for step in level if step for name, value in step(table).items()})
    return table


def is_number(kind: dt.DataType) -> bool:
    """Whether cells of this type are numbers; all others are read as text."""
    return bool(kind.is_numeric() or kind.is_boolean())


def is_time(kind: dt.DataType) -> bool:
    """Whether cells of this type are times, or count since 1970; all others are read as text."""
    return bool(kind.is_timestamp() or kind.is_date() or kind.is_numeric())


def clean_text(column: ir.Value, how: ColumnMap) -> ir.StringValue:
    """Trimmed text of a column; null where it means "missing"."""
    text = column if column.type().is_string() else column.cast("string")
    if column.type().is_integer() and how.null is None:
        return text
    # Engines lift an expression that occurs twice out of its branch and compute it for all rows. So the trim, ten times
    # as dear as seeing that there is nothing to trim, stands alone in its branch. "!" is the first character after " ".
    is_padded = (text < "!") | ibis.or_(*(text.endswith(blank) for blank in " \t\n\r"))
    trimmed = ibis.ifelse(is_padded, text.strip(), text)
    words = MISSING if how.null is None else ("", *how.null)
    is_missing = (trimmed.length() <= max(map(len, words))) & trimmed.isin(words)
    return ibis.ifelse(is_missing, ibis.null("string"), trimmed)


def clean_id(column: ir.Value) -> ir.StringValue:
    """An identifier as canonical tables have it: trimmed, and of a whole number kept as a float (17.0) its digits."""
    return clean_text(digits(column), ColumnMap(column=column.get_name()))


def says_missing(column: ir.Value, how: ColumnMap) -> ir.BooleanValue:
    """Whether a cell is one of the words that the map itself declares to mean "missing"."""
    words = [word for word in how.null or () if word]
    return digits(column).cast("string").strip().isin(words).fill_null(False) if words else ibis.literal(False)


def text_recipe(
    name: str, source: str, how: ColumnMap, hidden_by: Pseudonyms | None = None, *, may_be_withheld: bool = False
) -> Recipe:
    """Text and identifiers; a whole number kept as a float (123.0) is its digits.

    What ``may_be_withheld`` is missing where it only says so, however the map writes "missing": as an id it would make
    one customer of all who call so.
    """

    def text(table: ir.Table) -> dict[str, ir.Value]:
        return {part(name, "text"): clean_text(digits(table[source]), how)}

    def withheld(table: ir.Table) -> dict[str, ir.Value]:
        told = table[part(name, "text")]
        is_short = told.length() <= max(map(len, WITHHELD))
        return {part(name, "is_withheld"): (is_short & told.lower().isin(WITHHELD)).fill_null(False)}

    def value(table: ir.Table) -> dict[str, ir.Value]:
        known = table[part(name, "text")]
        if may_be_withheld:
            known = ibis.ifelse(table[part(name, "is_withheld")], ibis.null("string"), known)
        if hidden_by is None:
            return {part(name, "value"): known, part(name, "original"): table[source]}
        hidden = hidden_by.hashed(known)
        return {part(name, "value"): hidden, part(name, "original"): hidden}

    return Recipe(name, (text, *([withheld] if may_be_withheld else []), value), may_be_withheld=may_be_withheld)


def flag_recipe(name: str, source: str, how: ColumnMap, kind: dt.DataType) -> Recipe:
    """True, false, or missing; reason ``not_a_flag``."""
    yes, no = [word.lower() for word in how.true or TRUE], [word.lower() for word in how.false or FALSE]

    def native(table: ir.Table) -> dict[str, ir.Value]:
        return {part(name, "value"): _unless_missing(table[source], how), part(name, "original"): table[source]}

    def text(table: ir.Table) -> dict[str, ir.Value]:
        return {part(name, "text"): clean_text(digits(table[source]), how).lower()}

    def value(table: ir.Table) -> dict[str, ir.Value]:
        word = table[part(name, "text")]
        is_no = word.notnull() if how.true and not how.false else word.isin(no)
        meant = ibis.cases((word.isin(yes), True), (is_no, False), else_=ibis.null("boolean"))
        return {part(name, "value"): meant, part(name, "original"): table[source]}

    def reason(table: ir.Table) -> dict[str, ir.Value]:
        is_bad = table[part(name, "text")].notnull() & table[part(name, "value")].isnull()
        return {part(name, "reason"): _reason((is_bad, "not_a_flag"))}

    return Recipe(name, (native,)) if kind.is_boolean() else Recipe(name, (text, value, reason), can_fail=True)


def number_recipe(
    name: str,
    source: str,
    how: ColumnMap,
    style: NumberStyle = "point",
    *,
    clock: bool = False,
    negative: str | None = None,
    most: float | None = None,
    scale: tuple[float, float] | None = None,
) -> Recipe:
    """Numbers, durations in seconds, and scores; reasons ``not_a_number``, ``not_finite``, and those given.

    Parameters
    ----------
    name, source : str
    how : ColumnMap
    style : {"point", "comma", "unclear"}
        What a comma means in this column.
    clock : bool
        Whether ``01:02:03`` is a number of seconds here.
    negative : str, optional
        Reason of a number below zero.
    most : float, optional
        Above it the reason is ``out_of_range``: no contact took so long, and times worked out with it would overflow.
    scale : (float, float), optional
        Outside of it the reason is ``score_out_of_scale``.
    """

    def text(table: ir.Table) -> dict[str, ir.Value]:
        needed = not is_number(table[source].type())
        return {part(name, "text"): clean_text(table[source], how)} if needed else {}

    def number(table: ir.Table) -> dict[str, ir.Value]:
        if part(name, "text") in table.columns:
            cell = table[part(name, "text")]
            read = _answered(cell, how, text_number(cell, how.unit, style, clock))
        else:
            plain = native_number(_unless_missing(table[source], how), how.unit)
            read = _answered(digits(table[source]).cast("string"), how, plain)
        return {part(name, "number"): read, part(name, "original"): table[source]}

    def reason(table: ir.Table) -> dict[str, ir.Value]:
        read = table[part(name, "number")]
        problems = [(read.isinf(), "not_finite")]
        if part(name, "text") in table.columns:
            problems.append((table[part(name, "text")].notnull() & read.isnull(), "not_a_number"))
        if negative is not None:
            problems.append((read < 0, negative))
        if most is not None:
            problems.append((read > most, "out_of_range"))
        if scale is not None:
            problems.append((~read.between(*scale), "score_out_of_scale"))
        return {part(name, "reason"): _reason(*problems)}

    return Recipe(name, (text, number, reason, _number_unless_bad(name)), can_fail=True)


def time_recipe(
    name: str, source: str, how: ColumnMap, form: TimeForm | None, clock: Clock, *, are_days: bool = False
) -> Recipe:
    """Times as UTC without a zone; reason ``unreadable_time``.

    Parameters
    ----------
    name, source : str
    how : ColumnMap
    form : TimeForm or None
        How text is written, and numbers for which a format was given; None where no form fits, or none is needed.
    clock : Clock
        The site's.
    are_days : bool
        Whether these are dates, although the column is one of times.
    """

    def text(table: ir.Table) -> dict[str, ir.Value]:
        needed = form is not None or not is_time(table[source].type())
        return {part(name, "text"): clean_text(digits(table[source]), how)} if needed else {}

    def time(table: ir.Table) -> dict[str, ir.Value]:
        if part(name, "text") in table.columns:
            read = form.read(table[part(name, "text")]) if form else ibis.null("timestamp")
        else:
            read = _native_time(_unless_missing(table[source], how))
        return {part(name, "time"): read, part(name, "original"): table[source]}

    def value(table: ir.Table) -> dict[str, ir.Value]:
        read, kind = plausible(table[part(name, "time")]), table[source].type()
        if how.after is not None:
            read = ibis.ifelse(read < table[part(how.after, "time")], read + ibis.interval(days=1), read)
        is_zoned: ir.BooleanValue | bool = kind.is_numeric() or (kind.is_timestamp() and kind.timezone is not None)
        is_day: ir.BooleanValue = ibis.literal(are_days or kind.is_date())
        if part(name, "text") in table.columns and form:
            cell = table[part(name, "text")]
            is_zoned, is_day = form.always_zoned or form.is_zoned(cell), form.is_day(cell)
        utc, skipped = (read, ibis.literal(False)) if is_zoned is True else (clock.to_utc(read), clock.skips(read))
        if not isinstance(is_zoned, bool):
            utc, skipped = ibis.ifelse(is_zoned, read, utc), skipped & ~is_zoned
        marks = {part(name, "is_day"): is_day & read.notnull(), part(name, "is_skipped"): skipped.fill_null(False)}
        return {part(name, "value"): utc, **marks}

    def reason(table: ir.Table) -> dict[str, ir.Value]:
        is_cleaned = part(name, "text") in table.columns
        given = table[part(name, "text")] if is_cleaned else _unless_missing(table[source], how)
        is_unread = given.notnull() & table[part(name, "value")].isnull()
        return {part(name, "reason"): _reason((is_unread, "unreadable_time"))}

    return Recipe(name, (text, time, value, reason), can_fail=True, has_days=True)


def until_recipe(name: str, start: Recipe, end: Recipe) -> Recipe:
    """Seconds from one time to another; reasons ``unreadable_time`` and ``negative_duration``."""

    def both(one: Step, other: Step) -> Step:
        return lambda table: one(table) | other(table)

    def number(table: ir.Table) -> dict[str, ir.Value]:
        first, last = (table[part(recipe.name, "value")] for recipe in (start, end))
        cells = [table[part(recipe.name, "original")].cast("string").fill_null("") for recipe in (start, end)]
        return {
            part(name, "number"): (microseconds(last) - microseconds(first)).cast("float64") / 1e6,
            part(name, "original"): cells[0] + " → " + cells[1],
        }

    def reason(table: ir.Table) -> dict[str, ir.Value]:
        unreadable = [table[part(recipe.name, "reason")].notnull() for recipe in (start, end)]
        is_negative = table[part(name, "number")] < 0
        return {
            part(name, "reason"): _reason(
                (ibis.or_(*unreadable), "unreadable_time"), (is_negative, "negative_duration")
            )
        }

    ends = tuple(both(*pair) for pair in zip(start.steps, end.steps, strict=True))
    return Recipe(name, (*ends, number, reason, _number_unless_bad(name)), can_fail=True)


def _number_unless_bad(name: str) -> Step:
    def value(table: ir.Table) -> dict[str, ir.Value]:
        read = table[part(name, "number")]
        is_fine = table[part(name, "reason")].isnull()
        return {part(name, "value"): ibis.ifelse(is_fine, read, ibis.null(read.type()))}

    return value


def _reason(*problems: tuple[ir.BooleanValue, str]) -> ir.StringValue:
    return ibis.cases(*problems, else_=ibis.null("string"))


def _unless_missing(column: ir.Value, how: ColumnMap) -> ir.Value:
    return ibis.ifelse(says_missing(column, how), ibis.null(column.type()), column) if how.null else column


def digits(column: ir.Value) -> ir.Value:
    """A column as it is; of numbers that may have a fraction their text, whole ones as their digits."""
    if column.type().is_decimal():
        return column.cast("string").re_replace(r"\.0+$", "")
    if not column.type().is_floating():
        return column
    whole = column.try_cast("int64")
    return ibis.ifelse(whole.cast("float64") == column, whole.cast("string"), column.cast("string"))


def _answered(text: ir.StringValue, how: ColumnMap, number: ir.FloatingValue) -> ir.FloatingValue:
    """What an answer in words counts, where the map tells it; else the number that the cell holds."""
    if not how.answers:
        return number
    counts = [(text.lower() == word.strip().lower(), float(count)) for word, count in how.answers.items()]
    return ibis.cases(*counts, else_=number)


def _native_time(column: ir.Value) -> ir.TimestampValue:
    kind = column.type()
    if kind.is_numeric():
        return read_epoch(column.cast("float64"))
    return instant(column) if kind.is_timestamp() and kind.timezone else column.cast("timestamp")
