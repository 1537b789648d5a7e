"""What may be read: files of any known format, and frames of any known library, become one source for the engine."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.engine import DatabaseSource, FileSource, RelationSource
from cxfusion.engine.addresses import is_url, table_of
from cxfusion.errors import EmptyTableError, UnreadableFileError, UsageError, nearest_names
from cxfusion.tables.frames import frame_source
from cxfusion.tables.quiet import without_blank

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cxfusion.engine import Source
    from cxfusion.engine.contract import FileFormat

__all__ = ["ACCEPTED", "Data", "nearest_files", "open_source", "unchanged"]

Data: TypeAlias = Any
"""Whatever :data:`ACCEPTED` lists."""

FORMATS: Final[dict[str, FileFormat]] = {
    **dict.fromkeys([".csv", ".tsv", ".txt"], "csv"),
    **dict.fromkeys([".parquet", ".pq"], "parquet"),
    **dict.fromkeys([".json", ".jsonl", ".ndjson"], "json"),
    ".xlsx": "excel",
}
DUCKDB_ENDINGS: Final = (".duckdb", ".ddb", ".db")
PACKED: Final = (".csv.gz", ".tsv.gz", ".txt.gz", ".json.gz", ".jsonl.gz", ".ndjson.gz")
ACCEPTED: Final = (
    "a path or glob of CSV, JSON lines, Parquet or Excel files, a folder of (partitioned) Parquet files, a pandas or"
    " Polars frame, an Arrow table, reader or dataset, a DuckDB relation, an Ibis table, a list of dicts, or the URL of"
    " a table in a database, such as postgres://USER@HOST/DATABASE/TABLE or duckdb://FILE/TABLE"
)


def open_source(data: Data, sheet: str | None = None) -> Source:
    """Source of what a caller gave.

    Parameters
    ----------
    data : Data
    sheet : str, optional
        Of an Excel workbook.

    Raises
    ------
    UsageError
        Another kind of object, a file whose ending tells no format, or a sheet of what has none.
    UnreadableFileError
        No such file, or a folder or glob without files.
    EmptyTableError
        A file without a byte, or a frame without rows.
    InputError
        Two columns of one name.
    """
    if isinstance(data, RelationSource):
        return data
    source: Source | None
    if is_url(data):
        source = DatabaseSource(table_of(data))
    else:
        source = _files(str(data), sheet) if isinstance(data, str | Path) else frame_source(data)
    if source is None:
        raise UsageError(f"A {type(data).__name__} was given. Expected {ACCEPTED}.")
    if sheet is not None and not (isinstance(source, FileSource) and source.format == "excel"):
        raise UsageError(f"A sheet, {sheet!r}, was asked for, but only Excel workbooks have sheets. Leave it out.")
    return source


def _files(given: str, sheet: str | None) -> FileSource:
    paths = _matching(given)
    if not paths:
        near = nearest_files(given)
        told = f" Nearest there: {near}." if near else ""
        if os.path.isdir(given):
            told = f" Of a folder only Parquet files are read; name others by a pattern, such as {given}/*.csv."
        raise UnreadableFileError(
            f"{given} matches no file.{told} Expected {ACCEPTED}; look at the spelling and at the folder you are in."
        )
    formats = {_format(path) for path in paths}
    only = formats.pop()
    if only is None and Path(paths[0]).suffix.lower() in DUCKDB_ENDINGS:
        raise UsageError(f"{given} is a database. Expected the table too: duckdb://{given}/TABLE.")
    if formats or only is None:
        raise UsageError(
            f"{given} is not one of the formats that can be read, or mixes two. Expected files that end in"
            f" {', '.join((*FORMATS, *PACKED))}, all of one format."
        )
    paths = without_blank(paths)
    empty = [path for path in paths if Path(path).stat().st_size == 0]
    if empty:
        raise EmptyTableError(
            f"{', '.join(empty)}: the file is empty. Expected a header line and at least one row. Export it again, or"
            " leave it out if there was nothing to tell."
        )
    return FileSource(tuple(paths), only, only == "parquet" and _is_partitioned(given, paths), sheet)


@contextmanager
def unchanged(data: Any, *, of_vendor: bool = False) -> Iterator[list[str]]:
    """The files that are read; raises where they were written meanwhile: they may have been read more than once.

    Parameters
    ----------
    data : Data
        Also a dict of several, as logs of Asterisk are given.
    of_vendor : bool
        Of a folder every file is read, and not only Parquet.

    Raises
    ------
    UnreadableFileError
        A file is another one than before, or gone; whatever else was raised meanwhile came of that.
    """
    parts = data.values() if isinstance(data, Mapping) else [data]
    given = [str(part) for part in parts if isinstance(part, str | Path) and not is_url(part)]
    before = _stamps([path for one in given for path in (_below(one) if of_vendor else _matching(one))])
    try:
        yield list(before)
    except Exception as error:
        _require_same(before, error)
        raise
    _require_same(before)


def _below(given: str) -> list[str]:
    """Files that a vendor's log is read from."""
    if not os.path.isdir(given):
        return _matching(given)
    return [str(path) for path in Path(given).rglob("*") if not path.name.startswith(("_", "."))]


