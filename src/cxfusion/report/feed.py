"""The feed on the page: what the checks of the data found, and what is different from the run before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.report.tables import MAX_ROWS, Cell, Table
from cxfusion.results.display import LONGEST_TOLD, display_name
from cxfusion.results.formats import DASH, count, figure, interval, number, percent
from cxfusion.results.labels import column_label, lever_label, metric_label, stage_label, verdict_label
from cxfusion.results.language import said, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

__all__ = ["changes_table", "checks_table"]

_LEVELS: Final = {"stop": "Cannot be used", "warn": "Look at this", "set_aside": "Set aside", "note": "Note"}
SHARE: Final = "contacts_answered_share"
_SHOWN_CHANGE: Final = 0.01
"""A share of missing values that moved less is not worth a row."""


def checks_table(checks: pd.DataFrame | None) -> Table | None:
    """What the checks found, the loudest first; None where they found nothing."""
    if checks is None or checks.empty:
        return None
    shown = checks.head(MAX_ROWS)
    rows = tuple(
        (
            Cell(say(_LEVELS[level])),
            Cell(said(display_name(_sentence(told), LONGEST_TOLD)), stage_label(table)),
            Cell(count(n)),
        )
        for level, table, told, n in shown[["level", "table", "told", "n"]].itertuples(index=False, name=None)
    )
    more = len(checks) - len(shown)
    return Table(
        caption=say("What the checks of the data found"),
        heads=(say("How much it matters"), say("What was found"), say("Rows or values")),
        rows=rows,
        notes=(_more(more),) if more else (),
    )


def _more(n: int) -> str:
    return say("One more is in manifest.json.") if n == 1 else say("{n} more are in manifest.json.", n=count(n))


def changes_table(manifest: Mapping[str, Any]) -> Table | None:
    """A run beside the one before; None where there is nothing to compare with."""
    before = manifest.get("before")
    if not before:
        return None
    rows = (*_volumes(before, manifest), *_scores(before, manifest), *_missing(before, manifest))
    return Table(
        caption=say("This run beside the run before"),
        heads=("", say("Run before"), say("This run")),
        rows=tuple(tuple(map(Cell, row)) for row in rows),
    )


def _sentence(told: str) -> str:
    return told[:1].upper() + told[1:] + ("" if told.endswith(("?", ".")) else ".")


def _volumes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for kind, words in (("contacts", "Contacts"), ("surveys", "Survey answers")):
        one, other = (run.get("feed", {}).get(kind, {}) for run in (before, now))
        yield say(f"{words} kept"), count(one.get("rows")), count(other.get("rows"))
        yield say(f"{words} per day"), number(one.get("per_day")), number(other.get("per_day"))


def _scores(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    one, other = before.get("results", {}), now.get("results", {})
    if not one or not other:
        return
    yield say("Contacts with an answer"), percent(one[SHARE]), percent(other[SHARE])
    if one["metric"] == other["metric"]:
        yield metric_label(other["metric"]), _score(one), _score(other)
    if one["outcome"] != other["outcome"]:
        return
    for lever in dict.fromkeys([*other["verdicts"], *one["verdicts"]]):
        was, is_now = one["verdicts"].get(lever), other["verdicts"].get(lever)
        if was != is_now:
            yield say("Verdict: {lever}", lever=lever_label(lever)), _verdict(was), _verdict(is_now)


def _verdict(verdict: str | None) -> str:
    return DASH if verdict is None else verdict_label(verdict)


def _score(results: Mapping[str, Any]) -> str:
    ends = interval(results["conf_low"], results["conf_high"], results["unit"])
    return f"{figure(results['estimate'], results['unit'])} ({ends})"


def _missing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for kind, profile in now.get("feed", {}).items():
        usual = before.get("feed", {}).get(kind, {}).get("missing", {})
        for name, share in profile["missing"].items():
            if name in usual and abs(share - usual[name]) >= _SHOWN_CHANGE:
                yield say("Missing: {column}", column=column_label(name)), percent(usual[name]), percent(share)
