"""Ibis' PostgreSQL without a driver of its own: what Ibis compiles, with the house's functions, types and names.

PostgreSQL raises where other engines say null (a division by zero, text that is no number), sorts text by the language
of the database, and knows no structures without a name: here it does as they do.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql import SQLBackend
from ibis.backends.sql.compilers.base import NULL
from ibis.backends.sql.compilers.postgres import PostgresCompiler
from ibis.backends.sql.datatypes import PostgresType

from cxfusion.engine.file_queries import quoted_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import ibis.expr.types as ir

__all__ = ["PostgresBackend", "StructTypes", "kind_of"]

LEAST_EXPONENT: Final = -708.0
"""Of e: what is smaller is zero, and PostgreSQL raises instead of saying so."""
SAFE_CASTS: Final = {"float64": "cx_float", "int64": "cx_whole", "timestamp(6)": "cx_time", "timestamp": "cx_time"}


class StructTypes(PostgresType):  # type: ignore[misc]  # Ibis has no types
    """Types of Ibis as PostgreSQL's: a structure is a type of our schema, named by what it is made of."""

    @classmethod
    def _from_ibis_Struct(cls, dtype: dt.Struct) -> sge.DataType:  # noqa: N802 - Ibis looks it up by this name
        return sge.DataType.build(name_of(dtype), dialect="postgres", udt=True)

    @classmethod
    def _from_ibis_UInt64(cls, dtype: dt.UInt64) -> sge.DataType:  # noqa: N802
        return sge.DataType.build("numeric", dialect="postgres")


def name_of(kind: dt.Struct) -> str:
    """Name of the type of a structure."""
    told = ",".join(f"{name} {inner.copy(nullable=True)}" for name, inner in kind.items())
    return f"cx_{hashlib.md5(told.encode(), usedforsecurity=False).hexdigest()}"


def kind_of(kind: dt.DataType) -> str:
    """A type as PostgreSQL writes it."""
    told: str = StructTypes.to_string(kind)
    return told


