"""What can go wrong with an input on its way: each change says what must still be true of what is read."""

from __future__ import annotations

import copy
import csv
import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fuzz import forms
from fuzz.claims import Case, Claim
from fuzz.frame_changes import frame_changes
from fuzz.poison import CELLS, VALUES

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from fuzz.readers import Reader

__all__ = ["case_of", "changes_for"]

Change: TypeAlias = "Callable[[Reader, random.Random], Case]"
ANY: Final = Claim()
SAME: Final = Claim("same")
SURELY: Final = Claim("same", must_read=True)


def changes_for(reader: Reader) -> dict[str, Change]:
    """The changes that make sense for a reader, by name."""
    form = reader.form
    found = dict(RECORDS)
    if isinstance(form.write(reader.records[:1]), bytes):
        found |= BYTES
    if isinstance(form, forms.TextForm):
        found |= TEXT
    if isinstance(form, forms.CsvForm):
        found |= CSV
    if isinstance(form, forms.JsonForm):
        found |= JSON
    found |= frame_changes(form)
    if reader.others:
        found["another form"] = _another_form
    if isinstance(form, forms.EchiBinary | forms.EchiText):
        found = {name: change for name, change in found.items() if name not in BY_NAME}
    return found


def case_of(reader: Reader, number: int, rng: random.Random) -> Case:
    """The case of that number: changes take turns, their details are drawn."""
    changes = list(changes_for(reader).items())
    name, change = changes[number % len(changes)]
    made = change(reader, rng)
    return replace(made, change=f"{name}: {made.change}" if made.change else name)


# ---- records: one cell, one row, one field ---------------------------------------------------------------------------


def _cell(reader: Reader, rng: random.Random) -> Case:
    place = rng.randrange(len(reader.records))
    is_text = isinstance(reader.form, forms.CsvForm | forms.QueueLog | forms.Trace | forms.EchiText)
    poison = rng.choice(CELLS) if is_text or rng.random() < 0.4 else rng.choice(VALUES)
    return _with_cell(reader, rng, place, poison)


def _huge_cell(reader: Reader, rng: random.Random) -> Case:
    huge = rng.choice(["x" * 1_000_000, "9" * 400_000, "a,b\n" * 200_000, '"' * 70_000, "é" * 140_000])
    return _with_cell(reader, rng, rng.randrange(len(reader.records)), huge)


def _with_cell(reader: Reader, rng: random.Random, place: int, poison: Any) -> Case:
    records = copy.deepcopy(list(reader.records))
    path = rng.choice(list(_leaves(records[place])))
    _put(records[place], path, poison)
    name = ".".join(str(key) for key in path)
    is_packed = isinstance(reader.form, forms.EchiBinary)  # which holds another value than the one asked for
    claim = Claim("rows", {place: None if is_packed else (name, poison)})
    return Case(f"{name} of row {place + 1} = {str(poison)[:40]!r}", _written(reader, records), _suffix(reader), claim)


