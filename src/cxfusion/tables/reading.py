"""One source on its way in: its columns bound, looked at and staged, nothing computed yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from cxfusion.engine import default_session
from cxfusion.errors import EmptyTableError
from cxfusion.tables.binding import bind
from cxfusion.tables.canonical import SCORE_SCALES
from cxfusion.tables.cells import (
    Part,
    clean_text,
    flag_recipe,
    number_recipe,
    part,
    stage,
    text_recipe,
    time_recipe,
    until_recipe,
)
from cxfusion.tables.look import look_at, time_formats
from cxfusion.tables.mapping import ColumnMap, table_map
from cxfusion.tables.opening import open_source
from cxfusion.tables.relation import Scale
from cxfusion.tables.times import require_zone, to_utc

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.binding import Binding, Bindings
    from cxfusion.tables.cells import Recipe
    from cxfusion.tables.look import Look
    from cxfusion.tables.mapping import MapLike, Section, TableMap
    from cxfusion.tables.opening import Data

__all__ = ["Reading", "scale_of", "start_reading"]


@dataclass(frozen=True)
class Reading:
    """What is known of a source before its rows are computed.

    Attributes
    ----------
    session : Session
    section : {"contacts", "surveys"}
    staged : ibis.Table
        The source's columns, and those of the recipes.
    bindings : Bindings
    recipes : tuple of Recipe
        One per bound column.
    look : Look
    zone : str
    notes : tuple of str
    """

    session: Session
    section: Section
    staged: ir.Table
    bindings: Bindings
    recipes: tuple[Recipe, ...]
    look: Look
    zone: str
    notes: tuple[str, ...]

    @property
    def columns_from(self) -> dict[str, str]:
        """Column name to where it came from, in words."""
        return {binding.name: binding.words for binding in self.bindings.columns} | dict(self.bindings.attributes)

    def has(self, name: str) -> bool:
        """Whether a canonical or own column is bound."""
        return any(recipe.name == name for recipe in self.recipes)

    def get(self, name: str, which: Part = "value") -> ir.Value:
        """A bound column's value, reason or original."""
        return self.staged[part(name, which)]

    def values(self) -> dict[str, ir.Value]:
        """All columns but attributes, by name."""
        return {recipe.name: self.get(recipe.name) for recipe in self.recipes}

    def attributes(self) -> dict[str, ir.Value]:
        """Unmapped columns as they are, text without its blanks and missing words."""
        return {name: _as_it_is(self.staged[source]) for name, source in self.bindings.attributes.items()}

    def is_blank(self) -> ir.BooleanValue:
        """Whether a source row holds nothing at all."""
        return ibis.and_(*(_as_it_is(self.staged[name]).isnull() for name in self.bindings.found))


def start_reading(
    section: Section, data: Data, given: MapLike | None, timezone: str | None, session: Session | None
) -> Reading:
    """Bind a source's columns, decide how its cells are written, and stage them.

    Raises
    ------
    UsageError, ConfigError, InputError
        As of :func:`cxfusion.tables.read.read_contacts`.
    """
    session = session or default_session()
    whole_map = table_map(given, section)
    table = whole_map.table(section)
    zone = require_zone(timezone) if timezone else table.timezone
    source = session.read(open_source(data))
    bindings = bind(section, source.columns, whole_map)
    look = look_at(session, source, bindings, table)
    if look.n_rows == 0:
        raise EmptyTableError(
            f"The {section} have a header but no rows: {', '.join(bindings.found)}. Expected at least one row."
        )
    recipes = tuple(_recipe(binding, source, look, zone or "UTC", table) for binding in bindings.columns)
    notes = (*bindings.notes, *_notes(look, zone))
    return Reading(session, section, stage(source, recipes), bindings, recipes, look, zone or "UTC", notes)


def scale_of(binding: Binding) -> Scale:
    """Scale and direction of a score."""
    low, high = binding.how.scale or SCORE_SCALES[binding.name]
    return Scale(low, high, binding.how.higher_is_better)


def _recipe(binding: Binding, source: ir.Table, look: Look, zone: str, table: TableMap) -> Recipe:
    name, how = binding.name, binding.how

    def utc(time: ir.TimestampValue) -> ir.TimestampValue:
        return time if look.years is None else to_utc(time, zone, look.years)

    def time(as_name: str, column: str) -> Recipe:
        return time_recipe(as_name, column, how, look.forms.get((column, time_formats(binding, table))), utc)

    if how.column is None:
        return until_recipe(name, time(f"{name}:from", how.from_ or ""), time(f"{name}:to", how.to or ""))
    style = look.styles.get(how.column, "point")
    match binding.kind:
        case "time":
            return time(name, how.column)
        case "flag":
            return flag_recipe(name, how.column, how, source[how.column].type())
        case "id" | "text":
            return text_recipe(name, how.column, how)
        case "score":
            scale = scale_of(binding)
            return number_recipe(name, how.column, how, style, scale=(scale.low, scale.high))
        case _:
            negative = {"duration": "negative_duration", "count": "negative_count"}.get(binding.kind)
            is_clock = binding.kind == "duration"
            return number_recipe(name, how.column, how, style, clock=is_clock, negative=negative)


def _as_it_is(column: ir.Value) -> ir.Value:
    return clean_text(column, ColumnMap(column=column.get_name())) if column.type().is_string() else column


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
