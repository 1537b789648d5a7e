"""Who was asked and who answered: what became of the surveys sent, and rates by everything the log knows.

An attribute by which rates differ is one that the figures of those who answered do not speak about fairly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import UnknownNameError, nearest_names, require_number, told_nearest
from cxfusion.estimators.between_shares import between_shares
from cxfusion.estimators.distributions import false_discovery_control
from cxfusion.estimators.intervals import ClusteredSums, share_interval, weighted_mean
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.answers import notes_on_untold, reached_by
from cxfusion.perception.asked import Asked, asked_about
from cxfusion.perception.attributes import LEVERS
from cxfusion.perception.figures import statuses
from cxfusion.perception.outcomes import aapor_rates, outcomes_of
from cxfusion.perception.scores import response_rate
from cxfusion.results.base import Result
from cxfusion.results.formats import percent
from cxfusion.results.grouping import as_columns
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.pairing import Pairing

__all__ = ["ResponseAnalysis", "response_analysis"]

ATTRIBUTES: Final = ("queue", "channel", "direction", "reason")
FIFTHS: Final = 5
SURE: Final = 0.05
"""Share of false ones among the attributes by which rates are said to differ."""


@dataclass(frozen=True, eq=False, repr=False)
class ResponseAnalysis(Result):
    """Who was asked and who answered.

    ``.table`` has one row per attribute and level: ``attribute, level, n`` (contacts that reached an agent), ``n_asked,
    n_answered``, ``response_rate`` with ``conf_low, conf_high`` (answered of n), ``asked_rate`` (asked of n),
    ``status, reason``. The first row, attribute ``all``, is the whole log. Durations are cut into fifths. Of fewer than
    five customers there is no figure (``suppressed``).

    Attributes
    ----------
    rates : pandas.DataFrame
        The same as ``.table``.
    outcomes : pandas.DataFrame
        ``outcome, n``: what became of each survey sent, in AAPOR's terms; no rows where the file does not tell.
    aapor : pandas.DataFrame
        ``rate, estimate, status, reason``: AAPOR's response rates 1 to 6 of the surveys in the file.
    differences : pandas.DataFrame
        ``attribute, n_levels, sd_between`` (standard deviation of the levels' rates beyond what chance alone makes),
        ``p_value`` (that all levels have one rate), ``q_value`` (the same, adjusted for the number of attributes).
    notes : tuple of str
        How many contacts are left out, since they are younger than the lag within which 95 % of the answers come, or
        from before anybody was asked; how many surveys have a disposition that could not be read.
    """

    rates: pd.DataFrame
    outcomes: pd.DataFrame
    aapor: pd.DataFrame
    differences: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def _frame(self) -> pd.DataFrame:
        return self.rates

    def plot(self, attribute: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """Response rates of the levels of one attribute, with their intervals.

        Parameters
        ----------
        attribute : str, optional
            The one by which rates differ most beyond chance, unless given; the first where they do by none.
        width : int
            Whole width in pixels.

        Raises
        ------
        UnknownNameError
            No such attribute.
        NothingToEstimateError
            There is no attribute, or none of its levels has a rate.
        """
        from cxfusion.results.charts import scores_by_group

        known = self.differences["attribute"].tolist()
        if attribute is not None and attribute not in known:
            near = ", ".join(nearest_names(attribute, known) or known)
            raise UnknownNameError(f"There are no rates by {attribute!r}. Expected one of: {near}.")
        drawn = self.rates[self.rates["attribute"].isin(["all", attribute or self._widest()])]
        is_all = drawn["attribute"] == "all"
        frame = drawn.assign(
            metric="response_rate", estimate=drawn["response_rate"], unit="share",
            grouping=drawn["attribute"], group=drawn["level"].where(~is_all, "all"),
        )  # fmt: skip
        return scores_by_group(frame, "response_rate", width=width)

    def _sure(self) -> pd.DataFrame:
        """Attributes by which rates differ beyond chance, the widest first."""
        sure = self.differences[self.differences["q_value"] < SURE]
        return sure.sort_values("sd_between", ascending=False, kind="stable")

    def _widest(self) -> str:
        return next(iter([*self._sure()["attribute"], *self.differences["attribute"]]), "all")

    def _lines(self) -> list[str]:
        whole = self.rates.iloc[0]
        head = f"{percent(whole['response_rate'])} of {whole['n']:,} contacts that reached an agent were answered about"
        lines = [
            f"  rates differ between levels of {name}, by a standard deviation of {100 * sd:.1f} percentage points"
            " beyond chance"
            for name, sd in zip(self._sure()["attribute"], self._sure()["sd_between"], strict=True)
        ]
        told = self.aapor[self.aapor["status"] == "ok"]
        return [
            head,
            *lines,
            *(
                f"  AAPOR {rate}: {percent(value)}"
                for rate, value in zip(told["rate"][:2], told["estimate"], strict=False)
            ),
            *(f"  {note}" for note in self.notes),
        ]


def response_analysis(
    pairing: Pairing, attributes: Sequence[str] | None = None, *, eligible_share: float = 1.0
) -> ResponseAnalysis:
    """Response rates by every attribute, and the outcome of every survey sent in AAPOR's terms.

    Parameters
    ----------
    pairing : Pairing
    attributes : sequence of str, optional
        Columns of the log; by default queue, channel, direction and reason as far as it has them, and wait, talk, hold
        and transfers in fifths.
    eligible_share : float, default 1
        AAPOR's e: share of the surveys of unknown outcome that went to somebody who could have answered.

    Returns
    -------
    ResponseAnalysis

    Raises
    ------
    UnknownNameError
        The log has no such column.
    UsageError
        ``eligible_share`` is not a share.

    Notes
    -----
    Who was asked is known where the log has a flag ``is_invited``, or where the survey file also lists surveys without
    an answer, by contact: it has dispositions, or a fifth of its rows have no score. With I complete, P partial, R
    refused, NC not reached and U unknown: RR1 = I/(I + P + R + NC + U); RR3 has e·U for U; RR5 is without U; RR2, RR4
    and RR6 are the same with I + P on top.

    Dispositions are read in any case, with blanks, hyphens or underscores (``Opted_Out``). One that is not known, or
    none, is complete with a score and unknown without; one that tells of the delivery alone (``opened``) is complete
    with a score, and no contact without.

    Whether rates differ by an attribute is tested by chi-squared over its levels that are shown, with the design effect
    of several contacts per customer. The summary names attributes of which at most 5 % are expected to be there by
    chance.

    References
    ----------
    AAPOR (2015), Standard Definitions, 8th edition.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [{"contact_id": str(i), "started_at": "2026-01-05 09:00", "queue": "AB"[i % 2]} for i in range(80)]
    >>> answers = [{"contact_id": str(i), "csat": 4} for i in range(0, 80, 4)]
    >>> found = cx.response_analysis(cx.pair(cx.read_contacts(calls), cx.read_surveys(answers)))
    >>> found.table[["attribute", "level", "n", "n_answered", "response_rate"]].values.tolist()
    [['all', 'all', 80, 20, 0.25], ['queue', 'A', 40, 20, 0.5], ['queue', 'B', 40, 0, 0.0]]
    """
    require_pairing(pairing)
    require_number("eligible_share", eligible_share, "a share between 0 and 1", lambda share: 0 <= share <= 1)
    contacts, attributes = pairing.contacts, as_columns(attributes)
    unknown = [name for name in attributes if not contacts.has(name)]
    if unknown:
        raise UnknownNameError(
            f"The log has no column {', '.join(unknown)}. Expected columns of the contact log.",
            told_nearest(unknown, contacts.columns),
        )
    asked = [name for name in attributes or (*ATTRIBUTES, *LEVERS) if contacts.has(name)]
    sent = asked_about(pairing)
    rows = compute(pairing.session, _with_asked(pairing, asked, sent))
    whole, _ = _rates(pairing, rows, "all", ibis.literal("all"), sent.reason)
    parts, spread = [whole], []
    for i, name in enumerate(asked):
        column = rows[f"key_{i}"]
        level = _fifths(pairing, rows, column) if column.type().is_numeric() else column.cast("string")
        rates, differ = _rates(pairing, rows, name, level, sent.reason)
        parts.append(rates)
        spread.append(differ)
    outcomes, unread = outcomes_of(pairing)
    notes = (*notes_on_untold(pairing), *unread)
    rates, aapor = pd.concat(parts, ignore_index=True), aapor_rates(outcomes, eligible_share)
    return ResponseAnalysis(rates, outcomes, aapor, _differences(spread), notes)


def _differences(spread: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(spread, columns=["attribute", "n_levels", "sd_between", "p_value"])
    is_tested = frame["p_value"].notna()
    adjusted = pd.Series(np.nan, index=frame.index)
    adjusted[is_tested] = false_discovery_control(frame.loc[is_tested, "p_value"].to_numpy(float))
    return frame.assign(q_value=adjusted)


def _with_asked(pairing: Pairing, columns: Sequence[str], sent: Asked) -> ir.Table:
    """Contacts that reached an agent: whether answered about (``score``), and whether asked about as far as known."""
    joined = reached_by(pairing, columns).left_join(sent.rows, [("contact_id", "asked_id")])
    return joined.mutate(is_asked=joined["asked_id"].notnull().cast("float64")).drop("asked_id", "contact_id")


def _fifths(pairing: Pairing, rows: ir.Table, column: ir.Value) -> ir.StringValue:
    """A number's fifth in words: "up to 30", "above 30 up to 75", …"""
    shares = [place / FIFTHS for place in range(1, FIFTHS)]
    asked = {f"q{i}": column.quantile(share) for i, share in enumerate(shares)}
    found = pairing.session.collect(rows.aggregate(**asked)).to_pylist()[0]
    edges = sorted({float(value) for value in found.values() if value is not None})
    if not edges:
        return ibis.null("string")
    told = _told_apart(edges)
    cases = [(column <= edges[0], f"up to {told[0]}")]
    cases += [
        (column <= edge, f"above {low} up to {high}")
        for edge, (low, high) in zip(edges[1:], pairwise(told), strict=True)
    ]
    return ibis.cases(*cases, (column > edges[-1], f"above {told[-1]}"))


def _told_apart(edges: Sequence[float]) -> list[str]:
    """Numbers in six digits, or in as many more as it takes to write them as they are, or each differently."""
    texts: list[str] = []
    for digits in (6, 9, 12, 17):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(edges) and not any("e+" in text for text in texts):
            break
    return texts


def _rates(
    pairing: Pairing, rows: ir.Table, attribute: str, level: ir.Value, why_not_asked: str | None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Counts and rates by level, the largest first, and how much they differ.

    They are clustered by customer, as the same person is asked again.
    """
    own = rows.select("customer", "score", "is_asked", level=level)
    known = own.filter(own["customer"].notnull())
    alone = own.filter(own["customer"].isnull())
    terms = {"w": ibis._.count(), "wx": ibis._.score.sum(), "asked": ibis._.is_asked.sum()}
    customers = known.aggregate(**terms, by=["level", "customer"]).drop("customer")
    single = alone.select("level", w=ibis.literal(1, "int64"), wx=alone["score"], asked=alone["is_asked"])
    both = compute(pairing.session, customers.union(single.select(*customers.columns)))
    sums = both.aggregate(
        by="level",
        n=both["w"].sum(), n_clusters=both.count(), wx=both["wx"].sum(), asked=both["asked"].sum(),
        ww=(both["w"] ** 2).sum(), wxw=(both["wx"] * both["w"]).sum(), wxwx=(both["wx"] ** 2).sum(),
    )  # fmt: skip
    found = pairing.session.collect(sums.order_by(ibis.desc("n"), "level")).to_pandas()
    return _rate_rows(found, attribute, why_not_asked)


def _rate_rows(found: pd.DataFrame, attribute: str, why_not_asked: str | None) -> tuple[pd.DataFrame, dict[str, Any]]:
    n, wx = found["n"].to_numpy(float), found["wx"].fillna(0).to_numpy(float)
    columns = (found[name].fillna(0).to_numpy(float) for name in ("n_clusters", "ww", "wxw", "wxwx"))
    n_clusters, ww, wxw, wxwx = columns
    mean = weighted_mean(ClusteredSums(n, n_clusters, n, wx, wx, ww, wxw, wxwx))
    ends = share_interval(mean)
    status, reasons = statuses(mean, response_rate())
    frame = pd.DataFrame(
        {
            "attribute": attribute,
            "level": found["level"].fillna("(missing)").astype("str"),
            "n": n.astype(np.int64),
            "n_asked": found["asked"].fillna(0).astype(np.int64) if why_not_asked is None else pd.NA,
            "n_answered": wx.astype(np.int64),
            "response_rate": mean.estimate, "conf_low": ends.low, "conf_high": ends.high,
            "asked_rate": found["asked"].fillna(0) / n if why_not_asked is None else np.nan,
            "status": status,
            "reason": [why or why_not_asked for why in reasons],
        }
    )  # fmt: skip
    hidden = frame["status"] == "suppressed"
    frame["n_answered"] = frame["n_answered"].astype("Int64").mask(hidden)
    frame["n_asked"] = frame["n_asked"].astype("Int64").mask(hidden)
    frame.loc[hidden, ["response_rate", "conf_low", "conf_high", "asked_rate"]] = np.nan
    shown = (~hidden).to_numpy()
    differ = between_shares(n[shown], mean.estimate[shown], _design_effect(n[shown], mean.design_effect[shown]))
    spread = {"attribute": attribute, "n_levels": int(shown.sum()), "sd_between": differ.sd, "p_value": differ.p_value}
    return frame, spread


def _design_effect(n: NDArray[np.float64], each: NDArray[np.float64]) -> float:
    """The levels' design effects as one, as those of small levels are hardly known; repeats never tell more."""
    is_known = np.isfinite(each)
    return max(float(np.average(each[is_known], weights=n[is_known])), 1.0) if is_known.any() else 1.0
