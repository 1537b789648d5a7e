"""What wrong links may have done to the effects: refits on clear pairs only, and with every candidate in its share.

An answer that is paired with the wrong contact tells nothing of it, and so blurs every effect towards zero. With λ the
chance that the chosen contact is right, each lever is replaced by λ·chosen + (1 − λ)·mean of the other candidates
(Lahiri & Larsen 2005), what it is expected to have been.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ibis
import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.evidence.ladder import RungEstimate
from cxfusion.evidence.rungs import within_rungs
from cxfusion.evidence.sample import draw_sample
from cxfusion.evidence.testable import untestable_because
from cxfusion.pairing.links import GUESSED, check_links, other_candidates
from cxfusion.perception.answers import scored_pairs
from cxfusion.results.formats import change, count, percent
from cxfusion.results.labels import lever_label
from cxfusion.results.language import in_sentence
from cxfusion.tables.coding import answered
from cxfusion.tables.sums import exact_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.coding import Coding
    from cxfusion.evidence.ladder import Ladder
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights

__all__ = ["LINKAGE_COLUMNS", "Linkage", "weigh_links"]

MIN_CHECKED: Final = 30
"""Fewest answers with both keys from which the chance of a right link is taken."""
LINKAGE_COLUMNS: Final = (
    "outcome", "lever", "basis", "link_probability", "unit", "step", "estimate", "std_error", "conf_low", "conf_high",
    "p_value", "n", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Linkage:
    """The within rung under other readings of the links; empty where no pair leaves a choice.

    Attributes
    ----------
    frame : pandas.DataFrame
        Columns ``LINKAGE_COLUMNS``.
    notes : tuple of str
    """

    frame: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()


def weigh_links(
    pairing: Pairing,
    spec: LeverSpec,
    levers: tuple[Lever, ...],
    tested: Sequence[Lever],
    weights: ResponseWeights | None,
    ladder: Ladder,
    like: Coding,
) -> Linkage:
    """Refit the within rung where pairs leave a choice of contact.

    Parameters
    ----------
    pairing : Pairing
    spec : LeverSpec
        ``with_links`` may ask for it or refuse it.
    levers : tuple of Lever
        All that the sample holds.
    tested : sequence of Lever
        Those that can be tested, and the givens they are held against.
    weights : ResponseWeights or None
    ladder : Ladder
        The rungs of all pairs as they are.
    like : Coding
        Of their sample: other readings are compared within the same.

    References
    ----------
    Lahiri & Larsen (2005), Regression analysis with linked data, JASA 100, 222–230.
    """
    n_pairs, doubtful = _doubtful(pairing, spec)
    if spec.with_links is False or not (doubtful or spec.with_links):
        return Linkage(pd.DataFrame(columns=list(LINKAGE_COLUMNS)))
    tested = [lever for lever in tested if lever.role != "placebo"]  # nobody acts on these
    refit = partial(_refit, spec=spec, levers=levers, tested=tested, weights=weights, like=like)
    asked = [lever for lever in tested if lever.role != "given"]
    rows = [_row(spec, found, "as_paired") for found in ladder.rungs if found.rung == "within" and found.lever in asked]
    rows += [_row(spec, found, "unambiguous") for found in refit(pairing.unambiguous())]
    known = _known_chances(pairing, doubtful)
    others = _others(pairing, [lever.name for lever in levers])
    for chances in [known] if known else [dict.fromkeys(doubtful, chance) for chance in spec.link_probabilities]:
        shown = sum(n * chances[reason] for reason, n in doubtful.items()) / max(sum(doubtful.values()), 1)
        blended = refit(pairing, blend=partial(_blend, others=others, chances=chances)) if doubtful else []
        rows += [_row(spec, found, "link_corrected", shown) for found in blended]
    frame = pd.DataFrame(rows, columns=list(LINKAGE_COLUMNS))
    return Linkage(frame, tuple(_notes(frame, sum(doubtful.values()), n_pairs, bool(known))))


def _doubtful(pairing: Pairing, spec: LeverSpec) -> tuple[int, dict[str, int]]:
    """Customers' scored pairs, and those of them that leave a choice, by the reason of the pair."""
    used = scored_pairs(pairing, spec.score)
    sums = used.aggregate(by="reason", n=used.count(), n_doubtful=(used["n_candidates"] > 1).sum())
    counts = pairing.session.collect(sums.order_by("reason")).to_pylist()
    doubtful = {row["reason"]: int(row["n_doubtful"]) for row in counts if row["n_doubtful"]}
    return sum(int(row["n"]) for row in counts), doubtful


