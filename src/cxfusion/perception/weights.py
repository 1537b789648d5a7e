"""Non-response weights: who answered is known, and so is everyone who could have.

A logistic propensity on all answered contacts, stabilised and trimmed, then raked to the log's own margins.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.engine import require_one_session
from cxfusion.errors import EstimationError, NothingToEstimateError, UsageError, require_kind
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.held import model_rows
from cxfusion.estimators.raking import RakingFit, fit_raking
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.answers import scale_of, scored_pairs
from cxfusion.perception.attributes import attribute_of, attributes_of, in_fifths, named_levels, numbered
from cxfusion.perception.contact_cells import CellRows, count_cells
from cxfusion.tables.coding import answered, group_codes, one_place, with_codes
from cxfusion.tables.relation import Relation
from cxfusion.tables.sampling import in_sample
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.estimators.rows import Rows
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.contact_cells import Cells, Sums

__all__ = ["EVERYONE", "ResponseWeights", "is_everyone_heard", "require_weights", "weigh"]

EVERYONE: Final = "Everyone who could be expected to answer did: neither scores nor effects need any weights."
"""Said in place of what weights did."""

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
        Answered contacts of the log that can be weighted to, and all those with a score.
    effective_n : float
        Independent answers that the weighted ones are worth, as far as weighting goes.
    n_young : int
        Contacts that are too young to tell who will not answer, and have no say in who does.
    n_early : int
        Contacts from before anybody was asked, which have no say in it either.
    responses : ibis.Table
        The rows of the pairing whose answers they weight.
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
    responses: ir.Table = field(repr=False)
    n_young: int = 0
    n_early: int = 0

    @property
    def largest_difference(self) -> tuple[float, float]:
        """Largest standardised difference between answers and contacts, before and after weighting."""
        before, after = (self.balance[f"difference_{when}"].abs().max() for when in ("before", "after"))
        return float(before), float(after)

    def summary(self) -> str:
        """The weights in a few lines of plain text."""
        before, after = self.largest_difference
        why = {
            "are too young to tell who will not answer": self.n_young,
            "are from before anybody was asked": self.n_early,
        }
        left_out = (f"  {n:,} contacts {which}" for which, n in why.items() if n)
        return "\n".join(
            [
                f"{self.n_answers:,} answers weighted to {self.n_contacts:,} answered contacts",
                f"  worth {self.effective_n:,.0f} equally weighted answers; {self.share_trimmed:.1%} trimmed",
                f"  largest standardised difference {before:.3f} before, {after:.3f} after",
                *left_out,
            ]
        )


def require_weights(weights: ResponseWeights, pairing: Pairing, score: str | None = None) -> None:
    """Refuse what are no weights of these answers: those of other answers would leave some out without a word.

    Parameters
    ----------
    weights : ResponseWeights
    pairing : Pairing
    score : str, optional
        That the weights have to be for; whatever they are for unless given.

    Raises
    ------
    UsageError
    SessionMismatchError
    """
    require_kind(weights, ResponseWeights, "weights", "weigh the pairing first, weights = cx.weigh(pairing).")
    score = score or weights.score
    session, own = require_one_session(pairing.session, weights.session), f"weigh(pairing, {score!r})"
    if weights.score != score:
        raise UsageError(f"The weights are for {weights.score}, and {score} is asked for. Expected its own: {own}.")
    if weights.responses is pairing.rows:
        return
    given = scored_pairs(pairing, score).semi_join(answered(pairing.contacts), "contact_id")
    n_unknown = session.count(given.anti_join(weights.rows, "contact_id"))
    if n_unknown:
        raise UsageError(
            f"{n_unknown:,} answers have no weight: these are of another pairing. Expected its own: {own}."
        )


def weigh(pairing: Pairing, score: str = "csat") -> ResponseWeights:
    """Weights that make up for contacts without an answer.

    Parameters
    ----------
    pairing : Pairing
    score : {"csat", "nps", "ces"}
        A contact counts as answered about if its response has this score.

    Returns
    -------
    ResponseWeights

    Raises
    ------
    UnknownNameError, NoScoreError
        There is no such score, or the survey did not ask for it.
    NothingToEstimateError
        Nobody or everybody answered, or no weights reach the log's margins.

    Notes
    -----
    Propensity and margins: wait, talk, hold and transfers by fifths, reason, channel, queue, hour of the week, as far
    as the log has them; levels with fewer than 30 answers are pooled. With more than half a million contacts without
    an answer, a known share of them, chosen by an MD5 of the contact id, carries 1/share. Contacts younger than the
    lag within which 95 % of the answers come, and those from before anybody was asked, are left out of the propensity
    and the margins; those of them that have an answer are weighted with the others. Scores vary by what the
    margins do not explain of them; effects treat the weights as given, which is conservative.

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
    scale_of(pairing, score)
    session, everyone = pairing.session, _everyone(pairing, score)
    sizes = _sizes(session, everyone)
    n, n_answers = sizes.contacts, sizes.answers
    if not 0 < n_answers < n:
        told = f" whose silence tells something ({sizes.untold:,} are too young or too early)" if sizes.untold else ""
        raise NothingToEstimateError(
            f"{n_answers:,} of {n:,} answered contacts{told} have a {score} score. Expected some that have one and some"
            " that have not: otherwise there is nothing to weight, or nothing to weight to."
        )
    rate = min(1.0, MAX_SILENT / (n - n_answers))
    contacts = in_fifths(session, _thinned(everyone, rate))
    cells = count_cells(session, contacts, 1 / rate, MIN_ANSWERS)
    try:
        return _weighted(pairing, score, contacts.filter(contacts["answered"]), cells, sizes)
    except EstimationError as error:
        raise NothingToEstimateError(f"No weights could be found: {error.message}") from error


