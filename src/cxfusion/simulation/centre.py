"""What a simulated call centre is like: its work, its people, its customers, and what moves their scores.

The default centre tells a story: waits and transfers are real levers, hold and talk only mark hard cases, and
the menu is a null.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from cxfusion.errors import UsageError
from cxfusion.simulation.bounds import problems_of
from cxfusion.simulation.ingredients import Faults, Form, Priority, Repeats, Selection
from cxfusion.simulation.noise import MixedNoise, Noise

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["QUEUES", "REASONS", "Centre", "Queue", "Reason"]

LEAST_AGENTS_PER_QUEUE: Final = 8  # below this, days off could leave a queue without anyone on some shift


@dataclass(frozen=True)
class Reason:
    """Why customers call.

    Attributes
    ----------
    name : str
    difficulty : float
        The part of a case's difficulty that the log records, in standard deviations of the hidden part.
    mood : float
        What the subject itself does to satisfaction, in latent points.
    response_factor : float
        How many times as likely its customers are to answer the survey.
    paperwork : float
        What it adds to the log of wrap by rule, however hard the case.
    """

    name: str
    difficulty: float
    mood: float
    response_factor: float = 1.0
    paperwork: float = 0.0


@dataclass(frozen=True)
class Queue:
    """A queue and what its customers call about.

    Attributes
    ----------
    name : str
    share : float
        Share of all contacts.
    mix : tuple of float
        Share of each of the centre's reasons, in their order.
    """

    name: str
    share: float
    mix: tuple[float, ...]


REASONS: Final = (
    Reason("balance", -0.7, 0.15, 0.9),
    Reason("address_change", -0.5, 0.10, 0.9),
    Reason("invoice", 0.0, -0.15, 1.1),
    Reason("payment", 0.1, -0.05, 1.0),
    Reason("delivery", 0.2, -0.10, 1.1),
    Reason("outage", 0.4, -0.30, 1.2),
    Reason("contract", 0.3, 0.05, 1.0),
    Reason("complaint", 0.8, -0.45, 1.2),
)

QUEUES: Final = (
    Queue("general", 0.32, (0.25, 0.20, 0.15, 0.12, 0.12, 0.04, 0.08, 0.04)),
    Queue("billing", 0.24, (0.15, 0.05, 0.35, 0.28, 0.02, 0.02, 0.06, 0.07)),
    Queue("orders", 0.18, (0.03, 0.12, 0.08, 0.12, 0.50, 0.03, 0.06, 0.06)),
    Queue("technical", 0.16, (0.02, 0.03, 0.03, 0.02, 0.10, 0.66, 0.04, 0.10)),
    Queue("retention", 0.10, (0.04, 0.03, 0.10, 0.06, 0.05, 0.06, 0.46, 0.20)),
)


@dataclass(frozen=True)
class Centre:
    """A call centre: its work, its people, its customers, and what moves their scores.

    Satisfaction is counted in latent points (one is about the spread of the noise) and cut into scores;
    difficulty, skill, speed, style and customers' mood are standard normal.

    Attributes
    ----------
    first_day : datetime.date
        A Monday keeps the week's profile where it belongs.
    n_days : int
        Days of the log, unless that would make days too busy to hold in memory.
    most_contacts_per_day : int
        From here on a bigger log has more days rather than bigger ones, so that memory stays bounded.
    contacts_per_agent_day, contacts_per_customer : float
        Size of the staff and of the customer base, relative to the log.
    opening_hour, closing_hour : int
        UTC.
    weekday_volumes : tuple of float
        Relative volume, Monday first.
    queues, reasons
        What customers call about.
    channels, channel_shares, channel_response_factors : tuple
        How they call, and how many times as likely they are to answer the survey.
    bad_day_share : float
        Share of queue × dates on which things go wrong; how badly is exponential with mean 1.
    bad_day_load, bad_day_mood : float
        What one unit of badness adds to the load, and takes from satisfaction (latent points).
    load_quiet, load_peak : float
        Planned work per capacity in the quietest and the busiest quarter of an hour.
    load_surprise, load_memory : float
        Spread of the log of unplanned load, and its autocorrelation from one quarter to the next.
    patience_seconds : float
        Scale of the (Weibull) time after which a waiting customer gives up.
    ring_seconds, ivr_seconds, rewait_seconds : float
        Means; ``rewait_seconds`` is per transfer.
    talk_seconds, wrap_seconds, hold_seconds_each : float
        Medians for a case of no particular difficulty (the mean, for one hold).
    holds_mean, transfers_mean : float
        Mean counts for such a case.
    talk_difficulty, wrap_difficulty, hold_difficulty, transfer_difficulty : float
        What one unit of difficulty adds to the log of talk, wrap, number of holds and number of transfers.
    talk_spread, wrap_spread : float
        Spread of their logs besides.
    mood_talk : float
        What one unit of a customer's mood adds to the log of talk: those who are content anyway like to talk.
    talk_venting : float
        What a fully annoying wait adds to the log of talk: those who waited first complain about it.
    wrap_talk_link : float
        Correlation of those two spreads: slow systems, thorough notes.
    wrap_displeasure : float
        What one latent point of displeasure adds to the log of wrap: agents write up angry customers at length.
    agent_pace : float
        What one unit of an agent's speed takes from the log of talk, wrap and holds.
    agent_wrap_style : float
        What one unit of an agent's own style adds to the log of wrap.
    skill_pace : float
        Correlation of an agent's speed with skill.
    grace_seconds, annoyance_seconds : float
        Waits up to the first annoy nobody; the second says how soon after it annoyance saturates.
    wait_threshold_seconds : float
        Where it is not 0, waits annoy nobody up to it and everybody soon after.
    wait_effect : float
        Latent points that a fully annoying wait takes.
    transfer_effect : float
        Latent points that each transfer takes, besides the waiting that it sets off.
    rewait_effect : float
        Latent points that fully annoying waits after transfers take.
    hold_effect, hold_weary_seconds : float
        Latent points that an endless hold takes, and the hold that takes half of them.
    talk_effect, talk_weary_seconds : float
        The same for talk, which wearies slowly at first.
    last_straw_effect : float
        Latent points that an endless hold takes besides, after a fully annoying wait.
    repeat_effect : float
        Latent points that a first earlier contact about the same thing takes; four of them take twice that.
    difficulty_effect, skill_effect, mood_effect : float
        Latent points per unit of a case's difficulty (taken), an agent's skill and a customer's mood (given).
    csat_cuts : tuple of float
        Latent points at which CSAT goes from 1 to 2, … 4 to 5.
    nps_cuts : tuple of float
        Latent points at which likelihood to recommend goes from 0 to 1, … 9 to 10.
    nps_carry : float
        How much of satisfaction carries over to the likelihood to recommend.
    noise_link : float
        Correlation of the noise in the two scores.
    noise : Noise
        What moves a score besides.
    response_rate : float
        Share of answered contacts with a survey answer, before the factors of channel, reason and wait.
    response_annoyance : float
        What a fully annoying wait adds to the log of the response rate. Given the log, answering tells
        nothing about the score, unless ``selection`` says otherwise: missing at random.
    answer_lag_hours : float
        Median time from invitation to answer.
    selection : Selection
        What else decides who answers.
    repeats : Repeats, optional
        Who comes back; without, customers call by chance alone.
    priority : Priority, optional
        Who is let to the front of the queue; without, nobody is.
    form : Form, optional
        Agents' good and bad days; without, all their days are alike.
    faults : Faults
        What systems get wrong.
    cannot_tell : tuple of (str, str)
        Levers whose effect no method could tell from this log, each with the reason.
    """

    first_day: dt.date = dt.date(2025, 9, 1)
    n_days: int = 60
    most_contacts_per_day: int = 400_000
    contacts_per_agent_day: float = 800 / 60
    contacts_per_customer: float = 2.5
    opening_hour: int = 7
    closing_hour: int = 21
    weekday_volumes: tuple[float, ...] = (1.25, 1.10, 1.05, 1.05, 1.10, 0.65, 0.45)

    queues: tuple[Queue, ...] = QUEUES
    reasons: tuple[Reason, ...] = REASONS
    channels: tuple[str, ...] = ("phone", "app_call", "web_call")
    channel_shares: tuple[float, ...] = (0.65, 0.20, 0.15)
    channel_response_factors: tuple[float, ...] = (0.90, 1.40, 1.10)

    bad_day_share: float = 0.15
    bad_day_load: float = 0.06
    bad_day_mood: float = 0.30
    load_quiet: float = 0.72
    load_peak: float = 0.98
    load_surprise: float = 0.09
    load_memory: float = 0.80
    patience_seconds: float = 600.0
    ring_seconds: float = 6.0
    ivr_seconds: float = 50.0
    rewait_seconds: float = 45.0

    talk_seconds: float = 240.0
    wrap_seconds: float = 45.0
    hold_seconds_each: float = 55.0
    holds_mean: float = 0.80
    transfers_mean: float = 0.14
    talk_difficulty: float = 0.35
    wrap_difficulty: float = 0.45
    hold_difficulty: float = 0.45
    transfer_difficulty: float = 0.50
    talk_spread: float = 0.40
    wrap_spread: float = 0.45
    mood_talk: float = 0.0
    talk_venting: float = 0.05
    wrap_talk_link: float = 0.0
    wrap_displeasure: float = 0.0
    agent_pace: float = 0.15
    agent_wrap_style: float = 0.30
    skill_pace: float = 0.40

    grace_seconds: float = 15.0
    annoyance_seconds: float = 300.0
    wait_threshold_seconds: float = 0.0
    wait_effect: float = 2.0
    transfer_effect: float = 0.55
    rewait_effect: float = 0.50
    hold_effect: float = 0.0
    hold_weary_seconds: float = 120.0
    talk_effect: float = 0.0
    talk_weary_seconds: float = 400.0
    last_straw_effect: float = 0.0
    repeat_effect: float = 0.0
    difficulty_effect: float = 0.40
    skill_effect: float = 0.25
    mood_effect: float = 0.55
    csat_cuts: tuple[float, ...] = (-2.15, -1.60, -1.00, -0.10)
    nps_cuts: tuple[float, ...] = (-2.6, -2.3, -2.05, -1.85, -1.65, -1.4, -1.1, -0.75, -0.2, 0.35)
    nps_carry: float = 0.85
    noise_link: float = 0.75
    noise: Noise = field(default_factory=MixedNoise)

    response_rate: float = 0.108
    response_annoyance: float = 0.25
    answer_lag_hours: float = 2.5
    selection: Selection = field(default_factory=Selection)
    repeats: Repeats | None = None
    priority: Priority | None = None
    form: Form | None = None
    faults: Faults = field(default_factory=Faults)
    cannot_tell: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        unusable = list(_unusable(self))
        if unusable:
            raise UsageError("This centre cannot be drawn.", unusable)
        problems = [
            f"queue {queue.name!r} has a mix of {len(queue.mix)} reasons"
            for queue in self.queues
            if len(queue.mix) != len(self.reasons)
        ]
        if len(self.channel_shares) != len(self.channels):
            problems.append(f"{len(self.channel_shares)} channel shares")
        if len(self.channel_response_factors) != len(self.channels):
            problems.append(f"{len(self.channel_response_factors)} channel response factors")
        if problems:
            raise UsageError(
                f"The parts of this centre do not fit each other. Expected one number for each of its"
                f" {len(self.reasons)} reasons and {len(self.channels)} channels.",
                problems,
            )

    def days_for(self, n_contacts: int) -> int:
        """Number of days of a log of that size."""
        return max(self.n_days, math.ceil(n_contacts / self.most_contacts_per_day))

    def agents_for(self, n_contacts: int) -> int:
        """Number of agents that a log of that size takes."""
        wanted = n_contacts / (self.days_for(n_contacts) * self.contacts_per_agent_day)
        return max(LEAST_AGENTS_PER_QUEUE * len(self.queues), round(wanted))

    def customers_for(self, n_contacts: int) -> int:
        """Number of customers behind a log of that size."""
        return max(1, round(n_contacts / self.contacts_per_customer))


def _unusable(centre: Centre) -> Iterator[str]:
    """What is of another kind than a centre takes, out of bounds, or out of order."""
    first_day: object = centre.first_day
    if not isinstance(first_day, dt.date):
        yield f"first_day is {first_day!r}; expected a date"
    if not callable(getattr(centre.noise, "draw", None)):
        yield f"noise is {centre.noise!r}; expected a noise, such as MixedNoise()"
    for called, one in (("queues", Queue), ("reasons", Reason), ("channels", str), ("cannot_tell", tuple)):
        yield from _of_several(called, getattr(centre, called), one)
    parts = {"selection": Selection, "faults": Faults, "repeats": Repeats, "priority": Priority, "form": Form}
    for called, kind in parts.items():
        may_miss = called in ("repeats", "priority", "form")
        if not (may_miss and getattr(centre, called) is None):
            yield from _of_part(called, getattr(centre, called), kind)
    wrong = problems_of(centre)
    yield from wrong
    if not wrong:
        yield from _out_of_order(centre)


def _of_several(called: str, parts: object, kind: type) -> Iterator[str]:
    if not (isinstance(parts, tuple) and (parts or kind is tuple)):
        yield f"{called} is {parts!r}; expected a tuple of {kind.__name__}"
        return
    for place, part in enumerate(parts, start=1):
        yield from _of_part(f"{called}[{place}]", part, kind)


def _of_part(called: str, part: object, kind: type) -> Iterator[str]:
    if not isinstance(part, kind):
        yield f"{called} is {part!r}; expected {kind.__name__}"
    elif is_dataclass(part):
        yield from problems_of(part, f"{called}.")


def _out_of_order(centre: Centre) -> Iterator[str]:
    if centre.opening_hour >= centre.closing_hour:
        yield f"opening_hour is {centre.opening_hour} and closing_hour {centre.closing_hour}; expected the later second"
    if len(centre.weekday_volumes) != 7 or not sum(centre.weekday_volumes):
        yield f"weekday_volumes is {centre.weekday_volumes}; expected seven, not all of them 0"
    for called, n in (("csat_cuts", 4), ("nps_cuts", 10)):
        cuts = getattr(centre, called)
        if len(cuts) != n or any(low >= high for low, high in pairwise(cuts)):
            yield f"{called} is {cuts}; expected {n} numbers, each above the one before"
