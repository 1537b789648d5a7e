"""The contract: a clear error, or a table whose books balance, without a number that the input does not say."""

from __future__ import annotations

import math
import re
import resource
import signal
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from cxfusion.errors import BooksError, CxfusionError
from cxfusion.tables.canonical import CONTACT_COLUMNS, LEG_COLUMNS, SCORE_SCALES, SURVEY_COLUMNS, Kind
from cxfusion.tables.read import read_contacts, read_surveys
from fuzz import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cxfusion.engine import Session
    from cxfusion.tables.relation import Contacts, Legs, Surveys
    from fuzz.claims import Case
    from fuzz.readers import Reader

__all__ = ["LONGEST", "Found", "Verdict", "guarded", "judge", "told_badly"]

LONGEST: Final = 20.0
MOST_MEMORY: Final = 1_500_000  # kilobytes that one input may add
UNITS: Final = {"ms": 0.001, "min": 60.0, "h": 3600.0}
SURVEY_KINDS: Final = {column.name: column.kind for column in SURVEY_COLUMNS}
KINDS: Final = {column.name: column.kind for column in (*SURVEY_COLUMNS, *LEG_COLUMNS, *CONTACT_COLUMNS)}
LEAKS: Final = re.compile(
    r"Traceback|SELECT |read_csv\(|read_json|read_parquet|LINE \d+:|cx:|site-packages|duckdb\.|ibis|0x[0-9a-f]{6,}"
    r"|\bArrow(Invalid|Type)|Binder Error|Catalog Error|Conversion Error|Parser Error|auto_detect|strict_mode"
)
ADVICE: Final = re.compile(
    r"expect|mend|export|give|name |say |rename|read |look|save|choose|install|leave|decide|wrap|take", re.IGNORECASE
)
IN_QUEUE_LOG: Final = {
    ("CONNECT", "data1"): "holdtime",
    ("CONNECT", "data3"): "ringtime",
    ("COMPLETECALLER", "data1"): "holdtime",
    ("COMPLETECALLER", "data2"): "calltime",
    ("ABANDON", "data3"): "waittime",
    ("ENTERQUEUE", "data2"): "callerid",
}

FOLLOWS: Final = {
    "amazon_connect": {"PreviousContactId": ("contact_id",)},
    "cisco_ucce_tcd": {"AgentPeripheralNumber": ("is_handled",)},
    "nice_cxone_completed": {"masterContactId": ("contact_id",)},
    "medallia_agent_connect": {"response_received_at": ("disposition",)},
    "delighted": {"survey_type": ("nps", "csat", "ces")},
    "asknicely": {"question_type": ("nps", "csat", "ces"), "dontcontact": ("disposition",)},
    "hubspot_feedback": {"properties.hs_survey_type": ("nps", "csat", "ces")},
    "zendesk_csat": {"score": ("answered_at",), "subjects.0.id": ("case_id",)},
}
"""By source and field: columns that, as the source's page tells, depend on the field besides their own."""
IN_TRACE: Final = {
    "Day": "RouterCallKeyDay",
    "RtrCallKey": "RouterCallKey",
    "RtrCallKeySeq#": "RouterCallKeySequenceNumber",
    "CallDisp": "CallDisposition",
}


