"""A session owns an engine; relations are handles on it, and relations of two sessions do not mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from cxfusion.errors import SessionMismatchError, UnknownNameError, UsageError, nearest_names

if TYPE_CHECKING:
    from types import TracebackType

    import ibis.expr.types as ir
    import pyarrow as pa

    from cxfusion.engine.contract import Capability, Engine, Source
    from cxfusion.fold import Fold

__all__ = ["Session", "default_session", "require_one_session"]

Answer = TypeVar("Answer")
ENGINES = ("duckdb",)


class Session:
    """Where relations live and run.

    Parameters
    ----------
    engine : str or Engine, default "duckdb"
        ``"duckdb"`` is embedded and needs nothing else. An object that fulfils the engine contract is used as it is.
    memory_limit : str, optional
        Such as ``"4GB"``; work that does not fit is spilled to ``temp_dir``.
    threads : int, optional
        All cores by default.
    temp_dir : str, optional
        Where work that does not fit is spilled.

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
        if threads is not None and threads < 1:
            raise UsageError(f"threads={threads} was asked for; expected at least 1. Leave it out to use all cores.")
        self._engine: Engine
        if isinstance(engine, str):
            self._engine = _open_engine(engine, memory_limit, threads, temp_dir)
        else:
            self._engine = engine
        self._is_open = True

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added."""
        return self._open().read(source)

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept until the session is closed."""
        return self._open().materialize(relation)

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory."""
        return self._open().collect(relation)

    def fold(self, relation: ir.Table, fold: Fold[Any, Answer]) -> Answer:
        """Answer of a fold over the rows, in bounded memory."""
        return self._open().fold(relation, fold)

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


def _open_engine(name: str, memory_limit: str | None, threads: int | None, temp_dir: str | None) -> Engine:
    if name not in ENGINES:
        near = ", ".join(nearest_names(name, ENGINES) or ENGINES)
        raise UnknownNameError(f"There is no engine {name!r}. Expected one of: {near}.")
    import duckdb

    from cxfusion.engine.duckdb import DuckDBEngine

    try:
        return DuckDBEngine(memory_limit=memory_limit, threads=threads, temp_dir=temp_dir)
    except duckdb.Error as error:
        raise UsageError(
            f"DuckDB refused the session's settings (memory_limit={memory_limit!r}, threads={threads!r},"
            f" temp_dir={temp_dir!r}). Expected a size such as '4GB' and a folder that can be written.",
            [str(error)],
        ) from error


_default: list[Session] = []


def default_session() -> Session:
    """The session used when none is given: DuckDB, opened on first use, shared by the process."""
    if not _default or not _default[0]._is_open:
        _default[:] = [Session()]
    return _default[0]


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
