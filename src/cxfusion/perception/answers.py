"""The rows behind a figure, each with its customer and groups, and their sums by customer and group.

The rows of a score are its answers, of a pairing or of surveys alone; those of the response rate are the contacts that
could have been answered about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.errors import NoScoreError, UnknownNameError, nearest_names
from cxfusion.perception.scores import SCORES
from cxfusion.results.exact import exact_frame
from cxfusion.tables.coding import MISSING, never_reached, started_on_site
from cxfusion.tables.persons import groups_of_few
from cxfusion.tables.relation import Surveys
from cxfusion.tables.steps import compute
from cxfusion.tables.sums import PER_ANSWER, exact_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    import ibis.expr.types as ir
    import pandas as pd

    from cxfusion.engine import Session
    from cxfusion.pairing import Pairing
    from cxfusion.perception.weights import ResponseWeights
    from cxfusion.tables.relation import Scale

__all__ = [
    "CUSTOMER",
    "answered_share",
    "answers_of",
    "count_elsewhere",
    "count_others",
    "given_answers",
    "in_intervals",
    "levels_of_few",
    "notes_on_untold",
    "reached_by",
    "scale_of",
    "scored_pairs",
    "shared_customers",
    "sums_of",
    "surveys_of",
]

CUSTOMER: Final = "customer"
"""The respondent role whose answers are measured."""


def surveys_of(source: Pairing | Surveys) -> Surveys:
    """The surveys of a pairing, or those that stand alone."""
    return source if isinstance(source, Surveys) else source.surveys


def scale_of(source: Pairing | Surveys, score: str, *others: str) -> Scale:
    """The scale of a score.

    Parameters
    ----------
    source : Pairing or Surveys
    score : str
    others : str
        What else could have been asked for.

    Raises
    ------
    UnknownNameError
        There is no such score.
    NoScoreError
        The survey did not ask for it.
    """
    if score not in SCORES:
        known = (*SCORES, *others)
        near = ", ".join(nearest_names(score, known) or known)
        raise UnknownNameError(f"There is no score {score!r}. Expected one of: {near}.")
    scales = surveys_of(source).scales
    if score not in scales:
        there = ", ".join(scales) or "none"
        raise NoScoreError(
            f"The survey has no {score}. Scores that it has: {there}. Ask for one of them, or name the column"
            f" that holds it: [surveys.columns] {score} = …"
        )
    return scales[score]


def scored_pairs(pairing: Pairing, score: str) -> ir.Table:
    """The pairs whose customer gave a score: companions lived the contact too, but are analysed beside customers."""
    pairs = pairing.pairs
    return pairs.filter(pairs[score].notnull(), pairs["respondent_role"] == CUSTOMER)


def levels_of_few(pairing: Pairing, score: str, columns: Sequence[str]) -> dict[str, frozenset[str]]:
    """By column of the log: its levels, as text, of which fewer than five customers gave a score: not to be shown."""
    contacts = pairing.contacts
    named = [name for name in dict.fromkeys(columns) if contacts.has(name)]
    if not named:
        return {}
    persons = ["customer_id"] if contacts.has("customer_id") else []
    told = contacts.rows.semi_join(scored_pairs(pairing, score), "contact_id")
    levels = {f"level_{i}": told[name].cast("string").fill_null(MISSING) for i, name in enumerate(named)}
    answers = replace(contacts, rows=compute(pairing.session, told.select(*persons, **levels)))
    return {
        name: frozenset(str(level) for (level,) in groups_of_few(answers, [column]))
        for name, column in zip(named, levels, strict=True)
    }


def count_others(pairing: Pairing | Surveys, scores: Sequence[str], *, is_of_old: bool = False) -> int:
    """How many responses with any of these scores came from others than customers.

    With ``is_of_old`` only those about contacts that count in a rate.
    """
    scored = _scored(pairing, scores)
    if is_of_old and not isinstance(pairing, Surveys):
        scored = scored.filter(~pairing.is_untold(scored))
    return pairing.session.count(scored.filter(scored["respondent_role"] != CUSTOMER))


def given_answers(pairing: Pairing | Surveys, scores: Sequence[str], columns: Sequence[str]) -> ir.Table:
    """One row per response of a customer with any of some scores: these, and what is known of its contact.

    Parameters
    ----------
    pairing : Pairing or Surveys
    scores : sequence of str
    columns : sequence of str
        Columns of the contact log to group by, as ``key_0, key_1, …``; of the surveys, where these stand alone.

    Returns
    -------
    ibis.Table
        Materialised: the scores, ``contact_id, started_at, customer, key_0, …``. Who gave it is told by the survey's id
        or else by the log's; null where neither knows. ``started_at`` of surveys alone is when they were answered,
        else when they were sent.
    """
    scored = _scored(pairing, scores)
    given = scored.filter(scored["respondent_role"] == CUSTOMER)
    if isinstance(pairing, Surveys):
        at = ibis.coalesce(_own(given, pairing, "answered_at"), _own(given, pairing, "invited_at"))
        told = {"contact_id": _own(given, pairing, "contact_id"), "customer": _own(given, pairing, "customer_id")}
        return pairing.session.materialize(given.select(*scores, started_at=at, **told, **_keys(given, columns)))
    log = pairing.contacts
    keys = _keys(log.rows, columns)
    contacts = log.rows.select(
        "started_at", log_contact_id=log.rows["contact_id"], log_customer=log.value("customer_id"), **keys
    )
    given = given.select("contact_id", "customer_id", *scores)
    joined = given.left_join(contacts, [("contact_id", "log_contact_id")])
    customer = ibis.coalesce(joined["customer_id"], joined["log_customer"])
    return pairing.session.materialize(joined.select("contact_id", *scores, "started_at", *keys, customer=customer))


def answers_of(given: ir.Table, score: str, weights: ResponseWeights | None = None) -> ir.Table:
    """One row per answer of a customer: the score, when its contact began, who gave it, and the contact's groups.

    Parameters
    ----------
    given : ibis.Table
        Of :func:`given_answers`.
    score : str
    weights : ResponseWeights, optional
        Answers about contacts that have none (those that reached no agent) are left out.

    Returns
    -------
    ibis.Table
        ``score, weight, started_at, customer, key_0, …``; with weights also ``contact_id`` and the codes of the
        margins.
    """
    own = given.filter(given[score].notnull())
    told = {"score": own[score], "started_at": own["started_at"], "customer": own["customer"]}
    told |= {name: own[name] for name in own.columns if name.startswith("key_")}
    if weights is None:
        return own.select(weight=ibis.literal(1.0), **told)
    coded = weights.coded.select("contact_id", "weight", *(name for name, _ in weights.codes))
    return own.select("contact_id", **told).inner_join(coded, "contact_id")


def reached_by(pairing: Pairing, columns: Sequence[str]) -> ir.Table:
    """One row per contact that reached an agent, whose score is 1 where a customer's scored response is paired with it.

    A contact did not reach an agent if it is marked abandoned and nobody talked; one whose mark is missing counts.
    Contacts that are too young, or from before anybody was asked (:class:`AnswerLag`), are left out.

    Returns
    -------
    ibis.Table
        As of :func:`answers_of`, and ``contact_id``; the customer is the log's.
    """
    log = pairing.contacts
    keys = _keys(log.rows, columns)
    contacts = log.rows.filter(~never_reached(log), ~pairing.is_untold(log.rows)).select(
        "contact_id", "started_at", customer=log.value("customer_id"), **keys
    )
    scored = _scored(pairing, SCORES)
    answered = scored.filter(scored["respondent_role"] == CUSTOMER).select(answered_id="contact_id").distinct()
    joined = contacts.left_join(answered, [("contact_id", "answered_id")])
    is_answered = joined["answered_id"].notnull().cast("float64")
    return joined.select("contact_id", "started_at", "customer", *keys, score=is_answered, weight=ibis.literal(1.0))


def count_elsewhere(pairing: Pairing) -> int:
    """Scored responses of customers about contacts that :func:`reached_by` leaves out, since they reached no agent."""
    log, scored = pairing.contacts, _scored(pairing, SCORES)
    given = scored.filter(scored["respondent_role"] == CUSTOMER, ~pairing.is_untold(scored))
    return pairing.session.count(given.semi_join(log.rows.filter(never_reached(log)), "contact_id"))


def notes_on_untold(pairing: Pairing) -> tuple[str, ...]:
    """How many contacts :func:`reached_by` leaves out: more of them will yet be answered about, or nobody was asked."""
    lag, log = pairing.answer_lag, pairing.contacts
    if lag is None:
        return ()
    rows = log.rows.filter(~never_reached(log))
    started = rows["started_at"]
    counts = rows.aggregate(n_young=lag.is_young(started).sum(), n_early=lag.is_early(started).sum())
    found = pairing.session.collect(counts).to_pylist()[0]
    return lag.notes(found["n_young"] or 0, found["n_early"] or 0)


def answered_share(pairing: Pairing) -> float:
    """Share of the contacts with which any response is paired, of those whose silence means something."""
    log, pairs = pairing.contacts.rows, pairing.pairs
    old = log.filter(~pairing.is_untold(log))
    answered = pairs.filter(~pairing.is_untold(pairs))
    counts = (old.aggregate(n=old.count()), answered.aggregate(n=answered["contact_id"].nunique()))
    n, n_answered = (int(pairing.session.collect(one)["n"][0].as_py()) for one in counts)
    return n_answered / n if n else 0.0


def in_intervals(rows: ir.Table, pairing: Pairing | Surveys, interval: timedelta, name: str) -> ir.Table:
    """The rows with the number, counted from 1970, of the interval of the site's clock in which the contact began.

    Answers of surveys alone that have no time are in none, and left out.
    """
    rows = rows.filter(rows["started_at"].notnull())
    timezone = pairing.timezone if isinstance(pairing, Surveys) else pairing.contacts.timezone
    local = started_on_site(pairing.session, rows, timezone)
    return rows.mutate(**{name: local.epoch_seconds() // int(interval.total_seconds())})


def sums_of(
    rows: ir.Table, values: Sequence[Callable[[ir.NumericValue], ir.NumericValue]], keys: Sequence[str]
) -> ir.Table:
    """What :class:`ClusteredSums` asks for: a row for the whole (``is_whole``), and one per group.

    Parameters
    ----------
    rows : ibis.Table
        Of :func:`answers_of` or :func:`reached_by`. Rows whose customer is unknown are clusters of their own.
    values : sequence of callable
        From the score to the number x that one row contributes.
    keys : sequence of str
        Columns to group by; the whole only, if empty.

    Returns
    -------
    ibis.Table
        The fields of :class:`ClusteredSums`; those of the i-th value are called ``wx_i``, ``wxx_i``, …
    """
    w = rows["weight"]
    terms: dict[str, ir.NumericValue] = {"n": ibis.literal(1), "w": w}
    for i, value in enumerate(values):
        x = value(rows["score"])
        terms |= {f"wx_{i}": w * x, f"wxx_{i}": w * x * x}
    weighted = rows.select(*keys, "customer", **terms)
    known, alone = (weighted.filter(mask) for mask in (weighted["customer"].notnull(), weighted["customer"].isnull()))
    in_groups = _added(known, list(terms), [*keys, "customer"])
    in_all = _added(in_groups, list(terms), ["customer"])
    nowhere = {key: ibis.null(rows[key].type()) for key in keys}
    whole = _over_customers(_with(in_all, alone), list(terms), []).mutate(is_whole=True, **nowhere)
    if not keys:
        return whole
    groups = _over_customers(_with(in_groups, alone), list(terms), keys).mutate(is_whole=False)
    return whole.union(groups.select(*whole.columns))


def shared_customers(
    session: Session,
    rows: ir.Table,
    values: Sequence[Callable[[ir.NumericValue], ir.NumericValue]],
    keys: Sequence[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What customers who stand in two groups add to the covariance of the two groups' figures.

    Parameters
    ----------
    session : Session
    rows : ibis.Table
        Of :func:`answers_of` or :func:`reached_by`.
    values : sequence of callable
        As of :func:`sums_of`.
    keys : sequence of str
        Columns to group by.

    Returns
    -------
    pandas.DataFrame
        One row per group: ``group`` (a number), the keys, and the sums ``w, wx_0, …``.
    pandas.DataFrame
        One row per two groups that share customers: ``one, other`` and the sums over these customers of products of
        their sums in either group: ``ww``, and by value ``xx_i``, ``xw_i`` (x of the first), ``wx_i`` (x of the other).
    """
    terms = {"w": rows["weight"]} | {f"wx_{i}": rows["weight"] * value(rows["score"]) for i, value in enumerate(values)}
    number = ibis.dense_rank().over(order_by=[rows[key] for key in keys])
    coded = compute(session, rows.select(*keys, "customer", group=number, **terms))
    sums = exact_frame(session.collect(_added(coded, list(terms), [*keys, "group"]).order_by("group")))
    customers = compute(session, _added(coded.filter(coded["customer"].notnull()), list(terms), ["customer", "group"]))
    others = customers.view()
    is_pair = [customers["customer"] == others["customer"], customers["group"] < others["group"]]
    both = customers.inner_join(others, is_pair)
    products = {"ww": _exact(both["w"] * both["w_right"])}
    for i in range(len(values)):
        here, there = both[f"wx_{i}"], both[f"wx_{i}_right"]
        products |= {
            f"xx_{i}": _exact(here * there),
            f"xw_{i}": _exact(here * both["w_right"]),
            f"wx_{i}": _exact(both["w"] * there),
        }
    by = {"one": both["group"], "other": both["group_right"]}
    found = both.aggregate(by=by, **products).order_by("one", "other")
    return sums, session.collect(found).to_pandas()


