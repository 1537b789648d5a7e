"""What must be true of an input that was changed, and the input itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Case", "Claim"]


@dataclass(frozen=True)
class Claim:
    """What must be true of a table read from a changed input; an error of ours is allowed, but where it is said.

    Attributes
    ----------
    kind : {"same", "rows", "books"}
        The table of the sound input; the same but for the rows that were touched; any whose books balance.
    touched : mapping of int to (str, object) or None
        Place of a record, from 0, to the field that was changed and what it holds now; None where all of it may differ.
    must_read : bool
        An error is a failure: what was changed has no meaning.
    """

    kind: Literal["same", "rows", "books"] = "books"
    touched: Mapping[int, tuple[str, Any] | None] = field(default_factory=dict)
    must_read: bool = False


@dataclass(frozen=True)
class Case:
    """A changed input.

    Attributes
    ----------
    change : str
        What was done to it.
    data : bytes or object
        Bytes of a file, or what is given in memory.
    suffix : str
        Of the file.
    claim : Claim
    """

    change: str
    data: Any
    suffix: str
    claim: Claim = Claim()