class Compiler(PostgresCompiler):  # type: ignore[misc]  # Ibis has no types
    """The compiler of Ibis, where PostgreSQL does what every other engine of the house does."""

    type_mapper = StructTypes

    def visit_Select(self, op: Any, *, selections: Any, **parts: Any) -> Any:  # noqa: N802
        """What a step works out is worked out once: PostgreSQL would do it again wherever a later step uses it."""
        made = super().visit_Select(op, selections=selections, **parts)
        is_worked_out = any(not isinstance(value, ops.Field) for value in op.selections.values())
        return made.offset(0) if is_worked_out and isinstance(made, sge.Select) else made

    def visit_NonNullLiteral(self, op: ops.Literal, *, value: Any, dtype: dt.DataType) -> Any:  # noqa: N802
        """A number with a point would be a decimal one."""
        if dtype.is_floating():
            return self.cast(sge.convert(str(value)), dtype)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_ScalarUDF(self, op: ops.ScalarUDF, **arguments: Any) -> Any:  # noqa: N802
        """A call of a function that is not Ibis' own."""
        call: Callable[..., Any] = getattr(self, f"_{op.__func_name__}", self.f.anon[op.__func_name__])
        return call(*arguments.values())

    def _epoch_us(self, time: Any) -> Any:
        return self.cast(self.f.anon.cx_epoch(time), dt.int64)

    def _make_timestamp(self, microseconds: Any) -> Any:
        return self.f.anon.cx_since_1970(microseconds)

    def _try_strptime(self, text: Any, patterns: Any) -> Any:
        return self.f.anon.cx_strptime(text, patterns)

    def visit_AggUDF(self, op: ops.AggUDF, *, where: Any, **arguments: Any) -> Any:  # noqa: N802
        """Of the house there is one: the greatest values of a group, which PostgreSQL lists in their order."""
        value, n = arguments.values()
        listed = self.agg.array_agg(_ordered(value, value), where=where)
        return sge.paren(listed)[sge.Slice(this=sge.convert(1), expression=n)]

    def visit_Divide(self, op: ops.Divide, *, left: Any, right: Any) -> Any:  # noqa: N802
        """By zero it is missing."""
        return self.cast(left, op.dtype) / self.f.nullif(self.cast(right, op.dtype), 0)

    def visit_FloorDivide(self, op: ops.FloorDivide, *, left: Any, right: Any) -> Any:  # noqa: N802
        """Down, of negative numbers too."""
        divided = self.cast(left, dt.float64) / self.f.nullif(self.cast(right, dt.float64), 0)
        return self.cast(self.f.floor(divided), op.dtype)

    def visit_Modulus(self, op: ops.Modulus, *, left: Any, right: Any) -> Any:  # noqa: N802
        """By zero it is missing."""
        return super().visit_Modulus(op, left=left, right=self.f.nullif(right, 0))

    def visit_Exp(self, op: ops.Exp, *, arg: Any) -> Any:  # noqa: N802
        """What is too small to be told from zero is zero."""
        return self.if_(arg < LEAST_EXPONENT, self.cast(sge.convert(0), dt.float64), self.f.exp(arg))

    def visit_Round(self, op: ops.Round, *, arg: Any, digits: Any) -> Any:  # noqa: N802
        """Halves away from zero."""
        is_plain = op.dtype.is_integer() and op.arg.dtype.is_floating()
        return (
            self.cast(self.f.anon.cx_round(arg), op.dtype)
            if is_plain
            else super().visit_Round(op, arg=arg, digits=digits)
        )

    def visit_Sum(self, op: ops.Sum, *, arg: Any, where: Any) -> Any:  # noqa: N802
        """In the type that Ibis tells: of whole numbers it would be a decimal one."""
        return self.cast(super().visit_Sum(op, arg=arg, where=where), op.dtype)

    def visit_WindowFunction(self, op: ops.WindowFunction, *, func: Any, **frame: Any) -> Any:  # noqa: N802
        """What is cast is cast behind its window."""
        if not isinstance(func, sge.Cast):
            return super().visit_WindowFunction(op, func=func, **frame)
        return self.cast(super().visit_WindowFunction(op, func=func.this, **frame), op.dtype)

    def visit_Mean(self, op: ops.Mean, *, arg: Any, where: Any) -> Any:  # noqa: N802
        """Of flags and of whole numbers as of others."""
        if op.arg.dtype.is_boolean():
            arg = self.cast(arg, dt.int32)
        return self.agg.avg(self.cast(arg, dt.float64), where=where)

    def _argminmax(self, op: Any, *, arg: Any, key: Any, where: Any, desc: bool) -> Any:
        """A structure with a field that is missing is not missing itself."""
        known = sge.NullSafeNEQ(this=key, expression=NULL)
        listed = self.agg.array_agg(_ordered(arg, key, desc=desc), where=known if where is None else known.and_(where))
        return sge.paren(listed)[0]

    def visit_IsNull(self, op: ops.IsNull, *, arg: Any) -> Any:  # noqa: N802
        """A structure with a field that is missing is not missing itself."""
        return sge.NullSafeEQ(this=arg, expression=NULL) if op.arg.dtype.is_struct() else arg.is_(NULL)

    def visit_NotNull(self, op: ops.NotNull, *, arg: Any) -> Any:  # noqa: N802
        """As above."""
        return sge.NullSafeNEQ(this=arg, expression=NULL) if op.arg.dtype.is_struct() else arg.is_(sg.not_(NULL))

    def visit_StructColumn(self, op: ops.StructColumn, *, names: Any, values: Any) -> Any:  # noqa: N802
        """Of its own type."""
        return self.cast(self.f.anon.row(*map(self.cast, values, op.dtype.types)), op.dtype)

    def visit_StructField(self, op: ops.StructField, *, arg: Any, field: str) -> Any:  # noqa: N802
        """Of its own type, so that the field has a name."""
        whole = self.cast(arg, op.arg.dtype)
        return sge.Dot(this=sge.paren(whole), expression=sg.to_identifier(field, quoted=True))

    def visit_Cast(self, op: ops.Cast, *, arg: Any, to: dt.DataType) -> Any:  # noqa: N802
        """Numbers with a fraction keep their point as text; instants lose their zone as UTC."""
        if op.arg.dtype.is_floating() and to.is_string():
            return self.f.anon.cx_written(arg)
        if op.arg.dtype.is_boolean() and to.is_numeric():
            return self.cast(self.cast(arg, dt.int32), to)
        if op.arg.dtype.is_timestamp() and to.is_integer():
            return self.cast(self.f.floor(self.f.extract("epoch", arg)), to)
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_TryCast(self, op: ops.TryCast, *, arg: Any, to: dt.DataType) -> Any:  # noqa: N802
        """Null where it cannot be."""
        if not op.arg.dtype.is_string():
            return self.visit_Cast(op, arg=arg, to=to)
        if to.is_timestamp() and to.timezone is not None:
            return self.f.anon.cx_instant(arg)
        return self.f.anon[SAFE_CASTS[str(to.copy(nullable=True))]](arg)

    def visit_RegexExtract(self, op: ops.RegexExtract, *, arg: Any, pattern: Any, index: Any) -> Any:  # noqa: N802
        """A group that is not there is empty text, as elsewhere; null only where nothing matches."""
        found = sge.paren(self.f.regexp_match(arg, self.f.concat("(", pattern, ")")))
        return self.if_(self.f.anon.regexp_like(arg, pattern), self.f.coalesce(found[index], ""), NULL)

    def visit_RegexReplace(self, op: ops.RegexReplace, *, arg: Any, pattern: Any, replacement: Any) -> Any:  # noqa: N802
        """All that match."""
        return self.f.anon.regexp_replace(arg, pattern, replacement, "g")

    def visit_HexDigest(self, op: ops.HexDigest, *, arg: Any, how: str) -> Any:  # noqa: N802
        """Of the bytes of a text in UTF-8."""
        bytes_of = self.f.anon.convert_to(arg, "UTF8")
        return self.f.anon.md5(bytes_of) if how == "md5" else self.f.anon.encode(self.f.anon[how](bytes_of), "hex")

    def visit_ExtractEpochSeconds(self, op: ops.ExtractEpochSeconds, *, arg: Any) -> Any:  # noqa: N802
        """Whole ones."""
        return self.cast(self.f.floor(self.f.extract("epoch", arg)), dt.int64)

    def visit_TimestampDelta(self, op: ops.TimestampDelta, *, left: Any, right: Any, part: Any) -> Any:  # noqa: N802
        """From one whole unit to another, which is how DuckDB counts."""
        step = {"microsecond": 1, "millisecond": 1_000, "second": 1_000_000}[part.this if part.is_string else str(part)]
        left, right = (self.f.floor(self.f.anon.cx_epoch(time) / step) for time in (left, right))
        return self.cast(left - right, op.dtype)


