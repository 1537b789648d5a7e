"""Delighted: survey responses as its API returns them; the scale of the score depends on the kind of survey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.sources.dispositions import COMPLETE, with_dispositions
from cxfusion.tables.sources.export import Export, Field, columns_of, own_keys, require_fields, texts
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.scores_by_type import ScoreType, split_scores
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["DELIGHTED"]

FIELDS: Final = (
    Field("id", "the response", "response_id"),
    Field("person.id", "the person asked, where the export spells the person out", "customer_id"),
    Field("person", "the person asked", "customer_id"),
    Field("created_at", "when it was answered, in seconds since 1970", "answered_at"),
    Field("score", "by survey_type: nps, csat or ces"),
    Field("survey_type", "which score it is"),
    Field("person_properties.…", "properties given with the request: a key where their name is a usual heading of one"),
)
TYPES: Final = {
    "nps": ScoreType("nps", (0, 10)),
    "csat": ScoreType("csat", (1, 5), is_confirmed=False),
    "ces": ScoreType("ces", (1, 5), is_confirmed=False),
    "ces7": ScoreType("ces", (1, 7), is_confirmed=False),
}
PROPERTIES: Final = "person_properties."


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet)
    require_fields(table, "Delighted", "score", "survey_type")
    table, scores, notes = split_scores(table, "score", "survey_type", TYPES, given)
    dispositions = [COMPLETE if cell else None for cell in texts(table, "score")]
    table, columns = with_dispositions(table, columns_of(FIELDS, table.column_names), "score", dispositions)
    own = {name: name.removeprefix(PROPERTIES) for name in table.column_names if name.startswith(PROPERTIES)}
    return Export(table, {**columns, **own_keys(given, own), **scores}, notes=tuple(notes))


DELIGHTED: Final = Source(
    "delighted",
    ("surveys",),
    "Survey responses of Delighted's API (JSON); a property of the person, or the map, names the contact.",
    fields=FIELDS,
    unconfirmed=(
        "the scales of survey_type csat (1 to 5), ces (1 to 5) and ces7 (1 to 7): every answer has to lie within",
        "people who bounced or unsubscribed are in lists of their own, not among the responses",
    ),
    export=_export,
)
