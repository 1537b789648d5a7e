"""Resolved, says who? The customer's own word beside what the log shows: who says "resolved" and comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import ibis
import pandas as pd

from cxfusion.errors import NoScoreError
from cxfusion.operations.diagnose import diagnose
from cxfusion.operations.episodes import EpisodePlan
from cxfusion.operations.links import Links, plan_of, recontacts_by
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.answers import CUSTOMER
from cxfusion.perception.figures import figures_of
from cxfusion.perception.scores import share_of_those_who
from cxfusion.results.base import Result
from cxfusion.results.formats import figure as in_words
from cxfusion.results.formats import interval as between
from cxfusion.results.grouping import grouping_by
from cxfusion.results.labels import metric_label
from cxfusion.results.schemas import PERCEPTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from cxfusion.pairing import Pairing
    from cxfusion.results.grouping import Grouping

__all__ = ["ASKED", "Resolution", "resolution"]

ASKED: Final = "is_resolved_reported"
_TAKEN: Final = (
    "metric",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "unit",
    "n",
    "n_clusters",
    "status",
    "reason",
)


@dataclass(frozen=True, eq=False, repr=False)
class Resolution(Result):
    """Resolution as customers report it beside repeat contacts in the log, for the whole and by group.

    ``.table`` has the grouping columns, then ``metric, estimate, std_error, conf_low, conf_high, unit, n, n_clusters,
    status, reason``; the metrics are ``reported_resolution`` (share of answers that say so), ``fcr_of_answers`` (of the
    contacts that were answered about, those that nothing followed upon), ``repeat_after_resolved`` and
    ``repeat_after_unresolved`` (share of those who said so and came back).

    Attributes
    ----------
    overall, groups : pandas.DataFrame
    grouping : Grouping
    fcr : float or None
        First-contact resolution of the whole log, whether answered about or not; None where it is not applicable.
    plan : EpisodePlan
    """

    overall: pd.DataFrame
    groups: pd.DataFrame
    grouping: Grouping
    fcr: float | None
    plan: EpisodePlan

    @property
    def _frame(self) -> pd.DataFrame:
        return self.groups if self.grouping.names else self.overall

    def as_rows(self) -> pd.DataFrame:
        """All (grouping ``all``) and the groups, in the columns of ``results.schemas.PERCEPTION``."""
        return self.grouping.as_rows(self.overall, self.groups, PERCEPTION)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Who says "resolved" and comes back, in a sentence; none where that is not known."""
        shown = self.overall.set_index("metric")["estimate"]
        said, back = shown["reported_resolution"], shown["repeat_after_resolved"]
        if pd.isna(said) or pd.isna(back):
            return ()
        return (
            f"{in_words(said, 'share')} of the customers who answered say that it was resolved;"
            f" {in_words(back, 'share')} of these were in touch again within {self.plan.repeat_days:g} days.",
        )

    def _lines(self) -> list[str]:
        rows = [self._in_words(row) for row in self.overall.itertuples()]
        whole = "–" if self.fcr is None else in_words(self.fcr, "share")
        return [
            f"Resolution as customers report it, and repeat contacts within {self.plan.repeat_days:g} days",
            *rows,
            f"  {metric_label('fcr')}, all contacts of the log: {whole}",
        ]

    def _in_words(self, row: Any) -> str:
        if pd.isna(row.estimate):
            return f"  {metric_label(row.metric)}: not shown, {row.reason}"
        interval = between(row.conf_low, row.conf_high, row.unit)
        return f"  {metric_label(row.metric)}: {in_words(row.estimate, row.unit)} ({interval}), n = {row.n:,}"


