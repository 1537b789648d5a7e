"""Columns of the log that nobody named: does one go with a lever and with the score, beyond all that is held equal?

Such a column may be what made the lever look as if it worked. It is named, never added: only its owner knows whether it
was settled before the contact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import CxfusionError
from cxfusion.estimators.distributions import fisher_f
from cxfusion.estimators.least_squares import fit_least_squares
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.catalogue import up_to
from cxfusion.evidence.columns import numbers_of
from cxfusion.evidence.design import Design, learn_basis
from cxfusion.evidence.linear import LinearDesign
from cxfusion.evidence.sample import KEPT, Sample, made_numeric
from cxfusion.results.formats import change
from cxfusion.results.labels import lever_label
from cxfusion.tables.canonical import CONTACT_COLUMNS
from cxfusion.tables.coding import MISSING, level_codes
from cxfusion.tables.sampling import thinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import ibis.expr.types as ir
    import pyarrow as pa

    from cxfusion.engine import Session
    from cxfusion.estimators.least_squares import LeastSquaresFit
    from cxfusion.estimators.within import Within
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.inquiry import Inquiry
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts

__all__ = ["columns_to_carry", "notes_on_unused", "unused_columns"]

KINDS: Final = ("reason", "channel", "queue", "direction")
"""Canonical columns that may say what kind of case it was; the other ones say what became of it, or who it was."""
NEVER: Final = ("source_file", "source_row")
MOST_COLUMNS: Final = 20
MOST_DISTINCT: Final = 60
"""Different values; a column with more is an id or free text, and holding it equal leaves nothing to compare."""
MOST_LEVELS: Final = 20
"""Of their own; rarer ones stand together."""
MOST_RESPONSES: Final = 50_000
"""Looked at; what moves an effect by what counts here shows in fewer."""
MOST_CARRIED: Final = 5_000_000
"""Values that a sample carries along for this."""
SHARE_THAT_COUNTS: Final = 0.1
"""Of the smallest effect that matters: a smaller change of an effect is not worth a note."""


def unused_columns(contacts: Contacts, spec: LeverSpec, levers: Sequence[Lever]) -> tuple[str, ...]:
    """Columns that could say what kind of case it was and are not used, by their type and name."""
    canonical = {one.name for one in CONTACT_COLUMNS} - set(KINDS)
    used = {*spec.case_mix, *contacts.context, spec.cluster, *(lever.name for lever in levers), *NEVER}
    used |= {name for trial in spec.experiments for name in trial.columns}
    return tuple(
        name
        for name, kind in contacts.rows.schema().items()
        if name not in canonical | used
        and not name.endswith(("_id", "_at"))
        and (kind.is_string() or kind.is_boolean() or kind.is_integer())
    )


def columns_to_carry(pairing: Pairing, spec: LeverSpec) -> tuple[str, ...]:
    """Columns that the sample should carry along, so that the log need not be asked again: none where that is much."""
    names = unused_columns(pairing.contacts, spec, ())
    return names if pairing.n_pairs * len(names) <= MOST_CARRIED else ()


def notes_on_unused(found: Inquiry) -> list[str]:
    """A sentence on each unused column that goes with a lever and with the score, the one that moves most first.

    Both ties are F tests of the column's levels in the linear model with all that the within rung holds equal: the
    lever on the other levers, and the score on all levers. The larger p counts (it has to be both), times the number of
    columns and levers looked at (Bonferroni); and the lever's effect must change by a tenth of the smallest effect that
    matters once the column is held equal too.

    Parameters
    ----------
    found : Inquiry
    """
    names = unused_columns(found.pairing.contacts, found.spec, found.present)
    if not names:
        return []
    try:
        screen = _screen(found, names)
        tied = [] if screen is None else sorted(screen.tied(found), key=lambda one: -abs(one.change))
    except CxfusionError:  # too few answers for this question, not for the others
        return []
    most = {one.column: one for one in reversed(tied)}
    return [one.said(found.sample.outcome.unit) for one in tied if most[one.column] is one]


@dataclass(frozen=True)
class _Tied:
    """A column that goes with a lever and with the score, and by what the lever's effect would change with it."""

    column: str
    lever: Lever
    change: float

    def said(self, unit: str) -> str:
        return (
            f"{self.column} is not held equal, and goes with {lever_label(self.lever.name)} as well as with the score:"
            f" held equal, it would change the effect by about {change(self.change, unit)} {unit}. If it was settled"
            " before the contact, name it in case_mix."
        )


def _screen(found: Inquiry, names: tuple[str, ...]) -> _Screen | None:
    """Moments of the score, the levers and the levels of the columns, all groups held equal; None of no levels."""
    spec, session = found.spec, found.pairing.session
    drawn = _drawn_with(found, names)
    few = _of_few_levels(session, drawn, names)
    if not few:
        return None
    is_whole = drawn is found.sample.drawn
    sample = found.sample if is_whole else made_numeric(found.pairing, spec, found.present, drawn, found.sample.coding)
    sample, widths = _with_levels(sample, few, spec)
    if not widths:
        return None
    levers = tuple(lever for lever in found.tested if lever.role != "placebo")
    bases = tuple(learn_basis(lever, sample.facts[lever.name]).straight() for lever in levers)
    linear = LinearDesign(Design.within(bases, sample.coding), sample.values)
    sweep = session.sweep(sample.rows_that_tell([lever.name for lever in levers]))
    within = within_groups(gather_moments(sweep, partial(_rows, linear=linear, widths=widths)))
    return _Screen(within, linear, levers, widths)


