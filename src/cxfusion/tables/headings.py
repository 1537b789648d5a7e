"""The ordinary headings of call-centre exports, and which canonical column each one names.

Case, spaces, punctuation and camelCase do not matter; a unit at the end of a heading is read as the unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from cxfusion.tables.canonical import CONTACT_COLUMNS, SURVEY_COLUMNS, Column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cxfusion.tables.mapping import Section, Unit

__all__ = [
    "Heading",
    "canonical_columns",
    "letters_apart",
    "may_differ_by",
    "near_heading",
    "part_of_name",
    "read_heading",
    "resembling",
    "snake_case",
    "usual_names",
]

UNIT_WORDS: Final[dict[str, Unit]] = {
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds"], "s"),
    **dict.fromkeys(["ms", "msec", "msecs", "millis", "millisecond", "milliseconds"], "ms"),
    **dict.fromkeys(["min", "mins", "minute", "minutes"], "min"),
    **dict.fromkeys(["h", "hr", "hrs", "hour", "hours"], "h"),
    **dict.fromkeys(["hhmmss", "hmmss"], "hh:mm:ss"),
}

WHO: Final = {
    "case_id": "case, case number, case no, ticket, ticket id, ticket number, incident id, incident number",
    "customer_id": (
        "customer, customer key, customer number, customer no, customer phone, customer phone number, caller, "
        "caller id, caller number, calling number, ani, cli, msisdn, phone, phone number, client id, member id, "
        "account id, account number, account no, requester id, contact person number"
    ),
    "contact_id": (
        "contact key, contact number, call id, call key, call number, call reference, call ref, call guid, "
        "interaction id, interaction number, conversation id, unique id, chat id, ucid, ext interaction id"
    ),
}

CONTACT_HEADINGS: Final = {
    **WHO,
    "started_at": (
        "start, start time, start timestamp, start date time, started, started on, call start, call start time, "
        "call start date time, call date time, call timestamp, contact start, contact start time, conversation start, "
        "conversation start time, interaction start, interaction start time, initiated at, initiation timestamp, "
        "created at, arrived at, arrival time, offered at, received at, timestamp, date time"
    ),
    "ended_at": (
        "end, end time, end timestamp, end date time, ended, ended on, call end, call end time, call end date time, "
        "contact end, contact end time, conversation end, conversation end time, interaction end, "
        "interaction end time, finished at, disconnected at, disconnect timestamp, completed at"
    ),
    "agent_id": (
        "agent, agent name, agent login, agent login id, agent email, agent username, agent code, advisor, "
        "advisor id, advisor name, representative, representative id, rep, rep id, rep name, employee id, operator, "
        "operator id, csr, csr id, handled by, answered by, last agent, last agent id"
    ),
    "first_agent_id": "first agent, first agent name",
    "n_agents": "agents, agent count, number of agents, num agents",
    "queue": (
        "queue name, queue id, call queue, acd queue, acd group, skill, skill name, skill id, skill group, skillset, "
        "split, split skill, hunt group, ring group, call group"
    ),
    "channel": (
        "channel name, channel type, contact channel, interaction channel, communication channel, media, media type, "
        "media name, media type name"
    ),
    "direction": "call direction, contact direction, interaction direction, originating direction",
    "reason": (
        "contact reason, call reason, reason code, reason for contact, reason for call, reason for calling, "
        "contact driver, call driver, contact category, call category, issue category, issue type, category, topic, "
        "wrap up code, wrap code"
    ),
    "wait_seconds": (
        "wait, wait time, waiting time, wait duration, waiting, queue time, queue wait, queue wait time, "
        "queue waiting time, queue wait duration, queue duration, time in queue, in queue, in queue time, "
        "speed of answer, answer speed, time to answer"
    ),
    "rewait_seconds": "rewait, rewait time, requeue time, requeue wait time",
    "ivr_seconds": "ivr, ivr time, ivr duration, time in ivr, ivr time spent, pre queue, pre queue time, vru time",
    "ring_seconds": "ring, ring time, ring duration, ringing time, ringing duration, alert time",
    "talk_seconds": "talk, talk time, talk duration, talking time, agent talk time, active talk time",
    "hold_seconds": (
        "hold, hold time, hold duration, time on hold, on hold time, total hold time, customer hold time, "
        "customer hold duration, held time"
    ),
    "wrap_seconds": (
        "wrap, wrap time, wrap duration, wrap up, wrap up time, wrap up duration, acw, acw time, acw duration, "
        "after call work, after call work time, after call work duration, after contact work, "
        "after contact work time, after contact work duration, post call work, post call work time"
    ),
    "n_holds": "holds, hold count, number of holds, num holds, times on hold",
    "n_transfers": "transfers, transfer count, number of transfers, num transfers",
    "is_abandoned": (
        "abandoned, abandon, abandoned flag, abandon flag, call abandoned, abandoned y n, abandoned yes no"
    ),
    "is_resolved": (
        "resolved, resolved flag, issue resolved, resolved y n, resolved yes no, first call resolution, "
        "first contact resolution, fcr"
    ),
}

SURVEY_HEADINGS: Final = {
    **WHO,
    "response_id": "survey response id, respondent id, submission id, feedback id, answer id, request id",
    "leg_id": "segment id, call segment id, leg",
    "invited_at": (
        "invited, invitation date, invitation time, invitation sent at, sent, sent at, sent on, sent date, sent time, "
        "date sent, survey sent, survey sent at, survey sent date, request sent at"
    ),
    "answered_at": (
        "answered, answer date, answered on, response date, response timestamp, responded at, response received at, "
        "survey response date, survey date, survey completed date, completed at, completion date, completed on, "
        "date completed, submitted at, submit date, submission date, date submitted, recorded date, feedback date, "
        "timestamp"
    ),
    "csat": (
        "csat score, csat rating, satisfaction, satisfaction score, satisfaction rating, customer satisfaction, "
        "customer satisfaction score, customer satisfaction rating, overall satisfaction, osat, star rating"
    ),
    "nps": (
        "nps score, nps rating, net promoter score, likelihood to recommend, likely to recommend, ltr, recommend, "
        "recommendation, recommend score, recommendation score, would recommend, promoter score, "
        "survey promoter score"
    ),
    "ces": "ces score, ces rating, customer effort score, customer effort, effort score, effort, ease score",
    "is_resolved_reported": (
        "resolved, issue resolved, is resolved, problem resolved, was your issue resolved, was your problem resolved, "
        "resolved y n, resolved yes no"
    ),
    "respondent_role": "respondent, role, respondent type",
    "survey_level": "level",
    "disposition": "survey status, response status, delivery status, request delivery status, survey disposition",
}


MARKS: Final = re.compile(r"[\s_]*[(\[]?\s*\b([01])\s*(?:-|–|\bto\b|\.\.)\s*([3-9]|10|100)\s*[)\]]?\s*$", re.IGNORECASE)
"""A scale at the end of a heading, as surveys print it: ``(1-5)``, ``0–10``, ``[1 to 7]``."""


@dataclass(frozen=True)
class Heading:
    """What a source heading says.

    Attributes
    ----------
    key : str
        Its letters and digits in lower case.
    stem : str
        The same without the unit or the scale at the end.
    unit : Unit or None
        The unit at the end, if it names one.
    scale : tuple of (float, float), optional
        The scale of marks at the end, if it names one: ``CSAT (1-7)``.
    """

    key: str
    stem: str
    unit: Unit | None
    scale: tuple[float, float] | None = None


def canonical_columns(section: Section) -> tuple[Column, ...]:
    """The canonical columns of contacts or surveys."""
    return CONTACT_COLUMNS if section == "contacts" else SURVEY_COLUMNS


def usual_names(section: Section) -> dict[str, frozenset[str]]:
    """Keys of the usual headings of every canonical column; durations without their unit."""
    spelled = CONTACT_HEADINGS if section == "contacts" else SURVEY_HEADINGS
    return {
        column.name: frozenset(_key(name) for name in spelled.get(column.name, "").split(",") if name.strip())
        for column in canonical_columns(section)
    }


def snake_case(text: str) -> str:
    """A heading as a name; one without a letter is called column.

    Examples
    --------
    >>> snake_case("Tenure Bucket"), snake_case("ACWSeconds"), snake_case("% sure?")
    ('tenure_bucket', 'acw_seconds', 'sure')
    """
    return part_of_name(text) or "column"


def part_of_name(text: str) -> str:
    """What follows a prefix in a name: the words of a text, or nothing."""
    return "_".join(_words(text))


def read_heading(text: str) -> Heading:
    """Key, stem and unit of a heading.

    Examples
    --------
    >>> read_heading("Talk Time (secs)")
    Heading(key='talktimesecs', stem='talktime', unit='s', scale=None)
    >>> read_heading("CSAT (1-7)")
    Heading(key='csat17', stem='csat', unit=None, scale=(1.0, 7.0))
    """
    key = _key(text)
    marks = MARKS.search(text)
    if marks is not None and marks.start():
        return Heading(key, _key(text[: marks.start()]), None, (float(marks[1]), float(marks[2])))
    words = _words(text)
    for n_words in (3, 1):  # hh:mm:ss are three words
        last = "".join(words[-n_words:])
        if len(words) > n_words and last in UNIT_WORDS:
            before = words[:-n_words]
            return Heading(key, "".join(before[:-1] if before[-1] == "in" and before[1:] else before), UNIT_WORDS[last])
    return Heading(key, key, None)


def near_heading(heading: Heading, names: Iterable[str]) -> bool:
    """Whether a heading is one letter (two in long ones) away from one of these keys, first letters alike."""
    return any(
        name[0] == heading.stem[:1] and letters_apart(heading.stem, name) <= may_differ_by(name)
        for name in names
        if len(name) >= 7
    )


def resembling(section: Section, name: str, found: Iterable[str]) -> list[str]:
    """Source headings that look most like a canonical column or one of its usual headings, best first."""
    keys = {_key(name), *usual_names(section)[name]}
    scores = {source: max(SequenceMatcher(None, _key(source), key).ratio() for key in keys) for source in found}
    return [source for source, score in sorted(scores.items(), key=lambda item: -item[1]) if score >= 0.7][:3]


def may_differ_by(name: str) -> int:
    """How many letters of a name may be a slip of the pen: one, of a long name two."""
    return 2 if len(name) >= 12 else 1


def letters_apart(one: str, other: str) -> int:
    """Letters to change, add or drop to make one word the other; two neighbours swapped count once."""
    if abs(len(one) - len(other)) > 2:
        return 3
    if sorted(one) == sorted(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 2:
        return 1
    changes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in changes if kind != "equal")


def _words(text: str) -> list[str]:
    split = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", text)
    return re.findall(r"[^\W_]+", split.lower())


def _key(text: str) -> str:
    return "".join(_words(text))
