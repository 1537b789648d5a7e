"""Genesys Cloud's surveys, by themselves or within conversation details; evaluations beside them are an evaluator's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.dispositions import (
    COMPLETE,
    NO_ANSWER,
    OPT_OUT,
    PARTIAL,
    UNDELIVERED,
    unknown_words,
    with_dispositions,
)
from cxfusion.tables.sources.export import Export, Field, columns_of, require_fields, texts, with_column
from cxfusion.tables.sources.loading import load_table, objects_of
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["GENESYS_SURVEYS"]

FIELDS: Final = (
    Field("surveyId", "the survey, or the evaluation's own id", "response_id"),
    Field("id", "the survey, where it stands by itself", "response_id"),
    Field("conversationId", "the conversation it is about", "contact_id"),
    Field("conversation.id", "the same of surveys by themselves", "contact_id"),
    Field("surveyCompletedDate", "when it was answered", "answered_at"),
    Field("completedDate", "the same of surveys by themselves", "answered_at"),
    Field("surveyPromoterScore", "likelihood to recommend", "nps", {"scale": (0, 10)}),
    Field("answers.npsScore", "the same of surveys by themselves", "nps", {"scale": (0, 10)}),
    Field("oSurveyTotalScore", "the form's total, on a scale that the map has to give: csat if the map says so"),
    Field("surveyStatus", "Finished, OptOut, Expired, …: disposition"),
    Field("surveyPartialResponse", "whether a finished survey lacks required answers: disposition"),
    Field("userId", "the one agent it is put down to, even where several handled the conversation"),
    Field("evaluations[].oTotalScore", "an evaluator's score, in percent", "qa_score", {"scale": (0, 100)}),
)
STATUSES: Final = {
    "finished": COMPLETE,
    "inprogress": PARTIAL,
    "optout": OPT_OUT,
    **dict.fromkeys(["pending", "sent", "expired"], NO_ANSWER),
    "error": UNDELIVERED,
}
ROLE: Final = "respondent_role"
QA_SCORE: Final = "evaluations[].oTotalScore"


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet, lists=("conversations", "entities"), expand=_responses)
    if "surveyId" not in table.column_names:
        require_fields(table, "Genesys Cloud's surveys", "id", "conversation.id")
    if ROLE not in table.column_names:  # a table holds surveys alone; evaluations come nested
        table = with_column(table, ROLE, ["customer"] * table.num_rows)
    name = "surveyStatus" if "surveyStatus" in table.column_names else "status"
    statuses, partial = texts(table, name), texts(table, "surveyPartialResponse")
    dispositions = [
        PARTIAL if told == COMPLETE and (lacking or "").lower() in ("true", "1") else told
        for told, lacking in zip((STATUSES.get((cell or "").lower()) for cell in statuses), partial, strict=True)
    ]
    columns = columns_of(FIELDS, table.column_names) | {ROLE: ColumnMap(column=ROLE)}
    table, columns = with_dispositions(table, columns, name, dispositions)
    left_out = {"evaluation_deleted": {"deleted": ("true",)}} if "deleted" in table.column_names else {}
    return Export(table, columns, leave_out=left_out, notes=tuple(unknown_words(name, statuses, STATUSES)))


def _responses(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Surveys and evaluations of a conversation; a survey that stands by itself as it is."""
    if "participants" not in record and "surveys" not in record:
        yield {**record, ROLE: "customer"}
        return
    about = {"conversationId": record.get("conversationId")}
    for survey in objects_of(record, "surveys"):
        yield {**about, **survey, ROLE: "customer"}
    for evaluation in objects_of(record, "evaluations"):
        known = {"surveyId": evaluation.get("evaluationId"), QA_SCORE: evaluation.get("oTotalScore")}
        when = {"surveyCompletedDate": evaluation.get("eventTime"), "userId": evaluation.get("userId")}
        kept = {key: evaluation[key] for key in ("evaluatorId", "deleted") if key in evaluation}
        yield {**about, **known, **when, **kept, ROLE: "evaluator"}


GENESYS_SURVEYS: Final = Source(
    "genesys_surveys",
    ("surveys",),
    "Surveys of Genesys Cloud (JSON), by themselves or within conversation details, and evaluations beside them.",
    fields=FIELDS,
    unconfirmed=(
        "the scale of oSurveyTotalScore, which is therefore no score unless the map gives one",
        "that oTotalScore of evaluations is a percentage: what lies outside 0 to 100 is set aside",
    ),
    export=_export,
)
