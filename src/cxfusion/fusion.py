"""The main job on one page: pair → diagnose ∥ measure → evidence → study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from cxfusion.checks.feed import FeedCheck, check_feed
from cxfusion.decisions.decide import decide
from cxfusion.delivery.manifest import results_of, study_manifest
from cxfusion.errors import (
    NoScoreError,
    NothingPairedError,
    NothingToEstimateError,
    UnknownNameError,
    require_kind_or_none,
    told_nearest,
)
from cxfusion.evidence.fit import LeverEvidence, fit_on_field
from cxfusion.evidence.relationship import LevelComparison, compare_levels
from cxfusion.evidence.segment_levels import is_tenure
from cxfusion.evidence.shape_and_place import shape_and_place
from cxfusion.evidence.spec import OUTCOMES, LeverSpec
from cxfusion.halves import operations_half, perception_half
from cxfusion.pairing.keys import key_wanted
from cxfusion.pairing.pair import pair
from cxfusion.perception.answers import answered_share
from cxfusion.perception.sources import audit_sources
from cxfusion.results.grouping import as_columns
from cxfusion.results.labels import reason_label
from cxfusion.stages import Stages
from cxfusion.study import Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxfusion.pairing.plan import PairingPlan
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.ratings.read import Ratings
    from cxfusion.stages import OnStage
    from cxfusion.tables.opening import Data
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["Questions", "first_score", "fuse", "require_pairs", "study_of"]

GROUPINGS: Final = ("queue", "channel", "reason")
"""The first of these that the log has is the grouping of the page."""


def fuse(  # noqa: PLR0913  what a job asks
    contacts: Contacts,
    surveys: Surveys,
    *,
    plan: PairingPlan | None = None,
    spec: LeverSpec | None = None,
    outcome: str | None = None,
    by: str | Sequence[str] | None = None,
    interval: str | None = None,
    costs: Mapping[str, Any] | None = None,
    other_sources: Mapping[str, Data | Ratings] | None = None,
    on_stage: OnStage | None = None,
) -> Study:
    """Do the whole job: from two tables to a study.

    Parameters
    ----------
    contacts, surveys : Contacts, Surveys
        Of one session.
    plan : PairingPlan, optional
    spec : LeverSpec, optional
    outcome : {"csat", "nps", "ces", "csat_top2box"}, optional
        The score that is to be moved; by default the first of these that the surveys have.
    by : str or list of str, optional
        Grouping of operations and scores; by default the first of queue, channel and reason that the log has.
    interval : {"15min", "30min", "1h", "1d"}, optional
        The operations figures also by this interval of the site's clock.
    costs : mapping, optional
        Arguments of :func:`decide`, such as ``{"cost_per_hour": 32, "currency": "EUR"}``.
    other_sources : mapping of str to (path, frame, list of dict or Ratings), optional
        Other data, each under a name (a brand tracker, a panel): for :func:`audit_sources`.
    on_stage : callable, optional
        Called with the name and the rows of each stage as it begins.

    Returns
    -------
    Study

    Raises
    ------
    NothingPairedError
        No response found its contact; the message counts why.
    CxfusionError
        As of :func:`pair`, :func:`diagnose`, :func:`measure` and :func:`fit_levers`.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> study = cx.fuse(centre.contacts, centre.surveys)
    >>> study.evidence.table[["lever", "verdict"]].head(2).values.tolist()
    [['wait_seconds', 'moves'], ['hold_seconds', 'contested']]
    """
    stage = Stages(on_stage)
    with stage("pair", getattr(surveys, "n_read", None)):
        pairing = pair(contacts, surveys, plan)
    return study_of(pairing, Questions(spec, outcome, by, interval, costs, other_sources), stage=stage)


COSTS: Final = tuple(name for name, one in signature(decide).parameters.items() if one.kind is one.KEYWORD_ONLY)
"""What may be told to :func:`decide` beside the evidence and the pairing."""


@dataclass(frozen=True)
class Questions:
    """What a study is asked: arguments of :func:`fuse`.

    Attributes
    ----------
    spec, outcome, by, interval, costs, other_sources
        As there.
    dates : mapping of str to str, optional
        By other source, its column of dates.
    """

    spec: LeverSpec | None = None
    outcome: str | None = None
    by: str | Sequence[str] | None = None
    interval: str | None = None
    costs: Mapping[str, Any] | None = None
    other_sources: Mapping[str, Data | Ratings] | None = None
    dates: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        require_kind_or_none(self.spec, LeverSpec, "spec", "make one, spec = cx.LeverSpec(outcome=…).")
        told_decide = "what decide() is told beside the evidence, such as {'cost_per_hour': 30}."
        require_kind_or_none(self.costs, Mapping, "costs", told_decide)
        by_name = "tables by a name, as audit_sources() takes."
        require_kind_or_none(self.other_sources, Mapping, "other_sources", by_name)
        unknown = [str(name) for name in self.costs or {} if name not in COSTS]
        if unknown:
            raise UnknownNameError(
                f"There is no cost {', '.join(unknown)}. Expected some of: {', '.join(COSTS)}.",
                told_nearest(unknown, COSTS),
            )

    def spec_for(self, surveys: Surveys) -> LeverSpec:
        """The spec, of the score that is to be moved."""
        wanted = self.outcome or (self.spec.outcome if self.spec else first_score(surveys))
        return replace(self.spec or LeverSpec(), outcome=_present(surveys, wanted))


def study_of(
    pairing: Pairing,
    asked: Questions,
    *,
    feed: FeedCheck | None = None,
    before: Mapping[str, Any] | None = None,
    stage: Stages | None = None,
) -> Study:
    """The study of a pairing that is already made.

    Parameters
    ----------
    pairing : Pairing
    asked : Questions
    feed : FeedCheck, optional
        Its checks, if they are made already.
    before : mapping, optional
        What an earlier run handed on, to compare with.
    stage : Stages, optional
        Of the run that this is a part of.
    """
    stage = stage or Stages()
    require_pairs(pairing)
    if feed is None:
        with stage("check", pairing.contacts.n_read):
            feed = check_feed(pairing)
    spec, grouping = asked.spec_for(pairing.surveys), _grouping(pairing, asked.by)
    with stage("diagnose", pairing.contacts.n_read):
        operations, links = operations_half(pairing, grouping, asked.interval)
    with stage("measure", pairing.n_pairs):
        perception = perception_half(pairing, spec.score, grouping, operations, links)
        sources = audit_sources(pairing, asked.other_sources, dates=asked.dates)
    with stage("fit levers", pairing.n_pairs):
        places = _segments(pairing, grouping)
        evidence, field = fit_on_field(pairing, spec, perception.weights, perception.offers, places, links)
        del links  # and with them their table, as long as the log
    with stage("look into levers", pairing.n_pairs):
        details, left_out = shape_and_place(field, evidence, places)
    with stage("compare levels", pairing.n_exposures):
        levels, of_levels = _levels(pairing, evidence)
    with stage("decide", pairing.contacts.n_read):
        decisions = decide(evidence, pairing, **(asked.costs or {}))
    notes = (
        *pairing.contacts.notes, *pairing.surveys.notes, *perception.told, *operations.left_out, *perception.sentences,
        *evidence.notes, *left_out, *of_levels,
    )  # fmt: skip
    return Study(
        evidence=evidence,
        decisions=decisions,
        details=details,
        levels=levels,
        diagnosis=operations.diagnosis,
        by_interval=operations.by_interval,
        followed=operations.followed,
        measurements=perception.measurements,
        offers=perception.offers,
        resolution=perception.resolution,
        sources=sources,
        audit=pairing.audit,
        cells=pairing.cells,
        balance=perception.balance(field.few),
        notes=tuple(dict.fromkeys(notes)),
        feed=feed,
        manifest={
            **study_manifest(pairing, feed, stage.seconds, evidence),
            "results": results_of(evidence, perception.measurements, answered_share(pairing)),
            **({"before": dict(before)} if before else {}),
        },
    )


def _levels(pairing: Pairing, evidence: LeverEvidence) -> tuple[LevelComparison | None, tuple[str, ...]]:
    """The contact beside the relationship, and what it says; nothing where no survey asks about the relationship."""
    if not pairing.n_exposures:
        return None, ()
    try:
        levels = compare_levels(evidence, pairing)
    except (NoScoreError, NothingToEstimateError) as error:
        return None, (f"The relationship is not compared with the contact: {error.message}",)
    return levels, (levels.sentence, *levels.relationship.notes)


def _wanted(pairing: Pairing) -> str:
    """What to mend where nothing is paired: a key that is shared has failed for another reason."""
    responses = pairing.audit.query("stage == 'responses'").sort_values("n")
    most = str(responses["reason"].iloc[-1]) if len(responses) else ""
    if most == "answered_before_contact":
        return "Expected answers that come after their contacts: look at the time zones of both tables"
    if most == "outside_window":
        return "Expected contacts within the window before the answer: widen it, or look at the time zones"
    return key_wanted(pairing.contacts, pairing.surveys, pairing.plan) or "Expected a key that both tables share"


def require_pairs(pairing: Pairing) -> None:
    """Raise where nothing was paired.

    Raises
    ------
    NothingPairedError
        The message counts where the responses ended.
    """
    if pairing.n_pairs == 0:
        raise NothingPairedError(
            f"No response could be paired with a contact, so nothing can be said about levers. {_wanted(pairing)};"
            " where the responses ended:",
            [
                f"{row.reason}: {row.n:,} ({reason_label(str(row.reason))})"
                for row in pairing.audit.itertuples()
                if row.stage == "responses"
            ],
        )


def first_score(surveys: Surveys) -> str:
    """The first score that the surveys have, in the order CSAT, NPS, CES.

    Raises
    ------
    NoScoreError
        They have none of these.
    """
    present = [name for name in OUTCOMES if name in surveys.scales]
    if not present:
        raise NoScoreError(f"The surveys have no score. Expected at least one of: {', '.join(OUTCOMES)}.")
    return present[0]


def _present(surveys: Surveys, outcome: str) -> str:
    """The score that was asked for, if the surveys have it."""
    known = OUTCOMES.get(outcome)
    if known is None or known.score not in surveys.scales:
        there = ", ".join(name for name, one in OUTCOMES.items() if one.score in surveys.scales)
        further = "" if known is None else f", or map a column to {known.score}"
        raise UnknownNameError(
            f"The surveys have no {outcome!r} score. They have: {there}; ask for one of these{further}."
        )
    return outcome


def _grouping(pairing: Pairing, by: str | Sequence[str] | None) -> str | Sequence[str] | None:
    if by is not None:
        return by
    return next((name for name in GROUPINGS if pairing.contacts.has(name)), None)


def _segments(pairing: Pairing, grouping: str | Sequence[str] | None) -> tuple[str, ...]:
    """The columns by which a lever is looked into: the first of the page's grouping that is case mix, and tenure.

    What early experiences do to customers is asked wherever the log tells how long they have been customers.
    """
    place = next((name for name in as_columns(grouping) if name in GROUPINGS and pairing.contacts.has(name)), None)
    tenure = next((name for name in pairing.contacts.columns if is_tenure(name)), None)
    return tuple(name for name in (place, tenure) if name is not None)
