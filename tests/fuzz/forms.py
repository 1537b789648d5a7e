"""How records are written down: the forms that readers accept, with the ways in which each may be laid out."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.tables.sources.avaya_echi import V12

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FORMS",
    "ArrowForm",
    "CsvForm",
    "EchiBinary",
    "EchiText",
    "Form",
    "JsonForm",
    "PandasForm",
    "ParquetForm",
    "PolarsForm",
    "QueueLog",
    "Records",
    "TextForm",
    "Trace",
    "Workbook",
    "names_of",
]

Record: TypeAlias = "dict[str, Any]"


def names_of(records: Sequence[Record]) -> list[str]:
    """Names of all fields, in the order in which they are met."""
    return list(dict.fromkeys(name for record in records for name in record))


@dataclass(frozen=True)
class Form:
    """A way of holding records.

    Attributes
    ----------
    suffix : str
        Of the file's name; empty where there is no file.
    """

    suffix: str = ""

    def write(self, records: Sequence[Record]) -> Any:
        """What the reader is given: bytes of a file, or an object in memory."""
        raise NotImplementedError


@dataclass(frozen=True)
class TextForm(Form):
    """A file of text."""

    def text(self, records: Sequence[Record]) -> str:
        """The file's text, lines ended by a line feed."""
        raise NotImplementedError

    def write(self, records: Sequence[Record]) -> bytes:
        return self.text(records).encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class CsvForm(TextForm):
    """A table of text with a line of headings, or several.

    Attributes
    ----------
    headings : tuple of tuple of str
        Further lines below the first one.
    """

    suffix: str = ".csv"
    separator: str = ","
    quoting: int = csv.QUOTE_MINIMAL
    headings: tuple[tuple[str, ...], ...] = ()
    extra: str = ""

    def lines(self, records: Sequence[Record]) -> list[list[str]]:
        names = names_of(records)
        rows = [["" if record.get(name) is None else str(record[name]) for name in names] for record in records]
        return [names, *([*line, *[""] * (len(names) - len(line))] for line in self.headings), *rows]

    def text(self, records: Sequence[Record]) -> str:
        return self.joined(self.lines(records))

    def joined(self, lines: Sequence[Sequence[str]]) -> str:
        file = io.StringIO()
        csv.writer(file, delimiter=self.separator, quoting=self.quoting, lineterminator="\n").writerows(lines)
        return file.getvalue()


@dataclass(frozen=True)
class JsonForm(TextForm):
    """Objects of JSON.

    Attributes
    ----------
    under : str
        Key of the reply that holds the list; ``"lines"`` one object a line, ``"list"`` a list.
    """

    suffix: str = ".jsonl"
    under: str = "lines"
    indent: int | None = None
    ascii: bool = False

    def text(self, records: Sequence[Record]) -> str:
        if self.under == "lines":
            return "".join(self.dumped(record) + "\n" for record in records)
        whole: Any = list(records) if self.under == "list" else {self.under: list(records)}
        return self.dumped(whole) + "\n"

    def dumped(self, value: Any) -> str:
        return json.dumps(value, indent=self.indent, ensure_ascii=self.ascii)


@dataclass(frozen=True)
class QueueLog(TextForm):
    """Lines with | between the fields; those that are not there leave their place empty, but at the end."""

    suffix: str = ".log"

    def text(self, records: Sequence[Record]) -> str:
        return "".join(self._line(record) + "\n" for record in records)

    @staticmethod
    def _line(record: Record) -> str:
        names = ("time", "callid", "queue", "member", "event", *(f"data{n}" for n in range(1, 6)))
        there = [name for name in names if record.get(name) is not None]
        last = names.index(there[-1]) + 1 if there else 0
        return "|".join(str(record[name]) if name in there else "" for name in names[:last])


@dataclass(frozen=True)
class Trace(TextForm):
    """Lines of NAME=VALUE."""

    suffix: str = ".txt"

    def text(self, records: Sequence[Record]) -> str:
        return "".join(" ".join(f"{k}={v}" for k, v in record.items() if v is not None) + "\n" for record in records)


