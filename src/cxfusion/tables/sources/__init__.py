"""The kinds of source that can be read: our own, in the one list of them, and those that other packages register.

What a source is written with is named here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.errors import UnknownNameError, UsageError, nearest_names
from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.amazon_connect_evaluations import AMAZON_CONNECT_EVALUATIONS
from cxfusion.tables.sources.amazon_connect_surveys import AMAZON_CONNECT_SURVEYS
from cxfusion.tables.sources.asknicely import ASKNICELY
from cxfusion.tables.sources.contact_logs import CONTACT_LOGS
from cxfusion.tables.sources.delighted import DELIGHTED
from cxfusion.tables.sources.export import Export, Field, columns_of, require_fields
from cxfusion.tables.sources.genesys_surveys import GENESYS_SURVEYS
from cxfusion.tables.sources.google_forms import GOOGLE_FORMS
from cxfusion.tables.sources.hubspot_feedback import HUBSPOT_FEEDBACK
from cxfusion.tables.sources.leg_export import ASIDE, LegExport, legs_of, yes_no
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.medallia_agent_connect import MEDALLIA_AGENT_CONNECT
from cxfusion.tables.sources.qualtrics import QUALTRICS
from cxfusion.tables.sources.records import Row, records
from cxfusion.tables.sources.registered import load_source, registered_names
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.surveymonkey import SURVEYMONKEY
from cxfusion.tables.sources.typeform import TYPEFORM
from cxfusion.tables.sources.zendesk_csat import ZENDESK_CSAT
from cxfusion.tables.sources.zendesk_tickets import ZENDESK_TICKETS

if TYPE_CHECKING:
    from cxfusion.tables.mapping import Section

__all__ = [
    "ASIDE",
    "SOURCES",
    "ColumnMap",
    "Export",
    "Field",
    "LegExport",
    "Row",
    "Source",
    "columns_of",
    "legs_of",
    "load_table",
    "records",
    "require_fields",
    "require_source",
    "yes_no",
]


SOURCES: Final = (
    Source(
        "generic",
        ("contacts", "surveys"),
        "Any table with one row per contact or per answer: usual headings are known, a map names the others.",
    ),
    *CONTACT_LOGS,
    ZENDESK_TICKETS,
    QUALTRICS,
    SURVEYMONKEY,
    MEDALLIA_AGENT_CONNECT,
    DELIGHTED,
    ASKNICELY,
    ZENDESK_CSAT,
    HUBSPOT_FEEDBACK,
    TYPEFORM,
    GOOGLE_FORMS,
    GENESYS_SURVEYS,
    AMAZON_CONNECT_SURVEYS,
    AMAZON_CONNECT_EVALUATIONS,
)


def require_source(name: str | Source, section: Section | None = None) -> Source:
    """The kind of source of that name.

    Parameters
    ----------
    name : str or Source
        A source itself is what it is; of a name our own goes before that of another package.
    section : {"contacts", "surveys"}, optional
        The table that is to be read from it.

    Raises
    ------
    UnknownNameError
        There is none; the message lists the nearest.
    UsageError
        It has no such table, or another package registered it that cannot be used.

    Examples
    --------
    >>> require_source("generic").reads
    ('contacts', 'surveys')
    """
    source = name if isinstance(name, Source) else _named(name)
    if section is not None and section not in source.reads:
        told = f"The source {source.name!r} gives {' and '.join(source.reads)}, not {section}"
        raise UsageError(f"{told}. Name another source.")
    return source


def _named(name: str) -> Source:
    known = {source.name: source for source in SOURCES}
    if name in known:
        return known[name]
    registered = load_source(name)
    if registered is None:
        names = [*known, *registered_names()]
        near = ", ".join(nearest_names(name, names) or names)
        raise UnknownNameError(f"There is no source {name!r}. Expected one such as: {near}.")
    return registered.source