def resolution(
    pairing: Pairing, by: str | Sequence[str] | None = None, *, plan: EpisodePlan | Links | None = None
) -> Resolution:
    """Is it resolved when the customer says so?

    Parameters
    ----------
    pairing : Pairing
        The survey has ``is_resolved_reported``.
    by : str or sequence of str, optional
        Columns of the contact log.
    plan : EpisodePlan, optional
        What a repeat contact is; or the log as it is chained already (:func:`cxfusion.operations.links.link`).

    Returns
    -------
    Resolution
        Intervals at 95 %, clustered by customer. Where the log names no customers, only what they report is known.

    Raises
    ------
    NoScoreError
        The survey did not ask.
    UnknownNameError
        A column that the log does not have.

    Notes
    -----
    Asked at once, customers overstate: who says "resolved" may be back within the week. Contacts whose week passes the
    log's end, and shared customer ids, are left out of all but ``reported_resolution``.

    Examples
    --------
    >>> import cxfusion as cx
    >>> log, answers = [], []
    >>> for i in range(40):
    ...     log.append({"contact_id": f"a{i}", "customer_id": f"u{i}", "started_at": "2026-01-05 09:00"})
    ...     answers.append({"contact_id": f"a{i}", "csat": 4, "is_resolved_reported": i < 30})
    ...     if i % 4 == 0:
    ...         log.append({"contact_id": f"b{i}", "customer_id": f"u{i}", "started_at": "2026-01-08 09:00"})
    >>> log.append({"contact_id": "z", "customer_id": "z", "started_at": "2026-02-05 09:00"})
    >>> pairing = cx.pair(cx.read_contacts(log, timezone="UTC"), cx.read_surveys(answers, timezone="UTC"))
    >>> cx.resolution(pairing).table[["metric", "estimate"]].round(3).values.tolist()[:2]
    [['reported_resolution', 0.75], ['fcr_of_answers', 0.75]]
    """
    require_pairing(pairing)
    contacts, surveys, session = pairing.contacts, pairing.surveys, pairing.session
    if not surveys.has(ASKED):
        raise NoScoreError(
            f"The survey has no {ASKED}. Expected a column with yes or no to “was your matter resolved?”; name it:"
            f" [surveys.columns] {ASKED} = …"
        )
    episodes = plan or EpisodePlan()
    grouping = grouping_by(by, None, contacts.columns, _TAKEN)
    answers = session.materialize(_answers(pairing, grouping, episodes))
    said, back = answers["said"], answers["back"]
    asked = (
        ("reported_resolution", answers.filter(said.notnull()), said),
        ("fcr_of_answers", answers.filter(said.notnull(), back.notnull()), ~back),
        ("repeat_after_resolved", answers.filter(said, back.notnull()), back),
        ("repeat_after_unresolved", answers.filter(~said, back.notnull()), back),
    )
    nothing = "no such answer about a contact that could be followed"
    found = [
        figures_of(
            pairing,
            rows.mutate(score=value.cast("float64")),
            [replace(share_of_those_who(metric), nothing=nothing)],
            grouping,
        )
        for metric, rows, value in asked
    ]
    overall = pd.concat([figures.overall for figures in found], ignore_index=True)
    groups = pd.concat([figures.groups for figures in found], ignore_index=True)
    if len(groups):
        groups = groups.sort_values(list(grouping.names), kind="stable", ignore_index=True)
    of_log = diagnose(contacts, episodes=episodes).overall
    fcr = of_log.loc[(of_log["metric"] == "fcr") & (of_log["status"] == "ok"), "estimate"].to_list()
    return Resolution(overall, groups, grouping, fcr[0] if fcr else None, plan_of(episodes))


def _answers(pairing: Pairing, grouping: Grouping, episodes: EpisodePlan | Links) -> ir.Table:
    """One row per answer of a customer: ``said`` (resolved), ``back`` (came back; null where unknown), groups."""
    log, surveys = pairing.contacts, pairing.surveys.rows
    keys = {f"key_{i}": log.rows[column] for i, column in enumerate(grouping.columns)}
    contacts = log.rows.select(
        "started_at", log_contact_id=log.rows["contact_id"], log_customer=log.value("customer_id"), **keys
    )
    told = surveys.select(file=surveys["source_file"], row=surveys["source_row"], said=surveys[ASKED])
    pairs = pairing.pairs
    given = pairs.filter(pairs["respondent_role"] == CUSTOMER).select(
        "response_file", "response_row", "contact_id", "customer_id"
    )
    joined = given.inner_join(told, [("response_file", "file"), ("response_row", "row")])
    joined = joined.inner_join(contacts, [("contact_id", "log_contact_id")])
    again = recontacts_by(log, episodes).select(again_id="contact_id", back="is_recontacted")
    joined = joined.left_join(again, [("contact_id", "again_id")])
    customer = ibis.coalesce(joined["customer_id"], joined["log_customer"])
    return joined.select("said", "back", "started_at", *keys, customer=customer, weight=ibis.literal(1.0))
