"""A session owns an engine; relations are handles on it, and relations of two sessions do not mix."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, Self, TypeGuard, TypeVar

from cxfusion.engine.addresses import is_url, workplace_of
from cxfusion.errors import (
    SessionMismatchError,
    UnknownNameError,
    UsageError,
    is_number,
    nearest_names,
    require_kind,
    require_path,
)
from cxfusion.room import Room

if TYPE_CHECKING:
    from types import TracebackType

    import ibis.expr.types as ir
    import pyarrow as pa

    from cxfusion.engine.addresses import Address
    from cxfusion.engine.contract import Capability, Engine, Source
    from cxfusion.fold import Fold, Sweep

__all__ = ["Session", "default_session", "is_spark_frame", "require_one_session", "require_servers_own", "session_for"]

Answer = TypeVar("Answer")


class Session:
    """Where relations live and run.

    Threads may share one: they take turns. Sessions of their own work at the same time. Processes cannot share one:
    start them by ``spawn``, since those that are forked would write to the same temporary files.

    Parameters
    ----------
    engine : str or Engine, default "duckdb"
        ``"duckdb"`` is embedded and needs nothing else. ``"spark"`` is the Spark application that is running, else one
        that is started. The URL of a PostgreSQL database, such as ``"postgres://kim@db.example/sales"``, is a schema
        of our own in it, which is dropped when the session is closed. An object that fulfils the engine contract is
        used as it is.
    memory_limit : str, optional
        Such as ``"4GB"``, near which the whole process keeps; work that does not fit is spilled to ``temp_dir``. Of
        DuckDB only; by default four fifths of what the machine has.
    threads : int, optional
        All cores by default. Of DuckDB, and of folds over tables of PostgreSQL.
    temp_dir : str, optional
        Where work that does not fit is spilled; of Spark a folder that all its workers can read and write.

    Raises
    ------
    UnknownNameError
        No such engine.
    UsageError
        A setting that the engine refuses.

    Examples
    --------
    >>> import cxfusion as cx
    >>> with cx.Session(threads=1) as session:
    ...     contacts = cx.read_contacts([{"contact_id": "a", "started_at": "2026-01-05 09:00"}], session=session)
    ...     contacts.count()
    1
    """

    def __init__(
        self,
        engine: str | Engine = "duckdb",
        *,
        memory_limit: str | None = None,
        threads: int | None = None,
        temp_dir: str | None = None,
    ) -> None:
        if not _may_be_threads(threads):
            raise UsageError(f"threads={threads} was asked for; expected at least 1. Leave it out to use all cores.")
        if temp_dir is not None:
            require_path(temp_dir, "temp_dir")
        self._engine: Engine
        if isinstance(engine, str):
            self._engine = _open_engine(engine, memory_limit, threads, temp_dir)
        else:
            self._engine = engine
        self.room: Room = getattr(self._engine, "room", None) or Room(threads=threads)
        self._is_open = True
        self._turn = RLock()  # two threads in one connection would wait for ever, each for what the other holds

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added."""
        with self._turn:
            return self._open().read(source)

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept while anything refers to them and the session is open."""
        with self._turn:
            return self._open().materialize(relation)

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory."""
        with self._turn:
            return self._open().collect(relation)

    def count(self, relation: ir.Table) -> int:
        """How many rows a relation has."""
        return int(self.collect(relation.aggregate(n=relation.count()))["n"][0].as_py())

    def fold(self, relation: ir.Table, fold: Fold[Any, Answer]) -> Answer:
        """Answer of a fold over the rows, in bounded memory."""
        with self._turn:
            return self._open().fold(relation, fold)

    def sweep(self, relation: ir.Table) -> Sweep:
        """What runs any fold over the rows of a relation."""
        return _Sweep(self, relation)

    def supports(self, capability: Capability) -> bool:
        """Whether the engine declares a capability."""
        return self._engine.supports(capability)

    def close(self) -> None:
        """Let go of every relation of this session; results already drawn from it stay valid."""
        if self._is_open:
            self._is_open = False
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Session({'open' if self._is_open else 'closed'})"

    def _open(self) -> Engine:
        if not self._is_open:
            raise UsageError(
                "This session is closed, and its relations went with it. Read the sources again in an open session."
            )
        return self._engine


@dataclass(frozen=True)
class _Sweep:
    session: Session
    relation: ir.Table

    @property
    def may_keep_rows(self) -> bool:
        return self.session.supports("rows_here")

    @property
    def room(self) -> Room:
        return self.session.room

    def __call__(self, fold: Fold[Any, Answer], /) -> Answer:
        return self.session.fold(self.relation, fold)


