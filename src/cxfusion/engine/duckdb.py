"""The embedded default: one private DuckDB database per session, spilled to disk under a memory limit."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Final, TypeVar

import duckdb
import ibis
import ibis.expr.datatypes as dt

from cxfusion.engine.contract import (
    SOURCE_FILE,
    SOURCE_ROW,
    Capability,
    DatabaseSource,
    FileSource,
    FrameSource,
    LibraryFrameSource,
    RelationSource,
    Source,
    StreamSource,
)
from cxfusion.engine.databases import BATCH_ROWS, batches_of, heed_ctrl_c, open_table
from cxfusion.engine.duckdb_backend import LENT, DuckDBBackend
from cxfusion.engine.file_queries import csv_query, json_query, parquet_query, quoted_text
from cxfusion.engine.naming import new_name
from cxfusion.engine.workbook import read_workbook
from cxfusion.errors import ResourceError, UnreadableFileError
from cxfusion.fold import Fold, fold_batches
from cxfusion.room import Room

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ibis.expr.types as ir
    import pyarrow as pa
    import pyarrow.dataset as pads

__all__ = ["KIND_OF_ERROR", "DuckDBEngine"]

State = TypeVar("State")
Answer = TypeVar("Answer")

CAPABILITIES: Final[frozenset[Capability]] = frozenset({"files", "frames", "streaming_fold", "rows_here"})
DEEPEST: Final = 16
"""Levels of nesting that DuckDB still reads: each level of Parquet more takes it almost twice as long."""
OF_THE_PROCESS: Final = 600_000_000
"""Bytes of Python, its libraries and what they hold, of a memory limit that is not small."""
OF_THE_DATABASE: Final = 0.7
OF_ROWS: Final = 0.2
"""Of what the process leaves; the rest is for answers and batches under way."""
KIND_OF_ERROR: Final = re.compile(r"^(\w+ )+Error: ")
NOT_TOLD: Final = ("LINE ", "^", "Original Line")  # queries of ours, and rows, which may tell of persons
FULL: Final = ("No space left on device", "Disk quota exceeded", "File too large", "not enough space on the disk")
JARGON: Final = "The CSV Parser state machine"
IRREGULAR: Final = (
    "a quote is not closed or not doubled, or lines end in different ways (some with CR LF, some with LF)"
)


@ibis.udf.scalar.builtin(name="epoch", signature=(("interval('us')",), "float64"))
def _seconds(elapsed):  # type: ignore[no-untyped-def]
    """Seconds of an elapsed time."""


class DuckDBEngine:
    """DuckDB behind the engine contract.

    Parameters
    ----------
    memory_limit : str, optional
        Such as ``"4GB"``, near which the whole process keeps; what does not fit is spilled to ``temp_dir``.
    threads : int, optional
    temp_dir : str, optional

    Attributes
    ----------
    room : Room
        Where models keep their rows: its memory, the database's and that of the process itself make up the limit.
    """

    def __init__(
        self, memory_limit: str | None = None, threads: int | None = None, temp_dir: str | None = None
    ) -> None:
        self._threads = threads or os.cpu_count() or 1
        # of its own, so that whatever ends the run, but for being killed outright, takes it away
        folder = tempfile.mkdtemp(prefix="cxfusion-", dir=temp_dir)
        self._remove_folder = weakref.finalize(self, _remove, folder, os.getpid())
        settings = {"memory_limit": memory_limit, "threads": threads, "temp_directory": folder}
        self._backend = DuckDBBackend().connect(**{key: value for key, value in settings.items() if value is not None})
        self._backend.folder = folder
        self._backend.con.execute("SET TimeZone = 'UTC'")
        self._backend.con.execute("PRAGMA disable_progress_bar")  # in a notebook SET wants ipywidgets, even for "off"
        # a file that was written again within the second would be read as it was before
        self._backend.con.execute("SET enable_external_file_cache = false")
        # nothing here outlives the session, yet every so many rows DuckDB would write all tables anew, in memory
        self._backend.con.execute("SET wal_autocheckpoint = '1000TB'")
        # it makes a join of every IN with some literals: of 300 columns of text, 300 joins, which fill any memory
        self._backend.con.execute("SET disabled_optimizers = 'in_clause'")
        left = _beside_the_process(self._backend.memory_limit())
        self._backend.con.execute(f"SET memory_limit = '{OF_THE_DATABASE * left / 1024:.0f}KiB'")
        self.room = Room(OF_ROWS * left, folder, self._threads)

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added.

        What stands behind it, a frame that was lent or a stream that was kept, is let go with it.
        """
        behind: list[str] = []
        match source:
            case FileSource(format="excel"):
                tables = [read_workbook(path, source.sheet) for path in source.paths]
                query = " UNION ALL BY NAME ".join(map(partial(self._frame_query, behind), tables, source.paths))
            case FileSource():
                with _told_as_unreadable(source):
                    query = self._file_query(source)
                self._backend.expect(sum(map(os.path.getsize, filter(os.path.isfile, source.paths))))
            case FrameSource():
                is_placed = {SOURCE_FILE, SOURCE_ROW} <= set(source.table.schema.names)
                with _told_as_unreadable(source):  # of types that only Arrow has
                    query = self._frame_query(behind, source.table, source.name, is_placed=is_placed)
            case LibraryFrameSource():
                query = self._frame_query(behind, source.frame.toArrow(), source.name)
            case StreamSource():
                query = self._stream_query(behind, source.batches, source.name)
            case RelationSource():
                query = self._relation_query(behind, source.relation, source.name)
            case DatabaseSource():
                with open_table(source.address) as remote:
                    query = self._stream_query(behind, remote.fetch(source.how(remote.table)), source.name)
        view = new_name("source")
        with _told_as_unreadable(source):
            self._backend.con.execute(f"CREATE VIEW {view} AS {query}")
        table: ir.Table = self._backend.table(view)
        self._backend.drop_with(table.op(), f"VIEW {view}", *behind)
        _require_shallow(table, source)
        elapsed = [name for name, kind in table.schema().items() if kind.is_interval()]
        told: dict[str, ir.Value] = {name: _seconds(table[name]) for name in elapsed}
        file = _only_file(source)
        if file is not None:
            told[SOURCE_FILE] = ibis.literal(file)
        return table.mutate(**told) if told else table

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept until no relation refers to them."""
        with _told_as_unreadable():
            return self._backend.kept(relation)

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory."""
        self._backend.drop_unreachable()
        with _told_as_unreadable():
            rows: pa.Table = self._backend.to_pyarrow(relation)
        return rows

    def fold(self, relation: ir.Table, fold: Fold[State, Answer]) -> Answer:
        """Answer of a fold over the rows, in bounded memory and in the relation's order."""
        self._backend.drop_unreachable()
        # not ibis' to_pyarrow_batches: ibis 12 still calls a method that DuckDB 1.5 deprecates and DuckDB 2 lacks
        query = self._backend.query(relation)
        with _told_as_unreadable(), self._backend.con.execute(query).to_arrow_reader(BATCH_ROWS) as batches:
            return fold_batches(fold, batches, self._threads)

    def _file_query(self, source: FileSource) -> str:
        if source.format == "json":
            return json_query(self._backend.con, source)
        return csv_query(source) if source.format == "csv" else parquet_query(source)

    def _frame_query(
        self, behind: list[str], table: pa.Table | pads.Dataset, name: str, *, is_placed: bool = False
    ) -> str:
        frame = new_name("frame")
        self._backend.con.register(frame, table)
        behind.append(f"{LENT} {frame}")
        return f"FROM {frame}" if is_placed else _numbered(frame, name)

    def _stream_query(self, behind: list[str], batches: pa.RecordBatchReader, name: str) -> str:
        """What comes only once is kept: every later step reads it again."""
        stream, frame = new_name("stream"), new_name("frame")
        self._backend.con.register(stream, batches)
        with _told_as_unreadable():
            self._backend.con.execute(f"CREATE TABLE {frame} AS FROM {stream}")
        self._backend.con.unregister(stream)
        behind.append(f"TABLE {frame}")
        return _numbered(frame, name)

    def _relation_query(self, behind: list[str], relation: ir.Table, name: str) -> str:
        """Kept too, since a relation need not give its rows in the same order twice."""
        if relation.get_backend() is self._backend:
            own = new_name("relation")
            self._backend.create_table(own, relation)
            behind.append(f"TABLE {own}")
            return _numbered(own, name)
        return self._stream_query(behind, batches_of(relation), name)

    def supports(self, capability: Capability) -> bool:
        """Whether the engine declares a capability."""
        return capability in CAPABILITIES

    def close(self) -> None:
        """Let go of every relation and temporary file."""
        self._backend.disconnect()
        self._remove_folder()


