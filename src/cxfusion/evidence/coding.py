"""From a log to numbers: answered contacts with the columns that models need, and categories as integer codes.

Categories become codes by a join with their (small) list of levels; no text ever reaches an estimator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from cxfusion.tables.times import to_local

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.tables.relation import Contacts

__all__ = ["Coding", "answered_contacts", "case_mix_of", "with_codes"]

MISSING: Final = "(missing)"
HOUR_OF_WEEK: Final = "hour_of_week"
GROUPS: Final = {
    "cluster": ("cluster_key",),
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
    """

    controls: Mapping[str, int]
    groups: Mapping[str, int]
    n_clusters: int


def case_mix_of(contacts: Contacts, spec: LeverSpec) -> tuple[str, ...]:
    """The spec's case-mix columns that the log has."""
    return tuple(name for name in spec.case_mix if contacts.has(name))


def answered_contacts(contacts: Contacts, spec: LeverSpec, numbers: Iterable[str]) -> ir.Table:
    """One row per answered contact: ``contact_id``, some numbers, case mix, and what it is compared within."""
    log = contacts.rows.filter(~contacts.value("is_abandoned").fill_null(False))
    local = to_local(log["started_at"], contacts.timezone, _years(contacts))
    columns: dict[str, ir.Value] = {name: log[name].cast("float64") for name in numbers}
    for name in {*case_mix_of(contacts, spec), "queue"}:
        columns[name] = contacts.value(name).cast("string").fill_null(MISSING)
    columns[HOUR_OF_WEEK] = (local.day_of_week.index() * 24 + local.hour()).cast("int64")
    columns["date"] = local.date().cast("string")
    # a contact whose agent is unknown stands alone: it is compared with nobody and errs with nobody
    own = ibis.literal("contact ") + log["contact_id"]
    columns["cluster_key"] = contacts.value(spec.cluster).cast("string").coalesce(own)
    return log.select("contact_id", **columns)


def _years(contacts: Contacts) -> tuple[int, int]:
    year = contacts.rows["started_at"].year()
    found = contacts.session.collect(contacts.rows.aggregate(first=year.min(), last=year.max())).to_pylist()[0]
    return int(found["first"] or 2000), int(found["last"] or 2000)


def with_codes(
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
    for name in (*case_mix_of(contacts, spec), HOUR_OF_WEEK):
        lists[f"control_{name}"] = _control_levels(session, rows, name, spec.min_level_responses)
    lists |= {name: _group_levels(session, rows, keys) for name, keys in GROUPS.items()}
    absorbed = [name for name in GROUPS if name != "cluster" or contacts.has(spec.cluster)]
    controls = {name: int(lists[name]["code"].max()) + 1 for name in lists if name.startswith("control_")}
    coding = Coding(controls, {name: len(lists[name]) for name in absorbed}, len(lists["cluster"]))
    for name, levels in lists.items():
        keys = [column for column in levels.columns if column != "code"]
        coded = pa.Table.from_pandas(levels.rename(columns={"code": name}), preserve_index=False)
        rows = rows.inner_join(ibis.memtable(coded), keys)
    return rows, coding


def _control_levels(session: Session, rows: ir.Table, name: str, rare_below: int) -> pd.DataFrame:
    """Codes of a control's levels: the most frequent is the reference (−1); rare ones share one code."""
    score = {} if "score" not in rows.columns else {"low": rows["score"].min(), "high": rows["score"].max()}
    found = session.collect(rows.group_by(name).aggregate(n=rows.count(), **score)).to_pandas()
    levels = found.sort_values(["n", name], ascending=[False, True], ignore_index=True)
    is_rare = levels["n"] < rare_below
    if score:  # a level whose answers are all alike has no finite coefficient of its own
        is_rare |= levels["low"] == levels["high"]
    own = levels.index[~is_rare]
    code = pd.Series(-1, index=levels.index, dtype="int64")
    code[own] = np.arange(len(own)) - 1
    if levels.loc[is_rare, "n"].sum() >= rare_below:
        code[is_rare] = max(len(own) - 1, 0)
    return levels[[name]].assign(code=code)


def _group_levels(session: Session, rows: ir.Table, keys: tuple[str, ...]) -> pd.DataFrame:
    levels = session.collect(rows.select(*keys).distinct()).to_pandas().sort_values(list(keys), ignore_index=True)
    return levels.assign(code=np.arange(len(levels), dtype="int64"))
