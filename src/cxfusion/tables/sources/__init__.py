"""The kinds of source that can be read: which tables each one gives, and what it is. The one list of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxfusion.errors import UnknownNameError, nearest_names

if TYPE_CHECKING:
    from cxfusion.tables.mapping import Section

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
    """

    name: str
    reads: tuple[Section, ...]
    description: str


SOURCES: Final = (
    Source(
        "generic",
        ("contacts", "surveys"),
        "Any table with one row per contact or per answer: usual headings are known, a map names the others.",
    ),
)


def require_source(name: str) -> Source:
    """The kind of source of that name.

    Raises
    ------
    UnknownNameError
        There is none; the message lists the nearest.

    Examples
    --------
    >>> require_source("generic").reads
    ('contacts', 'surveys')
    """
    known = {source.name: source for source in SOURCES}
    if name not in known:
        near = ", ".join(nearest_names(name, known) or known)
        raise UnknownNameError(f"There is no source {name!r}. Expected one such as: {near}.")
    return known[name]
