"""Tables of databases: asked where they live for the columns and rows that are wanted, and handed on as Arrow batches.

A connection is open only while something is asked of it.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import ibis
import pyarrow as pa

from cxfusion.engine.file_queries import quoted_name, quoted_text
from cxfusion.errors import UnreadableFileError, UsageError, nearest_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import ibis.expr.types as ir

    from cxfusion.engine.addresses import Address

__all__ = [
    "BATCH_ROWS",
    "NO_TEXT",
    "RemoteTable",
    "batches_of",
    "first_line",
    "heed_ctrl_c",
    "open_table",
    "plain_query",
    "postgres_connection",
    "told",
]

BATCH_ROWS: Final = 65_536  # a batch of twenty float columns is then 10 MB: small beside any budget
SOURCE: Final = "cx_source"
# The same rows in the same order, run after run: no scan that joins another one half-way, no workers that race.
STEADY: Final = ("SET TRANSACTION READ ONLY", "SET synchronize_seqscans = off", "SET max_parallel_workers = 0")


@dataclass(frozen=True)
class RemoteTable:
    """A table where it lives.

    Attributes
    ----------
    table : ibis.Table
        To be narrowed before its rows travel.
    fetch : callable
        What was made of it to its rows.
    """

    table: ir.Table
    fetch: Callable[[ir.Table], pa.RecordBatchReader]


@contextmanager
def open_table(address: Address) -> Iterator[RemoteTable]:
    """A table of a database, as long as the context lasts.

    Raises
    ------
    UsageError
        The driver is not installed.
    UnreadableFileError
        There is no such database or table, or it cannot be read.
    """
    with told(address), (_postgres if address.kind == "postgres" else _of_ibis)(address) as remote:
        yield remote


def batches_of(relation: ir.Table) -> pa.RecordBatchReader:
    """Rows of a table that an engine of Ibis holds."""
    with _quietly():
        batches: pa.RecordBatchReader = relation.to_pyarrow_batches(chunk_size=BATCH_ROWS)
    rows = _one_by_one(batches)
    first = next(rows, None)
    if first is None:
        return pa.RecordBatchReader.from_batches(batches.schema, rows)
    # not ibis' schema: it promises nanoseconds of DuckDB's times of day, which come as microseconds
    return pa.RecordBatchReader.from_batches(first.schema, chain([first], rows))


def _one_by_one(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while True:
        with _quietly():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what newer libraries say of calls of ibis 12: the caps on their versions answer for those."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fetch_", DeprecationWarning)  # of DuckDB 1.5; DuckDB 2 lacks the method
        warnings.filterwarnings("ignore", "The 'future.infer_string' option")  # of pandas 3
        yield


CANCELLED: Final = "canceling statement due to user request"
NO_TEXT: Final = "22021"
"""Code by which PostgreSQL refuses a character that is none in UTF-8, or the one of code 0."""


def first_line(error: Exception) -> str:
    """The first line of what an error says, the name of its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def heed_ctrl_c(error: Exception) -> None:
    """Raise KeyboardInterrupt where a query was cancelled: PostgreSQL's driver takes Ctrl-C, and tells no more of it.

    It does so even where Ctrl-C is ignored, as in what a script starts with ``&``. What the server cancels by itself
    says that it is for a timeout. Where another engine takes the rows, only the server's words are left.
    """
    is_cancelled = getattr(getattr(error, "status_code", None), "name", None) == "CANCELLED"
    if (is_cancelled and "timeout" not in str(error)) or CANCELLED in str(error):
        raise KeyboardInterrupt from error


@contextmanager
def told(address: Address) -> Iterator[None]:
    """Tell what a database says as our own error; each driver has a tree of errors of its own."""
    try:
        yield
    except (UsageError, UnreadableFileError, GeneratorExit):
        raise
    except Exception as error:
        heed_ctrl_c(error)
        said = first_line(error)
        raise UnreadableFileError(
            f"{address} could not be read: {said}. Expected a table of a database that can be reached and"
            " read; look at the URL and at your rights."
        ) from error


@contextmanager
def _of_ibis(address: Address) -> Iterator[RemoteTable]:
    try:
        backend: Any = (
            ibis.duckdb.connect(address.target, read_only=True)
            if address.kind == "duckdb"
            else ibis.connect(address.target)
        )
    except ImportError as error:
        raise UsageError(
            f"{address} needs Ibis' driver for {address.kind}, which is not installed: {error}. Install it with"
            f"  pip install 'ibis-framework[{address.kind}]'"
        ) from error
    try:
        with _quietly():
            names = backend.list_tables(database=address.schema)
            if address.table not in names:
                raise _no_table(address, names)
            table = backend.table(address.table, database=address.schema)
        yield RemoteTable(table, batches_of)
    finally:
        backend.disconnect()


def _no_table(address: Address, names: list[str]) -> UnreadableFileError:
    near = nearest_names(address.table or "", names) or sorted(names)[:10]
    return UnreadableFileError(
        f"{address}: there is no table {address.table!r}. Expected one such as: {', '.join(near) or 'none is there'}."
    )


@contextmanager
def postgres_connection(address: Address) -> Iterator[Any]:
    """A connection to PostgreSQL, with a transaction begun that is rolled back unless it is committed.

    Raises
    ------
    UsageError
        The driver is not installed.
    """
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise UsageError(
            f"{address} is a PostgreSQL database, and adbc-driver-postgresql, which reads and writes those, is not"
            " installed. Install it with  pip install 'cxfusion[postgres]'"
        ) from error
    with dbapi.connect(address.target) as connection:
        yield connection


@contextmanager
def _postgres(address: Address) -> Iterator[RemoteTable]:
    with postgres_connection(address) as connection, connection.cursor() as cursor:
        for setting in STEADY:
            cursor.execute(setting)
        query = plain_query(address, cursor)
        table = ibis.table(ibis.Schema.from_pyarrow(cursor.adbc_execute_schema(query)), name=SOURCE)

        def fetch(relation: ir.Table) -> pa.RecordBatchReader:
            asked = ibis.to_sql(relation, dialect="postgres")
            cursor.execute(f"WITH {SOURCE} AS ({query}) SELECT * FROM ({asked}) AS wanted")
            batches: pa.RecordBatchReader = cursor.fetch_record_batch()
            return batches

        yield RemoteTable(table, fetch)


def plain_query(address: Address, cursor: Any) -> str:
    """A table of PostgreSQL in columns of types that every engine knows.

    Raises
    ------
    UnreadableFileError
        There is no such table.
    """
    _require_table(address, cursor)
    place = ".".join(quoted_name(name) for name in (address.schema, address.table) if name)
    fields = cursor.adbc_execute_schema(f"SELECT * FROM {place}")
    return f"SELECT {', '.join(_plain(field) for field in fields)} FROM {place}"


def _require_table(address: Address, cursor: Any) -> None:
    schemas = f"= {quoted_text(address.schema)}" if address.schema else "= ANY (current_schemas(false))"
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname {schemas} ORDER BY 1"
    )
    names = [str(name) for (name,) in cursor.fetchall()]
    if address.table not in names:
        raise _no_table(address, names)


def _plain(field: pa.Field[Any]) -> str:
    """A column in a type that every engine knows: elapsed times as seconds, what else is odd as its text."""
    name, kind = quoted_name(field.name), field.type
    if pa.types.is_interval(kind) or pa.types.is_duration(kind):
        return f"extract(epoch FROM {name})::float8 AS {name}"
    is_plain = pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if is_plain or pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_string(kind):
        return name
    return f"{name}::text AS {name}"
