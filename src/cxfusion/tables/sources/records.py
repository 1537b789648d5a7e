"""Vendors' contact logs as records, one at a time: a file of any size is read only as fast as it is asked for.

A record that cannot be read is told as such, with its place, and the rest of the file goes on.
"""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.engine import DatabaseSource
from cxfusion.engine.addresses import is_url, table_of
from cxfusion.engine.csv_header import read_header
from cxfusion.engine.python_values import is_missing
from cxfusion.engine.rows_here import batches_here
from cxfusion.errors import UnreadableFileError, UsageError
from cxfusion.tables.frames import frame_source
from cxfusion.tables.quiet import without_blank

if TYPE_CHECKING:
    import pyarrow as pa

    from cxfusion.engine.rows_here import Held

__all__ = [
    "Row",
    "dig",
    "document",
    "lines_of",
    "listed",
    "open_bytes",
    "open_text",
    "paths_of",
    "records",
    "unreadable",
    "unwrapped",
]

EXCERPT: Final = 120
SCRATCH: Final = ("_", ".")  # how engines and systems begin the names of files of their own

Cells: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One record of an export, or one leg found in it.

    Attributes
    ----------
    file : str
    number : int
        Unique within its file, from 1.
    cells : mapping of str to object
        By the export's own names; nested objects as they are.
    derived : mapping of str to object
        Cells of leg columns that several fields make together.
    reason : str, optional
        Why it is set aside.
    """

    file: str
    number: int
    cells: Cells = field(default_factory=dict)
    derived: Cells = field(default_factory=dict)
    reason: str | None = None


def unreadable(file: str, number: int, text: str, reason: str = "unreadable_record") -> Row:
    """A record that could not be read, with the beginning of its text where its id would stand."""
    return Row(file, number, derived={"leg_id": text.strip()[:EXCERPT]}, reason=reason)


def paths_of(data: Any, what: str) -> list[str]:
    """Files that were given as a path, a glob or a folder, in the order of their names.

    Raises
    ------
    UsageError
        Something else was given.
    UnreadableFileError
        There is no such file.
    """
    if not isinstance(data, str | Path):
        raise UsageError(f"A {type(data).__name__} was given. {what} is read from files: a path, a glob or a folder.")
    given = Path(data)
    found = (
        given.rglob("*")
        if os.path.isdir(given)
        else map(Path, [given] if os.path.isfile(given) else glob.glob(str(data), recursive=True))
    )
    paths = sorted(str(path) for path in found if path.is_file() and not path.name.startswith(SCRATCH))
    if not paths:
        raise UnreadableFileError(f"{data} matches no file. Expected {what}; look at the spelling and at the folder.")
    return without_blank(paths)


def records(data: Any, what: str, *, lists: Sequence[str] = (), names: Iterable[str] = ()) -> Iterator[Row]:
    """Records of files of JSON or CSV, told apart by their first character, of a database, a frame or a list of dicts.

    Parameters
    ----------
    data : path, glob, folder, URL of a table, frame or list of dict
    what : str
        What messages call the export.
    lists : sequence of str
        Keys under which a JSON reply holds its list of records.
    names : iterable of str
        Names of columns in the vendor's spelling; those of CSV, frames and databases that differ from them in case
        alone are taken for them.

    Raises
    ------
    UsageError, UnreadableFileError
    """
    spelled = {name.lower(): name for name in names}
    if isinstance(data, list) and all(isinstance(record, Mapping) for record in data):
        yield from _rows(what, (_plain(record, spelled) for record in data), lists)
        return
    frame: Held | None = DatabaseSource(table_of(data)) if is_url(data) else None
    if not isinstance(data, str | Path):
        frame = frame_source(data)
    if frame is not None:
        with batches_here(frame) as batches:
            found = (record for batch in batches for record in _renamed(batch, spelled).to_pylist())
            yield from _rows(frame.name, found, lists)
        return
    for path in paths_of(data, what):
        yield from _json_rows(path, lists) if _is_json(path) else _csv_rows(path, spelled)


def _plain(record: Mapping[str, Any], spelled: Mapping[str, str]) -> dict[str, Any]:
    """A dict under the vendor's names; a frame that was made into dicts has NaN where nothing is."""
    cells = {spelled.get(str(name).lower(), name): cell for name, cell in record.items()}
    return {name: None if is_missing(cell) else cell for name, cell in cells.items()}


def _renamed(batch: pa.RecordBatch, spelled: Mapping[str, str]) -> pa.RecordBatch:
    return batch.rename_columns([spelled.get(name.lower(), name) for name in batch.schema.names])


def _rows(file: str, values: Iterable[Any], lists: Sequence[str]) -> Iterator[Row]:
    for number, record in enumerate(unwrapped(values, lists), start=1):
        if isinstance(record, Row):
            yield unreadable(file, number, str(record.derived["leg_id"]))
        elif isinstance(record, Mapping):
            yield Row(file, number, record)
        else:
            yield unreadable(file, number, str(record), "not_a_record")


