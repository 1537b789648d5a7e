"""Reading a vendor's contact log: records stream in as legs, and are read by the same rules for cells as any table.

Every leg ends in a contact or is set aside with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

import ibis
import pyarrow as pa

from cxfusion.engine import StreamSource, session_for
from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import CxfusionError, EmptyTableError, InputError, MissingColumnError, nearest_names
from cxfusion.tables.aside import Rules, sort_rows
from cxfusion.tables.binding import Binding, Bindings
from cxfusion.tables.canonical import CONTACT_COLUMNS, LEG_COLUMNS
from cxfusion.tables.formats import plausible
from cxfusion.tables.headings import snake_case
from cxfusion.tables.legs import with_roots
from cxfusion.tables.mapping import TableMap
from cxfusion.tables.relation import Legs
from cxfusion.tables.sources.leg_export import BROKEN, DERIVED
from cxfusion.tables.sources.records import dig
from cxfusion.tables.sources.values import text_of
from cxfusion.tables.staging import read_bound
from cxfusion.tables.steps import ask
from cxfusion.tables.times import require_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.aside import Faults, Values
    from cxfusion.tables.opening import Data
    from cxfusion.tables.pseudonyms import Pseudonyms
    from cxfusion.tables.reading import Reading
    from cxfusion.tables.sources.leg_export import LegExport
    from cxfusion.tables.sources.records import Row
    from cxfusion.tables.sources.source import Source

__all__ = ["REASONS", "cells_of", "hidden_later", "read_legs"]

FILE: Final = "row:file"
ROW: Final = "row:number"
REASON: Final = "row:reason"
BATCH_ROWS: Final = 8_192
REASONS: Final = {
    **BROKEN,
    "redelivery": "The leg was told again; its last update counts.",
    "left_out": "The map leaves it out.",
    "contact_id_missing": "The leg names no contact.",
    "started_at_missing": "The leg has no readable start.",
}
"""Why any export's legs may be set aside."""
TOLERANCE: Final = 2.0  # seconds: what up to four parts in whole seconds lose to rounding
GROWING: Final = ("ended_at", "talk_seconds", "hold_seconds", "wrap_seconds", "total_seconds")
"""What is told of a leg once it is over; work after the call last of all."""
OURS: Final = frozenset(column.name for column in (*CONTACT_COLUMNS, *LEG_COLUMNS))


def read_legs(
    kind: Source,
    data: Data,
    given: TableMap,
    timezone: str | None,
    session: Session | None,
    pseudonyms: Pseudonyms | None = None,
) -> Legs:
    """Read a vendor's contact log as legs.

    Parameters
    ----------
    kind : Source
        One that has legs.
    data : path, glob, folder, frame or list of dict
    given : TableMap
        The caller's own map of the contacts: its zone and formats hold; fields of the export that it names are kept;
        what it leaves out, is legs.
    timezone : str, optional
        Goes before the map's.
    session : Session, optional
    pseudonyms : Pseudonyms, optional

    Raises
    ------
    UsageError, ConfigError, UnreadableFileError
        As of :func:`cxfusion.tables.read.read_contacts`.
    EmptyTableError
        There is no record at all.
    MissingColumnError
        The map leaves legs out by a field that no record of this export has.
    InputError
        No record could be used as a leg; the message counts why.
    """
    export = kind.legs
    assert export is not None  # noqa: S101  the caller chose a source that has them
    session = session_for(session)
    zone = require_zone(timezone) if timezone else given.timezone
    natives = tuple(dict.fromkeys(name for how in export.columns.values() for name in how.sources))
    spelled = _spelling(given, (*natives, *(export.names or ())))
    further = _further(given, spelled)
    leave_out = _left_out(export, given, spelled)
    names = tuple(dict.fromkeys([*natives, *further, *leave_out]))
    stream = _Stream(iter(export.read(data)), names, untold=tuple(leave_out))
    rows = _streamed(session, export, stream)
    bindings = _bindings(export, rows.columns, further, leave_out)
    table = TableMap(datetime_format=given.datetime_format)
    hiding, later = _of_fields(pseudonyms, given), hidden_later(given, further, pseudonyms)
    reading = read_bound(session, "legs", rows, bindings, table, zone, pseudonyms=hiding, hidden_later=later)
    rules = Rules(partial(_values, export=export), partial(_faults, export=export), "leg_id", better=_newest_first)
    sorted_rows = sort_rows(reading, rules)
    _require_some(kind, export, session, sorted_rows.kept, sorted_rows.set_aside)
    kept = with_roots(session, sorted_rows.kept) if "continues" in export.columns else sorted_rows.kept
    return Legs(
        session=session,
        rows=kept,
        n_read=reading.look.n_rows,
        set_aside=sorted_rows.set_aside,
        timezone=zone or "UTC",
        columns_from=export.words,
        notes=(*reading.notes, *stream.notes(), *_notes(kind, export, session, kept, sorted_rows.set_aside)),
        remarked=sorted_rows.remarked,
        further=further,
        is_whole=export.is_whole,
        private=reading.hidden,
    )


