"""DuckDB queries over files: each gives every row, with ``source_file`` and ``source_row``, and guesses at no cell."""

from __future__ import annotations

import glob
import json
import re
from typing import TYPE_CHECKING, Any, Final

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.engine.csv_header import read_header, unique_names
from cxfusion.engine.elapsed import by_elapsed
from cxfusion.errors import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from cxfusion.engine.contract import FileSource
    from cxfusion.engine.elapsed import Elapsed

__all__ = ["csv_query", "json_query", "parquet_query", "quoted_name", "quoted_text"]

MOST_DEPTH: Final = 500
MANY_BRACES: Final = 2_000  # of one row of JSON
MOST_KINDS: Final = 10_000  # of rows that differ in what they nest
MOST_FIELDS: Final = 2_000  # of one JSON file; more are keys that are data, not names


def quoted_text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _quoted_path(path: str) -> str:
    """The path of one file as SQL writes it: brackets, as in calls[1].csv, would be a pattern, and mean calls1.csv."""
    return quoted_text(glob.escape(path))


def _unpacked(path: str) -> str:
    """How a file is packed, as DuckDB's readers are told: by itself it knows the ending in small letters only."""
    return ", compression = 'gzip'" if path.lower().endswith(".gz") else ""


def quoted_name(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def parquet_query(source: FileSource) -> str:
    """Rows of Parquet files; columns and row groups that nobody asks for are not read."""
    return " UNION ALL BY NAME ".join(
        _some_parquet(paths, elapsed, is_partitioned=source.is_partitioned)
        for elapsed, paths in by_elapsed(source.paths).items()
    )


def _some_parquet(paths: Sequence[str], elapsed: Elapsed, *, is_partitioned: bool) -> str:
    """Files of the same elapsed times, as seconds."""
    listed = ", ".join(map(_quoted_path, paths))
    names = [(quoted_name(name), per_second) for name, per_second in elapsed]
    seconds = ", ".join(f"{name} / {per_second:.0f}::DOUBLE AS {name}" for name, per_second in names)
    return (
        f"SELECT * EXCLUDE (file_row_number, cx_file){f' REPLACE ({seconds})' if seconds else ''},"
        f" cx_file AS {SOURCE_FILE}, file_row_number + 1 AS {SOURCE_ROW}"
        f" FROM read_parquet([{listed}], file_row_number = true, filename = 'cx_file', union_by_name = true,"
        f" hive_partitioning = {str(is_partitioned).lower()})"
    )


def csv_query(source: FileSource) -> str:
    """Rows of CSV files, all cells as text."""
    return " UNION ALL BY NAME ".join(_one_csv(path) for path in source.paths)


def _one_csv(path: str) -> str:
    # DuckDB's own detection skips whatever does not fit the header it imagines: the header is told instead
    header = read_header(path)
    columns = ", ".join(f"{quoted_text(name)}: 'VARCHAR'" for name in header.names)
    return (
        f"SELECT *, {_place(path)} FROM read_csv({_quoted_path(path)}, encoding = {quoted_text(header.encoding)},"
        f" auto_detect = false, header = true, strict_mode = true, delim = {quoted_text(header.separator)},"
        f" skip = {header.n_blank}{_unpacked(path)},"
        f" quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _json_objects(path: str) -> str:
    return f"read_json_objects({_quoted_path(path)}{_unpacked(path)})"


def _json_rows(source: FileSource) -> str:
    """The rows of all files, whatever each of them is packed in."""
    return f"({' UNION ALL '.join(f'SELECT json FROM {_json_objects(path)}' for path in source.paths)})"


def json_query(connection: duckdb.DuckDBPyConnection, source: FileSource) -> str:
    """Rows of files of JSON objects, all cells as text, nested ones under dotted names.

    Raises
    ------
    UnreadableFileError
        What is in a row is not an object, or has more fields than a table can have.
    """
    structure = _structure(connection, source)
    fields = _fields(connection, source, structure) if isinstance(structure, dict) else []
    if len(fields) > MOST_FIELDS or not isinstance(structure, dict):
        seen = f"{len(fields):,} different fields" if fields else f"rows of kind {structure}"
        raise UnreadableFileError(
            f"{', '.join(source.paths)} holds {seen}. Expected one JSON object per row, such as"
            ' {"contact_id": "7", "started_at": "2026-01-05T09:00:00Z"}.'
        )
    pointers = ", ".join(quoted_text(_pointer(keys)) for keys in fields)
    names = unique_names([".".join(keys) for keys in fields])
    cells = ", ".join(f"cells[{i}] AS {quoted_name(name)}" for i, name in enumerate(names, start=1))
    return " UNION ALL BY NAME ".join(
        f"SELECT {cells + ', ' if cells else ''}{_place(path)} FROM"
        f" (SELECT json_extract_string(json, [{pointers}]::VARCHAR[]) AS cells"
        f" FROM {_json_objects(path)})"
        for path in source.paths
    )


def _structure(connection: duckdb.DuckDBPyConnection, source: FileSource) -> Any:
    """Names and kinds of all that is in any row, nested as it is.

    Rows that open many braces are looked at one by one: the engine does not survive those that nest too deep.
    """
    rows = _json_rows(source)
    n_open = "length(json::VARCHAR) - length(translate(json::VARCHAR, '{[', ''))"
    few = f"json_group_structure(CASE WHEN {n_open} <= {MANY_BRACES} THEN json END)"
    found = connection.execute(f"SELECT {few}, count(*) FILTER (WHERE {n_open} > {MANY_BRACES}) FROM {rows}").fetchone()
    text, n_many = found or (None, 0)
    if n_many:
        wide = connection.execute(f"SELECT json::VARCHAR FROM {rows} WHERE {n_open} > {MANY_BRACES}")
        while row := wide.fetchone():
            _require_shallow(source, row[0])
        found = connection.execute(f"SELECT json_group_structure(json) FROM {rows}").fetchone()
        text = found[0] if found else None
    try:
        return json.loads(text) if text else {}
    except RecursionError as error:
        raise _too_deep(source) from error


def _fields(
    connection: duckdb.DuckDBPyConnection, source: FileSource, structure: dict[str, Any]
) -> list[tuple[str, ...]]:
    """Paths of what is no object itself; of what is an object in some rows only, its own and those below it."""
    fields = _leaves(structure)
    if "JSON" not in {_at(structure, path) for path in fields}:
        return fields
    kinds = "SELECT json_structure(json) AS kind, min(row) FROM (SELECT json, row_number() OVER () AS row FROM"
    found = connection.execute(f"{kinds} {_json_rows(source)}) GROUP BY kind ORDER BY 2 LIMIT {MOST_KINDS}")
    rows = [json.loads(kind) for kind, _ in found.fetchall() if kind]
    below = [path for row in rows if isinstance(row, dict) for path in _leaves(row)]
    return list(dict.fromkeys([*fields, *below]))


def _at(structure: Any, path: tuple[str, ...]) -> str:
    for key in path:
        structure = structure[key]
    return structure if isinstance(structure, str) else "list"


def _require_shallow(source: FileSource, row: str) -> None:
    """Raise for a row of JSON that nests too deep; braces within texts do not count."""
    depth = 0
    for brace in re.sub(r'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+', "", row):
        depth += 1 if brace in "[{" else -1
        if depth > MOST_DEPTH:
            raise _too_deep(source)


def _too_deep(source: FileSource) -> UnreadableFileError:
    return UnreadableFileError(
        f"{', '.join(source.paths)} holds a row that is nested more than {MOST_DEPTH:,} deep. Expected one JSON object"
        " per row with plain values; mend that row, or export the file again."
    )


def _leaves(structure: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of what is no object itself, in the order in which they are met."""
    paths: list[tuple[str, ...]] = []
    for key, inner in structure.items():
        path = (*above, key)
        paths += _leaves(inner, path) if isinstance(inner, dict) else [path]
    return paths


def _pointer(keys: Sequence[str]) -> str:
    """A path as RFC 6901 writes it."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _place(path: str) -> str:
    return f"{quoted_text(path)} AS {SOURCE_FILE}, row_number() OVER () AS {SOURCE_ROW}"
