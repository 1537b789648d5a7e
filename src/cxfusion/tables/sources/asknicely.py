"""AskNicely: responses as its API returns them, with times in seconds since 1970 written as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.tables.sources.dispositions import COMPLETE, NO_ANSWER, OPT_OUT, with_dispositions
from cxfusion.tables.sources.export import Export, Field, columns_of, own_keys, require_fields, texts
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.scores_by_type import ScoreType, split_scores
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import number_of

if TYPE_CHECKING:
    import pyarrow as pa

    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["ASKNICELY"]

NEVER: Final = {"null": ("0", "0.0")}
FIELDS: Final = (
    Field("response_id", "the response", "response_id"),
    Field("person_id", "the person asked", "customer_id"),
    Field("contact_id", "the person's record in AskNicely, not a contact", "person_record_id"),
    Field("sent", "seconds since 1970; 0 where it was not sent", "invited_at", NEVER),
    Field("responded", "seconds since 1970; 0 where there is no response", "answered_at", NEVER),
    Field("answer", "by question_type: nps, or csat for csat and fivestar"),
    Field("question_type", "which score it is"),
    Field("dontcontact", "the person asked not to be asked again: disposition"),
    Field("survey_sent", "false where contact rules held the survey back: such rows are left out"),
    Field("…_c", "the account's own fields: a key where the name before _c is a usual heading of one"),
)
TYPES: Final = {
    "nps": ScoreType("nps", (0, 10)),
    "csat": ScoreType("csat", (1, 5), is_confirmed=False),
    "fivestar": ScoreType("csat", (1, 5)),
}
HELD_BACK: Final = {"survey_not_sent": {"survey_sent": ("false", "False", "FALSE", "0")}}


def _export(data: Data, given: TableMap) -> Export:
    table = load_table(data, given.sheet, lists=("data",))
    require_fields(table, "AskNicely", "answer", "question_type")
    table, scores, notes = split_scores(table, "answer", "question_type", TYPES, given)
    own = {name: name.removesuffix("_c") for name in table.column_names if name.endswith("_c")}
    columns = columns_of(FIELDS, table.column_names) | own_keys(given, own)
    table, columns = with_dispositions(table, columns, "responded", _dispositions(table))
    left_out = HELD_BACK if "survey_sent" in table.column_names else {}
    return Export(table, {**columns, **scores}, leave_out=left_out, notes=tuple(notes))


def _dispositions(table: pa.Table) -> list[str | None]:
    responded, sent, barred = (texts(table, name) for name in ("responded", "sent", "dontcontact"))
    rows = zip(responded, sent, barred, strict=True)
    return [_disposition(*map(_is_so, row)) for row in rows]


def _is_so(cell: str | None) -> bool:
    """Whether a time or a flag is there: neither is where 0 or false stands."""
    return cell is not None and cell.lower() != "false" and number_of(cell) != 0


def _disposition(has_responded: bool, was_sent: bool, is_barred: bool) -> str | None:
    if has_responded:
        return COMPLETE
    if is_barred:
        return OPT_OUT
    return NO_ANSWER if was_sent else None


ASKNICELY: Final = Source(
    "asknicely",
    ("surveys",),
    "Responses of AskNicely's API (JSON); a custom field, or the map, names the contact.",
    fields=FIELDS,
    unconfirmed=("the scale of question_type csat (1 to 5): every answer has to lie within",),
    export=_export,
)
