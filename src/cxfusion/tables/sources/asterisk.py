"""Asterisk's queue_log (FreePBX, Issabel and others): lines of events, from which each call's way is put together.

A transfer with an announcement goes on under another call id; it is found again by queue, agent and time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import UnreadableFileError
from cxfusion.tables.sources.leg_export import LegExport, yes_no
from cxfusion.tables.sources.records import Row, number_of, open_text, paths_of, unreadable
from cxfusion.tables.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ASTERISK_QUEUE_LOG"]

WHAT: Final = "an Asterisk queue_log"
FEWEST_FIELDS: Final = 5  # time, call, queue, member, event
CALL: Final = re.compile(r"(\d{9,10})\.\d+$")  # a call's id ends in when its channel was made, and a number
LONGEST_MENU: Final = 3600  # seconds; an older channel is no sign of time in the menu
CLOSE: Final = 2.0  # seconds by which events of one moment may differ
CUT_OFF: Final = "cut_off"
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


@dataclass(frozen=True)
class Event:
    """One line."""

    file: str
    number: int
    time: float
    call: str
    queue: str
    member: str
    name: str
    data: tuple[str, ...]

    def seconds(self, place: int) -> float | None:
        """A parameter as seconds, counted from 0; None where the line has none."""
        return number_of(self.data[place]) if place < len(self.data) else None


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

    def waited(self, told: float | None, until: Event) -> float | None:
        """Its wait as told, else as its entry and exit show it."""
        return until.time - self.entered if told is None and self.entry is not until else told


def _read(data: Any) -> Iterator[Row]:
    log = Log()
    for path in sorted(paths_of(data, WHAT), key=_first_time):
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                event = _event(path, number, line)
                if event is not None:
                    yield from log.take(event)
                elif line.strip():
                    yield unreadable(path, number, line)
    yield from log.rest()


def _first_time(path: str) -> float:
    """When a file begins: rotated logs are read in the order of time, whatever they are called.

    Raises
    ------
    UnreadableFileError
        No line of it is an event.
    """
    with open_text(path) as file:
        first = next((event for line in file if (event := _event(path, 0, line))), None)
    if first is None:
        raise UnreadableFileError(
            f"{path} holds no line of {WHAT}. Expected time|call|queue|member|event|…, with the time in seconds since"
            " 1970."
        )
    return first.time


def _event(path: str, number: int, line: str) -> Event | None:
    time, *fields = line.rstrip("\r\n").split("|")
    seconds = number_of(time)
    if seconds is None or len(fields) < FEWEST_FIELDS - 1:
        return None
    call, queue, member, name, *data = fields
    return Event(path, number, seconds, call, queue, member, name.upper(), tuple(data))


@dataclass
class Log:
    """What is to be remembered of a log: calls that are open, and calls that go on under another id.

    Attributes
    ----------
    open : dict
        By call and queue.
    links : dict
        A call's id to that of the customer's own call.
    seen : tuple of two sets
        Ids of the calls of the last hour or two: only what the log tells of first, comes from the menu.
    hour : float
    """

    open: dict[tuple[str, str], Call] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    seen: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
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
        call.tell(customer_id=event.data[1] if len(event.data) > 1 else None)
        call.tell(ivr_seconds=_menu(event) if is_first else None)
        self.open[event.call, event.queue] = call

    def _is_first(self, event: Event) -> bool:
        if event.time - self.hour > LONGEST_MENU:
            self.seen, self.hour = (set(), self.seen[0]), event.time
        is_first = all(event.call not in calls for calls in self.seen)
        self.seen[0].add(event.call)
        return is_first

    def _connect(self, event: Event) -> None:
        """An agent takes a call, which may have entered the queue under the id of the agent who announced it."""
        hold = event.seconds(0)
        call = self._take_out(event, event.time - (hold or 0.0), lambda call: not call.is_answered)
        if call.entry.call != event.call:
            self.links[call.entry.call] = event.call
            call.told.pop("ivr_seconds", None)
        call.tell(agent_id=event.member, answered_at=event.time, ring_seconds=event.seconds(2))
        call.tell(wait_seconds=call.waited(hold, event))
        self.open[event.call, event.queue] = call

    def _end(self, event: Event) -> Row:
        """A call ends; an announced transfer is told under the agent's own call id, which then is the customer's."""
        skipped, is_transfer = ENDS[event.name], "TRANSFER" in event.name
        hold, talk = event.seconds(skipped), event.seconds(skipped + 1)
        entered = event.time - (hold or 0.0) - (talk or 0.0)
        call = self._take_out(event, entered, lambda call: call.told.get("agent_id") == event.member)
        if is_transfer and call.entry.call != event.call:
            self.links.setdefault(event.call, call.entry.call)
        call.tell(agent_id=event.member, wait_seconds=hold, talk_seconds=talk, ended_at=event.time)
        return self._leg(call, is_transfer_out=yes_no(is_so=is_transfer))

    def _leave(self, event: Event) -> Row:
        """The customer leaves a queue unanswered: only ABANDON means that they gave up."""
        place = LEAVES[event.name]
        told = None if place is None else event.seconds(place)
        call = self._take_out(event, event.time - (told or 0.0), lambda call: not call.is_answered)
        call.tell(wait_seconds=call.waited(told, event), ended_at=event.time)
        return self._leg(call, is_abandoned=yes_no(is_so=event.name == "ABANDON"))

    def _missed(self, event: Event) -> Row:
        """An offer that an agent did not take; told in milliseconds, unlike the ringing of those who did."""
        milliseconds = event.seconds(0)
        rang = None if milliseconds is None else milliseconds / 1000
        offer = Call(event, event.time - (rang or 0.0))
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
        derived = {
            "leg_id": _place(call),
            "contact_id": call.entry.call,
            "continues": self.links.get(call.entry.call),
            "queue": call.entry.queue,
            "started_at": call.entered - call.told.get("ivr_seconds", 0.0),
            "is_handled": yes_no(is_so=call.is_answered),
            "is_transfer_out": "no",
            "is_abandoned": "no",
            **call.told,
            **cells,
        }
        return Row(call.entry.file, call.entry.number, {}, derived, reason)


def _place(call: Call) -> str:
    return f"{call.entry.call}/{call.entry.queue}/{call.entered:.0f}"


def _menu(event: Event) -> float | None:
    """Seconds from when the call's channel was made until it entered the queue."""
    made = CALL.search(event.call)
    seconds = event.time - float(made[1]) if made else None
    return seconds if seconds is not None and 0 <= seconds <= LONGEST_MENU else None


