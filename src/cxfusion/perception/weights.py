"""Non-response weights: who answered is known, and so is everyone who could have (METHODS §2).

A logistic propensity on all answered contacts, stabilised and trimmed, then raked to the log's own margins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from cxfusion.errors import EstimationError, NothingToEstimateError
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.held import model_rows
from cxfusion.estimators.raking import fit_raking
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.attributes import (
    attributes_of,
    code_of,
    in_fifths,
    level_of,
    levels_of,
    named_levels,
    numbered,
)
from cxfusion.tables.coding import answered, group_codes, one_place, with_codes
from cxfusion.tables.look import compute
from cxfusion.tables.relation import Relation
from cxfusion.tables.sampling import in_sample
from cxfusion.tables.sums import PER_ANSWER, exact_sum

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.pairing.result import Pairing

__all__ = ["Margins", "ResponseWeights", "weigh", "with_predictor"]

MIN_ANSWERS: Final = 30  # fewest answers of a level that is weighted to by itself
MAX_SILENT: Final = 500_000
TRIM_AT: Final = 6.0  # times the mean weight


@dataclass(frozen=True, repr=False, eq=False)
class ResponseWeights(Relation):
    """Weights that make those who answered look like everyone who could have.

    ``rows`` has ``contact_id`` and ``weight`` (mean 1 over the answers), one row per contact that was answered about.

    Attributes
    ----------
    score : str
    balance : pandas.DataFrame
        One row per level: ``column, level, n, share_of_contacts, share_of_answers, share_weighted,
        difference_before, difference_after`` (standardised).
    n_contacts, n_answers : int
        Answered contacts of the log that are old enough, and all those with a score.
    effective_n : float
        Independent answers that the weighted ones are worth, as far as weighting goes.
    n_young : int
        Contacts that are too young to tell who will not answer, and have no say in who does.
    share_trimmed : float
        Share of answers whose propensity weight was cut.
    coded : ibis.Table
        The same rows with the codes of the margins, so that the weights can be calibrated again.
    codes : tuple of (str, int)
        Code columns and their numbers of indicator columns; −1 is the reference level.
    """

    score: str
    balance: pd.DataFrame = field(repr=False)
    n_contacts: int
    n_answers: int
    effective_n: float
    share_trimmed: float
    coded: ir.Table = field(repr=False)
    codes: tuple[tuple[str, int], ...] = field(repr=False)
    n_young: int = 0

    @property
    def largest_difference(self) -> tuple[float, float]:
        """Largest standardised difference between answers and contacts, before and after weighting."""
        before, after = (self.balance[f"difference_{when}"].abs().max() for when in ("before", "after"))
        return float(before), float(after)

    def summary(self) -> str:
        """The weights in a few lines of plain text."""
        before, after = self.largest_difference
        left_out = (f"  {self.n_young:,} contacts are too young to tell who will not answer",) if self.n_young else ()
        return "\n".join(
            [
                f"{self.n_answers:,} answers weighted to {self.n_contacts:,} answered contacts",
                f"  worth {self.effective_n:,.0f} equally weighted answers; {self.share_trimmed:.1%} trimmed",
                f"  largest standardised difference {before:.3f} before, {after:.3f} after",
                *left_out,
            ]
        )


def weigh(pairing: Pairing, score: str = "csat") -> ResponseWeights:
    """Weights for who did not answer.

    Parameters
    ----------
    pairing : Pairing
    score : {"csat", "nps", "ces"}
        Those with this score count as having answered.

    Returns
    -------
    ResponseWeights

    Raises
    ------
    NothingToEstimateError
        Nobody or everybody answered, or no weights reach the log's margins.

    Notes
    -----
    Propensity and margins: wait, talk, hold and transfers by fifths, reason, channel, queue, hour of the week, as far
    as the log has them; levels with fewer than 30 answers are pooled. With more than half a million contacts that
    were not answered about, a known share of them, chosen by an MD5 of the contact id, carries 1/share. Contacts
    younger than the lag within which 95 % of the answers come leave the propensity and the margins; those of them that
    are answered about are weighted with the others. Scores vary by what the margins leave of them; effects treat the
    weights as given, which is conservative.

    References
    ----------
    Little & Rubin (2019), *Statistical Analysis with Missing Data*, section 3.3; Deville & Särndal (1992), JASA 87.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> weights = cx.weigh(cx.pair(centre.contacts, centre.surveys), "csat")
    >>> before, after = weights.largest_difference
    >>> after < before
    True
    """
    require_pairing(pairing)
    session, everyone = pairing.session, _everyone(pairing, score)
    sizes = _sizes(session, everyone)
    n, n_answers = sizes.contacts, sizes.answers
    if not 0 < n_answers < n:
        told = f" that are old enough ({sizes.young:,} are not)" if sizes.young else ""
        raise NothingToEstimateError(
            f"{n_answers:,} of {n:,} answered contacts{told} have a {score} score. Expected some that have one and some"
            " that have not: otherwise there is nothing to weight, or nothing to weight to."
        )
    rate = min(1.0, MAX_SILENT / (n - n_answers))
    sampled = in_fifths(session, _thinned(everyone, rate))
    levels = levels_of(session, sampled, MIN_ANSWERS, sampled["answered"] & ~sampled["is_young"])
    placed = with_codes(sampled, {"file": group_codes(session, sampled, ("source_file",))})
    placed = placed.mutate(place=one_place(placed["file"], placed["source_row"]))
    coded = numbered(placed.drop("source_file", "source_row", "file"), levels)
    coded = session.materialize(coded.order_by("place"))
    try:
        return _weighted(pairing, score, coded, levels, sizes)
    except EstimationError as error:
        raise NothingToEstimateError(f"No weights could be found: {error.message}") from error


@dataclass(frozen=True)
class _Sizes:
    """Contacts that are old enough, answers about them, all answers, and contacts that are too young."""

    contacts: int
    answers: int
    all_answers: int
    young: int


def _sizes(session: Session, everyone: ir.Table) -> _Sizes:
    answered, is_young = everyone["answered"], everyone["is_young"]
    found = session.collect(
        everyone.aggregate(
            contacts=(~is_young).sum(),
            answers=(answered & ~is_young).sum(),
            all_answers=answered.sum(),
            young=is_young.sum(),
        )
    ).to_pylist()[0]
    return _Sizes(**{name: int(n or 0) for name, n in found.items()})


def _everyone(pairing: Pairing, score: str) -> ir.Table:
    """Answered contacts with what may decide whether their customer answered, and whether he did."""
    contacts = pairing.contacts
    log = answered(contacts)
    columns = attributes_of(contacts, log)
    scored = pairing.pairs.filter(pairing.pairs[score].notnull(), pairing.pairs["respondent_role"] == "customer")
    answers = scored.select("contact_id").distinct().mutate(answered=True)
    columns["is_young"] = pairing.is_young(log)
    joined = log.select("contact_id", "source_file", "source_row", **columns).left_join(answers, "contact_id")
    return joined.drop("contact_id_right").mutate(answered=joined["answered"].fill_null(False))


def _thinned(everyone: ir.Table, rate: float) -> ir.Table:
    """All answers, and of the rest a known share of those that are old enough, which stands for all of these."""
    everyone = everyone.filter(everyone["answered"] | ~everyone["is_young"])
    if rate >= 1:
        return everyone.mutate(stands_for=ibis.literal(1.0))
    kept = everyone.filter(everyone["answered"] | in_sample(everyone["contact_id"], rate))
    return kept.mutate(stands_for=ibis.ifelse(kept["answered"], 1.0, 1.0 / rate))


@dataclass(frozen=True)
class Margins:
    """Turns coded rows into regression rows."""

    codes: tuple[tuple[str, int], ...]
    weight: str

    def __call__(self, batch: pa.RecordBatch, /) -> Rows:
        """Rows of one batch."""
        n = len(batch)
        shown = [(name, width) for name, width in self.codes if width]
        columns = [batch.column(name).to_numpy() for name, _ in shown]
        stacked = np.column_stack([np.empty((n, 0), dtype=np.int64), *columns])
        return Rows(
            dense=np.empty((n, 0)),
            groups=Indicators(stacked, tuple(width for _, width in shown)),
            outcome=batch.column("answered").to_numpy(zero_copy_only=False).astype(np.int64),
            weight=batch.column(self.weight).to_numpy(),
            cluster=np.zeros(n, dtype=np.int64),
        )


def _weighted(
    pairing: Pairing, score: str, coded: ir.Table, levels: Mapping[str, pd.DataFrame], sizes: _Sizes
) -> ResponseWeights:
    session = pairing.session
    codes = tuple((code_of(name), int(listed["code"].max()) + 1) for name, listed in levels.items())
    old = coded.filter(~coded["is_young"])
    everyone = model_rows(session.sweep(old), Margins(codes, "stands_for"))
    propensity = fit_cumulative_logit(everyone.sweep, everyone.make_rows, 2)
    answers = with_predictor(coded.filter(coded["answered"]), codes, propensity.coefficients, "odds")
    odds = answers["odds"] - float(propensity.cuts[0])
    answers = answers.mutate(stabilised=(sizes.answers / sizes.contacts) * (1 + (-odds).exp()))
    cut = {"base": ibis.least(answers["stabilised"], TRIM_AT), "is_trimmed": answers["stabilised"] > TRIM_AT}
    answers = compute(session, answers.mutate(**cut).drop("stabilised", "odds").order_by("place"))
    contacts = session.sweep(old)(_LevelSums(levels, ("stands_for",)))
    totals = _totals(levels, contacts)
    answering = model_rows(session.sweep(answers), Margins(codes, "base"))
    raking = fit_raking(answering.sweep, answering.make_rows, totals * (sizes.all_answers / totals[0]))
    tilted = with_predictor(answers, codes, raking.coefficients[1:], "tilt")
    weight = tilted["base"] * (tilted["tilt"] + float(raking.coefficients[0])).exp()
    weighted = compute(session, tilted.mutate(weight=weight).drop("tilt").order_by("place"))
    facts = session.collect(
        weighted.aggregate(
            total=exact_sum(weighted["weight"], PER_ANSWER),
            squares=exact_sum(weighted["weight"] ** 2, PER_ANSWER),
            trimmed=weighted["is_trimmed"].cast("float64").mean(),
        )
    ).to_pylist()[0]
    return ResponseWeights(
        session=session,
        rows=weighted.select("contact_id", "weight"),
        score=score,
        balance=_balance(levels, contacts, session.sweep(weighted)(_LevelSums(levels, ("weight",)))),
        n_contacts=sizes.contacts,
        n_answers=sizes.all_answers,
        n_young=sizes.young,
        effective_n=float(facts["total"] ** 2 / facts["squares"]),
        share_trimmed=float(facts["trimmed"]),
        coded=weighted.select("contact_id", "weight", *(name for name, _ in codes)),
        codes=codes,
    )


def with_predictor(
    rows: ir.Table, codes: tuple[tuple[str, int], ...], coefficients: NDArray[np.float64], name: str
) -> ir.Table:
    """The rows with their linear predictor, one coefficient per code in the order of the codes, under some name.

    Coefficients are joined: an expression that lists them takes engines longer to plan than to compute.
    """
    parts, start = [], 0
    for code, width in codes:
        if width:
            own = {code: pa.array(range(-1, width), pa.int32())}
            own |= {f"{name}_{code}": pa.array([0.0, *coefficients[start : start + width]])}
            rows = rows.inner_join(ibis.memtable(pa.table(own)), code)
            parts.append(f"{name}_{code}")
        start += width
    total: ir.FloatingValue = sum((rows[part] for part in parts), start=ibis.literal(0.0))
    return rows.mutate(**{name: total}).drop(*parts)


Sums: TypeAlias = "dict[str, NDArray[np.float64]]"
"""By attribute, an array of shape (levels, 1 + values): rows at each level, and sums of some columns."""


class _LevelSums:
    """Fold: how many rows there are at each level of every attribute, and sums of some columns over them."""

    def __init__(self, levels: Mapping[str, pd.DataFrame], values: tuple[str, ...]) -> None:
        self._sizes = {name: len(listed) for name, listed in levels.items()}
        self._values = values

    def zero(self) -> Sums:
        return {name: np.zeros((size, 1 + len(self._values))) for name, size in self._sizes.items()}

    def step(self, state: Sums, batch: pa.RecordBatch) -> Sums:
        values = [None, *(batch.column(name).to_numpy() for name in self._values)]
        for name, size in self._sizes.items():
            level = batch.column(level_of(name)).to_numpy()
            state[name] += np.column_stack([np.bincount(level, value, size) for value in values])
        return state

    def merge(self, left: Sums, right: Sums) -> Sums:
        return {name: own + right[name] for name, own in left.items()}

    def finish(self, state: Sums) -> Sums:
        return state


def _totals(levels: Mapping[str, pd.DataFrame], contacts: Sums) -> NDArray[np.float64]:
    """How many contacts there are, and how many at each code."""
    totals = [np.array([next(iter(contacts.values()))[:, 1].sum()])]
    for name, listed in levels.items():
        code = listed["code"].to_numpy() + 1
        totals.append(np.bincount(code, contacts[name][:, 1])[1:])
    return np.concatenate(totals)


def _balance(levels: Mapping[str, pd.DataFrame], contacts: Sums, weighted: Sums) -> pd.DataFrame:
    """Shares of every level among contacts, answers and weighted answers, and their standardised differences."""
    parts = []
    for name, listed in levels.items():
        n, weight = weighted[name].T
        found = pd.DataFrame(
            {"level": named_levels(name, listed), "contacts": contacts[name][:, 1], "n": n, "weight": weight}
        )
        found = found[found["contacts"] > 0].sort_values("level", ignore_index=True)
        everyone, answers, after_weighting = (found[c] / found[c].sum() for c in ("contacts", "n", "weight"))
        spread = (everyone * (1 - everyone)) ** 0.5
        parts.append(
            pd.DataFrame(
                {
                    "column": name,
                    "level": found["level"],
                    "n": found["n"].astype("int64"),
                    "share_of_contacts": everyone,
                    "share_of_answers": answers,
                    "share_weighted": after_weighting,
                    "difference_before": _standardised(answers - everyone, spread),
                    "difference_after": _standardised(after_weighting - everyone, spread),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _standardised(difference: pd.Series[float], spread: pd.Series[float]) -> pd.Series[float]:
    """Differences in standard deviations; a level that everyone or nobody has cannot differ."""
    return (difference / spread.where(spread > 0, 1.0)).where(spread > 0, 0.0)