def is_everyone_heard(pairing: Pairing, score: str) -> bool:
    """Whether every contact whose silence would tell something has an answer: there is then nobody to weight for.

    Parameters
    ----------
    pairing : Pairing
    score : str
        That an answer has to have.
    """
    session, log = pairing.session, answered(pairing.contacts)
    if pairing.n_pairs < session.count(log.filter(~pairing.is_untold(log))):
        return False  # as nearly always, which takes no join to see
    sizes = _sizes(session, _everyone(pairing, score))
    return 0 < sizes.answers == sizes.contacts


@dataclass(frozen=True)
class _Sizes:
    """Contacts whose silence tells, answers about them, all answers, other contacts, and of these the early ones."""

    contacts: int
    answers: int
    all_answers: int
    untold: int
    early: int


def _sizes(session: Session, everyone: ir.Table) -> _Sizes:
    answered, is_untold = everyone["answered"], everyone["is_untold"]
    found = session.collect(
        everyone.aggregate(
            contacts=(~is_untold).sum(),
            answers=(answered & ~is_untold).sum(),
            all_answers=answered.sum(),
            untold=is_untold.sum(),
            early=everyone["is_early"].sum(),
        )
    ).to_pylist()[0]
    return _Sizes(**{name: int(n or 0) for name, n in found.items()})


def _everyone(pairing: Pairing, score: str) -> ir.Table:
    """Answered contacts with what may decide whether their customer answered, and whether that happened."""
    contacts = pairing.contacts
    log = answered(contacts)
    columns = attributes_of(contacts)
    answers = scored_pairs(pairing, score).select("contact_id").distinct().mutate(answered=True)
    columns["is_untold"], columns["is_early"] = pairing.is_untold(log), pairing.is_early(log)
    joined = log.select("contact_id", "source_file", "source_row", **columns).left_join(answers, "contact_id")
    return joined.drop("contact_id_right").mutate(answered=joined["answered"].fill_null(False))


def _thinned(everyone: ir.Table, rate: float) -> ir.Table:
    """All answers, and of the rest a known share of those that may count; only those of answers keep their id."""
    is_kept = everyone["answered"] | ~everyone["is_untold"]
    if rate < 1:
        is_kept &= everyone["answered"] | in_sample(everyone["contact_id"], rate)
    own_id = ibis.ifelse(everyone["answered"], everyone["contact_id"], ibis.null("string"))
    return everyone.filter(is_kept).mutate(contact_id=own_id)


