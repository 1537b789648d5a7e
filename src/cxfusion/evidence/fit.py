"""The evidence as one piece of work: spec → sample → rungs → verdicts → result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pandas as pd

from cxfusion.errors import UnknownNameError, require_kind
from cxfusion.evidence.agent_days import notes_on_days
from cxfusion.evidence.alibi import notes_on_alibi
from cxfusion.evidence.associations import associations_of
from cxfusion.evidence.between import simpson_warnings
from cxfusion.evidence.checks import note_on_part, notes_on_freed
from cxfusion.evidence.cluster_facts import ClusterFacts, cluster_facts, who_is_compared
from cxfusion.evidence.frames import check_frame, decomposition_frame, lever_frame, rung_frame, sensitivity_frame
from cxfusion.evidence.ground import Field, asked_spec
from cxfusion.evidence.inquiry import Inquiry, conclude, inquire
from cxfusion.evidence.later import notes_on_later
from cxfusion.evidence.linkage import weigh_links
from cxfusion.evidence.populate import populate
from cxfusion.evidence.ranks import rank_levers
from cxfusion.evidence.silence import notes_on_silence, pulls_of, with_silence
from cxfusion.evidence.spec import LeverSpec, outcome_named
from cxfusion.evidence.unused import columns_to_carry, notes_on_unused
from cxfusion.fold import algebra_in_one_thread
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.answers import levels_of_few
from cxfusion.perception.attributes import CATEGORIES
from cxfusion.perception.weights import EVERYONE, ResponseWeights, is_everyone_heard
from cxfusion.results.base import Result
from cxfusion.results.formats import change
from cxfusion.results.labels import lever_label, step_in_words, verdict_label, within_labels
from cxfusion.results.language import known_as
from cxfusion.results.readable import best_estimates
from cxfusion.results.schemas import LEVERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import altair as alt
    import pyarrow as pa

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.population import Population
    from cxfusion.evidence.witness import Witness
    from cxfusion.operations.links import Links
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.offers import OfferCheck
    from cxfusion.tables.relation import Scale

__all__ = ["LeverEvidence", "fit_levers", "fit_on_field", "require_evidence"]


@dataclass(frozen=True, eq=False, repr=False)
class LeverEvidence(Result):
    """Which levers move one outcome, by how much, and how sure.

    Attributes
    ----------
    spec : LeverSpec
        What was asked.
    levers : pandas.DataFrame
        One row per lever; the same as :attr:`table`.
    rungs : pandas.DataFrame
        One row per lever and rung: ``outcome, lever, rung, unit, step, estimate, std_error, conf_low, conf_high,
        p_value, n, n_clusters, status, reason``.
    sensitivity : pandas.DataFrame
        How strong a hidden factor would have to be: one row per lever and multiple of the recorded reason, ``lever,
        partial_r2, robustness_value, robustness_value_significant, benchmark, multiple, adjusted_estimate, status,
        reason``. From the linear model with classical errors.
    linkage : pandas.DataFrame
        What wrong links may have done to the within rung: one row per lever and ``basis``: ``as_paired``,
        ``unambiguous`` (only pairs that leave no choice), ``link_corrected`` (at ``link_probability``, the chance that
        the chosen contact is right); then ``unit, step, estimate, std_error, conf_low, conf_high, p_value, n, status,
        reason``. Empty where no pair leaves a choice.
    decomposition : pandas.DataFrame
        What took the raw effect away on the way to the within one: one row per lever and block, ``outcome, lever,
        block, estimate, status, reason``. The parts of a lever sum to its raw less its within estimate.
    checks : pandas.DataFrame
        Whether the within model holds, lever by lever: ``outcome, lever, check, statistic, p_value, shift, is_freed,
        status, reason``. ``linearity``: would a straight line do? (If not, the spline has seen to it.)
        ``proportional_odds``: does the lever push alike at every point of the scale? Where not, and where that moves
        its effect, the effect is taken from a model that lets its odds differ (``is_freed``). ``spread``: does it
        leave answers as far apart as they were? (If not, it divides customers, besides moving their average.)
        ``same_days``: would it look different if only contacts of the same days of an agent were compared? (``shift``
        is by how much. Where that matters, agents change, and these are what is compared: ``is_freed``.)
        ``later_contact``: does the lever at a contact that the customer had a week or more later go with the answer?
        (``shift`` is by how much. It cannot have caused it: something about the customer goes with both.)
        ``answered_before_wrap``: would the correction be another by answers that were given before after-call work
        ended, which it cannot have caused? (``shift`` is by how much.)
    ranks : pandas.DataFrame
        How sure the order of the levers is: one row per lever and place, ``outcome, lever, place, probability``, the
        probability of being among so many largest effects.
    associations : pandas.DataFrame
        What a driver chart would have said: one row per lever and measure (``correlation``, ``shapley``, ``johnson``),
        ``outcome, lever, measure, estimate, std_error, conf_low, conf_high, n, is_named, misled, status, reason``. Not
        effects; ``misled`` says where they contradict the verdict.
    errors : pandas.DataFrame
        Joint covariance of the corrected effects (within, where there is no correction), lever by lever.
    notes : tuple of str
        What a reader should know about the sample.
    n : int
        Responses in the sample.
    population : Population or None
        The fitted models and the contacts as weighted points, on which a what-if is computed; None where no lever has
        a model.
    clusters : ClusterFacts or None
        How alike the answers of one cluster are, for sizing pilots.
    smallest : float
        Smallest effect that matters, in points of the outcome, where a lever names none of its own.
    """

    spec: LeverSpec
    levers: pd.DataFrame
    rungs: pd.DataFrame
    sensitivity: pd.DataFrame
    linkage: pd.DataFrame
    decomposition: pd.DataFrame
    checks: pd.DataFrame
    ranks: pd.DataFrame
    associations: pd.DataFrame
    errors: pd.DataFrame
    notes: tuple[str, ...]
    n: int
    population: Population | None = None
    clusters: ClusterFacts | None = None
    smallest: float = 0.0

    _told: ClassVar = ("lever", "step", "estimate", "verdict", "grade", "because")

    @property
    def _frame(self) -> pd.DataFrame:
        return self.levers

    @property
    def _labels(self) -> Mapping[str, str]:
        return within_labels(who_is_compared(self.clusters)) | self.spec.labels

    def smallest_effect(self, lever: str) -> float:
        """The smallest effect of a lever's step that matters, in points of the outcome."""
        own = next((one.smallest_effect for one in self.spec.levers if one.name == lever), None)
        return own or self.smallest

    def _lines(self) -> list[str]:
        levers = "1 lever" if len(self.levers) == 1 else f"{len(self.levers)} levers"
        head = f"{levers} of {self.spec.outcome} from {self.n:,} responses"
        rows = self.levers.assign(best_estimate=best_estimates(self.levers)).itertuples()
        return [head, *map(_line, rows), *self.notes]

    def to_arrow(self) -> pa.Table:
        """The levers as an Arrow table in the columns of ``levers.parquet``."""
        from cxfusion.results.schemas import as_arrow

        return as_arrow(self.levers, LEVERS)

    def plot(self, what: Literal["ladder", "control"] = "ladder") -> alt.TopLevelMixin:
        """A picture of the levers.

        Parameters
        ----------
        what : {"ladder", "control"}
            The ladder: per lever, the rungs as points with intervals, and the verdict. Or the negative control: the
            effect before and after the correction for hard cases, and how much of after-call work is difficulty.

        Raises
        ------
        UnknownNameError
            There is no such picture.
        NothingToEstimateError
            There is nothing to draw.
        """
        from cxfusion.results.charts import control, ladder

        pictures = {"ladder": ladder, "control": control}
        if not isinstance(what, str) or what not in pictures:
            raise UnknownNameError(f"There is no picture {what!r}. Expected one of: {', '.join(pictures)}.")
        return pictures[what](self.rungs, self.levers)


