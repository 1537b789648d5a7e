"""Avaya CMS External Call History (ECHI): files of call segments, binary or ASCII, both without a heading.

The order of their fields is that of the extended record of CMS 12 and 13, and of 16, which has times in UTC besides.
"""

from __future__ import annotations

import csv
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import UnreadableFileError
from cxfusion.tables.column_map import ColumnMap
from cxfusion.tables.sources.leg_export import LegExport, legs_of, yes_no
from cxfusion.tables.sources.records import Row, lines_of, open_bytes, open_text, paths_of, unreadable
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import less, number_of, text_of, total_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["AVAYA_ECHI"]

WHAT: Final = "an export of Avaya CMS call history (ECHI)"
NEEDED: Final = ("CALLID", "SEGSTART")
ANSWERED: Final = 2  # CALL_DISP
ABANDONED: Final = 3


@dataclass(frozen=True)
class Layout:
    """The fields of one version's record, in their order.

    Attributes
    ----------
    longs, shorts, bits, octets : tuple of str
        Whole numbers of four, two and one bytes; the eight bits of one byte, the lowest first.
    texts : mapping of str to int
        Name to length in bytes.
    tail : tuple of str
        Whole numbers of one byte after the texts.
    """

    longs: tuple[str, ...]
    shorts: tuple[str, ...]
    bits: tuple[str, ...]
    octets: tuple[str, ...]
    texts: Mapping[str, int]
    tail: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All fields."""
        return (*self.longs, *self.shorts, *self.bits, *self.octets, *self.texts, *self.tail)

    @property
    def form(self) -> struct.Struct:
        """How a binary record is packed; one more byte ends it."""
        texts = "".join(f"{length}s" for length in self.texts.values())
        return struct.Struct(f"<{len(self.longs)}i{len(self.shorts)}hB{len(self.octets)}B{texts}{len(self.tail)}Bx")

    def unpack(self, record: bytes) -> dict[str, Any]:
        """Cells of a binary record."""
        values = self.form.unpack(record)
        n_whole = len(self.longs) + len(self.shorts)
        flags = [values[n_whole] >> place & 1 for place in range(len(self.bits))]
        cells = (*values[:n_whole], *flags, *values[n_whole + 1 :])
        return {name: _text(cell) for name, cell in zip(self.names, cells, strict=True)}


def _text(cell: Any) -> Any:
    return cell.partition(b"\0")[0].decode("latin-1").strip() if isinstance(cell, bytes) else cell


def _numbered(name: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{name}{number}" for number in range(first, last + 1))


TIMES: Final = ("CALLID", "ACWTIME", "ANSHOLDTIME", "CONSULTTIME", "DISPTIME", "DURATION")
PARTS: Final = ("TALKTIME", "NETINTIME", "ORIGHOLDTIME", "QUEUETIME", "RINGTIME")
SHORTS: Final = (
    *("DISPIVECTOR", "DISPSPLIT", "FIRSTIVECTOR", "SPLIT1", "SPLIT2", "SPLIT3", "TKGRP"),
    *("TK_LOCID", "ORIG_LOCID", "ANS_LOCID", "OBS_LOCID", "UUI_LEN"),
)
BITS: Final = (*("ASSIST", "AUDIO", "CONFERENCE", "DA_QUEUED", "HOLDABN", "MALICIOUS", "OBSERVINGCALL", "TRANSFERRED"),)
OCTETS: Final = (
    *("AGT_RELEASED", "ACD", "CALL_DISP", "DISPPRIORITY", "HELD", "SEGMENT"),
    *("ANSREASON", "ORIGREASON", "DISPSKLEVEL", *_numbered("EVENT", 1, 9)),
)


def _texts(vdn: int, login: int, caller: int, asai: int) -> dict[str, int]:
    return {
        **{"UCID": 21, "DISPVDN": vdn, "EQLOC": 10, "FIRSTVDN": vdn, "ORIGLOGIN": login, "ANSLOGIN": login},
        **{"LASTOBSERVER": login, "DIALED_NUM": 25, "CALLING_PTY": caller, "LASTDIGITS": 17, "LASTCWC": 17},
        **{"CALLING_II": 3, **dict.fromkeys(_numbered("CWC", 1, 5), 17), **dict.fromkeys(_numbered("VDN", 2, 9), vdn)},
        "ASAIUUI": asai,
    }


V12: Final = Layout((*TIMES, "SEGSTART", "SEGSTOP", *PARTS), SHORTS, BITS, OCTETS, _texts(8, 10, 13, 96))
V16: Final = Layout(
    (*TIMES, "SEGSTART", "SEGSTART_UTC", "SEGSTOP", "SEGSTOP_UTC", *PARTS),
    SHORTS,
    BITS,
    OCTETS,
    _texts(16, 16, 25, 97),
    ("INTERRUPTDEL", "AGENTSURPLUS", "AGENTSKILLLEVEL", "PREFSKILLLEVEL"),
)
LAYOUTS: Final = {12: V12, 13: V12, 16: V16}
"""By the version in the first four bytes of a binary file."""


def _read(data: Any) -> Iterator[Row]:
    paths = paths_of(data, WHAT)
    return legs_of((row for path in paths for row in _records(path)), NEEDED, _derive)


def _records(path: str) -> Iterator[Row]:
    with open_bytes(path) as file:
        version = int.from_bytes(file.read(4), "little")
    # Four characters of text make a far greater number than any version is.
    yield from _ascii(path) if version > 0xFFFF else _binary(path, version)


def _binary(path: str, version: int) -> Iterator[Row]:
    if version not in LAYOUTS:
        raise UnreadableFileError(
            f"{path} is of version {version}. Expected {WHAT} of version {', '.join(map(str, LAYOUTS))}, or in ASCII."
        )
    layout = LAYOUTS[version]
    with open_bytes(path) as file:
        file.read(8)  # version and number of the file
        number = 0
        while record := file.read(layout.form.size):
            number += 1
            is_whole = len(record) == layout.form.size
            yield Row(path, number, layout.unpack(record)) if is_whole else unreadable(path, number, record.hex())


def _ascii(path: str) -> Iterator[Row]:
    with open_text(path) as file:
        for number, cells in enumerate(lines_of(csv.reader(file, strict=True), path), start=1):
            layout = V16 if len(cells) >= len(V16.names) - len(V16.tail) else V12
            is_whole = len(cells) >= len(V12.names)
            named = dict(zip(layout.names, cells, strict=False))  # a line may end with a comma
            yield Row(path, number, named) if is_whole else unreadable(path, number, ",".join(cells))


def _derive(cells: Mapping[str, Any]) -> dict[str, Any]:
    disposition = number_of(cells["CALL_DISP"])
    started = f"{utc}Z" if isinstance(utc := cells.get("SEGSTART_UTC"), str) else utc or cells["SEGSTART"]
    ucid = str(cells["UCID"]).strip()
    contact = ucid if ucid.strip("0") else f"{cells['CALLID']}@{_day(cells['SEGSTART'])}"
    wait = total_of(cells["QUEUETIME"], cells["RINGTIME"])
    is_offered = disposition in (ANSWERED, ABANDONED)
    unread = text_of(cells["CALL_DISP"]) if disposition is None else None
    return {
        "leg_id": f"{contact}/{cells['CALLID']}/{cells['SEGMENT']}",
        "contact_id": contact,
        "started_at": started,
        "ivr_seconds": less(total_of(cells["DISPTIME"]), wait) if is_offered else unread,
        "wait_seconds": wait if is_offered else unread,
        "is_handled": yes_no(is_so=disposition == ANSWERED),
        "is_abandoned": yes_no(is_so=disposition == ABANDONED),
    }


def _day(segstart: Any) -> str:
    """The day of a segment: call ids begin anew with each."""
    return segstart[:10] if isinstance(segstart, str) else str(segstart // 86_400)


LEGS: Final = LegExport(
    what=WHAT,
    fields={
        "customer_id": ColumnMap(column="CALLING_PTY"),
        "agent_id": ColumnMap(column="ANSLOGIN"),
        "queue": ColumnMap(column="DISPSPLIT", null=("-1",)),
        "ring_seconds": ColumnMap(column="RINGTIME"),
        "talk_seconds": ColumnMap(column="TALKTIME"),
        "hold_seconds": ColumnMap(column="ANSHOLDTIME"),
        "wrap_seconds": ColumnMap(column="ACWTIME"),
        "total_seconds": ColumnMap(column="DURATION"),
        "n_holds": ColumnMap(column="HELD"),
        "is_transfer_out": ColumnMap(column="TRANSFERRED"),
    },
    derived={
        "leg_id": "UCID, CALLID and SEGMENT",
        "contact_id": "UCID; where there is none, CALLID and the day of SEGSTART",
        "started_at": "SEGSTART_UTC, else SEGSTART: in binary files seconds since 1970, in ASCII the clock of the CMS",
        "ivr_seconds": "DISPTIME less QUEUETIME and RINGTIME where CALL_DISP is 2 or 3: announcements",
        "wait_seconds": "QUEUETIME and RINGTIME where CALL_DISP is 2 or 3",
        "is_handled": "CALL_DISP 2",
        "is_abandoned": "CALL_DISP 3",
    },
    read=_read,
    talk_excludes_hold=True,
    wait_includes_ring=True,
    total_of=("ivr_seconds", "wait_seconds", "talk_seconds", "hold_seconds"),
    rule=(
        "Each segment is a leg; the segments of one UCID are a contact, whatever their CALLID. DISPTIME is no speed of"
        " answer: it holds the announcements before the queue too, which are kept apart as time in the menu. DURATION"
        " is how long the trunk was held, so that it differs where a call was transferred or conferenced. Logins of a"
        " voice menu answer calls like agents do: list them, as in"
        ' `leave_out = { ANSLOGIN = ["16873", "16869"] }`.'
    ),
    names=V16.names,  # those of version 12 are among them
)

AVAYA_ECHI: Final = Source(
    "avaya_echi",
    ("contacts",),
    "Avaya CMS External Call History, extended records of versions 12, 13 and 16, binary or ASCII.",
    unconfirmed=(
        "CALL_DISP other than 2 (answered) and 3 (abandoned): such segments are neither",
        "the binary layout of version 16",
    ),
    legs=LEGS,
)
