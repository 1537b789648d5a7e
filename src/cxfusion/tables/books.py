"""The books of a reading: how many rows and cells went where, by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxfusion.tables.relation import Contacts

if TYPE_CHECKING:
    from cxfusion.tables.relation import Surveys

__all__ = ["reading_counts"]


def reading_counts(table: Contacts | Surveys) -> pd.DataFrame:
    """Rows and cells that a reading did not use, counted.

    Returns
    -------
    pandas.DataFrame
        ``column, reason, n``, ordered. Where ``column`` is missing, ``n`` counts rows: those set aside, and those
        ``outside_period``; with the rows kept they add up to the rows read. Else it counts cells of that column: those
        set aside, and those that the map declares to mean "missing" (``missing_by_map``).

    Examples
    --------
    >>> from cxfusion.tables.read import read_contacts
    >>> log = [{"contact_id": 1, "started_at": "2026-01-05", "queue": "n/k"}, {"contact_id": 2, "queue": "sales"}]
    >>> contacts = read_contacts(log, map={"queue": {"column": "queue", "null": "n/k"}})
    >>> reading_counts(contacts)[["reason", "n"]].values.tolist()
    [['missing_by_map', 1], ['started_at_missing', 1]]
    """
    aside = table.set_aside
    keys = {name: aside[name].cast("string") for name in ("column", "reason")}
    listed = table.session.collect(aside.aggregate(by=keys, n=aside.count())).to_pandas()
    n_outside = table.n_outside_period if isinstance(table, Contacts) else 0
    missing = pd.DataFrame(table.missing_by_map.items(), columns=["column", "n"]).assign(reason="missing_by_map")
    outside = pd.DataFrame({"column": [None], "reason": ["outside_period"], "n": [n_outside]})
    parts: list[pd.DataFrame] = [listed, *(part.astype(listed.dtypes) for part in (missing, outside))]
    counts = pd.concat([part[["column", "reason", "n"]] for part in parts])
    counts = counts[counts["n"] > 0]
    return counts.sort_values(["column", "reason"], ignore_index=True)
