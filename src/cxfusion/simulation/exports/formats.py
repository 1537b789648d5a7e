"""How a simulated centre can be written: as canonical Parquet, or as raw exports with the map that reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from cxfusion.errors import UnknownNameError
from cxfusion.simulation.exports.amazon_connect import CONNECT_COLUMNS, connect_records
from cxfusion.simulation.exports.genesys_cloud import conversations
from cxfusion.simulation.exports.qualtrics import QUALTRICS_COLUMNS, QualtricsFile
from cxfusion.simulation.files import ParquetFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import pyarrow as pa

__all__ = ["FORMATS", "FileFormat", "find_format"]


class DayFile(Protocol):
    """A file that takes a day's table at a time."""

    def write(self, table: pa.Table) -> None:
        """Add rows."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class FileFormat:
    """How a centre is written.

    Attributes
    ----------
    name : str
    contacts, surveys : str
        Names of the files.
    open_contacts, open_surveys : callable
        A path to a file that takes days.
    source : str or None
        Kind of source of the contact log, as :func:`cxfusion.read_contacts` knows it; None where no map is needed.
    columns : mapping of str to str
        What a map has to say of the log.
    """

    name: str
    contacts: str
    surveys: str
    open_contacts: Callable[[Path], DayFile]
    open_surveys: Callable[[Path], DayFile]
    source: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def map_text(self) -> str | None:
        """The map that reads it, as TOML; None where none is needed."""
        if self.source is None:
            return None
        sections = (("contacts", self.source, self.columns), ("surveys", "qualtrics", QUALTRICS_COLUMNS))
        return "\n".join(line for section in sections for line in _section(*section))


def _section(name: str, source: str, columns: Mapping[str, Any]) -> Iterator[str]:
    yield f'[{name}]\nsource = "{source}"\ntimezone = "UTC"'
    if columns:
        yield f"[{name}.columns]"
        yield from (f"{canonical} = {_toml(meant)}" for canonical, meant in columns.items())
    yield ""


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {json.dumps(said)}' for key, said in value.items())} }}"
    return json.dumps(value)


class JsonLines:
    """Records as JSON, one a line, made of canonical contacts.

    Parameters
    ----------
    path : pathlib.Path
    make_records : callable
        A canonical contact to its records.
    """

    def __init__(self, path: Path, make_records: Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._make_records = make_records

    def write(self, table: pa.Table) -> None:
        """Add rows of canonical contacts."""
        for contact in table.to_pylist():
            self._file.writelines(f"{json.dumps(record)}\n" for record in self._make_records(contact))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


FORMATS: Final = {
    "parquet": FileFormat(
        "parquet",
        "contacts.parquet",
        "surveys.parquet",
        ParquetFile,
        ParquetFile,
    ),
    "amazon_connect": FileFormat(
        "amazon_connect",
        "contacts.jsonl",
        "surveys.csv",
        partial(JsonLines, make_records=connect_records),
        QualtricsFile,
        "amazon_connect",
        CONNECT_COLUMNS,
    ),
    "genesys_cloud": FileFormat(
        "genesys_cloud",
        "contacts.jsonl",
        "surveys.csv",
        partial(JsonLines, make_records=conversations),
        QualtricsFile,
        "genesys_cloud",
    ),
}
"""By name."""


def find_format(name: str) -> FileFormat:
    """A format by its name.

    Raises
    ------
    UnknownNameError
        There is none of that name.
    """
    if name not in FORMATS:
        raise UnknownNameError(f"There is no format {name!r}. Expected one of: {', '.join(FORMATS)}.")
    return FORMATS[name]
