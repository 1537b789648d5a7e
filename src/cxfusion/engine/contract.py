"""What an engine must do: six methods. Everything relational above it is written once, as Ibis expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from cxfusion.fold import Fold

__all__ = ["SOURCE_FILE", "SOURCE_ROW", "Capability", "Engine", "FileSource", "FrameSource", "Source"]

State = TypeVar("State")
Answer = TypeVar("Answer")

SOURCE_FILE = "source_file"
"""Column an engine adds on reading: the file a row came from (or the name of the frame)."""
SOURCE_ROW = "source_row"
"""Column an engine adds on reading: the row's number within its file, from 1, headers not counted."""

Capability: TypeAlias = Literal["files", "frames", "streaming_fold", "parallel_fold"]
"""What an engine may declare through :meth:`Engine.supports`; nothing ever asks for its name."""


@dataclass(frozen=True)
class FileSource:
    """Files of one format that make up one table.

    Attributes
    ----------
    paths : tuple of str
        In the order in which their rows count.
    format : {"csv", "parquet"}
        CSV cells arrive as text, so that no cell is lost to a guess about its type.
    """

    paths: tuple[str, ...]
    format: Literal["csv", "parquet"]


@dataclass(frozen=True)
class FrameSource:
    """A table that is already in memory, under the name that messages give it."""

    table: pa.Table
    name: str


Source: TypeAlias = FileSource | FrameSource


class Engine(Protocol):
    """Where relations run."""

    def read(self, source: Source) -> ir.Table:
        """Relation of every row of a source, with ``source_file`` and ``source_row`` added."""
        ...

    def materialize(self, relation: ir.Table) -> ir.Table:
        """The same rows, computed once and kept until the engine is closed."""
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