def _spelling(given: TableMap, known: Iterable[str]) -> dict[str, str]:
    """The one spelling of every field by its lower case, which engines do not tell apart: the vendor's, where known."""
    return {name.lower(): name for name in reversed((*known, *_named(given), *given.leave_out))}


def _named(given: TableMap) -> list[str]:
    """What the caller's map makes columns of."""
    named = [source for how in given.columns.values() for source in how.sources]
    return [*named, *(given.attributes if given.attributes != "all" else ())]


def _further(given: TableMap, spelled: Mapping[str, str]) -> tuple[str, ...]:
    """Fields of the export that the caller's map names; what has a name of ours is the contact's own column."""
    return tuple(dict.fromkeys(spelled[name.lower()] for name in _named(given) if name.lower() not in OURS))


def hidden_later(given: TableMap, further: Iterable[str], pseudonyms: Pseudonyms | None) -> frozenset[str]:
    """Further fields that legs are read with as they are, since the caller's map makes hidden columns of them.

    The contacts' reading hides them: once, and only after the map's own words for "missing" have been understood.
    """
    hidden = pseudonyms.columns if pseudonyms else ()
    named = {source.lower() for name, how in given.columns.items() if name in hidden for source in how.sources}
    return frozenset(name for name in further if name.lower() in named)


def _of_fields(pseudonyms: Pseudonyms | None, given: TableMap) -> Pseudonyms | None:
    """The same, and of attributes by what the export calls them: of contacts they are called otherwise."""
    if pseudonyms is None or given.attributes == "all":
        return pseudonyms
    named = pseudonyms.columns - OURS
    return pseudonyms.of_columns({*pseudonyms.columns, *(one for one in given.attributes if snake_case(one) in named)})


