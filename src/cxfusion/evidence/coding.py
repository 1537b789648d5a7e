"""What models of answered contacts need besides the levers: case mix, agents, hours and days, as codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.evidence.spec import AGENT
from cxfusion.tables.coding import HOUR_OF_WEEK, answered, group_codes, level_codes, local_time, text, with_codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.tables.relation import Contacts

__all__ = [
    "AGENT_DAYS", "AGENT_GROUP", "CLUSTER", "DAYS_AT_A_TIME", "LEAST_TOGETHER", "REST", "AgentDays", "Coding",
    "answered_contacts", "coded",
]  # fmt: skip

AGENT_GROUP: Final = "group_agent"
"""Of agents, where answers of other clusters err together: contacts are compared within the same agent all the same."""
REST: Final = "(all others)"
"""Levels that are too small to stand alone."""
CLUSTER: Final = "cluster"
AGENT_DAYS: Final = "group_days"
"""Takes the place of the agent where only contacts of the same days of an agent are compared."""
GROUPS: Final = {
    CLUSTER: ("cluster_key",),
    AGENT_GROUP: ("agent_key",),
    "group_hour": ("queue", HOUR_OF_WEEK),
    "group_date": ("queue", "date"),
}
"""What the within rung compares inside of: every agent, every hour of the week and every day of a queue."""
DAYS_AT_A_TIME: Final = (1, 2, 4, 7, 14, 28, 56, 91)
LEAST_TOGETHER: Final = 1.5
"""Answers to each group within which contacts are compared, agents' days among them: a third of all is then left."""
MOST_RESPONSES: Final = 200_000
"""On which it is tested whether agents change; there have to be enough of these for each agent's days."""


@dataclass(frozen=True)
class AgentDays:
    """The contacts of each agent, a day or some days at a time.

    Attributes
    ----------
    days : int
        So many at a time.
    n : int
        Groups of contacts of the same agent and days, empty ones among them.
    of : str
        Grouping of the agents, whose place they may take.
    n_agents : int
    """

    days: int
    n: int
    of: str
    n_agents: int


@dataclass(frozen=True)
class Coding:
    """Code columns of a relation and how many levels each has.

    Attributes
    ----------
    controls : mapping of str to int
        ``control_…`` column to its number of indicator columns; −1 is the reference level.
    groups : mapping of str to int
        Absorbed grouping's column to its number of levels.
    n_clusters : int
    is_clustered : bool
        Whether the log has the column of the clusters; else each answer is one.
    queue_of_hour : int array
        Queue of each queue × hour of the week.
    levels : mapping of str to tuple of str
        By column of the case mix: the level of each code, from −1; pooled rare ones are ``REST``.
    agent_days : AgentDays or None
        What may be compared instead of all contacts of an agent; None: there are too few answers of each, or no agents.
    """

    controls: Mapping[str, int]
    groups: Mapping[str, int]
    n_clusters: int
    is_clustered: bool
    queue_of_hour: NDArray[np.int64]
    levels: Mapping[str, tuple[str, ...]]
    agent_days: AgentDays | None = None

    @property
    def agents(self) -> str | None:
        """Grouping of the agents whom contacts are compared within, be it day by day; None where there is none."""
        if self.agent_days is not None and self.holds_days:
            return self.agent_days.of
        return next((name for name in (AGENT_GROUP, CLUSTER) if name in self.groups), None)

    @property
    def n_agents(self) -> int:
        """How many of them there are, or clusters where the log has none."""
        if self.agent_days is not None and self.holds_days:
            return self.agent_days.n_agents
        return self.n_clusters if self.agents is None else self.groups[self.agents]

    @property
    def holds_days(self) -> bool:
        """Whether contacts are compared within the same days of an agent."""
        return AGENT_DAYS in self.groups

    def by_days(self) -> Coding:
        """The same with contacts compared within the same days of an agent."""
        if self.agent_days is None or self.holds_days:
            return self
        others = {name: width for name, width in self.groups.items() if name != self.agent_days.of}
        return replace(self, groups={AGENT_DAYS: self.agent_days.n, **others})

    @property
    def untold_controls(self) -> tuple[tuple[str, int], ...]:
        """Controls that the absorbed groups do not determine: whoever knows queue and hour knows either."""
        told = {f"control_{name}" for name in GROUPS["group_hour"]}
        return tuple((name, width) for name, width in self.controls.items() if name not in told)


