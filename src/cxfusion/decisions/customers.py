"""Customers with a score and an outcome: each once, by the last contact answered about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ibis
import pandas as pd
import pyarrow as pa

from cxfusion.errors import (
    InputError,
    MissingColumnError,
    NothingToEstimateError,
    TooFewResponsesError,
    nearest_names,
    require_kind,
)
from cxfusion.evidence.coding import DAYS_AT_A_TIME, LEAST_TOGETHER
from cxfusion.evidence.sample import KEPT, Sample, draw_sample
from cxfusion.evidence.spec import LeverSpec
from cxfusion.tables.cells import clean_id
from cxfusion.tables.coding import started_on_site
from cxfusion.tables.opening import open_source
from cxfusion.tables.sums import exact_mean
from cxfusion.tables.times import day_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.fold import Sweep
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.opening import Data

__all__ = ["Customers", "customers_of"]

ANSWERS: Final = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
CARRIED: Final = ("customer_id", "contact_id", "started_at")
DAYS: Final = "days"
"""Who was in touch earlier has had more time to leave, was served by other agents, and perhaps served otherwise."""
FEWEST: Final = 50
MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Customers:
    """One row per customer: ``outcome`` about its mean, ``score``, ``cluster`` (the agent, numbered from 0 among
    those of these rows) and the codes of the groups.

    Attributes
    ----------
    sweep : Sweep
    outcome : str
    is_share : bool
        Whether the outcome is yes or no; it then counts 0 and 100.
    groups : tuple of str
        Code columns: the agent's first, where the log names agents; the days' last, several together where customers
        are few.
    widths : tuple of int
    has_agents : bool
    n, n_agents, n_customers : int
        Rows, their agents, and different customers of the log.
    audit : pandas.DataFrame
        ``reason, n`` of the customers of the outcomes table.
    notes : tuple of str
    """

    sweep: Sweep
    outcome: str
    is_share: bool
    groups: tuple[str, ...]
    widths: tuple[int, ...]
    has_agents: bool
    n: int
    n_agents: int
    n_customers: int
    audit: pd.DataFrame
    notes: tuple[str, ...]


def customers_of(pairing: Pairing, outcomes: Data, outcome: str, score: str) -> Customers:
    """Join answers with what customers did afterwards.

    Raises
    ------
    MissingColumnError, InputError, NothingToEstimateError
        As of :func:`cxfusion.worth`.
    """
    contacts, session = pairing.contacts, pairing.session
    if not contacts.has("customer_id"):
        raise MissingColumnError(
            "The contact log names no customers. Expected a customer_id, by which outcomes are joined."
        )
    told = session.read(open_source(outcomes))
    if "customer_id" in told.columns:  # as the log has it: trimmed, and a number keeps its digits beside missing ones
        told = told.mutate(customer_id=clean_id(told["customer_id"]))
    known = _outcomes(session.collect(told).to_pandas(), outcome)
    sample = draw_sample(pairing, LeverSpec(outcome=score), (), None, CARRIED, is_alone=True)
    rows = _last_of_each(sample, contacts.timezone)
    n_answered = session.count(rows)
    usable = known.loc[known["outcome"].notna() & known["customer_id"].notna(), ["customer_id", "outcome"]]
    table = pa.Table.from_pandas(usable.astype({"customer_id": object}), preserve_index=False)
    joined = session.materialize(rows.inner_join(ibis.memtable(table), "customer_id"))
    result = joined["outcome"]
    facts = {"n": joined.count(), "low": result.min(), "high": result.max(), "mean": exact_mean(result)}
    facts |= {"agents": joined["cluster"].nunique(), "first": joined["date"].min(), "last": joined["date"].max()}
    found = session.collect(joined.aggregate(**facts)).to_pylist()[0]
    _require_overlap(found, n_answered, len(known), outcome)
    is_share = set(usable["outcome"].unique()) <= {0.0, 1.0}
    value = (result - found["mean"]) * (100.0 if is_share else 1.0)
    every = {**sample.coding.groups, **sample.coding.controls}
    named = {name: width for name, width in every.items() if name != "group_date" and width}
    days = _days_together(found, sum(named.values()))
    first = found["first"] // days
    named[DAYS] = found["last"] // days - first + 1
    number = ibis.dense_rank().over(order_by=joined["cluster"])  # agents without any of these customers have none
    numeric = joined.mutate(outcome=value, cluster=number, **{DAYS: joined["date"] // days - first})
    ready = session.materialize(numeric.order_by("contact_id").drop("contact_id", "customer_id", "date"))
    log = contacts.rows
    n_customers = int(session.collect(log.aggregate(n=log["customer_id"].nunique()))["n"][0].as_py())
    return Customers(
        sweep=partial(session.fold, ready),
        outcome=outcome,
        is_share=is_share,
        groups=tuple(named),
        widths=tuple(named.values()),
        has_agents="cluster" in sample.coding.groups,
        n=int(found["n"]),
        n_agents=int(found["agents"]),
        n_customers=n_customers,
        audit=_audit(known, int(found["n"]), n_answered),
        notes=(f"{found['n']:,} customers have both an answer and {outcome}.",),
    )


def _outcomes(table: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """``customer_id`` as text and ``outcome`` as a number; customers without an outcome are left out later."""
    require_kind(outcome, str, "outcome", "the name of a column of the outcomes.")
    missing = [name for name in ("customer_id", outcome) if name not in table.columns]
    if missing:
        near = ", ".join(nearest_names(missing[-1], [str(name) for name in table.columns])) or "-"
        raise MissingColumnError(
            f"The outcomes have no {' and no '.join(missing)}. Expected one row per customer with customer_id and"
            f" {outcome}; they have: {', '.join(map(str, table.columns))}; nearest: {near}."
        )
    found = pd.DataFrame({"customer_id": table["customer_id"].astype("string"), "original": table[outcome]})
    found["outcome"] = [_number(value) for value in found["original"]]
    problems = []
    wrong = found[found["outcome"].isna() & found["original"].notna()]
    if len(wrong):
        shown = ", ".join(repr(value) for value in wrong["original"].unique()[:MOST_NAMED].tolist())
        problems.append(f"{len(wrong):,} cells of {outcome} are neither yes nor no nor a number: {shown}")
    n_twice = int(found["customer_id"].dropna().duplicated().sum())
    if n_twice:
        problems.append(f"{n_twice:,} rows are of a customer who stands there already")
    if problems:
        raise InputError(
            "The outcomes cannot be used. Expected one row per customer, and yes or no or a number.", problems
        )
    return found


def _number(value: Any) -> float:
    text = value.strip().lower() if isinstance(value, str) else value
    if isinstance(text, str) and text in ANSWERS:
        return ANSWERS[text]
    try:
        number = float(text)
    except (TypeError, ValueError):  # missing, a word or a day
        return float("nan")
    return number if math.isfinite(number) else float("nan")


def _last_of_each(sample: Sample, zone: str) -> ir.Table:
    """The sample's rows with ``score`` and the ``date`` at the site, only the last of each customer."""
    rows = sample.rows
    codes = [*sample.coding.controls, *sample.coding.groups, "cluster"]
    carried = {name: rows[f"{KEPT}{name}"] for name in CARRIED}
    plain = rows.select(*dict.fromkeys(codes), score=sample.counted(rows), **carried)
    plain = sample.session.materialize(plain.filter(plain["customer_id"].notnull()))
    order = ibis.row_number().over(group_by="customer_id", order_by=[plain["started_at"].desc(), plain["contact_id"]])
    ranked = sample.session.materialize(plain.mutate(place=order))
    last = ranked.filter(ranked["place"] == 0)
    named = {"customer_id": last["customer_id"].cast("string")}
    named["date"] = day_of(started_on_site(sample.session, last, zone))
    return sample.session.materialize(last.mutate(**named).drop("place", "started_at"))


