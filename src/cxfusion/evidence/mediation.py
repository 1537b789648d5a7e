"""How much of a lever's effect runs through what comes after it: direct and total effects on the same rows.

The total effect holds equal what came before the lever, the direct one the mediators as well; what lies between them
runs through the mediators.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import (
    BadControlError,
    EstimationError,
    NothingToEstimateError,
    TooFewResponsesError,
    UsageError,
)
from cxfusion.estimators.effects import Effects, combined, estimate_effects
from cxfusion.estimators.moments import Block, gather_moments
from cxfusion.estimators.sensitivity import sensitivity_of
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.agent_days import compared_over_time
from cxfusion.evidence.catalogue import MOMENTS, WITNESS_LEVER, Lever, lever_from
from cxfusion.evidence.design import learn_basis
from cxfusion.evidence.difficulty import hear_witness
from cxfusion.evidence.ground import Ground, asked_spec, held_equal, lever_named
from cxfusion.evidence.history import look_back
from cxfusion.evidence.linear import LinearDesign
from cxfusion.evidence.refusals import require_numbers
from cxfusion.evidence.sample import draw_sample
from cxfusion.evidence.spec import OUTCOMES, usable_levers
from cxfusion.evidence.testable import untestable_because
from cxfusion.evidence.witness import no_witness
from cxfusion.pairing.result import require_pairing
from cxfusion.results.base import Result
from cxfusion.results.formats import change, percent
from cxfusion.results.grouping import as_columns
from cxfusion.results.labels import lever_label, levers_in_words, outcome_label, step_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from cxfusion.evidence.design import Basis
    from cxfusion.evidence.ground import WithinFit
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.evidence.witness import Witness
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights

__all__ = ["Mediation", "mediate"]

COLUMNS: Final = (
    "outcome", "lever", "term", "basis", "unit", "step", "estimate", "std_error", "conf_low", "conf_high", "p_value",
    "n", "n_clusters", "status", "reason",
)  # fmt: skip
SENSITIVITY_COLUMNS: Final = (
    "term", "partial_r2", "robustness_value", "robustness_value_significant", "status", "reason",
)  # fmt: skip
TERMS: Final = ("total", "direct", "indirect")
SCORES: Final = ("csat", "nps", "ces")


@dataclass(frozen=True, eq=False, repr=False)
class Mediation(Result):
    """A lever's total effect, the part that runs through its mediators, and the rest.

    Attributes
    ----------
    outcome, lever : str
    through : tuple of str
        The mediators.
    effects : pandas.DataFrame
        The same as :attr:`table`: ``outcome, lever, term, basis, unit, step, estimate, std_error, conf_low, conf_high,
        p_value, n, n_clusters, status, reason``. ``term`` is ``total``, ``direct`` (mediators held equal) or
        ``indirect`` (total less direct); ``basis`` is ``within`` (same agent, hour and day) or ``corrected`` (for
        hidden difficulty, which moves mediators and the score alike).
    sensitivity : pandas.DataFrame
        One row for the lever's direct effect and one per mediator: ``term, partial_r2, robustness_value,
        robustness_value_significant, status, reason``. The robustness value is the share of what is left of *both* the
        mediator and the score that a factor nobody recorded would have to explain to undo the mediator's part (or make
        it insignificant). From the linear model with classical errors.
    n : int
        Responses.
    """

    outcome: str
    lever: str
    through: tuple[str, ...]
    effects: pd.DataFrame
    sensitivity: pd.DataFrame
    n: int

    @property
    def _frame(self) -> pd.DataFrame:
        return self.effects

    def _lines(self) -> list[str]:
        first = self.effects.iloc[0]
        step = step_in_words(self.lever, first["step"])
        return [
            f"{step[:1].upper()}{step[1:]}, through {levers_in_words(self.through)}, on {outcome_label(self.outcome)}"
            f" ({self.n:,} responses)",
            *(f"  {_line(row)}" for row in self.effects.itertuples()),
            *(f"  {_robust(row)}" for row in self.sensitivity.itertuples()),
        ]

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Total, direct and indirect effect with their intervals.

        Parameters
        ----------
        width : int
            Whole width in pixels, about.
        """
        from cxfusion.results.interval_charts import mediation_chart

        return mediation_chart(self.effects, width=width)


