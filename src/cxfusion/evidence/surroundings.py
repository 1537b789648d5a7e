"""What the rest of the log says about a contact: how long others waited just then, and how busy its agent had been.

Others' waits come from the whole log, answered surveys or not, and never from the contact itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis
import pyarrow as pa

from cxfusion.evidence.spec import AGENT
from cxfusion.tables.coding import answered, text
from cxfusion.tables.sums import exact_mean, exact_sum

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.tables.relation import Contacts

__all__ = ["AGENT_LOAD", "CROWD", "SLOT", "WAIT", "mean_of", "moment_and_agent", "with_surroundings"]

WAIT: Final = "wait_seconds"
CROWD: Final = "crowd_wait_seconds"
AGENT_LOAD: Final = "agent_load_seconds"
CROWD_SUMS: Final = ("crowd_total", "crowd_n")
QUARTER: Final = "quarter"
SLOT: Final = "slot"
QUARTER_SECONDS: Final = 900
QUARTERS_BEFORE: Final = 4
WORK: Final = ("talk_seconds", "hold_seconds", "wrap_seconds")


def mean_of(lever: str) -> str:
    """Column of an agent's own mean of a lever."""
    return f"mean_{lever}"


def moment_and_agent(contacts: Contacts) -> dict[str, ir.Value]:
    """By what a contact's surroundings are found: ``quarter`` and ``agent``."""
    return {QUARTER: _quarter(contacts), "agent": contacts.value("agent_id").cast("string")}


def _quarter(contacts: Contacts) -> ir.IntegerValue:
    """Number of the quarter of an hour in which a contact started."""
    return (contacts.rows["started_at"].epoch_seconds() // QUARTER_SECONDS).cast("int64")


def with_surroundings(
    rows: ir.Table, contacts: Contacts, spec: LeverSpec, levers: tuple[str, ...], is_alone: bool
) -> ir.Table:
    """Contacts with what the rest of the log says about them.

    Parameters
    ----------
    rows : ibis.Table
        With ``queue``, ``quarter``, ``agent``, ``cluster_key`` and, if the log has it, ``wait_seconds``.
    contacts : Contacts
    spec : LeverSpec
    levers : tuple of str
        Whose means by agent are wanted.
    is_alone : bool
        The rest of the log is not asked: everything is null, and there are no means.

    Returns
    -------
    ibis.Table
        The same rows, but for ``quarter`` and ``agent``, with ``crowd_wait_seconds`` (mean wait of all other contacts
        of the queue in the same quarter of an hour), ``agent_load_seconds`` (work that the agent began in the hour
        before that quarter), both null where the log does not know, and ``mean_…`` of each lever over all contacts that
        its agent answered.
    """
    session = contacts.session
    rows = session.materialize(rows)
    columns = [*(name for name in rows.columns if name not in (QUARTER, "agent")), SLOT, CROWD, AGENT_LOAD]
    has_crowd = not is_alone and WAIT in rows.columns and contacts.has(WAIT)
    joined = rows.inner_join(_slots(session, rows, contacts if has_crowd else None), ["queue", QUARTER])
    joined = joined.mutate(**{CROWD: _mean_of_others(joined) if has_crowd else ibis.null("float64")})
    load = _loads(session, rows, contacts) if has_crowd and contacts.has("agent_id") else None
    if load is None:
        joined = joined.mutate(**{AGENT_LOAD: ibis.null("float64")})
    else:
        joined = joined.left_join(load, ["agent", QUARTER])
    if not is_alone and contacts.has(spec.cluster) and levers:
        key, column = ("agent_key", AGENT) if "agent_key" in rows.columns else ("cluster_key", spec.cluster)
        joined = joined.left_join(_agent_means(contacts, key, column, levers), key)
        columns += map(mean_of, levers)
    return session.materialize(joined.select(*columns))


def _slots(session: Session, rows: ir.Table, contacts: Contacts | None) -> ir.Table:
    """Queues and quarters of an hour of the rows, numbered; with contacts, how many waited just then and how long."""
    found = rows.select("queue", QUARTER).distinct()
    found = session.materialize(found.mutate(**{SLOT: ibis.row_number().over(order_by=["queue", QUARTER])}))
    if contacts is None:
        return found
    wait = contacts.rows[WAIT].cast("float64")
    waits = contacts.rows.select(queue=text(contacts, "queue"), quarter=_quarter(contacts), wait=wait)
    crowd = waits.group_by("queue", QUARTER).aggregate(
        crowd_total=exact_sum(waits["wait"]), crowd_n=waits["wait"].count()
    )
    return session.materialize(found.left_join(crowd, ["queue", QUARTER]).select(*found.columns, *CROWD_SUMS))


def _mean_of_others(rows: ir.Table) -> ir.FloatingValue:
    n_others = rows["crowd_n"] - rows[WAIT].notnull().cast("int64")
    return (rows["crowd_total"] - rows[WAIT].fill_null(0.0)) / n_others.nullif(0)


def _loads(session: Session, rows: ir.Table, contacts: Contacts) -> ir.Table | None:
    """Each agent's work of the four quarters before one of the rows; 0 where the log knows of none."""
    log = contacts.rows
    parts = [log[name].cast("float64").fill_null(0.0) for name in WORK if contacts.has(name)]
    if not parts:
        return None
    seconds = parts[0]
    for part in parts[1:]:
        seconds = seconds + part
    begun = log.select(agent=contacts.value("agent_id").cast("string"), quarter=_quarter(contacts), work=seconds)
    back = ibis.memtable(pa.table({"back": list(range(1, QUARTERS_BEFORE + 1))}))
    asked = rows.filter(rows["agent"].notnull()).select("agent", asked=QUARTER).distinct()
    asked = session.materialize(asked.cross_join(back).mutate(quarter=ibis._["asked"] - ibis._["back"]))
    found = asked.left_join(begun, ["agent", QUARTER]).select("agent", "asked", "work")
    return found.group_by("agent", quarter="asked").aggregate(**{AGENT_LOAD: exact_sum(found["work"]).fill_null(0.0)})


def _agent_means(contacts: Contacts, name: str, column: str, levers: tuple[str, ...]) -> ir.Table:
    """Mean of each lever over all contacts that each agent answered: the agent under a name, and ``mean_…``."""
    log = answered(contacts)
    key = contacts.value(column).cast("string")
    named = log.filter(key.notnull()).select(**{name: key}, **{lever: log[lever].cast("float64") for lever in levers})
    return named.group_by(name).aggregate(**{mean_of(lever): exact_mean(named[lever]) for lever in levers})
