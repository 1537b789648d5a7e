"""Pseudonyms: identifiers of persons become keyed hashes on the way in, and nothing behind it ever sees what they were.

With the key one can find the pseudonym of a known person; without it one can neither find it nor go back.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import ibis

from cxfusion.errors import ConfigError, require_kind, require_kind_or_none, require_path

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.binding import Bindings

__all__ = ["PERSONS", "Pseudonyms", "may_tell_a_person", "private_names", "require_pseudonyms"]

PERSONS: Final = ("customer_id", "agent_id", "first_agent_id")
"""Columns that name persons, wherever they stand."""
SHORTEST_KEY: Final = 16
DIGITS: Final = 32  # 128 bits: among a billion persons two share one with a chance below 1 in 10^20
LONG_NUMBER: Final = "([0-9][^0-9]*){7}"  # no telephone number that tells one person is shorter


class Pseudonyms:
    """Names for persons that only the owner of a key can give.

    The pseudonym of an identifier is ``sha256(outer + sha256(inner + identifier))``, its first 32 hexadecimal digits,
    where ``inner`` and ``outer`` are the HMAC-SHA256 of the words ``cxfusion inner`` and ``cxfusion outer`` under the
    key, as 64 hexadecimal digits: HMAC with keys of its own for the inner and the outer hash (NMAC), in a form that
    every engine can compute. The same key gives the same pseudonyms, so that tables still join.

    Parameters
    ----------
    key : bytes
        A secret of at least 16 bytes; 32 random ones are best. It is not kept: only what is derived from it.
    columns : str or iterable of str
        What is pseudonymised: columns of contacts and surveys, canonical or own, and every other column that is read
        from the same column of the source.

    Raises
    ------
    ConfigError
        The key is too short.

    Examples
    --------
    >>> import cxfusion as cx
    >>> cx.Pseudonyms(b"a secret of the house").of("kim")
    '52fc2aa4c36404f7fcaf046d693a4feb'
    """

    def __init__(self, key: bytes, columns: Iterable[str] = PERSONS) -> None:
        require_kind(key, bytes, "The key for pseudonyms", "a secret, such as the content of a file.")
        columns = [columns] if isinstance(columns, str) else columns  # a name is no list of letters
        require_kind(columns, Iterable, "columns", "names of columns, such as ['customer_id'].")
        if len(key) < SHORTEST_KEY:
            raise ConfigError(
                f"The key for pseudonyms has {len(key)} bytes. Expected at least {SHORTEST_KEY}, such as the 64 digits"
                " that `openssl rand -hex 32` prints."
            )
        self.columns = frozenset(columns)
        self._inner, self._outer = (
            hmac.new(key, f"cxfusion {which}".encode(), hashlib.sha256).hexdigest() for which in ("inner", "outer")
        )

    @classmethod
    def from_file(cls, path: str | Path, columns: Iterable[str] = PERSONS) -> Self:
        """With the key that a file holds; blanks and line ends around it do not count.

        Raises
        ------
        ConfigError
            The file cannot be read, or its key is too short.
        """
        require_path(path, "path")
        try:
            key = Path(path).read_bytes().strip()
        except OSError as error:
            raise ConfigError(
                f"The key file {path} could not be read: {error.strerror or error}. Expected a file with the key for"
                " pseudonyms."
            ) from error
        return cls(key, columns)

    @classmethod
    def from_environment(cls, variable: str, columns: Iterable[str] = PERSONS) -> Self:
        """With the key that a variable of the environment holds.

        Raises
        ------
        ConfigError
            There is no such variable, or its key is too short.
        """
        require_kind(variable, str, "variable", "the name of one, such as 'CXFUSION_KEY'.")
        key = os.environ.get(variable)
        if key is None:
            raise ConfigError(f"The variable {variable} is not set. Expected the key for pseudonyms in it.")
        return cls(key.strip().encode(), columns)

    def of(self, identifier: str) -> str:
        """The pseudonym of one identifier, as it stands in the canonical table: to find a person one knows."""
        require_kind(identifier, str, "identifier", "it as the source writes it.")
        inner = hashlib.sha256((self._inner + identifier).encode()).hexdigest()
        return hashlib.sha256((self._outer + inner).encode()).hexdigest()[:DIGITS]

    def hashed(self, text: ir.StringValue) -> ir.StringValue:
        """The pseudonyms of a column; missing where it is."""
        inner = (ibis.literal(self._inner) + text).hexdigest("sha256")
        return (ibis.literal(self._outer) + inner).hexdigest("sha256").substr(0, DIGITS)

    def of_columns(self, columns: Iterable[str]) -> Self:
        """The same for other columns."""
        other = object.__new__(type(self))
        other.columns = frozenset(columns)
        other._inner, other._outer = self._inner, self._outer
        return other

    def __repr__(self) -> str:
        return f"Pseudonyms({', '.join(sorted(self.columns))})"

    def __reduce__(self) -> str:
        raise TypeError("Pseudonyms are not written anywhere, since they hold what is derived from their key.")


def require_pseudonyms(value: object) -> None:
    """Refuse what is to hide persons and cannot; nothing at all hides nobody.

    Raises
    ------
    UsageError
    """
    require_kind_or_none(value, Pseudonyms, "pseudonyms", "make them first, pseudonyms = cx.Pseudonyms(key).")


def may_tell_a_person(number: ir.StringValue) -> ir.BooleanValue:
    """Whether a number, as somebody or an engine wrote it, has so many digits that it may be one of a telephone."""
    return number.re_search(LONG_NUMBER)


def private_names(bindings: Bindings, pseudonyms: Pseudonyms | None) -> frozenset[str]:
    """Columns of a table that are to be pseudonymised: those that are named, and all that share a source with them."""
    if pseudonyms is None:
        return frozenset()
    sources_of = {binding.name: set(binding.how.sources) for binding in bindings.columns}
    sources_of |= {name: {source} for name, source in bindings.attributes.items()}
    private = {source for name, sources in sources_of.items() if name in pseudonyms.columns for source in sources}
    return frozenset(name for name, sources in sources_of.items() if sources & private)
