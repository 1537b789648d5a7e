"""The first look at a source: how its times and numbers are written, decided per column from all its rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import InputError
from cxfusion.tables.cells import clean_text, digits, is_number, is_time
from cxfusion.tables.day_orders import require_one_order
from cxfusion.tables.formats import TimeForm, candidates, plausible
from cxfusion.tables.numbers import NumberStyle, comma_evidence
from cxfusion.tables.steps import ask, compute, step_by_step
from cxfusion.tables.times import microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.binding import Binding, Bindings
    from cxfusion.tables.mapping import ColumnMap, TableMap
    from cxfusion.tables.times import Years

__all__ = ["Look", "look_at", "time_formats"]

HEAD_ROWS: Final = 300
MICROSECONDS_A_DAY: Final = 86_400_000_000
MIXED_SHARE: Final = 0.05  # the other order of day and month may be a slip in so many of the cells that settle it

TimeKey: TypeAlias = tuple[str, tuple[str, ...]]
"""A source column and the formats the map gives for it."""


@dataclass(frozen=True)
class Look:
    """What the first look found.

    Attributes
    ----------
    n_rows : int
    forms : mapping of (source column, formats) to TimeForm
        Of times written as text; a column that no form fits is not there.
    styles : mapping of str to {"point", "comma", "unclear"}
        By source column: what a comma means in numbers written as text.
    years : (int, int) or None
        First and last year of times without an offset; None where every time has one.
    days : frozenset of str
        Source columns of times without an offset that are dates: each is a midnight, as pandas and workbooks keep them.
    notes : tuple of str
        What was taken for granted.
    """

    n_rows: int
    forms: Mapping[TimeKey, TimeForm] = field(default_factory=dict)
    styles: Mapping[str, NumberStyle] = field(default_factory=dict)
    years: Years | None = None
    days: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """How many cells a form reads, the first and last year of those without an offset, and other orders they have."""

    form: TimeForm
    n: int
    years: tuple[int, ...]
    rivals: tuple[Fit, ...] = ()


def look_at(session: Session, rows: ir.Table, bindings: Bindings, given: TableMap, n_files: int = 1) -> Look:
    """Look at a source once, and again only at columns of text whose form is not settled by then.

    Raises
    ------
    InputError
        A column whose times could be read with the day and the month either way round, in all files or in some.
    """
    times = _time_columns(bindings, given)
    texts = {key: how for key, how in times.items() if _is_text(rows[key[0]].type(), key[1])}
    numbers = {b.how.column: b.how for b in bindings.of_kind("number", "count", "duration", "score") if b.how.column}
    commas = {source: how for source, how in numbers.items() if not is_number(rows[source].type())}
    naive = [key[0] for key in times if _is_naive(rows[key[0]].type())]
    table = rows.select(
        SOURCE_ROW,
        **{f"comma_{i}": clean_text(rows[source], how) for i, (source, how) in enumerate(commas.items())},
        **{f"time_{i}": clean_text(digits(rows[key[0]]), how) for i, (key, how) in enumerate(texts.items())},
        **{f"naive_{i}": plausible(rows[source].cast("timestamp")) for i, source in enumerate(naive)},
    )
    if texts:  # several passes are to come: parse the file once for all of them
        table = compute(session, table)
    facts: dict[str, ir.Value] = {"n_rows": table.count()}
    for i in range(len(commas)):
        comma, point = comma_evidence(table[f"comma_{i}"])
        facts |= {f"comma_{i}": comma.sum(), f"point_{i}": point.sum()}
    for i in range(len(naive)):
        time = table[f"naive_{i}"]
        is_timed = microseconds(time) % MICROSECONDS_A_DAY != 0
        facts |= {f"first_{i}": time.min(), f"last_{i}": time.max(), f"timed_{i}": is_timed.sum()}
    found = ask(session, table, facts)
    columns = {key: TextColumn(session, table, key[0], f"time_{i}") for i, key in enumerate(texts)}
    chosen = {key: fit for key, column in columns.items() if (fit := _choose(column, candidates(key[1])))}
    notes: list[str] = []
    for key, fit in chosen.items():
        # not of the table above: with the name of its file in every row that would take several times the memory
        cells = rows.select(SOURCE_FILE, cell=clean_text(digits(rows[key[0]]), texts[key]))
        for rival in fit.rivals:
            notes += require_one_order(session, cells, key[0], fit.form, rival.form) if n_files > 1 else []
            columns[key].require_settled(fit, rival)
    ends = [found[f"{end}_{i}"] for i in range(len(naive)) for end in ("first", "last")]
    known = [time.year for time in ends if time] + [year for fit in chosen.values() for year in fit.years]
    return Look(
        found["n_rows"],
        {key: fit.form for key, fit in chosen.items()},
        {source: _style(found[f"comma_{i}"], found[f"point_{i}"]) for i, source in enumerate(commas)},
        (min(known), max(known)) if known else None,
        frozenset(source for i, source in enumerate(naive) if found[f"first_{i}"] and not found[f"timed_{i}"]),
        tuple(notes),
    )


def time_formats(binding: Binding, given: TableMap) -> tuple[str, ...]:
    """Formats the map gives for a column, its own first."""
    return (*binding.how.format, *given.datetime_format)


def _time_columns(bindings: Bindings, given: TableMap) -> dict[TimeKey, ColumnMap]:
    return {
        (source, time_formats(binding, given)): binding.how
        for binding in bindings.columns
        if binding.kind == "time" or binding.how.from_ is not None
        for source in binding.how.sources
    }


def _is_text(kind: Any, formats: Sequence[str]) -> bool:
    """Whether times have to be read from text: numbers, too, where the map says how they are written (20260105)."""
    return not is_time(kind) or bool(kind.is_numeric() and formats)


def _is_naive(kind: Any) -> bool:
    return bool(kind.is_date() or (kind.is_timestamp() and not kind.timezone))


def _style(n_comma: int | None, n_point: int | None) -> NumberStyle:
    if not n_comma:
        return "point"
    return "unclear" if n_point else "comma"


@dataclass(frozen=True)
class TextColumn:
    """A column of times written as text, cleaned, under the name ``cell`` of a table."""

    session: Session
    table: ir.Table
    source: str
    cell: str

    def fits(self, forms: Sequence[TimeForm]) -> list[Fit]:
        """How well some forms fit, from one pass."""
        read = self._read(forms)
        facts: dict[str, ir.Value] = {}
        for i, form in enumerate(forms):
            time, naive = plausible(read[f"read_{i}"]), ~form.is_zoned(read[self.cell])
            years = time.year()
            facts |= {f"n_{i}": time.count(), f"first_{i}": years.min(where=naive), f"last_{i}": years.max(where=naive)}
        found = ask(self.session, read, facts)
        years = [(found[f"first_{i}"], found[f"last_{i}"]) for i in range(len(forms))]
        return [
            Fit(form, found[f"n_{i}"], tuple(year for year in years[i] if year is not None))
            for i, form in enumerate(forms)
        ]

    def unread(self, tried: Sequence[TimeForm]) -> set[str]:
        """The first cells that none of these forms reads."""
        read = self._read(tried)
        missing = [read[f"read_{i}"].isnull() for i in range(len(tried))]
        head = read.filter(read[self.cell].notnull(), *missing).select(cell=read[self.cell]).limit(HEAD_ROWS)
        with step_by_step():
            return {str(cell) for cell in self.session.collect(head)["cell"].to_pylist()}

    def require_settled(self, best: Fit, rival: Fit) -> None:
        """Raise unless cells that only the best form reads refute a rival that reads some cells otherwise."""
        read = self._read([best.form, rival.form])
        one, other, cell = read["read_0"], read["read_1"], read[self.cell]
        facts = {
            "n_both": (one.notnull() & other.notnull()).sum(),
            "low": cell.min(where=one != other),
            "high": cell.max(where=one != other),
        }
        found = ask(self.session, read, facts)
        n_best_only, n_rival_only = best.n - found["n_both"], rival.n - found["n_both"]
        if found["low"] is None or n_rival_only < MIXED_SHARE * n_best_only:
            return
        raise InputError(
            f"The times of {self.source!r} can be read as {best.form.label} and as {rival.form.label}:"
            f" {found['low']!r} and {found['high']!r} then mean different days. Say which it is, and how the time of"
            f' day is written, with a line of the map such as  datetime_format = "{best.form.label} %H:%M"'
        )

    def _read(self, forms: Sequence[TimeForm]) -> ir.Table:
        cell = self.table[self.cell]
        return self.table.select(cell, **{f"read_{i}": form.read(cell) for i, form in enumerate(forms)})


def _choose(column: TextColumn, forms: Sequence[TimeForm]) -> Fit | None:
    """The form that reads most cells; one that the map gave, if it reads any.

    Forms are tried that the first cells suggest, then those that cells still unread suggest, until none is new.
    """
    fits: dict[str, Fit] = {}
    while new := _suggested(forms, column.unread([fit.form for fit in fits.values()]), fits):
        fits |= {fit.form.label: fit for fit in column.fits(new)}
    readable = [fit for fit in fits.values() if fit.n]
    told = [fit for fit in readable if fit.form.is_given]
    best = max(told or readable, key=lambda fit: fit.n, default=None)
    if best is None or best.form.is_given or not best.form.order:
        return best
    return replace(best, rivals=tuple(fit for fit in readable if fit.form.order not in ("", best.form.order)))


def _suggested(forms: Sequence[TimeForm], cells: set[str], fits: Mapping[str, Fit]) -> list[TimeForm]:
    """Forms, or more patterns of forms that were tried, that some cells have the shape of."""
    new = []
    for form in forms:
        narrow = form.narrowed(cells)
        tried = fits[form.label].form.patterns if form.label in fits else None
        if narrow and (tried is None or not set(narrow.patterns) <= set(tried)):
            new.append(replace(narrow, patterns=tuple(dict.fromkeys([*(tried or ()), *narrow.patterns]))))
    return new
