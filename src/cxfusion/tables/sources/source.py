"""What a kind of source declares of itself: the tables it gives, what its fields mean, and how its export is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from cxfusion.tables.mapping import Map, TableMap
    from cxfusion.tables.opening import Data
    from cxfusion.tables.sources.export import Export, Field
    from cxfusion.tables.sources.leg_export import LegExport

__all__ = ["Reads", "Source"]

Reads: TypeAlias = Literal["contacts", "surveys"]


@dataclass(frozen=True)
class Source:
    """One kind of source.

    Attributes
    ----------
    name : str
        As ``--contacts-source``, ``--surveys-source`` and ``source = "…"`` in a study spell it.
    reads : tuple of {"contacts", "surveys"}
        The tables it can be read as.
    description : str
        What it is, in a sentence.
    map : Map, optional
        What is known of its columns; what a caller's own map says goes before it.
    fields : tuple of Field
        What the fields of the vendor's export mean.
    unconfirmed : tuple of str
        What could not be confirmed from the vendor's documentation; such facts are checked on the data where they can
        be, and told in the notes of a reading that rests on them.
    export : callable, optional
        The data and the caller's own map to the export as a table with what is known of its columns; without it the
        data are a table already.
    legs : LegExport, optional
        How a contact log whose rows are legs becomes legs, and these contacts.
    """

    name: str
    reads: tuple[Reads, ...]
    description: str
    map: Map | None = None
    fields: tuple[Field, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    export: Callable[[Data, TableMap], Export] | None = None
    legs: LegExport | None = None