def _days_together(found: dict[str, Any], n_others: int) -> int:
    """The fewest days to compare customers within that leave some to each group; the most, where none do."""
    n_days = found["last"] - found["first"] + 1
    for days in DAYS_AT_A_TIME:
        if found["n"] >= LEAST_TOGETHER * (-(-n_days // days) + n_others):
            return days
    return DAYS_AT_A_TIME[-1]


def _require_overlap(found: dict[str, Any], n_answered: int, n_known: int, outcome: str) -> None:
    if not found["n"]:
        raise NothingToEstimateError(
            f"No customer is in both tables: {n_answered:,} answered, {n_known:,} have outcomes. Expected the same"
            " customer ids in both; look for another spelling (leading zeros, prefixes), or pseudonyms in one of them."
        )
    if found["n"] < FEWEST:
        raise TooFewResponsesError(
            f"{found['n']:,} customers have both an answer and {outcome}; expected at least {FEWEST}. There are"
            f" {n_answered:,} customers with answers and {n_known:,} with outcomes: look for another spelling of the"
            " ids."
        )
    if found["low"] is None or found["low"] == found["high"]:
        raise NothingToEstimateError(
            f"All customers with an answer have the same {outcome}, so that nothing can be said to move it. Expected"
            " some who did and some who did not."
        )


def _audit(known: pd.DataFrame, n_both: int, n_answered: int) -> pd.DataFrame:
    n_unknown = int((known["outcome"].isna() | known["customer_id"].isna()).sum())
    rows = [
        ("answer_and_outcome", n_both),
        ("outcome_without_answer", len(known) - n_unknown - n_both),
        ("outcome_missing", n_unknown),
        ("answer_without_outcome", n_answered - n_both),
    ]
    return pd.DataFrame(rows, columns=["reason", "n"])
