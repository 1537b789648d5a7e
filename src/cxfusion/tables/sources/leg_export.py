"""What a vendor's contact log declares of itself: which of its fields make a leg, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.records import dig, unreadable

if TYPE_CHECKING:
    from cxfusion.tables.sources.records import Row

__all__ = ["ASIDE", "BROKEN", "DERIVED", "LegExport", "from_to", "legs_of", "yes_no"]

BROKEN: Final[Mapping[str, str]] = {
    "unreadable_record": "The line is no record: broken off, or cut into another number of cells than the heading.",
    "not_a_record": "The record lacks a field that every record of this export has.",
}
"""Reasons that any export may set a record aside for."""

ASIDE: Final = "aside"
DERIVED: Final = "leg:"
"""What the name of a cell begins with that several fields make."""

Derive: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class LegExport:
    """How a vendor's contact log becomes legs.

    Attributes
    ----------
    what : str
        What messages call it.
    fields : mapping of str to ColumnMap
        Leg column to the export's own field, and how its cells are read.
    derived : mapping of str to str
        Leg column to what makes it, in words, where several fields do.
    told : mapping of str to str
        The same for those of ``fields`` that are read from cells which several fields make.
    read : callable
        What the caller gave to the legs, one :class:`~cxfusion.tables.sources.records.Row` each.
    talk_excludes_hold : bool
    wait_includes_ring : bool
        Where it does not, the ringing is added: a contact's wait is queue and ring.
    wait_includes_ivr : bool
        Where it does, ``ivr_seconds`` is taken off the wait, which is unknown where it would be less than nothing.
    total_of : tuple of str
        Leg columns that add up to the export's own total, ``total_seconds``.
    reasons : mapping of str to str
        Reasons of its own for which a leg is set aside, with their meanings.
    is_whole : bool
        Each record is a whole contact, whoever took part.
    rule : str
        What is to be known of how its legs become contacts.
    names : tuple of str, optional
        All fields that a record may have, where its layout is fixed: a map that leaves legs out by another is refused.
        Without it such a map gets a note.
    """

    what: str
    fields: Mapping[str, ColumnMap]
    derived: Mapping[str, str]
    read: Callable[[Any], Iterator[Row]]
    talk_excludes_hold: bool
    wait_includes_ring: bool
    wait_includes_ivr: bool = False
    total_of: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = False
    rule: str = ""
    names: tuple[str, ...] | None = None

    @property
    def columns(self) -> dict[str, ColumnMap]:
        """All leg columns it has; those that it derives come under names of their own."""
        return {**self.fields, **{name: ColumnMap(column=f"{DERIVED}{name}") for name in self.derived}}

    @property
    def sources(self) -> tuple[str, ...]:
        """The export's own fields that its ``fields`` are read from."""
        return tuple(source for how in self.fields.values() for source in how.sources)

    @property
    def words(self) -> dict[str, str]:
        """What each leg column is made of."""
        words = {name: how.words for name, how in self.fields.items()} | dict(self.derived) | dict(self.told)
        if not self.wait_includes_ring and "wait_seconds" in words:
            words["wait_seconds"] += f" and {words['ring_seconds']}"
        return words


def legs_of(rows: Iterable[Row], needed: Iterable[str], derive: Derive) -> Iterator[Row]:
    """One leg of each record.

    Parameters
    ----------
    rows : iterable of Row
    needed : iterable of str
        Fields without which a record is none of this export.
    derive : callable
        A record's cells to the leg columns that they make together; under :data:`ASIDE` the reason to set it aside.
    """
    names = tuple(needed)
    for row in rows:
        if row.reason is not None:
            yield row
        elif any(dig(row.cells, name) in (None, "") for name in names):
            yield unreadable(row.file, row.number, str(dict(row.cells)), "not_a_record")
        else:
            derived = dict(derive(row.cells))
            yield replace(row, reason=derived.pop(ASIDE, None), derived=derived)


def from_to(start: str, end: str) -> ColumnMap:
    """The seconds between two times."""
    return ColumnMap.model_validate({"from": start, "to": end})


def yes_no(*, is_so: bool) -> str:
    """A flag as text."""
    return "yes" if is_so else "no"
