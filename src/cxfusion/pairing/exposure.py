"""What a customer lived before a survey about the relationship: sums and worst of each metric over a window.

The exposures stand where contacts stand, one per response, so that everything that is asked of a pairing can be asked
of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import ibis

from cxfusion.errors import NothingPairedError
from cxfusion.pairing.candidates import ORDER, log_of, met, searches
from cxfusion.pairing.keys import EXPOSURE, keyed
from cxfusion.pairing.pair import pair_anew
from cxfusion.pairing.reasons import EXPOSED
from cxfusion.pairing.responses import asked
from cxfusion.pairing.result import require_pairing
from cxfusion.results.formats import count, duration_in_words
from cxfusion.tables.cells import is_number
from cxfusion.tables.relation import Contacts
from cxfusion.tables.sums import exact_sum

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import ibis.expr.types as ir

    from cxfusion.pairing.result import Pairing

__all__ = ["pair_relationship", "total_of", "worst_of"]

LAST: Final = ("agent_id", "queue", "channel", "reason", "direction")
"""What is told of the last contact alone."""


def total_of(name: str) -> str:
    """Name of a metric's sum over an exposure; of a flag, how many contacts had it.

    Examples
    --------
    >>> total_of("wait_seconds"), total_of("n_transfers"), total_of("is_abandoned")
    ('total_wait_seconds', 'n_total_transfers', 'n_abandoned')
    """
    if name.startswith("is_"):
        return f"n_{name.removeprefix('is_')}"
    return f"n_total_{name.removeprefix('n_')}" if name.startswith("n_") else f"total_{name}"


def worst_of(name: str) -> str:
    """Name of a metric's largest value over an exposure.

    Examples
    --------
    >>> worst_of("wait_seconds"), worst_of("n_transfers")
    ('worst_wait_seconds', 'n_worst_transfers')
    """
    return f"n_worst_{name.removeprefix('n_')}" if name.startswith("n_") else f"worst_{name}"


def pair_relationship(pairing: Pairing) -> Pairing:
    """The surveys about the relationship, each paired with all that its customer lived in the window before it.

    A pairing whose contacts are exposures: ``contacts`` has one row per response, with its id as ``contact_id``;
    ``n_contacts``; of each duration and count the sum (``total_wait_seconds``, ``n_total_transfers``) and the worst
    (``worst_wait_seconds``, ``n_worst_transfers``), of each flag how many contacts had it (``n_abandoned``);
    ``is_whole``, whether the log reaches back over the whole window; and agent, queue, channel, reason and times of the
    last contact. Measures and levers take it as they take any pairing.

    Parameters
    ----------
    pairing : Pairing
        Whose surveys say ``survey_level = relationship``; its plan's ``exposure`` is the window.

    Returns
    -------
    Pairing
        Of one row per response, whose contacts are the exposures.

    Raises
    ------
    NothingPairedError
        No response about the relationship could be joined with an exposure.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [
    ...     {"contact_id": str(i), "customer_id": "ann", "started_at": f"2026-01-0{i}", "wait_seconds": 10 * i}
    ...     for i in (5, 6, 7)
    ... ]
    >>> answers = [{"customer_id": "ann", "answered_at": "2026-01-08", "nps": 6, "survey_level": "relationship"}]
    >>> pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys(answers))
    >>> lived = cx.pair_relationship(pairing).contacts.to_pandas()
    >>> lived[["n_contacts", "total_wait_seconds", "worst_wait_seconds"]].values.tolist()
    [[3.0, 180.0, 70.0]]
    """
    require_pairing(pairing)
    if not pairing.n_exposures:
        raise NothingPairedError(
            "No survey about the relationship stands beside anything that its customer lived. Expected responses with"
            " survey_level = relationship, a customer that the log knows, and a time. Where the responses ended:",
            [f"{row.reason}: {row.n:,}" for row in pairing.audit.itertuples() if row.stage == "responses"],
        )
    rows = pairing.rows
    exposed = rows.filter(rows["reason"] == EXPOSED).select("response_id")
    answers = pairing.surveys.rows.semi_join(exposed, "response_id")
    answers = answers.drop("survey_level").mutate(contact_id=answers["response_id"])
    beside = pair_anew(pairing, answers, pairing.n_exposures, lambda: _exposures(pairing))
    return replace(beside, answer_lag=None)  # all that was lived here is answered about


def _exposures(pairing: Pairing) -> Contacts:
    contacts, plan, session = pairing.contacts, pairing.plan, pairing.session
    kinds = contacts.rows.schema().items()
    told = [name for name, kind in kinds if is_number(kind)]  # text may have such a name too
    numbers = [name for name in told if name.endswith("_seconds") or name.startswith(("n_", "is_"))]
    last = [name for name in LAST if contacts.has(name)]
    log = log_of(contacts, plan, (*numbers, *last), pairing.around)
    responses = keyed(asked(pairing.surveys), contacts, log, plan)
    exposed = pairing.rows.filter(pairing.rows["reason"] == EXPOSED)
    asking = searches(responses.semi_join(exposed, "response_id"), EXPOSURE, plan.exposure_window)
    lived = met(asking, log, plan.exposure_window)
    of_all = lived.aggregate(by="response_id", **_summed(lived, numbers), **_of_last(lived, last))
    start = _first_start(contacts)
    places = responses.select("response_id", source_file="response_file", source_row="response_row")
    beside = asking.inner_join(of_all, "response_id").inner_join(places, "response_id")
    exposures = beside.select(
        *(name for name in (*of_all.columns, "source_file", "source_row") if name != "response_id"),
        contact_id="response_id",
        customer_id="customer_id",
        is_whole=beside["earliest"] >= ibis.literal(start, beside["earliest"].type()),
    )
    exposures = session.materialize(exposures.order_by("contact_id"))
    n = pairing.n_exposures
    return Contacts(
        session=session,
        rows=exposures,
        n_read=n,
        set_aside=contacts.set_aside.filter(ibis.literal(False)),
        timezone=contacts.timezone,
        notes=tuple(_notes(pairing, exposures, n)),
    )


def _first_start(contacts: Contacts) -> datetime | None:
    """When the log begins, what lies before the period asked for included."""
    parts = [contacts.rows] if contacts.around is None else [contacts.rows, contacts.around]
    firsts = [contacts.session.collect(part.aggregate(first=part["started_at"].min())) for part in parts]
    known = [first for found in firsts if (first := found["first"][0].as_py()) is not None]
    return min(known, default=None)


def _summed(lived: ir.Table, numbers: Iterable[str]) -> dict[str, ir.Value]:
    """Contacts, and of every metric the sum and the worst over those that tell it."""
    sums: dict[str, ir.Value] = {"n_contacts": lived.count().cast("float64")}
    for name in numbers:
        level = lived[name].cast("float64")
        sums[total_of(name)] = exact_sum(level)
        if not name.startswith("is_"):
            sums[worst_of(name)] = level.max()
    return sums


def _of_last(lived: ir.Table, names: Iterable[str]) -> dict[str, ir.Value]:
    order = ibis.struct({name: lived[name] for name in ORDER})
    times = {name: lived[name].argmax(order) for name in ("started_at", "ended_at")}
    return times | {name: lived[name].argmax(order) for name in names}


def _notes(pairing: Pairing, exposures: ir.Table, n: int) -> Iterable[str]:
    window = duration_in_words(pairing.plan.exposure_window.total_seconds())
    yield f"{count(n)} answers about the relationship stand beside what their customers lived in the {window} before."
    n_partly = pairing.session.count(exposures.filter(~exposures["is_whole"]))
    if n_partly:
        yield f"For {count(n_partly)} of them the log does not reach back so far: they count what it knows."
