"""The canonical columns of contacts, legs and surveys: name, kind of value, unit, and whether a row can do without it.

Seconds, UTC, contact level. Missing is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = [
    "CONTACT_COLUMNS",
    "KIND_TYPES",
    "LEG_COLUMNS",
    "RESPONDENT_ROLES",
    "SCORE_SCALES",
    "SURVEY_COLUMNS",
    "SURVEY_KEYS",
    "SURVEY_LEVELS",
    "Column",
    "Kind",
    "kind_of_name",
]

Kind: TypeAlias = Literal["id", "text", "time", "duration", "count", "flag", "score", "number"]

KIND_TYPES: Final[dict[Kind, str]] = {
    "id": "string",
    "text": "string",
    "time": "timestamp(6)",  # microseconds, UTC, without a zone, which is applied on the way in and put back on
    "duration": "float64",  # seconds
    "count": "float64",
    "flag": "boolean",
    "score": "float64",
    "number": "float64",
}
"""Ibis type of each kind of column."""


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Attributes
    ----------
    name : str
    kind : Kind
    required : bool
        A source without it cannot be read.
    """

    name: str
    kind: Kind
    required: bool = False


CONTACT_COLUMNS: Final[tuple[Column, ...]] = (
    Column("contact_id", "id", required=True),
    Column("started_at", "time", required=True),
    Column("ended_at", "time"),
    Column("case_id", "id"),
    Column("customer_id", "id"),
    Column("agent_id", "id"),  # the last agent who handled the contact
    Column("first_agent_id", "id"),
    Column("n_agents", "count"),
    Column("queue", "text"),
    Column("channel", "text"),
    Column("direction", "text"),
    Column("reason", "text"),
    Column("wait_seconds", "duration"),  # queue and ring before the first agent answered: what ASA averages
    Column("rewait_seconds", "duration"),  # later queueing, after transfers
    Column("ivr_seconds", "duration"),
    Column("ring_seconds", "duration"),
    Column("talk_seconds", "duration"),  # without hold
    Column("hold_seconds", "duration"),
    Column("wrap_seconds", "duration"),
    Column("n_holds", "count"),
    Column("n_transfers", "count"),
    Column("is_abandoned", "flag"),
    Column("is_resolved", "flag"),
)

LEG_COLUMNS: Final[tuple[Column, ...]] = (
    Column("leg_id", "id"),  # of several rows with one id the last update counts
    Column("contact_id", "id", required=True),
    Column("continues", "id"),  # the leg or contact that this one carries on
    Column("case_id", "id"),
    Column("customer_id", "id"),
    Column("agent_id", "id"),
    Column("queue", "text"),
    Column("channel", "text"),
    Column("direction", "text"),
    Column("reason", "text"),
    Column("started_at", "time", required=True),
    Column("answered_at", "time"),
    Column("ended_at", "time"),  # when the customer left this leg
    Column("closed_at", "time"),  # when the leg's record was closed, wrap included
    Column("updated_at", "time"),
    Column("ivr_seconds", "duration"),
    Column("wait_seconds", "duration"),
    Column("ring_seconds", "duration"),
    Column("talk_seconds", "duration"),
    Column("hold_seconds", "duration"),
    Column("wrap_seconds", "duration"),
    Column("total_seconds", "duration"),  # the export's own total, to check the parts by
    Column("n_holds", "count"),
    Column("n_transfers", "count"),  # the export's own count
    Column("is_handled", "flag"),  # an agent served the customer
    Column("is_transfer_out", "flag"),  # the agent passed the customer on
    Column("is_abandoned", "flag"),
)

SURVEY_COLUMNS: Final[tuple[Column, ...]] = (
    Column("response_id", "id"),  # else the row number, noted
    Column("contact_id", "id"),
    Column("leg_id", "id"),
    Column("case_id", "id"),
    Column("customer_id", "id"),
    Column("invited_at", "time"),
    Column("answered_at", "time"),
    Column("csat", "score"),
    Column("nps", "score"),
    Column("ces", "score"),
    Column("is_resolved_reported", "flag"),
    Column("respondent_role", "text"),
    Column("survey_level", "text"),
    Column("disposition", "text"),
)

SCORE_SCALES: Final[dict[str, tuple[float, float]]] = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}
"""Scale of each score where the map names none."""

RESPONDENT_ROLES: Final = ("customer", "companion", "agent", "leader", "evaluator")
"""Who may have answered; only customers are measured."""

SURVEY_LEVELS: Final = {
    "transaction": "transaction",
    "transactional": "transaction",
    "relationship": "relationship",
    "relational": "relationship",
}
"""How a survey's level may be written, and whether it asks about one contact or about all that was lived."""

SURVEY_KEYS: Final = ("contact_id", "leg_id", "case_id", "customer_id")


def kind_of_name(name: str) -> Kind:
    """Kind that a column's name promises: ``_seconds``, ``n_``, ``is_``, ``_at``, ``_id``; text otherwise.

    Examples
    --------
    >>> kind_of_name("response_seconds"), kind_of_name("plan")
    ('duration', 'text')
    """
    by_ending: dict[str, Kind] = {"_seconds": "duration", "_at": "time", "_id": "id"}
    for ending, kind in by_ending.items():
        if name.endswith(ending):
            return kind
    if name.startswith("n_"):
        return "count"
    return "flag" if name.startswith("is_") else "text"
