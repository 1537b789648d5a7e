"""From content to one HTML page that fetches nothing.

Words are made here and beside; the template only lays them out.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cxfusion.report.answer import answer, best_estimate, by_verdict
from cxfusion.report.evidence_tables import associations_table, breakdown_table
from cxfusion.report.feed import changes_table, checks_table
from cxfusion.report.figures import control_figure, detail, ladder_figure, scores_figure
from cxfusion.report.tables import (
    audit_tables,
    cells_table,
    operations_tables,
    perception_tables,
    records,
    rungs_table,
)
from cxfusion.results.formats import DASH, change, count, figure, interval, number, percent
from cxfusion.results.labels import (
    LADDER,
    VERDICTS,
    display_name,
    grade_label,
    lever_label,
    outcome_label,
    reason_label,
    rung_label,
    step_in_words,
    verdict_label,
)

if TYPE_CHECKING:
    import pandas as pd

    from cxfusion.report.content import ReportContent
    from cxfusion.report.tables import Table

__all__ = ["render_report"]


_SPOKEN_FOR = {
    True: "Scores of those who answered, and, in the column “all contacts”, weighted for those who did not: the log has"
    " every contact, so that the answers can be made to look like everybody in all that it records.",
    False: "Scores of those who answered, not corrected for those who did not.",
}
_NOT_ANSWERING = {
    True: "Levers and headline score are weighted for who did not answer, as far as the log tells contacts apart. If"
    " dissatisfaction itself makes people answer more, or less, scores and effects still shift.",
    False: "No figure here is corrected for customers who did not answer. If the dissatisfied answer more often, or"
    " less, scores and effects shift.",
}


OFFERED: Final = "Who was offered the survey?"
_ELSEWHERE: Final = {"responses": ("paired_exposure", "outside_period")}
"""What no contact of the period could be paired with: answers about the relationship, or another period's contacts."""
_OF_THE_PAGE: Final = ("counts", "plan", "versions")
"""Parts of the manifest at the foot of the page: the same whenever the same is asked of the same data."""


