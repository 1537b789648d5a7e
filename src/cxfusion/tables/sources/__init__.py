"""The kinds of source that can be read: which tables each one gives, and what it is. The one list of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxfusion.errors import UnknownNameError, UsageError, nearest_names

if TYPE_CHECKING:
    from cxfusion.tables.mapping import Map, Section

__all__ = ["SOURCES", "Source", "require_source"]


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
    """

    name: str
    reads: tuple[Section, ...]
    description: str
    map: Map | None = None


SOURCES: Final = (
    Source(
        "generic",
        ("contacts", "surveys"),
        "Any table with one row per contact or per answer: usual headings are known, a map names the others.",
    ),
)


def require_source(name: str, section: Section | None = None) -> Source:
    """The kind of source of that name.

    Parameters
    ----------
    name : str
    section : {"contacts", "surveys"}, optional
        The table that is to be read from it.

    Raises
    ------
    UnknownNameError
        There is none; the message lists the nearest.
    UsageError
        It has no such table.

    Examples
    --------
    >>> require_source("generic").reads
    ('contacts', 'surveys')
    """
    known = {source.name: source for source in SOURCES}
    if name not in known:
        near = ", ".join(nearest_names(name, known) or known)
        raise UnknownNameError(f"There is no source {name!r}. Expected one such as: {near}.")
    source = known[name]
    if section is not None and section not in source.reads:
        raise UsageError(f"The source {name!r} gives {' and '.join(source.reads)}, not {section}. Name another source.")
    return source