@dataclass(frozen=True)
class Found:
    """A table that was read.

    Attributes
    ----------
    rows : list of dict
    aside : list of dict
    n_read, n_outside : int
    columns_from : dict
    legs : Found, optional
    """

    rows: list[dict[str, Any]]
    aside: list[dict[str, Any]]
    n_read: int
    n_outside: int = 0
    columns_from: dict[str, str] = field(default_factory=dict)
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    legs: Found | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of an input.

    Attributes
    ----------
    outcome : {"error", "set aside", "clean"}
    failures : tuple of str
    """

    outcome: str
    failures: tuple[str, ...] = ()


class TookTooLong(Exception):  # noqa: N818  not an error of the reader's own
    """An input was not done with in time."""


def judge(reader: Reader, case: Case, base: Found, session: Session, folder: Path) -> Verdict:
    """Read an input, and compare what comes of it with what is claimed."""
    given = _placed(case, folder)
    found, failures = guarded(lambda: read(reader, given, session), str(given) if isinstance(given, Path) else "")
    if found is None:
        if case.claim.must_read and not failures:
            failures = ["an error, though what was changed has no meaning"]
        return Verdict("error", tuple(failures))
    failures += list(_unsound(reader, found))
    if case.claim.kind == "same":
        failures += list(_unlike(base, found))
    if case.claim.kind == "rows":
        failures += list(_spoilt(reader, case, base, found))
    has_aside = bool(found.aside or (found.legs and found.legs.aside))
    return Verdict("set aside" if has_aside else "clean", tuple(failures))


def _placed(case: Case, folder: Path) -> Any:
    if not isinstance(case.data, bytes):
        return case.data
    path = folder / f"input{case.suffix}"
    path.write_bytes(case.data)
    return path


def guarded(act: Callable[[], Any], path: str = "") -> tuple[Any, list[str]]:
    """The answer of what was done, None where it ended in an error; and what was wrong with how it ended."""
    began, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer, failures = None, []
    try:
        with warnings.catch_warnings(), _alarm(LONGEST):
            warnings.simplefilter("error")
            answer = act()
    except CxfusionError as error:
        failures += told_badly(error, path)
    except TookTooLong:
        failures.append("took too long")
    except Exception as error:  # noqa: BLE001  any other is a failure, to be told
        place = _place(error)
        failures.append(f"{type(error).__name__} in {place}: {str(error).splitlines()[0][:160] if str(error) else ''}")
    if time.process_time() - began > LONGEST and "took too long" not in failures:
        failures.append("took too long")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    if grown > MOST_MEMORY:
        failures.append(f"took {grown / 1e6:.1f} GB")
    return answer, failures


def _place(error: BaseException) -> str:
    """The last line of ours that an error came through."""
    place, trace = "?", error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "cxfusion" in path.parts:
            place = f"{path.stem}.{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of the process: a busy machine is no hang
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def told_badly(error: CxfusionError, path: str = "") -> list[str]:
    """What is wrong with how an error tells itself."""
    told, failures = str(error), []
    plainly = told.replace(path, "") if path else told
    if isinstance(error, BooksError) or type(error) is CxfusionError or error.exit_code not in (2, 3, 4):
        failures.append(f"{type(error).__name__} is no error of the input: {told[:200]}")
    if leak := LEAKS.search(plainly):
        failures.append(f"the message leaks {leak[0]!r}: {plainly[:300]}")
    if "/tmp" in plainly:
        failures.append(f"the message leaks a path: {plainly[:300]}")
    if not ADVICE.search(plainly):
        failures.append(f"the message gives no advice: {plainly[:200]}")
    if len(told) > 6000:
        failures.append(f"the message has {len(told):,} letters: {told[:80]}")
    if any(not letter.isprintable() and letter not in "\n\t" for letter in plainly):
        failures.append(f"the message holds what cannot be printed: {ascii(plainly)[:300]}")
    return failures


def read(reader: Reader, given: Any, session: Session) -> Found:
    """Read an input to the end."""
    reading = read_contacts if reader.section == "contacts" else read_surveys
    return found_in(reading(given, source=reader.source, session=session, **reader.options))


def found_in(table: Contacts | Surveys | Legs) -> Found:
    """The rows of a table that was read, and its books."""
    legs = getattr(table, "legs", None)
    scales = {name: (one.low, one.high) for name, one in getattr(table, "scales", {}).items()}
    return Found(
        _python_rows(table.to_arrow()),
        table.session.collect(table.set_aside).to_pylist(),
        table.n_read,
        getattr(table, "n_outside_period", 0),
        dict(table.columns_from),
        scales,
        found_in(legs) if legs is not None else None,
    )


def _python_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as Python has them; times of attributes as numbers, since they may lie outside Python's years."""
    free = [field.name for field in rows.schema if pa.types.is_timestamp(field.type) and field.name not in KINDS]
    for name in free:
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(pa.int64()))
    return rows.to_pylist()


def _unsound(reader: Reader, found: Found) -> Iterator[str]:
    """Books that do not balance, ids that repeat, and numbers that nothing can be."""
    if found.legs is not None:
        yield from _unsound(reader, found.legs)
        n_contacts = len({row["contact_id"] for row in found.legs.rows})
        if n_contacts != found.n_read:
            yield f"{n_contacts} contacts of legs, but {found.n_read} contacts read"
    n_aside = sum(row["column"] is None for row in found.aside)
    if len(found.rows) + n_aside + found.n_outside != found.n_read:
        yield f"books: {len(found.rows)} + {n_aside} + {found.n_outside} ≠ {found.n_read}"
    if any(not row["reason"] or not row["stage"] for row in found.aside):
        yield "set aside without a reason"
    key = "response_id" if reader.section == "surveys" else "contact_id"
    ids = [row[key] for row in found.rows if "leg_id" not in row or key != "contact_id"]
    if len(set(ids)) != len(ids) or None in ids:
        yield f"{key} is missing or not unique"
    for row in found.rows:
        yield from (f"{name} = {value!r}" for name, value in row.items() if _is_absurd(name, value, found.scales))


