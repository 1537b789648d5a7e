"""Files without a row among others that have some, as a quiet night leaves: no loss, but told, for an export may fail.

Where all that was given is such a file there is nothing to read, and that stays an error.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, TypeVar

from cxfusion.tables.relation import Contacts, Surveys

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["QUIET", "telling_quiet", "without_blank"]

QUIET: Final = "file_without_rows"
"""The check, and the remark that it tells."""
NO_TEXT: Final = (".parquet", ".pq", ".xlsx")  # of no bytes they are broken, not quiet
SHORT: Final = 1 << 16  # bytes of a file that may hold a line of headings and nothing more
BLANKS: Final = b" \t\r\n\0\xff\xfe\xef\xbb\xbf"  # with the marks that UTF-8 and UTF-16 begin with
MOST_NAMED: Final = 3

Table = TypeVar("Table", Contacts, Surveys)


def without_blank(paths: Sequence[str]) -> list[str]:
    """Paths without those of text files that hold nothing but blanks; all of them, where none holds more."""
    return [path for path in paths if _lines(path) != 0] or list(paths)


def telling_quiet(table: Table, paths: Sequence[str], *, has_headings: bool) -> Table:
    """A table that was read from some files, with a note and a remark on those that held no row.

    Parameters
    ----------
    table : Contacts or Surveys
    paths : sequence of str
        The files it was read from; none where it was read from something else.
    has_headings : bool
        Whether the first line of a text file that is not JSON is one of headings.
    """
    found = [PurePath(path).name for path in paths if _is_quiet(path, has_headings=has_headings)]
    if not found:
        return table
    more = len(found) - MOST_NAMED
    named = ", ".join(found[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    told = f"{len(found):,} of {len(paths):,} files hold no row: {named}"
    remarked = {**table.remarked, QUIET: dict(Counter(found))}
    return replace(table, notes=(*table.notes, told), remarked=remarked)


def _is_quiet(path: str, *, has_headings: bool) -> bool:
    n = _lines(path)
    return n == 0 or (n == 1 and has_headings and not _kind(path).startswith((".json", ".ndjson")))


def _kind(path: str) -> str:
    return Path(path.lower().removesuffix(".gz")).suffix


def _lines(path: str) -> int | None:
    """Lines of a short file of text that are not blank, counted up to two; None of any other file."""
    if _kind(path) in NO_TEXT or os.path.getsize(path) > SHORT:
        return None
    try:
        with gzip.open(path) if path.lower().endswith(".gz") else open(path, "rb") as file:
            lines = [line for line in file.read(SHORT).split(b"\n") if line.strip(BLANKS)]
    except (OSError, EOFError, zlib.error):  # whoever reads it tells why
        return None
    return min(len(lines), 2)
