"""The estimation sample: answered contacts with a scored response, made numeric once so that folds can sweep it.

Categories become integer codes by a join with their (small) list of levels; no text reaches an estimator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from cxfusion.errors import NothingToEstimateError, TooFewResponsesError
from cxfusion.evidence.spec import OUTCOMES
from cxfusion.tables.times import to_local

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.spec import LeverSpec, Outcome
    from cxfusion.pairing.result import Pairing

__all__ = ["LeverFacts", "Sample", "draw_sample"]

MISSING: Final = "(missing)"
MAX_CATEGORIES: Final = 21
KNOT_SHARES: Final = (0.1, 0.5, 0.9)
HOUR_OF_WEEK: Final = "hour_of_week"
GROUPS: Final = {
    "cluster": ("cluster_key",),
    "group_hour": ("queue", HOUR_OF_WEEK),
    "group_date": ("queue", "date"),
}
"""What the within rung compares inside of: every agent, every hour of the week and every day of a queue."""


@dataclass(frozen=True)
class LeverFacts:
    """What the sample says about one lever.

    Attributes
    ----------
    n_known : int
        Responses whose contact has a value.
    n_distinct : int
        Different values.
    mean : float
        Over known values; 0.0 where none is known.
    high : float
        Largest value.
    knots : tuple of float
        10th, 50th and 90th percentile of the positive values; empty where there are none.
    """

    n_known: int
    n_distinct: int
    mean: float
    high: float
    knots: tuple[float, ...]


@dataclass(frozen=True)
class Sample:
    """A numeric relation, one row per response, and what was learned while making it.

    The relation has ``y`` (category from 0), ``weight``, one column per lever, and codes: ``control_…`` (−1: the
    reference level), ``cluster`` and ``group_…``.

    Attributes
    ----------
    session : Session
    rows : ibis.Table
    outcome : Outcome
    values : tuple of float
        What each category counts in the mean.
    n : int
    n_clusters : int
    controls : mapping of str to int
        Control column to its number of indicator columns.
    groups : mapping of str to int
        Absorbed grouping's column to its number of levels.
    facts : mapping of str to LeverFacts
    notes : tuple of str
    """

    session: Session = field(repr=False)
    rows: ir.Table = field(repr=False)
    outcome: Outcome
    values: tuple[float, ...]
    n: int
    n_clusters: int
    controls: Mapping[str, int]
    groups: Mapping[str, int]
    facts: Mapping[str, LeverFacts]
    notes: tuple[str, ...]


def draw_sample(pairing: Pairing, spec: LeverSpec, levers: tuple[Lever, ...]) -> Sample:
    """Join responses to their contacts and make the table numeric.

    Raises
    ------
    TooFewResponsesError
        Fewer scored responses of answered contacts than ``spec.min_responses``.
    NothingToEstimateError
        Everyone gave the same score, or the score is no rating scale.
    """
    session, outcome = pairing.session, OUTCOMES[spec.outcome]
    texts = tuple(name for name in spec.case_mix if pairing.contacts.has(name))
    answered = session.materialize(_answered(pairing, spec, levers, texts))
    facts, n = _facts(session, answered, levers)
    if n < spec.min_responses:
        raise TooFewResponsesError(
            f"{n:,} responses with a {spec.outcome} score could be paired with an answered contact; expected at least"
            f" {spec.min_responses}. Read a longer period, or widen the pairing window."
        )
    categories = _categories(session, answered, outcome)
    lists = {"y": categories.frame} | {
        f"control_{name}": _control_levels(session, answered, name, spec.min_level_responses)
        for name in (*texts, HOUR_OF_WEEK)
    }
    lists |= {name: _group_levels(session, answered, keys) for name, keys in GROUPS.items()}
    coded = _coded(answered, lists).order_by("response_file", "response_row")
    rows = session.materialize(coded.select("weight", *(lever.name for lever in levers), *lists))
    absorbed = [name for name in GROUPS if name != "cluster" or pairing.contacts.has(spec.cluster)]
    return Sample(
        session=session,
        rows=rows,
        outcome=outcome,
        values=categories.values,
        n=n,
        n_clusters=len(lists["cluster"]),
        controls={name: int(lists[name]["code"].max()) + 1 for name in lists if name.startswith("control_")},
        groups={name: len(lists[name]) for name in absorbed},
        facts=facts,
        notes=_notes(pairing, spec, texts),
    )


def _answered(pairing: Pairing, spec: LeverSpec, levers: tuple[Lever, ...], texts: tuple[str, ...]) -> ir.Table:
    """One row per scored response of an answered contact, with the columns that models need."""
    contacts = pairing.contacts
    pairs = pairing.pairs.filter(
        pairing.pairs[spec.outcome].notnull(), pairing.pairs["respondent_role"] == "customer"
    ).select("response_file", "response_row", "contact_id", score=spec.outcome)
    log = contacts.rows
    log = log.filter(~contacts.value("is_abandoned").fill_null(False))
    years = _years(contacts.session, contacts.rows)
    local = to_local(log["started_at"], contacts.timezone, years)
    columns = {lever.name: log[lever.name].cast("float64") for lever in levers}
    columns |= {name: log[name].cast("string").fill_null(MISSING) for name in {*texts, "queue"} if contacts.has(name)}
    if not contacts.has("queue"):
        columns["queue"] = ibis.literal(MISSING)
    columns[HOUR_OF_WEEK] = (local.day_of_week.index() * 24 + local.hour()).cast("int64")
    columns["date"] = local.date().cast("string")
    columns["cluster_key"] = contacts.value(spec.cluster).cast("string")
    joined = pairs.inner_join(log.select("contact_id", **columns), "contact_id")
    own = ibis.literal("response ") + joined["response_file"] + " " + joined["response_row"].cast("string")
    # a response whose agent is unknown stands alone: it is compared with nobody and errs with nobody
    return joined.mutate(cluster_key=joined["cluster_key"].coalesce(own), weight=ibis.literal(1.0))


def _years(session: Session, rows: ir.Table) -> tuple[int, int]:
    year = rows["started_at"].year()
    found = session.collect(rows.aggregate(first=year.min(), last=year.max())).to_pylist()[0]
    return int(found["first"] or 2000), int(found["last"] or 2000)


def _facts(session: Session, rows: ir.Table, levers: tuple[Lever, ...]) -> tuple[dict[str, LeverFacts], int]:
    """What each lever looks like, in one pass."""
    asked: dict[str, ir.Scalar] = {"n": rows.count()}
    for i, lever in enumerate(levers):
        column = rows[lever.name]
        asked |= {f"known_{i}": column.count(), f"distinct_{i}": column.nunique(), f"mean_{i}": column.mean()}
        asked |= {f"high_{i}": column.max()}
        asked |= {f"knot_{i}_{j}": column.quantile(q, where=column > 0) for j, q in enumerate(KNOT_SHARES)}
    found = session.collect(rows.aggregate(**asked)).to_pylist()[0]
    facts = {}
    for i, lever in enumerate(levers):
        knots = tuple(found[f"knot_{i}_{j}"] for j in range(len(KNOT_SHARES)))
        facts[lever.name] = LeverFacts(
            n_known=int(found[f"known_{i}"]),
            n_distinct=int(found[f"distinct_{i}"]),
            mean=float(found[f"mean_{i}"] or 0.0),
            high=float(found[f"high_{i}"] or 0.0),
            knots=() if None in knots else tuple(float(knot) for knot in knots),
        )
    return facts, int(found["n"])


@dataclass(frozen=True)
class _Categories:
    frame: pd.DataFrame  # score, code
    values: tuple[float, ...]


def _categories(session: Session, rows: ir.Table, outcome: Outcome) -> _Categories:
    """The categories that were answered, from 0, and what each counts."""
    found = session.collect(rows.group_by("score").aggregate(n=rows.count())).to_pandas()
    scores = np.sort(found["score"].to_numpy(float))
    if outcome.cuts is not None and outcome.values is not None:
        category = np.searchsorted(outcome.cuts, scores, side="right")
        value = np.asarray(outcome.values)[category]
    else:
        value = scores
    values, code = np.unique(value, return_inverse=True)
    if not 2 <= len(values) <= MAX_CATEGORIES:
        what = "one answer" if len(values) == 1 else f"{len(values)} different answers"
        raise NothingToEstimateError(
            f"The {outcome.name} scores hold {what}; expected a rating scale with 2 to {MAX_CATEGORIES} marks in use."
            " Without differences between answers nothing can be said to move them."
        )
    return _Categories(pd.DataFrame({"score": scores, "code": code.astype("int64")}), tuple(values.tolist()))


def _control_levels(session: Session, rows: ir.Table, name: str, rare_below: int) -> pd.DataFrame:
    """Codes of a control's levels: the most frequent is the reference (−1); rare ones share one code."""
    by_level = rows.group_by(name).aggregate(n=rows.count(), low=rows["score"].min(), high=rows["score"].max())
    levels = session.collect(by_level).to_pandas().sort_values(["n", name], ascending=[False, True], ignore_index=True)
    is_rare = (levels["n"] < rare_below) | (levels["low"] == levels["high"])
    own = levels.index[~is_rare]
    code = pd.Series(-1, index=levels.index, dtype="int64")
    code[own] = np.arange(len(own)) - 1
    if levels.loc[is_rare, "n"].sum() >= rare_below:
        code[is_rare] = max(len(own) - 1, 0)
    return levels[[name]].assign(code=code)


def _group_levels(session: Session, rows: ir.Table, keys: tuple[str, ...]) -> pd.DataFrame:
    levels = session.collect(rows.select(*keys).distinct()).to_pandas().sort_values(list(keys), ignore_index=True)
    return levels.assign(code=np.arange(len(levels), dtype="int64"))


def _coded(rows: ir.Table, lists: Mapping[str, pd.DataFrame]) -> ir.Table:
    for name, levels in lists.items():
        keys = [column for column in levels.columns if column != "code"]
        coded = pa.Table.from_pandas(levels.rename(columns={"code": name}), preserve_index=False)
        rows = rows.inner_join(ibis.memtable(coded), keys)
    return rows


def _notes(pairing: Pairing, spec: LeverSpec, texts: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    absent = [name for name in spec.case_mix if name not in texts]
    if absent:
        notes.append(f"The log has no {' and no '.join(absent)}: cases are compared without it.")
    if not pairing.contacts.has(spec.cluster):
        notes.append(
            f"The log has no {spec.cluster}: every response counts as independent, and nothing is compared within"
            " agents."
        )
    if not pairing.contacts.has("queue"):
        notes.append("The log has no queue: hours and days are compared within the whole site.")
    return tuple(notes)