def _leaves(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all that is no object itself, and of some that are."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _leaves(one, (*above, key))
    if above and not (isinstance(value, dict | list) and value and len(above) % 2):
        yield above


def _put(record: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        record = record[key]
    record[path[-1]] = value


def _key_gone(reader: Reader, rng: random.Random) -> Case:
    records = copy.deepcopy(list(reader.records))
    place = rng.randrange(len(records))
    path = rng.choice(list(_leaves(records[place])))
    inner = records[place]
    for key in path[:-1]:
        inner = inner[key]
    if isinstance(reader.form, forms.CsvForm):  # whose columns keep their order
        inner[path[-1]] = None
    else:
        del inner[path[-1]]
    name = ".".join(str(key) for key in path)
    return Case(
        f"{name} of row {place + 1}",
        _written(reader, records),
        _suffix(reader),
        Claim("rows", {place: (name, None)}) if len(path) == 1 else Claim("rows", {place: None}),
    )


def _row_twice(reader: Reader, rng: random.Random) -> Case:
    records = list(reader.records)
    place = rng.randrange(len(records))
    return Case(
        f"row {place + 1}",
        _written(reader, [*records, copy.deepcopy(records[place])]),
        _suffix(reader),
        Claim("rows", {place: None}),
    )


def _all_twice(reader: Reader, rng: random.Random) -> Case:
    times = rng.choice([2, 3])
    return Case(f"{times} times", _written(reader, list(reader.records) * times), _suffix(reader))


def _rows_gone(reader: Reader, rng: random.Random) -> Case:
    n = rng.randrange(1, len(reader.records))
    return Case(f"but {n}", _written(reader, list(reader.records[:n])), _suffix(reader))


def _field_gone(reader: Reader, rng: random.Random) -> Case:
    name = rng.choice(forms.names_of(reader.records))
    records = [{key: cell for key, cell in record.items() if key != name} for record in reader.records]
    return Case(name, _written(reader, records), _suffix(reader))


def _field_renamed(reader: Reader, rng: random.Random) -> Case:
    name = rng.choice(forms.names_of(reader.records))
    new = rng.choice([name.upper(), name + "x", " " + name, "", "source_row", "Källa", "a.b", name[::-1], "x" * 5000])
    records = [{new if key == name else key: cell for key, cell in record.items()} for record in reader.records]
    return Case(f"{name} → {new[:20]!r}", _written(reader, records), _suffix(reader))


def _fields_swapped(reader: Reader, rng: random.Random) -> Case:
    first, second = rng.sample(forms.names_of(reader.records), 2)
    swap = {first: second, second: first}
    records = [{swap.get(key, key): cell for key, cell in record.items()} for record in reader.records]
    return Case(f"{first} ↔ {second}", _written(reader, records), _suffix(reader))


def _field_poisoned(reader: Reader, rng: random.Random) -> Case:
    name, poison = rng.choice(forms.names_of(reader.records)), rng.choice([*CELLS, *VALUES])
    records = [{**record, name: poison} for record in reader.records]
    return Case(f"{name} = {str(poison)[:40]!r}", _written(reader, records), _suffix(reader))


def _other_order(reader: Reader, rng: random.Random) -> Case:
    names = forms.names_of(reader.records)
    if reader.source == "google_forms":  # its first column is the time, whatever it is called
        names = names[1:]
    rng.shuffle(names)
    lead = [name for name in forms.names_of(reader.records) if name not in names]
    records = [{name: record[name] for name in [*lead, *names] if name in record} for record in reader.records]
    if isinstance(reader.form, forms.QueueLog | forms.Trace):  # there the order has a meaning
        return Case("", _written(reader, records), _suffix(reader))
    shuffled = replace(reader, form=_with_headings_in(reader, [*lead, *names]))
    return Case("", _written(shuffled, records), _suffix(reader), SURELY)


def _with_headings_in(reader: Reader, names: list[str]) -> forms.Form:
    form = reader.form
    if not (isinstance(form, forms.CsvForm) and form.headings):
        return form
    before = forms.names_of(reader.records)
    lines = tuple(tuple(dict(zip(before, line, strict=True))[name] for name in names) for line in form.headings)
    return replace(form, headings=lines)


def _extra_field(reader: Reader, rng: random.Random) -> Case:
    name = rng.choice(["zz", "Übrig", "x y", "select", "a'b\"c", "n_1", "=1+1", "😀"])
    extra = {name: rng.choice(["", "7", "x", "2026-01-01", "=cmd()"])}
    last = isinstance(reader.form, forms.QueueLog | forms.EchiText | forms.EchiBinary)
    records = [{**record, **extra} for record in reader.records]
    return Case(name, _written(reader, records), _suffix(reader), Claim() if last else SAME)


def _no_records(reader: Reader, _: random.Random) -> Case:
    return Case("", _written(reader, []), _suffix(reader))


def _another_form(reader: Reader, rng: random.Random) -> Case:
    form = rng.choice(reader.others)
    records = copy.deepcopy(list(reader.records))
    return Case(f"{form}", form.write(records), form.suffix, SAME)


def _written(reader: Reader, records: list[dict[str, Any]]) -> Any:
    return reader.form.write(records)


def _suffix(reader: Reader) -> str:
    return reader.form.suffix


# ---- bytes -----------------------------------------------------------------------------------------------------------


def _bytes(reader: Reader) -> bytes:
    written = reader.form.write(reader.records)
    assert isinstance(written, bytes)
    return written


def _cut(reader: Reader, rng: random.Random) -> Case:
    whole = _bytes(reader)
    end = rng.randrange(len(whole))
    return Case(f"at {end} of {len(whole)}", whole[:end], _suffix(reader), Claim("rows", _from(reader, whole, end)))


def _from(reader: Reader, whole: bytes, end: int) -> dict[int, None]:
    """Records that do not lie whole before a place of a file of lines; of other files all."""
    is_lines = isinstance(reader.form, forms.CsvForm | forms.QueueLog | forms.Trace | forms.EchiText)
    is_lines |= isinstance(reader.form, forms.JsonForm) and reader.form.under == "lines"
    n_whole = whole[:end].count(b"\n") if is_lines else 0
    heads = 1 + len(reader.form.headings) if isinstance(reader.form, forms.CsvForm) else 0
    return dict.fromkeys(range(max(n_whole - heads, 0), len(reader.records)))


def _flipped(reader: Reader, rng: random.Random) -> Case:
    broken = bytearray(_bytes(reader))
    n = rng.choice([1, 1, 2, 8, 64])
    for _ in range(n):
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return Case(f"{n} bits", bytes(broken), _suffix(reader))


def _noise(reader: Reader, rng: random.Random) -> Case:
    whole = _bytes(reader)
    at, n = rng.randrange(len(whole)), rng.choice([1, 4, 64, 1000])
    noise = rng.choice([rng.randbytes(n), b"\0" * n, b"\xff" * n, b'"' * n, b"\n" * n, b"\r" * n, b"{" * n])
    end = at + rng.choice([0, n])
    return Case(f"{len(noise)} of {noise[:1]!r} at {at}", whole[:at] + noise + whole[end:], _suffix(reader))


def _moved(reader: Reader, rng: random.Random) -> Case:
    whole = _bytes(reader)
    first, last = sorted(rng.randrange(len(whole)) for _ in range(2))
    how = rng.choice(["gone", "twice", "to the end"])
    part = whole[first:last]
    moved = {"gone": b"", "twice": part + part, "to the end": b""}[how]
    tail = part if how == "to the end" else b""
    return Case(f"{first} to {last} {how}", whole[:first] + moved + whole[last:] + tail, _suffix(reader))


def _nothing(reader: Reader, rng: random.Random) -> Case:
    nothing = rng.choice(
        [b"", b"\n", b"  \r\n\t\n", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\0" * 5000, b"\n" * 100_000]
    )
    return Case(repr(nothing[:4]), nothing, _suffix(reader))


def _of_another_kind(reader: Reader, rng: random.Random) -> Case:
    other = rng.choice(
        [
            b"PK\x03\x04" + rng.randbytes(200),
            b"\x89PNG\r\n\x1a\n" + rng.randbytes(200),
            b"PAR1" + rng.randbytes(64) + b"PAR1",
            b"<html><body><h1>Session expired</h1></body></html>",
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
            b"SQLite format 3\0" + rng.randbytes(100),
            b'{"error": {"code": 401, "message": "token expired"}}',
            b"[]",
            b"null",
            b"a",
            rng.randbytes(3000),
            gzip.compress(_bytes(reader)),
        ]
    )
    return Case(repr(other[:8]), other, _suffix(reader))


def _packed(reader: Reader, rng: random.Random) -> Case:
    if isinstance(reader.form, forms.Workbook | forms.ParquetForm):  # packed in themselves
        return _flipped(reader, rng)
    packed = gzip.compress(_bytes(reader))
    end = rng.choice([len(packed), len(packed), len(packed) - 4, len(packed) // 2, 5])
    is_whole = end == len(packed)
    return Case(f"{end} bytes of gzip", packed[:end], f"{_suffix(reader)}.gz", SAME if is_whole else Claim())


# ---- text ------------------------------------------------------------------------------------------------------------


def _text(reader: Reader) -> str:
    assert isinstance(reader.form, forms.TextForm)
    return reader.form.text(reader.records)


def _mark(reader: Reader, _: random.Random) -> Case:
    return Case("", _text(reader).encode("utf-8-sig"), _suffix(reader), SURELY)


def _encoded(reader: Reader, rng: random.Random) -> Case:
    name = rng.choice(
        ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "utf-32", "cp037", "utf-7", "mac-roman"]
    )
    return Case(name, _text(reader).encode(name, "replace"), _suffix(reader), SAME if name == "utf-16" else Claim())


def _one_wrong_byte(reader: Reader, rng: random.Random) -> Case:
    whole = _text(reader).encode()
    at = rng.randrange(len(whole))
    bad = rng.choice([b"\x80", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"\x1a"])
    return Case(f"{bad!r} at {at}", whole[:at] + bad + whole[at:], _suffix(reader))


def _line_ends(reader: Reader, rng: random.Random) -> Case:
    text = _text(reader)
    name = rng.choice(["CRLF", "CRLF", "CR", "mixed"])
    ends = {"CRLF": ["\r\n"], "CR": ["\r"], "mixed": ["\r\n", "\n"]}[name]
    lines = text.split("\n")
    made = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines[:-1])) + lines[-1]
    return Case(name, made.encode(), _suffix(reader), SURELY if name == "CRLF" else SAME)


def _last_end(reader: Reader, rng: random.Random) -> Case:
    text = _text(reader).rstrip("\n")
    tail = rng.choice(["", "\n\n\n", "\r\n\r\n"])
    return Case(f"{tail!r}", (text + tail).encode(), _suffix(reader), SAME if "\r" in tail else SURELY)


def _first_lines(reader: Reader, rng: random.Random) -> Case:
    head = rng.choice(["\n", "\n\n\n", "\r\n", "Report of 1 March 2026\n\n", "sep=,\n", "   \n"])
    claim = Claim("same") if head.strip() == "" else Claim()
    return Case(f"{head!r}", (head + _text(reader)).encode(), _suffix(reader), claim)


def _long_line(reader: Reader, rng: random.Random) -> Case:
    lines = _text(reader).splitlines(keepends=True)
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(["x", ",", "|", '"', "=1;"]) * 1_000_000 + "\n")
    return Case("", "".join(lines).encode(), _suffix(reader))


def _odd_quotes(reader: Reader, rng: random.Random) -> Case:
    text = _text(reader)
    at = rng.randrange(len(text))
    return Case(
        f"at {at}", (text[:at] + rng.choice(['"', "'", '""', "“", '"\n"']) + text[at:]).encode(), _suffix(reader)
    )


# ---- CSV -------------------------------------------------------------------------------------------------------------


def _csv(reader: Reader, lines: list[list[str]], change: str = "", claim: Claim = ANY, **how: Any) -> Case:
    assert isinstance(reader.form, forms.CsvForm)
    return Case(change, replace(reader.form, **how).joined(lines).encode(), _suffix(reader), claim)


def _lines(reader: Reader) -> list[list[str]]:
    assert isinstance(reader.form, forms.CsvForm)
    return reader.form.lines(reader.records)


def _separated(reader: Reader, rng: random.Random) -> Case:
    separator = rng.choice([",", ";", "\t", "|", ":", "~", " ", "\x01"])
    claim = SURELY if separator in ",;\t|" else Claim()
    return _csv(reader, _lines(reader), repr(separator), claim, separator=separator)


def _all_quoted(reader: Reader, _: random.Random) -> Case:
    return _csv(reader, _lines(reader), claim=SURELY, quoting=csv.QUOTE_ALL)


def _wrong_width(reader: Reader, rng: random.Random) -> Case:
    lines = _lines(reader)
    place = rng.randrange(1, len(lines))
    lines[place] = rng.choice([lines[place][:-1], [*lines[place], "more"], lines[place][:1], lines[place] * 2])
    return _csv(reader, lines, f"line {place + 1}")


def _broken_cell(reader: Reader, rng: random.Random) -> Case:
    lines = _lines(reader)
    assert isinstance(reader.form, forms.CsvForm)
    heads = 1 + len(reader.form.headings)
    place, column = rng.randrange(heads, len(lines)), rng.randrange(len(lines[0]))
    lines[place][column] += rng.choice(["\n", "\r\n", "\n\n", "\r", ",\n,"])
    claim = Claim("rows", {place - heads: (lines[0][column], lines[place][column])})
    return _csv(reader, lines, f"{lines[0][column]} of row {place - heads + 1}", claim)


def _open_quote(reader: Reader, rng: random.Random) -> Case:
    lines = [reader_line + "\n" for reader_line in _text(reader).splitlines()]
    place = rng.randrange(len(lines))
    lines[place] = rng.choice(['"' + lines[place], lines[place].replace(",", ',"', 1), lines[place][:-1] + '"\n'])
    return Case(f"line {place + 1}", "".join(lines).encode(), _suffix(reader))


def _no_heading(reader: Reader, _: random.Random) -> Case:
    return _csv(reader, _lines(reader)[1:])


def _heading_alone(reader: Reader, _: random.Random) -> Case:
    return _csv(reader, _lines(reader)[:1])


def _heading_again(reader: Reader, rng: random.Random) -> Case:
    lines = _lines(reader)
    lines.insert(rng.randrange(1, len(lines) + 1), lines[0])
    return _csv(reader, lines)


def _column_twice(reader: Reader, rng: random.Random) -> Case:
    lines = _lines(reader)
    column = rng.randrange(len(lines[0]))
    return _csv(reader, [[*line, line[column]] for line in lines], lines[0][column])


def _empty_columns(reader: Reader, rng: random.Random) -> Case:
    n = rng.choice([1, 3])
    return _csv(reader, [[*line, *[""] * n] for line in _lines(reader)], f"{n}", SAME)


def _padded(reader: Reader, _: random.Random) -> Case:
    return _csv(reader, [[f" {cell} " for cell in line] for line in _lines(reader)])


# ---- JSON ------------------------------------------------------------------------------------------------------------


def _laid_out(reader: Reader, rng: random.Random) -> Case:
    assert isinstance(reader.form, forms.JsonForm)
    indent = rng.choice([None, 1, 4]) if reader.form.under != "lines" else None
    form = replace(reader.form, indent=indent, ascii=rng.random() < 0.5)
    return Case(f"indent {indent}", form.write(reader.records), _suffix(reader), SURELY)


def _glued(reader: Reader, rng: random.Random) -> Case:
    assert isinstance(reader.form, forms.JsonForm)
    glue = rng.choice(["", " ", "\n\n", ",\n", "\x1e"])
    text = glue.join(json.dumps(record) for record in reader.records)
    return Case(repr(glue), text.encode(), _suffix(reader), SAME if not glue.strip() else Claim())


def _odd_record(reader: Reader, rng: random.Random) -> Case:
    records: list[Any] = list(reader.records)
    odd = rng.choice([None, 5, "x", [], {}, [[]], True, [None], {"a": None}, {"": {"": {}}}, float("nan")])
    place = rng.randrange(len(records) + 1)
    records.insert(place, odd)
    return Case(f"{odd!r} at {place + 1}", reader.form.write(records), _suffix(reader))


def _odd_line(reader: Reader, rng: random.Random) -> Case:
    lines = _text(reader).splitlines()
    odd = rng.choice(["{", "}", "nul", '{"a":}', "{'a': 1}", '{"a": 1,}', "// comment", '{"a": 01}', "NaN", "[" * 5000])
    place = rng.randrange(len(lines) + 1)
    lines.insert(place, odd)
    return Case(f"{odd[:10]} at line {place + 1}", "\n".join(lines).encode(), _suffix(reader))


def _deep(reader: Reader, rng: random.Random) -> Case:
    n = rng.choice([50, 1_000, 100_000])
    kind = rng.choice([("[", "]"), ('{"a":', "}")])
    text = f'{{"deep": {kind[0] * n}1{kind[1] * n}}}\n'
    return Case(f"{n} of {kind[0]}", (text + _text(reader)).encode(), _suffix(reader))


def _key_twice(reader: Reader, rng: random.Random) -> Case:
    place = rng.randrange(len(reader.records))
    records = list(reader.records)
    name = rng.choice(list(records[place]))
    dumped = json.dumps(records[place])
    twice = f'{{"{name}": "other", {dumped[1:]}'
    if isinstance(reader.form, forms.JsonForm) and reader.form.under == "lines":
        text = "".join((twice if i == place else json.dumps(one)) + "\n" for i, one in enumerate(records))
        return Case(f"{name} of row {place + 1}", text.encode(), _suffix(reader), Claim("rows", {place: None}))
    return Case(
        f"{name} of row {place + 1}", reader.form.write(records).replace(dumped.encode(), twice.encode()), ".json"
    )


RECORDS: Final[dict[str, Change]] = {
    "cell": _cell,
    "cell again": _cell,
    "cell once more": _cell,
    "huge cell": _huge_cell,
    "key gone": _key_gone,
    "row twice": _row_twice,
    "all rows twice": _all_twice,
    "rows gone": _rows_gone,
    "field gone": _field_gone,
    "field renamed": _field_renamed,
    "fields swapped": _fields_swapped,
    "field poisoned": _field_poisoned,
    "other order": _other_order,
    "extra field": _extra_field,
    "no records": _no_records,
}
BY_NAME: Final = ("field gone", "field renamed", "fields swapped", "other order", "extra field", "key gone")
BYTES: Final[dict[str, Change]] = {
    "cut": _cut,
    "bits flipped": _flipped,
    "noise": _noise,
    "moved": _moved,
    "nothing": _nothing,
    "another kind of file": _of_another_kind,
    "gzip": _packed,
}
TEXT: Final[dict[str, Change]] = {
    "byte order mark": _mark,
    "encoding": _encoded,
    "wrong byte": _one_wrong_byte,
    "line ends": _line_ends,
    "last line": _last_end,
    "first lines": _first_lines,
    "long line": _long_line,
    "odd quotes": _odd_quotes,
}
CSV: Final[dict[str, Change]] = {
    "separator": _separated,
    "all quoted": _all_quoted,
    "wrong width": _wrong_width,
    "line break in a cell": _broken_cell,
    "open quote": _open_quote,
    "no heading": _no_heading,
    "heading alone": _heading_alone,
    "heading again": _heading_again,
    "column twice": _column_twice,
    "empty columns": _empty_columns,
    "padded": _padded,
}
JSON: Final[dict[str, Change]] = {
    "laid out": _laid_out,
    "glued": _glued,
    "odd record": _odd_record,
    "odd line": _odd_line,
    "deep": _deep,
    "key twice": _key_twice,
}