def _line(row: Any) -> str:
    what = f"{row.term.capitalize()}, {'corrected for hard cases' if row.basis == 'corrected' else 'within'}"
    if row.status != "ok":
        return f"{what}: not applicable, because {row.reason}."
    estimate, low, high = (change(value, finer=1) for value in (row.estimate, row.conf_low, row.conf_high))
    return f"{what}: {estimate} {row.unit} ({low} to {high})"


def _robust(row: Any) -> str:
    if row.status != "ok":
        return f"{lever_label(row.term)}: no sensitivity, because {row.reason}."
    return (
        f"{lever_label(row.term)}: a hidden factor would have to explain {percent(row.robustness_value)} of what is"
        " left of it and of the score to undo its part."
    )


def mediate(
    pairing: Pairing,
    lever: str,
    through: str | Sequence[str],
    outcome: str | None = None,
    *,
    weights: ResponseWeights | None = None,
    spec: LeverSpec | None = None,
) -> Mediation:
    """How much of a lever's effect runs through others: direct, indirect and total effects.

    Parameters
    ----------
    pairing : Pairing
    lever : str
        One of the levers asked about, such as ``"wait_seconds"``.
    through : str or sequence of str
        Mediators: levers, other columns of the log, or another score of the same answer, such as ``"ces"``.
    outcome, weights, spec
        As of :func:`fit_levers`.

    Returns
    -------
    Mediation

    Raises
    ------
    UnknownNameError
        No such lever or column.
    ConfigError
        A mediator that holds no numbers.
    BadControlError
        A mediator that comes before the lever, or is the lever or the outcome itself.
    NothingToEstimateError
        The lever cannot be tested, and why.

    Notes
    -----
    All effects are on the scale of the score and for the same step, in proportion to where the lever is; indirect is
    total less direct, with their joint error. The direct effect is the mean over customers with mediators as they were;
    where lever and mediator work on each other, a part of that interaction counts as direct. Mediation needs more
    than an effect does: nothing unrecorded may move both mediator and score. The correction for hidden difficulty
    answers one such factor; ``sensitivity`` says how strong another would have to be.

    References
    ----------
    VanderWeele (2015), *Explanation in Causal Inference*, chapters 2 and 3; Cinelli & Hazlett (2020), JRSS B 82, 39–67.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> pairing = cx.pair(centre.contacts, centre.surveys)
    >>> found = cx.mediate(pairing, "wait_seconds", ["talk_seconds"])
    >>> found.table["term"].unique().tolist()
    ['total', 'direct', 'indirect']
    """
    require_pairing(pairing)
    spec, through = asked_spec(spec, outcome, None), as_columns(through)
    pairing, _ = look_back(_with_scores(pairing, through, spec), spec)
    present = usable_levers(spec, pairing.contacts)
    first = lever_named(lever, present)
    mediators = _mediators(first, tuple(through), present, pairing)
    paths = _lay(pairing, spec, first, mediators, present, weights)
    return Mediation(
        outcome=spec.outcome,
        lever=lever,
        through=tuple(through),
        effects=pd.DataFrame(paths.rows(), columns=list(COLUMNS)),
        sensitivity=pd.DataFrame(paths.sensitivity(), columns=list(SENSITIVITY_COLUMNS)),
        n=pairing.session.count(paths.total.rows),
    )


