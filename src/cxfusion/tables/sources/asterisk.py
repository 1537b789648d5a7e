"""Asterisk's queue_log (FreePBX, Issabel and others): lines of events, from which each call's way is put together.

A transfer with an announcement goes on under another call id; it is found again by queue, agent and time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.engine.addresses import is_url
from cxfusion.errors import UsageError
from cxfusion.tables.sources.asterisk_cdr import call_facts, cdr_rows, is_cdr_file
from cxfusion.tables.sources.asterisk_events import WHAT, Event, events_of_files, events_of_table, told_time
from cxfusion.tables.sources.leg_export import LegExport, yes_no
from cxfusion.tables.sources.records import Row, paths_of
from cxfusion.tables.sources.source import Source
from cxfusion.tables.sources.values import total_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cxfusion.tables.sources.asterisk_cdr import CallFacts

__all__ = ["ASTERISK_QUEUE_LOG"]

CALL: Final = re.compile(r"(\d{9,10})\.\d+$")  # a call's id ends in when its channel was made, and a number
LONGEST_MENU: Final = 3600  # seconds; an older channel is no sign of time in the menu
CLOSE: Final = 2.0  # seconds by which events of one moment may differ
CUT_OFF: Final = "cut_off"
TIMES: Final = frozenset({"started_at", "answered_at", "ended_at"})
QUEUED: Final = ("ENTERQUEUE", "CONNECT", "RINGNOANSWER")
ENDS: Final[dict[str, int]] = {
    "COMPLETECALLER": 0,
    "COMPLETEAGENT": 0,
    "BLINDTRANSFER": 2,
    "ATTENDEDTRANSFER": 2,
    "TRANSFER": 2,
}
"""Events that end an answered call, and how many parameters come before holdtime and calltime."""
LEAVES: Final[dict[str, int | None]] = {
    "ABANDON": 2,
    "EXITWITHTIMEOUT": 2,
    "EXITEMPTY": 2,
    "EXITWITHKEY": 3,
    "AGENTDUMP": None,
    "SYSCOMPAT": None,
}
"""Events by which a call leaves its queue unanswered, and the place of its waiting time among their parameters."""

Mark: TypeAlias = tuple[float, str, str]
"""An event of a call: its time, its name, its queue."""


@dataclass
class Call:
    """A call in one queue, as far as the log has told it.

    Attributes
    ----------
    entry : Event
        Its ENTERQUEUE; else the first event that tells of it.
    entered : float
        When it entered the queue, in seconds since 1970.
    told : dict
        Cells of its leg.
    """

    entry: Event
    entered: float
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        """Whether an agent has taken it."""
        return "agent_id" in self.told

    def tell(self, **cells: Any) -> None:
        """Add what an event tells; what it does not tell, stays."""
        self.told |= {name: value for name, value in cells.items() if value is not None}

    def waited(self, told: str | None, until: Event) -> float | str | None:
        """Its wait as told, else as its entry and exit show it."""
        return until.time - self.entered if told is None and self.entry is not until else told


def _read(data: Any) -> Iterator[Row]:
    log_data, cdr_data = _given(data)
    events: Iterable[Event | Row]
    if isinstance(log_data, str | Path) and not is_url(log_data):
        paths = paths_of(log_data, WHAT)
        records_of_calls = [path for path in paths if is_cdr_file(path)] if len(paths) > 1 else []
        events = events_of_files(path for path in paths if path not in records_of_calls)
    else:
        records_of_calls = []
        events = events_of_table(log_data)
    facts, unread = call_facts(cdr_rows(cdr_data, records_of_calls))
    yield from unread
    log = Log(facts)
    for event in events:
        if isinstance(event, Row):
            yield event
        else:
            yield from log.take(event)
    yield from log.rest()


def _given(data: Any) -> tuple[Any, Any]:
    """The log, and the call detail records beside it: of a database the table that ``cdr=`` names."""
    if isinstance(data, Mapping):
        unknown = sorted(map(str, set(data) - {"queue_log", "cdr"}))
        if unknown or data.get("queue_log") is None:
            raise UsageError(
                f"{WHAT} was given as a dict with the keys {', '.join(map(str, data)) or 'none'}. Expected queue_log"
                " and, if wanted, cdr."
            )
        return data["queue_log"], data.get("cdr")
    named = re.search(r"[?&]cdr=([^&]+)", data) if is_url(data) else None
    if named is None:
        return data, None
    log = data.replace(named[0], "?" if named[0].startswith("?") else "", 1).replace("?&", "?").rstrip("?")
    has_key = re.search(r"([?&]table=)[^&]+", log)
    head, question, query = log.partition("?")
    beside = f"{head.rpartition('/')[0]}/{named[1]}{question}{query}"
    return log, log.replace(has_key[0], has_key[1] + named[1], 1) if has_key else beside


@dataclass
class Log:
    """What is to be remembered of a log: calls that are open, and calls that go on under another id.

    Attributes
    ----------
    facts : mapping of str to CallFacts
        What call detail records tell of each call.
    open : dict
        By call and queue.
    links : dict
        A call's id to that of the customer's own call.
    seen : tuple of two dicts
        Of the calls of the last hour or two, by id, what the log told first: only that comes from the menu. A copy of
        the log tells it again.
    hour : float
    """

    facts: Mapping[str, CallFacts] = field(default_factory=dict)
    open: dict[tuple[str, str], Call] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    seen: tuple[dict[str, Mark], dict[str, Mark]] = field(default_factory=lambda: ({}, {}))
    hour: float = 0.0

    def take(self, event: Event) -> Iterator[Row]:
        """Legs that an event ends."""
        is_first = event.name in (*QUEUED, *ENDS, *LEAVES) and self._is_first(event)
        if event.name == "ENTERQUEUE":
            yield from self._enter(event, is_first=is_first)
        elif event.name == "CONNECT":
            self._connect(event)
        elif event.name == "RINGNOANSWER":
            yield self._missed(event)
        elif event.name in ENDS:
            yield self._end(event)
        elif event.name in LEAVES:
            yield self._leave(event)

    def rest(self) -> Iterator[Row]:
        """Legs that the log does not end."""
        for call in self.open.values():
            yield self._unended(call)

    def _enter(self, event: Event, *, is_first: bool) -> Iterator[Row]:
        earlier = self.open.pop((event.call, event.queue), None)
        if earlier is not None:
            yield self._unended(earlier)
        call = Call(event, event.time)
        call.tell(customer_id=(event.data[1] or None) if len(event.data) > 1 else None)
        call.tell(ivr_seconds=self._menu(event) if is_first else None)
        self.open[event.call, event.queue] = call

    def _menu(self, event: Event) -> float | None:
        """Seconds from when the call's channel was made until it entered the queue, where one clock tells both."""
        made = CALL.search(event.call)
        began = float(made[1]) if made else None
        if event.is_local:
            facts = self.facts.get(event.call)
            began = facts.began if facts and facts.is_local else None
        seconds = None if began is None else event.time - began
        return seconds if seconds is not None and 0 <= seconds <= LONGEST_MENU else None

    def _is_first(self, event: Event) -> bool:
        if event.time - self.hour > LONGEST_MENU:
            self.seen, self.hour = ({}, self.seen[0]), event.time
        mark = (event.time, event.name, event.queue)
        first = next((calls[event.call] for calls in self.seen if event.call in calls), mark)
        self.seen[0][event.call] = first
        return first == mark

    def _connect(self, event: Event) -> None:
        """An agent takes a call, which may have entered the queue under the id of the agent who announced it."""
        call = self._take_out(event, event.time - event.seconds(0), lambda call: not call.is_answered)
        if call.entry.call != event.call:
            self.links[call.entry.call] = event.call
            call.told.pop("ivr_seconds", None)
        call.tell(agent_id=event.member, answered_at=event.time, ring_seconds=event.told(2))
        call.tell(wait_seconds=call.waited(event.told(0), event))
        self.open[event.call, event.queue] = call

    def _end(self, event: Event) -> Row:
        """A call ends; an announced transfer is told under the agent's own call id, which then is the customer's."""
        skipped, is_transfer = ENDS[event.name], "TRANSFER" in event.name
        hold, talk = event.told(skipped), event.told(skipped + 1)
        entered = event.time - event.seconds(skipped) - event.seconds(skipped + 1)
        call = self._take_out(event, entered, lambda call: call.told.get("agent_id") == event.member)
        if is_transfer and call.entry.call != event.call:
            self.links.setdefault(event.call, call.entry.call)
        call.tell(agent_id=event.member, wait_seconds=hold, talk_seconds=talk, ended_at=event.time)
        return self._leg(call, is_transfer_out=yes_no(is_so=is_transfer))

    def _leave(self, event: Event) -> Row:
        """The customer leaves a queue unanswered: only ABANDON means that they gave up."""
        place = LEAVES[event.name]
        told, seconds = (None, 0.0) if place is None else (event.told(place), event.seconds(place))
        call = self._take_out(event, event.time - seconds, lambda call: not call.is_answered)
        call.tell(wait_seconds=call.waited(told, event), ended_at=event.time)
        return self._leg(call, is_abandoned=yes_no(is_so=event.name == "ABANDON"))

    def _missed(self, event: Event) -> Row:
        """An offer that an agent did not take; told in milliseconds, unlike the ringing of those who did."""
        milliseconds = total_of(event.told(0))
        rang = milliseconds / 1000 if isinstance(milliseconds, float) else milliseconds
        offer = Call(event, event.time - event.seconds(0) / 1000)
        offer.tell(agent_id=event.member, ring_seconds=rang, ended_at=event.time)
        reason = None if (event.call, event.queue) in self.open else CUT_OFF
        return self._leg(offer, reason, leg_id=f"{_place(offer)}/{event.member}", is_handled="no")

    def _take_out(self, event: Event, entered: float, suits: Callable[[Call], bool]) -> Call:
        """The open call that an event is about: of its own id, else of its queue and time, else one not told before."""
        own = self.open.get((event.call, event.queue))
        if own is not None and suits(own):
            return self.open.pop((event.call, event.queue))
        for key, call in self.open.items():
            if key[1] == event.queue and suits(call) and abs(call.entered - entered) <= CLOSE:
                return self.open.pop(key)
        return Call(event, entered)

    def _unended(self, call: Call) -> Row:
        """A call without an end: if nobody had answered it yet, what became of it is unknown."""
        return self._leg(call, None if call.is_answered else CUT_OFF)

    def _leg(self, call: Call, reason: str | None = None, **cells: str) -> Row:
        facts = self.facts.get(call.entry.call)
        derived = {
            "leg_id": _place(call),
            "contact_id": call.entry.call,
            "continues": self.links.get(call.entry.call) or _older(facts, call.entry.call),
            "customer_id": facts.number if facts else None,
            "queue": call.entry.queue,
            "direction": facts.direction if facts else None,
            "started_at": call.entered - call.told.get("ivr_seconds", 0.0),
            "is_handled": yes_no(is_so=call.is_answered),
            "is_transfer_out": "no",
            "is_abandoned": "no",
            **call.told,
            **cells,
        }
        if facts and "ivr_seconds" in call.told and derived["is_transfer_out"] == "no":
            derived["total_seconds"] = facts.ended - facts.began
        for name in TIMES & derived.keys():
            derived[name] = told_time(derived[name], is_local=call.entry.is_local)
        return Row(call.entry.file, call.entry.number, {}, derived, reason)


