"""What makes thousands of inputs affordable: one database for many, and SQL that was made before is not made again.

Most of the time of a small input is spent in making SQL of expressions. Tables that are named by their turn, instead of
at random, make the expressions of two inputs of the same columns equal, so that their SQL can be remembered.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from unittest import mock

import ibis
from ibis.backends.duckdb import Backend
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

from cxfusion.engine import duckdb as engine
from cxfusion.engine.duckdb_backend import DuckDBBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cxfusion.engine import Session

__all__ = ["thrifty"]


@contextmanager
def thrifty(session: Session) -> Iterator[Callable[[], None]]:
    """Within it, a session of DuckDB remembers SQL; call what it gives before each input, to empty the session."""
    con: Any = session._engine._backend.con  # type: ignore[attr-defined]
    numbers = [count()]
    make_tree, make_text = DuckDBCompiler.to_sqlglot, Backend.compile
    trees: dict[Any, Any] = {}
    texts: dict[Any, str] = {}

    def new_name(kind: str) -> str:
        return f"{kind}_{next(numbers[0])}"

    def tree(self: Any, expr: Any, *, limit: Any = None, params: Any = None) -> Any:
        key = (expr.op(), limit, ibis.options.sql.fuse_selects)
        if params or key not in trees:
            trees[key] = make_tree(self, expr, limit=limit, params=params)
        return trees[key]

    def text(self: Any, expr: Any, /, *, limit: Any = None, params: Any = None, pretty: bool = False) -> str:
        key = (expr.op(), limit, ibis.options.sql.fuse_selects)
        if params or pretty or key not in texts:
            with mock.patch.object(DuckDBCompiler, "to_sqlglot", make_tree):  # the text's maker takes its tree apart
                texts[key] = make_text(self, expr, limit=limit, params=params, pretty=pretty)
        return texts[key]

    def empty() -> None:
        numbers[0] = count()
        for name, kind in con.execute("SELECT table_name, table_type FROM information_schema.tables").fetchall():
            con.execute(f'DROP {"VIEW" if kind == "VIEW" else "TABLE"} IF EXISTS "{name}" CASCADE')

    with (
        mock.patch.object(engine, "new_name", new_name),
        # it would drop what has the same turn in a later input
        mock.patch.object(DuckDBBackend, "drop_with"),
        mock.patch.object(DuckDBCompiler, "to_sqlglot", tree),
        mock.patch.object(Backend, "compile", text),
    ):
        yield empty
