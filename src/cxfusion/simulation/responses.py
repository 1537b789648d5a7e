"""Who answers the survey, when, and what they say.

Answering hangs on what the log shows and on nothing else, so that scores are missing at random, unless the centre's
selection says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cxfusion.simulation.satisfaction import annoyance, draw_scores

if TYPE_CHECKING:
    from cxfusion.simulation.centre import Centre
    from cxfusion.simulation.draw import Arrivals, Day

__all__ = ["Responses", "draw_responses"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MOST_LIKELY_TO_ANSWER: Final = 0.9
INVITED_AFTER_SECONDS: Final = (120, 900)
ANSWER_LAG_SPREAD: Final = 1.2  # of its log


@dataclass(frozen=True)
class Responses:
    """A day's survey responses, in order of their contacts.

    Attributes
    ----------
    contact : array, shape (responses,)
        Which contact of the day.
    invited_second, answered_second : array, shape (responses,)
        Seconds since midnight UTC of the contact's day.
    csat : array, shape (responses,)
        1 to 5.
    nps : array, shape (responses,)
        Likelihood to recommend, 0 to 10.
    silent : array, shape (silent,)
        Contacts of the day that were asked about without an answer; none where the file does not list them.
    silent_invited_second : array, shape (silent,)
    """

    contact: Ints
    invited_second: Ints
    answered_second: Ints
    csat: Ints
    nps: Ints
    silent: Ints
    silent_invited_second: Ints


def draw_responses(centre: Centre, day: Day, rng: np.random.Generator) -> Responses:
    """Draw one day's responses; abandoned contacts are not asked."""
    asked = _chance_to_be_asked(centre, day)
    probability = _response_probability(centre, day.arrivals)[day.answered] * asked
    responding = np.flatnonzero(rng.random(len(probability)) < probability)
    csat, nps = draw_scores(day.latent[responding], centre, rng)
    if centre.selection.by_score:
        kept = np.flatnonzero(rng.random(len(csat)) < _share_who_tell(centre, csat))
        responding, csat, nps = responding[kept], csat[kept], nps[kept]
    silent = _silent(centre, day, asked, probability, responding, rng)
    contact = day.answered[responding]
    invited = day.ended_second[contact] + rng.integers(*INVITED_AFTER_SECONDS, len(contact))
    lag_hours = centre.answer_lag_hours * rng.lognormal(0.0, ANSWER_LAG_SPREAD, len(contact))
    return Responses(contact, invited, invited + np.rint(3600 * lag_hours).astype(np.int64), csat, nps, *silent)


def _silent(
    centre: Centre, day: Day, asked: Floats, answering: Floats, responding: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Contacts asked about without an answer, and when, where the file lists them; by a stream of their own."""
    if not centre.selection.lists_invitations:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    own = rng.spawn(1)[0]
    is_asked = own.random(len(asked)) < (asked - answering) / (1 - answering)
    is_asked[responding] = False
    contact = day.answered[is_asked]
    return contact, day.ended_second[contact] + own.integers(*INVITED_AFTER_SECONDS, len(contact))


def _chance_to_be_asked(centre: Centre, day: Day) -> Floats:
    """Agents who pick leave out customers who seem dissatisfied; the others ask everyone."""
    if not centre.selection.picking:
        return np.ones(len(day.answered))
    return np.exp(np.minimum(centre.selection.picking * day.picking * day.latent, 0.0))


def _share_who_tell(centre: Centre, csat: Ints) -> Floats:
    """Of those who would answer, the share who do with this score; 1 for the score that tells most."""
    selection, marks = centre.selection, np.arange(1, len(centre.csat_cuts) + 2)
    middle = marks.mean()
    log_rate = selection.discontent * (marks[-1] - marks) + selection.extremes * np.abs(marks - middle)
    share: Floats = np.exp(log_rate - log_rate.max())
    return share[csat - 1]


def _response_probability(centre: Centre, arrivals: Arrivals) -> Floats:
    by_channel = np.array(centre.channel_response_factors)[arrivals.channel]
    by_reason = np.array([reason.response_factor for reason in centre.reasons])[arrivals.reason]
    by_wait = np.exp(centre.response_annoyance * annoyance(arrivals.wait_seconds, centre))
    probability: Floats = centre.response_rate * by_channel * by_reason * by_wait
    return np.minimum(probability, MOST_LIKELY_TO_ANSWER)