def _stamps(paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Size and time of writing of files that are there."""
    stats = {path: os.stat(path) for path in paths if os.path.isfile(path)}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def _require_same(before: dict[str, tuple[int, int]], error: Exception | None = None) -> None:
    now = _stamps(list(before))
    for path, stamp in before.items():
        if now.get(path) != stamp:
            raise UnreadableFileError(
                f"{path} was changed while it was read: it {_change(stamp, now.get(path))}. Expected a file that stays"
                " as it is; run again when whoever writes it is done, or read a copy."
            ) from error


def _change(before: tuple[int, int], now: tuple[int, int] | None) -> str:
    if now is None:
        return "is gone"
    if now[0] == before[0]:
        return "was written anew, as long as before"
    return f"had {before[0]:,} bytes and has {now[0]:,} now"


def nearest_files(path: str) -> str:
    """Files that a misspelt path may have meant; none where it is a pattern or is there."""
    folder = Path(path).parent
    if is_url(path) or os.path.exists(path) or glob.has_magic(path) or not os.path.isdir(folder):
        return ""
    return ", ".join(nearest_names(Path(path).name, [entry.name for entry in folder.iterdir()]))


def _format(path: str) -> FileFormat | None:
    name = path.lower()
    return FORMATS.get(Path(name.removesuffix(".gz") if name.endswith(PACKED) else name).suffix)


def _matching(given: str) -> list[str]:
    if os.path.isdir(given):  # unlike a Path it knows that what has too long a name is not there
        below = (Path(parent, name) for parent, _, names in os.walk(given, onerror=_refuse) for name in names)
        found = (path for path in below if _format(path.name) == "parquet")
        return sorted(str(path) for path in found if not _is_hidden(path.relative_to(given)))
    if os.path.isfile(given):
        return [given]
    return sorted(path for path in glob.glob(given, recursive=True) if os.path.isfile(path))


def _refuse(error: OSError) -> None:
    """Raise where a folder cannot be looked into: what lies there would be left out in silence."""
    raise UnreadableFileError(
        f"The folder {error.filename} could not be read: {error.strerror}. Expected folders that may be read; name one"
        " further down, or the files themselves."
    ) from error


def _is_hidden(path: Path) -> bool:
    """Whether a file is an engine's own, such as those in ``_temporary`` and ``_delta_log``."""
    return any(part.startswith(("_", ".")) and "=" not in part for part in path.parts)


def _is_partitioned(given: str, paths: Sequence[str]) -> bool:
    """Whether every file lies in folders ``key=value`` below the folder that was given."""
    fixed = len(Path(given).parts) if os.path.isdir(given) else 0
    if not fixed:
        fixed = next((i for i, part in enumerate(Path(given).parts) if glob.has_magic(part)), len(Path(given).parts))
    return all(any("=" in part for part in Path(path).parts[fixed:-1]) for path in paths)
