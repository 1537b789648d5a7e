"""Tables of a database replaced all at once: whoever reads them sees the old ones or the new ones, and never a mixture.

A table is ours where its comment says so; no other is touched.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

import duckdb

from cxfusion.engine.databases import NO_TEXT, first_line, heed_ctrl_c, postgres_connection
from cxfusion.engine.file_queries import quoted_name, quoted_text
from cxfusion.errors import CxfusionError, OutputDatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from cxfusion.engine.addresses import Address

__all__ = ["replace_tables", "require_database"]

MARK: Final = "Written by cxfusion; replaced by its next run."


def require_database(address: Address) -> None:
    """Refuse early a database that cannot be connected to.

    Raises
    ------
    UsageError
        Its driver is not installed.
    OutputDatabaseError
    """
    with _opened(address):
        pass


def replace_tables(address: Address, tables: Mapping[str, pa.RecordBatchReader]) -> None:
    """Replace tables of a schema, all of them in one transaction or none.

    Parameters
    ----------
    address : Address
        Of :func:`~cxfusion.engine.addresses.database_of`; its schema is made if need be.
    tables : mapping of str to pyarrow.RecordBatchReader
        Name to rows.

    Raises
    ------
    UsageError
        The driver is not installed.
    OutputDatabaseError
        The database cannot be written, or has a table of one of these names that is not ours.
    """
    with _opened(address) as writer:
        foreign = [name for name in tables if writer.comment(name) not in (None, MARK)]
        if foreign:
            raise OutputDatabaseError(
                f"{address} has tables that cxfusion did not write: {', '.join(foreign)}. They are left alone, and"
                " nothing was written. Name another schema, or rename them."
            )
        for name, rows in tables.items():
            writer.replace(name, rows)
        writer.commit()


class Writer(Protocol):
    """A transaction on one schema."""

    def comment(self, name: str) -> str | None:
        """What a table says of itself, nothing as an empty text; None where there is no such table."""

    def replace(self, name: str, rows: pa.RecordBatchReader) -> None:
        """Put rows in the place of a table of ours."""

    def commit(self) -> None:
        """Let everyone see it."""


@contextmanager
def _opened(address: Address) -> Iterator[Writer]:
    """A transaction, rolled back unless it is committed; what a driver says is told as our own error."""
    try:
        with (_postgres if address.kind == "postgres" else _duckdb)(address) as writer:
            yield writer
    except CxfusionError:
        raise
    except Exception as error:
        heed_ctrl_c(error)
        said, advice = first_line(error), "Look at the URL and at your rights."
        if str(getattr(error, "sqlstate", None)) == NO_TEXT:
            said = "some text of the tables holds the character of code 0, which PostgreSQL does not take"
            advice = "Take it out of the source, or write to DuckDB."
        raise OutputDatabaseError(
            f"{address} could not be written: {said}. What was there before is untouched. {advice}"
        ) from error


@contextmanager
def _duckdb(address: Address) -> Iterator[_DuckDBWriter]:
    with duckdb.connect(address.target) as connection:
        connection.begin()
        yield _DuckDBWriter(connection, address.schema or "main")


class _DuckDBWriter:
    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: str) -> None:
        self._connection, self._schema = connection, schema
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted_name(schema)}")

    def comment(self, name: str) -> str | None:
        found = self._connection.execute(
            "SELECT coalesce(comment, '') FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?"
            " AND database_name = current_database() UNION ALL SELECT 'a view' FROM duckdb_views()"
            " WHERE schema_name = ? AND view_name = ? AND database_name = current_database()",
            [self._schema, name, self._schema, name],
        ).fetchone()
        return None if found is None else str(found[0])

    def replace(self, name: str, rows: pa.RecordBatchReader) -> None:
        place = f"{quoted_name(self._schema)}.{quoted_name(name)}"
        self._connection.register("cx_rows", rows)
        self._connection.execute(f"CREATE OR REPLACE TABLE {place} AS FROM cx_rows")
        self._connection.unregister("cx_rows")
        self._connection.execute(f"COMMENT ON TABLE {place} IS {quoted_text(MARK)}")

    def commit(self) -> None:
        self._connection.commit()


@contextmanager
def _postgres(address: Address) -> Iterator[_PostgresWriter]:
    with postgres_connection(address) as connection, connection.cursor() as cursor:
        yield _PostgresWriter(connection, cursor, address.schema)


class _PostgresWriter:
    """Rows are deleted and written anew, which readers see at the commit and neither views nor rights are lost by.

    Only where the columns have changed the table itself is new.
    """

    def __init__(self, connection: Any, cursor: Any, schema: str | None) -> None:
        self._connection, self._cursor = connection, cursor
        self._schema = schema or self._ask("SELECT current_schema()")[0][0] or "public"
        if not self._ask(f"SELECT 1 FROM pg_namespace WHERE nspname = {quoted_text(self._schema)}"):
            cursor.execute(f"CREATE SCHEMA {quoted_name(self._schema)}")

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        self._cursor.execute(query)
        return list(self._cursor.fetchall())

    def comment(self, name: str) -> str | None:
        found = self._ask(
            "SELECT coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            f" WHERE n.nspname = {quoted_text(self._schema)} AND c.relname = {quoted_text(name)}"
        )
        return str(found[0][0]) if found else None

    def replace(self, name: str, rows: pa.RecordBatchReader) -> None:
        place = f"{quoted_name(self._schema)}.{quoted_name(name)}"
        fresh = quoted_name(f"cx_new_{name}")
        first = rows.schema.empty_table()
        self._cursor.adbc_ingest(f"cx_new_{name}", first, mode="create", db_schema_name=self._schema)
        if self.comment(name) is not None and self._shape(name) == self._shape(f"cx_new_{name}"):
            self._cursor.execute(f"DROP TABLE {quoted_name(self._schema)}.{fresh}")
            self._cursor.execute(f"DELETE FROM {place}")
        else:
            self._cursor.execute(f"DROP TABLE IF EXISTS {place}")
            self._cursor.execute(f"ALTER TABLE {quoted_name(self._schema)}.{fresh} RENAME TO {quoted_name(name)}")
            self._cursor.execute(f"COMMENT ON TABLE {place} IS {quoted_text(MARK)}")
        self._cursor.adbc_ingest(name, rows, mode="append", db_schema_name=self._schema)

    def _shape(self, name: str) -> list[tuple[Any, ...]]:
        return self._ask(
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = {quoted_text(self._schema)} AND table_name = {quoted_text(name)}"
            " ORDER BY ordinal_position"
        )

    def commit(self) -> None:
        self._connection.commit()
