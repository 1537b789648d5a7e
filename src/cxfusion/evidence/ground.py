"""The ground on which one lever is asked about in detail: its moment's rows, and the model within agents and days.

The same comparison as the within rung; dose curves, segments and what-ifs about non-response all stand on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cxfusion.errors import EstimationError, NothingToEstimateError, UnknownNameError, nearest_names, require_kind
from cxfusion.estimators.cumulative_logit import CumulativeLogitFit, fit_cumulative_logit
from cxfusion.evidence.agent_days import compared_over_time
from cxfusion.evidence.catalogue import Lever, up_to
from cxfusion.evidence.cluster_facts import clusters_among
from cxfusion.evidence.design import Basis, Design, learn_basis
from cxfusion.evidence.fitting import in_a_clause
from cxfusion.evidence.history import look_back
from cxfusion.evidence.known_rows import know_rows
from cxfusion.evidence.sample import Sample, draw_sample, made_numeric
from cxfusion.evidence.spec import LeverSpec, usable_levers
from cxfusion.evidence.testable import alike_within_because, too_few_because, untestable_because, used_up_because
from cxfusion.pairing.result import require_pairing
from cxfusion.tables.sampling import thinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir
    import numpy as np
    from numpy.typing import NDArray

    from cxfusion.estimators.held import ModelRows
    from cxfusion.evidence.known_rows import KnownRows
    from cxfusion.fold import Sweep
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights

__all__ = ["Field", "Ground", "WithinFit", "asked_spec", "held_equal", "lay_ground", "lever_named"]


@dataclass(frozen=True)
class WithinFit:
    """The model of the within rung with a basis of one's own for one lever.

    Attributes
    ----------
    design : Design
        The lever's basis stands first.
    fit : CumulativeLogitFit
    model : ModelRows
    columns : slice
        The lever's basis among the dense columns.
    """

    design: Design
    fit: CumulativeLogitFit
    model: ModelRows
    columns: slice

    @property
    def is_identified(self) -> NDArray[np.bool_]:
        """Whether the data tell each column of the lever's basis, shape (width,)."""
        return self.fit.is_identified[self.columns]


