"""Named call centres, each with something that fools somebody: one simulator, other ingredients.

Levers that do nothing tempt as much as those that do; where no method could tell them apart, the world says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import UnknownNameError, told_nearest
from cxfusion.simulation.centre import QUEUES, REASONS, Centre, Queue, Reason
from cxfusion.simulation.ingredients import Faults, Form, Priority, Repeats, Selection
from cxfusion.simulation.noise import HeavyNoise, SkewedNoise, UniformNoise

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DEFAULT_WORLD", "WORLDS", "World", "find_world"]


@dataclass(frozen=True)
class World:
    """A named centre.

    Attributes
    ----------
    name : str
    story : str
        What is special about it, in a sentence.
    centre : Centre
    most_contacts : int, optional
        A centre that is small by nature has no larger log.
    """

    name: str
    story: str
    centre: Centre
    most_contacts: int | None = None

    def contacts(self, wanted: int) -> int:
        """Contacts of its log where so many were wanted."""
        return min(wanted, self.most_contacts or wanted)


DEFAULT_WORLD: Final = "default"

REAL_HOLD: Final[dict[str, Any]] = {"hold_effect": 1.4}
REAL_TALK: Final[dict[str, Any]] = {"talk_effect": 1.3}
NO_WAIT: Final[dict[str, Any]] = {"wait_effect": 0.0}
NO_TRANSFERS: Final[dict[str, Any]] = {"transfer_effect": 0.0, "rewait_effect": 0.0}

EARLIER: Final = "n_prior_contacts"
DURING: Final = ("hold_seconds", "talk_seconds", "n_transfers")


def _because(why: str, *levers: str) -> tuple[tuple[str, str], ...]:
    return tuple((lever, why) for lever in levers)


def _with_paperwork() -> tuple[Reason, ...]:
    hours = (-0.9, 1.0, 0.4, -0.6, 0.2, -0.8, 1.2, 0.0)
    return tuple(replace(reason, paperwork=more) for reason, more in zip(REASONS, hours, strict=True))


def _many_reasons() -> tuple[tuple[Reason, ...], tuple[Queue, ...]]:
    """Forty reasons, eight for each queue, that tell most of how hard a case is."""
    reasons = []
    for number in range(40):
        place = (number * 17 % 40) / 39  # spread over the queues
        reasons.append(
            Reason(f"topic_{number:02d}", 2.6 * place - 1.3, 0.25 - 0.5 * ((number * 7 % 40) / 39), 0.8 + 0.4 * place)
        )
    queues = [
        replace(queue, mix=tuple(0.10 if number // 8 == i else 0.00625 for number in range(40)))
        for i, queue in enumerate(QUEUES)
    ]
    return tuple(reasons), tuple(queues)


def _calm(**more: Any) -> Centre:
    """No hidden difficulty that matters, no bad days, all of waiting, hold and transfers real."""
    return Centre(difficulty_effect=0.0, bad_day_mood=0.0, **REAL_HOLD, **more)


def _worlds() -> Iterator[World]:
    yield World(DEFAULT_WORLD, "Waits and transfers are levers; hold and talk only mark hard cases.", Centre())
    yield from _of_levers()
    yield from _of_confounding()
    yield from _of_customers()
    yield from _of_the_control()
    yield from _of_noise_and_shape()
    yield from _of_answering()
    yield from _of_files()


def _of_levers() -> Iterator[World]:
    yield World("calm", "Nothing is hidden: waits, transfers and hold are levers, talk is nothing.", _calm())
    yield World(
        "nothing_moves",
        "No lever does anything; hard cases, bad days and agents make all of them look as if they did.",
        Centre(**NO_WAIT, **NO_TRANSFERS, difficulty_effect=0.55),
    )
    yield World(
        "long_talks",
        "Talk and hold are levers; waits and transfers are nothing.",
        Centre(**NO_WAIT, **NO_TRANSFERS, **REAL_HOLD, **REAL_TALK),
    )
    yield World(
        "all_move", "Everything that tempts is a lever, and hard cases come on top.", Centre(**REAL_HOLD, **REAL_TALK)
    )


def _of_confounding() -> Iterator[World]:
    yield World(
        "hard_cases",
        "Hidden difficulty rules hold, talk, transfers and mood; of these only transfers do something themselves.",
        Centre(difficulty_effect=0.7, hold_difficulty=0.6, talk_difficulty=0.45),
    )
    yield World(
        "bad_days",
        "Some days lengthen waits and sour moods; the waits themselves do nothing.",
        Centre(**NO_WAIT, bad_day_share=0.3, bad_day_load=0.10, bad_day_mood=0.6, **REAL_HOLD),
    )
    yield World(
        "star_agents",
        "Agents differ: the good ones are quick and liked, so that speed looks as if it pleased.",
        Centre(skill_effect=0.7, agent_pace=0.4, skill_pace=0.8, agent_wrap_style=0.5),
    )
    yield World(
        "off_days",
        "Agents have good and bad days: on a bad one they are slow, and customers are less content.",
        Centre(form=Form()),
    )
    yield World(
        "paperwork",
        "After-call work follows the reason's paperwork more than the case.",
        Centre(reasons=_with_paperwork()),
    )
    reasons, queues = _many_reasons()
    yield World(
        "rich_case_mix",
        "Forty reasons tell most of how hard a case is.",
        Centre(reasons=reasons, queues=queues, **REAL_HOLD),
    )
    yield World(
        "repeat_contacts",
        "Customers come back because it went badly or is hard, and coming back is a burden itself; half a year of log.",
        Centre(
            n_days=180,
            repeats=Repeats(),
            repeat_effect=0.45,
            cannot_tell=_because("those who come back are the discontented kind, and no log shows moods", EARLIER),
        ),
    )


def _of_customers() -> Iterator[World]:
    no_kind = "the log does not say what kind of customer it was"
    yield World(
        "front_of_the_queue",
        "Some customers are let to the front of the queue, and are more satisfied anyway; waits do nothing.",
        Centre(**NO_WAIT, priority=Priority(), cannot_tell=_because(no_kind, "wait_seconds")),
    )
    yield World(
        "chatty_customers",
        "The more content a customer is by nature, the longer the talk.",
        Centre(mood_talk=0.15, **REAL_HOLD, cannot_tell=_because(no_kind, "talk_seconds")),
    )


def _of_the_control() -> Iterator[World]:
    yield World(
        "blind_wrap",
        "After-call work hardly knows how hard a case was: nothing in the log does.",
        Centre(
            wrap_difficulty=0.02,
            difficulty_effect=0.55,
            cannot_tell=_because("nothing in the log tells a hard case from an easy one", *DURING),
        ),
    )
    yield World(
        "shared_noise",
        "Slow systems lengthen talk and after-call work alike.",
        Centre(
            wrap_talk_link=0.7,
            difficulty_effect=0.55,
            cannot_tell=_because("after-call work goes with talk for reasons other than difficulty", *DURING),
        ),
    )
    yield World(
        "angry_notes",
        "Agents write at length about angry customers: after-call work follows the mood.",
        Centre(wrap_displeasure=0.15, **REAL_HOLD),
    )


def _of_noise_and_shape() -> Iterator[World]:
    yield World(
        "flat_noise",
        "What else moves a score is uniform: bounded, no tails.",
        Centre(noise=UniformNoise(), **REAL_HOLD),
    )
    yield World(
        "skewed_noise", "What else moves a score is mostly a bad surprise.", Centre(noise=SkewedNoise(), **REAL_HOLD)
    )
    yield World(
        "heavy_tails", "Now and then a score has nothing to do with anything.", Centre(noise=HeavyNoise(), **REAL_HOLD)
    )
    yield World(
        "threshold",
        "Two minutes of waiting are fine, more are not.",
        Centre(wait_threshold_seconds=120.0, wait_effect=1.0),
    )
    yield World(
        "last_straw",
        "A hold is bearable, unless it comes after a long wait.",
        Centre(hold_effect=0.8, last_straw_effect=2.5),
    )


def _of_answering() -> Iterator[World]:
    yield World(
        "everyone_alike",
        "Who answers is pure chance.",
        Centre(
            reasons=tuple(replace(reason, response_factor=1.0) for reason in REASONS),
            channel_response_factors=(1.0, 1.0, 1.0),
            response_annoyance=0.0,
        ),
    )
    yield World(
        "angry_answer",
        "The less satisfied, the likelier to answer.",
        Centre(response_rate=0.22, selection=Selection(discontent=0.25), **REAL_HOLD),
    )
    yield World(
        "extremes_answer",
        "Delight and anger answer; the middle does not bother.",
        Centre(response_rate=0.16, selection=Selection(extremes=0.35), **REAL_HOLD),
    )
    yield World(
        "picked_customers",
        "Half of the agents ask those who seem satisfied; the survey file lists whom they asked.",
        Centre(
            response_rate=0.16,
            selection=Selection(picking=0.8, lists_invitations=True),
            cannot_tell=_because(
                "agents choose whom to ask, by what no log shows: effects come out too small",
                "wait_seconds", *DURING,
            ),
        ),
    )  # fmt: skip


def _of_files() -> Iterator[World]:
    yield World(
        "wrong_links",
        "Some answers are filed under another customer's contact, many name the customer alone, who calls often.",
        Centre(contacts_per_customer=12.0, faults=Faults(wrong_link_share=0.04, unlinked_share=0.4)),
    )
    yield World(
        "wrong_clocks",
        "A survey system in another zone stamps part of the answers an hour early, before their contacts.",
        Centre(faults=Faults(unlinked_share=0.5, slow_clock_share=0.2, slow_clock_seconds=3_600.0)),
    )
    yield World(
        "dirty_rows",
        "Impossible and missing durations, impossible scores, lost contacts, everything now and then twice.",
        Centre(faults=Faults(dirty_share=0.06)),
    )
    yield World(
        "tiny",
        "Two queues, sixteen agents, a few hundred answers: too few to be sure of much.",
        Centre(
            n_days=30,
            queues=(Queue("front", 0.6, QUEUES[0].mix), Queue("back", 0.4, QUEUES[3].mix)),
        ),
        most_contacts=4_000,
    )


WORLDS: Final = {world.name: world for world in _worlds()}
"""By name, the centre of the demo first."""


def find_world(name: str) -> World:
    """A world by its name.

    Raises
    ------
    UnknownNameError
        There is none of that name.
    """
    if not isinstance(name, str) or name not in WORLDS:
        raise UnknownNameError(
            f"There is no world {name!r}. Expected one of: {', '.join(WORLDS)}.", told_nearest([str(name)], WORLDS)
        )
    return WORLDS[name]