def unwrapped(values: Iterable[Any], lists: Sequence[str]) -> Iterator[Any]:
    """Values, and of a list, or of a reply that holds lists under these keys, what is in them."""
    for value in values:
        inner = [value[key] for key in lists if isinstance(value.get(key), list)] if isinstance(value, Mapping) else []
        if isinstance(value, list):
            inner = [value]
        if inner:
            for part in inner:
                yield from part
        else:
            yield value


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Tell what the standard library says of a file as our own error."""
    try:
        yield
    except UnreadableFileError:  # told already
        raise
    except UnicodeDecodeError as error:
        raise UnreadableFileError(
            f"{path} is not {error.encoding.upper()} text (byte {error.start} cannot be read). Unpack it if it is"
            " an archive, save it as CSV if it is a workbook; else export it again as UTF-8."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        told = getattr(error, "strerror", None) or error
        raise UnreadableFileError(f"{path} could not be opened: {told}. Expected a vendor's export in it.") from error


@contextmanager
def open_bytes(path: str) -> Iterator[IO[bytes]]:
    """A file, unpacked where it ends in ``.gz``.

    Raises
    ------
    UnreadableFileError
        It cannot be opened, or breaks off while it is read.
    """
    opener: Callable[[str], Any] = gzip.open if path.lower().endswith(".gz") else partial(open, mode="rb")
    with _told(path), opener(path) as file:
        yield file


@contextmanager
def open_text(path: str) -> Iterator[IO[str]]:
    """A file of text: UTF-8, or UTF-16 with a byte order mark; unpacked where it ends in ``.gz``.

    Raises
    ------
    UnreadableFileError
        As of :func:`open_bytes`, or it is no such text.
    """
    with open_bytes(path) as head:
        is_wide = head.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    opener = gzip.open if path.lower().endswith(".gz") else open
    with _told(path), opener(path, "rt", encoding="utf-16" if is_wide else "utf-8-sig", newline="") as file:
        yield file


def _is_json(path: str) -> bool:
    with open_text(path) as file:
        return file.read(4096).lstrip()[:1] in ("{", "[")


def _json_rows(path: str, lists: Sequence[str]) -> Iterator[Row]:
    with open_text(path) as file:
        yield from _rows(path, _json_values(path, file), lists)


def _json_values(path: str, file: IO[str]) -> Iterator[Any]:
    """All values: one a line where the first line is one, else of the whole text, however it is laid out."""
    first = next((line for line in file if line.strip()), "")
    try:
        yield from _decoded(first)
    except (ValueError, RecursionError):
        yield from document(path, first + file.read())
        return
    for line in file:
        try:
            yield from _decoded(line)
        except (ValueError, RecursionError):
            yield unreadable(path, 0, line)


def document(path: str, text: str) -> list[Any]:
    """All values of a text: one, however it is laid out, or several one after another.

    Raises
    ------
    UnreadableFileError
        It is not JSON; the message names the line.
    """
    try:
        return _decoded(text)
    except (ValueError, RecursionError) as error:
        line = text.count("\n", 0, getattr(error, "pos", 0)) + 1
        raise UnreadableFileError(
            f"{path}, line {line} is not JSON: {getattr(error, 'msg', error)}. Mend that line, or export it again."
        ) from error


def _decoded(text: str) -> list[Any]:
    """Values that stand one after another in a text, as some systems write them without any line between."""
    decoder, values, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        values.append(value)
    return values


def _csv_rows(path: str, spelled: Mapping[str, str]) -> Iterator[Row]:
    header = read_header(path)
    columns = [spelled.get(name.lower(), name) for name in header.names]
    with open_text(path) as file:
        for _ in range(header.n_blank):
            file.readline()
        # strict, else an open quote swallows all that follows
        reader = csv.reader(file, delimiter=header.separator, strict=True)
        for number, cells in enumerate(lines_of(reader, path)):
            if number and len(cells) == len(columns):
                yield Row(path, number, dict(zip(columns, cells, strict=True)))
            elif number:
                yield unreadable(path, number, header.separator.join(cells))


def lines_of(reader: Any, path: str) -> Iterator[list[str]]:
    """Lines of a CSV as cells, empty ones left out.

    Raises
    ------
    UnreadableFileError
        A line cannot be cut into cells.
    """
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise UnreadableFileError(
            f"{path}, line {reader.line_num} could not be cut into cells: {error}. Mend that line."
        ) from error


def dig(cells: Any, name: str) -> Any:
    """A cell by its name, or by its dotted path through nested objects; None where there is none.

    Examples
    --------
    >>> dig({"Queue": {"Name": "sales"}}, "Queue.Name"), dig({"Queue": None}, "Queue.Name")
    ('sales', None)
    """
    while isinstance(cells, dict | Mapping):  # a dict is known as such at once, any other mapping after a long look
        if name in cells:
            return cells[name]
        head, dot, name = name.partition(".")
        cells = cells.get(head) if dot else None
    return None


def listed(cells: Any, name: str) -> list[Cells]:
    """The objects of a list that a record holds; none where it holds no list."""
    found = dig(cells, name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
