"""A test of the non-response weights by something they do not use: who was in touch again within a week.

The log knows it of everyone. If those who answered, weighted, come back as often as everyone, the weights may be
trusted with the rest; if not, who answers depends on more than the log's attributes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import require_kind
from cxfusion.estimators.distributions import student_t
from cxfusion.operations.episodes import EpisodePlan
from cxfusion.operations.figures import RECONTACTED
from cxfusion.operations.links import LAG, Links, link
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.weights import ResponseWeights, require_weights
from cxfusion.results.base import Result
from cxfusion.results.formats import percent
from cxfusion.tables.sampling import thinned
from cxfusion.tables.span import span_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts

__all__ = ["WeightsCheck", "check_weights"]

COLUMNS: Final = (
    "score", "everyone", "unweighted", "weighted", "difference", "std_error", "p_value", "n", "status", "reason",
)  # fmt: skip
FAILED_BELOW: Final = 0.01
FAILED_ABOVE: Final = 0.05
"""Standardised difference; below 0.1 a margin counts as balanced, and this one is asked to be twice as near."""
FEWEST_ANSWERS: Final = 100
FEWEST_CUSTOMERS: Final = 30
MAX_CONTACTS: Final = 2_000_000
OF_CHAINS: Final = ("contact_id", "started_at", "customer_id", "is_abandoned", "direction")


@dataclass(frozen=True, eq=False, repr=False)
class WeightsCheck(Result):
    """Whether the weights bring the recontact rate of those who answered to everyone's.

    Attributes
    ----------
    score : str
    everyone, unweighted, weighted : float or None
        Share that was in touch again within a week: of all answered contacts, of those answered about, and of these
        weighted.
    difference, std_error, p_value : float or None
        Weighted less everyone's, clustered by customer.
    n : int
        Answers whose contact's recontact is known.
    status : {"passed", "failed", "not_applicable"}
        ``failed`` where the difference is significant (p below 0.01) and more than 0.05 standard deviations.
    reason : str or None
        Why it is not applicable.
    """

    score: str
    everyone: float | None
    unweighted: float | None
    weighted: float | None
    difference: float | None
    std_error: float | None
    p_value: float | None
    n: int
    status: str
    reason: str | None

    @property
    def _frame(self) -> pd.DataFrame:
        return pd.DataFrame([{name: getattr(self, name) for name in COLUMNS}])

    def _lines(self) -> list[str]:
        if self.reason is not None:
            return [f"The weights could not be tested by recontact: {self.reason}."]
        rates = (
            f"{percent(self.everyone)} of all answered contacts were followed by another within a week,"
            f" {percent(self.unweighted)} of those answered about, {percent(self.weighted)} of these weighted"
        )
        if self.status == "passed":
            return [f"The weights pass the recontact test: {rates}."]
        return [
            f"The weights fail the recontact test: {rates}. Who answers depends on more than the log's attributes,"
            " so every lever's grade is one lower."
        ]


def check_weights(pairing: Pairing, weights: ResponseWeights, links: Links | None = None) -> WeightsCheck:
    """Test non-response weights by the recontact rate, which they do not use.

    Parameters
    ----------
    pairing : Pairing
    weights : ResponseWeights
        From :func:`weigh`, of the same pairing.
    links : Links, optional
        The pairing's log as it is chained already (:func:`cxfusion.operations.links.link`), with ``customer_id``.

    Returns
    -------
    WeightsCheck

    Raises
    ------
    UsageError
        Something else than a pairing was given, or weights of another one.

    Notes
    -----
    A log of more than two million contacts that is not chained yet is thinned by an MD5 of the customer's id, each with
    all contacts. The weights are taken as given, so that the error is somewhat too large.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> pairing = cx.pair(centre.contacts, centre.surveys)
    >>> cx.check_weights(pairing, cx.weigh(pairing, "csat")).status
    'passed'
    """
    require_pairing(pairing)
    require_weights(weights, pairing)
    if links is not None:
        require_kind(links, Links, "links", "leave it out; they are found.")
    contacts = pairing.contacts
    if not contacts.has("customer_id"):
        return _not_applicable(weights, 0, "the log names no customers")
    rows = _chained(contacts, weights.n_contacts) if links is None else links.rows
    # no filters: of two in a row DuckDB expects so few rows that it would make the log the hash table of the join
    is_abandoned = replace(contacts, rows=rows).value("is_abandoned").fill_null(False)
    again = is_abandoned.ifelse(ibis.null("boolean"), rows[RECONTACTED]).cast("float64")
    known = rows.select("contact_id", customer=rows["customer_id"].cast("string"), again=again)
    sums = _sums(pairing, known, known.inner_join(weights.rows.select("contact_id", "weight"), "contact_id"))
    if sums["n"] < FEWEST_ANSWERS or sums["customers"] < FEWEST_CUSTOMERS:
        return _not_applicable(weights, sums["n"], "too few answers are known to have been followed by another contact")
    return _tested(weights, sums)


def _chained(contacts: Contacts, n_answered: int) -> ir.Table:
    """The log chained; of a large one the contacts of some customers, as nobody's chain needs those of another."""
    log = contacts.rows.select(*(name for name in OF_CHAINS if contacts.has(name)))
    few = log
    if n_answered > MAX_CONTACTS:
        few = contacts.session.materialize(thinned(log, n_answered, MAX_CONTACTS, "customer_id"))
    links = link(replace(contacts, rows=few), EpisodePlan(), columns=["customer_id"])
    whole = replace(links.chains, last=span_of(contacts).last)  # what followed is known as long as anyone was in touch
    return links.rows.mutate(**{RECONTACTED: whole.is_recontacted(links.rows[LAG])})


