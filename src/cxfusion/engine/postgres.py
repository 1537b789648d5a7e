"""PostgreSQL behind the engine contract: relations are tables of a schema of our own, which goes when it is closed.

Folds run in this process, over buckets of rows: a row's key is the hash of all that is in it, so that every relation
has one, each bucket is a query of bounded size, and the answer depends on the rows alone, not on the server's order.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_postgresql import dbapi

from cxfusion.engine.contract import (
    SOURCE_FILE,
    SOURCE_ROW,
    Capability,
    DatabaseSource,
    RelationSource,
    Source,
)
from cxfusion.engine.databases import BATCH_ROWS, NO_TEXT, first_line, heed_ctrl_c, plain_query, told
from cxfusion.engine.file_queries import quoted_name, quoted_text
from cxfusion.engine.naming import new_name
from cxfusion.engine.postgres_backend import PostgresBackend
from cxfusion.engine.postgres_functions import FUNCTIONS
from cxfusion.engine.python_values import clock_texts
from cxfusion.engine.rows_here import rows_here
from cxfusion.errors import ResourceError, UnreadableFileError, UsageError
from cxfusion.fold import Fold, fold_batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import ibis.expr.types as ir

    from cxfusion.engine.addresses import Address

__all__ = ["PostgresEngine"]

State = TypeVar("State")
Answer = TypeVar("Answer")

CAPABILITIES: Final[frozenset[Capability]] = frozenset({"files", "frames", "streaming_fold", "rows_here"})
BUCKET_ROWS: Final = 1_000_000
"""Rows that a fold asks for at a time."""
PLACE: Final = "cx_place"
SETTINGS: Final = (
    "SET TimeZone = 'UTC'",
    "SET DateStyle = 'ISO, YMD'",
    "SET extra_float_digits = 1",
    # the same rows in the same order, run after run: no scan that joins another one half-way, no workers that race
    "SET synchronize_seqscans = off",
    "SET max_parallel_workers_per_gather = 0",
    "SET client_min_messages = warning",
    "SET jit = off",  # a study is many short queries, and each would be compiled anew
)
COLLATIONS: Final = ("pg_c_utf8", "C.utf8", "C.UTF-8", "C")
"""By code point, as other engines sort; the first ones know letters beyond ASCII, too."""
OLDEST: Final = 150_000
LONGEST: Final = 63
NO_ROOM: Final = "53"
"""Class of the codes by which PostgreSQL tells that a resource is used up."""
LOST: Final = ("08", "57P")
"""Of those that tell that there is no connection any more; the driver itself has no code for it."""
LOGGER: Final = logging.getLogger("cxfusion")


class PostgresEngine:
    """PostgreSQL behind the engine contract.

    Parameters
    ----------
    address : Address
        Of the database in which the schema is made.
    threads : int, optional
        Of folds, which run here.

    Raises
    ------
    UsageError
        The server cannot be reached, is too old, or does not let us make a schema.
    """

    def __init__(self, address: Address, threads: int | None = None) -> None:
        self._address = address
        self._threads = threads or os.cpu_count() or 1
        self._schema = new_name("cxfusion")
        with _refused(address):
            self._connection = dbapi.connect(address.target, autocommit=True)
            try:
                collation = self._prepare()
            except BaseException:
                with suppress(dbapi.Error, ResourceError):
                    self._run(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")
                self._connection.close()
                raise
        self._backend = PostgresBackend(self._run, self._upload, collation)

    def _prepare(self) -> str:
        """Our schema and its functions; name of the collation of all text."""
        ((version, found),) = self._ask(
            "SELECT current_setting('server_version_num')::int, array_agg(collname::text) FROM pg_collation"
        )
        if version < OLDEST:
            raise UsageError(f"{self._address} runs PostgreSQL {version // 10_000}. Expected 15 or newer.")
        for setting in SETTINGS:
            self._run(setting)
        self._run(f"CREATE SCHEMA {self._schema}")
        self._run(f"SET search_path = {self._schema}, public")
        for function in FUNCTIONS:
            self._run(function)
        return next(name for name in COLLATIONS if name in found)

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added.

        What is no table of this database goes through the memory of this process on its way to it.
        """
        match source:
            case DatabaseSource(address=address) if address.target == self._address.target:
                with told(address):
                    return self._numbered(source.how(self._table_of(address)), source.name)
            case RelationSource() if source.relation.get_backend() is self._backend:
                return self._numbered(source.relation, source.name)
            case _:
                rows = sendable(rows_here(source))
                name = new_name("source")
                self._upload(name, rows)
                return self._backend.relation(name, ibis.Schema.from_pyarrow(rows.schema))

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept until the engine is closed."""
        name = new_name("relation")
        self._run(f"CREATE UNLOGGED TABLE {name} AS {self._backend.query(relation)}")
        self._run(f"ANALYZE {name}")
        return self._backend.relation(name, relation.schema())

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory."""
        return self._fetched(f"({self._backend.query(relation)}) AS r", relation.schema().to_pyarrow())

    def fold(self, relation: ir.Table, fold: Fold[State, Answer]) -> Answer:
        """Answer of a fold over the rows, a bucket of them at a time."""
        name = new_name("sweep")
        query = self._backend.query(relation)
        self._run(
            f"CREATE UNLOGGED TABLE {name} AS"
            f" SELECT hash_record_extended(r, 0) AS {PLACE}, r.* FROM ({query}) AS r ORDER BY 1"
        )
        try:
            self._run(f"CREATE INDEX ON {name} ({PLACE})")
            return fold_batches(fold, self._buckets(name, relation.schema()), self._threads)
        finally:
            self._run(f"DROP TABLE {name}")

    def _buckets(self, name: str, schema: ibis.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of a table whose places are known, by ranges of these."""
        ((n,),) = self._ask(f"SELECT count(*) FROM {name}")
        for low, high in _ranges(n):
            rows = f"{name} WHERE {PLACE} BETWEEN {low} AND {high} ORDER BY {PLACE}"
            yield from self._fetched(rows, schema.to_pyarrow()).to_batches(BATCH_ROWS)

    def _fetched(self, rows: str, schema: pa.Schema) -> pa.Table:
        """Rows of a table, and what stands behind it, in columns of a schema."""
        leaves = [leaf for field in schema for leaf in _leaves(quoted_name(field.name), field.type)]
        with _failing(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(f'{leaf} AS c{i}' for i, leaf in enumerate(leaves))} FROM {rows}")
            found = iter(cursor.fetch_arrow_table().columns)
        return pa.Table.from_arrays([_received(found, field.type) for field in schema], schema=schema)

    def supports(self, capability: Capability) -> bool:
        """Whether the engine declares a capability."""
        return capability in CAPABILITIES

    def close(self) -> None:
        """Drop the schema with all that is in it; where the server is gone, say that it stays."""
        try:
            self._run(f"DROP SCHEMA {self._schema} CASCADE")
        except ResourceError as error:
            LOGGER.warning("Schema %s is left in %s: %s", self._schema, self._address, error.message)
        finally:
            self._connection.close()

    def _table_of(self, address: Address) -> ir.Table:
        """A table of the database in columns of types that every engine knows."""
        view = new_name("view")
        with self._connection.cursor() as cursor:
            cursor.execute(f"CREATE VIEW {view} AS {plain_query(address, cursor)}")
            schema = cursor.adbc_execute_schema(f"SELECT * FROM {view}")
        return self._backend.relation(view, ibis.Schema.from_pyarrow(schema))

    def _numbered(self, relation: ir.Table, name: str) -> ir.Table:
        """Rows of a relation, numbered as they come; kept, since they need not come so twice."""
        kept = new_name("source")
        self._run(
            f"CREATE UNLOGGED TABLE {kept} AS SELECT r.*, {quoted_text(name)}::text AS {SOURCE_FILE},"
            f" row_number() OVER () AS {SOURCE_ROW} FROM ({self._backend.query(relation)}) AS r"
        )
        self._run(f"ANALYZE {kept}")
        schema = {**relation.schema(), SOURCE_FILE: "string", SOURCE_ROW: "int64"}
        return self._backend.relation(kept, ibis.schema(schema))

    def _upload(self, name: str, rows: pa.Table) -> None:
        """A table of our schema of Arrow rows."""
        rows = sendable(rows)
        schema = ibis.Schema.from_pyarrow(rows.schema)
        _require_short(schema.names)
        self._run(f"CREATE UNLOGGED TABLE {quoted_name(name)} ({self._backend.columns(schema)})")
        with _failing(), self._connection.cursor() as cursor:
            cursor.adbc_ingest(name, rows, mode="append", db_schema_name=self._schema)
        self._run(f"ANALYZE {quoted_name(name)}")

    def _run(self, statement: str) -> None:
        with _failing(), self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        with _failing(), self._connection.cursor() as cursor:
            cursor.execute(query)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def sendable(rows: pa.Table) -> pa.Table:
    """The same rows in types that PostgreSQL has: what is nested as text, instants to the microsecond."""
    return pa.table([_sendable(column) for column in rows.columns], rows.column_names)


def _sendable(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_unsigned_integer(kind) or pa.types.is_int8(kind):
        return column.cast(pa.int64() if kind.bit_width < 64 else pa.decimal128(20, 0))
    if pa.types.is_nested(kind) and not (pa.types.is_list(kind) and not pa.types.is_nested(kind.value_type)):
        return pa.chunked_array([pa.array(map(_written, column.to_pylist()), pa.string())])
    if pa.types.is_time(kind):
        return clock_texts(column)
    is_text = pa.types.is_null(kind) or pa.types.is_large_string(kind)
    return column.cast(pa.string()) if is_text else column


def _written(cell: Any) -> str | None:
    return None if cell is None else json.dumps(cell, ensure_ascii=False, default=str)


def _require_short(names: Iterable[str]) -> None:
    """Raise where PostgreSQL would cut names, and so take two columns for one."""
    long = [name for name in names if len(name.encode()) > LONGEST]
    if long:
        raise UsageError(
            f"PostgreSQL knows no names of more than {LONGEST} bytes. Rename these columns in the source: a file"
            " goes to the server as a whole. Of contacts in a database, attributes = [] in the map leaves them out.",
            long,
        )


def _leaves(value: str, kind: pa.DataType) -> Iterator[str]:
    """What is asked of a column: of a structure whether it is there, and its fields, since its type is ours alone."""
    if not pa.types.is_struct(kind):
        yield value
        return
    yield f"{value} IS DISTINCT FROM NULL"
    for field in kind.fields:
        yield from _leaves(f"({value}).{quoted_name(field.name)}", field.type)


def _received(leaves: Iterator[pa.ChunkedArray[Any]], kind: pa.DataType) -> Any:
    """A column as the house expects it: numbers of any size come as text, structures as their fields."""
    column = next(leaves)
    if not pa.types.is_struct(kind):
        plain = column.cast(column.type.storage_type) if isinstance(column.type, pa.BaseExtensionType) else column
        return plain.cast(kind, safe=False)
    fields = [_received(leaves, field.type) for field in kind.fields]
    whole = [field.combine_chunks() if isinstance(field, pa.ChunkedArray) else field for field in fields]
    return pa.StructArray.from_arrays(whole, fields=kind.fields, mask=pc.invert(column.combine_chunks()))


def _ranges(n_rows: int) -> Iterator[tuple[int, int]]:
    """Places from the least to the greatest, in as many ranges as there are buckets of rows."""
    n = max(1, -(-n_rows // BUCKET_ROWS))
    edges = [-(2**63) + 2**64 * i // n for i in range(n + 1)]
    for low, end in pairwise(edges):
        yield low, end - 1


@contextmanager
def _refused(address: Address) -> Iterator[None]:
    try:
        yield
    except dbapi.Error as error:
        heed_ctrl_c(error)
        raise UsageError(
            f"{address} cannot be used as an engine: {first_line(error)}. Expected a PostgreSQL database that can be"
            " reached, and the right to make a schema in it (GRANT CREATE ON DATABASE)."
        ) from error


@contextmanager
def _failing() -> Iterator[None]:
    """Tell of a server without room, of one that is gone, and of text that it does not take, as our own error."""
    try:
        yield
    except dbapi.Error as error:
        heed_ctrl_c(error)
        code = str(error.sqlstate or "")
        if code == NO_TEXT:
            raise UnreadableFileError(
                "Some text holds the character of code 0, which PostgreSQL does not take. Expected text without it;"
                " take it out of the source, or use an engine that takes it."
            ) from error
        if code.startswith(NO_ROOM):
            raise ResourceError(
                f"The work does not fit on the PostgreSQL server: {first_line(error)}. Give it more room, or use an"
                " engine with more of it."
            ) from error
        if code.startswith(LOST) or (isinstance(error, dbapi.OperationalError) and not code):
            raise ResourceError(
                f"The PostgreSQL server broke off: {first_line(error)}. Run it again when the server can be reached."
            ) from error
        raise
