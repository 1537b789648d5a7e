"""Vendors' exports of surveys in memory: whatever holds them becomes one table that knows where each row came from.

Surveys are small beside contact logs, and their headings and nesting need to be looked at as a whole.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from cxfusion.engine import FileSource
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.engine.csv_header import read_header, unique_names
from cxfusion.engine.rows_here import batches_here
from cxfusion.engine.workbook import read_workbook
from cxfusion.errors import EmptyTableError, UnreadableFileError
from cxfusion.tables.opening import open_source
from cxfusion.tables.sources.records import document, lines_of, open_text, unwrapped
from cxfusion.tables.sources.values import text_of

if TYPE_CHECKING:
    from cxfusion.tables.opening import Data

__all__ = ["Expand", "load_table", "objects_of"]

MOST_FIELDS: Final = 2_000
PLACE: Final = (SOURCE_FILE, SOURCE_ROW)

Record: TypeAlias = Mapping[str, Any]
Expand: TypeAlias = Callable[[Record], Iterable[Record]]
"""One object of a vendor's JSON to its responses."""


def load_table(
    data: Data, sheet: str | None = None, *, lists: tuple[str, ...] = (), expand: Expand | None = None
) -> pa.Table:
    """The rows of an export, with ``source_file`` and ``source_row``.

    Cells of CSV and JSON are text; nested objects get dotted names, and lists within them stay JSON.

    Parameters
    ----------
    data : Data
        Also a list of nested dicts, as a vendor's API returns them.
    sheet : str, optional
        Of an Excel workbook.
    lists : tuple of str
        Keys under which the vendor's replies hold the list of responses.
    expand : callable, optional
        Of JSON: one object to its responses; itself by default.

    Raises
    ------
    UsageError, UnreadableFileError, EmptyTableError, InputError
        As of :func:`cxfusion.tables.read.read_surveys`.
    """
    unfold = expand or (lambda record: (record,))
    if isinstance(data, list) and data and all(isinstance(row, Mapping) for row in data):
        return _of_records([("list", _responses(data, lists, unfold, "The list"))])
    match opened := open_source(data, sheet):
        case FileSource(format="json"):
            return _of_records([(path, _responses(_json(path), lists, unfold, path)) for path in opened.paths])
        case FileSource():
            return _placed([(path, _read_file(path, opened)) for path in opened.paths])
        case _:
            with batches_here(opened) as batches:
                return _placed([(opened.name, batches.read_all())])


def objects_of(record: Record, name: str) -> list[Record]:
    """The objects of a list that a record holds, such as a conversation's surveys; none where it holds no such list.

    Raises
    ------
    UnreadableFileError
        Something else stands there: left out in silence, an answer would be lost.
    """
    found = record.get(name)
    members = [] if found is None else found if isinstance(found, list) else [found]
    odd = [one for one in members if not isinstance(one, Mapping)]
    if odd:
        whose = record.get("conversationId") or record.get("id")
        raise UnreadableFileError(
            f"{name!r} of the record {str(whose)!r} holds a {type(odd[0]).__name__} where an object should be. Expected"
            " a list of JSON objects; mend that record, or export it again."
        )
    return members


def _read_file(path: str, opened: FileSource) -> pa.Table:
    if opened.format == "excel":
        return read_workbook(path, opened.sheet)
    if opened.format == "csv":
        return _read_csv(path)
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UnreadableFileError(f"{path} could not be read as Parquet: {error}. Export it again.") from error


def _read_csv(path: str) -> pa.Table:
    header = read_header(path)
    columns: list[list[str]] = [[] for _ in header.names]
    with open_text(path) as file:
        for _ in range(header.n_blank):
            file.readline()
        for cells in _records(csv.reader(file, delimiter=header.separator, strict=True), path, len(columns)):
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(header.names, columns, strict=True)})


def _records(reader: Any, path: str, width: int) -> Iterator[list[str]]:
    """Records below the first, all of them as wide as it."""
    for cells in islice(lines_of(reader, path), 1, None):
        if len(cells) != width:
            raise UnreadableFileError(
                f"{path}, line {reader.line_num}: {len(cells)} cells were found where the first line has {width}."
                " Expected the same columns in every row; mend that line, or export the file again."
            )
        yield cells


def _json(path: str) -> list[Any]:
    with open_text(path) as file:
        return document(path, file.read())


def _responses(values: Iterable[Any], lists: tuple[str, ...], expand: Expand, where: str) -> Iterator[Record]:
    for record in unwrapped(values, lists):
        if not isinstance(record, Mapping):
            raise UnreadableFileError(
                f"{where} holds {json.dumps(record)[:60]} where a response should be. Expected one JSON object each."
            )
        yield from expand(record)


def _of_records(files: Iterable[tuple[str, Iterable[Record]]]) -> pa.Table:
    """Flat text columns, in the order in which they are met."""
    paths: list[str] = []
    numbers: list[int] = []
    rows: list[dict[str, str | None]] = []
    names: dict[str, None] = {}
    for path, records in files:
        for number, record in enumerate(records, start=1):
            paths.append(path)
            numbers.append(number)
            rows.append(dict(_flat(record)))
            names |= dict.fromkeys(rows[-1])
            if len(names) > MOST_FIELDS:
                raise UnreadableFileError(
                    f"{path} has more than {MOST_FIELDS:,} different fields. Expected one object per response, with"
                    " the same few fields each."
                )
    if not rows:
        raise EmptyTableError("The export holds no response. Expected at least one.")
    cells = [pa.array([row.get(name) for row in rows], pa.string()) for name in names]
    return pa.table([*cells, pa.array(paths), pa.array(numbers)], names=_with_place(list(names)))


def _flat(record: Record, above: str = "") -> Iterator[tuple[str, str | None]]:
    for key, value in record.items():
        name = _utf8(f"{above}{key}")
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name}.")
        else:
            yield name, _text(value)


def _text(value: Any) -> str | None:
    if isinstance(value, Mapping | list | tuple):
        text = json.dumps(value, default=str, ensure_ascii=False) if value else None
    else:
        text = value if isinstance(value, str) else text_of(value)
    return None if text is None else _utf8(text)


def _utf8(text: str) -> str:
    """The same text; half a character pair, which JSON allows, is none and becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _placed(files: Iterable[tuple[str, pa.Table]]) -> pa.Table:
    tables = []
    for name, table in files:
        place = pa.array([name] * table.num_rows, pa.string())
        rows = pa.array(range(1, table.num_rows + 1), pa.int64())
        tables.append(pa.table([*table.columns, place, rows], names=_with_place(table.column_names)))
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UnreadableFileError(
            f"The files do not have the same kinds of columns: {error}. Read them one by one."
        ) from error


def _with_place(names: list[str]) -> list[str]:
    """The columns' names, letter case aside unique, and those of the place last."""
    return [*unique_names([*PLACE, *names])[len(PLACE) :], *PLACE]