def _left_out(export: LegExport, given: TableMap, spelled: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Fields to the cells that leave a leg out."""
    found: dict[str, tuple[str, ...]] = {}
    for name, cells in given.leave_out.items():
        found[spelled[name.lower()]] = (*found.get(spelled[name.lower()], ()), *cells)
    missing = [] if export.names is None else [name for name in found if name not in export.names]
    if missing:
        raise MissingColumnError(
            f"The map leaves legs out by what is no field of {export.what}. Expected a field of its records, as the"
            " vendor calls it.",
            [_unknown(name, export.names or ()) for name in missing],
        )
    return found


def _unknown(name: str, known: Iterable[str]) -> str:
    near = nearest_names(name, sorted({one for one in known if one != name}))
    return f"leave_out = {name!r} of the map: no record has it" + (f", nearest: {', '.join(near)}" if near else "")


@dataclass
class _Stream:
    """Rows of an export as Arrow batches; an error of ours is kept, since what pulls the batches would garble it.

    ``untold`` are fields that no row has told yet, ``seen`` what the first rows have in their place.
    """

    rows: Iterator[Row]
    names: Sequence[str]
    error: CxfusionError | None = None
    untold: tuple[str, ...] = ()
    seen: frozenset[str] | None = None

    def schema(self) -> pa.Schema:
        fields: list[pa.Field[Any]] = [pa.field(FILE, pa.string()), pa.field(ROW, pa.int64())]
        return pa.schema([*fields, *(pa.field(name, pa.string()) for name in (REASON, *self.names))])

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            while chunk := list(islice(self.rows, BATCH_ROWS)):
                self._look_for_untold(chunk)
                yield self._batch(chunk)
        except CxfusionError as error:
            self.error = error

    def _batch(self, chunk: Sequence[Row]) -> pa.RecordBatch:
        columns: dict[str, list[Any]] = {FILE: [row.file for row in chunk], REASON: [row.reason for row in chunk]}
        columns |= {name: cells_of(chunk, name) for name in self.names}
        columns[ROW] = [row.number for row in chunk]
        return pa.record_batch(columns, schema=self.schema())

    def _look_for_untold(self, chunk: Sequence[Row]) -> None:
        self.untold = tuple(name for name in self.untold if all(dig(row.cells, name) is None for row in chunk))
        if self.untold and self.seen is None:
            self.seen = frozenset(name for row in chunk for name in _names(row.cells))

    def notes(self) -> list[str]:
        """What the map leaves out by a field that may be there or not, and was not."""
        return [f"{_unknown(name, self.seen or ())}; it left nothing out" for name in self.untold]


def _names(cells: Mapping[str, Any]) -> Iterator[str]:
    """Names of a record's fields, dotted where they are nested."""
    levels = [("", cells)]
    while levels:
        above, level = levels.pop()
        for name, cell in level.items():
            yield f"{above}{name}"
            if isinstance(cell, dict):
                levels.append((f"{above}{name}.", cell))


def cells_of(rows: Sequence[Row], name: str) -> list[str | None]:
    """One column of rows as text: an export's own field, or a cell that several make."""
    if name.startswith(DERIVED):
        column = name.removeprefix(DERIVED)
        return [_text(row.derived.get(column)) for row in rows]
    if "." in name:
        return [_text(dig(row.cells, name)) for row in rows]
    return [_text(row.cells.get(name)) for row in rows]


def _text(cell: Any) -> str | None:
    text = (cell or None) if isinstance(cell, str) else text_of(cell)
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")  # JSON may hold half a character, which no text can


def _streamed(session: Session, export: LegExport, stream: _Stream) -> ir.Table:
    batches = pa.RecordBatchReader.from_batches(stream.schema(), stream.batches())
    rows = session.read(StreamSource(batches, export.what))
    if stream.error is not None:
        raise stream.error
    if not ask(session, rows, {"n": rows.count()})["n"]:
        raise EmptyTableError(f"What was given as {export.what} holds no record. Expected at least one.")
    return rows.drop(SOURCE_FILE, SOURCE_ROW).rename({SOURCE_FILE: FILE, SOURCE_ROW: ROW})


def _bindings(
    export: LegExport, found: Sequence[str], further: Sequence[str], leave_out: Mapping[str, tuple[str, ...]]
) -> Bindings:
    kinds = {column.name: column.kind for column in LEG_COLUMNS}
    columns = tuple(Binding(name, kinds[name], how) for name, how in export.columns.items())
    return Bindings(columns, {name: name for name in further}, tuple(found), leave_out, ())


def _values(reading: Reading, export: LegExport) -> Values:
    values = {**reading.values(), "started_at": _start(reading), **reading.attributes()}
    if not export.wait_includes_ring:
        values["wait_seconds"] = values["wait_seconds"] + _or_nothing(reading, "ring_seconds")
    if export.wait_includes_ivr:
        wait = values["wait_seconds"] - _or_nothing(reading, "ivr_seconds")
        values["wait_seconds"] = ibis.ifelse(wait >= 0, wait, ibis.null("float64"))
    return values


def _or_nothing(reading: Reading, name: str) -> ir.FloatingValue:
    """A part of another duration: no time where the export tells none, unknown where it could not be read."""
    told = reading.get(name)
    return cast("ir.FloatingValue", ibis.ifelse(reading.get(name, "reason").isnull(), told.fill_null(0.0), told))


def _start(reading: Reading) -> ir.TimestampValue:
    """When a leg started; one that tells only when its record was closed began its total before."""
    told = reading.get("started_at") if reading.has("started_at") else ibis.null("timestamp")
    if not reading.has("closed_at"):
        return told
    total = (reading.get("total_seconds") * 1e6).round().cast("int64").as_interval("us")
    return told.coalesce(plausible(reading.get("closed_at") - total))


def _faults(reading: Reading, export: LegExport) -> Faults:
    reason = reading.staged[REASON]
    return {
        **{name: (reason == name).fill_null(False) for name in (*BROKEN, *export.reasons)},
        **reading.is_left_out(),
        "contact_id_missing": reading.get("contact_id").isnull(),
        "started_at_missing": _start(reading).isnull(),
    }


def _newest_first(rows: ir.Table) -> list[ir.Value]:
    """The last update; without its time the record that tells more, such as the end of a call, else a later file's."""
    if "updated_at" in rows.columns:
        return [ibis.desc(rows["updated_at"])]
    told = sum((rows[name].notnull().cast("int64") for name in GROWING if name in rows.columns), start=ibis.literal(0))
    file = rows[SOURCE_FILE].concat("")  # the same column twice in an order is the later of the two: the place's own
    return [ibis.desc(told), ibis.desc(file)]


def _reasons(session: Session, set_aside: ir.Table) -> dict[str, int]:
    whole = set_aside.filter(set_aside["column"].isnull())
    counted = session.collect(whole.aggregate(by="reason", n=whole.count()).order_by("reason"))
    return {row["reason"]: row["n"] for row in counted.to_pylist()}


def _require_some(kind: Source, export: LegExport, session: Session, kept: ir.Table, set_aside: ir.Table) -> None:
    if ask(session, kept, {"n": kept.count()})["n"]:
        return
    reasons = _reasons(session, set_aside)
    raise InputError(
        f"None of the {sum(reasons.values()):,} records could be used as a leg of {export.what}, source {kind.name!r}."
        " Look at the file, or name another source.",
        [f"{reason}: {n:,}" for reason, n in reasons.items()],
    )


def _notes(kind: Source, export: LegExport, session: Session, kept: ir.Table, set_aside: ir.Table) -> list[str]:
    found = ask(session, kept, _facts(export, kept))
    aside = ", ".join(f"{reason} {n:,}" for reason, n in _reasons(session, set_aside).items())
    told = f"contacts rolled up from legs: {found['n_contacts']:,} from {found['n_legs']:,}"
    notes = [f"{told}; legs set aside: {aside}" if aside else told]
    if found.get("n_total"):
        n, n_off = found["n_total"], found["n_off"]
        notes.append(
            f"the export's own total ({export.words['total_seconds']}) differs from"
            f" {' + '.join(name.removesuffix('_seconds') for name in export.total_of)} by more than {TOLERANCE:g} s in"
            f" {n_off:,} of {n:,} legs that tell both ({n_off / n:.1%})"
        )
    if found["unserved"]:
        notes.append(
            "talk, hold and wrap of legs in which no customer was served are in no contact:"
            f" {found['unserved']:,.0f} s in {found['n_unserved']:,} legs"
        )
    if not export.talk_excludes_hold:
        notes.append("talk_seconds includes hold: the export does not tell them apart")
    return [*notes, *(f"not confirmed by the vendor's documentation: {fact}" for fact in kind.unconfirmed)]


def _facts(export: LegExport, legs: ir.Table) -> dict[str, ir.Value]:
    handle = [
        legs[name].fill_null(0.0) for name in ("talk_seconds", "hold_seconds", "wrap_seconds") if name in legs.columns
    ]
    spent = sum(handle, start=ibis.literal(0.0))
    is_unserved = ~legs["is_handled"].fill_null(False) & (spent > 0)
    facts = {
        "n_legs": legs.count(),
        "n_contacts": legs["contact_id"].nunique(),
        "n_unserved": is_unserved.sum(),
        "unserved": spent.sum(where=is_unserved),
    }
    if export.total_of:
        gap = (legs["total_seconds"] - sum((legs[name] for name in export.total_of), start=ibis.literal(0.0))).abs()
        facts |= {"n_total": gap.count(), "n_off": (gap > TOLERANCE).sum()}
    return facts
