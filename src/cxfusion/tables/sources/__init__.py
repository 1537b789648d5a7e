"""The kinds of source that can be read: which tables each one gives, and what it is. The one list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.errors import UnknownNameError, UsageError, nearest_names
from cxfusion.tables.sources.amazon_connect_evaluations import AMAZON_CONNECT_EVALUATIONS
from cxfusion.tables.sources.amazon_connect_surveys import AMAZON_CONNECT_SURVEYS
from cxfusion.tables.sources.asknicely import ASKNICELY
from cxfusion.tables.sources.contact_logs import CONTACT_LOGS
from cxfusion.tables.sources.delighted import DELIGHTED
from cxfusion.tables.sources.genesys_surveys import GENESYS_SURVEYS
from cxfusion.tables.sources.google_forms import GOOGLE_FORMS
from cxfusion.tables.sources.hubspot_feedback import HUBSPOT_FEEDBACK
from cxfusion.tables.sources.medallia_agent_connect import MEDALLIA_AGENT_CONNECT
from cxfusion.tables.sources.qualtrics import QUALTRICS
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.surveymonkey import SURVEYMONKEY
from cxfusion.tables.sources.typeform import TYPEFORM
from cxfusion.tables.sources.zendesk_csat import ZENDESK_CSAT

if TYPE_CHECKING:
    from cxfusion.tables.mapping import Section

__all__ = ["SOURCES", "Source", "require_source"]


SOURCES: Final = (
    Source(
        "generic",
        ("contacts", "surveys"),
        "Any table with one row per contact or per answer: usual headings are known, a map names the others.",
    ),
    *CONTACT_LOGS,
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