def _remove(folder: str, process: int) -> None:
    """Remove a folder in the process that made it: one forked from it ends as well, and the other still needs it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _beside_the_process(memory_limit: float) -> float:
    """What is left for tables, rows of models, and answers under way."""
    return memory_limit - min(OF_THE_PROCESS, memory_limit / 4)


def _numbered(table: str, name: str) -> str:
    return f"SELECT *, {quoted_text(name)} AS {SOURCE_FILE}, row_number() OVER () AS {SOURCE_ROW} FROM {table}"


def _only_file(source: Source) -> str | None:
    """The file that all rows are of, where that is known: a literal need not be stored with every row."""
    match source:
        case FileSource(paths=(path,)):
            return path
        case FileSource() | FrameSource():  # several, or a frame that may name them itself
            return None
        case _:
            return source.name


def _require_shallow(table: ir.Table, source: Source) -> None:
    """Raise where a column is nested so deeply that DuckDB would not be done with it."""
    deep = [name for name, kind in table.schema().items() if _depth(kind) > DEEPEST]
    if deep:
        where = ", ".join(source.paths) if isinstance(source, FileSource) else "The source"
        raise UnreadableFileError(
            f"{where} could not be read as a table: columns are nested more than {DEEPEST} levels deep. Expected"
            " values, or lists and structures of few levels; leave these out of the export.",
            sorted(deep),
        )


def _depth(kind: dt.DataType) -> int:
    """Levels of a type, as far as it matters."""
    levels, kinds = 0, [kind]
    while kinds and levels <= DEEPEST:
        levels += 1
        kinds = [inner for one in kinds for inner in _inner(one)]
    return levels


def _inner(kind: dt.DataType) -> tuple[dt.DataType, ...]:
    if isinstance(kind, dt.Array):
        return (kind.value_type,)
    if isinstance(kind, dt.Map):
        return (kind.key_type, kind.value_type)
    return tuple(kind.types) if isinstance(kind, dt.Struct) else ()


@contextmanager
def _told_as_unreadable(source: Source | None = None) -> Iterator[None]:
    """Tell what DuckDB says of a broken file, or of anything in a source that it cannot take, as our own error."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise _too_small(error) from error
    except duckdb.Error as error:
        heed_ctrl_c(error)
        if any(words in str(error) for words in FULL):
            raise _too_small(error) from error
        # a broken line is an invalid input; a broken page of Parquet an error of no kind of its own
        is_of_the_rows = (
            isinstance(error, duckdb.InvalidInputException | duckdb.IOException) or type(error) is duckdb.Error
        )
        if source is None and not is_of_the_rows:
            raise
        raise _unreadable(source, error) from error