def answered_contacts(
    contacts: Contacts, spec: LeverSpec, numbers: Iterable[str], more: Mapping[str, ir.Value] | None = None
) -> ir.Table:
    """One row per answered contact: ``contact_id``, some numbers, case mix, what it is compared within, and more."""
    log = answered(contacts)
    columns: dict[str, ir.Value] = {name: log[name].cast("float64") for name in numbers}
    columns |= {name: text(contacts, name) for name in {*_case_mix(contacts, spec), "queue"}}
    columns |= local_time(contacts)
    # a contact whose agent is unknown stands alone: it is compared with nobody and errs with nobody
    own = ibis.literal("contact ") + log["contact_id"]
    keys = {"cluster_key": spec.cluster}
    if spec.cluster != AGENT and contacts.has(AGENT):
        keys["agent_key"] = AGENT
    columns |= {key: contacts.value(name).cast("string").coalesce(own) for key, name in keys.items()}
    return log.select("contact_id", "source_file", "source_row", **columns, **(more or {}))


def coded(
    session: Session,
    rows: ir.Table,
    contacts: Contacts,
    spec: LeverSpec,
    extra: Mapping[str, pd.DataFrame],
    like: Coding | int,
) -> tuple[ir.Table, Coding]:
    """Rows with a code column for every control and grouping, and for every extra list of levels.

    Parameters
    ----------
    session : Session
    rows : ibis.Table
        Materialised rows of :func:`answered_contacts`, perhaps joined with scores.
    contacts : Contacts
    spec : LeverSpec
    extra : mapping of str to pandas.DataFrame
        Further code columns: key columns of ``rows`` and ``code``.
    like : Coding or int
        Of other rows, whose days of an agent are taken over; or how many rows there are.
    """
    lists = dict(extra)
    for name in (*_case_mix(contacts, spec), HOUR_OF_WEEK):
        lists[f"control_{name}"] = level_codes(session, rows, name, spec.min_level_responses)
    lists |= {name: group_codes(session, rows, keys) for name, keys in GROUPS.items() if set(keys) <= set(rows.columns)}
    is_clustered = contacts.has(spec.cluster)
    held = AGENT_GROUP if AGENT_GROUP in lists else CLUSTER if is_clustered else ""
    absorbed = [name for name in (held, "group_hour", "group_date") if name]
    controls = {name: int(lists[name]["code"].max()) + 1 for name in lists if name.startswith("control_")}
    queue_of_hour = pd.factorize(lists["group_hour"].sort_values("code")["queue"])[0].astype(np.int64)
    groups = {name: len(lists[name]) for name in absorbed}
    levels = {name: _levels(lists[f"control_{name}"]) for name in _case_mix(contacts, spec)}
    rows = with_codes(rows, lists)
    days, agent_days = _days_together(lists, held, like) if held else None, None
    if days is not None:  # by arithmetic: a list of them would be as long as that of the answers
        dates, n_agents = lists["group_date"]["date"], len(lists[held])
        first, last = int(dates.min()) // days, int(dates.max()) // days
        rows = rows.mutate(**{AGENT_DAYS: rows[held] * (last - first + 1) + rows["date"] // days - first})
        agent_days = AgentDays(days, n_agents * (last - first + 1), held, n_agents)
    coding = Coding(controls, groups, len(lists[CLUSTER]), is_clustered, queue_of_hour, levels, agent_days)
    is_by_days = isinstance(like, Coding) and like.holds_days
    return rows, coding.by_days() if is_by_days else coding


def _days_together(lists: Mapping[str, pd.DataFrame], held: str, like: Coding | int) -> int | None:
    """The fewest days of an agent that hold answers enough to be compared by themselves; None where no days do."""
    if isinstance(like, Coding):
        return None if like.agent_days is None else like.agent_days.days
    dates, n = lists["group_date"]["date"], min(like, MOST_RESPONSES)
    n_days, n_others = int(dates.max() - dates.min()) + 1, len(lists["group_date"]) + len(lists["group_hour"])
    for days in DAYS_AT_A_TIME:
        n_groups = len(lists[held]) * -(-n_days // days)
        n_filled = n_groups * -np.expm1(-n / n_groups)  # where answers fall into them by chance
        if days < n_days and n >= LEAST_TOGETHER * (n_filled + n_others):
            return days
    return None


def _levels(listed: pd.DataFrame) -> tuple[str, ...]:
    """The level of each code from −1; the reference is the most frequent, and other levels may share a code."""
    names, codes = listed[listed.columns[0]], listed["code"]
    found = []
    for code in range(-1, int(codes.max()) + 1):
        own = names[codes == code]
        found.append(str(own.iloc[0]) if len(own) == 1 or (code < 0 and len(own)) else REST)
    return tuple(found)


def _case_mix(contacts: Contacts, spec: LeverSpec) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((*spec.case_mix, *contacts.context)) if contacts.has(name))
