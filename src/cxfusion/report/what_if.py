"""The live what-if of the page: its form as safe JSON, its sliders in words, and the same in steps as a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from cxfusion.report.tables import Cell, Table, records
from cxfusion.results.formats import change, confidence, decimals, interval, percent
from cxfusion.results.labels import lever_label, metric_label, outcome_label, unit_label, verdict_label
from cxfusion.results.language import say, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cxfusion.report.content import ReportContent

__all__ = ["WhatIfForm", "what_if_view"]

_LOW, _HIGH, _STEP = -100, 50, 5  # per cent, of a slider


@dataclass(frozen=True)
class WhatIfForm:
    """What the page needs to compute what-ifs by itself, and some that are computed already.

    Attributes
    ----------
    plain : mapping
        ``Population.to_plain()``.
    steps : pandas.DataFrame
        ``lever, share, metric, unit, estimate, conf_low, conf_high``, one row per lever, step and metric; of all
        levers that move the score together the lever is empty.
    """

    plain: Mapping[str, Any]
    steps: pd.DataFrame


def what_if_view(content: ReportContent) -> dict[str, Any]:
    """What the template needs; ``missing`` says why where there is nothing to try."""
    form = content.what_if
    if form is None:
        return {"missing": say("No lever could be tested, so there is nothing to try out here.")}
    verdicts = dict(zip(content.levers["lever"], content.levers["verdict"].astype(str), strict=True))
    moves = [lever for lever in form.plain["levers"] if verdicts.get(lever["name"]) == "moves"]
    sliders = [
        {"name": lever_label(name), "kind": verdicts[name], "verdict": verdict_label(verdicts[name])}
        for name in (lever["name"] for lever in form.plain["levers"])
    ]
    return {
        "missing": "",
        "nothing_moves": "" if moves else say("No lever is known to move the score. What the sliders show is possible,"
        " not known: read the interval."),
        "sliders": sliders,
        "readings": [metric_label(reading["name"]) for reading in form.plain["readings"]],
        "low": _LOW,
        "high": _HIGH,
        "step": _STEP,
        "steps": _steps_table(form.steps),
        "data": _safe_json({"form": form.plain, "show": _shown(content, form, verdicts)}),
    }  # fmt: skip


def _safe_json(value: Any) -> Markup:
    """JSON that no parser of HTML can take for a tag."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 (nothing in it can end the element)


def _shown(content: ReportContent, form: WhatIfForm, verdicts: Mapping[str, str]) -> dict[str, Any]:
    """The words of the sliders, in the language of the page."""
    language = spoken()
    outcome = outcome_label(content.outcome)
    return {
        "decimal": language.decimal,
        "thousands": language.thousands,
        "levers": [_slider(lever, verdicts[lever["name"]]) for lever in form.plain["levers"]],
        "readings": [
            {"unit": unit_label(one["unit"]), "digits": decimals(one["unit"])} for one in form.plain["readings"]
        ],
        "reach": [_reach(form.steps, one["name"]) for one in form.plain["readings"]],
        "moved": say("{level} ({percent})"),
        "still": say("as it is: {level}"),
        "interval": say("{level} interval: {low} to {high}", level=confidence(content.conf_level)),
        "nothing": say("Nothing is changed yet."),
        "better": say("The evidence expects {outcome} to rise.", outcome=outcome),
        "worse": say("The evidence expects {outcome} to fall.", outcome=outcome),
        "unknown": say("It cannot be told whether {outcome} would rise or fall.", outcome=outcome),
    }


def _slider(lever: Mapping[str, Any], verdict: str) -> dict[str, Any]:
    factor, digits, level, one = _scale(lever)
    doubt = say("{lever}, says the evidence: {verdict}.", lever=lever_label(lever["name"]),
                verdict=verdict_label(verdict).lower())  # fmt: skip
    return {
        "mean": lever["mean"], "factor": factor, "digits": digits, "level": level, "one": one,
        "doubt": "" if verdict == "moves" else doubt,
    }  # fmt: skip


def _scale(lever: Mapping[str, Any]) -> tuple[float, int, str, str]:
    """By what a lever's mean is multiplied to be read, with how many digits, and in which words; those of just 1."""
    mean = lever["mean"]
    if lever["unit"] == "seconds":
        if mean < 120:
            digits = 0 if mean >= 10 else 1
            return 1.0, digits, say("{n} seconds on average"), say("{n} second on average")
        if mean < 7200:
            return 1 / 60, 1, say("{n} minutes on average"), say("{n} minute on average")
        return 1 / 3600, 1, say("{n} hours on average"), say("{n} hour on average")
    if lever["is_share"]:
        words, factor, digits = say("{n} in 100 contacts"), 100.0, 1
    else:
        words, factor, digits = say("{n} per contact") if lever["shape"] == "count" else say("{n} on average"), 1.0, 2
    return factor, digits, words, words


def _reach(steps: pd.DataFrame, metric: str) -> float:
    """Half the width of the bar of a result, in its unit."""
    together = steps[steps["lever"] == ""]
    shown = together if len(together) else steps
    ends = shown.loc[shown["metric"] == metric, ["conf_low", "conf_high"]].abs().to_numpy(dtype=float)
    return float(ends.max()) if ends.size and ends.max() > 0 else 1.0


def _steps_table(steps: pd.DataFrame) -> Table:
    metrics = list(dict.fromkeys(steps["metric"]))
    by_key = {(row["lever"], row["share"], row["metric"]): row for row in records(steps)}
    keys = list(dict.fromkeys((lever, share) for lever, share, _ in by_key))
    return Table(
        caption=say("What less of each lever would bring"),
        heads=(say("Lever"), say("Change"), *map(metric_label, metrics)),
        rows=tuple(
            (
                Cell(lever_label(lever) if lever else say("All that move the score, together")),
                Cell(percent(share, 0)),
                *(_step_cell(by_key[lever, share, metric]) for metric in metrics),
            )
            for lever, share in keys
        ),
    )


def _step_cell(row: Mapping[str, Any]) -> Cell:
    ends = interval(row["conf_low"], row["conf_high"], row["unit"], signed=True)
    return Cell(f"{change(row['estimate'], row['unit'])} {unit_label(row['unit'])}", ends)
