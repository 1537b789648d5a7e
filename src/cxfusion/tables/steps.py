"""What was built in steps is computed step by step: each of them once, instead of wherever a later one uses it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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


@contextmanager
def step_by_step() -> Iterator[None]:
    """Keep Ibis from merging the steps of a relation into one query."""
    fused = ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = False
    try:
        yield
    finally:
        ibis.options.sql.fuse_selects = fused
