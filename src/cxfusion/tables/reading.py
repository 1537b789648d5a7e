"""One source on its way in: its columns bound, looked at and staged, nothing computed yet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import ibis

from cxfusion.tables.cells import Part, clean_id, clean_text, part, says_missing, stage
from cxfusion.tables.mapping import ColumnMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.binding import Binding, Bindings
    from cxfusion.tables.cells import Recipe
    from cxfusion.tables.look import Look
    from cxfusion.tables.mapping import Section
    from cxfusion.tables.period import Period
    from cxfusion.tables.pseudonyms import Pseudonyms

Remark: TypeAlias = Literal["missing_by_map", "withheld_customer", "date_without_time", "skipped_time"]

__all__ = ["Reading", "Remark"]


@dataclass(frozen=True)
class Reading:
    """What is known of a source before its rows are computed.

    Attributes
    ----------
    session : Session
    section : {"contacts", "surveys", "legs"}
    source : ibis.Table
        The source's own columns, and those made of several of them.
    staged : ibis.Table
        The same, and the columns of the recipes.
    bindings : Bindings
    recipes : tuple of Recipe
        One per bound column.
    look : Look
    n_files : int
    zone : str
    bound : tuple of Binding
        The same bindings before their source columns were made into one.
    period : Period or None
        What the reading is about, of contacts.
    notes : tuple of str
    pseudonyms : Pseudonyms or None
        What hides persons.
    private : frozenset of str
        Columns and attributes that it hides.
    left_out : mapping of str to (mapping of str to tuple of str)
        What the kind of source leaves out besides: reason to source column to cells.
    n_far : int
        Rows that stayed in their database, since they lie far outside the period.
    """

    session: Session
    section: Section | Literal["legs"]
    source: ir.Table
    staged: ir.Table
    bindings: Bindings
    recipes: tuple[Recipe, ...]
    look: Look
    n_files: int
    zone: str
    bound: tuple[Binding, ...]
    period: Period | None
    notes: tuple[str, ...]
    pseudonyms: Pseudonyms | None = None
    private: frozenset[str] = frozenset()
    left_out: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    n_far: int = 0

    @property
    def n_rows(self) -> int:
        """Rows of the source."""
        return self.look.n_rows + self.n_far

    @property
    def hidden(self) -> frozenset[str] | None:
        """Columns and attributes in which pseudonyms stand for persons; None where nobody is to be hidden."""
        return None if self.pseudonyms is None else self.private

    @property
    def columns_from(self) -> dict[str, str]:
        """Column name to where it came from, in words."""
        return {binding.name: binding.words for binding in self.bound} | dict(self.bindings.attributes)

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
        sources = self.bindings.attributes.items()
        return {name: self._attribute(name, self.staged[source]) for name, source in sources}

    def _attribute(self, name: str, column: ir.Value) -> ir.Value:
        if self.pseudonyms is None or name not in self.private:
            return _as_it_is(column)
        return self.pseudonyms.hashed(clean_id(column))

    def among(self, source: ir.Table) -> Reading:
        """The same reading of some of the rows only."""
        return replace(self, source=source, staged=stage(source, self.recipes))

    def nearby(self) -> Reading:
        """The same reading of the rows that could lie within the period, as far as their file can tell."""
        start = next((binding.how.column for binding in self.bindings.columns if binding.name == "started_at"), None)
        if self.period is None or start is None:
            return self
        return self.among(self.source.filter(self.period.may_hold(self.source[start])))

    def is_left_out(self) -> dict[str, ir.BooleanValue]:
        """Reasons, and whether the map or the kind of source leaves a row out for each; empty where none does."""
        reasons = {**self.left_out, "left_out": self.bindings.leave_out}
        return {
            reason: ibis.or_(
                *(says_missing(self.staged[name], ColumnMap(column=name, null=cells[name])) for name in cells)
            )
            for reason, cells in reasons.items()
            if cells
        }

    def is_blank(self) -> ir.BooleanValue:
        """Whether a source row holds nothing at all."""
        return ibis.and_(*(_as_it_is(self.staged[name]).isnull() for name in self.bindings.found))

    def declaring_missing(self) -> tuple[str, ...]:
        """Columns for which the map says what means "missing"."""
        return tuple(binding.name for binding in self.bindings.columns if binding.how.null)

    def remarks(self) -> dict[Remark, dict[str, ir.BooleanValue]]:
        """What is to be counted of cells that were read: remark to column to whether it holds."""
        times = [recipe.name for recipe in self.recipes if recipe.has_days]
        withheld = [recipe.name for recipe in self.recipes if recipe.may_be_withheld]
        found: dict[Remark, dict[str, ir.BooleanValue]] = {
            "missing_by_map": {name: self.says_missing(name) for name in self.declaring_missing()},
            "withheld_customer": {name: self.get(name, "is_withheld") for name in withheld},
            "date_without_time": {name: self.get(name, "is_day") for name in times},
            "skipped_time": {name: self.get(name, "is_skipped") for name in times} if self.look.years else {},
        }
        return found

    def says_missing(self, name: str) -> ir.BooleanValue:
        """Whether a bound column has no value because a cell says what the map declares to mean that."""
        bound = next(binding for binding in self.bound if binding.name == name)
        said = ibis.or_(*(says_missing(self.staged[source], bound.how) for source in bound.how.sources))
        return said & self.get(name).isnull()


def _as_it_is(column: ir.Value) -> ir.Value:
    return clean_text(column, ColumnMap(column=column.get_name())) if column.type().is_string() else column
