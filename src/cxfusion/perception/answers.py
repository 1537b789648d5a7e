"""The answers behind a score, each with its customer and groups, and their sums by customer and group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ibis.expr.types as ir

    from cxfusion.pairing import Pairing

__all__ = ["CUSTOMER", "answers_of", "sums_by_group"]

CUSTOMER: Final = "customer"
"""The respondent role whose answers are measured."""


def answers_of(pairing: Pairing, score: str, columns: Sequence[str]) -> ir.Table:
    """One row per answer with a score: ``score, role``, who gave it, and the groups of its contact.

    Parameters
    ----------
    pairing : Pairing
    score : str
    columns : sequence of str
        Columns of the contact log to group by, as ``key_0, key_1, …``.

    Returns
    -------
    ibis.Table
        Who gave it is ``customer``, by the survey's id or else the log's; where neither knows, ``lone`` holds
        the response's own id, so that it stands for a customer of its own.
    """
    log, pairs = pairing.contacts, pairing.pairs
    keys = {f"key_{i}": log.rows[column] for i, column in enumerate(columns)}
    contacts = log.rows.select(log_contact_id=log.rows["contact_id"], log_customer=log.value("customer_id"), **keys)
    paired = pairs.select("response_id", "contact_id", "customer_id", role="respondent_role", score=score)
    joined = paired.filter(paired["score"].notnull()).left_join(contacts, [("contact_id", "log_contact_id")])
    customer = ibis.coalesce(joined["customer_id"], joined["log_customer"])
    lone = customer.isnull().ifelse(joined["response_id"], None)
    return joined.select("score", "role", *keys, customer=customer, lone=lone)


def sums_by_group(
    answers: ir.Table, values: Sequence[Callable[[ir.NumericValue], ir.NumericValue]], keys: Sequence[str]
) -> ir.Table:
    """What :class:`ClusteredSums` asks for, one row per group: its fields, those of the i-th value as
    ``wx_i`` …

    Parameters
    ----------
    answers : ibis.Table
        Of :func:`answers_of`.
    values : sequence of callable
        From the score to the number x that one answer contributes.
    keys : sequence of str
        Columns to group by; one row in all if empty.
    """
    weighted = answers.mutate(w=ibis.literal(1.0))  # every answer alike, until there are non-response weights
    rows = weighted.mutate(**{f"x_{i}": value(weighted["score"]) for i, value in enumerate(values)})
    each = {"n": rows.count(), "w": rows["w"].sum()}
    for i in range(len(values)):
        wx = rows["w"] * rows[f"x_{i}"]
        each |= {f"wx_{i}": wx.sum(), f"wxx_{i}": (wx * rows[f"x_{i}"]).sum()}
    clusters = rows.aggregate(**each, by=[*keys, "customer", "lone"])
    w = clusters["w"]
    total = {name: clusters[name].sum() for name in each}
    total |= {"n_clusters": clusters.count(), "cluster_ww": (w * w).sum()}
    for i in range(len(values)):
        wx = clusters[f"wx_{i}"]
        total |= {f"cluster_wxw_{i}": (wx * w).sum(), f"cluster_wxwx_{i}": (wx * wx).sum()}
    return clusters.aggregate(**total, by=list(keys))