def _sums(pairing: Pairing, everyone: ir.Table, answers: ir.Table) -> dict[str, Any]:
    """Sums over all contacts, and over the answers by customer, of those whose ``again`` is known."""
    whole = everyone.aggregate(everyone=everyone["again"].mean())
    again, weight = answers["again"], answers["weight"]
    by_customer = answers.group_by("customer").aggregate(
        n=again.count(), x=again.sum(), w=weight.sum(where=again.notnull()), wx=(weight * again).sum()
    )
    n, x, w, wx = (by_customer[name] for name in ("n", "x", "w", "wx"))
    added = by_customer.aggregate(
        n=n.sum(), customers=(n > 0).sum(), x=x.sum(), w=w.sum(), wx=wx.sum(),
        ww=(w**2).sum(), wxwx=(wx**2).sum(), wxw=(wx * w).sum(),
    )  # fmt: skip
    found: dict[str, Any] = {**pairing.session.collect(whole).to_pylist()[0]}
    found |= pairing.session.collect(added).to_pylist()[0]
    return {name: value or 0 for name, value in found.items()}


def _tested(weights: ResponseWeights, sums: dict[str, Any]) -> WeightsCheck:
    everyone, weighted, customers = sums["everyone"], sums["wx"] / sums["w"], sums["customers"]
    scatter = sums["wxwx"] - 2 * weighted * sums["wxw"] + weighted**2 * sums["ww"]
    std_error = float(np.sqrt(customers / (customers - 1) * max(scatter, 0.0)) / sums["w"])
    spread = float(np.sqrt(everyone * (1 - everyone)))
    if spread == 0:
        return _not_applicable(weights, sums["n"], "all contacts are alike in whether another one followed")
    if std_error == 0:  # those who answered are alike: what their rate would vary by, if it were everyone's
        std_error = float(spread * np.sqrt(sums["ww"]) / sums["w"])
    difference = weighted - everyone
    p_value = float(student_t.p_value(difference / std_error, customers - 1))
    has_failed = p_value < FAILED_BELOW and abs(difference) > FAILED_ABOVE * spread
    return WeightsCheck(
        score=weights.score,
        everyone=everyone,
        unweighted=sums["x"] / sums["n"],
        weighted=weighted,
        difference=difference,
        std_error=std_error,
        p_value=p_value,
        n=int(sums["n"]),
        status="failed" if has_failed else "passed",
        reason=None,
    )


def _not_applicable(weights: ResponseWeights, n: int, reason: str) -> WeightsCheck:
    return WeightsCheck(weights.score, None, None, None, None, None, None, int(n), "not_applicable", reason)