def _ordered(value: Any, key: Any, *, desc: bool = True) -> Any:
    return sge.Order(this=value, expressions=[sge.Ordered(this=key, desc=desc, nulls_first=False)])


class PostgresBackend(SQLBackend):  # type: ignore[misc]  # Ibis has no types
    """What Ibis needs to make relations of a connection of ours.

    Parameters
    ----------
    run : callable
        Runs a statement.
    upload : callable
        Makes a table of our schema of Arrow rows, by its name.
    collation : str
        Of all text.
    """

    name = "postgres"
    compiler = Compiler()

    def __init__(self, run: Callable[[str], None], upload: Callable[[str, Any], None], collation: str) -> None:
        super().__init__()
        self._run, self._upload, self._collation = run, upload, collation
        self._known: set[str] = set()

    def relation(self, name: str, schema: ibis.Schema) -> ir.Table:
        """A table of our schema."""
        return ops.DatabaseTable(name, schema=schema, source=self).to_expr()

    def query(self, relation: ir.Table) -> str:
        """Its rows in its own types, as SQL; what it needs is there then."""
        self._register_in_memory_tables(relation)
        self.know(kind for node in relation.op().find((ops.Value, ops.Relation)) for kind in _kinds(node))
        columns = ", ".join(
            f"{self._cast(name, kind)} AS {quoted_name(name)}" for name, kind in relation.schema().items()
        )
        return f"SELECT {columns} FROM ({self.compile(relation)}) AS cx_relation"

    def know(self, kinds: Iterator[dt.DataType]) -> None:
        """Make types of our schema of the structures among some types, and of those in them."""
        for kind in kinds:
            inner = (kind.value_type,) if kind.is_array() else tuple(kind.types) if kind.is_struct() else ()
            self.know(iter(inner))
            if kind.is_struct() and name_of(kind) not in self._known:
                self._known.add(name_of(kind))
                self._run(f"CREATE TYPE {name_of(kind)} AS ({self.columns(ibis.schema(dict(kind.items())))})")

    def columns(self, schema: ibis.Schema) -> str:
        """Columns of a table or of a type, as they are declared."""
        return ", ".join(f"{quoted_name(name)} {kind_of(kind)}{self._collate(kind)}" for name, kind in schema.items())

    def _cast(self, name: str, kind: dt.DataType) -> str:
        return f"{quoted_name(name)}::{kind_of(kind)}{self._collate(kind)}"

    def _collate(self, kind: dt.DataType) -> str:
        return f" COLLATE {quoted_name(self._collation)}" if kind.is_string() else ""

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        self._upload(op.name, op.data.to_pyarrow(op.schema))

    def _make_memtable_finalizer(self, name: str) -> None:
        """They go when the engine is closed."""

    @property
    def version(self) -> str:
        """Which nobody asks for."""
        raise NotImplementedError

    def _get_schema_using_query(self, query: str) -> ibis.Schema:
        raise NotImplementedError

    def create_table(self, name: str, /, *_: Any, **__: Any) -> ir.Table:
        """Tables are made by the engine."""
        raise NotImplementedError

    def list_tables(self, **_: Any) -> list[str]:
        """Tables are known by the engine."""
        raise NotImplementedError


def _kinds(node: Any) -> Iterator[dt.DataType]:
    yield from node.schema.types if isinstance(node, ops.Relation) else (node.dtype,)