def _drawn_with(found: Inquiry, names: tuple[str, ...]) -> ir.Table:
    """What the sample is made of where it carries the columns and is small enough; else few of its rows, with them."""
    session, log, drawn = found.pairing.session, found.pairing.contacts, found.sample.drawn
    missing = {f"{KEPT}{name}": log.value(name) for name in names if f"{KEPT}{name}" not in drawn.columns}
    if found.sample.n > MOST_RESPONSES:
        drawn = session.materialize(thinned(drawn, found.sample.n, MOST_RESPONSES))
    if missing:
        drawn = session.materialize(drawn.inner_join(log.rows.select("contact_id", **missing), "contact_id"))
    return drawn


def _of_few_levels(session: Session, drawn: ir.Table, names: tuple[str, ...]) -> list[str]:
    """The columns that have some levels, and few enough."""
    counted = session.collect(drawn.aggregate(**{name: _level(drawn, name).nunique() for name in names}))
    return [name for name, n in counted.to_pylist()[0].items() if 2 <= n <= MOST_DISTINCT][:MOST_COLUMNS]


def _level(rows: ir.Table, name: str) -> ir.StringValue:
    return rows[f"{KEPT}{name}"].cast("string").fill_null(MISSING)


def _with_levels(sample: Sample, names: Sequence[str], spec: LeverSpec) -> tuple[Sample, dict[str, int]]:
    """The sample with a code from −1 for each of some columns, and how many levels each has besides."""
    session, rows = sample.session, sample.rows
    rows = session.materialize(rows.mutate(**{f"{KEPT}{name}": _level(rows, name) for name in names}))
    codes, widths = {}, {}
    for name in names:
        listed = level_codes(session, rows, f"{KEPT}{name}", spec.min_level_responses)
        own = listed["code"].clip(upper=MOST_LEVELS - 1)
        if own.max() >= 0:
            pairs = zip(listed[f"{KEPT}{name}"], own, strict=True)
            cases = [(str(level), int(code)) for level, code in pairs if code >= 0]
            codes[f"{KEPT}{name}"] = rows[f"{KEPT}{name}"].cases(*cases, else_=-1).cast("int64")
            widths[name] = int(own.max()) + 1
    left = [name for name in rows.columns if not name.startswith(KEPT)]
    return replace(sample, rows=session.materialize(rows.select(*left, **codes))), widths


def _rows(batch: pa.RecordBatch, linear: LinearDesign, widths: Mapping[str, int]) -> LinearRows:
    """The score, the levers as straight lines, and the levels of each column."""
    levels = [
        np.equal.outer(numbers_of(batch, f"{KEPT}{name}"), np.arange(width)).astype(float)
        for name, width in widths.items()
    ]
    return linear.rows(batch, np.hstack(levels) if levels else None)


@dataclass(frozen=True)
class _Screen:
    """Everything once groups and controls are held equal."""

    within: Within
    linear: LinearDesign
    levers: tuple[Lever, ...]
    widths: Mapping[str, int]

    def tied(self, found: Inquiry) -> Iterator[_Tied]:
        """Each column and lever that pass both tests, and what the lever's effect would change by."""
        asked = [lever for lever in self.levers if lever.role != "given"]
        n_looked_at = len(asked) * len(self.widths)
        for lever in asked:
            smallest = found.sample.smallest_for(lever)
            by_step = found.ladder.step_of(lever) * self.linear.per_unit(lever.name)
            for name, (p_value, moved) in self._ties(lever).items():
                is_tied = p_value * n_looked_at <= found.spec.false_discovery_rate
                if is_tied and abs(moved * by_step) >= SHARE_THAT_COUNTS * smallest:
                    yield _Tied(name, lever, moved * by_step)

    def _ties(self, lever: Lever) -> dict[str, tuple[float, float]]:
        """For each column the larger p of both ties, and the change of the lever's slope."""
        (own,) = self.linear.places(lever.name)
        reached = up_to(lever.moment)
        others = [place for one in self.levers if one.moment in reached for place in self.linear.places(one.name)]
        others.remove(own)
        score, mark = (0, [own, *others]), (own, others)
        plain, alone = (fit_least_squares(self.within, *side) for side in (score, mark))
        found, start = {}, self.linear.width
        for name, width in self.widths.items():
            levels, start = range(start, start + width), start + width
            held, beside = (fit_least_squares(self.within, of, [*among, *levels]) for of, among in (score, mark))
            if plain.is_identified[0] and held.is_identified[0]:
                p_value = max(_p_value(plain, held), _p_value(alone, beside))
                found[name] = p_value, float(held.coefficients[0] - plain.coefficients[0])
        return found


def _p_value(without: LeastSquaresFit, held: LeastSquaresFit) -> float:
    """Of the F test that further columns say nothing; 1 where groups tell them already."""
    n_told = without.dof - held.dof
    if n_told <= 0 or held.residual_sum <= 0:
        return 1.0
    statistic = (without.residual_sum - held.residual_sum) / n_told / held.residual_variance
    return float(fisher_f.sf(max(statistic, 0.0), n_told, held.dof))
