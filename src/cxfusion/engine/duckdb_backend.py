"""Ibis on DuckDB, made ours: tables live as long as a relation that reads them, and one that fills memory is packed.

Tables in memory are not compressed. A log that would take most of it goes to a file of the session's own, where it is
a fifth as large; to pack it takes longer than to keep it, so that smaller ones stay in memory.
"""

from __future__ import annotations

import json
import weakref
from collections import deque
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ibis
import ibis.expr.operations as ops
from ibis.backends.duckdb import Backend

from cxfusion.engine.constant_columns import constants_of, sorted_by_others
from cxfusion.engine.file_queries import quoted_name, quoted_text
from cxfusion.engine.naming import new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir
    from ibis.expr.operations import InMemoryTable

    from cxfusion.engine.constant_columns import Constants

__all__ = ["LENT", "DuckDBBackend", "estimated_rows"]

PACKED: Final = "packed"
LENT: Final = "FRAME"
"""What is not dropped but given back: a frame in the memory of Python."""
LARGE_SHARE: Final = 0.7  # of what the database may take: what is larger leaves too little for the work on it
FILE_TO_MEMORY: Final = 16  # bytes that a byte of Parquet takes in memory, at most
TEXT_BYTES: Final = 24
NUMBER_BYTES: Final = 8
UNITS: Final = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
ESTIMATE: Final = "Estimated Cardinality"
UNPACKED: Final = " USING COMPRESSION uncompressed"
"""Of ids: to pack and unpack what never repeats takes a fifth of the time of all columns, for a third of the file."""
PASSING: Final = ("PROJECTION", "FILTER", "SEQ_SCAN", "READ_PARQUET", "READ_CSV", "ARROW_SCAN", "STREAMING_WINDOW")
"""Steps that give their first rows before they have seen the last."""
SOME_ROWS: Final = 10_000
LONG_TEXT: Final = 40  # an id of 36 characters is not