@dataclass(frozen=True)
class Ground:
    """Where one lever is compared.

    Attributes
    ----------
    sample : Sample
    spec : LeverSpec
    lever : Lever
    others : tuple of Lever
        Levers of earlier moments and beside it, which are held equal.
    rows : ibis.Table
        Responses whose contact has a value of all of these, their answers as categories from 0.
    values : tuple of float
        What each of these categories counts.
    sweep : Sweep
        Over the rows.
    """

    sample: Sample
    spec: LeverSpec
    lever: Lever
    others: tuple[Lever, ...]
    rows: ir.Table
    values: tuple[float, ...]
    sweep: Sweep

    @classmethod
    def on(
        cls, sample: Sample, spec: LeverSpec, lever: Lever, others: tuple[Lever, ...], beside: Sequence[Lever] = ()
    ) -> Ground:
        """On the responses whose contact has a value of the lever, of the others, and of whatever stands ``beside``.

        Raises
        ------
        NothingToEstimateError
            There are too few of these, as on the ladder: each may be missing here and there, and little be left.
        """
        told = sample.rows_that_tell([one.name for one in (lever, *others, *beside)])
        reason = too_few_because(clusters_among(sample, told), spec)
        if reason is not None:
            raise _cannot(lever, reason)
        rows, values = sample.with_own_marks(told)
        return cls(sample, spec, lever, others, rows, values, sample.session.sweep(rows))

    @property
    def n_clusters(self) -> int:
        """Clusters of the sample."""
        return self.sample.coding.n_clusters

    @property
    def n_told(self) -> int:
        """Clusters on whose answers rests what is compared within them."""
        return clusters_among(self.sample, self.rows).told(is_within=True)

    def among(self, rows: ir.Table) -> Ground:
        """The same on some of its rows."""
        rows, values = self.sample.with_own_marks(rows, self.values)
        return replace(self, rows=rows, values=values, sweep=self.sample.session.sweep(rows))

    def design(self, *own: Basis, controls: tuple[tuple[str, int], ...] = (), few_knots: bool = False) -> Design:
        """Columns of the within model, the given bases first; further controls as code column and width."""
        coding = self.sample.coding
        facts = self.sample.facts
        others = tuple(learn_basis(lever, facts[lever.name], few_knots=few_knots) for lever in self.others)
        return Design((*own, *others), (*coding.controls.items(), *controls), tuple(coding.groups.items()))

    def know(
        self,
        *own: Basis,
        beside: Sequence[Basis] = (),
        controls: tuple[tuple[str, int], ...] = (),
        few_knots: bool = False,
    ) -> KnownRows:
        """The rows of all models that one asks for, read once; no slopes are kept of the bases ``beside``."""
        every = self.design(*own, *beside, controls=controls, few_knots=few_knots)
        return know_rows(self.sweep, every, own, self.values)

    def fit_within(
        self,
        *own: Basis,
        controls: tuple[tuple[str, int], ...] = (),
        is_partial: bool = False,
        known: KnownRows | None = None,
    ) -> WithinFit:
        """Fit the within model with bases of one's own for the lever; where ``is_partial``, some may stay untold.

        There are then many bases for few answers, and the levers beside have fewer knots. The rows are read for this
        model alone unless they are ``known``.

        Raises
        ------
        NothingToEstimateError
            The lever does not vary within the groups, these leave too few answers, it cannot be told apart from other
            columns, or the model has no optimum.
        """
        found = self.try_within(*own, controls=controls, is_partial=is_partial, known=known)
        if isinstance(found, str):
            raise _cannot(self.lever, found)
        return found

    def try_within(
        self,
        *own: Basis,
        controls: tuple[tuple[str, int], ...] = (),
        is_partial: bool = False,
        known: KnownRows | None = None,
    ) -> WithinFit | str:
        """The same, or why there is no such fit."""
        plain = self.design(*own, controls=controls, few_knots=is_partial)
        width = sum(basis.width for basis in own)
        known = known or self.know(*own, controls=controls, few_knots=is_partial)
        projection = known.projection(plain)
        left = float(projection.residual_share[:width].max())
        reason = alike_within_because(self.lever, self.sample, self.spec, left) or used_up_because(known, self.spec)
        if reason is not None:
            return reason
        design = plain.projected(projection)
        model = known.side_by_side(design, own)
        try:
            fit = fit_cumulative_logit(model.sweep, model.make_rows, len(self.values))
        except EstimationError as error:
            return in_a_clause(error)
        told = fit.is_identified[:width]
        if not (told.any() if is_partial else told.all()):
            return "it cannot be told apart from what is held equal"
        return WithinFit(design, fit, model, slice(0, width))

    def quantiles(self, shares: Sequence[float], *, positive: bool = False) -> list[float]:
        """Quantiles of the lever over the rows, or over its positive values; empty where there are none."""
        column = self.rows[self.lever.name]
        asked = column.quantile(list(shares), where=column > 0 if positive else None)  # all from one sort
        found = self.sample.session.collect(self.rows.aggregate(found=asked)).to_pylist()[0]["found"]
        return [float(value) for value in found or () if value is not None]


def _cannot(lever: Lever, reason: str) -> NothingToEstimateError:
    return NothingToEstimateError(f"{lever.name} cannot be looked at in detail: {reason}. Choose another lever.")


def asked_spec(spec: LeverSpec | None, outcome: str | None, levers: Iterable[Lever] | Lever | None) -> LeverSpec:
    """The spec with the outcome and the levers that a call names beside it.

    Raises
    ------
    UsageError
        What is given is no spec.
    """
    spec = LeverSpec() if spec is None else spec
    require_kind(spec, LeverSpec, "spec", "make one, spec = cx.LeverSpec(outcome=…).")
    if levers is not None:
        named = (levers,) if isinstance(levers, str | Lever) else levers
        require_kind(named, Iterable, "levers", "levers of the catalogue, or of your own: [cx.Lever(…)].")
        spec = replace(spec, levers=tuple(named))
    return replace(spec, outcome=outcome or spec.outcome)