def _weighted(pairing: Pairing, score: str, answers: ir.Table, cells: Cells, sizes: _Sizes) -> ResponseWeights:
    """Weights are the same for all answers of a cell, so they are found by cell."""
    session, make_rows = pairing.session, CellRows(cells.codes)
    old = session.sweep(cells.rows.filter(~cells.rows["is_untold"]))
    everyone = model_rows(old, make_rows)
    propensity = fit_cumulative_logit(everyone.sweep, everyone.make_rows, 2)
    contacts = cells.sums_by_level(old, _Contacts(make_rows), 1)
    totals = _totals(cells.levels, contacts)
    base = _Base(make_rows, propensity.coefficients, float(propensity.cuts[0]), sizes.answers / sizes.contacts)
    answered_about = session.sweep(cells.rows.filter(cells.rows["answered"]))
    answering = model_rows(answered_about, base)
    raking = fit_raking(answering.sweep, answering.make_rows, totals * (sizes.all_answers / totals[0]))
    weighted = cells.sums_by_level(answered_about, _Weighted(base, raking), 4)
    n, total, squares, n_trimmed = next(iter(weighted.values())).sum(axis=0)
    coded = _with_weights(session, answers, cells, base, raking)
    return ResponseWeights(
        session=session,
        rows=coded.select("contact_id", "weight"),
        score=score,
        balance=_balance(cells.levels, contacts, weighted),
        n_contacts=sizes.contacts,
        n_answers=sizes.all_answers,
        n_young=sizes.untold - sizes.early,
        n_early=sizes.early,
        effective_n=float(total**2 / squares),
        share_trimmed=float(n_trimmed / n),
        coded=coded,
        codes=cells.codes,
        responses=pairing.rows,
    )


@dataclass(frozen=True)
class _Contacts:
    """How many contacts cells stand for."""

    make_rows: CellRows

    def __call__(self, batch: pa.RecordBatch, /) -> NDArray[np.float64]:
        return self.make_rows(batch).weight[:, None]


@dataclass(frozen=True)
class _Base:
    """Rows of answered cells, weighted by the propensity to answer: stabilised and trimmed."""

    make_rows: CellRows
    coefficients: NDArray[np.float64]
    cut: float
    answered_share: float

    def __call__(self, batch: pa.RecordBatch, /) -> Rows:
        rows = self.make_rows(batch)
        return replace(rows, weight=rows.weight * np.minimum(self.stabilised(rows), TRIM_AT))

    def stabilised(self, rows: Rows) -> NDArray[np.float64]:
        """Weight of one contact of each cell, before it is trimmed."""
        with np.errstate(over="ignore"):  # trimmed
            return self.answered_share * (1 + np.exp(self.cut - rows.times(self.coefficients)))


@dataclass(frozen=True)
class _Weighted:
    """What is added up of weighted answers by cell: how many, their weights, these squared, how many were trimmed."""

    base: _Base
    raking: RakingFit

    def __call__(self, batch: pa.RecordBatch, /) -> NDArray[np.float64]:
        n = self.base.make_rows(batch).weight
        rows = self.base(batch)
        weight = self.raking.weights(rows)
        return np.column_stack([n, weight, weight**2 / n, n * (self.base.stabilised(rows) > TRIM_AT)])


def _with_weights(session: Session, answers: ir.Table, cells: Cells, base: _Base, raking: RakingFit) -> ir.Table:
    """Each answer's ``contact_id``, ``weight`` and codes, in the order of the log."""
    told = cells.with_coefficients({"odds": base.coefficients, "tilt": raking.coefficients[1:]})
    rows, told_by = numbered(answers, told), list(map(attribute_of, told))
    odds, tilt = (sum((rows[f"{name}_{of}"] for of in told_by), start=ibis.literal(0.0)) for name in ("odds", "tilt"))
    stabilised = base.answered_share * (1 + (base.cut - odds).exp())
    weight = ibis.least(stabilised, TRIM_AT) * (tilt + float(raking.coefficients[0])).exp()
    placed = with_codes(rows.mutate(weight=weight), {"file": group_codes(session, answers, ("source_file",))})
    in_order = placed.order_by(one_place(placed["file"], placed["source_row"]))
    return compute(session, in_order.select("contact_id", "weight", *(name for name, _ in cells.codes)))


def _totals(levels: Mapping[str, pd.DataFrame], contacts: Sums) -> NDArray[np.float64]:
    """How many contacts there are, and how many at each code."""
    totals = [np.array([next(iter(contacts.values()))[:, 0].sum()])]
    for name, listed in levels.items():
        code = listed["code"].to_numpy() + 1
        totals.append(np.bincount(code, contacts[name][:, 0])[1:])
    return np.concatenate(totals)


def _balance(levels: Mapping[str, pd.DataFrame], contacts: Sums, weighted: Sums) -> pd.DataFrame:
    """Shares of every level among contacts, answers and weighted answers, and their standardised differences."""
    parts = []
    for name, listed in levels.items():
        n, weight, *_ = weighted[name].T
        found = pd.DataFrame(
            {"level": named_levels(name, listed), "contacts": contacts[name][:, 0], "n": n, "weight": weight}
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
