"""Amazon Connect Contact Lens evaluations: what an evaluator says of a contact, which is no customer's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.export import Export, Field, columns_of, require_fields, with_column
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["AMAZON_CONNECT_EVALUATIONS"]

FIELDS: Final = (
    Field("evaluationId", "the evaluation; a second file of the same one is a duplicate", "response_id"),
    Field("metadata.contactId", "the contact that was evaluated", "contact_id"),
    Field("metadata.evaluationSubmitTimestamp", "when it was handed in", "answered_at"),
    Field("metadata.score.percentage", "the form's score, in percent", "qa_score", {"scale": (0, 100)}),
    Field("metadata.agentId", "the agent who was evaluated, not the respondent"),
    Field("metadata.evaluator", "who evaluated"),
)
ROLE: Final = "respondent_role"


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet)
    require_fields(table, "Contact Lens evaluations", "evaluationId", "metadata.contactId")
    table = with_column(table, ROLE, ["evaluator"] * table.num_rows)
    return Export(table, columns_of(FIELDS, table.column_names) | {ROLE: ColumnMap(column=ROLE)})


AMAZON_CONNECT_EVALUATIONS: Final = Source(
    "amazon_connect_evaluations",
    ("surveys",),
    "Contact Lens evaluations of Amazon Connect (JSON files): an evaluator's scores, never mixed with the customers'.",
    fields=FIELDS,
    export=_export,
)