def require_evidence(value: object) -> None:
    """Refuse what is no evidence.

    Raises
    ------
    UsageError
    """
    require_kind(value, LeverEvidence, "The evidence", "fit it first, evidence = cx.fit_levers(pairing).")


def _line(row: Any) -> str:
    name = lever_label(row.lever)
    if pd.isna(row.best_estimate):
        return f"  {name}: {verdict_label(row.verdict).lower()}. {row.because}"
    best, low, high = (change(value, finer=1) for value in (row.best_estimate, row.conf_low, row.conf_high))
    return (
        f"  {name}: {step_in_words(row.lever, row.step)} → {best} {row.outcome_unit}"
        f" ({low} to {high}), {verdict_label(row.verdict).lower()}"
    )


def fit_levers(
    pairing: Pairing,
    outcome: str | None = None,
    *,
    levers: Iterable[Lever] | None = None,
    weights: ResponseWeights | None = None,
    spec: LeverSpec | None = None,
    offers: OfferCheck | None = None,
) -> LeverEvidence:
    """Estimate what each lever does to an outcome, rung by rung.

    Parameters
    ----------
    pairing : Pairing
    outcome : {"csat", "nps", "ces", "csat_top2box"}, optional
        CSAT by default; the last is the share of answers on its two best marks.
    levers : iterable of Lever, optional
        In place of the catalogue's.
    weights : ResponseWeights, optional
        From :func:`weigh`: the effect is then the one over all contacts that an agent handled, not only over those
        with an answer.
    spec : LeverSpec, optional
        Everything explicit; ``outcome`` and ``levers`` take precedence over it.
    offers : OfferCheck, optional
        From :func:`check_offers`: where agents pick whom to ask, every grade is one lower and no verdict is definite.

    Returns
    -------
    LeverEvidence

    Raises
    ------
    UsageError
        An argument of the wrong kind.
    UnknownNameError
        An outcome or lever that does not exist.
    BadControlError
        A spec that would hide an effect.
    TooFewResponsesError, NothingToEstimateError
        Nothing can be estimated, and why.

    Notes
    -----
    A step is taken in proportion to how much of the lever a contact has: 30 seconds of hold cannot be taken from a
    contact that had none.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), outcome="csat")
    >>> sorted(evidence.rungs["rung"].unique())
    ['adjusted', 'between', 'congestion', 'corrected', 'raw', 'within']
    """
    return fit_on_field(pairing, asked_spec(spec, outcome, levers), weights, offers)[0]


