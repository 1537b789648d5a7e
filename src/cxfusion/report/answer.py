"""The answer in three sentences, written from the verdicts alone; it never says more than they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.report.tables import records
from cxfusion.results.formats import change, interval
from cxfusion.results.labels import VERDICTS, lever_label, outcome_label, step_in_words, unit_label
from cxfusion.results.language import in_sentence, say
from cxfusion.results.readable import best_estimates

if TYPE_CHECKING:
    import pandas as pd

    from cxfusion.report.content import ReportContent

__all__ = ["answer", "by_verdict"]

_NAMED: Final = 4
"""Levers named in one sentence; the table below holds them all."""


def by_verdict(levers: pd.DataFrame) -> pd.DataFrame:
    """Levers in the order of their verdicts, the largest first within each; ``best_estimate`` is what a page tells."""
    place = {verdict: i for i, verdict in enumerate(VERDICTS)}
    best = best_estimates(levers)
    keys = levers.assign(best_estimate=best, _place=levers["verdict"].map(place), _size=-best.abs())
    return keys.sort_values(["_place", "_size"], kind="stable", ignore_index=True).drop(columns=["_place", "_size"])


def answer(content: ReportContent) -> list[str]:
    """Up to three sentences: what moves the score, what is only a mark, what is open.

    Parameters
    ----------
    content : ReportContent

    Returns
    -------
    list of str
        Plain text; lever names come from the data and are not escaped here.
    """
    if content.levers.empty:
        return [say("The contact log holds no column that could be judged as a lever.")]
    levers = records(by_verdict(content.levers))
    by_word = {word: [lever for lever in levers if lever["verdict"] == word] for word in VERDICTS}
    if len(by_word["untestable"]) == len(levers) == 1:
        return [say("The only lever could not be tested; the table below says why.")]
    if len(by_word["untestable"]) == len(levers):
        return [say("None of the {n} levers could be tested; the table below says why for each.", n=len(levers))]
    sentences = [
        _movers(by_word["moves"], content),
        _set_apart(by_word["proxy"], by_word["no_effect"]),
        _open(by_word["contested"], by_word["unclear"]),
    ]
    return [sentence for sentence in sentences if sentence]


def _movers(levers: list[dict[str, Any]], content: ReportContent) -> str:
    outcome = outcome_label(content.outcome)
    if not levers:
        return say("No lever can yet be said to move {outcome}.", outcome=outcome)
    return say(
        "What moves {outcome}: {levers}.", outcome=outcome, levers=_and([_effect(one) for one in levers[:_NAMED]])
    )


def _effect(lever: dict[str, Any]) -> str:
    unit = lever["outcome_unit"]
    ends = interval(lever["conf_low"], lever["conf_high"], unit, signed=True)
    step = step_in_words(lever["lever"], lever["step"], lever["unit"])
    return f"{_name(lever)} ({step}: {change(lever['best_estimate'], unit)} {unit_label(unit)}, {ends})"


def _set_apart(proxies: list[dict[str, Any]], null: list[dict[str, Any]]) -> str:
    """What need not be worked on, however tempting it looked."""
    return _listed([("Only a mark of something else", proxies), ("Too small to matter", null)])


def _open(contested: list[dict[str, Any]], unclear: list[dict[str, Any]]) -> str:
    """What is not known, and where to read what would settle it."""
    why = [
        ("Contested, for what is known does not settle it", contested),
        ("Not yet clear, for want of answers", unclear),
    ]
    told = _listed(why)
    return f"{told} {say('The table says what would settle it.')}" if told else ""


def _listed(kinds: list[tuple[str, list[dict[str, Any]]]]) -> str:
    return " ".join(
        f"{say(kind)}: {_and([_name(one) for one in levers[:_NAMED]])}." for kind, levers in kinds if levers
    )


def _name(lever: dict[str, Any]) -> str:
    return in_sentence(lever_label(lever["lever"]))


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else say("{first} and {last}", first=", ".join(names[:-1]), last=names[-1])
