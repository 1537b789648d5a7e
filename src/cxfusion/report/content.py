"""What a page is made from: the frames of a study and a few words, nothing that could run or fetch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from cxfusion.results.labels import AGENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import altair as alt
    import pandas as pd

    from cxfusion.decisions.decide import Decisions
    from cxfusion.operations.follow import FollowUps
    from cxfusion.perception.offers import OfferCheck
    from cxfusion.report.what_if import WhatIfForm

__all__ = ["SCORE_OF_OUTCOME", "Drawn", "ReportContent"]

SCORE_OF_OUTCOME: Final = {"csat": "csat_mean", "nps": "nps", "ces": "ces_mean", "csat_top2box": "csat_top2box"}
"""The figure of the perception frame that speaks for each outcome."""

REPEATED: Final = ("fcr_of_answers", "repeat_after_resolved", "repeat_after_unresolved")
"""Figures of those who came back: a sentence of the page and the file beside it tell them."""


class Drawn(Protocol):
    """A result that can be shown in detail: its words, its numbers, and its picture at any width."""

    @property
    def table(self) -> pd.DataFrame:
        """The numbers behind the picture."""
        ...

    def summary(self) -> str:
        """Plain text; the first line says what it is."""
        ...

    def plot(self, *, width: int) -> alt.TopLevelMixin:
        """The picture."""
        ...


@dataclass(frozen=True)
class ReportContent:
    """Everything the report shows.

    Attributes
    ----------
    title : str
    subtitle : str
        One line under the title, such as the source.
    outcome : str
        The score the levers were judged by: ``csat``, ``csat_top2box``, ``nps`` or ``ces``.
    outcome_unit : str
        Its unit, such as "score points".
    levers : pandas.DataFrame
        Columns of ``results.schemas.LEVERS``, one row per lever, most important first.
    rungs : pandas.DataFrame
        Columns of ``results.schemas.EVIDENCE``, one row per lever and rung.
    audit : pandas.DataFrame
        ``stage, reason, n``: where every row ended.
    cells : pandas.DataFrame
        ``stage, column, reason, n``: single values that could not be used.
    perception : pandas.DataFrame
        Columns of ``results.schemas.PERCEPTION``.
    operations : pandas.DataFrame
        Columns of ``results.schemas.OPERATIONS``.
    decomposition, associations : pandas.DataFrame, optional
        Of the evidence: what took raw effects away, and what driver charts would have said.
    notes : sequence of str
        What was noticed about these data, one sentence each.
    checks : pandas.DataFrame, optional
        ``level, check, table, column, n, of, told, examples``: what the checks of the data found.
    offers : OfferCheck, optional
        Who was offered the survey; shown with its picture where agents pick.
    sources : pandas.DataFrame, optional
        What is already known: of :func:`audit_sources`.
    followed : FollowUps, optional
        Which contacts breed further ones.
    details : sequence of results
        Shown one by one, each with its words and its picture.
    manifest : mapping
        Inputs, counts, plan, versions, timings; any nesting.
    balance : pandas.DataFrame, optional
        Who answered and who could have, before and after weighting.
    period : str
        The time that the log covers, in words; by default read from the manifest.
    decisions : Decisions, optional
        Prices, hotspots and pilots.
    what_if : WhatIfForm, optional
        For the live what-if; None where no lever has a model.
    who : str or None
        Within what contacts are compared, such as "agent"; None where the log names nobody.
    conf_level : float
        Of the intervals of levers and what-ifs; those of scores are 95 %.
    language : {"en", "es"}
        Of the page.
    labels : mapping of str to str
        The user's own words, by machine name or by English phrase.
    is_everyone_heard : bool
        Whether all who could be expected to answer did, so that there is nobody to weight for.
    """

    title: str
    subtitle: str
    outcome: str
    outcome_unit: str
    levers: pd.DataFrame
    rungs: pd.DataFrame
    audit: pd.DataFrame
    cells: pd.DataFrame
    perception: pd.DataFrame
    operations: pd.DataFrame
    notes: Sequence[str] = ()
    decomposition: pd.DataFrame | None = None
    associations: pd.DataFrame | None = None
    checks: pd.DataFrame | None = None
    offers: OfferCheck | None = None
    sources: pd.DataFrame | None = None
    followed: FollowUps | None = None
    details: Sequence[Drawn] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)
    balance: pd.DataFrame | None = None
    period: str = ""
    decisions: Decisions | None = None
    what_if: WhatIfForm | None = None
    who: str | None = AGENT
    conf_level: float = 0.95
    language: str = "en"
    labels: Mapping[str, str] = field(default_factory=dict)
    is_everyone_heard: bool = False

    @property
    def headline_metric(self) -> str:
        """The figure that speaks for the outcome: weighted to all contacts where that could be done."""
        metric = SCORE_OF_OUTCOME[self.outcome]
        return f"{metric}_weighted" if self.is_weighted else metric

    @property
    def is_weighted(self) -> bool:
        """Whether the outcome's score is there weighted for who did not answer."""
        return f"{SCORE_OF_OUTCOME[self.outcome]}_weighted" in set(self.perception["metric"])

    @property
    def spoken_for(self) -> str:
        """What was done about those who did not answer: ``weighted``, ``nothing``, or there are ``none`` of them."""
        if self.is_weighted:
            return "weighted"
        return "none" if self.is_everyone_heard else "nothing"

    @property
    def shown_scores(self) -> pd.DataFrame:
        """The perception rows of the page: of the weighted figures only the headline, so that tables stay narrow."""
        metric = self.perception["metric"].astype(str)
        is_beside = metric.str.endswith("_weighted") | metric.isin(REPEATED)
        return self.perception[~is_beside | (metric == self.headline_metric)]