def fit_on_field(
    pairing: Pairing,
    spec: LeverSpec,
    weights: ResponseWeights | None,
    offers: OfferCheck | None,
    kept: tuple[str, ...] = (),
    links: Links | None = None,
) -> tuple[LeverEvidence, Field]:
    """The evidence, and the field on which single levers may be asked about further, with some columns kept.

    ``links`` are the log as it is chained already, where it is.
    """
    with known_as(spec.labels), algebra_in_one_thread():
        require_pairing(pairing)
        carried = tuple(dict.fromkeys((*kept, *columns_to_carry(pairing, spec))))
        found = inquire(pairing, spec, weights, offers=offers, kept=carried, links=links)
        shown = (*CATEGORIES, *found.sample.coding.levels, *kept)
        few = levels_of_few(found.pairing, spec.score, shown)
        field = Field(found.pairing, spec, found.present, found.sample, few)
        return _evidence_of(found, weights, few), field


def _evidence_of(found: Inquiry, weights: ResponseWeights | None, few: Mapping[str, frozenset[str]]) -> LeverEvidence:
    spec = found.spec
    sample, ladder, witness, asked = found.sample, found.ladder, found.witness, found.asked
    outcome = sample.outcome.name
    findings, verdicts = conclude(found, ladder)
    is_heard = weights is None and is_everyone_heard(found.pairing, spec.score)
    pulls = {} if is_heard else pulls_of(found)  # where nobody is silent, silence bends nothing
    verdicts = with_silence(verdicts, findings, pulls)
    linkage = weigh_links(found.pairing, spec, found.present, found.tested, weights, ladder, sample.coding)
    ranks = rank_levers(ladder, [lever.name for lever in asked], spec.conf_level)
    words = {name: verdict.verdict for name, verdict in verdicts.items()}
    warned = simpson_warnings(ladder, asked)
    return LeverEvidence(
        spec=spec,
        levers=lever_frame(found, verdicts, findings, ranks),
        rungs=rung_frame(ladder, outcome),
        sensitivity=sensitivity_frame(ladder),
        linkage=linkage.frame,
        decomposition=decomposition_frame(ladder, outcome),
        notes=(
            *sample.notes,
            *found.told,
            *notes_on_freed(ladder.checks),
            *notes_on_days(sample.coding, ladder.checks),
            *notes_on_alibi(ladder.checks, sample.outcome.unit),
            *_notes(spec, found.scale, witness, weights, is_heard=is_heard),
            *note_on_part(sample.n, sample.n_part),
            *([] if found.weights_check is None else [found.weights_check.summary()]),
            *notes_on_silence(verdicts, findings, pulls),
            *notes_on_later(finding for finding in findings.values() if finding is not None),
            *linkage.notes,
            *warned,
            *notes_on_unused(found),
        ),
        checks=check_frame(ladder, outcome),
        ranks=ranks.frame(spec.outcome),
        errors=ranks.errors,
        associations=associations_of(sample, ranks.levers, words, spec.conf_level),
        n=sample.n,
        population=_shown(populate(sample, ladder, found.scale, spec.conf_level), few),
        clusters=cluster_facts(sample, spec.cluster if sample.coding.is_clustered else None),
        smallest=sample.smallest_effect,
    )


def _shown(population: Population | None, few: Mapping[str, frozenset[str]]) -> Population | None:
    """The same without segments that would tell what fewer than five customers lived or said."""
    if population is None:
        return None
    segments = {
        column: {name: points for name, points in levels.items() if name not in few[column]}
        for column, levels in population.segments.items()
    }
    return replace(population, segments={column: levels for column, levels in segments.items() if levels})


def _notes(
    spec: LeverSpec, scale: Scale, witness: Witness, weights: ResponseWeights | None, *, is_heard: bool
) -> Iterator[str]:
    if is_heard:
        yield EVERYONE
    elif weights is None:
        yield "Effects are those among customers who answered: they are not weighted to all answered contacts."
    if not outcome_named(spec.outcome).is_better_above(scale):
        yield f"A higher {spec.outcome} score means a worse experience: a negative effect is good."
    if witness.reason is not None:
        yield f"There is no negative control: {witness.reason}."
