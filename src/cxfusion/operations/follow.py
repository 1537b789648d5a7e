"""Which contacts breed further ones: from what customers came about to what they come about next, and how soon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.operations.episodes import EpisodePlan
from cxfusion.operations.figures import HANDLED, RECONTACTED
from cxfusion.operations.links import LAG, NEXT, Links, link
from cxfusion.results.base import Result
from cxfusion.results.display import display_name
from cxfusion.results.formats import count, percent
from cxfusion.results.grouping import TEXT, grouping_by
from cxfusion.results.labels import reason_label
from cxfusion.tables.relation import require_contacts

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.tables.relation import Contacts

__all__ = ["LEFT_OUT", "FollowUps", "follow"]

FEWEST_CUSTOMERS: Final = 5
LEFT_OUT: Final = ("outbound", "not_handled", "no_customer", "shared_customer", "no_reason", "window_open", "followed")
"""Where every contact of the log ends, in the order in which it is tried; the last are those that are followed."""
COLUMNS: Final = ("n", "n_followed", "n_customers", "rate", "lift", "lag_median_seconds", "status", "why")


@dataclass(frozen=True, eq=False, repr=False)
class FollowUps(Result):
    """What follows upon which contacts.

    ``.table`` has one row per group and group of the next contact: the column asked for, the same with ``next_``
    before it, ``n`` (contacts of the group that could be followed), ``n_followed`` (of these, followed by such a
    contact), ``n_customers`` (behind them), ``rate``, ``lift`` (times as often as after any contact),
    ``lag_median_seconds`` (from start to start), ``status, why``. Pairs of fewer than five customers are suppressed.

    Attributes
    ----------
    by : str
    plan : EpisodePlan
    pairs : pandas.DataFrame
        The same as ``.table``.
    groups : pandas.DataFrame
        The column asked for, ``n``, ``n_followed`` and ``fcr``: contacts of each group that nothing followed upon; not
        shown of groups of fewer than five customers.
    fcr : float or None
        Share of all contacts that could be followed upon which nothing followed; None where there are none.
    audit : pandas.DataFrame
        ``reason, n``: where every contact of the log ended.
    """

    by: str
    plan: EpisodePlan
    pairs: pd.DataFrame
    groups: pd.DataFrame
    fcr: float | None
    audit: pd.DataFrame

    @property
    def _frame(self) -> pd.DataFrame:
        return self.pairs

    @property
    def beyond_chance(self) -> pd.DataFrame:
        """Rows of ``.table`` that occur more often than after any contact, those of most contacts beyond that first."""
        shown = self.pairs[self.pairs["status"] == "ok"]
        beyond = (shown["n_followed"] * (1 - 1 / shown["lift"])).sort_values(ascending=False, kind="stable")
        return shown.loc[beyond[beyond > 0].index].reset_index(drop=True)

    def _lines(self) -> list[str]:
        n = int(self.audit.set_index("reason")["n"]["followed"])
        if self.fcr is None:
            return ["No contact could be followed.", *self._books()]
        head = (
            f"{count(n)} contacts followed for {self.plan.repeat_days:g} days: upon {percent(self.fcr)} no further one"
            " of the customer followed"
        )
        top = self.beyond_chance.head(8)
        return [head, *(self._in_words(row) for row in top.itertuples(index=False)), *self._books()]

    def _in_words(self, row: Any) -> str:
        return (
            f"  {display_name(row[0])} → {display_name(row[1])}: after {percent(row.rate)}, {row.lift:.1f} times as"
            f" often as after any contact; half of them within {row.lag_median_seconds / 86_400:.1f} days"
        )

    def _books(self) -> list[str]:
        left = self.audit[(self.audit["reason"] != "followed") & (self.audit["n"] > 0)]
        told = zip(left["reason"], left["n"], strict=True)
        return [f"  left out: {count(n)} contacts. {reason_label(reason)}" for reason, n in told]


def follow(contacts: Contacts, by: str = "reason", *, plan: EpisodePlan | Links | None = None) -> FollowUps:
    """Which contacts breed further ones?

    Parameters
    ----------
    contacts : Contacts
    by : str, default "reason"
        What the contacts were about; any column of the log, the queue for instance.
    plan : EpisodePlan, optional
        How soon the next contact must come (7 days), and who counts as one person. Or the log as it is chained already
        by what contacts were about (:func:`cxfusion.operations.links.link`).

    Returns
    -------
    FollowUps

    Raises
    ------
    UnknownNameError
        No such column.

    Notes
    -----
    Followed are the contacts that first-contact resolution is counted over: handled, inbound, of a known customer who
    is one person, at least 7 days before the log's end. The next contact is the customer's first later attempt,
    abandoned or not.

    Examples
    --------
    >>> import cxfusion as cx
    >>> found = cx.follow(cx.simulate(n_contacts=20_000, seed=7).contacts)
    >>> found.audit.set_index("reason")["n"][["not_handled", "followed"]].to_dict()
    {'not_handled': 943, 'followed': 16804}
    """
    require_contacts(contacts)
    name = grouping_by([by], None, contacts.columns, (*COLUMNS, f"next_{by}")).names[0]
    links = plan if isinstance(plan, Links) else link(contacts, plan or EpisodePlan(), by, ["customer_id"])
    found = _ends(links, by)
    tallies = _tallies(contacts, found)
    n_by_end = tallies.groupby("ends")["n"].sum().reindex(list(LEFT_OUT), fill_value=0).astype(np.int64)
    tallies = tallies[tallies["ends"] == "followed"]
    groups = tallies.groupby("here", dropna=False, as_index=False).agg(
        n=("n", "sum"), n_followed=("n_next", "sum"), n_customers=("n_customers", "max")
    )
    n, n_followed = int(n_by_end["followed"]), int(groups["n_followed"].sum())
    return FollowUps(
        by=by,
        plan=links.plan,
        pairs=_pairs(tallies, groups, name),
        groups=_shown(groups, contacts, found).rename(columns={"here": name}),
        fcr=None if n == 0 else 1 - n_followed / n,
        audit=n_by_end.rename_axis("reason").reset_index(),
    )


def _ends(links: Links, by: str) -> ir.Table:
    """One row per contact: where it ends in the books; of those followed, who came, and what followed upon what."""
    rows, plan = links.rows, links.plan
    customer = rows["customer_id"] if "customer_id" in rows.columns else ibis.null("string")
    known_reason = rows["cx:reason"].notnull() if plan.same_reason else ibis.literal(True)
    ends = ibis.cases(
        (~rows["cx:attempt"], "outbound"),
        (~rows[HANDLED], "not_handled"),
        (customer.isnull(), "no_customer"),
        (rows["cx:person"].isnull(), "shared_customer"),
        (~known_reason, "no_reason"),
        (~links.chains.is_followed_up, "window_open"),
        else_="followed",
    )
    placed = rows.mutate(ends=ends)
    is_followed = placed["ends"] == "followed"
    is_next = is_followed & placed[RECONTACTED].fill_null(False)
    return placed.select(
        "ends",
        person="cx:person",
        here=ibis.ifelse(is_followed, placed[by].cast("string"), ibis.null("string")),
        is_next=is_next,
        there=ibis.ifelse(is_next, placed[NEXT], ibis.null("string")),
        lag=ibis.ifelse(is_next, placed[LAG] / 1e6, ibis.null("float64")),
    )


def _tallies(contacts: Contacts, found: ir.Table) -> pd.DataFrame:
    """``ends, here, there, is_next, n, n_next, n_customers, lag``; customers and lag where something followed."""
    asked = found.group_by(["ends", "here", "there", "is_next"]).aggregate(
        n=found.count(), n_customers=found["person"].nunique(where=found["is_next"]), lag=found["lag"].median()
    )
    tallies = contacts.session.collect(asked.order_by(["ends", "here", "is_next", "there"])).to_pandas()
    return tallies.assign(n_next=tallies["n"].where(tallies["is_next"].astype(bool), 0))


def _shown(groups: pd.DataFrame, contacts: Contacts, found: ir.Table) -> pd.DataFrame:
    """The groups with ``fcr``; of those of few customers only how many contacts there were.

    Mostly enough customers came back to tell that a group has many; else all of them are counted.
    """
    n_customers = groups["n_customers"]
    if (n_customers < FEWEST_CUSTOMERS).any():
        followed = found.filter(found["ends"] == "followed")
        asked = followed.group_by("here").aggregate(n_customers=followed["person"].nunique()).order_by("here")
        persons = contacts.session.collect(asked).to_pandas()
        n_customers = groups[["here"]].merge(persons, on="here", how="left")["n_customers"]
    is_small = n_customers.to_numpy() < FEWEST_CUSTOMERS
    n_followed = groups["n_followed"].astype(float).mask(is_small)
    return groups[["here", "n"]].assign(n_followed=n_followed, fcr=1 - n_followed / groups["n"])


def _pairs(tallies: pd.DataFrame, groups: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table: one row per group and next group."""
    pairs = tallies[tallies["n_next"] > 0].drop(columns=["ends", "n"]).rename(columns={"n_next": "n_followed"})
    pairs = pairs.merge(groups[["here", "n"]], on="here", how="left")
    whole = pairs.groupby("there", dropna=False)["n_followed"].transform("sum") / max(groups["n"].sum(), 1)
    pairs["rate"] = pairs["n_followed"] / pairs["n"]
    pairs["lift"] = pairs["rate"] / whole
    is_small = pairs["n_customers"] < FEWEST_CUSTOMERS
    pairs["lag_median_seconds"] = pairs["lag"].astype(float)
    pairs["status"] = np.where(is_small, "suppressed", "ok")
    why = f"fewer than {FEWEST_CUSTOMERS} customers"
    pairs["why"] = pd.Series([why if small else None for small in is_small], pairs.index, dtype=TEXT)
    hidden = ["n_followed", "n_customers", "rate", "lift", "lag_median_seconds"]
    pairs[hidden] = pairs[hidden].astype(float).mask(is_small)
    ordered = pairs.sort_values(["here", "rate", "there"], ascending=[True, False, True], kind="stable")
    return ordered.rename(columns={"here": name, "there": f"next_{name}"})[
        [name, f"next_{name}", *COLUMNS]
    ].reset_index(drop=True)
