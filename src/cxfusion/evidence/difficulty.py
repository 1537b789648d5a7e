"""The negative control: what after-call work says about the hidden difficulty of cases, learned from the log alone.

After-call work happens when the customer has left, so it cannot have caused the answer. What it still says about the
score, given everything else, is difficulty that the log does not record; how noisy a witness it is, the log tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import ibis
import numpy as np
from scipy.stats import norm

from cxfusion.estimators.absorb import AbsorbRows, Projection, project_on_groups
from cxfusion.evidence.coding import answered_contacts, coded
from cxfusion.evidence.design import Design
from cxfusion.tables.coding import answered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis.expr.types as ir
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.evidence.design import Basis
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts

__all__ = ["WITNESS", "Witness", "hear_witness", "no_witness"]

WITNESS: Final = "wrap_seconds"
INDICATORS: Final = ("talk_seconds", "hold_seconds", "n_transfers")
"""Other marks of difficulty; durations enter as their log."""
MAX_CONTACTS: Final = 1_000_000
TRIADS_MAY_DIFFER_BY: Final = 2.0
TIED_BELOW: Final = 0.001
HASH_DIGITS: Final = 7

Source: TypeAlias = Literal["triads", "case mix", "none"]


@dataclass(frozen=True)
class Witness:
    """How much after-call work says about hidden difficulty.

    Everything is given agent, queue × hour of the week, queue × date and case mix.

    Attributes
    ----------
    source : {"triads", "case mix", "none"}
        Where the reliability comes from.
    reliability : float or None
        ρ², share of after-call work's variance that is difficulty; None where it cannot be known.
    triads : tuple of float
        One estimate of ρ² per pair of other indicators.
    n : int
        Contacts it was learned from.
    reason : str or None
        Why it cannot serve as a control; None where it can.
    covariance : array, shape (1 + basis columns, 1 + basis columns)
        Residual cross-products of log(1 + wrap) and the levers' bases.
    columns : mapping of str to slice
        Where each lever's basis stands in ``covariance``.
    """

    source: Source
    reliability: float | None
    triads: tuple[float, ...]
    n: int
    reason: str | None
    covariance: NDArray[np.float64]
    columns: Mapping[str, slice]

    def explained_by(self, levers: Sequence[str]) -> float:
        """R² of after-call work on some levers' bases."""
        at = np.concatenate([np.arange(self.columns[name].start, self.columns[name].stop) for name in levers])
        own, cross = self.covariance[np.ix_(at, at)], self.covariance[at, 0]
        return float(cross @ np.linalg.lstsq(own, cross, rcond=None)[0] / self.covariance[0, 0])

    def kappa(self, levers: Sequence[str]) -> float | None:
        """κ = (1 − R²)/(ρ² − R²), by which adding the noisy witness falls short; None where ρ² ≤ R²."""
        if self.reliability is None:
            return None
        explained = self.explained_by(levers)
        return (1 - explained) / (self.reliability - explained) if self.reliability > explained else None

    def is_tied_to(self, lever: str) -> bool:
        """Whether a lever goes with after-call work at all (p < .001)."""
        correlation = np.sqrt(min(self.explained_by([lever]), 1.0))
        return bool(2 * norm.sf(correlation * np.sqrt(self.n)) < TIED_BELOW)


def hear_witness(pairing: Pairing, spec: LeverSpec, bases: Sequence[Basis]) -> Witness:
    """Learn from the whole log how reliable after-call work is as a mark of hidden difficulty.

    Parameters
    ----------
    pairing : Pairing
    spec : LeverSpec
    bases : sequence of Basis
        Of the levers, as the models use them.

    Notes
    -----
    With one factor and independent noise, ρ² = s_wa·s_wb/(s_ab·s_ww) for any two other indicators a and b; the median
    over pairs is taken. With fewer than two, the share of after-call work that the recorded case mix explains stands in
    for it. At most a million contacts are used, chosen by an MD5 of the contact id, so that every engine chooses the
    same ones.
    """
    contacts = pairing.contacts
    if not contacts.has(WITNESS):
        return no_witness("the log has no after-call work")
    others = _well_known(contacts, spec)
    numbers = dict.fromkeys([WITNESS, *others, *(basis.lever.name for basis in bases)])
    rows = answered_contacts(contacts, spec, numbers)
    rows = rows.filter(*(rows[name].notnull() for name in numbers))
    n = _count(contacts.session, rows)
    if n < spec.min_responses:
        return no_witness("too few contacts have both after-call work and the levers")
    rows = _thinned(rows, n)
    numeric, coding = coded(contacts.session, contacts.session.materialize(rows), contacts, spec, {})
    columns = dict.fromkeys([*numbers, *coding.controls, *coding.groups])
    ordered = numeric.order_by("source_file", "source_row").select(*columns, weight=ibis.literal(1.0))
    sweep = partial(contacts.session.fold, contacts.session.materialize(ordered))
    given = Design(tuple(bases), tuple(coding.controls.items()), tuple(coding.groups.items()))
    projection = project_on_groups(sweep, partial(_marks, design=given, others=others))
    if len(others) >= 2:
        return _by_triads(projection, given, len(others))
    without = project_on_groups(sweep, partial(_marks, design=replace(given, controls=()), others=others))
    return _by_case_mix(projection, without, given, len(others))


