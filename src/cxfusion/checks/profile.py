"""What a feed looks like, in so few figures that a manifest can carry them to the next run.

No person can be found in it: categories with fewer than five persons are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.tables.persons import groups_of_few
from cxfusion.tables.relation import Contacts
from cxfusion.tables.times import to_local

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from cxfusion.tables.relation import Surveys
    from cxfusion.tables.times import Years

__all__ = ["CATEGORIES", "categories_of", "moment_of", "profile_facts", "profile_from"]

MOST_CATEGORIES: Final = 100
"""A column with more of them is no list of categories, and may hold what people wrote."""
LONGEST_CATEGORY: Final = 60
CATEGORIES: Final = {
    "contacts": ("queue", "channel", "direction", "reason"),
    "surveys": ("respondent_role", "survey_level", "disposition"),
}
ADDED: Final = ("source_file", "source_row", "score_status")
DIGITS: Final = 6


def profile_facts(table: Contacts | Surveys, years: Years) -> dict[str, ir.Scalar]:
    """What is to be counted of a table, beside what its checks count; days are those of the site's clock."""
    rows = table.rows
    facts: dict[str, ir.Scalar] = {"profile:rows": rows.count()}
    facts |= {f"profile:known:{name}": rows[name].count() for name in _columns(table)}
    moment = moment_of(table)
    if moment is not None:
        facts |= {"profile:first": moment.min(), "profile:last": moment.max()}
        facts |= {"profile:days": to_local(moment, table.timezone, years).date().nunique()}
    return facts


def profile_from(table: Contacts | Surveys, counted: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a table, categories apart, from what was counted."""
    n = int(counted["profile:rows"])
    missing = {name: n - int(counted[f"profile:known:{name}"]) for name in _columns(table)}
    found: dict[str, Any] = {"read": table.n_read, "rows": n}
    if counted.get("profile:first") is not None:
        days = int(counted["profile:days"])
        found |= {"first": counted["profile:first"].isoformat(), "last": counted["profile:last"].isoformat()}
        found |= {"days": days, "per_day": round(n / days, DIGITS)}
    return found | {"missing": {name: round(k / n, DIGITS) if n else 0.0 for name, k in missing.items()}}


def categories_of(table: Contacts | Surveys) -> dict[str, dict[str, int]]:
    """Column to category to rows, of columns that hold few categories; those of fewer than five persons left out."""
    kind = "contacts" if isinstance(table, Contacts) else "surveys"
    found = {name: _counted(table, name) for name in CATEGORIES[kind] if name in table.columns_from}
    return {name: counts for name, counts in found.items() if counts}


def _counted(table: Contacts | Surveys, name: str) -> dict[str, int]:
    known = table.rows.filter(table.rows[name].notnull())
    n = known.count()
    counts = known.group_by(name).aggregate(n=n).order_by(name).limit(MOST_CATEGORIES + 1)
    listed = table.session.collect(counts).to_pylist()
    if len(listed) > MOST_CATEGORIES or any(len(row[name]) > LONGEST_CATEGORY for row in listed):
        return {}
    private = {value for (value,) in groups_of_few(table, [name], [(row[name],) for row in listed])}
    return {row[name]: row["n"] for row in listed if row[name] not in private}


def _columns(table: Contacts | Surveys) -> list[str]:
    return [name for name in table.columns if name not in ADDED and not name.endswith("_is_day")]


def moment_of(table: Contacts | Surveys) -> ir.TimestampValue | None:
    """When a row happened."""
    if isinstance(table, Contacts):
        return table.rows["started_at"]
    return next((table.rows[name] for name in ("answered_at", "invited_at") if table.has(name)), None)