def _known_chances(pairing: Pairing, doubtful: Mapping[str, int]) -> dict[str, float]:
    """The chance of a right link by the reason of a pair, if answers with both keys tell it for all doubtful pairs."""
    check = check_links(pairing)
    found = {reason: check.probability(key, MIN_CHECKED) for key, reason in GUESSED.items()}
    known = {reason: chance for reason, chance in found.items() if chance is not None}
    return known if set(doubtful) <= set(known) else {}


def _others(pairing: Pairing, names: Sequence[str]) -> ir.Table:
    """Means of the levers over the other candidates of each doubtful pair: ``response_id, paired_by, other_…``."""
    log = answered(pairing.contacts)
    values = log.select("contact_id", **{f"other_{name}": log[name].cast("float64") for name in names})
    beside = other_candidates(pairing).inner_join(values, "contact_id")
    means = beside.aggregate(
        by={"response_id": beside["response_id"], "paired_by": beside["reason"]},
        **{f"other_{name}": exact_mean(beside[f"other_{name}"]) for name in names},
    )
    return pairing.session.materialize(means)


def _blend(rows: ir.Table, others: ir.Table, chances: Mapping[str, float]) -> ir.Table:
    """Rows whose levers are what they are expected to have been, given the chance of a right link."""
    beside = rows.left_join(others, "response_id", rname="others_{name}")
    chance = ibis.cases(*((beside["paired_by"] == reason, share) for reason, share in chances.items()), else_=1.0)
    names = [name.removeprefix("other_") for name in others.columns if name.startswith("other_")]
    expected = {
        name: chance * beside[name] + (1 - chance) * ibis.coalesce(beside[f"other_{name}"], beside[name])
        for name in names
    }
    return beside.mutate(**expected).select(*rows.columns)


def _refit(
    pairing: Pairing,
    spec: LeverSpec,
    levers: tuple[Lever, ...],
    tested: Sequence[Lever],
    weights: ResponseWeights | None,
    like: Coding,
    blend: Callable[[ir.Table], ir.Table] | None = None,
) -> list[RungEstimate]:
    """The within rung of a reading of the links; where it has too few answers, the reason for each lever."""
    try:
        sample = draw_sample(pairing, spec, levers, weights, blend=blend, is_alone=True, like=like)
    except NothingToEstimateError as error:
        return [_without(lever, error.message) for lever in tested if lever.role != "given"]
    barred = {lever.name: untestable_because(lever, sample, spec) for lever in tested}
    kept = [lever for lever in tested if barred[lever.name] is None]
    lost = [_without(lever, reason) for lever in tested if lever.role != "given" and (reason := barred[lever.name])]
    return [*within_rungs(sample, spec, kept), *lost]


def _without(lever: Lever, reason: str) -> RungEstimate:
    return RungEstimate(lever, "within", reason, lever.step)


def _row(spec: LeverSpec, found: RungEstimate, basis: str, chance: float | None = None) -> dict[str, Any]:
    return {**found.row(spec.outcome), "basis": basis, "link_probability": chance}


def _notes(frame: pd.DataFrame, n_doubtful: int, n_pairs: int, is_known: bool) -> Iterator[str]:
    if not n_doubtful:
        return
    share = percent(n_doubtful / n_pairs)
    head = f"{count(n_doubtful)} of {count(n_pairs)} pairs ({share}) leave a choice of contact"
    corrected = frame[(frame["basis"] == "link_corrected") & (frame["status"] == "ok")]
    if corrected.empty:
        yield f"{head}; what wrong links among them do to the effects cannot be told."
        return
    if is_known:
        chance = percent(float(corrected["link_probability"].iloc[0]))
        yield (
            f"{head}; answers that also name their contact tell that the chosen one is right in {chance} of such pairs."
            f" Corrected for that, {_largest_change(frame, corrected)}."
        )
        return
    worst = corrected[corrected["link_probability"] == corrected["link_probability"].min()]
    chance = percent(float(worst["link_probability"].iloc[0]))
    yield (
        f"{head}; no answers tell how often the chosen one is right. If it were in {chance} of such pairs,"
        f" {_largest_change(frame, worst)}."
    )


def _largest_change(frame: pd.DataFrame, corrected: pd.DataFrame) -> str:
    """What the correction changes most, in words."""
    paired = frame[(frame["basis"] == "as_paired") & (frame["status"] == "ok")].set_index("lever")["estimate"]
    after = corrected.set_index("lever")["estimate"]
    changes = (after - paired).dropna()
    if changes.empty:
        return "nothing can be compared"
    lever = str(changes.abs().idxmax())
    return (
        f"the effect that changes most is that of {in_sentence(lever_label(lever))}, from"
        f" {change(paired[lever], finer=1)} to {change(after[lever], finer=1)}"
    )
