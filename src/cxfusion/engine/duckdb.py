"""The embedded default: one private DuckDB database per session, spilled to disk under a memory limit."""

from __future__ import annotations

import uuid
from itertools import takewhile
from typing import TYPE_CHECKING, Final, TypeVar

import duckdb
import ibis

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW, Capability, FileSource, Source
from cxfusion.engine.csv_header import read_header
from cxfusion.errors import UnreadableFileError
from cxfusion.fold import Fold, fold_batches

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

__all__ = ["DuckDBEngine"]

State = TypeVar("State")
Answer = TypeVar("Answer")

CAPABILITIES: Final[frozenset[Capability]] = frozenset({"files", "frames", "streaming_fold"})
BATCH_ROWS: Final = 65_536  # a batch of twenty float columns is then 10 MB: small beside any budget


class DuckDBEngine:
    """DuckDB behind the engine contract.

    Parameters
    ----------
    memory_limit : str, optional
        Such as ``"4GB"``; what does not fit is spilled to ``temp_dir``.
    threads : int, optional
    temp_dir : str, optional
    """

    def __init__(
        self, memory_limit: str | None = None, threads: int | None = None, temp_dir: str | None = None
    ) -> None:
        settings = {"memory_limit": memory_limit, "threads": threads, "temp_directory": temp_dir}
        self._backend = ibis.duckdb.connect(**{key: value for key, value in settings.items() if value is not None})
        self._backend.con.execute("SET TimeZone = 'UTC'")
        self._backend.con.execute("SET enable_progress_bar = false")

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added."""
        if isinstance(source, FileSource):
            query = _file_query(source)
        else:
            frame = _new_name("frame")
            self._backend.con.register(frame, source.table)
            query = (
                f"SELECT *, {_text(source.name)} AS {SOURCE_FILE}, row_number() OVER () AS {SOURCE_ROW} FROM {frame}"
            )
        view = _new_name("source")
        try:
            self._backend.con.execute(f"CREATE VIEW {view} AS {query}")
        except duckdb.Error as error:
            raise _unreadable(source, error) from error
        table: ir.Table = self._backend.table(view)
        return table

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept until the engine is closed."""
        try:
            table: ir.Table = self._backend.create_table(_new_name("relation"), relation)
        except duckdb.InvalidInputException as error:  # what a broken line of a file raises
            raise _unreadable(None, error) from error
        return table

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory."""
        rows: pa.Table = self._backend.to_pyarrow(relation)
        return rows

    def fold(self, relation: ir.Table, fold: Fold[State, Answer]) -> Answer:
        """Answer of a fold over the rows, in bounded memory and in the relation's order."""
        if isinstance(relation.op(), ibis.expr.operations.DatabaseTable):
            return self._fold_table(relation.get_name(), fold)
        view = _new_name("fold")
        self._backend.create_view(view, relation)
        try:
            return self._fold_table(view, fold)
        finally:
            self._backend.drop_view(view)

    def _fold_table(self, name: str, fold: Fold[State, Answer]) -> Answer:
        # not ibis' to_pyarrow_batches: ibis 12 still calls a method that DuckDB 1.5 deprecates and DuckDB 2 lacks
        with self._backend.con.execute(f"FROM {name}").to_arrow_reader(BATCH_ROWS) as batches:
            return fold_batches(fold, batches)

    def supports(self, capability: Capability) -> bool:
        """Whether the engine declares a capability."""
        return capability in CAPABILITIES

    def close(self) -> None:
        """Let go of every relation and temporary file."""
        self._backend.disconnect()


def _file_query(source: FileSource) -> str:
    if source.format == "parquet":
        paths = ", ".join(_text(path) for path in source.paths)
        return (
            f"SELECT * EXCLUDE (file_row_number, filename), filename AS {SOURCE_FILE},"
            f" file_row_number + 1 AS {SOURCE_ROW}"
            f" FROM read_parquet([{paths}], file_row_number = true, filename = true, union_by_name = true)"
        )
    return " UNION ALL BY NAME ".join(_csv_query(path) for path in source.paths)


def _csv_query(path: str) -> str:
    # DuckDB's own detection skips whatever does not fit the header it imagines: the header is told instead
    header = read_header(path)
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in header.names)
    return (
        f"SELECT *, {_text(path)} AS {SOURCE_FILE}, row_number() OVER () AS {SOURCE_ROW} FROM read_csv({_text(path)},"
        f" auto_detect = false, header = true, strict_mode = true, delim = {_text(header.separator)}, quote = '\"',"
        f" escape = '\"', columns = {{{columns}}})"
    )


def _unreadable(source: Source | None, error: duckdb.Error) -> UnreadableFileError:
    told = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = next((line.removeprefix("file = ") for line in told if line.startswith("file = ")), None)
    where = named or (", ".join(source.paths) if isinstance(source, FileSource) else "A source")
    of_the_file = takewhile(lambda line: not line.startswith(("Possible", "file =")), told)  # the rest is SQL advice
    return UnreadableFileError(
        f"{where} could not be read as a table. Expected a header line, and as many cells in every row; mend the line"
        " named below, or export the file again.",
        [line.removeprefix("Invalid Input Error: ") for line in of_the_file],
    )


def _new_name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