def _older(facts: CallFacts | None, call: str) -> str | None:
    return facts.root if facts and facts.root != call else None


def _place(call: Call) -> str:
    return f"{call.entry.call}/{call.entry.queue}/{call.entered:.0f}"


LEGS: Final = LegExport(
    what=WHAT,
    fields={},
    derived={
        "leg_id": "callid, queue and time of entry; of a missed offer callid, queue, time and member",
        "contact_id": "callid",
        "continues": "of an announced transfer the callid of the customer's own call; linkedid of the CDR",
        "customer_id": "callerid of ENTERQUEUE; src of the CDR",
        "agent_id": "member of CONNECT, or of the event that ends the call",
        "queue": "queuename",
        "direction": "dcontext of the CDR: from-trunk and the like is inbound, from-internal is internal",
        "started_at": "time of ENTERQUEUE, less the time in the menu; else worked out from holdtime and calltime",
        "answered_at": "time of CONNECT",
        "ended_at": "time of the event that ends the call",
        "ivr_seconds": "from the time in callid to the first ENTERQUEUE; on a local clock from start of the CDR",
        "wait_seconds": "holdtime of CONNECT; waittime of ABANDON and EXIT…, else from ENTERQUEUE to them",
        "ring_seconds": "ringtime of CONNECT, in s; of RINGNOANSWER, in ms",
        "talk_seconds": "calltime of COMPLETECALLER, COMPLETEAGENT, BLINDTRANSFER, ATTENDEDTRANSFER, TRANSFER",
        "total_seconds": "of a call in one queue, from the first start of its CDRs to their last end",
        "is_handled": "CONNECT, or an event that ends an answered call",
        "is_transfer_out": "BLINDTRANSFER, ATTENDEDTRANSFER or TRANSFER",
        "is_abandoned": "ABANDON; EXITWITHTIMEOUT, EXITEMPTY and EXITWITHKEY leave the queue otherwise",
    },
    read=_read,
    talk_excludes_hold=False,
    wait_includes_ring=True,
    total_of=("ivr_seconds", "wait_seconds", "talk_seconds"),
    reasons={
        CUT_OFF: "The log begins or ends in the middle of the call, before anybody answered: how it went on is unknown."
    },
    rule=(
        "Each entry into a queue is a leg, and so is each offer that an agent did not take. The log knows neither hold"
        " nor after-call work: both are unknown, and handle time is talk alone. An announced transfer goes on under"
        " another callid: the entry of a CONNECT that has none of its own is found by queue and time, and the call that"
        " a transfer ends by queue, member and time. Files are read in the order of their first lines. Lines that tell"
        " what agents do (PAUSE, ADDMEMBER and others) are no legs. The table that a realtime database keeps is read"
        " too (time, callid, queuename, agent, event, data1 to data5); a time without an offset is meant in the given"
        " zone. Call detail records (CDR: Master.csv, or the table cdr) may lie beside the log: in the same folder, as"
        ' `{"queue_log": …, "cdr": …}` in Python, or as `&cdr=TABLE` in the URL of a database. Their linkedid joins'
        " calls that the log knows under several ids; a few facts of each are held in memory meanwhile."
    ),
    names=(),  # a leg is made of several lines, and is none of them
)

ASTERISK_QUEUE_LOG: Final = Source(
    "asterisk_queue_log",
    ("contacts",),
    "Asterisk queue_log, in files (lines with | between the fields) or as a table, with call detail records if there"
    " are any; FreePBX and Issabel write them too.",
    unconfirmed=(
        "the clock of a time without an offset is the server's, and that of the CDR is the same",
        "which contexts of the CDR mean a call from outside",
        "with Local/ channels a transfer is often not told, and calltime then runs on after the agent has left",
        "the time from a call's channel to its first queue is its time in the menu",
    ),
    legs=LEGS,
)
