"""Machine names live in frames; the words a person reads are made here, at print time only.

A name that is not in the catalogue is put into words by its form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from cxfusion.results.display import LONGEST_TOLD, display_name
from cxfusion.results.formats import duration_in_words, plain
from cxfusion.results.language import in_sentence, label_of, said, say
from cxfusion.results.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AGENT",
    "BESIDE",
    "DESIGNS",
    "HEADLINES",
    "LADDER",
    "VERDICTS",
    "block_label",
    "column_label",
    "grade_label",
    "lever_label",
    "levers_in_words",
    "metric_label",
    "outcome_label",
    "reason_label",
    "rung_label",
    "stage_label",
    "standing_label",
    "step_in_words",
    "tilt_label",
    "unit_label",
    "verdict_label",
    "within_labels",
    "words",
]

AGENT: Final = "agent"
"""Whom the within rung compares contacts within, if nothing else was asked for."""
LADDER: Final = ("raw", "adjusted", "within", "corrected")
"""The rungs every lever climbs, from what a driver chart shows to the fairest comparison the log allows."""
BESIDE: Final = ("between",)
"""A comparison that stands beside the ladder: confounded by other things, so that no verdict rests on it."""
DESIGNS: Final = ("congestion", "experiment")
"""Rungs that rest on assignment instead of adjustment; drawn beside the ladder where they are applicable."""
HEADLINES: Final = (
    "volume", "handled", "aht_seconds", "asa_seconds", "service_level", "abandonment_rate", "transfer_rate",
    "fcr", "hold_seconds", "wait_median_seconds", "wait_p90_seconds", "handle_median_seconds", "handle_p90_seconds",
)  # fmt: skip
"""Operational metrics that a page, a picture or a summary shows, where there are figures; tables and files hold all."""

_LEVERS: Final[dict[str, tuple[str, str]]] = {  # label, and the noun of "30 seconds less …"
    "wait_seconds": ("Waiting time", "waiting"),
    "rewait_seconds": ("Waiting after a transfer", "waiting after a transfer"),
    "ivr_seconds": ("Time in the voice menu", "time in the voice menu"),
    "ring_seconds": ("Ringing time", "ringing"),
    "talk_seconds": ("Talking time", "talking"),
    "hold_seconds": ("Time on hold", "time on hold"),
    "wrap_seconds": ("After-call work", "after-call work"),
    "n_transfers": ("Transfers", "transfers"),
    "n_holds": ("Times put on hold", "holds"),
    "n_agents": ("Agents spoken to", "agents"),
    "n_prior_contacts": ("Earlier contacts", "earlier contacts"),
    "prior_wait_seconds": ("Waiting in earlier contacts", "waiting in earlier contacts"),
    "is_repeat": ("Repeat contact", "repeat contact"),
    "is_resolved": ("Resolved", "resolved"),
}
_RUNGS: Final = {
    "raw": "Alone",
    "adjusted": "Same kind of case",
    "within": "Same agent, hour and day",
    "corrected": "Corrected for hard cases",
    "between": "Agents compared with agents",
    "congestion": "Busy against quiet minutes",
    "experiment": "Planned or natural trial",
}
_BLOCKS: Final = {
    "case_mix": "Kind of case",
    "hour": "Hour of the week",
    "day": "Day",
    "agent": "Agent",
    "levers": "Other levers",
    "link": "Curves instead of lines",
}
VERDICTS: Final = {
    "moves": "Moves the score",
    "proxy": "Only a mark of something else",
    "no_effect": "Too small to matter",
    "contested": "Contested",
    "unclear": "Not yet clear",
    "untestable": "Cannot be tested",
}
"""In the order in which a reader wants them: what can be done, what need not be, what is still open."""
_GRADES: Final = {
    "experiment": "Experiment",
    "quasi-random": "As good as random",
    "adjusted and control passed": "Adjusted, control passed",
    "adjusted": "Adjusted",
    "correlational": "Correlation only",
}
_STANDINGS: Final = {
    "agrees": "What they do agrees with what they say",
    "contradicts": "What they do contradicts what they say",
    "differs": "Only one of the two moves",
    "open": "One of the two is not settled",
    "as_believed": "As believed",
}
_TILTS: Final = {"dissatisfied": "The dissatisfied", "extremes": "Both extremes"}
_OUTCOMES: Final = {
    "csat": "satisfaction (CSAT)",
    "nps": "recommendation (NPS)",
    "ces": "effort score (CES)",
    "recontact": "contact again within a week",
    "csat_top2box": "the share of satisfied customers (top two marks)",
}
_METRICS: Final = {
    "volume": "Contacts",
    "handled": "Handled contacts",
    "aht_seconds": "Average handle time",
    "asa_seconds": "Average speed of answer",
    "service_level": "Service level",
    "service_level_of_offered": "Service level, of all offered",
    "service_level_of_answered": "Service level, of answered",
    "service_level_crediting_abandons": "Service level, quick abandons count as met",
    "service_level_crediting_short_abandons": "Service level, short abandons count as met",
    "abandonment_rate": "Abandoned",
    "abandonment_rate_without_short": "Abandoned, without short abandons",
    "transfer_rate": "Transferred",
    "occupancy": "Occupancy",
    "resolved_rate": "Resolved, as marked in the log",
    "fcr": "Resolved at first contact (FCR)",
    "reported_resolution": "Resolved, customers say",
    "fcr_of_answers": "Resolved at first contact (FCR), contacts answered about",
    "repeat_after_resolved": "Said resolved and came back",
    "repeat_after_unresolved": "Said not resolved and came back",
    "wait_seconds": "Average waiting time",
    "patience_seconds": "Patience, average",
    "talk_seconds": "Average talking time",
    "hold_seconds": "Average time on hold",
    "wrap_seconds": "Average after-call work",
    "wait_median_seconds": "Waiting time, median",
    "wait_p90_seconds": "Waiting time, 90th percentile",
    "handle_median_seconds": "Handle time, median",
    "handle_p90_seconds": "Handle time, 90th percentile",
    "response_rate": "Response rate",
    "csat_mean": "Satisfaction (CSAT), average",
    "csat_top2box": "Satisfied (top two marks)",
    "nps": "Recommendation (NPS)",
    "ces_mean": "Effort score (CES), average",
    "promoters": "Promoters",
    "detractors": "Detractors",
}
_STAGES: Final = {
    "legs": "Legs of the contact log",
    "contacts": "Contacts",
    "responses": "Survey answers",
    "surveys": "Survey answers",
    "pairing": "Pairing",
    "leg_cells": "Single values in the legs of the contact log",
    "contact_cells": "Single values in the contact log",
    "response_cells": "Single values in the survey file",
    "survey_cells": "Single values in the survey file",
}
_COLUMNS: Final = {
    "all": "Everything",
    "csat": "CSAT",
    "nps": "NPS",
    "ces": "CES",
    "agent_id": "Agent",
    "customer_id": "Customer",
    "contact_id": "Contact id",
    "response_id": "Response id",
    "interval_start": "Interval",
}


def words(name: str) -> str:
    """A machine name in words: ``first_response_seconds`` is "first response time".

    Examples
    --------
    >>> words("first_response_seconds"), words("n_escalations"), words("is_vip")
    ('first response time', 'escalations', 'vip')
    """
    bare = name.removeprefix("n_").removeprefix("is_")
    text = bare.removesuffix("_seconds").removesuffix("_id").replace("_", " ").strip() or name
    timed = bare.endswith("_seconds") and not text.endswith("time")
    return f"{text} time" if timed else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _labelled(name: str, known: str | None) -> str:
    """The user's own word for a name, the catalogue's, or the name in words."""
    return label_of(name) or say(known or _capital(display_name(words(name))))


def lever_label(lever: str) -> str:
    """Name of a lever for people.

    Examples
    --------
    >>> lever_label("wait_seconds"), lever_label("response_seconds")
    ('Waiting time', 'Response time')
    """
    return _labelled(lever, _LEVERS[lever][0] if lever in _LEVERS else None)


def levers_in_words(levers: Iterable[str]) -> str:
    """Levers as a sentence names them.

    Examples
    --------
    >>> levers_in_words(["wait_seconds", "talk_seconds", "hold_seconds"])
    'waiting time, talking time and time on hold'
    """
    *most, last = [in_sentence(lever_label(name)) for name in levers]
    return f"{', '.join(most)} and {last}" if most else last


def _noun(lever: str, is_one: bool) -> str:
    """What there is less of when a lever is moved down."""
    own = label_of(lever)
    if own:
        return in_sentence(own)
    if lever not in _LEVERS:
        return display_name(words(lever))
    noun = _LEVERS[lever][1]
    return say(noun.removesuffix("s") if is_one else noun)


def step_in_words(lever: str, step: float | None, unit: str | None = None) -> str:
    """What one step of a lever means, in words; empty where no step is known.

    Parameters
    ----------
    lever : str
        Canonical column of the lever; its form (``_seconds``, ``n_``, ``is_``) gives the wording.
    step : float or None
        Size and direction of the step, in the lever's unit.
    unit : str, optional
        Unit of the lever, used where the name's form says none.

    Examples
    --------
    >>> step_in_words("wait_seconds", -30), step_in_words("n_transfers", -0.4)
    ('30 seconds less waiting', '0.4 fewer transfers per contact')
    """
    if step is None or bool(pd.isna(step)):
        return ""
    size, less = abs(float(step)), float(step) < 0
    noun = _noun(lever, is_one=size == 1 and lever.startswith("n_"))
    if lever.endswith("_seconds") or unit == "seconds":
        return say("{size} less {noun}" if less else "{size} more {noun}", size=duration_in_words(size), noun=noun)
    if lever.startswith("is_"):
        phrase = "{n} in 100 fewer contacts marked “{noun}”" if less else "{n} in 100 more contacts marked “{noun}”"
        return say(phrase, n=plain(100 * size), noun=noun)
    if lever.startswith("n_"):
        phrase = "{size} fewer {noun} per contact" if less else "{size} more {noun} per contact"
        return say(phrase, size=plain(size), noun=noun)
    of_unit = f" {unit}" if unit and unit not in {"units", "count"} else ""
    return say("{size} less {noun}" if less else "{size} more {noun}", size=f"{plain(size)}{of_unit}", noun=noun)


def rung_label(rung: str) -> str:
    """Name of a rung for people: what was compared with what."""
    return _labelled(rung, _RUNGS.get(rung))


def within_labels(who: str | None) -> dict[str, str]:
    """What the within rung is called where contacts are not compared within agents.

    Parameters
    ----------
    who : str or None
        Within what they are compared instead, such as "team"; None where the log has nothing of the kind.

    Examples
    --------
    >>> within_labels("agent"), within_labels(None)
    ({}, {'within': 'Same hour and day'})
    """
    if who == AGENT:
        return {}
    return {"within": say("Same hour and day") if who is None else say("Same {noun}, hour and day", noun=who)}


def block_label(block: str) -> str:
    """Name of a block of the way from the raw to the within rung."""
    return _labelled(block, _BLOCKS.get(block))


def verdict_label(verdict: str) -> str:
    """A verdict in words."""
    return _labelled(verdict, VERDICTS.get(verdict))


def grade_label(grade: str) -> str:
    """A grade of evidence in words."""
    return _labelled(grade, _GRADES.get(grade))


def standing_label(word: str) -> str:
    """How the evidence stands beside what customers do, or leaders believe."""
    return _STANDINGS.get(word) or _capital(words(word))


def tilt_label(shape: str) -> str:
    """Who may have answered more often than the log can tell."""
    return _labelled(shape, _TILTS.get(shape))


def outcome_label(outcome: str) -> str:
    """Name of an outcome inside a sentence: ``csat`` is "satisfaction (CSAT)"."""
    return _labelled(outcome, _OUTCOMES.get(outcome) or words(outcome))


def metric_label(metric: str) -> str:
    """Name of a metric for people, without its unit."""
    bare = metric.removesuffix("_weighted")
    label = _labelled(bare, _METRICS[bare]) if bare in _METRICS else lever_label(bare)
    return label if bare == metric else say("{label}, all contacts", label=label)


def stage_label(stage: str) -> str:
    """Name of a stage of the books for people."""
    return _labelled(stage, _STAGES.get(stage))


def column_label(column: str) -> str:
    """Heading for a column of the data, or for several joined by " × "."""
    parts = [_labelled(part, _COLUMNS[part]) if part in _COLUMNS else lever_label(part) for part in column.split(" × ")]
    return " × ".join(parts)


def unit_label(unit: str) -> str:
    """A unit of a score, such as "CSAT points"."""
    return _labelled(unit, unit)


def reason_label(reason: str | None) -> str:
    """A reason code as a sentence; an unknown code in words; what is a sentence already stays as it is.

    Examples
    --------
    >>> reason_label("unknown_contact"), reason_label("late_import")
    ('The contact named in the answer is not in the log', 'Late import')
    """
    if reason is None or bool(pd.isna(reason)):
        return ""
    known = REASONS.get(reason)
    if known or label_of(reason):
        return _labelled(reason, known)
    return said(_capital(display_name(reason if " " in reason else words(reason), LONGEST_TOLD)))
