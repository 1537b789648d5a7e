"""From content to one HTML page that fetches nothing.

Words are made here and beside; the template only lays them out.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cxfusion.report.answer import answer, by_verdict
from cxfusion.report.answering import answering_table
from cxfusion.report.decisions import decision_blocks
from cxfusion.report.evidence_tables import associations_table, breakdown_table
from cxfusion.report.feed import changes_table, checks_table
from cxfusion.report.figures import control_figure, detail, in_english, ladder_figure, scores_figure
from cxfusion.report.follow_ups import follow_ups_table
from cxfusion.report.method import ADVICE, method
from cxfusion.report.sources import sources_table
from cxfusion.report.tables import (
    audit_tables,
    cells_table,
    numbers_table,
    operations_tables,
    perception_tables,
    records,
    rungs_table,
)
from cxfusion.report.what_if import what_if_view
from cxfusion.results.display import LONGEST_TOLD, display_name
from cxfusion.results.formats import DASH, change, confidence, count, day, figure, interval, number, percent, plain
from cxfusion.results.labels import (
    LADDER,
    VERDICTS,
    grade_label,
    lever_label,
    outcome_label,
    reason_label,
    rung_label,
    step_in_words,
    verdict_label,
    within_labels,
)
from cxfusion.results.language import Untranslated, known_as, said, say, speaking

if TYPE_CHECKING:
    import pandas as pd

    from cxfusion.report.content import ReportContent
    from cxfusion.report.tables import Table

__all__ = ["render_report"]


_SPOKEN_FOR: Final = {
    "weighted": "Scores of those who answered, and, in the column “all contacts”, weighted for those who did not: the"
    " log has every contact, so that the answers can be made to look like everybody in all that it records.",
    "none": "Scores of everyone who could be expected to answer: nobody was silent, so that nothing is to be"
    " corrected.",
    "nothing": "Scores of those who answered, not corrected for those who did not.",
}
_HEADINGS: Final = {
    "levers": "Lever by lever",
    "verdicts": "What moves the score, what only seems to, what is open",
    "what_if": "What would happen if …",
    "details": "Where, and from which point on",
    "perception": "What customers say",
    "operations": "What happened on the contacts",
    "pairing": "How the answers were paired, and who answered",
    "checks": "Whether the data can be trusted",
    "method": "How to read this page",
    "manifest": "Where the numbers come from",
}
"""Sections by their place on the page, after the answer."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
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
        A whole HTML document without outside reference, everything from the data escaped; readable
        on a phone, on paper, and on a dark screen. Of scripts only our own runs, that of the what-if.
    """
    environment = Environment(
        loader=PackageLoader("cxfusion", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": _shown, "marked": _marked, "lang": _lang}
    environment.globals["say"] = say
    script = _own("what_if.js") if content.what_if else ""
    with speaking(content.language, content.labels), known_as(within_labels(content.who)):
        view = _view(content)
        return environment.get_template("template.html").render(
            style=_own("page.css"), script=script, policy=_policy(script), **view
        )


def _policy(script: str) -> str:
    """What a browser may do on the page: of scripts it runs this one and no other."""
    if not script:
        return _POLICY
    return f"{_POLICY}; script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def _own(name: str) -> Markup:
    """A file of ours that stands on the page as it is."""
    return Markup(files("cxfusion.report").joinpath(name).read_text(encoding="utf-8"))  # noqa: S704 (our own file)


def _view(content: ReportContent) -> dict[str, Any]:
    """Everything the template names, in words."""
    view = _sections(content)
    headings = {name: say(heading) for name, heading in _HEADINGS.items()}
    is_there = {"details": view["details"], "checks": view["checks"] or view["changes"]}
    there = [(name, heading) for name, heading in headings.items() if is_there.get(name, True)]
    after = 1 + [name for name, _ in there].index("what_if")
    there[after:after] = [(block["id"], block["heading"]) for block in view["decisions"]]
    return {**view, "headings": headings, "contents": there}


def _sections(content: ReportContent) -> dict[str, Any]:
    """The parts of the page."""
    return {
        "language": content.language,
        "title": display_name(say(content.title), limit=120),
        "subtitle": [display_name(say(line), limit=200) for line in (content.subtitle, _period(content)) if line],
        "outcome": outcome_label(content.outcome),
        "scale": _scale(content),
        "answer": answer(content),
        "facts": _facts(content),
        "ladder": ladder_figure(content),
        "control": control_figure(content),
        "verdicts": _verdicts(content),
        "level": confidence(content.conf_level),
        "rungs": rungs_table(content.rungs, content.conf_level),
        "beside": _beside(content),
        "details": [(detail(result), numbers_table(result)) for result in content.details],
        "paired": _paired(content.audit),
        "audit": audit_tables(content.audit),
        "cells": cells_table(content.cells),
        "sources": None if content.sources is None else sources_table(content.sources),
        "checks": checks_table(content.checks),
        "changes": changes_table(content.manifest),
        "scores": scores_figure(content),
        "perception": perception_tables(content.shown_scores),
        "offers": _offers(content),
        "spoken_for": say(_SPOKEN_FOR[content.spoken_for]),
        "answering": None if content.balance is None else answering_table(content.balance),
        "terms": method(content),
        "what_if": what_if_view(content),
        "decisions": decision_blocks(content.decisions, content.levers),
        "operations": _operations(content),
        "notes": [said(display_name(note, LONGEST_TOLD)) for note in content.notes],
        "manifest": {part: content.manifest[part] for part in _OF_THE_PAGE if part in content.manifest},
    }


def _scale(content: ReportContent) -> str:
    """From where to where the outcome's marks go, as far as it is a mark."""
    if content.what_if is None or content.outcome not in ("csat", "ces"):
        return ""
    values = content.what_if.plain["readings"][0]["values"]
    return say("Marks go from {low} to {high}.", low=plain(min(values)), high=plain(max(values)))


