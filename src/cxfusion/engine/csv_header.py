"""A CSV file's separator and column names, read from its own first lines, so that no reader has to guess rows away."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxfusion.errors import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CsvHeader", "read_header", "unique_names"]

SEPARATORS: Final = (",", ";", "\t", "|")
HEAD_BYTES: Final = 1 << 20
LOOKED_AT: Final = 20  # records after the header that vote for a separator


@dataclass(frozen=True)
class CsvHeader:
    """How a file is cut into cells.

    Attributes
    ----------
    separator : str
    names : tuple of str
        Unique; a repeated name gets a number, an empty one its place.
    """

    separator: str
    names: tuple[str, ...]


def read_header(path: str) -> CsvHeader:
    """Separator and column names of a CSV file in UTF-8.

    Raises
    ------
    UnreadableFileError
        The file cannot be opened, or its beginning is not UTF-8 text.
    """
    try:
        with gzip.open(path) if path.lower().endswith(".gz") else open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        told = getattr(error, "strerror", None) or error
        raise UnreadableFileError(f"{path} could not be opened: {told}. Expected a table in it.") from error
    try:
        text = head.decode("utf-8-sig") if len(head) < HEAD_BYTES else _whole_lines(head)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(
            f"{path} is not UTF-8 text (byte {error.start} cannot be read). Expected UTF-8; export it again with that"
            " encoding."
        ) from error
    records = {separator: _records(text, separator) for separator in SEPARATORS}
    best = max(SEPARATORS, key=lambda separator: _vote(records[separator]))
    return CsvHeader(best, unique_names(records[best][0] if records[best] else []))


def _whole_lines(head: bytes) -> str:
    """The first megabyte without its last, perhaps broken, line."""
    return head[: head.rfind(b"\n") + 1].decode("utf-8-sig")


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
    taken: list[str] = []
    for place, name in enumerate(names, start=1):
        base = name.strip() or f"column_{place}"
        number, candidate = 1, base
        while candidate.lower() in {other.lower() for other in taken}:
            number += 1
            candidate = f"{base}_{number}"
        taken.append(candidate)
    return tuple(taken)
