"""Ibis' Spark, made ours: Arrow is handed over as such, instants are told from wall clocks, and our names are known."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import pyarrow as pa
import sqlglot.expressions as sge
from ibis.backends.pyspark import Backend
from ibis.backends.pyspark.datatypes import PySparkType
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from pyspark.sql import functions as spark_functions
from pyspark.sql import types as spark_types

from cxfusion.engine.naming import new_name
from cxfusion.engine.python_values import clock_texts

if TYPE_CHECKING:
    from collections.abc import Collection

    import ibis.expr.types as ir
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["SparkBackend", "frame_of"]

OWN_NAMES: Final = {"epoch_us": "unix_micros", "make_timestamp": "timestamp_micros", "try_strptime": "cx_strptime"}
"""Functions that the house calls by DuckDB's names."""
GROUP: Final = re.compile(r"\\(\d)")


class SparkCompiler(PySparkCompiler):  # type: ignore[misc]  # Ibis has no types
    """The compiler of Ibis, where functions go by Spark's names."""

    def visit_ScalarUDF(self, op: ops.ScalarUDF, **arguments: Any) -> Any:  # noqa: N802 - Ibis looks it up by this name
        """A call of a function that is not Ibis' own."""
        called = self.f.anon[OWN_NAMES.get(op.__func_name__, op.__func_name__)](*arguments.values())
        # Spark's floor is an integer, and an integer by a number with a point a decimal of few digits
        return self.cast(called, op.dtype) if op.dtype.is_floating() else called

    def visit_AggUDF(self, op: ops.AggUDF, *, where: Any, **arguments: Any) -> Any:  # noqa: N802
        """Of the house there is one: the greatest values of a group, which Spark lists and sorts."""
        value, n = arguments.values()
        listed = self.agg.collect_list(value, where=where)
        return self.f.anon.slice(self.f.anon.sort_array(listed, sge.false()), 1, n)

    def visit_IsInf(self, op: ops.IsInf, *, arg: Any) -> Any:  # noqa: N802
        """Ibis compares the expressions themselves here, which are never alike."""
        return self.f.abs(arg).eq(self.POS_INF)

    def visit_RegexReplace(self, op: ops.RegexReplace, *, arg: Any, pattern: Any, replacement: Any) -> Any:  # noqa: N802
        r"""Groups are ``$1`` in Spark and ``\1`` in Ibis."""
        told = op.replacement
        if isinstance(told, ops.Literal):
            replacement = sge.convert(GROUP.sub(r"$\1", told.value))
        return self.f.regexp_replace(arg, pattern, replacement)


class SparkBackend(Backend):  # type: ignore[misc]  # Ibis has no types
    """Ibis on a Spark session of our own."""

    compiler = SparkCompiler()

    def __init__(self, session: SparkSession) -> None:
        super().__init__()
        self.register_options()
        self.do_connect(session)
        self._views: list[str] = []
        session.udf.register("cx_strptime", spark_functions.udf(_strptime, "timestamp"))

    @property
    def spark(self) -> SparkSession:
        """The session it runs in."""
        session: SparkSession = self._session
        return session

    def frame(self, relation: ir.Table) -> DataFrame:
        """A relation as Spark's own, not computed yet."""
        return frame_of(self, relation)

    def relation(self, frame: DataFrame, schema: ibis.Schema | None = None, clocks: Collection[str] = ()) -> ir.Table:
        """Spark's own as a relation: of a schema that is known, or of that which it tells.

        It does not tell which columns are wall clocks that were sent to it: as instants, as if they were in UTC.
        """
        name = new_name("cx")
        frame.createOrReplaceTempView(name)
        self._views.append(name)
        kinds = {field.name: _type_of(field.dataType) for field in frame.schema}
        told = schema or ibis.schema(kinds | dict.fromkeys(clocks, dt.Timestamp(scale=6)))
        return ops.DatabaseTable(name, schema=told, source=self).to_expr()

    def adopted(self, frame: DataFrame) -> DataFrame:
        """A frame of any session of the application, in this one."""
        name = new_name("cx")
        frame.createGlobalTempView(name)
        try:
            return self.spark.table(f"global_temp.{name}")
        finally:
            frame.sparkSession.catalog.dropGlobalTempView(name)

    def uploaded(self, rows: pa.Table) -> DataFrame:
        """Arrow rows as Spark's own: times without a zone are UTC."""
        return self.spark.createDataFrame(pa.table([_sendable(column) for column in rows.columns], rows.column_names))

    def drop_views(self) -> None:
        """Let go of every view of this backend."""
        for name in self._views:
            self.spark.catalog.dropTempView(name)
        self._views.clear()

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        self.uploaded(op.data.to_pyarrow(op.schema)).createOrReplaceTempView(op.name)
        self._views.append(op.name)

    def _make_memtable_finalizer(self, name: str) -> None:
        """They go when the engine is closed."""


def frame_of(backend: Backend, relation: ir.Table) -> DataFrame:
    """A relation of any backend of Ibis for Spark as Spark's own, not computed yet."""
    backend._run_pre_execute_hooks(relation)
    frame: DataFrame = backend._session.sql(backend.compile(relation))
    return frame


def _sendable(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        utc = column if kind.tz else column.cast(pa.timestamp(kind.unit)).cast(pa.timestamp(kind.unit, "UTC"))
        return utc.cast(pa.timestamp("us", kind.tz or "UTC"), safe=False)
    if pa.types.is_unsigned_integer(kind):
        return column.cast(pa.int64() if kind.bit_width < 64 else pa.decimal128(20, 0))
    if pa.types.is_time(kind):  # Spark has none
        return clock_texts(column)
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    return column


def _type_of(kind: Any) -> dt.DataType:
    """Spark's plain timestamps are instants; Ibis takes them for wall clocks."""
    if isinstance(kind, spark_types.TimestampType):
        return dt.Timestamp(timezone="UTC")
    if isinstance(kind, spark_types.DayTimeIntervalType):
        return dt.float64
    return PySparkType.to_ibis(kind)


def _strptime(text: str | None, patterns: list[str]) -> datetime | None:
    """Time of the first pattern that fits; with an offset an instant, else UTC."""
    for pattern in patterns if text is not None else ():
        try:
            time = datetime.strptime(str(text), pattern)
        except ValueError:
            continue
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return None
