"""The answer in up to three sentences, written from the numbers alone; it never says more than they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.report.tables import records
from cxfusion.results.formats import change, interval
from cxfusion.results.labels import lever_label, outcome_label, step_in_words

if TYPE_CHECKING:
    import pandas as pd

    from cxfusion.report.content import ReportContent

__all__ = ["answer"]

_AMONG: Final = {
    "raw": "Taken alone",
    "adjusted": "Among cases of the same kind",
    "within": "Among contacts of the same agent, hour and day",
}
_NOT_YET_KNOWN: Final = (
    "It is not yet known whether {they} or only the mark of hard cases that the log does not record;"
    " look there first, and change nothing on this page alone."
)


def answer(content: ReportContent) -> list[str]:
    """Up to three sentences: the largest lever, the next ones, and what is not known.

    Parameters
    ----------
    content : ReportContent

    Returns
    -------
    list of str
        Plain text; lever names come from the data and are not escaped here.
    """
    tested = content.levers[content.levers["estimate"].notna()]
    if content.levers.empty:
        return ["The contact log holds no column that could be judged as a lever."]
    if tested.empty:
        return [f"None of the {len(content.levers)} levers could be tested; the table below says why for each."]
    by_size = tested.sort_values("estimate", key=abs, ascending=False, kind="stable")
    clear = by_size[(by_size["conf_low"] > 0) | (by_size["conf_high"] < 0)]
    if clear.empty:
        return [_nothing_clear(by_size, content)]
    sentences = [_largest(records(clear)[0], content), _others(clear, by_size)]
    is_open = (clear["verdict"] == "unclear").any()
    if is_open:
        they = "it is a lever" if len(clear) == 1 else "these are levers"
        sentences.append(_NOT_YET_KNOWN.format(they=they))
    return [sentence for sentence in sentences if sentence]


def _effect(lever: dict[str, Any]) -> str:
    unit = lever["outcome_unit"]
    ends = interval(lever["conf_low"], lever["conf_high"], unit, signed=True)
    return f"{change(lever['estimate'], unit)} {unit} (95 % interval {ends})"


def _step(lever: dict[str, Any]) -> str:
    return step_in_words(lever["lever"], lever["step"], lever["unit"])


def _largest(lever: dict[str, Any], content: ReportContent) -> str:
    among = _AMONG.get(lever["rung"], "In the fairest comparison the log allows")
    name, outcome = lever_label(lever["lever"]).lower(), outcome_label(content.outcome)
    return f"{among}, {name} goes with the largest change in {outcome}: {_step(lever)}, {_effect(lever)}."


def _others(clear: pd.DataFrame, by_size: pd.DataFrame) -> str:
    """What follows the largest, and how many levers cannot be told from nothing."""
    rest = clear.iloc[1:3]
    named = " and ".join(
        f"{lever_label(row['lever']).lower()} ({_step(row)}: {change(row['estimate'], row['outcome_unit'])})"
        for row in records(rest)
    )
    hidden = len(by_size) - len(clear)
    zero = f"{hidden} of the {len(by_size)} levers tested cannot be told from no change at all" if hidden else ""
    if named:
        return f"Next {'comes' if len(rest) == 1 else 'come'} {named}{'; ' + zero if zero else ''}."
    return f"{zero[:1].upper()}{zero[1:]}." if zero else ""


def _nothing_clear(by_size: pd.DataFrame, content: ReportContent) -> str:
    lever, outcome = records(by_size)[0], outcome_label(content.outcome)
    name = lever_label(lever["lever"]).lower()
    return (
        f"None of the {len(by_size)} levers tested can be told from no change in {outcome};"
        f" the largest estimate is that of {name}: {_step(lever)}, {_effect(lever)}."
    )
