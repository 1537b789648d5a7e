"""What models of answered contacts need besides the levers: case mix, hours and days, as codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.tables.coding import HOUR_OF_WEEK, answered, group_codes, level_codes, local_time, text, with_codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from cxfusion.engine import Session
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.tables.relation import Contacts

__all__ = ["AGENT", "AGENT_GROUP", "REST", "Coding", "answered_contacts", "coded"]

AGENT: Final = "agent_id"
AGENT_GROUP: Final = "group_agent"
"""Of agents, where answers of other clusters err together: contacts are compared within the same agent all the same."""
REST: Final = "(all others)"
"""Levels that are too small to stand alone."""
GROUPS: Final = {
    "cluster": ("cluster_key",),
    AGENT_GROUP: ("agent_key",),
    "group_hour": ("queue", HOUR_OF_WEEK),
    "group_date": ("queue", "date"),
}
"""What the within rung compares inside of: every agent, every hour of the week and every day of a queue."""


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
    """

    controls: Mapping[str, int]
    groups: Mapping[str, int]
    n_clusters: int
    is_clustered: bool
    queue_of_hour: NDArray[np.int64]
    levels: Mapping[str, tuple[str, ...]]

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
    session: Session, rows: ir.Table, contacts: Contacts, spec: LeverSpec, extra: Mapping[str, pd.DataFrame]
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
    """
    lists = dict(extra)
    for name in (*_case_mix(contacts, spec), HOUR_OF_WEEK):
        lists[f"control_{name}"] = level_codes(session, rows, name, spec.min_level_responses)
    lists |= {name: group_codes(session, rows, keys) for name, keys in GROUPS.items() if set(keys) <= set(rows.columns)}
    is_clustered = contacts.has(spec.cluster)
    held = AGENT_GROUP if AGENT_GROUP in lists else "cluster" if is_clustered else ""
    absorbed = [name for name in (held, "group_hour", "group_date") if name]
    controls = {name: int(lists[name]["code"].max()) + 1 for name in lists if name.startswith("control_")}
    queue_of_hour = pd.factorize(lists["group_hour"].sort_values("code")["queue"])[0].astype(np.int64)
    groups = {name: len(lists[name]) for name in absorbed}
    levels = {name: _levels(lists[f"control_{name}"]) for name in _case_mix(contacts, spec)}
    coding = Coding(controls, groups, len(lists["cluster"]), is_clustered, queue_of_hour, levels)
    return with_codes(rows, lists), coding


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