def _with_scores(pairing: Pairing, through: Sequence[str], spec: LeverSpec) -> Pairing:
    """The log with the other scores of each contact's answer beside it."""
    asked = [name for name in through if name in SCORES and not pairing.contacts.has(name)]
    if not asked:
        return pairing
    absent = [name for name in asked if name not in pairing.surveys.scales]
    if absent or spec.score in asked:
        raise BadControlError(
            "A score cannot stand between. Expected a score that the surveys ask besides the outcome.",
            [f"{name} is not asked" for name in absent]
            + [f"{name} is the outcome" for name in asked if name == spec.score],
        )
    pairs = pairing.pairs
    own = pairs.filter(pairs["respondent_role"] == "customer").group_by("contact_id")
    scores = own.aggregate(**{name: pairs[name].cast("float64").max() for name in asked})
    rows = pairing.contacts.rows
    joined = rows.left_join(scores, "contact_id").select(*rows.columns, *asked)
    return replace(pairing, contacts=replace(pairing.contacts, rows=pairing.session.materialize(joined)))


def _mediators(lever: Lever, through: tuple[str, ...], present: Sequence[Lever], pairing: Pairing) -> tuple[Lever, ...]:
    """The mediators as levers, refused where they cannot stand between."""
    if not through or len(set(through)) < len(through):
        raise UsageError(f"through is {list(through)}; expected one or more mediators, each once.")
    known = {one.name: one for one in present}
    unknown = [name for name in through if name not in known and not pairing.contacts.has(name)]
    if unknown:
        lever_named(unknown[0], [*present, *(Lever(name, "during", 1) for name in pairing.contacts.columns)])
    found = tuple(known.get(name) or _as_mediator(name) for name in through)
    require_numbers(pairing.contacts, found)
    early = [one for one in found if MOMENTS.index(one.moment) < MOMENTS.index(lever.moment) or one.name == lever.name]
    if early:
        raise BadControlError(
            f"Nothing of {lever.name} can run through what comes before it. Expected mediators that follow the lever.",
            [f"{one.name} happens {one.moment} the contact, {lever.name} {lever.moment} it" for one in early],
        )
    return found


def _as_mediator(name: str) -> Lever:
    if name in SCORES:
        return Lever(name, "after", 1.0, "given", "linear")
    return replace(lever_from(name, "during", None), role="given")


def _lay(
    pairing: Pairing,
    spec: LeverSpec,
    lever: Lever,
    mediators: tuple[Lever, ...],
    present: Sequence[Lever],
    weights: ResponseWeights | None,
) -> _Paths:
    """Both comparisons on the responses whose contact has a value of all that either needs."""
    every = tuple({one.name: one for one in (*present, *mediators)}.values())
    sample = draw_sample(pairing, spec, every, weights, is_alone=True)
    sample, _ = compared_over_time(sample, spec, present)
    reasons = [f"{one.name}: {why}" for one in (lever, *mediators) if (why := untestable_because(one, sample, spec))]
    if reasons:
        raise NothingToEstimateError("What runs through others cannot be told.", reasons)
    names = {one.name for one in mediators}
    others = tuple(one for one in held_equal(lever, present, sample, spec) if one.name not in names)
    witness = _witness(pairing, spec, sample, (lever, *others, *mediators))
    control = () if witness.reason is not None else (WITNESS_LEVER,)
    total = Ground.on(sample, spec, lever, others, (*mediators, *control))
    return _Paths(total, replace(total, others=(*others, *mediators)), mediators, witness)


def _witness(pairing: Pairing, spec: LeverSpec, sample: Sample, levers: Sequence[Lever]) -> Witness:
    """The negative control, where it is heard of all contacts: what only answers tell, the log cannot be asked."""
    if any(one.name in SCORES for one in levers):
        return no_witness("a score stands between, which only those who answered gave")
    return hear_witness(pairing, spec, sample, levers)


