"""What a reading sets aside: bad cells whose rows stay, and rows that cannot stay, each with its reason.

Rows in = rows kept + rows set aside + rows outside the period asked for, or reading fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import ibis

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import BooksError
from cxfusion.tables.period import nothing_within
from cxfusion.tables.pseudonyms import may_tell_a_person
from cxfusion.tables.steps import ask, compute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.tables.reading import Reading, Remark

__all__ = ["Faults", "Rules", "SortedRows", "Values", "sort_rows"]

PLACE: Final = (SOURCE_FILE, SOURCE_ROW)
SECOND_COPY: Final = {"contacts": "duplicate_contact", "surveys": "duplicate_response", "legs": "redelivery"}
AS_WRITTEN: Final = ("unreadable_record", "not_a_record", "not_a_number", "not_a_flag", "unreadable_time")
"""Reasons whose original is text that could say anything: it is withheld where persons are pseudonymised. All others
are of numbers, of which only the long ones are."""
STATUS: Final = "cx:status"
FINE, BAD_CELLS, UNUSABLE = 0, 1, 2

Values: TypeAlias = "dict[str, ir.Value]"
Faults: TypeAlias = "Mapping[str, ir.BooleanValue]"
Mark: TypeAlias = "tuple[Remark, str]"
"""A remark and the column that it is about."""


@dataclass(frozen=True)
class Rules:
    """What becomes of a table's rows.

    Attributes
    ----------
    values : callable
        Reading to the columns of the rows kept.
    faults : callable
        Reading to reasons, and whether each keeps a row from staying; the first that applies is told.
    key : str
        Column whose values are unique among the rows kept.
    better : callable
        Order in which copies of a key are preferred, before their order in the source.
    """

    values: Callable[[Reading], Values]
    faults: Callable[[Reading], Faults]
    key: str
    better: Callable[[ir.Table], Sequence[ir.Value]] = lambda _: ()


@dataclass(frozen=True)
class SortedRows:
    """The rows of a source, sorted.

    Attributes
    ----------
    kept, set_aside : ibis.Table
    n_outside : int
        Rows outside the period.
    remarked : mapping of Remark to (mapping of str to int)
        What was noticed of cells that were read, to column, to how many; those that the map declares to mean "missing"
        among them.
    """

    kept: ir.Table
    set_aside: ir.Table
    n_outside: int
    remarked: Mapping[str, Mapping[str, int]]


def sort_rows(reading: Reading, rules: Rules) -> SortedRows:
    """Compute the rows, and set aside what cannot be used.

    One pass over the source computes all rows with a mark on those that have something bad; only these are looked
    up in the source again, for what was wrong with them.

    Raises
    ------
    EmptyTableError
        No row lies within the period.
    BooksError
        Rows kept, rows set aside and rows outside the period do not add up to the rows read.
    """
    session = reading.session
    n_outside = _count_outside(reading)
    marks = {
        (remark, name): f"cx:{remark}:{i}"
        for remark, columns in reading.remarks().items()
        for i, name in enumerate(columns)
    }
    whole = compute(session, _whole(reading, rules, marks))
    status = whole[STATUS]
    facts = {"n": whole.count(), "n_bad": (status > FINE).sum(), "n_unusable": (status == UNUSABLE).sum()}
    found = ask(session, whole, facts | {mark: whole[mark].sum() for mark in marks.values()})
    kept = (whole.filter(status < UNUSABLE) if found["n_unusable"] else whole).drop(STATUS, *marks.values())
    bad = _bad_cells_and_rows(reading, rules, whole) if found["n_bad"] else _nothing(whole)
    repeated = compute(session, kept.group_by(rules.key).having(kept.count() > 1).aggregate())
    if session.count(repeated):
        copies = compute(session, _second_copies(kept, repeated, rules))
        kept = compute(session, kept.filter(~_place(kept).isin(_place(copies))))  # unlike a join, keeps their order
        bad = bad.union(_listed(reading, copies, None, SECOND_COPY[reading.section], copies[rules.key]))
    set_aside = compute(session, bad.order_by([*PLACE, "column"]))
    _check_books(reading, kept, set_aside, n_outside)
    return SortedRows(kept, set_aside, n_outside, _remarked(marks, found))


def _remarked(marks: Mapping[Mark, str], found: Mapping[str, int | None]) -> dict[str, dict[str, int]]:
    remarked: dict[str, dict[str, int]] = {}
    for (remark, name), mark in marks.items():
        if n := found[mark]:
            remarked.setdefault(remark, {})[name] = int(n)
    return remarked


def _count_outside(reading: Reading) -> int:
    if reading.period is None:
        return 0
    start = reading.get("started_at")
    facts = {"n": reading.period.is_outside(start).sum(), "first": start.min(), "last": start.max()}
    found = ask(reading.session, reading.staged, facts)
    if found["n"] == reading.look.n_rows:
        raise nothing_within(reading.n_rows, found["first"], found["last"])
    return int(found["n"] or 0) + reading.n_far


def _whole(reading: Reading, rules: Rules, marks: Mapping[Mark, str]) -> ir.Table:
    """All rows of the period as they would be kept, and whether they have something bad."""
    reading = reading.nearby()
    rows = reading.staged
    if reading.period is not None:
        rows = rows.filter(~reading.period.is_outside(reading.get("started_at")))
    is_unusable = ibis.or_(*rules.faults(reading).values())
    has_bad_cells = ibis.or_(
        ibis.literal(False), *(reading.get(name, "reason").notnull() for name in _failing(reading))
    )
    status = ibis.cases((is_unusable, UNUSABLE), (has_bad_cells, BAD_CELLS), else_=FINE).cast("int8")
    remarks = reading.remarks()
    remarked = {mark: remarks[remark][name] for (remark, name), mark in marks.items()}
    places = {name: reading.staged[name] for name in PLACE}
    return rows.select(**rules.values(reading), **places, **{STATUS: status}, **remarked)


def _failing(reading: Reading) -> list[str]:
    return [recipe.name for recipe in reading.recipes if recipe.can_fail]


def _bad_cells_and_rows(reading: Reading, rules: Rules, whole: ir.Table) -> ir.Table:
    """What was wrong with the rows that have something bad, from the source."""
    places = whole.filter(whole[STATUS] > FINE).select(*PLACE)
    reading = reading.among(reading.source.semi_join(places, list(PLACE)))
    faults = rules.faults(reading)
    row_reason = ibis.cases(*((is_bad, reason) for reason, is_bad in faults.items()), else_=ibis.null("string"))
    told: dict[str, ir.Value] = {"row_reason": row_reason, "row_original": rules.values(reading)[rules.key]}
    for i, name in enumerate(_failing(reading)):
        told |= {
            f"reason_{i}": reading.get(name, "reason"),
            f"original_{i}": reading.get(name, "original").cast("string"),
        }
    few = compute(reading.session, reading.staged.select(*PLACE, **told))
    lists = [_listed(reading, few, None, few["row_reason"], few["row_original"])]
    for i, name in enumerate(_failing(reading)):
        lists.append(_listed(reading, few, name, few[f"reason_{i}"], few[f"original_{i}"]))
    return ibis.union(*lists)


def _nothing(whole: ir.Table) -> ir.Table:
    texts = dict.fromkeys(["stage", "column", "reason", "original"], ibis.null("string"))
    return whole.limit(0).select(*PLACE, **texts)


def _listed(
    reading: Reading, rows: ir.Table, column: str | None, reason: ir.Value | str, original: ir.Value
) -> ir.Table:
    told = ibis.literal(reason) if isinstance(reason, str) else reason
    if reading.pseudonyms is not None:
        may_tell = told.isin(AS_WRITTEN)
        if column is not None:  # the original of a row is its id, by which it is known
            may_tell = may_tell | may_tell_a_person(original.cast("string"))
        original = ibis.ifelse(may_tell, ibis.null("string"), original)
    listed = rows.select(
        *PLACE,
        stage=ibis.literal(reading.section),
        column=ibis.null("string") if column is None else ibis.literal(column),
        reason=told,
        original=original,
    )
    return listed.filter(listed["reason"].notnull())


def _second_copies(rows: ir.Table, repeated: ir.Table, rules: Rules) -> ir.Table:
    """Rows whose key an earlier or better row has, among those whose key repeats."""
    key = rules.key
    copies = rows.semi_join(repeated, key)
    order = ibis.window(group_by=key, order_by=[*rules.better(copies), *(copies[name] for name in PLACE)])
    ranked = copies.mutate(rank=ibis.row_number().over(order))
    return ranked.filter(ranked["rank"] > 0).select(key, *PLACE)


def _place(rows: ir.Table) -> ir.StructValue:
    return ibis.struct({name: rows[name] for name in PLACE})


def _check_books(reading: Reading, kept: ir.Table, set_aside: ir.Table, n_outside: int) -> None:
    n_kept = ask(reading.session, kept, {"n": kept.count()})["n"]
    n_aside = ask(reading.session, set_aside, {"n": set_aside["column"].isnull().sum()})["n"] or 0
    if n_kept + n_aside + n_outside != reading.n_rows:
        raise BooksError(
            f"Reading the {reading.section}: {reading.n_rows:,} rows were read, but {n_kept:,} kept,"
            f" {n_aside:,} set aside and {n_outside:,} found outside the period. Please report this, with the reasons"
            " in set_aside."
        )
