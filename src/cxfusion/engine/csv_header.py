"""A CSV file's separator and column names, read from its own first lines, so that no reader has to guess rows away."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from cxfusion.errors import EmptyTableError, UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CsvHeader", "read_header", "unique_names"]

SEPARATORS: Final = (",", ";", "\t", "|")
HEAD_BYTES: Final = 1 << 20
MOST_COLUMNS: Final = 5_000
LOOKED_AT: Final = 20  # records after the header that vote for a separator


@dataclass(frozen=True)
class CsvHeader:
    """How a file is cut into cells.

    Attributes
    ----------
    separator : str
    names : tuple of str
        Unique; a repeated name gets a number, an empty one its place.
    n_blank : int
        Blank lines above the header.
    encoding : {"utf-8", "utf-16"}
    """

    separator: str
    names: tuple[str, ...]
    n_blank: int = 0
    encoding: Literal["utf-8", "utf-16"] = "utf-8"


def read_header(path: str) -> CsvHeader:
    """Separator and column names of a CSV file in UTF-8, or in UTF-16 as Excel writes it.

    Raises
    ------
    UnreadableFileError
        The file cannot be opened, or its beginning is not such text.
    EmptyTableError
        It holds nothing but blanks.
    """
    try:
        with gzip.open(path) if path.lower().endswith(".gz") else open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        told = getattr(error, "strerror", None) or error
        raise UnreadableFileError(f"{path} could not be opened: {told}. Expected a table in it.") from error
    encoding: Literal["utf-8", "utf-16"] = "utf-16" if head.startswith(codecs.BOM_UTF16_LE) else "utf-8"
    text = _decoded(path, head, encoding)
    body = text.lstrip()
    if not body:
        raise EmptyTableError(
            f"{path} holds nothing but blanks. Expected a header line and at least one row. Export it again, or"
            " leave it out if there was nothing to tell."
        )
    n_blank = text[: len(text) - len(body)].count("\n")
    body = text.split("\n", n_blank)[-1]  # the header may begin with blanks of its own, or with a tab
    records = {separator: _records(body, separator) for separator in SEPARATORS}
    best = max(SEPARATORS, key=lambda separator: _vote(records[separator]))
    header = records[best][0] if records[best] else []
    if len(header) > MOST_COLUMNS:
        raise UnreadableFileError(
            f"{path} has {len(header):,} columns in its first line. Expected a table of at most {MOST_COLUMNS:,};"
            " export it again."
        )
    names = unique_names(header)
    if any("\0" in name for name in names):  # UTF-16 without a mark, or no text at all
        raise _no_text(path, "its first line holds bytes that no text has")
    return CsvHeader(best, names, n_blank, encoding)


def _decoded(path: str, head: bytes, encoding: str) -> str:
    """The beginning of a file as text, without a last line that may be broken off."""
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    is_all = len(head) < HEAD_BYTES
    try:
        text = decoder.decode(head, final=is_all)
    except UnicodeDecodeError as error:
        raise _no_text(path, f"byte {error.start} cannot be read") from error
    return text if is_all else text[: text.rfind("\n") + 1] or text


def _no_text(path: str, why: str) -> UnreadableFileError:
    return UnreadableFileError(f"{path} is not UTF-8 text: {why}. Expected UTF-8; export it again with that encoding.")


def _records(text: str, separator: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    found: list[list[str]] = []
    try:
        for record in reader:
            if record:
                found.append(record)
            if len(found) > LOOKED_AT:
                break
    except csv.Error:  # a cell beyond the csv module's limit; what was read before it is enough to vote
        return found
    return found


def _vote(records: list[list[str]]) -> tuple[int, int]:
    """Records that have as many cells as the header, where the header has several; then the header's length."""
    if not records or len(records[0]) < 2:
        return (0, 0)
    return (sum(len(record) == len(records[0]) for record in records), len(records[0]))


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Column names made unique, letter case aside: a repeated name gets a number, an empty one its place.

    Examples
    --------
    >>> unique_names(["id", "wait", "Wait", ""])
    ('id', 'wait', 'Wait_2', 'column_4')
    """
    unique: list[str] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        candidate = base = name.strip() or f"column_{place}"
        while candidate.lower() in taken:
            numbers[base.lower()] = numbers.get(base.lower(), 1) + 1
            candidate = f"{base}_{numbers[base.lower()]}"
        taken.add(candidate.lower())
        unique.append(candidate)
    return tuple(unique)