@dataclass(frozen=True)
class _Paths:
    """The lever compared with and without its mediators held equal."""

    total: Ground
    direct: Ground
    mediators: tuple[Lever, ...]
    witness: Witness

    def rows(self) -> list[dict[str, Any]]:
        within = [_effect(ground, ground.fit_within(_own_basis(ground))) for ground in (self.total, self.direct)]
        found = [self._row(term, "within", one) for term, one in zip(TERMS, _with_indirect(within), strict=True)]
        corrected = self._corrected(within)
        if isinstance(corrected, str):
            return [*found, *(self._row(term, "corrected", corrected) for term in TERMS)]
        return [*found, *(self._row(term, "corrected", one) for term, one in zip(TERMS, corrected, strict=True))]

    def _corrected(self, within: Sequence[Effects]) -> list[Effects] | str:
        """Both effects less κ times what the witness takes from them; or why not."""
        if self.witness.reason is not None:
            return self.witness.reason
        found, errors = [], []
        for ground, here in zip((self.total, self.direct), within, strict=True):
            kappa = self.witness.kappa([one.name for one in (ground.lever, *ground.others)])
            if kappa is None:
                return "after-call work says hardly more than the levers themselves"
            beside = replace(ground, others=(*ground.others, WITNESS_LEVER))
            fitted = beside.try_within(_own_basis(ground))
            if isinstance(fitted, str):  # the effects themselves stand all the same
                return fitted
            added = combined([(1.0, here), (-1.0, _effect(beside, fitted))])
            found.append(combined([(1.0, here), (-kappa.value, added)]))
            errors.append(-kappa.std_error * added.estimate)
        total, direct = found
        indirect = combined([(1.0, total), (-1.0, direct)])
        return [
            one.with_error(error)
            for one, error in zip((total, direct, indirect), (*errors, errors[0] - errors[1]), strict=True)
        ]

    def _row(self, term: str, basis: str, found: Effects | str) -> dict[str, Any]:
        ground = self.total
        row = {
            "outcome": ground.spec.outcome, "lever": ground.lever.name, "term": term, "basis": basis,
            "unit": OUTCOMES[ground.spec.outcome].unit, "step": ground.lever.step, "n": 0, "n_clusters": 0,
        }  # fmt: skip
        if isinstance(found, str):
            return {**row, "status": "not_applicable", "reason": found}
        low, high = found.interval(ground.spec.conf_level)
        return {
            **row, "step": float(found.step[0]), "estimate": float(found.estimate[0]),
            "std_error": float(found.std_error[0]), "conf_low": float(low[0]), "conf_high": float(high[0]),
            "p_value": float(found.p_value[0]), "n": found.n, "n_clusters": found.n_told, "status": "ok",
        }  # fmt: skip

    def sensitivity(self) -> list[dict[str, Any]]:
        """How strong a factor behind mediator and score would have to be, and one behind lever and score."""
        ground = self.direct
        plain = ground.design(_own_basis(ground))
        straight = replace(plain, bases=tuple(basis.straight() for basis in plain.bases))
        linear = LinearDesign(straight, ground.values)
        within = within_groups(gather_moments(ground.sweep, linear.rows))
        groups = Block(groupings=tuple(range(len(linear.groupings))))
        rows = []
        for one in (ground.lever, *self.mediators):
            (place,) = linear.places(one.name)
            others = Block(columns=tuple(at for at in range(1, linear.width) if at != place)) + groups
            row: dict[str, Any] = {"term": one.name, "status": "ok"}
            try:
                found = sensitivity_of(within, 0, place, others, {}, conf_level=ground.spec.conf_level)
            except (EstimationError, TooFewResponsesError) as error:
                rows.append({**row, "status": "not_applicable", "reason": error.message})
                continue
            rows.append(
                {
                    **row, "partial_r2": found.partial_r2, "robustness_value": found.robustness_value,
                    "robustness_value_significant": found.robustness_value_significant,
                }
            )  # fmt: skip
        return rows


def _own_basis(ground: Ground) -> Basis:
    return learn_basis(ground.lever, ground.sample.facts[ground.lever.name])


def _effect(ground: Ground, fitted: WithinFit) -> Effects:
    model, terms = fitted.model, fitted.design.terms([ground.lever.name])
    clusters = ground.n_clusters, ground.n_told
    return estimate_effects(
        model.sweep, model.make_rows, model.make_levers, terms, fitted.fit, ground.values, *clusters
    )


def _with_indirect(both: Sequence[Effects]) -> list[Effects]:
    total, direct = both
    return [total, direct, combined([(1.0, total), (-1.0, direct)])]
