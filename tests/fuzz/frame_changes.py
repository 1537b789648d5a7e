"""What frames in memory come as: the same values in other types, and values that no file could hold."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from fuzz import forms
from fuzz.claims import Case, Claim
from fuzz.poison import OBJECTS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from fuzz.readers import Reader

__all__ = ["frame_changes"]

Change: TypeAlias = "Callable[[Reader, random.Random], Case]"
SURELY: Final = Claim("same", must_read=True)


def frame_changes(form: forms.Form) -> dict[str, Change]:
    """The changes for one kind of frame."""
    objects = {"object": _object, "object again": _object}
    by_form: dict[type[forms.Form], dict[str, Change]] = {
        forms.PandasForm: {**objects, **PANDAS},
        forms.PolarsForm: POLARS,
        forms.ParquetForm: {"type": _in_file, "type again": _in_file},
        forms.ArrowForm: {"type": _arrow_type, "type again": _arrow_type, "way": _given, "names": _arrow_names},
        forms.Records: objects,
        forms.Workbook: {"margins": _margins, "object": _object},
    }
    return by_form.get(type(form), {})


def _object(reader: Reader, rng: random.Random) -> Case:
    """One cell that holds what only Python can hold."""
    records = copy.deepcopy(list(reader.records))
    place, name = rng.randrange(len(records)), rng.choice(list(records[0]))
    value = rng.choice(OBJECTS)
    records[place][name] = value
    try:
        data = reader.form.write(records)
    except (ValueError, TypeError):  # a workbook holds less
        data = reader.form.write(list(reader.records))
    return Case(
        f"{name} of row {place + 1} = {type(value).__name__}", data, reader.form.suffix, Claim("rows", {place: None})
    )


# ---- Arrow -----------------------------------------------------------------------------------------------------------


def _arrow(reader: Reader) -> pa.Table:
    return forms.ArrowForm().write(reader.records)


def _typed(reader: Reader, rng: random.Random) -> tuple[str, pa.Table, Claim]:
    """A table with one column in another type that holds the same, or that holds nothing that is meant."""
    table = _arrow(reader)
    name = rng.choice(table.column_names)
    column = table[name]
    told, made, claim = rng.choice(_as_other_type(column))
    place = table.column_names.index(name)
    return f"{name} as {told}", table.set_column(place, name, made), claim


def _as_other_type(column: Any) -> list[tuple[str, Any, Claim]]:
    n = len(column)
    odd: list[tuple[str, Any, Claim]] = [
        ("null", pa.nulls(n), Claim()),
        ("list", pa.array([[1, None]] * n), Claim()),
        ("struct", pa.array([{"a": 1, "b": None}] * n), Claim()),
        ("bytes", pa.array([b"\xff\x00"] * n), Claim()),
        ("time of day", pa.array([3_600] * n, pa.time32("s")), Claim()),
        ("duration", pa.array([90_000] * n, pa.duration("ms")), Claim()),
        ("month interval", pa.array([(1, 2, 3)] * n, pa.month_day_nano_interval()), Claim()),
        ("half float", pa.array([1.5] * n, pa.float16()), Claim()),
        ("date", pa.array([20_000] * n, pa.date32()), Claim()),
        ("old times", pa.array([-10_000_000_000_000] * n, pa.timestamp("ms")), Claim()),
        ("far times", pa.array([9_000_000_000_000_000] * n, pa.timestamp("ms")), Claim()),
        ("greatest whole number", pa.array([2**64 - 1] * n, pa.uint64()), Claim()),
        ("map", pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())), Claim()),
    ]
    kind = column.type
    if pa.types.is_string(kind):
        odd += [
            ("dictionary", column.dictionary_encode(), SURELY),
            ("large text", column.cast(pa.large_string()), SURELY),
            ("view", column.cast(pa.string_view()), SURELY),
            (
                "chunks",
                pa.chunked_array([column.slice(0, 3).combine_chunks(), column.slice(3).combine_chunks()]),
                SURELY,
            ),
        ]
    if pa.types.is_integer(kind):
        odd += [
            (str(to), column.cast(to), SURELY) for to in (pa.int32(), pa.uint64(), pa.float64(), pa.decimal128(30, 2))
        ]
    if pa.types.is_floating(kind):
        odd += [("decimal", column.cast(pa.decimal128(20, 3)), SURELY)]
    if pa.types.is_timestamp(kind):
        utc = pc.assume_timezone(column, "UTC")
        odd += [(str(to), column.cast(to), SURELY) for to in (pa.timestamp("s"), pa.timestamp("ns"), pa.date64())[:2]]
        odd += [("UTC", utc, SURELY), ("Tokyo", utc.cast(pa.timestamp("us", "Asia/Tokyo")), SURELY)]
    return odd


def _arrow_type(reader: Reader, rng: random.Random) -> Case:
    told, table, claim = _typed(reader, rng)
    return Case(told, table, "", claim)


def _in_file(reader: Reader, rng: random.Random) -> Case:
    import io

    import pyarrow.parquet as pq

    told, table, claim = _typed(reader, rng)
    file = io.BytesIO()
    options = rng.choice(
        [{}, {"compression": "gzip"}, {"use_dictionary": False}, {"row_group_size": 3}, {"store_schema": False}]
    )
    try:
        pq.write_table(table, file, **options)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # what Parquet cannot hold
        return Case(told, reader.form.write(reader.records), ".parquet", SURELY)
    return Case(
        f"{told}, {options}", file.getvalue(), ".parquet", claim if options.get("store_schema", True) else Claim()
    )


def _given(reader: Reader, rng: random.Random) -> Case:
    import pyarrow.dataset as pads

    table = _arrow(reader)
    way = rng.choice(["reader", "dataset", "batch", "slices", "no rows", "no columns"])
    data = {
        "reader": table.to_reader,
        "dataset": lambda: pads.dataset(table),
        "batch": lambda: table.combine_chunks().to_batches()[0],
        "slices": lambda: pa.concat_tables([table.slice(i, 1) for i in range(table.num_rows)]),
        "no rows": lambda: table.slice(0, 0),
        "no columns": lambda: table.select([]),
    }[way]()
    return Case(way, data, "", Claim() if way.startswith("no") else SURELY)


def _arrow_names(reader: Reader, rng: random.Random) -> Case:
    table = _arrow(reader)
    names = list(table.column_names)
    place = rng.randrange(len(names))
    names[place] = rng.choice(
        [names[place - 1], names[place - 1].upper(), "", "source_file", "a\x00b", '"; DROP', "x" * 9000]
    )
    return Case(repr(names[place][:20]), table.rename_columns(names), "")


# ---- pandas and Polars -----------------------------------------------------------------------------------------------


def _pandas(reader: Reader) -> Any:
    return forms.PandasForm().write(reader.records)


def _pandas_type(reader: Reader, rng: random.Random) -> Case:
    frame = _pandas(reader)
    way = rng.choice(["convert", "category", "object", "pyarrow", "index", "zone", "float", "elapsed"])
    match way:
        case "convert":
            frame = frame.convert_dtypes()
        case "category":
            frame = frame.astype({"Queue Name": "category", "Customer ID": "category"})
        case "object":
            frame = frame.astype(object)
        case "pyarrow":
            frame = frame.convert_dtypes(dtype_backend="pyarrow")
        case "index":
            frame.index = [rng.choice("ab") for _ in range(len(frame))]
        case "zone":
            frame["Start Time"] = frame["Start Time"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
        case "float":
            frame["Wait Time"] = frame["Wait Time"].astype(float)
        case "elapsed":
            import pandas as pd

            frame["Wait Time"] = pd.to_timedelta(frame["Wait Time"], unit="s")
    return Case(way, frame, "", SURELY)


def _pandas_odd(reader: Reader, rng: random.Random) -> Case:
    import pandas as pd

    frame = _pandas(reader)
    name = rng.choice(list(frame.columns))
    way = rng.choice(
        ["levels", "twice", "numbers", "period", "interval", "complex", "nested", "sparse", "empty", "none"]
    )
    match way:
        case "levels":
            frame.columns = pd.MultiIndex.from_tuples([("a", one) for one in frame.columns])
        case "twice":
            frame = pd.concat([frame, frame[[name]]], axis=1)
        case "numbers":
            frame.columns = range(len(frame.columns))
        case "period":
            frame[name] = pd.period_range("2026-03", periods=len(frame), freq="M")
        case "interval":
            frame[name] = pd.interval_range(0, len(frame))
        case "complex":
            frame[name] = complex(1, 2)
        case "nested":
            frame[name] = [frame.head(1)] * len(frame)
        case "sparse":
            frame[name] = pd.arrays.SparseArray([1] * len(frame))
        case "empty":
            frame = frame.head(0)
        case "none":
            frame = pd.DataFrame()
    return Case(f"{way} of {name}", frame, "")


def _polars_type(reader: Reader, rng: random.Random) -> Case:
    import polars as pl

    frame = forms.PolarsForm().write(reader.records)
    way = rng.choice(["lazy", "category", "zone", "elapsed", "decimal", "enum"])
    made = {
        "lazy": frame.lazy,
        "category": lambda: frame.with_columns(pl.col("Queue Name").cast(pl.Categorical)),
        "zone": lambda: frame.with_columns(pl.col("Start Time").dt.replace_time_zone("UTC")),
        "elapsed": lambda: frame.with_columns(pl.duration(seconds=pl.col("Wait Time")).alias("Wait Time")),
        "decimal": lambda: frame.with_columns(pl.col("Wait Time").cast(pl.Decimal(20, 2))),
        "enum": lambda: frame.with_columns(pl.col("Queue Name").cast(pl.Enum(["sales", "billing, old"]))),
    }[way]()
    return Case(way, made, "", SURELY)


def _polars_odd(reader: Reader, rng: random.Random) -> Case:
    import polars as pl

    frame = forms.PolarsForm().write(reader.records)
    name = rng.choice(frame.columns)
    odd = {
        "list": pl.Series(name, [[1, None]] * len(frame)),
        "struct": pl.Series(name, [{"a": 1}] * len(frame)),
        "object": pl.Series(name, [object()] * len(frame), dtype=pl.Object),
        "binary": pl.Series(name, [b"\xff"] * len(frame)),
        "null": pl.Series(name, [None] * len(frame)),
        "nan": pl.Series(name, [float("nan")] * len(frame)),
        "time": pl.Series(name, [1] * len(frame)).cast(pl.Time),
        "array": pl.Series(name, [[1, 2]] * len(frame), dtype=pl.Array(pl.Int64, 2)),
    }
    way = rng.choice([*odd, "empty", "none"])
    made = frame.head(0) if way == "empty" else pl.DataFrame() if way == "none" else frame.with_columns(odd[way])
    return Case(f"{way} for {name}", made, "")


def _margins(reader: Reader, rng: random.Random) -> Case:
    form = forms.Workbook(blank_above=rng.randrange(4), blank_left=rng.randrange(3))
    return Case(f"{form.blank_above} above, {form.blank_left} left", form.write(reader.records), ".xlsx", SURELY)


PANDAS: Final[dict[str, Change]] = {
    "types": _pandas_type,
    "types again": _pandas_type,
    "odd": _pandas_odd,
    "odd again": _pandas_odd,
}
POLARS: Final[dict[str, Change]] = {
    "types": _polars_type,
    "types again": _polars_type,
    "odd": _polars_odd,
    "odd again": _polars_odd,
}