LEGS: Final = LegExport(
    what=WHAT,
    fields={},
    derived={
        "leg_id": "callid, queue and time of entry; of a missed offer callid, queue, time and member",
        "contact_id": "callid",
        "continues": "of an announced transfer the callid of the customer's own call",
        "customer_id": "callerid of ENTERQUEUE",
        "agent_id": "member of CONNECT, or of the event that ends the call",
        "queue": "queuename",
        "started_at": "time of ENTERQUEUE, less the time in the menu; else worked out from holdtime and calltime",
        "answered_at": "time of CONNECT",
        "ended_at": "time of the event that ends the call",
        "ivr_seconds": "from the time in callid to the first ENTERQUEUE",
        "wait_seconds": "holdtime of CONNECT; waittime of ABANDON and EXIT…, else from ENTERQUEUE to them",
        "ring_seconds": "ringtime of CONNECT, in s; of RINGNOANSWER, in ms",
        "talk_seconds": "calltime of COMPLETECALLER, COMPLETEAGENT, BLINDTRANSFER, ATTENDEDTRANSFER, TRANSFER",
        "is_handled": "CONNECT, or an event that ends an answered call",
        "is_transfer_out": "BLINDTRANSFER, ATTENDEDTRANSFER or TRANSFER",
        "is_abandoned": "ABANDON; EXITWITHTIMEOUT, EXITEMPTY and EXITWITHKEY leave the queue otherwise",
    },
    read=_read,
    talk_excludes_hold=False,
    wait_includes_ring=True,
    reasons={
        CUT_OFF: "The log begins or ends in the middle of the call, before anybody answered: how it went on is unknown."
    },
    rule=(
        "Each entry into a queue is a leg, and so is each offer that an agent did not take. The log knows neither hold"
        " nor after-call work: both are unknown, and handle time is talk alone. An announced transfer goes on under"
        " another callid: the entry of a CONNECT that has none of its own is found by queue and time, and the call that"
        " a transfer ends by queue, member and time. Files are read in the order of their first lines. Lines that tell"
        " what agents do (PAUSE, ADDMEMBER and others) are no legs."
    ),
)

ASTERISK_QUEUE_LOG: Final = Source(
    "asterisk_queue_log",
    ("contacts",),
    "Asterisk queue_log files, lines with | between the fields, as FreePBX and Issabel write them too.",
    unconfirmed=(
        "with Local/ channels a transfer is often not told, and calltime then runs on after the agent has left",
        "the time from a call's channel to its first queue is its time in the menu",
    ),
    legs=LEGS,
)