def _is_absurd(name: str, value: Any, scales: dict[str, tuple[float, float]]) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return name in KINDS
    if isinstance(value, datetime):
        return name in KINDS and not plain.FIRST <= value < plain.LAST
    if KINDS.get(name) in ("duration", "count") and value is not None:
        return not 0 <= float(value) < math.inf
    low, high = scales.get(name, SCORE_SCALES.get(name, (-math.inf, math.inf)))
    return name in (*scales, *SCORE_SCALES) and value is not None and not low <= value <= high


def _known(rows: list[dict[str, Any]], names: list[str]) -> Counter[str]:
    return Counter(repr([(name, row.get(name)) for name in names]) for row in rows)


def _names(found: Found) -> list[str]:
    place = ("source_file", "source_row") if found.legs is not None else ("source_file",)
    return [name for name in (found.rows[0] if found.rows else {}) if name not in place]


def _unlike(base: Found, found: Found) -> Iterator[str]:
    """How a table differs from that of the sound input."""
    names = _names(base)
    lost = _known(base.rows, names) - _known(found.rows, names)
    new = _known(found.rows, names) - _known(base.rows, names)
    if lost or new:
        yield f"not the same: {_difference(lost, new)}"
    if [(row["column"], row["reason"]) for row in base.aside] != [
        (row["column"], row["reason"]) for row in found.aside
    ]:
        told = [(row["source_row"], row["column"], row["reason"]) for row in found.aside]
        yield f"not the same set aside: {told[:3]}"


def _difference(lost: Counter[str], new: Counter[str]) -> str:
    pairs = list(zip(sorted(lost), sorted(new), strict=False))
    if not pairs:
        return f"{len(lost)} rows lost, {len(new)} new"
    before, after = (re.findall(r"\('(.*?)', (.*?)\)(?=, \('|\])", text) for text in pairs[0])
    changed = [
        f"{one[0]}: {one[1][:60]} → {other[1][:60]}" for one, other in zip(before, after, strict=False) if one != other
    ]
    return f"{len(lost)} rows lost, {len(new)} new; {'; '.join(changed[:3])}"


def _spoilt(reader: Reader, case: Case, base: Found, found: Found) -> Iterator[str]:
    """Rows that were not touched and changed all the same; and what became of the one cell that was touched."""
    touched = case.claim.touched
    if base.legs is not None and found.legs is not None:
        ours = _touched_contacts(reader, base.legs, set(touched))
        before = [row for row in base.rows if row["contact_id"] not in ours]
    else:
        before = [row for row in base.rows if row["source_row"] - 1 not in touched]
    names = _names(base)
    lost = _known(before, names) - _known(found.rows, names)
    if lost:
        new = _known(found.rows, names) - _known(base.rows, names)
        yield f"rows that were not touched changed: {_difference(lost, new)}"
    for place, what in touched.items():
        if what is not None:
            yield from _misread(reader, place, *what, base.legs or base, found.legs or found)


def _touched_contacts(reader: Reader, legs: Found, touched: set[int]) -> set[str]:
    if reader.source == "asterisk_queue_log":  # a leg stands at its first event
        return {str(reader.records[place]["callid"]) for place in touched}
    if reader.source == "genesys_cloud":  # legs count on within a file
        return {str(reader.records[place]["conversationId"]) for place in touched}
    return {row["contact_id"] for row in legs.rows if row["source_row"] - 1 in touched}


def _misread(reader: Reader, place: int, name: str, cell: Any, base: Found, found: Found) -> Iterator[str]:
    """What the touched row says that its cell does not."""
    if reader.source in ("asterisk_queue_log", "genesys_cloud"):
        yield from _misread_by_contact(reader, place, name, cell, base, found)
        return
    name = IN_TRACE.get(name, name)
    before = next((row for row in base.rows if row["source_row"] == place + 1), None)
    after = next((row for row in found.rows if row["source_row"] == place + 1), None)
    if before is None or after is None:
        return  # set aside, as the books tell
    reasons = {row["column"] for row in found.aside if row["source_row"] == place + 1}
    for column in before:
        if column.endswith(("source_file", "score_status")):
            continue
        yield from _column_misread(reader, column, name, cell, before.get(column), after.get(column), found, reasons)


def _column_misread(
    reader: Reader, column: str, name: str, cell: Any, before: Any, after: Any, found: Found, reasons: set[str]
) -> Iterator[str]:
    words, kinds = found.columns_from.get(column.removesuffix("_is_day"), ""), _kinds(reader)
    if name.rpartition(".")[2].isdigit() or column in FOLLOWS.get(reader.source or "", {}).get(name, ()):
        return  # a whole object of a list: all that is in it changes
    if _mentions(words, name) and column == column.removesuffix("_is_day"):
        is_own = words in (name, f"{name}, in ms")
        if kinds.get(column) in ("duration", "count", "score", "time", "flag") and (is_own or after is not None):
            yield from _cell_misread(column, words, name, cell, before, after, reasons, is_own=is_own)
    elif before != after and not _may_follow(reader, column, name, words):
        yield f"{column} ({words}) changed with {name} = {str(cell)[:30]!r}: {before!r} → {str(after)[:60]!r}"


