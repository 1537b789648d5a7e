"""Which attempt of the customer followed upon each contact: one sort of the log, kept for all who ask about repeats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import ibis

from cxfusion.operations.episodes import EpisodePlan, chains_of, recontacts
from cxfusion.operations.figures import HANDLED, RECONTACTED, look_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

    from cxfusion.operations.episodes import Chains
    from cxfusion.operations.figures import Log
    from cxfusion.tables.relation import Contacts

__all__ = ["LAG", "NEXT", "Links", "link", "plan_of", "recontacts_by"]

LAG: Final = "cx:lag"
"""Microseconds until the person's next attempt; null where none came."""
NEXT: Final = "cx:next"
"""What the person's next attempt was about, as text."""
_STEP: Final = "cx:step"


@dataclass(frozen=True)
class Links:
    """The contacts of a log, each with the next attempt of its customer.

    Attributes
    ----------
    chains : Chains
        Its ``rows`` stand on one materialised table: ``contact_id, started_at``, the columns that were asked for,
        ``is_abandoned, direction, cx:person, cx:attempt``, :data:`HANDLED`, :data:`LAG`, :data:`NEXT` and
        :data:`RECONTACTED`.
    by : str or None
        Column that says what an attempt was about; :data:`NEXT` is there only with it.
    log : Log
        What was seen of the log that was chained.
    """

    chains: Chains
    by: str | None
    log: Log

    @property
    def rows(self) -> ir.Table:
        """One row per contact."""
        return self.chains.rows

    @property
    def plan(self) -> EpisodePlan:
        """By which rules the log was chained."""
        return self.chains.plan


def link(contacts: Contacts, plan: EpisodePlan, by: str | None = None, columns: Iterable[str] = ()) -> Links:
    """Chain the contacts of a log once.

    Parameters
    ----------
    contacts : Contacts
    plan : EpisodePlan
    by : str, optional
        Column that says what contacts are about; without it, nothing is known of what the next attempt was about.
    columns : iterable of str
        Further columns of the log that are kept, such as those to group by.
    """
    log, chains = look_at(contacts), chains_of(contacts, plan)
    rows = chains.rows
    asked = [*([by] if by else []), *columns]
    own = dict.fromkeys(["contact_id", "started_at", *asked, "is_abandoned", "direction"])
    alike: dict[str, Any] = {} if chains.has_outbound else {"cx:attempt": ibis.literal(True)}
    alike |= {} if chains.has_outbound or "direction" in asked else {"direction": ibis.null("string")}
    alike |= {} if chains.has_unknown else {"customer_id": ibis._["cx:person"]}  # what need not be sorted along
    wanted = [*(name for name in own if contacts.has(name)), "cx:person", "cx:attempt"]
    wanted += ["cx:reason"] if plan.same_reason else []
    handled = replace(log, contacts=replace(contacts, rows=rows)).handled
    kept = rows.select(
        *(name for name in wanted if name not in alike), **{HANDLED: handled}, **_next(chains, rows[by] if by else None)
    )
    table = contacts.session.materialize(kept).mutate(**alike)
    table = _mended(contacts, replace(chains, rows=table)).drop(_STEP)
    again = replace(chains, rows=table).is_recontacted(table[LAG])
    return Links(replace(chains, rows=table.mutate(**{RECONTACTED: again})), by, log)


def _next(chains: Chains, about: ir.Value | None) -> dict[str, ir.Value]:
    """How long it is until the person's next attempt, and what it was about: of several at once, the least speaks.

    Where another attempt came at the same moment, ``cx:step`` is zero, and these are of that one.
    """
    by_attempt = ["cx:attempt"] if chains.has_outbound else []
    told = {} if about is None else {NEXT: about.cast("string")}
    order = [chains.at, *(ibis.asc(value, nulls_first=False) for value in told.values())]
    after = ibis.window(group_by=[*chains.keys, *by_attempt], order_by=order)
    step = chains.at.lead().over(after) - chains.at
    told = {name: value.lead().over(after) for name, value in told.items()}
    return {_STEP: step, LAG: chains.lag if chains.has_outbound else step, **told}


def plan_of(episodes: EpisodePlan | Links) -> EpisodePlan:
    """The rules, of a log that is chained or yet to be."""
    return episodes.plan if isinstance(episodes, Links) else episodes


def recontacts_by(contacts: Contacts, episodes: EpisodePlan | Links) -> ir.Table:
    """As :func:`recontacts`, of the links where the log is chained already."""
    if isinstance(episodes, Links):
        return episodes.rows.select("contact_id", is_recontacted=RECONTACTED)
    return recontacts(contacts, episodes)


def _mended(contacts: Contacts, chains: Chains) -> ir.Table:
    """The rows; those of attempts at one moment with what came after all of these, which the last of them knows."""
    rows, session = chains.rows, contacts.session
    is_tied = ((rows[_STEP] == 0) & rows["cx:attempt"] & chains.is_known).fill_null(False)
    tied = session.materialize(rows.filter(is_tied))
    if not session.count(tied):  # as is usual
        return rows
    keys = ["cx:person", "started_at", *(["cx:reason"] if chains.plan.same_reason else [])]
    others = rows.filter(~is_tied)
    told = [name for name in (LAG, NEXT) if name in rows.columns]
    last = others.filter(others["cx:attempt"]).semi_join(tied, keys).select(*keys, *told)
    mended = session.materialize(tied.drop(*told).inner_join(last, keys).select(*rows.columns))
    return others.union(mended)
