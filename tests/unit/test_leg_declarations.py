"""What every vendor's log declares of its talk, wait and total, and what such a declaration does to a leg."""

from __future__ import annotations

import pytest

import cxfusion as cx
from cxfusion.tables.sources import ColumnMap, LegExport, Source, legs_of, records, yes_no
from cxfusion.tables.sources.contact_logs import CONTACT_LOGS

# From the vendors' documentation and the records looked at: talk is without hold, wait holds the ringing, wait holds
# the menu, and what the export's own total consists of.
PARTS = {"i": "ivr_seconds", "w": "wait_seconds", "t": "talk_seconds", "h": "hold_seconds", "a": "wrap_seconds"}
DECLARED = {
    "amazon_connect": (True, True, False, "tha"),  # Queue.Duration holds the whisper; connected to end of ACW
    "genesys_cloud": (True, True, False, "tha"),  # tAnswered holds all alerting; tHandle
    "asterisk_queue_log": (False, True, False, "iwt"),  # no hold event; holdtime holds ringtime; the CDR
    "avaya_echi": (
        True,
        True,
        False,
        "iwth",
    ),  # DURATION = DISPTIME + TALKTIME + ANSHOLDTIME; queue and ring are added up
    "cisco_ucce_tcd": (True, True, False, "wtha"),  # Duration
    "five9_call_log": (True, None, False, "tha"),  # HANDLE TIME
    "talkdesk_contacts": (True, True, False, "tha"),  # Handle Time
    "nice_cxone_completed": (True, None, False, "iwth"),  # totalDurationSeconds
    "zendesk_talk": (True, True, False, "iwth"),  # duration
    "zendesk_talk_legs": (True, True, False, "th"),  # duration of the leg
}


@pytest.mark.parametrize("source", CONTACT_LOGS, ids=lambda source: source.name)
def test_every_log_declares_what_its_figures_hold(source):
    talk, ring, menu, parts = DECLARED[source.name]
    legs = source.legs
    assert (legs.talk_excludes_hold, legs.wait_includes_ivr) == (talk, menu)
    assert ring is None or legs.wait_includes_ring is ring
    assert legs.total_of == tuple(PARTS[part] for part in parts)
    assert {"total_seconds", *legs.total_of} <= set(legs.columns)


def invented(**declared):
    """A source whose legs hold 50 s of wait, 6 s of ringing, 10 s of menu, 100 s of talk."""

    def read(data):
        return legs_of(records(data, "a log"), ("id",), lambda cells: {"is_handled": yes_no(is_so=True)})

    names = ("wait_seconds", "ring_seconds", "ivr_seconds", "talk_seconds", "total_seconds")
    fields = {name: ColumnMap(column=name) for name in names}
    fields |= {
        "leg_id": ColumnMap(column="id"),
        "contact_id": ColumnMap(column="id"),
        "started_at": ColumnMap(column="at"),
    }
    options = {"talk_excludes_hold": True, "wait_includes_ring": True, **declared}
    return Source(
        "invented", ("contacts",), "A log.", legs=LegExport("a log", fields, {"is_handled": "all"}, read, **options)
    )


ROW = {"id": 1, "at": "2026-03-02T10:00:00Z", "wait_seconds": 50, "ring_seconds": 6, "ivr_seconds": 10,
       "talk_seconds": 100, "total_seconds": 160}  # fmt: skip


def read(rows, **declared):
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(rows, source=invented(**declared), session=session)
        return contacts.to_arrow().sort_by("contact_id").to_pylist(), contacts.notes


@pytest.mark.parametrize(
    ("ring", "menu", "expected"), [(True, False, 50), (False, False, 56), (True, True, 40), (False, True, 46)]
)
def test_a_wait_is_queue_and_ring_and_no_menu(ring, menu, expected):
    ((row,), _) = read([ROW], wait_includes_ring=ring, wait_includes_ivr=menu)
    assert row["wait_seconds"] == expected


def test_a_wait_shorter_than_the_menu_in_it_is_unknown():
    rows, _ = read([ROW, {**ROW, "id": 2, "wait_seconds": 4}], wait_includes_ivr=True)
    assert [row["wait_seconds"] for row in rows] == [40, None]


def test_talk_that_holds_hold_is_told():
    assert any("talk_seconds includes hold" in note for note in read([ROW], talk_excludes_hold=False)[1])
    assert not any("includes hold" in note for note in read([ROW])[1])


def test_the_total_is_checked_leg_by_leg():
    parts = ("ivr_seconds", "wait_seconds", "talk_seconds")
    off = [{**ROW, "id": i, "total_seconds": 160 + i} for i in range(5)]  # by 0, 1, 2, 3 and 4 s
    untold = {**ROW, "id": 9, "total_seconds": None}
    notes = read([*off, untold], total_of=parts)[1]
    assert any("more than 2 s in 2 of 5 legs that tell both (40.0%)" in note for note in notes), notes
