"""What came before a contact is a lever too: it is looked up in the log where that reaches back far enough."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ibis

from cxfusion.evidence.catalogue import DEFAULT_LEVERS
from cxfusion.operations.episodes import HISTORY, EpisodePlan, with_some_history
from cxfusion.results.labels import lever_label
from cxfusion.tables.span import span_of

if TYPE_CHECKING:
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing

__all__ = ["look_back"]


def look_back(pairing: Pairing, spec: LeverSpec) -> tuple[Pairing, tuple[str, ...]]:
    """The pairing with the history that the spec's levers ask for, and what a reader should know about it.

    The catalogue's own levers are looked up only where enough of the pairs lie late enough in the log to be tested:
    it takes a sort of the whole log.
    """
    contacts = pairing.contacts
    missing = [lever for lever in spec.levers if lever.name in HISTORY and not contacts.has(lever.name)]
    if not missing or not contacts.has("customer_id"):
        return pairing, ()
    days = EpisodePlan().look_back_days
    share = _early_share(pairing)
    if share > spec.max_missing_share and all(lever in DEFAULT_LEVERS for lever in missing):
        names = " and ".join(lever_label(lever.name) for lever in missing)
        return pairing, (
            f"{names} cannot be tested: {share:.0%} of the paired contacts lie in the first {days:g} days of the log,"
            f" where what came before is unknown; at most {spec.max_missing_share:.0%} may. Read a longer period.",
        )
    return replace(pairing, contacts=with_some_history(contacts, [lever.name for lever in missing])), ()


def _early_share(pairing: Pairing) -> float:
    """Share of the pairs whose contact lies too early in the log to have a history."""
    pairs, session = pairing.pairs, pairing.session
    first = span_of(pairing.contacts).first
    if first is None:
        return 1.0
    is_early = pairs["started_at"] < ibis.literal(first + EpisodePlan().look_back)
    found = session.collect(pairs.aggregate(share=is_early.cast("float64").mean()))["share"][0].as_py()
    return 1.0 if found is None else float(found)
