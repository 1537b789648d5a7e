"""Which attempt of the customer followed upon each contact: one sort of the log, kept for all who ask about repeats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.operations.episodes import EpisodePlan, chains_of, recontacts
from cxfusion.operations.figures import RECONTACTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

    from cxfusion.operations.episodes import Chains
    from cxfusion.tables.relation import Contacts

__all__ = ["AT", "LAG", "NEXT", "Links", "link", "plan_of", "recontacts_by"]

AT: Final = "cx:at"
"""Start of a contact in microseconds since 1970."""
LAG: Final = "cx:lag"
"""Microseconds until the person's next attempt; null where none came."""
NEXT: Final = "cx:next"
"""What the person's next attempt was about, as text."""
_STEP: Final = "cx:step"
_HANDLED_BY: Final = ("is_abandoned", "talk_seconds", "agent_id", "direction")


@dataclass(frozen=True)
class Links:
    """The contacts of a log, each with the next attempt of its customer.

    Attributes
    ----------
    chains : Chains
        Its ``rows`` stand on one materialised table: ``contact_id, started_at``, the columns that were asked for, those
        that tell who was handled, ``cx:person, cx:attempt``, :data:`AT`, :data:`LAG`, :data:`NEXT` and
        :data:`RECONTACTED`.
    by : str or None
        Column that says what an attempt was about; :data:`NEXT` is there only with it.
    """

    chains: Chains
    by: str | None

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
    chains = chains_of(contacts, plan)
    rows = chains.rows
    own = dict.fromkeys(["contact_id", "started_at", *([by] if by else []), *columns, *_HANDLED_BY])
    alike = {} if chains.has_outbound else {"cx:attempt": ibis.literal(True), "direction": ibis.null("string")}
    alike |= {} if chains.has_unknown else {"customer_id": ibis._["cx:person"]}  # what need not be sorted along
    wanted = [*(name for name in own if contacts.has(name)), "cx:person", "cx:attempt"]
    wanted += ["cx:reason"] if plan.same_reason else []
    told = _next(chains, rows[by]) if by else {}
    table = contacts.session.materialize(
        rows.select(*(name for name in wanted if name not in alike), **{AT: chains.at, LAG: chains.lag, **told})
    ).mutate(**alike)
    if by:
        table = _told(contacts, replace(chains, rows=table), by).drop(_STEP)
    again = replace(chains, rows=table).is_recontacted(table[LAG])
    return Links(replace(chains, rows=table.mutate(**{RECONTACTED: again})), by)


def _next(chains: Chains, about: ir.Value) -> dict[str, ir.Value]:
    """What the attempt that comes next was about, and after how many microseconds: zero where two come at once."""
    keys = [*chains.keys, *(["cx:attempt"] if chains.has_outbound else [])]
    after = ibis.window(group_by=keys, order_by=chains.at)
    return {NEXT: about.cast("string").lead().over(after), _STEP: chains.at.lead().over(after) - chains.at}


def plan_of(episodes: EpisodePlan | Links) -> EpisodePlan:
    """The rules, of a log that is chained or yet to be."""
    return episodes.plan if isinstance(episodes, Links) else episodes


def recontacts_by(contacts: Contacts, episodes: EpisodePlan | Links) -> ir.Table:
    """As :func:`recontacts`, of the links where the log is chained already."""
    if isinstance(episodes, Links):
        return episodes.rows.select("contact_id", is_recontacted=RECONTACTED)
    return recontacts(contacts, episodes)


def _told(contacts: Contacts, chains: Chains, by: str) -> ir.Table:
    """The rows; of attempts of one person that start at once, which comes first cannot be known: the least speaks."""
    rows, session = chains.rows, contacts.session
    keys = ["cx:person", *(["cx:reason"] if chains.plan.same_reason else [])]
    attempts = rows.filter(rows["cx:attempt"], rows["cx:person"].notnull())
    tied = attempts.filter(attempts[_STEP] == 0)
    instants = tied.select(*keys, AT).union(tied.select(*keys, **{AT: tied[AT] + tied[LAG]}), distinct=True)
    instants = session.materialize(instants)
    if not session.count(instants):  # as is usual
        return rows
    steps = (
        attempts.semi_join(instants, [*keys, AT]).group_by(*keys, AT).aggregate(least=attempts[by].cast("string").min())
    )
    steps = session.materialize(steps.select(*keys, "least", came_at=AT))
    joined = rows.mutate(came_at=rows[AT] + rows[LAG]).left_join(steps, [*keys, "came_at"])
    told = joined["came_at_right"].notnull().ifelse(joined["least"], joined[NEXT])
    return joined.select(*(name for name in rows.columns if name != NEXT), **{NEXT: told})
