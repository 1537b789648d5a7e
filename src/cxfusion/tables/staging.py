"""How a reading is started: a source is opened, its columns are bound and looked at, and their cells staged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from cxfusion.engine import DatabaseSource, FileSource, FrameSource, RelationSource, session_for
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import EmptyTableError
from cxfusion.tables.binding import bind
from cxfusion.tables.canonical import SCORE_SCALES
from cxfusion.tables.cells import Clock, flag_recipe, number_recipe, stage, text_recipe, time_recipe, until_recipe
from cxfusion.tables.guesses import date_and_time
from cxfusion.tables.look import look_at, time_formats
from cxfusion.tables.made import make_columns
from cxfusion.tables.mapping import ColumnMap, TableMap, table_map
from cxfusion.tables.numbers import without_nan
from cxfusion.tables.opening import open_source
from cxfusion.tables.period import period_of
from cxfusion.tables.pseudonyms import private_names
from cxfusion.tables.reading import Reading
from cxfusion.tables.recognition import match_headings
from cxfusion.tables.relation import Scale
from cxfusion.tables.sources import require_source
from cxfusion.tables.times import require_zone
from cxfusion.tables.wanted import wanted_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from cxfusion.engine import Session, Source
    from cxfusion.engine.contract import Narrow
    from cxfusion.tables.binding import Binding, Bindings
    from cxfusion.tables.cells import Recipe
    from cxfusion.tables.guesses import RowsOf
    from cxfusion.tables.look import Look
    from cxfusion.tables.mapping import Map, MapLike, Section
    from cxfusion.tables.opening import Data
    from cxfusion.tables.period import Moment, Period
    from cxfusion.tables.pseudonyms import Pseudonyms
    from cxfusion.tables.sources import Source as SourceKind
    from cxfusion.tables.sources.export import Export
    from cxfusion.tables.wanted import Remote

__all__ = ["read_bound", "scale_of", "start_reading"]

MOST: Final = {"duration": 3.2e9, "count": 1e9}  # a hundred years in seconds, and a count that is none


def start_reading(
    section: Section,
    data: Data,
    given: MapLike | None,
    timezone: str | None,
    session: Session | None,
    kind: str | SourceKind | None = None,
    between: tuple[Moment | None, Moment | None] = (None, None),
    pseudonyms: Pseudonyms | None = None,
    *,
    needs_key: bool = True,
) -> Reading:
    """Bind a source's columns, decide how its cells are written, and stage them.

    Raises
    ------
    UsageError, ConfigError, InputError
        As of :func:`cxfusion.tables.read.read_contacts`.
    """
    session = session_for(session, data)
    own_map = table_map(given, section)
    kind_of = require_source(kind or own_map.table(section).source, section)
    export = kind_of.export(data, own_map.table(section)) if kind_of.export else None
    whole_map = _with_known(own_map, section, kind_of.map, export)
    table = whole_map.table(section)
    zone = require_zone(timezone) if timezone else table.timezone
    period = period_of(*between, zone or "UTC")
    opened: Source = FrameSource(export.table, kind_of.name) if export else open_source(data, table.sheet)
    n_far = 0
    if section == "contacts" and isinstance(opened, DatabaseSource | RelationSource):
        whole_map, told, opened, n_far = _elsewhere(opened, session, whole_map, period)
        source = session.read(opened)
    else:
        source = session.read(opened)
        whole_map, told = _with_moment(session, section, source.columns, lambda narrow: narrow(source), whole_map)
    bound = bind(section, source.columns, whole_map, needs_key=needs_key)
    bound = replace(bound, notes=(*bound.notes, *told))
    n_files = len(opened.paths) if isinstance(opened, FileSource) else 1
    reading = read_bound(session, section, source, bound, table, zone, period, pseudonyms, n_files=n_files)
    reading = replace(reading, n_far=n_far)
    if export:
        doubts = (f"not confirmed by the vendor's documentation: {fact}" for fact in kind_of.unconfirmed)
        notes = (*export.notes, *reading.notes, *doubts)
        return replace(reading, n_files=export.n_files, notes=notes, left_out=export.leave_out)
    return reading


def _elsewhere(
    source: Remote, session: Session, given: Map, period: Period | None
) -> tuple[Map, tuple[str, ...], Remote, int]:
    """A map and a note as of :func:`_with_moment`, and what they want of a log elsewhere as of :func:`wanted_of`."""
    head = session.read(source.narrowed(lambda table: table.limit(0)))

    def rows_of(narrow: Narrow) -> ir.Table:
        return session.read(source.narrowed(narrow))

    given, told = _with_moment(session, "contacts", head.columns, rows_of, given)
    return (given, told, *wanted_of(source, head, session, given, period))


def _with_moment(
    session: Session, section: Section, columns: Sequence[str], rows_of: RowsOf, given: Map
) -> tuple[Map, tuple[str, ...]]:
    """A map under which a column of dates and one of times of day are the start, where nothing else is; and a note."""
    table = given.table(section)
    found = [name for name in columns if name not in (SOURCE_FILE, SOURCE_ROW)]
    if section != "contacts" or "started_at" in table.columns or match_headings(section, found, {"started_at"})[0]:
        return given, ()
    moment = date_and_time(session, rows_of, found)
    if moment is None:
        return given, ()
    how = ColumnMap(date=moment[0], time=(moment[1],))
    named = table.model_copy(update={"columns": {**table.columns, "started_at": how}})
    note = f"started_at was taken to be {moment[0]!r} and {moment[1]!r} together; say so in the map, or say otherwise"
    return given.model_copy(update={section: named}), (note,)


def read_bound(  # noqa: PLR0913  what is known of a source by then
    session: Session,
    section: Section | Literal["legs"],
    source: ir.Table,
    bound: Bindings,
    table: TableMap,
    zone: str | None,
    period: Period | None = None,
    pseudonyms: Pseudonyms | None = None,
    hidden_later: frozenset[str] = frozenset(),
    *,
    n_files: int = 1,
) -> Reading:
    """Decide how the cells of a source's bound columns are written, and stage them.

    Columns that are ``hidden_later`` are left to whoever reads what this makes.

    Raises
    ------
    EmptyTableError
        No rows.
    InputError
        Times in which day and month cannot be told apart.
    """
    source, bindings = make_columns(without_nan(source), bound)
    look = look_at(session, source, bindings, table, n_files)
    if look.n_rows == 0:
        raise EmptyTableError(
            f"The {section} have a header but no rows: {', '.join(bindings.found)}. Expected at least one row."
        )
    private = private_names(bound, pseudonyms) - hidden_later
    recipes = tuple(
        _recipe(binding, source, look, zone or "UTC", table, pseudonyms if binding.name in private else None)
        for binding in bindings.columns
    )
    return Reading(
        session=session,
        section=section,
        source=source,
        staged=stage(source, recipes),
        bindings=bindings,
        bound=bound.columns,
        recipes=recipes,
        look=look,
        n_files=n_files,
        zone=zone or "UTC",
        period=period,
        pseudonyms=pseudonyms,
        private=private,
        notes=(*bindings.notes, *look.notes, *_notes(look, zone), *_notes_on_privacy(private)),
    )


def _with_known(given: Map, section: Section, known: Map | None, export: Export | None) -> Map:
    """A map, and what is known of the kind of source, or of the export itself, where it is silent."""
    table = given.table(section)
    if known is not None:
        table = table.over(known.table(section))
    if export is not None:
        table = table.over(TableMap(columns=dict(export.columns), timezone=export.timezone))
    return given.model_copy(update={section: table})


def scale_of(binding: Binding) -> Scale:
    """Scale and direction of a score."""
    low, high = binding.how.scale or SCORE_SCALES[binding.name]
    return Scale(low, high, binding.how.higher_is_better)


def _recipe(
    binding: Binding, source: ir.Table, look: Look, zone: str, table: TableMap, hidden_by: Pseudonyms | None
) -> Recipe:
    name, how = binding.name, binding.how

    clock = Clock(zone, look.years)

    def time(as_name: str, column: str) -> Recipe:
        form = look.forms.get((column, time_formats(binding, table)))
        return time_recipe(as_name, column, how, form, clock, are_days=column in look.days)

    if how.column is None:
        return until_recipe(name, time(f"{name}:from", how.from_ or ""), time(f"{name}:to", how.to or ""))
    style = look.styles.get(how.column, "point")
    match binding.kind:
        case "time":
            return time(name, how.column)
        case "flag":
            return flag_recipe(name, how.column, how, source[how.column].type())
        case "id" | "text":
            return text_recipe(name, how.column, how, hidden_by, may_be_withheld=name == "customer_id")
        case "score":
            scale = scale_of(binding)
            return number_recipe(name, how.column, how, style, scale=(scale.low, scale.high))
        case _:
            negative = {"duration": "negative_duration", "count": "negative_count"}.get(binding.kind)
            is_clock, most = binding.kind == "duration", MOST.get(binding.kind)
            return number_recipe(name, how.column, how, style, clock=is_clock, negative=negative, most=most)


def _notes(look: Look, zone: str | None) -> list[str]:
    told = {
        "comma": "{!r} was read with decimal commas: its cells leave no other reading",
        "unclear": "{!r} mixes decimal commas and decimal points; cells that hold either were set aside",
    }
    notes = [told[style].format(source) for source, style in look.styles.items() if style != "point"]
    if zone is None and look.years is not None:
        notes.append(
            'times without an offset were read as UTC; give timezone="Europe/Berlin" or the like if they are not'
        )
    return notes


def _notes_on_privacy(private: frozenset[str]) -> list[str]:
    names = sorted(private)
    return [f"pseudonyms stand in the place of what the source says: {', '.join(names)}"] if names else []
