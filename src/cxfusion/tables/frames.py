"""Frames of other libraries as sources; each is known by its type's home, so that no library is imported for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from cxfusion.engine import FrameSource, LibraryFrameSource, RelationSource, StreamSource, is_spark_frame
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.engine.python_values import column_of
from cxfusion.errors import EmptyTableError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["frame_source"]

Column: TypeAlias = Any  # an Arrow array, chunked or not: the stubs have no common type
Frame: TypeAlias = FrameSource | LibraryFrameSource | StreamSource | RelationSource


def frame_source(data: Any) -> Frame | None:
    """Source of a frame; None where it is no frame that is known.

    Raises
    ------
    EmptyTableError
        A frame in memory without rows.
    InputError
        Two columns of one name.
    """
    opener = next((opener for is_kind, opener in KINDS if is_kind(data)), None)
    return opener(data) if opener else None


def _is_of(package: str, *names: str) -> Callable[[Any], bool]:
    """Whether an object's type, or one that it derives from, is one of these of a package."""

    def is_kind(data: Any) -> bool:
        kinds = type(data).__mro__
        return any(kind.__module__.split(".")[0] == package and kind.__name__ in names for kind in kinds)

    return is_kind


def _is_records(data: Any) -> bool:
    is_list = isinstance(data, Sequence) and not isinstance(data, str | bytes)
    return is_list and all(isinstance(row, Mapping) for row in data)


def _is_stream(data: Any) -> bool:
    """Whether an object hands its rows to any Arrow reader (the Arrow PyCapsule interface). A lone column has none."""
    return hasattr(data, "__arrow_c_stream__") and _name(data) not in ("Series", "ChunkedArray")


def _from_table(data: Any) -> FrameSource:
    return _frame(data, pa.table(data))


def _from_pandas(data: Any) -> FrameSource:
    names = [str(name) for name in data.columns]
    return _frame(data, pa.table([_series(data.iloc[:, i]) for i in range(len(names))], names=names))


def _from_records(data: Any) -> FrameSource:
    rows = [{str(name): cell for name, cell in row.items()} for row in data]
    names = dict.fromkeys(name for row in rows for name in row)
    return _frame(data, pa.table({name: column_of([row.get(name) for row in rows]) for name in names}))


def _from_lazy_polars(data: Any) -> FrameSource:
    return _frame(data, pa.table(data.collect()))


def _from_dataset(data: Any) -> FrameSource:
    _require_distinct(data.schema.names)
    return FrameSource(data, _name(data))


def _from_stream(data: Any) -> StreamSource:
    batches = pa.RecordBatchReader.from_stream(data)
    _require_distinct(batches.schema.names)
    return StreamSource(batches, _name(data))


def _from_library(data: Any) -> LibraryFrameSource:
    _require_distinct(data.columns)
    return LibraryFrameSource(data, _name(data))


def _from_ibis(data: Any) -> RelationSource:
    _require_distinct(data.columns)
    return RelationSource(data, _name(data))


KINDS: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], Frame]], ...]] = (
    (is_spark_frame, _from_library),
    (_is_of("pandas", "DataFrame"), _from_pandas),
    (_is_of("polars", "LazyFrame"), _from_lazy_polars),
    (_is_of("polars", "DataFrame"), _from_table),
    (_is_of("pyarrow", "Table", "RecordBatch"), _from_table),
    (_is_of("pyarrow", "Dataset"), _from_dataset),
    (_is_of("ibis", "Table"), _from_ibis),
    (_is_records, _from_records),
    (_is_stream, _from_stream),  # a RecordBatchReader, a DuckDB relation, and whatever else speaks Arrow
)


def _frame(data: Any, table: pa.Table) -> FrameSource:
    _require_distinct(table.column_names)
    if table.num_rows == 0 or not table.column_names:
        told = f"columns {', '.join(table.column_names)}" if table.column_names else "no columns either"
        raise EmptyTableError(f"The {_name(data)} given has no rows: {told}. Expected at least one row.")
    return FrameSource(pa.table([_plain(column) for column in table.columns], names=table.column_names), _name(data))


def _name(data: Any) -> str:
    return type(data).__name__


def _series(series: Any) -> Column:
    """A column of its own: Arrow would share the frame's memory, and what was read change with the frame."""
    if series.dtype == object or _is_spans(series):
        return column_of(series.astype(object).tolist())
    try:
        return pa.Array.from_pandas(series.copy())
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return column_of(series.tolist())


def _is_spans(series: Any) -> bool:
    """Whether pandas holds periods (months) or intervals (bands), which are but numbers without their words."""
    values = getattr(series.dtype, "categories", series)  # bands come as categories
    return getattr(values.dtype, "name", "").startswith(("period[", "interval"))


def _plain(column: Column) -> Column:
    """The same column in a type that every engine knows: no dictionaries or views, elapsed times as seconds."""
    if pa.types.is_dictionary(column.type):
        return _plain(_decoded(column))
    if pa.types.is_float16(column.type):
        return column.cast(pa.float32())
    if pa.types.is_struct(column.type) and not column.type.num_fields:
        return pa.nulls(len(column), pa.string())
    if pa.types.is_duration(column.type):
        microseconds = column.cast(pa.duration("us"), safe=False).cast(pa.int64())
        return pc.divide(microseconds.cast(pa.float64()), 1e6)
    is_odd_text = pa.types.is_null(column.type) or pa.types.is_string_view(column.type)
    return column.cast(pa.string()) if is_odd_text else column


def _decoded(column: Column) -> Column:
    """Values of a dictionary; Polars' are views of text, which Arrow cannot cast to out of one."""
    chunks: list[Any] = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    kind = pa.string() if pa.types.is_string_view(column.type.value_type) else column.type.value_type
    return pa.chunked_array([chunk.dictionary.cast(kind).take(chunk.indices) for chunk in chunks], kind)


def _require_distinct(names: Sequence[str]) -> None:
    lower = [name.lower() for name in names]
    repeated = sorted({name for name in names if lower.count(name.lower()) > 1})
    if repeated:
        raise InputError(
            "Some column names cannot be told apart, letter case aside. Rename them in the source.",
            [f"{name!r} occurs more than once" for name in repeated],
        )
    reserved = [name for name in names if name.lower() in (SOURCE_FILE, SOURCE_ROW)]
    if reserved:
        raise InputError(
            f"The table has a column {' and '.join(reserved)}: cxfusion adds it to what it reads, to say where each row"
            " stood. Expected a table without; leave it out, as frame.drop(columns=["
            f"{', '.join(map(repr, reserved))}]) does of a table that was read before, or rename your own."
        )
