"""An export made ready for the ordinary reading: a table of responses, and what is known of its columns."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.engine.csv_header import unique_names
from cxfusion.errors import EmptyTableError, InputError, MissingColumnError
from cxfusion.tables.canonical import SCORE_SCALES, SURVEY_KEYS
from cxfusion.tables.cells import MISSING
from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.headings import read_heading, usual_names
from cxfusion.tables.sources.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cxfusion.tables.mapping import TableMap

__all__ = [
    "Export",
    "Field",
    "as_utc",
    "bare_numbers",
    "columns_of",
    "key_by_default",
    "own_keys",
    "renamed",
    "require_fields",
    "score_columns",
    "texts",
    "with_column",
    "without_headings",
]

NAIVE: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")
PLAIN: Final = re.compile(r"[+-]?\d+([.,]\d+)?")
NUMBERED: Final = re.compile(r"(?:(\d+)\s*(?:[-–—=:.)]\s*|\s)\D+|\D+(?:[-–—=:(]\s*|\s)(\d+)\)?)")


@dataclass(frozen=True)
class Field:
    """What one field of a vendor's export means.

    Attributes
    ----------
    source : str
        As the export spells it; of nested JSON the dotted path.
    meaning : str
    canonical : str, optional
        The column of ours that it feeds; of several fields that feed one, the first that the export has.
    how : mapping
        What else a :class:`~cxfusion.tables.column_map.ColumnMap` says of it: scale, words that mean "missing".
    """

    source: str
    meaning: str
    canonical: str | None = None
    how: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Export:
    """A vendor's export, ready to be read.

    Attributes
    ----------
    table : pyarrow.Table
        One row per response, with ``source_file`` and ``source_row``.
    columns : mapping of str to ColumnMap
        By canonical name, or by that of an own column.
    timezone : str, optional
        In which the export itself says that its times are meant.
    leave_out : mapping of str to (mapping of str to tuple of str)
        Reason to column to cells: rows that are no response of a customer who was asked.
    notes : tuple of str

    Raises
    ------
    EmptyTableError
        There is no response.
    """

    table: pa.Table
    columns: Mapping[str, ColumnMap]
    timezone: str | None = None
    leave_out: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.table.num_rows == 0:
            raise EmptyTableError("The export has headings but no response. Expected at least one row below them.")

    @property
    def n_files(self) -> int:
        """Number of files it came from."""
        return len(pc.unique(self.table[SOURCE_FILE]))


def columns_of(fields: Iterable[Field], names: Iterable[str]) -> dict[str, ColumnMap]:
    """Canonical columns that the fields of an export feed, of those fields that it has."""
    there = {name.lower(): name for name in names}
    found: dict[str, ColumnMap] = {}
    for one in fields:
        if one.canonical is not None and one.canonical not in found and one.source.lower() in there:
            found[one.canonical] = ColumnMap(column=there[one.source.lower()], **one.how)
    return found


def texts(table: pa.Table, name: str) -> list[str | None]:
    """Trimmed cells of a column, nothing where they mean "missing"; all nothing where there is no such column."""
    if name not in table.column_names:
        return [None] * table.num_rows
    cells = ((text_of(cell) or "").strip() for cell in table[name].to_pylist())
    return [None if cell in MISSING else cell for cell in cells]


def with_column(table: pa.Table, name: str, cells: Iterable[str | None]) -> pa.Table:
    """The table with a column of text, in the place of the one of that name where there is one."""
    column = pa.array(cells, pa.string())
    there = next((i for i, other in enumerate(table.column_names) if other.lower() == name.lower()), None)
    return table.append_column(name, column) if there is None else table.set_column(there, name, column)


def as_utc(table: pa.Table, *names: str) -> pa.Table:
    """The table with times of some columns marked as the UTC that the vendor says they are."""
    for name in names:
        kind = table.schema.field(name).type if name in table.column_names else pa.null()
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            cells = texts(table, name)
            marked = [f"{cell}Z" if cell and NAIVE.fullmatch(cell) else cell for cell in cells]
            table = with_column(table, name, marked)
        elif pa.types.is_timestamp(kind) and kind.tz is None:
            zoned = table[name].cast(pa.timestamp(kind.unit, "UTC"))  # the same instants: none is moved
            table = table.set_column(table.column_names.index(name), name, zoned)
    return table


def score_columns(given: TableMap, table: pa.Table) -> list[str]:
    """Columns of the export that a caller's own map takes as scores, and does not tell the words of."""
    scores = [how for name, how in given.columns.items() if name in SCORE_SCALES or how.scale]
    named = [how.column for how in scores if how.column and not how.answers]
    return [name for name in table.column_names if name.lower() in {column.strip().lower() for column in named}]