def _scored(pairing: Pairing | Surveys, scores: Sequence[str]) -> ir.Table:
    pairs = pairing.rows if isinstance(pairing, Surveys) else pairing.pairs
    return pairs.filter(ibis.or_(*(pairs[score].notnull() for score in scores)))


def _own(rows: ir.Table, surveys: Surveys, name: str) -> ir.Value:
    """A column of the surveys' own rows, or a typed null."""
    return rows[name] if surveys.has(name) else surveys.value(name)


def _keys(rows: ir.Table, columns: Sequence[str]) -> dict[str, ir.Value]:
    return {f"key_{i}": rows[column] for i, column in enumerate(columns)}


def _added(rows: ir.Table, sums: Sequence[str], by: Sequence[str]) -> ir.Table:
    return rows.aggregate(**{name: _exact(rows[name]) for name in sums}, by=list(by))


def _exact(value: ir.NumericValue) -> ir.NumericScalar:
    return exact_sum(value, PER_ANSWER)


def _with(customers: ir.Table, alone: ir.Table) -> ir.Table:
    """Sums by customer, and below them the rows that stand alone."""
    return customers.union(
        alone.select(**{name: alone[name].cast(customers[name].type()) for name in customers.columns})
    )


def _over_customers(customers: ir.Table, sums: Sequence[str], keys: Sequence[str]) -> ir.Table:
    """From sums by customer to those by group, with the customers' squares and products."""
    w = customers["w"]
    total = {name: _exact(customers[name]) for name in sums}
    total |= {"n_clusters": customers.count(), "cluster_ww": _exact(w * w)}
    for name in sums:
        if name.startswith("wx_"):
            wx = customers[name]
            total |= {f"cluster_wxw{name[2:]}": _exact(wx * w), f"cluster_wxwx{name[2:]}": _exact(wx * wx)}
    return customers.aggregate(**total, by=list(keys))
