"""What evaluators heard in contacts (QA behaviours), joined to them by their id: one column per item of the form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.errors import InputError
from cxfusion.tables.cells import clean_id
from cxfusion.tables.headings import part_of_name
from cxfusion.tables.opening import open_source
from cxfusion.tables.pseudonyms import require_pseudonyms
from cxfusion.tables.relation import require_contacts
from cxfusion.tables.steps import compute
from cxfusion.tables.sums import PER_ANSWER, exact_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.opening import Data
    from cxfusion.tables.pseudonyms import Pseudonyms
    from cxfusion.tables.relation import Contacts

__all__ = ["Behaviour", "add_evaluations"]

NEEDED: Final = ("contact_id", "item", "score")
YES: Final = ("yes", "true")
NO: Final = ("no", "false")
MOST_ITEMS: Final = 50


@dataclass(frozen=True)
class Behaviour:
    """One item of an evaluation form, and the column of the log that holds it.

    Attributes
    ----------
    column : str
        ``is_qa_…`` for what was seen or not, ``qa_…`` for what has marks.
    item : str
        As evaluators know it.
    low, high : float
        Marks that were given.
    """

    column: str
    item: str
    low: float
    high: float

    @property
    def is_flag(self) -> bool:
        """Whether it was seen or not."""
        return self.column.startswith("is_")


def add_evaluations(contacts: Contacts, evaluations: Data, *, pseudonyms: Pseudonyms | None = None) -> Contacts:
    """The same contacts with what evaluators heard in them, person or machine.

    Parameters
    ----------
    contacts : Contacts
    evaluations : path, frame or list of dict
        One row per contact and item of the form: ``contact_id``, ``item`` (such as ``Greeted by name``) and ``score``,
        a number, or yes and no. Of several evaluations of one contact the mean counts; of yes and no, what most said,
        and yes where they are even.
    pseudonyms : Pseudonyms, optional
        Those that the contacts were read with: where their ids are hidden, so are those of the evaluations.

    Returns
    -------
    Contacts
        With one more column per item: ``is_qa_greeted_by_name``, 0 or 1, where all scores are yes or no or 0 and 1;
        else ``qa_…`` with the mark; missing where nobody listened. :func:`behaviour_levers` names them as levers. The
        notes say what was read and what was left out.

    Raises
    ------
    InputError
        A column is missing, no row could be used, two items make one column name, or there are more than 50 items.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [{"contact_id": "a", "started_at": "2026-01-05 09:00"}, {"contact_id": "b", "started_at": "2026-01-06"}]
    >>> heard = [{"contact_id": "a", "item": "Greeted by name", "score": "yes"}]
    >>> cx.add_evaluations(cx.read_contacts(calls), heard).to_pandas()["is_qa_greeted_by_name"].tolist()
    [1.0, nan]
    """
    require_contacts(contacts)
    require_pseudonyms(pseudonyms)
    session = contacts.session
    is_hidden = "contact_id" in (contacts.private or ())
    rows = session.materialize(_read(session, evaluations, pseudonyms if is_hidden else None))
    used = session.materialize(rows.filter(rows["score"].notnull() & rows["item"].notnull()))
    known = session.materialize(used.semi_join(contacts.rows.select("contact_id"), "contact_id"))
    n_read, n_used, n_known = (session.count(table) for table in (rows, used, known))
    if not n_known:
        raise InputError(
            "No evaluation could be used. Expected rows whose contact_id is one of the log and whose score is a number,"
            f" or yes or no; of {n_read:,} rows {n_used:,} have an item and such a score, and none of these a contact."
        )
    behaviours = _behaviours(session, known, contacts.columns)
    scores = {one.column: _score_of(known, one) for one in behaviours}
    wide = session.materialize(known.group_by("contact_id").aggregate(**scores))
    joined = contacts.rows.left_join(wide, "contact_id").select(*contacts.rows.columns, *scores)
    told = f"{n_known:,} evaluations of {session.count(wide):,} contacts by {len(behaviours)} items"
    if n_read > n_known:
        told += (
            f"; left out: {n_read - n_used:,} without an item or a score, {n_used - n_known:,} of no contact of the log"
        )
    return replace(
        contacts,
        rows=compute(session, joined),
        behaviours=(*contacts.behaviours, *behaviours),
        notes=(*contacts.notes, f"{told}."),
    )


def _read(session: Session, evaluations: Data, hidden_by: Pseudonyms | None) -> ir.Table:
    """``contact_id`` as in the log, ``item`` as text, ``score`` as a number; missing where it is no such score."""
    table = session.read(open_source(evaluations))
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        there = [name for name in table.columns if not name.startswith("source_")]
        raise InputError(
            f"The evaluations have no {' and no '.join(missing)}. Expected one row per contact and item with"
            f" {', '.join(NEEDED)}; they have: {', '.join(there)}."
        )
    contact = clean_id(table["contact_id"])
    item = table["item"].cast("string").strip()
    score = table["score"]
    number = score.cast("float64") if not score.type().is_string() else _number(score.strip().lower())
    finite = ibis.ifelse(number.abs() < float("inf"), number, ibis.null("float64"))
    contact = hidden_by.hashed(contact) if hidden_by else contact
    return table.select(contact_id=contact, item=item.nullif(""), score=finite)


def _number(text: ir.StringValue) -> ir.FloatingValue:
    said = text.cases(*((word, 1.0) for word in YES), *((word, 0.0) for word in NO), else_=None)
    return said.cast("float64").coalesce(text.try_cast("float64"))


def _behaviours(session: Session, known: ir.Table, taken: Collection[str]) -> tuple[Behaviour, ...]:
    """The items in their order, each with a column of its own."""
    marks = known["score"]
    facts = known.group_by("item").aggregate(
        low=marks.min(), high=marks.max(), others=((marks != 0) & (marks != 1)).sum()
    )
    found = session.collect(facts.order_by("item")).to_pylist()
    behaviours = tuple(
        Behaviour(_column(row["item"], is_flag=not row["others"]), row["item"], float(row["low"]), float(row["high"]))
        for row in found
    )
    names = [one.column for one in behaviours]
    problems = [
        f"{one.item!r} would be the column {one.column}, which is there already"
        for one in behaviours
        if names.count(one.column) > 1 or one.column in taken or one.column in ("qa_", "is_qa_")
    ]
    if len(behaviours) > MOST_ITEMS:
        problems = [f"there are {len(behaviours):,} items, the first of them {behaviours[0].item!r}"]
    if problems:
        raise InputError(
            f"The items of the evaluations cannot be columns. Expected at most {MOST_ITEMS} items of a form, with names"
            " that differ in more than signs and letter case.",
            problems,
        )
    return behaviours


def _column(item: str, *, is_flag: bool) -> str:
    """Column of an item: ``Greeted by name?`` is ``is_qa_greeted_by_name``."""
    return f"is_qa_{part_of_name(item)}" if is_flag else f"qa_{part_of_name(item)}"


def _score_of(known: ir.Table, one: Behaviour) -> ir.FloatingScalar:
    """What a contact got on an item: the mean of its evaluations; seen or not by the majority."""
    mean = exact_mean(known["score"], PER_ANSWER, where=known["item"] == one.item)
    return (mean >= 0.5).cast("float64") if one.is_flag else mean
