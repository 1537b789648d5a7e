"""What may be read: files and frames in memory become one source for the engine, their names checked."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cxfusion.engine import FileSource, FrameSource, Source
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import EmptyTableError, InputError, UnreadableFileError, UsageError

__all__ = ["Data", "open_source"]

Column: TypeAlias = Any  # an Arrow array, chunked or not: the stubs have no common type
Data: TypeAlias = Any
"""Path or glob of CSV or Parquet files, folder of Parquet files, pandas frame, Arrow table, or list of dicts."""

FORMATS: Final[dict[str, Literal["csv", "parquet"]]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
ACCEPTED: Final = (
    "a path or glob of CSV or Parquet files, a folder of Parquet files, a pandas DataFrame,"
    " an Arrow table, or a list of dicts"
)


def open_source(data: Data) -> Source:
    """Source of what a caller gave.

    Raises
    ------
    UsageError
        Another kind of object, or a file whose ending tells no format.
    UnreadableFileError
        No such file, or a folder or glob without files.
    EmptyTableError
        A file without a byte, or a frame without rows.
    InputError
        Two columns of one name.
    """
    if isinstance(data, str | Path):
        return _files(str(data))
    table = _frame(data)
    _require_distinct(table.column_names)
    if table.num_rows == 0:
        raise EmptyTableError(
            f"The {type(data).__name__} given has no rows: {_columns(table)}. Expected at least one row."
        )
    return FrameSource(table, type(data).__name__)


def _columns(table: pa.Table) -> str:
    return f"columns {', '.join(table.column_names)}" if table.column_names else "no columns either"


def _files(given: str) -> FileSource:
    paths = _matching(given)
    if not paths:
        raise UnreadableFileError(
            f"{given} matches no file. Expected {ACCEPTED}; look at the spelling and at the folder you are in."
        )
    formats = {FORMATS.get(Path(path).suffix.lower()) for path in paths}
    only = formats.pop()
    if formats or only is None:
        raise UsageError(
            f"{given} is not one of the formats that can be read, or mixes two."
            f" Expected files that end in {', '.join(FORMATS)}, all of one format."
        )
    empty = [path for path in paths if Path(path).stat().st_size == 0]
    if empty:
        raise EmptyTableError(f"{', '.join(empty)}: the file is empty. Expected a header line and at least one row.")
    return FileSource(tuple(paths), only)


def _matching(given: str) -> list[str]:
    if Path(given).is_dir():
        return sorted(str(path) for path in Path(given).rglob("*.parquet"))
    if Path(given).is_file():
        return [given]
    return sorted(path for path in glob.glob(given, recursive=True) if Path(path).is_file())


def _frame(data: Data) -> pa.Table:

    if isinstance(data, pa.Table):
        table = data
    elif isinstance(data, pd.DataFrame):
        table = pa.table([_series(data.iloc[:, i]) for i in range(data.shape[1])], names=[str(c) for c in data.columns])
    elif _is_records(data):
        names = list(dict.fromkeys(str(key) for row in data for key in row))
        table = pa.table({name: _values([row.get(name) for row in data]) for name in names})
    else:
        raise UsageError(f"A {type(data).__name__} was given. Expected {ACCEPTED}.")
    return pa.table([_plain(column) for column in table.columns], names=table.column_names)


def _is_records(data: Data) -> bool:
    return (
        isinstance(data, Sequence)
        and not isinstance(data, str | bytes)
        and all(isinstance(row, Mapping) for row in data)
    )


def _series(series: Any) -> Column:

    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return _values(series.tolist())


def _values(values: list[Any]) -> Column:
    """One column; values of several kinds become text, as they would in a file."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if pd.api.types.is_scalar(v) and pd.isna(v) else str(v) for v in values], pa.string())


def _plain(column: Column) -> Column:
    """The same column in a type that every engine knows: no dictionaries, elapsed times as seconds."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_duration(column.type):
        microseconds = column.cast(pa.duration("us"), safe=False).cast(pa.int64())
        return pc.divide(microseconds.cast(pa.float64()), 1e6)
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _require_distinct(names: Sequence[str]) -> None:
    lower = [name.lower() for name in names]
    repeated = sorted({name for name in names if lower.count(name.lower()) > 1})
    reserved = sorted({SOURCE_FILE, SOURCE_ROW} & set(lower))
    if repeated or reserved:
        raise InputError(
            "Some column names cannot be told apart, letter case aside. Rename them in the source.",
            [*(f"{name!r} occurs more than once" for name in repeated)]
            + [f"{name!r} is a name that cxfusion adds itself" for name in reserved],
        )
