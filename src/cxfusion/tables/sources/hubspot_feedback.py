"""HubSpot's feedback submissions: the score's kind is in hs_survey_type, and CSAT's scale only in the survey itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.sources.dispositions import COMPLETE, with_dispositions
from cxfusion.tables.sources.export import Export, Field, columns_of, renamed, require_fields, texts
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.scores_by_type import ScoreType, split_scores
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["HUBSPOT_FEEDBACK"]

FIELDS: Final = (
    Field("id", "the submission", "response_id"),
    Field("hs_contact_id", "the person's record in HubSpot: the customer", "customer_id"),
    Field("hs_submission_timestamp", "when it was answered", "answered_at"),
    Field("createdAt", "when it was stored", "answered_at"),
    Field("hs_value", "by hs_survey_type: nps, ces, or csat on a scale that the map has to give"),
    Field("hs_survey_type", "which score it is"),
    Field("hs_response_group", "HubSpot's own grouping; kept"),
)
TYPES: Final = {
    "nps": ScoreType("nps", (0, 10)),
    "ces": ScoreType("ces", (1, 7), is_confirmed=False),
    "csat": ScoreType("csat", None),
}
PROPERTIES: Final = "properties."


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet, lists=("results",))
    table = renamed(table, {name: name.removeprefix(PROPERTIES) for name in table.column_names})
    require_fields(table, "HubSpot's feedback", "hs_value", "hs_survey_type")
    table, scores, notes = split_scores(table, "hs_value", "hs_survey_type", TYPES, given)
    dispositions = [COMPLETE if cell else None for cell in texts(table, "hs_value")]
    table, columns = with_dispositions(table, columns_of(FIELDS, table.column_names), "hs_value", dispositions)
    return Export(table, {**columns, **scores}, notes=tuple(notes))


HUBSPOT_FEEDBACK: Final = Source(
    "hubspot_feedback",
    ("surveys",),
    "Feedback submissions of HubSpot's API (JSON); the map gives the scale of CSAT.",
    fields=FIELDS,
    unconfirmed=(
        "the scale of CSAT: HubSpot's own example has a promoter with the value 2, so it is not 1 to 5",
        "the scale of CES (1 to 7): every answer has to lie within",
    ),
    export=_export,
)
