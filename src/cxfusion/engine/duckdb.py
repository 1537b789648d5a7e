"""The embedded default: one private DuckDB database per session, spilled to disk under a memory limit."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final, TypeVar

import duckdb
import ibis

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW, Capability, FileSource, Source
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
            query = f"SELECT *, {_text(source.name)} AS {SOURCE_FILE}, row_number() OVER () AS {SOURCE_ROW} FROM {frame}"
        view = _new_name("source")
        try:
            self._backend.con.execute(f"CREATE VIEW {view} AS {query}")
        except duckdb.Error as error:
            raise _unreadable(source, error) from error
        return self._backend.table(view)

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept until the engine is closed."""
        try:
            return self._backend.create_table(_new_name("relation"), relation)
        except duckdb.InvalidInputException as error:  # what a broken line of a file raises
            raise _unreadable(None, error) from error

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory."""
        return self._backend.to_pyarrow(relation)

    def fold(self, relation: ir.Table, fold: Fold[State, Answer]) -> Answer:
        """Answer of a fold over the rows, in bounded memory and in the relation's order."""
        with self._backend.to_pyarrow_batches(relation, chunk_size=BATCH_ROWS) as batches:
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
    return " UNION ALL BY NAME ".join(
        f"SELECT *, {_text(path)} AS {SOURCE_FILE}, row_number() OVER () AS {SOURCE_ROW}"
        f" FROM read_csv({_text(path)}, header = true, all_varchar = true)"
        for path in source.paths
    )


def _unreadable(source: Source | None, error: duckdb.Error) -> UnreadableFileError:
    where = " ".join(source.paths) if isinstance(source, FileSource) else "A source"
    told = str(error).strip().splitlines()
    return UnreadableFileError(
        f"{where} could not be read as a table. Expected a header line and rows with the same number of cells;"
        " mend the lines named below, or export the file again.",
        [line.strip() for line in told[:6] if line.strip()],
    )


def _new_name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