def render_report(content: ReportContent) -> str:
    """The report as one self-contained HTML page.

    Parameters
    ----------
    content : ReportContent

    Returns
    -------
    str
        A whole HTML document: no script, no outside reference, everything from the data escaped; readable
        on a phone, on paper, and on a dark screen.
    """
    here = files("cxfusion.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = _shown
    template = environment.from_string(here.joinpath("template.html").read_text(encoding="utf-8"))
    style = Markup(here.joinpath("page.css").read_text(encoding="utf-8"))  # noqa: S704 (our own file)
    return template.render(style=style, **_view(content))


def _view(content: ReportContent) -> dict[str, Any]:
    """Everything the template names, in words."""
    return {
        "title": display_name(content.title, limit=120),
        "subtitle": display_name(content.subtitle, limit=200),
        "outcome": outcome_label(content.outcome),
        "answer": answer(content),
        "facts": _facts(content),
        "ladder": ladder_figure(content),
        "control": control_figure(content),
        "levers": [_lever(row) for row in records(by_verdict(content.levers))],
        "rungs": rungs_table(content.rungs),
        "beside": _beside(content),
        "details": [detail(result) for result in content.details],
        "paired": _paired(content.audit),
        "audit": audit_tables(content.audit),
        "cells": cells_table(content.cells),
        "checks": checks_table(content.checks),
        "changes": changes_table(content.manifest),
        "scores": scores_figure(content),
        "perception": perception_tables(content.shown_scores),
        "offers": _offers(content),
        "spoken_for": _SPOKEN_FOR[content.is_weighted],
        "not_answering": _NOT_ANSWERING[content.is_weighted],
        "operations": operations_tables(content.operations),
        "notes": [display_name(note, limit=400) for note in content.notes],
        "manifest": {part: content.manifest[part] for part in _OF_THE_PAGE if part in content.manifest},
    }


def _beside(content: ReportContent) -> list[Table]:
    """What stands beside the ladder, as far as it is there."""
    made = [
        None if content.decomposition is None else breakdown_table(content.decomposition, content.levers),
        None if content.associations is None else associations_table(content.associations, content.levers),
    ]
    return [table for table in made if table is not None]


def _offers(content: ReportContent) -> dict[str, Any] | None:
    """Who was offered the survey: in words, and as a picture where agents pick."""
    if content.offers is None:
        return None
    lines = [display_name(line, limit=600) for line in content.offers.summary().splitlines()]
    lines[0] = lines[0].removeprefix(OFFERED).strip()
    return {"lines": lines, "picture": detail(content.offers).picture if content.offers.status == "failed" else None}


def _stage(audit: pd.DataFrame, stage: str) -> tuple[int, int]:
    """Rows of a stage that were paired, and all that could be: not those about the relationship or another period."""
    rows = audit[(audit["stage"] == stage) & ~audit["reason"].astype("string").isin(_ELSEWHERE.get(stage, ()))]
    paired = rows["reason"].astype("string").str.startswith("paired")
    return int(rows.loc[paired, "n"].sum()), int(rows["n"].sum())


def _facts(content: ReportContent) -> list[tuple[str, str, str]]:
    """The four figures at the top: figure, what it is, a smaller line."""
    paired, answers = _stage(content.audit, "responses")
    contacts = _stage(content.audit, "contacts")[1]
    reasons = content.audit["reason"].astype("string")
    n_elsewhere = int(
        content.audit.loc[(content.audit["stage"] == "responses") & (reasons == "outside_period"), "n"].sum()
    )
    return [
        (count(contacts), "contacts read", ""),
        (count(answers), "survey answers read", f"{count(n_elsewhere)} more of other periods" if n_elsewhere else ""),
        (percent(paired / answers if answers else None), "of the answers paired", f"{count(paired)} pairs"),
        _overall(content),
    ]


def _overall(content: ReportContent) -> tuple[str, str, str]:
    rows = content.perception
    metric = content.headline_metric
    whole = rows[(rows["grouping"] == "all") & (rows["metric"] == metric)]
    for value, low, high, unit in whole[["estimate", "conf_low", "conf_high", "unit"]].itertuples(index=False):
        ends = "" if (ends := interval(low, high, unit)) == DASH else ends
        among = ", weighted to all contacts" if content.is_weighted and ends else ""
        return figure(value, unit), outcome_label(content.outcome), f"{ends}{among}"
    return DASH, outcome_label(content.outcome), ""


def _paired(audit: pd.DataFrame) -> str:
    paired, answers = _stage(audit, "responses")
    share = percent(paired / answers) if answers else DASH
    return (
        f"{count(paired)} of {count(answers)} survey answers ({share}) were paired with the contact they"
        " speak about. Every row read is in one of these tables, and their sums are the rows of the files."
    )


def _lever(row: dict[str, Any]) -> dict[str, Any]:
    """One row of the lever table in words."""
    unit, verdict = row["outcome_unit"], str(row["verdict"])
    rungs = [(rung_label(rung), change(row[f"{rung}_estimate"], unit)) for rung in LADDER]
    return {
        "name": lever_label(row["lever"]),
        "step": step_in_words(row["lever"], row["step"], row["unit"]),
        "estimate": change(best_estimate(row), unit),
        "interval": interval(row["conf_low"], row["conf_high"], unit, signed=True),
        "rungs": [(rung, text) for rung, text in rungs if text != DASH],
        "verdict": verdict_label(verdict),
        "verdict_class": verdict if verdict in VERDICTS else "unclear",
        "grade": grade_label(row["grade"]) if isinstance(row["grade"], str) else "",
        "because": reason_label(row["because"]),
    }


def _shown(value: Any) -> str:
    """A value of the manifest as text."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return display_name(value, limit=300) if value is not None else "none"
    return count(value)