@dataclass(frozen=True)
class EchiText(TextForm):
    """Call segments in ASCII, without a heading."""

    suffix: str = ".123"

    def text(self, records: Sequence[Record]) -> str:
        file = io.StringIO()
        rows = [[*(record.get(name, "0") for name in V12.names), ""] for record in records]
        csv.writer(file, lineterminator="\n").writerows(rows)
        return file.getvalue()


@dataclass(frozen=True)
class EchiBinary(Form):
    """Call segments of version 12, packed."""

    suffix: str = ".bin"

    def write(self, records: Sequence[Record]) -> bytes:
        return (12).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"".join(map(_packed, records))


def _packed(record: Record) -> bytes:
    def number(name: str, bits: int, *, signed: bool = True) -> int:
        try:
            value = int(record.get(name) or 0)
        except (TypeError, ValueError, OverflowError):
            value = -1 if signed else 255
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return min(max(value, low), high)

    flags = sum((number(name, 8, signed=False) & 1) << place for place, name in enumerate(V12.bits))
    texts = [str(record.get(name) or "").encode("latin-1", "replace") for name in V12.texts]
    return V12.form.pack(
        *(number(name, 32) for name in V12.longs),
        *(number(name, 16) for name in V12.shorts),
        flags,
        *(number(name, 8, signed=False) for name in V12.octets),
        *texts,
    )


@dataclass(frozen=True)
class Workbook(Form):
    """A sheet of Excel."""

    suffix: str = ".xlsx"
    blank_above: int = 0
    blank_left: int = 0

    def write(self, records: Sequence[Record]) -> bytes:
        import openpyxl

        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for _ in range(self.blank_above):
            sheet.append([])
        for line in [names_of(records), *([r.get(name) for name in names_of(records)] for r in records)]:
            sheet.append([None] * self.blank_left + [_cell(value) for value in line])
        file = io.BytesIO()
        book.save(file)
        return file.getvalue()


def _cell(value: Any) -> Any:
    """What a sheet can hold."""
    if isinstance(value, list | dict):
        value = json.dumps(value)
    if isinstance(value, str):
        return "".join(letter for letter in value if letter >= " " or letter in "\t\n")[:30_000]
    if isinstance(value, float) and not math.isfinite(value):
        return "#NUM!"  # what a spreadsheet keeps of it; the library that writes would leave the cell blank
    return value


@dataclass(frozen=True)
class Records(Form):
    """A list of dicts, as an API returns it."""

    def write(self, records: Sequence[Record]) -> Any:
        return list(records)


@dataclass(frozen=True)
class ArrowForm(Form):
    """An Arrow table of the types that Arrow finds; of mixed values text."""

    def write(self, records: Sequence[Record]) -> Any:
        import pyarrow as pa

        return pa.table({name: _column([record.get(name) for record in records]) for name in names_of(records)})


def _column(values: list[Any]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return pa.array([None if v is None else str(v).encode("utf-8", "replace").decode() for v in values])


@dataclass(frozen=True)
class ParquetForm(ArrowForm):
    """The same in a file of Parquet."""

    suffix: str = ".parquet"

    def write(self, records: Sequence[Record]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table, file = super().write(records), io.BytesIO()
        try:
            pq.write_table(table, file)
        except pa.ArrowNotImplementedError:  # objects without fields, which Parquet cannot hold
            texts = {name: list(map(str, table[name].to_pylist())) for name in table.column_names}
            file = io.BytesIO()
            pq.write_table(pa.table(texts), file)
        return file.getvalue()


@dataclass(frozen=True)
class PandasForm(Form):
    """A pandas frame; mixed columns are of objects."""

    def write(self, records: Sequence[Record]) -> Any:
        import pandas as pd

        return pd.DataFrame({name: [record.get(name) for record in records] for name in names_of(records)})


@dataclass(frozen=True)
class PolarsForm(Form):
    """A Polars frame of the types that Arrow finds."""

    def write(self, records: Sequence[Record]) -> Any:
        import polars as pl

        return pl.DataFrame(ArrowForm().write(records))


FORMS: Final = (CsvForm, JsonForm, QueueLog, Trace, EchiText, EchiBinary, Workbook, Records, ArrowForm, ParquetForm)
