"""Qualtrics: a CSV of responses with three lines of headings, or the older export with two.

The second line is in the survey's language, so columns are known by the first one and by the ImportId of the third.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import ConfigError, InputError, UnreadableFileError
from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.dispositions import COMPLETE, PARTIAL, with_dispositions
from cxfusion.tables.sources.export import (
    Export,
    Field,
    bare_numbers,
    columns_of,
    key_by_default,
    renamed,
    score_columns,
    texts,
    without_headings,
)
from cxfusion.tables.sources.loading import load_table
from cxfusion.tables.sources.source import Source
from cxfusion.tables.times import require_zone

if TYPE_CHECKING:
    from cxfusion.tables.mapping import TableMap
    from cxfusion.tables.opening import Data

__all__ = ["QUALTRICS"]

FIELDS: Final = (
    Field("ResponseId", "the response (R_…)", "response_id"),
    Field("EndDate", "when the respondent last touched the survey", "answered_at"),
    Field("RecordedDate", "when the response was stored", "answered_at"),
    Field("ExternalReference", "the reference given with the invitation: contact_id where the map names no key"),
    Field("Status", "how the response came: previews, tests and spam are left out"),
    Field("DistributionChannel", "how the survey was handed out; previews are left out"),
    Field("Finished", "complete or partial: disposition"),
    Field("Progress", "share seen, in percent: disposition where Finished is not readable"),
    Field("…_NPS_GROUP", "promoter, passive or detractor: the column without this ending is nps"),
)
STANDARD: Final = {
    "startDate": "StartDate",
    "endDate": "EndDate",
    "status": "Status",
    "progress": "Progress",
    "finished": "Finished",
    "recordedDate": "RecordedDate",
    "_recordId": "ResponseId",
    "externalDataReference": "ExternalReference",
    "distributionChannel": "DistributionChannel",
}
"""ImportId to the column's name in English exports."""
LEGACY: Final = {"ResponseID": "ResponseId", "ExternalDataReference": "ExternalReference"}
LEAVE_OUT: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "survey_preview": {
        "Status": ("1", "9", "17", "Survey Preview", "Survey Preview Spam", "Offline Survey Preview"),
        "DistributionChannel": ("preview",),
    },
    "survey_test": {"Status": ("2", "256", "Survey Test", "Synthetic")},
    "survey_spam": {"Status": ("8", "12", "40", "Spam", "Imported Spam", "EX Spam")},
}
FINISHED: Final = {"1": COMPLETE, "true": COMPLETE, "0": PARTIAL, "false": PARTIAL}
ImportIds: TypeAlias = Mapping[str, Mapping[str, Any]]

NPS_GROUP: Final = "_NPS_GROUP"


def _export(data: Data, given: TableMap) -> Export:
    table, zones = _without_further_headings(load_table(data, given.sheet))
    zone, notes = _zone(zones)
    table, taken = bare_numbers(table, [*score_columns(given, table), *_nps_columns(table)])
    nps, told = _nps(table, given)
    key, key_told = key_by_default(given, table, "ExternalReference")
    columns = {**columns_of(FIELDS, table.column_names), **nps, **key}
    if "EndDate" in table.column_names or "Finished" in table.column_names:
        table, columns = with_dispositions(table, columns, "Finished", _dispositions(table))
    return Export(table, columns, zone, _left_out(table), (*notes, *taken, *told, *key_told))


def _without_further_headings(table: pa.Table) -> tuple[pa.Table, set[str]]:
    """The responses under standard names, and the time zones that the headings tell."""
    ids = {file: _import_ids(line) for file, line in _lines(table, 2).items()}
    if any(ids.values()):
        return _of_import_ids(table, ids)
    if {"V1", "V2"} <= set(table.column_names):
        labels = next(iter(_lines(table, 1).values()), {})
        older = {
            name: LEGACY.get(label, label) for name, label in labels.items() if re.fullmatch(r"V\d+", name) and label
        }
        return renamed(_without_empty(without_headings(table, 1)), older), set()
    if not set(STANDARD.values()) & set(table.column_names):
        raise UnreadableFileError(
            f"{', '.join(_files(table))} does not look like an export of Qualtrics: neither a line of ImportIds nor"
            " columns such as ResponseId and EndDate were found. Export the responses as CSV, or read it without"
            " source='qualtrics'."
        )
    return table, set()