def _open_duckdb(memory_limit: str | None, threads: int | None, temp_dir: str | None) -> Engine:
    import duckdb

    from cxfusion.engine.duckdb import KIND_OF_ERROR, DuckDBEngine

    try:
        return DuckDBEngine(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir)
    except (duckdb.Error, OSError) as error:
        raise UsageError(
            f"DuckDB refused the session's settings (memory_limit={memory_limit!r}, threads={threads!r},"
            f" temp_dir={temp_dir!r}). Expected a size such as '4GB' and a folder that can be written.",
            [KIND_OF_ERROR.sub("", str(error))],
        ) from error


def _open_spark(memory_limit: str | None, threads: int | None, temp_dir: str | None) -> Engine:
    if memory_limit is not None or threads is not None:
        raise UsageError(
            "Memory and cores of Spark are those of its cluster. Leave memory_limit and threads out, and set"
            " spark.executor.memory and spark.executor.cores where Spark is started."
        )
    engine: Engine = _spark().open_spark(temp_dir)
    return engine


def _spark() -> Any:
    """The module of the engine, if Spark is there."""
    try:
        from cxfusion.engine import spark
    except ImportError as error:
        raise UsageError(
            f"Spark was asked for, and pyspark is not installed ({error}). Install it with"
            "  pip install 'cxfusion[spark]'"
        ) from error
    return spark


def _may_be_threads(threads: object) -> bool:
    return threads is None or (is_number(threads) and threads >= 1)


def _open_postgres(address: Address, memory_limit: str | None, threads: int | None, temp_dir: str | None) -> Engine:
    require_servers_own(memory_limit, temp_dir)
    try:
        from cxfusion.engine.postgres import PostgresEngine
    except ImportError as error:
        raise UsageError(
            f"PostgreSQL was asked for, and adbc-driver-postgresql is not installed ({error}). Install it with"
            "  pip install 'cxfusion[postgres]'"
        ) from error
    return PostgresEngine(address, threads)


def require_servers_own(memory_limit: str | None, temp_dir: str | None) -> None:
    """Refuse settings that are a database server's own.

    Raises
    ------
    UsageError
    """
    if memory_limit is not None or temp_dir is not None:
        raise UsageError(
            "Memory and temporary files of PostgreSQL are those of its server. Leave memory_limit (--memory) and"
            " temp_dir out, and set work_mem and temp_tablespaces there."
        )


OPENERS: Final = {"duckdb": _open_duckdb, "spark": _open_spark}


def _open_engine(name: str, memory_limit: str | None, threads: int | None, temp_dir: str | None) -> Engine:
    if is_url(name):
        return _open_postgres(workplace_of(name), memory_limit, threads, temp_dir)
    if name not in OPENERS:
        near = ", ".join(nearest_names(name, OPENERS) or (*OPENERS, "the URL of a PostgreSQL database"))
        raise UnknownNameError(f"There is no engine {name!r}. Expected one of: {near}.")
    return OPENERS[name](memory_limit, threads, temp_dir)


_default: list[Session] = []
_of_frames: list[Session] = []
_opening: Final = RLock()  # else threads that come at once would open one each, whose relations do not mix


def default_session(data: object = None) -> Session:
    """The session used when none is given: that of the frame's own library, where it has one; else the default.

    The default is DuckDB, opened on first use, shared by the process. A Spark frame stays in Spark, whose session is
    shared by all frames of the process.
    """
    opened = _of_frames if is_spark_frame(data) else _default
    with _opening:
        if not opened or not opened[0]._is_open:
            opened[:] = [Session(_spark().SparkEngine(data.sparkSession)) if is_spark_frame(data) else Session()]
            atexit.register(opened[0].close)  # its temporary files go with the process
        return opened[0]


def session_for(session: Session | None, data: object = None) -> Session:
    """The session that a call names, else the default one for its data.

    Raises
    ------
    UsageError
        What is named is none.
    """
    if session is None:
        return default_session(data)
    require_kind(session, Session, "session", "open one, session = cx.Session(), or leave it out.")
    return session


def is_spark_frame(data: object) -> TypeGuard[Any]:
    """Whether data are a Spark frame; Spark is not imported to tell."""
    kinds = type(data).__mro__
    return any(kind.__module__.split(".")[0] == "pyspark" and kind.__name__ == "DataFrame" for kind in kinds)


def require_one_session(*sessions: Session) -> Session:
    """The one session that all relations of a call share.

    Raises
    ------
    SessionMismatchError
        They belong to more than one.
    """
    first = sessions[0]
    if any(other is not first for other in sessions[1:]):
        raise SessionMismatchError(
            "These relations belong to different sessions. Expected one session for all of them:"
            " read every source with the same session=…, or with none."
        )
    return first
