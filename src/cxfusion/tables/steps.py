"""What was built in steps is computed step by step: each of them once, instead of wherever a later one uses it."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import ibis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir

    from cxfusion.engine import Session

__all__ = ["ask", "compute", "step_by_step"]


def compute(session: Session, relation: ir.Table) -> ir.Table:
    """Materialise a relation that was built in steps."""
    with step_by_step():
        return session.materialize(relation)


def ask(session: Session, rows: ir.Table, facts: Mapping[str, ir.Value]) -> dict[str, Any]:
    """Answers of one pass over the rows."""
    with step_by_step():
        answers: dict[str, Any] = session.collect(rows.aggregate(**facts)).to_pylist()[0]
    return answers


_entered: Final[list[bool]] = []
_lock: Final = Lock()


@contextmanager
def step_by_step() -> Iterator[None]:
    """Keep Ibis from merging the steps of a relation into one query.

    Its setting is one for all threads: whoever leaves last puts it back to what the first one found.
    """
    with _lock:
        _entered.append(ibis.options.sql.fuse_selects)
        ibis.options.sql.fuse_selects = False
    try:
        yield
    finally:
        with _lock:
            found = _entered.pop()
            if not _entered:
                ibis.options.sql.fuse_selects = found
