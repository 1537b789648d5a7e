"""The answers behind a score, each with its customer and groups, and their sums by customer and group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ibis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ibis.expr.types as ir

    from cxfusion.pairing import Pairing

__all__ = ["CUSTOMER", "answers_of", "count_others", "sums_of"]

CUSTOMER: Final = "customer"
"""The respondent role whose answers are measured."""
_WHO: Final = ["customer", "lone"]


def count_others(pairing: Pairing, score: str) -> int:
    """How many answers to a score came from others than customers."""
    pairs = pairing.pairs
    others = pairs.filter(pairs["respondent_role"] != CUSTOMER, pairs[score].notnull())
    return int(pairing.session.collect(others.aggregate(n=others.count()))["n"][0].as_py())


def answers_of(pairing: Pairing, score: str, columns: Sequence[str]) -> ir.Table:
    """One row per answer of a customer: ``score``, who gave it, and the groups of its contact.

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
    given = pairs.filter(pairs["respondent_role"] == CUSTOMER, pairs[score].notnull())
    answers = given.select("response_id", "contact_id", "customer_id", score=score)
    joined = answers.left_join(contacts, [("contact_id", "log_contact_id")])
    customer = ibis.coalesce(joined["customer_id"], joined["log_customer"])
    lone = customer.isnull().ifelse(joined["response_id"], None)
    return joined.select("score", *keys, customer=customer, lone=lone)


def sums_of(
    answers: ir.Table, values: Sequence[Callable[[ir.NumericValue], ir.NumericValue]], keys: Sequence[str]
) -> ir.Table:
    """What :class:`ClusteredSums` asks for: a row for the whole (``is_whole``), and one per group.

    Parameters
    ----------
    answers : ibis.Table
        Of :func:`answers_of`.
    values : sequence of callable
        From the score to the number x that one answer contributes.
    keys : sequence of str
        Columns to group by; the whole only, if empty.

    Returns
    -------
    ibis.Table
        The fields of :class:`ClusteredSums`; those of the i-th value are called ``wx_i``, ``wxx_i``, …
    """
    weighted = answers.mutate(w=ibis.literal(1.0))  # every answer alike, until there are non-response weights
    rows = weighted.mutate(**{f"x_{i}": value(weighted["score"]) for i, value in enumerate(values)})
    sums = {"n": rows.count(), "w": rows["w"].sum()}
    for i in range(len(values)):
        wx = rows["w"] * rows[f"x_{i}"]
        sums |= {f"wx_{i}": wx.sum(), f"wxx_{i}": (wx * rows[f"x_{i}"]).sum()}
    in_groups = rows.aggregate(**sums, by=[*keys, *_WHO])
    in_all = in_groups.aggregate(**{name: in_groups[name].sum() for name in sums}, by=_WHO)
    nowhere = {key: ibis.null(rows[key].type()) for key in keys}
    whole = _over_customers(in_all, list(sums), []).mutate(is_whole=True, **nowhere)
    if not keys:
        return whole
    groups = _over_customers(in_groups, list(sums), keys).mutate(is_whole=False)
    return whole.union(groups.select(*whole.columns))


def _over_customers(customers: ir.Table, sums: Sequence[str], keys: Sequence[str]) -> ir.Table:
    """From sums by customer to those by group, with the customers' squares and products."""
    w = customers["w"]
    total = {name: customers[name].sum() for name in sums}
    total |= {"n_clusters": customers.count(), "cluster_ww": (w * w).sum()}
    for name in sums:
        if name.startswith("wx_"):
            wx = customers[name]
            total |= {f"cluster_wxw{name[2:]}": (wx * w).sum(), f"cluster_wxwx{name[2:]}": (wx * wx).sum()}
    return customers.aggregate(**total, by=list(keys))