def _period(content: ReportContent) -> str:
    """The time that the log covers."""
    if content.period:
        return content.period
    log = content.manifest.get("feed", {}).get("contacts", {})
    if not log.get("first") or not log.get("last"):
        return ""
    return say("{first} to {last}", first=day(log["first"]), last=day(log["last"]))


def _beside(content: ReportContent) -> list[Table]:
    """What stands beside the ladder, as far as it is there."""
    made = [
        None if content.decomposition is None else breakdown_table(content.decomposition, content.levers),
        None if content.associations is None else associations_table(content.associations, content.levers),
    ]
    return [table for table in made if table is not None]


def _operations(content: ReportContent) -> list[Table]:
    """Figures of the log, and what customers came back about where that is known."""
    back = None if content.followed is None else follow_ups_table(content.followed)
    return [*operations_tables(content.operations), *([] if back is None else [back])]


def _offers(content: ReportContent) -> dict[str, Any] | None:
    """Who was offered the survey: in words, and as a picture where agents pick."""
    if content.offers is None:
        return None
    lines = [display_name(line, limit=600) for line in in_english(content.offers)]
    lines[0] = lines[0].removeprefix(OFFERED).strip()
    picks = content.offers.status == "failed"
    return {"lines": [said(line) for line in lines], "picture": detail(content.offers).picture if picks else None}


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
    is_elsewhere = (content.audit["stage"] == "responses") & (reasons == "outside_period")
    n_elsewhere = int(content.audit.loc[is_elsewhere, "n"].sum())
    elsewhere = say("{n} more of other periods", n=count(n_elsewhere)) if n_elsewhere else ""
    return [
        (count(contacts), say("contacts read"), ""),
        (count(answers), say("survey answers read"), elsewhere),
        (
            percent(paired / answers if answers else None),
            say("of the answers paired"),
            say("{n} pairs", n=count(paired)),
        ),
        _overall(content),
    ]


def _overall(content: ReportContent) -> tuple[str, str, str]:
    rows = content.perception
    metric = content.headline_metric
    whole = rows[(rows["grouping"] == "all") & (rows["metric"] == metric)]
    for value, low, high, unit in whole[["estimate", "conf_low", "conf_high", "unit"]].itertuples(index=False):
        ends = "" if (ends := interval(low, high, unit)) == DASH else ends
        if content.is_weighted and ends:
            ends = say("{interval}, weighted to all contacts", interval=ends)
        return figure(value, unit), outcome_label(content.outcome), ends
    return DASH, outcome_label(content.outcome), ""


def _paired(audit: pd.DataFrame) -> str:
    paired, answers = _stage(audit, "responses")
    share = percent(paired / answers) if answers else DASH
    return say(
        "{n} of {all} survey answers ({share}) were paired with the contact they speak about. Every row read is in"
        " one of"
        " these tables, and their sums are the rows of the files.",
        n=count(paired), all=count(answers), share=share,
    )  # fmt: skip


def _verdicts(content: ReportContent) -> list[dict[str, Any]]:
    """The levers in words, those of one verdict together, with what to do about them."""
    levers = by_verdict(content.levers)
    return [
        {
            "kind": verdict if verdict in VERDICTS else "unclear",
            "heading": verdict_label(verdict),
            "advice": say(ADVICE[verdict]) if verdict in ADVICE else "",
            "levers": [_lever(row) for row in records(levers[levers["verdict"] == verdict])],
        }
        for verdict in dict.fromkeys(levers["verdict"].astype(str))
    ]


def _lever(row: dict[str, Any]) -> dict[str, Any]:
    """One row of the lever table in words."""
    unit = row["outcome_unit"]
    rungs = [(rung_label(rung), change(row[f"{rung}_estimate"], unit)) for rung in LADDER]
    return {
        "name": lever_label(row["lever"]),
        "step": step_in_words(row["lever"], row["step"], row["unit"]),
        "estimate": change(row["best_estimate"], unit),
        "interval": interval(row["conf_low"], row["conf_high"], unit, signed=True),
        "rungs": [(rung, text) for rung, text in rungs if text != DASH],
        "grade": grade_label(row["grade"]) if isinstance(row["grade"], str) else "",
        "because": reason_label(row["because"]),
    }


def _marked(text: str) -> str:
    """A text, marked for screen readers where it stays English on a page of another language."""
    return Markup('<span lang="en">{}</span>').format(text) if isinstance(text, Untranslated) else text


def _lang(text: str) -> str:
    """The same mark for a text that stands in an attribute, where no element can: an attribute beside it."""
    return Markup(' lang="en"') if isinstance(text, Untranslated) else ""


def _shown(value: Any) -> str:
    """A value of the manifest as text."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return display_name(value, limit=300) if value is not None else say("none")
    return count(value)