def _well_known(contacts: Contacts, spec: LeverSpec) -> list[str]:
    """The other marks of difficulty, as far as they are not missing in too many answered contacts."""
    present = [name for name in INDICATORS if contacts.has(name)]
    log = answered(contacts)
    known = contacts.session.collect(log.aggregate(n=log.count(), **{name: log[name].count() for name in present}))
    found = known.to_pylist()[0]
    return [name for name in present if found[name] >= (1 - spec.max_missing_share) * found["n"]]


def _count(session: Session, rows: ir.Table) -> int:
    return int(session.collect(rows.aggregate(n=rows.count()))["n"][0].as_py())


def _thinned(rows: ir.Table, n: int) -> ir.Table:
    """At most ``MAX_CONTACTS`` of n rows, chosen by a hash that every engine computes alike."""
    if n <= MAX_CONTACTS:
        return rows
    limit = f"{int(MAX_CONTACTS / n * 16**HASH_DIGITS):0{HASH_DIGITS}x}"
    return rows.filter(rows["contact_id"].hexdigest("md5").substr(0, HASH_DIGITS) < ibis.literal(limit))


def _marks(batch: pa.RecordBatch, design: Design, others: list[str]) -> AbsorbRows:
    """After-call work, the other indicators and the levers' bases, to be cleared of the groups."""
    of_levers = design.make_absorbed(batch)
    marks = [np.log1p(batch.column(WITNESS).to_numpy())]
    for name in others:
        level = batch.column(name).to_numpy()
        marks.append(level if name.startswith("n_") else np.log1p(level))
    targets = np.column_stack([*marks, of_levers.targets])
    return AbsorbRows(targets, of_levers.groups, of_levers.dense, of_levers.weight)


def _by_triads(projection: Projection, design: Design, n_others: int) -> Witness:
    """Reliability from every pair of other indicators."""
    residual, varies = projection.residual, projection.residual_share > 0
    if not varies[: n_others + 1].all():
        return no_witness("after-call work, talk, hold or transfers do not vary within the same agent, hour and day")
    triads = tuple(
        float(residual[0, a] * residual[0, b] / (residual[a, b] * residual[0, 0]))
        for a, b in combinations(range(1, n_others + 1), 2)
        if residual[a, b] != 0
    )
    reliability = float(np.median(triads)) if triads else 0.0
    reason = None
    if not triads or min(triads) <= 0 or max(triads) > TRIADS_MAY_DIFFER_BY * min(triads):
        shown = ", ".join(f"{triad:.2f}" for triad in triads) or "none"
        reason = f"the other marks of difficulty disagree on how reliable after-call work is ({shown})"
    return _witness("triads", reliability, triads, reason, projection, design, n_others)


def _by_case_mix(given: Projection, without: Projection, design: Design, n_others: int) -> Witness:
    """Reliability as the share of after-call work, within the groups, that the recorded case mix explains."""
    if given.residual[0, 0] <= 0:
        return no_witness("after-call work does not vary within the same agent, hour and day")
    reliability = float(1 - given.residual[0, 0] / without.residual[0, 0])
    return _witness("case mix", reliability, (), None, given, design, n_others)


def _witness(
    source: Source,
    reliability: float,
    triads: tuple[float, ...],
    reason: str | None,
    projection: Projection,
    design: Design,
    n_others: int,
) -> Witness:
    kept = np.concatenate([[0], np.arange(1 + n_others, len(projection.residual))])
    places = {basis.lever.name: design.columns(basis.lever.name) for basis in design.bases}
    return Witness(
        source=source,
        reliability=reliability,
        triads=triads,
        n=int(projection.weight),
        reason=reason,
        covariance=projection.residual[np.ix_(kept, kept)],
        columns={name: slice(1 + place.start, 1 + place.stop) for name, place in places.items()},
    )


def no_witness(reason: str) -> Witness:
    """A log without a negative control, and why."""
    return Witness("none", None, (), 0, reason, np.zeros((1, 1)), {})
