"""Addresses of databases and of tables in them: a URL taken apart, and told to people without its password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from cxfusion.errors import UsageError, redacted

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Address", "database_of", "is_url", "started_at_folder", "table_of", "workplace_of"]

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:// is a drive
POSTGRES: Final = ("postgres", "postgresql")
DUCKDB: Final = "duckdb://"
WORKPLACE: Final = "postgres://kim@db.example/sales"
OURS: Final = ("table", "schema")
"""Keys after the ``?`` that are ours; all others are the driver's."""


@dataclass(frozen=True)
class Address:
    """A database, and what is meant in it.

    Attributes
    ----------
    kind : str
        ``"duckdb"``, ``"postgres"``, or the scheme of whatever else Ibis knows.
    target : str
        What its driver connects to, password and all; of DuckDB the file. Never printed.
    shown : str
        What messages call it: the URL without passwords.
    schema, table : str, optional
    """

    kind: str
    target: str = field(repr=False)
    shown: str
    schema: str | None = None
    table: str | None = None

    def __str__(self) -> str:
        return self.shown


def is_url(given: object) -> bool:
    """Whether a source is given as a URL.

    Examples
    --------
    >>> is_url("postgres://db/sales/calls"), is_url("calls/*.parquet")
    (True, False)
    """
    return isinstance(given, str) and SCHEME.match(given) is not None


def started_at_folder(url: str, folder: Path) -> str:
    """A path, or the URL of a DuckDB file, whose relative path starts at a folder; any other URL as it is."""
    if not is_url(url):
        return str(folder / url)
    path = url.removeprefix(DUCKDB)
    is_relative = url.startswith(DUCKDB) and not path.startswith("/")
    return f"{DUCKDB}{(folder / path).as_posix()}" if is_relative else url


def table_of(url: str) -> Address:
    """Address of a table.

    Parameters
    ----------
    url : str
        ``duckdb://FILE/TABLE`` or ``…/SCHEMA/TABLE``; ``postgres://USER@HOST:PORT/DATABASE/TABLE`` or
        ``…/SCHEMA.TABLE``; any other URL that Ibis connects to, with ``?table=TABLE``. ``?table=`` is understood of all
        of them, and ``SCHEMA.TABLE`` wherever a table is.

    Raises
    ------
    UsageError
        It names no table.
    """
    kind, target, inner, ours = _parts(url)
    inner = [*inner, *([ours["table"]] if "table" in ours else [])]
    named = [part for piece in inner for part in piece.split(".", 1)]
    if not 1 <= len(named) <= 2:
        raise UsageError(
            f"{url} does not name one table. Expected a URL such as {_example(kind, 'calls')}, with the table"
            " after a last / or as ?table=calls."
        )
    schema = named[0] if len(named) == 2 else ours.get("schema")
    return Address(kind, target, redacted(url), schema, named[-1])


def database_of(url: str, schema: str | None = None) -> Address:
    """Address of a database, or of a schema in it, to which tables are written.

    Parameters
    ----------
    url : str
        ``duckdb://FILE`` or ``postgres://USER@HOST:PORT/DATABASE``, and ``/SCHEMA`` or ``?schema=SCHEMA`` behind.
    schema : str, optional
        Goes before that of the URL.

    Raises
    ------
    UsageError
        Another kind of database, or more behind it than a schema.
    """
    kind, target, inner, ours = _parts(url)
    if kind not in ("duckdb", "postgres"):
        raise UsageError(
            f"Tables cannot be written to {url}: expected duckdb://FILE or postgres://HOST/DATABASE, which"
            " replace several tables at once or none of them."
        )
    if len(inner) > 1 or "table" in ours:
        raise UsageError(
            f"{url} names more than a database and a schema. Expected one such as {_example(kind, 'cx')};"
            " the tables get names of their own."
        )
    return Address(kind, target, redacted(url), schema or (inner[0] if inner else ours.get("schema")))


def workplace_of(url: str) -> Address:
    """Address of a database that is to do the work.

    Parameters
    ----------
    url : str
        ``postgres://USER@HOST:PORT/DATABASE``, and what the driver is told behind a ``?``.

    Raises
    ------
    UsageError
        It is no PostgreSQL database, or names something in it.

    Examples
    --------
    >>> str(workplace_of("postgres://kim:7up@db.example/sales"))
    'postgres://kim@db.example/sales'
    """
    kind, target, inner, ours = _parts(url)
    if kind != "postgres":
        raise UsageError(
            f"{url!r} cannot do the work. Expected a PostgreSQL database such as {WORKPLACE}; where none is named,"
            " DuckDB does it in this process."
        )
    if inner or ours:
        raise UsageError(
            f"{url} names more than a database. Expected one such as {WORKPLACE}: the work is done in a schema that is"
            " made for it and dropped afterwards."
        )
    return Address(kind, target, redacted(url))


def _parts(url: str) -> tuple[str, str, list[str], dict[str, str]]:
    """Kind of database, what its driver connects to, what the path names inside it, and the keys that are ours."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # whose words may quote a part of the password
        raise _no_url(url) from None
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    ours = {key: value for key, value in pairs if key in OURS and value}
    query = urlencode([(key, value) for key, value in pairs if key not in OURS])
    if parts.scheme == "duckdb":
        file, inner = _file_and_inner(unquote(url.removeprefix(DUCKDB).partition("?")[0]))
        return "duckdb", file, inner, ours
    if parts.scheme in POSTGRES:
        if "@" in parts.path or parts.fragment:
            raise _no_url(url)
        user, at, place = parts.netloc.rpartition("@")
        database, *inner = [unquote(part) for part in parts.path.split("/") if part] or [""]
        host = f"{quote(user, safe=':%')}{at}{place}"  # empty where the server is this machine's
        target = f"postgresql://{host}/{quote(database)}{'?' if query else ''}{query}"
        return "postgres", target, inner, ours
    return parts.scheme, parts._replace(query=query).geturl(), [], ours


def _no_url(url: str) -> UsageError:
    return UsageError(
        f"{url} is not a URL: its host and port cannot be told. Mend it; of a password, letters such as / ? # @ are"
        " written %2F %3F %23 %40, or leave it to PGPASSWORD or ~/.pgpass."
    )


def _file_and_inner(path: str) -> tuple[str, list[str]]:
    """The database's file, and what follows it: it ends where there is a file, else with the first name that has a dot.

    A file that is to be made has no other mark than its ending.
    """
    names = path.split("/")
    heads = ["/".join(names[: i + 1]) for i in range(len(names))]
    there = (i for i, head in enumerate(heads) if head and os.path.isfile(head))
    dotted = (i for i, name in enumerate(names) if "." in name.strip("."))
    end = next(there, next(dotted, len(names) - 1))
    return heads[end], [name for name in names[end + 1 :] if name]


def _example(kind: str, last: str) -> str:
    places = {"duckdb": f"duckdb://log.duckdb/{last}", "postgres": f"postgres://kim@db.example/sales/{last}"}
    return places.get(kind, f"{kind}://…?table={last}")
