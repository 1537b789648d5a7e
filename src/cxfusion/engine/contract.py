"""What an engine must do: six methods. Everything relational above it is written once, as Ibis expressions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir
    import pyarrow as pa
    import pyarrow.dataset as pads

    from cxfusion.engine.addresses import Address
    from cxfusion.fold import Fold

__all__ = [
    "SOURCE_FILE",
    "SOURCE_ROW",
    "Capability",
    "DatabaseSource",
    "Engine",
    "FileFormat",
    "FileSource",
    "FrameSource",
    "LibraryFrameSource",
    "Narrow",
    "RelationSource",
    "Source",
    "StreamSource",
]

State = TypeVar("State")
Answer = TypeVar("Answer")

SOURCE_FILE = "source_file"
"""Column an engine adds on reading: the file a row came from (or the name of the frame)."""
SOURCE_ROW = "source_row"
"""Column an engine adds on reading: the row's number within its file, from 1, headers not counted."""

Capability: TypeAlias = Literal["files", "frames", "streaming_fold", "parallel_fold", "rows_here"]
"""What an engine may declare through :meth:`Engine.supports`; nothing ever asks for its name.

``rows_here``: folds see the rows in this process, so that a model may keep its own; else only states come here.
"""


FileFormat: TypeAlias = Literal["csv", "parquet", "json", "excel"]
Narrow: TypeAlias = "Callable[[ir.Table], ir.Table]"
"""A table to some of its columns and rows, or to answers about them."""


@dataclass(frozen=True)
class FileSource:
    """Files of one format that make up one table.

    Attributes
    ----------
    paths : tuple of str
        In the order in which their rows count.
    format : {"csv", "parquet", "json", "excel"}
        Cells of CSV and JSON arrive as text, so that none is lost to a guess about its type. JSON files hold one
        object per row; what is nested in them arrives as columns with dotted names.
    is_partitioned : bool
        Of Parquet: folders named ``key=value`` are columns too.
    sheet : str, optional
        Of Excel; the first sheet otherwise.
    """

    paths: tuple[str, ...]
    format: FileFormat
    is_partitioned: bool = False
    sheet: str | None = None


@dataclass(frozen=True)
class FrameSource:
    """A table that can be scanned again and again, under the name that messages give it.

    One that has ``source_file`` and ``source_row`` already keeps them.
    """

    table: pa.Table | pads.Dataset
    name: str


@dataclass(frozen=True)
class StreamSource:
    """Record batches that come once."""

    batches: pa.RecordBatchReader
    name: str


@dataclass(frozen=True)
class LibraryFrameSource:
    """A frame that an engine's own library holds, such as Spark's: other engines get its rows through this process."""

    frame: Any
    name: str


@dataclass(frozen=True)
class RelationSource:
    """An Ibis table, of this engine or of any other."""

    relation: ir.Table
    name: str

    def narrowed(self, how: Narrow) -> Self:
        """What is made of it, where it lives."""
        return replace(self, relation=how(self.relation))


@dataclass(frozen=True)
class DatabaseSource:
    """A table of a database.

    Attributes
    ----------
    address : Address
    how : callable
        The table to what is wanted of it; the database does it, and the rest never travels.
    """

    address: Address
    how: Narrow = lambda table: table

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.address.shown

    def narrowed(self, how: Narrow) -> Self:
        """What is made of it, where it lives."""
        return replace(self, how=lambda table: how(self.how(table)))


Source: TypeAlias = FileSource | FrameSource | LibraryFrameSource | StreamSource | RelationSource | DatabaseSource


class Engine(Protocol):
    """Where relations run."""

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added."""
        ...

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept for as long as a relation is built on them.

        An engine that has room, such as a cluster's storage, may keep them until it is closed.
        """
        ...

    def collect(self, relation: ir.Table) -> pa.Table:
        """The rows, in memory. For answers, never for contact-level tables."""
        ...

    def fold(self, relation: ir.Table, fold: Fold[State, Answer]) -> Answer:
        """Answer of a fold over the rows, in bounded memory and in the relation's order."""
        ...

    def supports(self, capability: Capability) -> bool:
        """Whether the engine declares a capability."""
        ...

    def close(self) -> None:
        """Let go of every relation and temporary file."""
        ...