class DuckDBBackend(Backend):  # type: ignore[misc]  # Ibis has no types
    """Ibis on a DuckDB database of our own.

    Attributes
    ----------
    folder : str
        Where a database of packed tables may be made.
    """

    folder: str

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(*args, **settings)
        self._unreachable: deque[str] = deque()
        self._constants: dict[str, Constants] = {}
        self._n_expected = 0
        self._may_be_large = False
        self._is_packing = False

    def expect(self, n_bytes: int) -> None:
        """Files of this size are going to be read."""
        self._n_expected += n_bytes
        self._may_be_large = self._n_expected * FILE_TO_MEMORY > self._most()

    def kept(self, relation: ir.Table) -> ir.Table:
        """The rows of a relation as a table, until no relation refers to it; text that never varies is not stored."""
        self.drop_unreachable()
        constants = constants_of(relation, self._constants)
        varying = [column for column in relation.columns if column not in constants]
        if not constants or not varying:
            table, place = self._stored(relation)
            self.drop_with(table.op(), f"TABLE {place}")
            return table
        _, place = self._stored(sorted_by_others(relation, constants).select(*varying))
        told = {name: f"{quoted_text(text)} AS {quoted_name(name)}" for name, text in constants.items()}
        columns = ", ".join(told.get(column) or quoted_name(column) for column in relation.columns)
        name = new_name("relation")
        self.con.execute(f'CREATE VIEW "{name}" AS SELECT {columns} FROM {place}')
        view = self._named(name, relation)
        self._constants[name] = constants
        weakref.finalize(view.op(), self._constants.pop, name, None).atexit = False
        self.drop_with(view.op(), f'VIEW "{name}"', f"TABLE {place}")
        return view

    def _stored(self, relation: ir.Table) -> tuple[ir.Table, str]:
        """The rows of a relation as a table, and its name in SQL."""
        name, query = new_name("relation"), self.query(relation)
        is_large = self._is_large(relation, query)
        if is_large:
            self._begin_packing()
        within = (PACKED, "main") if is_large else ()
        ids = self._unlike(relation, query) if is_large else set()
        columns = [
            f"{column.sql(self.dialect)}{UNPACKED if column.name in ids else ''}"
            for column in relation.schema().to_sqlglot_column_defs(self.dialect)
        ]
        place = ".".join(quoted_name(part) for part in (*within, name))
        self.con.execute(f"CREATE TABLE {place} ({', '.join(columns)})")
        self.con.execute(f"INSERT INTO {place} {query}")
        return self._named(name, relation, within), place

    def _named(self, name: str, relation: ir.Table, within: tuple[str, ...] = ()) -> ir.Table:
        """A table or view that has the columns of a relation: the engine need not be asked about them."""
        kinds = ibis.schema({column: as_told(kind) for column, kind in relation.schema().items()})
        space = ops.Namespace(**dict(zip(("catalog", "database"), within, strict=False)))
        table: ir.Table = ops.DatabaseTable(name, schema=kinds, source=self, namespace=space).to_expr()
        return table

    def query(self, relation: ir.Table) -> str:
        """A relation in SQL; what it has in memory is there for it."""
        self._run_pre_execute_hooks(relation)
        text: str = self.compile(relation)
        return text

    def _unlike(self, relation: ir.Table, query: str) -> set[str]:
        """Columns of short text of which hardly any two rows are alike, where a few rows are had for little."""
        texts = [name for name, kind in relation.schema().items() if kind.is_string()]
        if not texts or not all(step["name"].strip() in PASSING for step in _steps(self._plan(query))):
            return set()
        few = self.compile(relation.select(*texts).limit(SOME_ROWS))
        asked = ", ".join(
            f"2 * count(DISTINCT {name}) > count(*) AND avg(length({name})) < {LONG_TEXT}"
            for name in map(quoted_name, texts)
        )
        found = self.con.execute(f"SELECT {asked} FROM ({few})").fetchone()
        return {name for name, is_unlike in zip(texts, found, strict=True) if is_unlike}

    def drop_unreachable(self) -> None:
        """Give back the memory of tables that nothing can read any more; between queries, since it is one itself."""
        while self._unreachable:
            kind, place = self._unreachable.popleft().split(" ", 1)
            if kind == LENT:
                self.con.unregister(place)
            else:
                self.con.execute(f"DROP {kind} {place}")

    def drop_with(self, holder: object, *places: str) -> None:
        """Drop tables and views after the last relation that holds this object, and give back frames that were lent.

        Not at once, as a query may be under way.
        """
        weakref.finalize(holder, self._unreachable.extend, places).atexit = False

    def _is_large(self, relation: ir.Table, query: str) -> bool:
        """Whether a relation would take most of the memory; where all that was read cannot, nothing is estimated."""
        return self._may_be_large and self._estimated_bytes(relation, query) > self._most()

    def _most(self) -> float:
        """Bytes beyond which a relation is large."""
        return LARGE_SHARE * self.memory_limit()

    def memory_limit(self) -> float:
        """Bytes that the database may take."""
        told = self.con.execute("SELECT current_setting('memory_limit')").fetchone()[0]
        size, unit = told.split()
        return float(size) * UNITS[unit]

    def _estimated_bytes(self, relation: ir.Table, query: str) -> float:
        of_row = sum(TEXT_BYTES if kind.is_string() else NUMBER_BYTES for kind in relation.schema().values())
        return estimated_rows(self._plan(query)) * of_row

    def _plan(self, query: str) -> list[dict[str, Any]]:
        told = self.con.execute(f"EXPLAIN (FORMAT json) {query}").fetchone()[1]
        plans: list[dict[str, Any]] = json.loads(told)
        return plans

    def _begin_packing(self) -> None:
        if not self._is_packing:
            file = quoted_text(str(Path(self.folder) / "packed.duckdb"))
            # no other version of DuckDB will read it, and the newest way packs text in two thirds of the time
            self.con.execute(f"ATTACH {file} AS {PACKED} (STORAGE_VERSION 'latest')")
            self.con.execute("PRAGMA disable_checkpoint_on_shutdown")
            self._is_packing = True

    def _register_in_memory_table(self, op: InMemoryTable) -> None:
        """Of Arrow's tables DuckDB does not know the size, and makes the wrong side of a join its hash table."""
        arrow = f"{op.name}_arrow"
        self.con.register(arrow, op.data.to_pyarrow(op.schema))
        self.con.execute(f'CREATE OR REPLACE TEMP TABLE "{op.name}" AS FROM "{arrow}"')
        self.con.unregister(arrow)
        self.drop_with(op, f'TABLE "{op.name}"')

    def _make_memtable_finalizer(self, name: str) -> None:
        """Ibis would hold the database until the process ends."""


@cache
def as_told(kind: dt.DataType) -> dt.DataType:
    """A type as the engine tells it of a column that was made with it: every time of day to the microsecond.

    Of a date and time it keeps the digits of the second, which the type mapper forgets.
    """
    if kind.is_timestamp() and kind.timezone is None and kind.scale is not None:
        return kind
    mapper = DuckDBBackend.compiler.type_mapper
    told: dt.DataType = mapper.from_string(mapper.to_string(kind), nullable=kind.nullable)
    return told


def estimated_rows(plans: list[dict[str, Any]]) -> int:
    """What the engine expects, but no more than the largest table that is read, unless lists are taken apart.

    Most joins of the house look something up; of several in a row the engine expects many times the rows.
    """
    expected, steps = _expected(plans), list(_steps(plans))
    if any(step["name"].strip() == "UNNEST" for step in steps):
        return expected
    read = [_told(step) for step in steps if not step.get("children")]
    return min(expected, max(read, default=0) or expected)


def _expected(plans: list[dict[str, Any]]) -> int:
    """Rows of the first step that tells them, from the result on."""
    return next((found for plan in plans if (found := _told(plan) or _expected(plan.get("children", [])))), 0)


def _steps(plans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for plan in plans:
        yield plan
        yield from _steps(plan.get("children", []))


def _told(step: dict[str, Any]) -> int:
    return int(step.get("extra_info", {}).get(ESTIMATE) or 0)