def _of_import_ids(table: pa.Table, ids: Mapping[str, ImportIds]) -> tuple[pa.Table, set[str]]:
    without = [file for file in _files(table) if not ids.get(file)]
    if without:
        raise UnreadableFileError(
            f"{', '.join(without)} has no line of ImportIds, which the other files have. Export all of them in the same"
            " way, or read them one by one."
        )
    told = [(name, said) for line in ids.values() for name, said in line.items()]
    standard = {name: STANDARD.get(str(said["ImportId"]), name) for name, said in told}
    zones = {str(said["timeZone"]) for _, said in told if said.get("timeZone")}
    return renamed(_without_empty(without_headings(table, 2)), standard), zones


def _files(table: pa.Table) -> list[str]:
    return sorted({file for file in texts(table, SOURCE_FILE) if file})


def _lines(table: pa.Table, number: int) -> dict[str, dict[str, str | None]]:
    """Cells of the line of that number in each file."""
    lines = table.filter(pc.equal(table[SOURCE_ROW], pa.scalar(number)))
    cells = {name: texts(lines, name) for name in lines.column_names if name not in (SOURCE_FILE, SOURCE_ROW)}
    return {str(file): {name: cells[name][i] for name in cells} for i, file in enumerate(texts(lines, SOURCE_FILE))}


def _import_ids(line: Mapping[str, str | None]) -> ImportIds:
    """What a line says of each column; empty where it is no line of ImportIds."""
    told = {}
    for name, cell in line.items():
        try:
            said = json.loads(cell) if cell and cell.startswith("{") else None
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and "ImportId" in said:
            told[name] = said
    return told


def _without_empty(table: pa.Table) -> pa.Table:
    """The table without columns that have neither name nor content."""
    nameless = [name for name in table.column_names if re.fullmatch(r"column_\d+", name)]
    return table.drop_columns([name for name in nameless if not any(texts(table, name))])


def _zone(zones: set[str]) -> tuple[str | None, list[str]]:
    if len(zones) > 1:
        raise InputError(
            f"The files are in different time zones: {', '.join(sorted(zones))}. Expected one; read them one by one."
        )
    zone = next(iter(zones), None)
    try:
        return ("UTC" if zone == "Z" else require_zone(zone)) if zone else None, []
    except ConfigError:
        return None, [f"the export names a time zone that is not known, {zone!r}; give timezone= with its IANA name"]


def _nps_columns(table: pa.Table) -> list[str]:
    grouped = [name.removesuffix(NPS_GROUP) for name in table.column_names if name.endswith(NPS_GROUP)]
    return [name for name in grouped if name in table.column_names]


def _nps(table: pa.Table, given: TableMap) -> tuple[dict[str, ColumnMap], list[str]]:
    """The column that has groups beside it; what those mean is not confirmed, so they are compared with its numbers."""
    names = _nps_columns(table)
    if not names or "nps" in given.columns:
        return {}, []
    if len(names) > 1:
        return {}, [f"none of {', '.join(names)} was taken for nps; choose with a line such as  nps = {names[0]!r}"]
    name = names[0]
    pairs = zip(texts(table, name + NPS_GROUP), texts(table, name), strict=True)
    known = [(group.lower(), int(number)) for group, number in pairs if group and number and number.isdecimal()]
    named = [(group, number) for group, number in known if group in ("promoter", "passive", "detractor")]
    n_wrong = sum(group != _group(number) for group, number in named)
    told = f"{name!r} was taken for nps, since there is {name + NPS_GROUP!r}"
    note = f"{told}; {n_wrong:,} of its {len(named):,} groups contradict the number"
    return {"nps": ColumnMap(column=name, scale=(0, 10))}, [note]


def _group(score: int) -> str:
    return "promoter" if score >= 9 else "passive" if score >= 7 else "detractor"


def _dispositions(table: pa.Table) -> list[str | None]:
    finished, progress = texts(table, "Finished"), texts(table, "Progress")
    return [
        FINISHED.get((said or "").lower(), _by_progress(seen)) for said, seen in zip(finished, progress, strict=True)
    ]


def _by_progress(seen: str | None) -> str | None:
    if seen is None or not seen.isdigit():
        return None
    return COMPLETE if int(seen) >= 100 else PARTIAL


def _left_out(table: pa.Table) -> dict[str, dict[str, tuple[str, ...]]]:
    there = set(table.column_names)
    return {reason: {name: cells[name] for name in cells if name in there} for reason, cells in LEAVE_OUT.items()}


QUALTRICS: Final = Source(
    "qualtrics",
    ("surveys",),
    "Responses exported from Qualtrics as CSV; the map names the score, and the embedded data that hold the key.",
    fields=FIELDS,
    unconfirmed=(
        "the codes of Status, and their words in languages other than English",
        "the columns …_NPS_GROUP: their groups are compared with the numbers",
    ),
    export=_export,
)