def lever_named(name: str, levers: Sequence[Lever]) -> Lever:
    """The lever of that name.

    Raises
    ------
    UnknownNameError
        There is none; the nearest are named.
    """
    known = {lever.name: lever for lever in levers}
    if not isinstance(name, str) or name not in known:
        near = ", ".join(nearest_names(name, known) or known)
        raise UnknownNameError(
            f"There is no lever {name!r} among those asked about; nearest: {near}. Name one of these, or define your"
            " own with levers=[*cx.DEFAULT_LEVERS, cx.Lever(…)]."
        )
    return known[name]


def held_equal(lever: Lever, present: Sequence[Lever], sample: Sample, spec: LeverSpec) -> tuple[Lever, ...]:
    """The levers from before a lever or beside it that the sample can tell: what its effect is adjusted for."""
    reached = up_to(lever.moment)
    return tuple(
        other
        for other in present
        if other is not lever
        and other.moment in reached
        and other.role != "placebo"
        and untestable_because(other, sample, spec) is None
    )


@dataclass(frozen=True)
class Field:
    """The sample on which levers are asked about in detail, drawn once for all of them.

    Attributes
    ----------
    pairing : Pairing
        With the history that the levers ask for.
    spec : LeverSpec
    present : tuple of Lever
        Levers that the log has.
    sample : Sample
    few : mapping of str to frozenset of str
        By column of the log, the case mix and the columns kept: levels of so few customers that they are not to be
        shown.
    """

    pairing: Pairing
    spec: LeverSpec
    present: tuple[Lever, ...]
    sample: Sample
    few: Mapping[str, frozenset[str]]

    def thinned(self, most: int) -> Field:
        """The same on about ``most`` responses, with a note that says so; itself where there are no more."""
        if self.sample.n <= most:
            return self
        few = self.pairing.session.materialize(thinned(self.sample.drawn, self.sample.n, most))
        sample = made_numeric(self.pairing, self.spec, self.present, few, self.sample.coding)
        told = f"From a sample of {sample.n:,} of the {self.sample.n:,} responses."
        return replace(self, sample=replace(sample, notes=(*sample.notes, told)))

    def ground(self, name: str) -> Ground:
        """Where one lever is compared.

        Raises
        ------
        UnknownNameError
            No such lever.
        NothingToEstimateError
            It cannot be tested, and why.
        """
        lever = lever_named(name, self.present)
        reason = untestable_because(lever, self.sample, self.spec)
        if reason is not None:
            raise _cannot(lever, reason)
        return Ground.on(self.sample, self.spec, lever, held_equal(lever, self.present, self.sample, self.spec))


def lay_ground(
    pairing: Pairing, name: str, spec: LeverSpec, weights: ResponseWeights | None, kept: tuple[str, ...] = ()
) -> Ground:
    """Draw the sample of one lever.

    Parameters
    ----------
    pairing : Pairing
    name : str
        Of the lever.
    spec : LeverSpec
    weights : ResponseWeights or None
    kept : tuple of str
        Further columns of the log, carried along as they are.

    Raises
    ------
    UnknownNameError, NothingToEstimateError
        As of :meth:`Field.ground`.
    """
    require_pairing(pairing)
    pairing, _ = look_back(pairing, spec)
    present = usable_levers(spec, pairing.contacts)
    lever_named(name, present)  # refused before anything is drawn
    sample = draw_sample(pairing, spec, present, weights, kept, is_alone=True)
    sample, _ = compared_over_time(sample, spec, present)
    return Field(pairing, spec, present, sample, {}).ground(name)
