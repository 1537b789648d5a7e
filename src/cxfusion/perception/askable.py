"""Contacts that agents could have asked about: what operations know of each, as codes, and whether they asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from cxfusion.fold import RowsTogether
from cxfusion.perception.answers import scored_pairs
from cxfusion.perception.attributes import attribute_of, attributes_of, codes_here
from cxfusion.tables.coding import answered, group_codes, local_time, one_place, with_codes
from cxfusion.tables.sampling import in_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.pairing import Pairing

__all__ = ["FEWEST", "Askable", "Codes", "askable"]

Answer = TypeVar("Answer")

Codes: TypeAlias = tuple[tuple[str, int], ...]

FEWEST: Final = 30
"""Contacts asked about, and others, of an agent who can be tested."""
ENOUGH: Final = 500
"""Contacts of an agent, as few as one in ten of which may have been asked about."""
TOO_THIN: Final = 250
"""A sample that would leave fewer of them on average takes some agents, and enough contacts of each."""
MOST_DATES: Final = 400
"""Of longer logs weeks are told apart."""
DAYS_A_WEEK: Final = 7
AGENT: Final = "agent_code"
"""What stands for the agent in the rows: who it is comes here once."""
OTHERS: Final = ("agent", "date", "score", "is_asked", "customer_known", "customer")
"""Columns of the rows that say nothing of the operations."""


@dataclass(frozen=True)
class Askable:
    """Contacts that agents could have asked about.

    Attributes
    ----------
    rows : ibis.Table
        ``agent`` (a place among the names), ``date``, ``score``, what operations know, ``is_asked``,
        ``customer_known`` and ``customer`` (a number).
    names : array
        Of the agents, sorted.
    note : str or None
        What to say of the sample.
    """

    session: Session
    rows: ir.Table
    names: NDArray[np.object_]
    note: str | None

    def made(self, make: Callable[[pd.DataFrame, Codes], Answer]) -> Answer:
        """What is made of the rows, in the order of the log, and of the codes of what operations know: over there."""
        schema = self.rows.schema().to_pyarrow()
        made: Answer = self.session.fold(self.rows, RowsTogether(schema, ("place",), partial(_made, make=make)))
        return made


def _made(rows: pa.Table, make: Callable[[pd.DataFrame, Codes], Answer]) -> Answer:
    found = rows.drop_columns("place").to_pandas()
    operations = [name for name in found.columns if name not in OTHERS]
    period = found["date"] // (1 if found["date"].nunique() <= MOST_DATES else DAYS_A_WEEK)
    codes = codes_here(found[operations].assign(**{attribute_of("date"): period}), FEWEST)
    widths = tuple((name, int(own.max(initial=-1)) + 1) for name, own in codes.items())
    return make(found.drop(columns=operations).assign(**codes), widths)


def askable(pairing: Pairing, score: str, by: str, sent: ir.Table, max_contacts: int) -> Askable:
    """Contacts that agents could have asked about, or a sample of them."""
    session, contacts = pairing.session, pairing.contacts
    log = answered(contacts)
    attributes = attributes_of(contacts)
    columns = attributes | {
        "agent": log[by].cast("string"),
        "customer": contacts.value("customer_id").cast("string"),
        "date": local_time(contacts)["date"],
    }
    everyone = log.select("contact_id", "source_file", "source_row", **columns)
    thinned, told = _thinned(pairing, everyone.filter(everyone["agent"].notnull()), max_contacts)
    thinned = session.materialize(thinned)
    files, agents = group_codes(session, thinned, ("source_file",)), group_codes(session, thinned, ("agent",))
    placed = with_codes(thinned, {"file": files, AGENT: agents})
    placed = placed.mutate(place=one_place(placed["file"], placed["source_row"]))
    scored = scored_pairs(pairing, score)
    given = scored.group_by(scored_id="contact_id").aggregate(score=scored[score].mean())
    customers = placed.group_by("customer").aggregate(first_place=placed["place"].min())
    joined = placed.left_join(customers, "customer", rname="of_{name}")
    joined = joined.left_join(given, [("contact_id", "scored_id")]).left_join(sent, [("contact_id", "asked_id")])
    shown = joined.select(
        "place", "date", "score", *attributes,
        agent=joined[AGENT],
        is_asked=joined["asked_id"].notnull() | joined["score"].notnull(),
        customer_known=joined["customer"].notnull(),
        customer=joined["first_place"].fill_null(-1),
    )  # fmt: skip
    return Askable(session, shown, agents["agent"].to_numpy(object), told)


def _thinned(pairing: Pairing, rows: ir.Table, most: int) -> tuple[ir.Table, str | None]:
    """At most about so many contacts, by a hash that every engine computes alike; and what to say of it.

    Agents with too few contacts left could not be tested: where there are so many of them, some are left out instead.
    """
    sizes = rows.aggregate(n=rows.count(), agents=rows["agent"].nunique())
    n, n_agents = (int(size) for size in pairing.session.collect(sizes).to_pylist()[0].values())
    if n <= most:
        return rows, None
    wanted = ENOUGH * n_agents if most < TOO_THIN * n_agents else most
    of_contacts = min(1.0, wanted / n)
    of_agents = most / (n * of_contacts)
    told = None
    if of_agents < 1:
        told = f"Of the {n_agents:,} that the log names, about one in {1 / of_agents:.0f} is checked."
        agents = rows.select("agent").distinct()
        kept = pairing.session.materialize(agents.filter(in_sample(agents["agent"], of_agents)))
        rows = pairing.session.materialize(rows.semi_join(kept, "agent"))  # before the ids of all others are hashed
    return (rows.filter(in_sample(rows["contact_id"], of_contacts)) if of_contacts < 1 else rows), told