def bare_numbers(table: pa.Table, names: Iterable[str]) -> tuple[pa.Table, list[str]]:
    """Answers such as ``5 - Very satisfied`` as their numbers, and a note for each column in which there were some.

    Only where every answer of the column has a number at one end, and each number goes with one label alone.

    Raises
    ------
    InputError
        Columns that hold labels and not a single number.
    """
    notes, problems = [], []
    for name in names:
        cells = texts(table, name)
        numbers = {cell: _number(cell) for cell in set(cells) if cell is not None}
        labelled = [cell for cell in numbers if not PLAIN.fullmatch(cell)]
        each_once = max(Counter(numbers[cell] for cell in labelled).values(), default=0) == 1
        if labelled and each_once and None not in numbers.values():
            table = with_column(table, name, [None if cell is None else numbers[cell] for cell in cells])
            notes.append(f"{name!r}: of answers such as {min(labelled)!r} the number was taken")
        elif labelled and len(labelled) == len(numbers):
            problems.append(f"{name!r} holds {', '.join(map(repr, sorted(labelled)[:5]))}")
    if problems:
        raise InputError(
            "Scores were exported as labels, which do not tell their order. Expected numbers: export the answers as"
            ' numeric values, or say in the map what each counts, as in  answers = { "Happy" = 5, "Unhappy" = 1 }',
            problems,
        )
    return table, notes


def _number(cell: str) -> str | None:
    if PLAIN.fullmatch(cell):
        return cell
    found = NUMBERED.fullmatch(cell)
    return next(filter(None, found.groups()), None) if found else None


def without_headings(table: pa.Table, n: int) -> pa.Table:
    """The table without further lines of headings at the top of each file; the rows below count from 1."""
    rows = table.filter(pc.greater(table[SOURCE_ROW], pa.scalar(n)))
    place = rows.column_names.index(SOURCE_ROW)
    return rows.set_column(place, SOURCE_ROW, pc.subtract(rows[SOURCE_ROW], pa.scalar(n)))


def renamed(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """Columns under new names; a new name that another column has already gets a number."""
    moved = [name for name in table.column_names if names.get(name, name) != name]
    kept = [name for name in table.column_names if name not in moved]
    free = unique_names([*kept, *(names[name] for name in moved)])[len(kept) :]
    new = dict(zip(moved, free, strict=True))
    return table.rename_columns([new.get(name, name) for name in table.column_names])


def own_keys(given: TableMap, names: Mapping[str, str]) -> dict[str, ColumnMap]:
    """Keys among the fields that an account named itself: those that only one has a usual heading of.

    Parameters
    ----------
    given : TableMap
        The caller's own map; what it names is not looked for.
    names : mapping of str to str
        Columns to the names that the account gave them.
    """
    usual = usual_names("surveys")
    found: dict[str, ColumnMap] = {}
    for key in SURVEY_KEYS:
        headings = usual[key] | {read_heading(key).key}
        hits = [column for column, name in names.items() if read_heading(name).key in headings]
        if len(hits) == 1 and key not in given.columns:
            found[key] = ColumnMap(column=hits[0])
    return found


def key_by_default(given: TableMap, table: pa.Table, source: str) -> tuple[dict[str, ColumnMap], list[str]]:
    """A column as ``contact_id``, with a note, where neither the map nor any heading names a key."""
    is_named = bool(
        set(SURVEY_KEYS) & set(given.columns) or own_keys(given, {name: name for name in table.column_names})
    )
    if is_named or not any(texts(table, source)):
        return {}, []
    note = f"{source!r} was taken for contact_id; name the key in the map if it is another"
    return {"contact_id": ColumnMap(column=source)}, [note]


def require_fields(table: pa.Table, vendor: str, *fields: str) -> None:
    """Raise unless the table has a vendor's own columns.

    Raises
    ------
    MissingColumnError
        It lacks some.
    """
    missing = [name for name in fields if name not in table.column_names]
    if missing:
        found = ", ".join(name for name in table.column_names if name not in (SOURCE_FILE, SOURCE_ROW))
        raise MissingColumnError(
            f"This does not look like an export of {vendor}: {', '.join(missing)} was not found. Expected the export as"
            f" it comes; read anything else without a source. Columns found: {found or 'none'}."
        )
