"""How to read the page: what the comparisons, the verdicts and the words of the trade mean, and where it all ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.results.labels import AGENT, grade_label, rung_label, verdict_label
from cxfusion.results.language import say

if TYPE_CHECKING:
    from cxfusion.report.content import ReportContent

__all__ = ["ADVICE", "method"]

ADVICE: Final = {
    "moves": "The fairest comparison that the log allows says so, and nothing that is known speaks against it: changing"
    " it changes the score. Start where there is most of it.",
    "proxy": "It goes with the scores but does not cause them. Leave it, and look for what it is a mark of, such as"
    " hard cases.",
    "no_effect": "Leave it, or change it for other reasons such as cost.",
    "contested": "What is known does not settle it. Do not act on it yet; the sentence says why, and what would.",
    "unclear": "There are too few answers to tell. Wait for more; the sentence says how many.",
    "untestable": "These data cannot say. The sentence says why.",
}
"""What to do about a lever, by its verdict."""
_COMPARISONS: Final = {
    "raw": "Contacts with more of the lever against contacts with less, whatever else differs between them. This is"
    " what a driver chart shows, and it mistakes the mark of a hard case for its cause.",
    "adjusted": "The same, among contacts of the same kind, such as reason, channel and queue, and the same hour of the"
    " week, and with the levers that come before it or beside it held equal.",
    "within": "An agent’s contacts are compared with the same agent’s others, an hour with the same hour, a day with"
    " the same day, as far as the log records them. A bad day, which lengthens waits and sours moods alike, no longer"
    " counts as an effect of waiting.",
    "corrected": "What an agent has to do after the customer has gone cannot have caused the answer. Where it still"
    " goes with the answer, it shows how hard the case was beyond what the log records, and hard cases lengthen holds"
    " and talks as well. That part is taken off, allowing for how noisy a witness after-call work is, which the log"
    " itself tells. It assumes that one hidden difficulty stands behind these marks.",
    "between": "Agents’ averages over all the contacts that they answered, at the same kind of case and hour. Agents"
    " differ in many ways, so that no verdict rests on it.",
    "congestion": "Contacts that came in a crowded quarter of an hour against contacts that came in a quiet one, of the"
    " same queue and day. Nobody chooses the minute in which others call.",
    "experiment": "The arms of a trial that the log marks, in which chance decided who got what.",
}
_ALWAYS: Final = ("raw", "adjusted", "within")
"""Comparisons that are explained even where no lever could be compared so."""
_PARAGRAPHS: Final = (
    "A step is a change one could make, taken where there is something to take: half a minute of waiting comes off"
    " contacts that waited, never off those that did not. It is never larger than the average there is.",
    "An interval says how far chance alone may have moved a figure: of 95 % intervals, 95 in 100 hold the true value."
    " They do not cover what the log does not record.",
    "The interval beside a lever reaches from the lowest to the highest end of the comparisons “{within}” and"
    " “{corrected}”, as far as there are both, so that it holds whichever of them is right.",
    "The verdict is a word for what may be concluded. “{moves}” is said only where these comparisons agree beyond a"
    " doubt of 1 in 100. “{proxy}” was tempting when taken alone and leaves too little to matter. “{contested}” means"
    " that what is known does not settle it; the sentence says why. A fair comparison is no experiment: where it"
    " matters, try it.",
)
_GRADES: Final = {
    "experiment": "A trial, in which chance decided who got what, shows the same.",
    "quasi-random": "A comparison that chance arranged shows the same, though nobody planned it.",
    "adjusted and control passed": "Fair comparisons agree, and after-call work, which cannot have caused the answer,"
    " shows nothing hidden behind the lever.",
    "adjusted": "Fair comparisons; what after-call work shows was taken off, or could not tell.",
    "correlational": "Nothing could be used to look for hidden causes.",
}
_WORDS: Final = {
    "CSAT": "Customer satisfaction: the mark a customer gives in the survey, averaged.",
    "NPS": "Net promoter score: of 100 customers, how many more would warmly recommend the company than would not.",
    "CES": "Customer effort score: how easy, or hard, customers say it was.",
    "Average handle time": "What a contact takes of an agent: talking, holding and after-call work.",
    "Average speed of answer": "How long those who were answered had waited.",
    "Service level": "The share of contacts that were answered in time.",
    "After-call work": "What the agent still has to do once the customer has gone.",
    "Driver chart": "A ranking of what goes with good and bad scores, whether or not it causes them.",
}
_WEIGHTED: Final = {
    "weighted": "Levers and headline score are weighted for who did not answer, as far as the log tells contacts apart."
    " If dissatisfaction itself makes people answer more, or less, scores and effects still shift.",
    "none": "Everyone who could be expected to answer did: no figure here has to be corrected for silence.",
    "nothing": "No figure here is corrected for customers who did not answer. If the dissatisfied answer more often, or"
    " less, scores and effects shift.",
}
_LIMITS: Final = (
    "An answer speaks for the contact it was paired with. Doubtful pairs blur every effect towards zero.",
    "Scores of fewer than 30 answers are marked. Groups of fewer than 5 answers or customers are not shown, for they"
    " would tell what single persons did or said. What people wrote is nowhere on this page.",
)


def method(content: ReportContent) -> dict[str, Any]:
    """The words of the section that explains the page: of the comparisons only those that are on it."""
    there = {*_ALWAYS, *content.rungs.loc[content.rungs["estimate"].notna(), "rung"]}
    named = {rung: rung_label(rung) for rung in ("within", "corrected")}
    named |= {verdict: verdict_label(verdict) for verdict in ("moves", "proxy", "contested")}
    told = {rung: say(meaning) for rung, meaning in _COMPARISONS.items()} | _within_others(content.who)
    return {
        "comparisons": [(rung_label(rung), told[rung]) for rung in _COMPARISONS if rung in there],
        "paragraphs": [say(paragraph, **named) for paragraph in _PARAGRAPHS],
        "grades": [(grade_label(grade), say(meaning)) for grade, meaning in _GRADES.items()],
        "words": [(say(word), say(meaning)) for word, meaning in _WORDS.items()],
        "limits": [say(limit) for limit in (_WEIGHTED[content.spoken_for], *_LIMITS)],
    }


def _within_others(who: str | None) -> dict[str, str]:
    """What is compared where that is not agents; nothing where it is."""
    if who == AGENT:
        return {}
    if who is None:
        told = say(
            "An hour’s contacts are compared with the same hour’s others, a day’s with the same day’s. The log names no"
            " agents, so that what differs between them stays in. A bad day, which lengthens waits and sours moods"
            " alike, no longer counts as an effect of waiting."
        )
        return {"within": told}
    told = say(
        "Contacts are compared with others of the same {noun}, an hour with the same hour, a day with the same day, as"
        " far as the log records them. A bad day, which lengthens waits and sours moods alike, no longer counts as an"
        " effect of waiting.",
        noun=who,
    )
    return {"within": told}
