"""The negative control: what after-call work says about the hidden difficulty of cases, learned from the log alone.

After-call work happens when the customer has left, so it cannot have caused the answer. What it still says about the
score, given everything else, is difficulty that the log does not record; how noisy a witness it is, the log tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np

from cxfusion.estimators.held import keep_parts, may_keep
from cxfusion.estimators.left_out import MOST_PARTS, products_without
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.triads import least_triad, triads_of
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.coding import answered_contacts, coded
from cxfusion.evidence.columns import numbers_of
from cxfusion.evidence.design import Design, learn_basis
from cxfusion.evidence.testable import same_within, who_is_held
from cxfusion.evidence.witness import Witness, no_witness
from cxfusion.tables.coding import answered, group_codes, one_place
from cxfusion.tables.sampling import thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.absorb import Projection
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.evidence.witness import Source
    from cxfusion.fold import Sweep
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts

__all__ = ["WITNESS", "hear_witness"]

WITNESS: Final = "wrap_seconds"
INDICATORS: Final = ("talk_seconds", "hold_seconds", "n_transfers")
"""Other marks of difficulty; durations enter as their log."""
MAX_CONTACTS: Final = 1_000_000
NOT_TOGETHER: Final = "talk, hold and transfers hardly go together, so nothing tells how reliable after-call work is"


def hear_witness(pairing: Pairing, spec: LeverSpec, sample: Sample, levers: Sequence[Lever]) -> Witness:
    """Learn from the whole log how reliable after-call work is as a mark of hidden difficulty.

    Parameters
    ----------
    pairing : Pairing
    spec : LeverSpec
    sample : Sample
        The answers; contacts are compared within the same as theirs.
    levers : sequence of Lever
        Of the models that are to be corrected.

    Notes
    -----
    With one factor and independent noise, ρ² = s_wa·s_wb/(s_ab·s_ww) for any two other indicators a and b that go
    together. Where pairs disagree, at least one mark shares something else with after-call work, and that makes ρ² too
    large: the pair whose interval ends lowest counts, which corrects most of what is told. With fewer than two
    indicators, the share of after-call work that the recorded case mix explains (adjusted R²) stands in for it. At most
    a million contacts are used, chosen by an MD5 of the contact id, so that every engine chooses the same ones. The
    errors of ρ² and R² are those of a jackknife that leaves out a part of the agents.
    """
    contacts = pairing.contacts
    reason = _unheard_because(contacts, spec, sample, levers)
    if reason is not None:
        return no_witness(reason)
    bases = [learn_basis(lever, sample.facts[lever.name]) for lever in levers]
    others = _well_known(contacts, spec)
    numbers = dict.fromkeys([WITNESS, *others, *(basis.lever.name for basis in bases)])
    rows = answered_contacts(contacts, spec, numbers)
    rows = rows.filter(*(rows[name].notnull() for name in numbers))
    n = contacts.session.count(rows)
    if n < spec.min_responses:
        return no_witness("too few contacts have both after-call work and the levers")
    rows = thinned(rows, n, MAX_CONTACTS)
    rows = contacts.session.materialize(rows.drop("contact_id"))
    files = {"file": group_codes(contacts.session, rows, ("source_file",))}
    numeric, coding = coded(contacts.session, rows, contacts, spec, files, sample.coding)
    columns = dict.fromkeys([*numbers, "cluster", *coding.controls, *coding.groups])
    in_order = numeric.order_by(one_place(numeric["file"], numeric["source_row"]))
    ordered = in_order.select(*columns, weight=ibis.literal(1.0))
    sweep = contacts.session.sweep(contacts.session.materialize(ordered))
    given = Design(tuple(bases), coding.untold_controls, tuple(coding.groups.items()))
    if coding.n_clusters < max(spec.min_clusters, 2):
        return no_witness(f"only {coding.n_clusters} agents have both, too few to know how sure it is")
    same = same_within(who_is_held(coding, spec))
    n_parts = min(coding.n_clusters, MOST_PARTS)
    marks = _residuals_of(sweep, given, others, n_parts)
    if len(others) >= 2:
        return _by_triads(marks, given, len(others), spec.max_triad_ratio, same)
    bare = _residuals_of(sweep, replace(given, controls=()), others, n_parts)
    return _by_case_mix(marks, bare, given, len(others), same)


def _unheard_because(contacts: Contacts, spec: LeverSpec, sample: Sample, levers: Sequence[Lever]) -> str | None:
    """Why nobody need listen to after-call work; None where it may have something to say."""
    if not contacts.has(WITNESS):
        return "the log has no after-call work"
    if any(lever.name == WITNESS for lever in levers):  # it cannot be held against itself
        return "after-call work is itself asked about, as if it came before the answer"
    if 1 - sample.facts[WITNESS].n_known / sample.n > spec.max_missing_share:
        return "after-call work is missing in too many of the paired contacts"
    return None


@dataclass(frozen=True)
class _Residuals:
    """Residual cross-products of the marks and the bases, of all contacts and without each part in turn."""

    projection: Projection
    without: NDArray[np.float64]
    dof: int  # contacts less the groups and controls held fixed

    @property
    def products(self) -> NDArray[np.float64]:
        """Of all contacts first, shape (1 + parts, m, m)."""
        return np.concatenate([self.projection.residual[None], self.without])


def _residuals_of(sweep: Sweep, design: Design, others: list[str], n_parts: int) -> _Residuals:
    make_rows = partial(_marks, design=design, others=others, n_parts=n_parts)
    if may_keep(sweep):
        sweep, make_rows = keep_parts(sweep, make_rows), partial(_as_they_are)
    within = within_groups(gather_moments(sweep, make_rows))
    projection, dof = within.projection, within.moments.n - within.system.rank
    return _Residuals(projection, products_without(sweep, make_rows, projection, n_parts), dof)


def _as_they_are(rows: Any) -> LinearRows:
    kept: LinearRows = rows
    return kept


def _well_known(contacts: Contacts, spec: LeverSpec) -> list[str]:
    """The other marks of difficulty, as far as they are not missing in too many answered contacts."""
    present = [name for name in INDICATORS if contacts.has(name)]
    log = answered(contacts)
    known = contacts.session.collect(log.aggregate(n=log.count(), **{name: log[name].count() for name in present}))
    found = known.to_pylist()[0]
    return [name for name in present if found[name] >= (1 - spec.max_missing_share) * found["n"]]


def _marks(batch: pa.RecordBatch, design: Design, others: list[str], n_parts: int) -> LinearRows:
    """After-call work, the other indicators and the levers' bases, to be cleared of the groups.

    The part that a contact is left out with is its agent's.
    """
    marks = [np.log1p(batch.column(WITNESS).to_numpy())]
    for name in others:
        level = batch.column(name).to_numpy()
        marks.append(level if name.startswith("n_") else np.log1p(level))
    columns = np.empty((len(batch), len(marks) + design.width))  # row by row, as the sums by group read them
    columns[:, : len(marks)], columns[:, len(marks) :] = np.column_stack(marks), design.basis_columns(batch)
    part = numbers_of(batch, "cluster") % n_parts
    return LinearRows(columns, design.absorbed(batch), numbers_of(batch, "weight"), part)


def _by_triads(residuals: _Residuals, design: Design, n_others: int, max_ratio: float, same: str) -> Witness:
    """Reliability from the pair of other indicators that is seen to grant after-call work the least."""
    products, varies = residuals.products, residuals.projection.residual_share > 0
    if not varies[: n_others + 1].all():
        return no_witness(f"after-call work, talk, hold or transfers do not vary {same}")
    triads = triads_of(products, n_others)
    if not triads:
        return _witness("triads", None, (), NOT_TOGETHER, residuals, design, n_others)
    least, values = least_triad(triads), tuple(triad.value for triad in triads)
    reason = None
    if min(values) <= 0 or max(values) > max_ratio * min(values):
        shown = ", ".join(f"{value:.2f}" for value in values)
        reason = f"the other marks of difficulty disagree on how reliable after-call work is ({shown})"
    reliability = np.append(least.value, least.without)
    return _witness("triads", reliability, values, reason, residuals, design, n_others)


def _by_case_mix(given: _Residuals, bare: _Residuals, design: Design, n_others: int, same: str) -> Witness:
    """Reliability as the share of after-call work, within the groups, that the recorded case mix explains.

    The adjusted one: of few contacts any case mix explains some, and what is too large here corrects too little.
    """
    if given.projection.residual[0, 0] <= 0:
        return no_witness(f"after-call work does not vary {same}")
    left, all_ = given.products[:, 0, 0] / given.dof, bare.products[:, 0, 0] / bare.dof
    reliability = np.maximum(1 - np.divide(left, all_, out=np.ones_like(left), where=all_ > 0), 0.0)
    return _witness("case mix", reliability, (), None, given, design, n_others)


def _witness(
    source: Source,
    reliability: NDArray[np.float64] | None,
    triads: tuple[float, ...],
    reason: str | None,
    residuals: _Residuals,
    design: Design,
    n_others: int,
) -> Witness:
    kept = np.concatenate([[0], np.arange(1 + n_others, len(residuals.projection.residual))])
    places = {basis.lever.name: design.columns(basis.lever.name) for basis in design.bases}
    return Witness(
        source=source,
        reliability=None if reliability is None else float(reliability[0]),
        triads=triads,
        n=int(residuals.projection.weight),
        reason=reason,
        covariance=residuals.projection.residual[np.ix_(kept, kept)],
        columns={name: slice(1 + place.start, 1 + place.stop) for name, place in places.items()},
        reliability_without=np.zeros(0) if reliability is None else reliability[1:],
        covariance_without=residuals.without[:, kept[:, None], kept],
    )