def _kinds(reader: Reader) -> dict[str, Kind]:
    return SURVEY_KINDS if reader.section == "surveys" else KINDS


def _mentions(words: str, name: str) -> bool:
    """Whether a column is made of a field, or of what holds it or lies in it."""
    own = {name, name.split(".", maxsplit=1)[0], name.rsplit(".", 1)[-1]}
    return any(re.search(rf"(?<![\w]){re.escape(one)}(?![\w])", words) for one in own if one) or words.startswith(
        f"{name}."
    )


def _may_follow(reader: Reader, column: str, name: str, words: str) -> bool:
    """Columns that follow from others: ids of rows without one; own columns that are named after their field."""
    is_named = any(
        reader_word in column for reader_word in re.findall(r"[a-z0-9]+", name.lower()) if len(reader_word) > 2
    )
    is_whole = "fingerprint of the whole row" in words
    return column in ("response_id", "score_status", "source_row") or is_named or is_whole or not words


def _cell_misread(
    column: str, words: str, name: str, cell: Any, before: Any, after: Any, reasons: set[str], *, is_own: bool
) -> Iterator[str]:
    kind = KINDS[column]
    unit = UNITS.get(words.rpartition(", in ")[2], 1.0)
    meant: set[Any] = {
        "duration": lambda: plain.seconds(cell, unit),
        "count": lambda: plain.numbers(cell),
        "score": lambda: plain.numbers(cell),
        "time": lambda: plain.times(cell),
        "flag": lambda: plain.flags(cell),
    }[kind]()
    told = f"{column} ({words}) with {name} = {str(cell)[:40]!r}: {before!r} → {after!r}"
    if after is None:
        if is_own and not plain.is_blank(cell) and column not in reasons:
            yield f"missing without a reason: {told}"
    elif is_own and kind != "time" and not any(_is_close(after, one) for one in meant):
        yield f"a wrong value: {told}"
    elif is_own and kind == "time" and not any(abs((after - one).total_seconds()) < 1e-3 for one in meant):
        yield f"a wrong time: {told}"
    elif not is_own and kind == "duration" and _is_number(before) and after not in (0, before):
        is_meant = meant or plain.times(cell) or plain.is_blank(cell)
        if not is_meant:
            yield f"made of what is no number: {told}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_close(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return bool(one) == bool(other)
    return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-9)


def _misread_by_contact(reader: Reader, place: int, name: str, cell: Any, base: Found, found: Found) -> Iterator[str]:
    """The same where a leg does not stand at the record's own place: legs of the record's contact, in their order."""
    record = reader.records[place]
    if reader.source == "genesys_cloud":
        contact, field_name = str(record["conversationId"]), _metric(record, name)
    else:
        contact, field_name = str(record["callid"]), IN_QUEUE_LOG.get((record["event"], name), name)
    if field_name in ("conversationId", "callid", "queue", "event", "member", "time"):
        return
    before = {row["leg_id"]: row for row in base.rows if row["contact_id"] == contact}
    after = {row["leg_id"]: row for row in found.rows if row["contact_id"] == contact}
    for leg in before.keys() & after.keys():
        reasons = {row["column"] for row in found.aside if row["source_row"] == after[leg]["source_row"]}
        for column in before[leg]:
            old, new = before[leg][column], after[leg].get(column)
            words = found.columns_from.get(column, "")
            if KINDS.get(column) != "duration" or old == new:
                continue
            if not _mentions(words, field_name):
                yield f"{column} ({words}) changed with {field_name} = {str(cell)[:30]!r}: {old!r} → {new!r}"
            elif not plain.numbers(cell) and new is not None:
                yield f"made of what is no number: {column} with {field_name} = {str(cell)[:30]!r}: {old!r} → {new!r}"
            elif not plain.numbers(cell) and not plain.is_blank(cell) and column not in reasons:
                yield f"missing without a reason: {column} with {field_name} = {str(cell)[:30]!r}: {old!r} → {new!r}"


def _metric(record: dict[str, Any], name: str) -> str:
    """The metric whose value a path of Genesys' records leads to, else the path's last name."""
    keys = name.split(".")
    inner: Any = record
    for key in keys[:-1]:
        inner = inner[int(key) if isinstance(inner, list) else key]
    if isinstance(inner, list) and keys[-2:-1] == ["metrics"]:  # a whole metric
        inner = inner[int(keys[-1])]
        return str(inner["name"])
    is_value = keys[-1] == "value" and isinstance(inner, dict)
    return str(inner["name"]) if is_value else keys[-1]