def _too_small(error: duckdb.Error) -> ResourceError:
    told = KIND_OF_ERROR.sub("", str(error).strip().splitlines()[0])
    return ResourceError(
        f"The work does not fit into the memory and the temporary folder of the session: {told}. Give it more of one:"
        ' Session(memory_limit="8GB", temp_dir="/a/folder/with/room"), --memory on the command line, or memory_limit'
        " and temp_dir of [engine] in a study. Fewer threads need less memory, too."
    )


def _unreadable(source: Source | None, error: duckdb.Error) -> UnreadableFileError:
    told = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = next((line.removeprefix("file = ") for line in told if line.startswith("file = ")), None)
    where = named or (", ".join(source.paths) if isinstance(source, FileSource) else "The source")
    of_the_file = takewhile(lambda line: not line.startswith(("Possible", "file =")), told)  # the rest is SQL advice
    words = [KIND_OF_ERROR.sub("", line) for line in of_the_file if not line.startswith(NOT_TOLD)]
    is_parquet = isinstance(source, FileSource) and source.format == "parquet"
    wanted = (
        "a whole Parquet file; copy or export it again"
        if is_parquet
        else "the same columns in every row; mend what is named below, or export the file again"
    )
    return UnreadableFileError(
        f"{where} could not be read as a table. Expected {wanted}.",
        [IRREGULAR if line.startswith(JARGON) else line for line in words if not line.startswith("This can happen")],
    )
