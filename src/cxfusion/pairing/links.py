"""How far links can be trusted: how often a key finds the contact that an answer names, and which others it met."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import ibis
import pandas as pd

from cxfusion.pairing.candidates import log_of, met, named, searches
from cxfusion.pairing.cases import last_of_cases, places_in_cases
from cxfusion.pairing.choice import last_contacts
from cxfusion.pairing.keys import ASKED, keyed
from cxfusion.pairing.reasons import PAIRED
from cxfusion.pairing.responses import asked
from cxfusion.results.base import Result
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ibis.expr.types as ir

    from cxfusion.pairing.plan import PairingPlan
    from cxfusion.pairing.result import Pairing

__all__ = ["GUESSED", "LinkCheck", "check_links", "other_candidates"]

GuessedKey: TypeAlias = Literal["case_id", "customer_id"]

GUESSED: Final[dict[GuessedKey, str]] = {"case_id": "paired_case_id", "customer_id": "paired_window"}
"""Keys by which several contacts may be meant, and the reason of pairs that were found by them."""
MOST_CANDIDATES: Final = 1_000
COLUMNS: Final = (
    "key", "candidates", "n", "n_correct", "estimate", "conf_low", "conf_high", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class LinkCheck(Result):
    """How often a key finds the very contact that an answer names itself: its id was hidden, and it was paired again.

    Attributes
    ----------
    links : pandas.DataFrame
        ``key`` (``case_id``, ``customer_id``), ``candidates`` (``none``, ``one``, ``several`` that the key left), ``n``
        answers with both keys, ``n_correct``, ``estimate`` (share of right links), ``conf_low, conf_high`` (Wilson),
        ``status, reason``.
    """

    links: pd.DataFrame

    @property
    def _frame(self) -> pd.DataFrame:
        return self.links

    def _lines(self) -> list[str]:
        n = int(self.links["n"].sum())
        head = f"{n:,} answers name their contact and could be paired by another key as well"
        shown = self.links[self.links["status"] == "ok"]
        return [head, *(_line(row) for row in shown.itertuples())]

    def probability(self, key: GuessedKey, fewest: int = 1) -> float | None:
        """Share of right links among pairs by a key that left a choice; None with fewer than so many of them."""
        links = self.links
        here = links[(links["key"] == key) & (links["candidates"] == "several") & (links["n"] >= fewest)]
        return None if here.empty else float(here["estimate"].iloc[0])


def _line(row: Any) -> str:
    of = "candidates" if row.candidates == "several" else "candidate"
    return f"  by {row.key}, {row.candidates} {of}: {row.estimate:.1%} of {row.n:,} right"


def check_links(pairing: Pairing) -> LinkCheck:
    """Pair the answers that name their contact again, by their case and by their customer alone.

    Whether the plan used these ids makes no difference. What the check says holds for the other answers as far as
    they are like these.
    """
    session, contacts = pairing.session, pairing.contacts
    log = log_of(contacts, pairing.plan, around=pairing.around)
    by_id: PairingPlan = replace(pairing.plan, by=("leg_id", "contact_id"))
    responses = keyed(asked(pairing.surveys), contacts, log, by_id)
    truth = named(responses, log)
    truth = truth.filter(truth["n_candidates"] > 0).select("response_id", true_contact_id="contact_id")
    told = session.materialize(responses.inner_join(truth, "response_id"))
    rows = [row for key in GUESSED for row in _counted(pairing, told, log, key)]
    return LinkCheck(pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": "int64", "n_correct": "int64"}))


def _counted(pairing: Pairing, told: ir.Table, log: ir.Table, key: GuessedKey) -> Iterator[dict[str, object]]:
    session, window = pairing.session, pairing.plan.window
    hidden = told.filter(told[ASKED[key]].notnull(), told["anchor_at"].notnull()).mutate(key=ibis.literal(key))
    if key == "case_id":
        found = last_of_cases(session, hidden, log)
    else:
        found = last_contacts(searches(hidden, key, window), log, window)
    beside = hidden.select("response_id", "true_contact_id").left_join(found, "response_id")
    n = beside["n_candidates"].fill_null(0)
    rows = beside.select(
        candidates=ibis.cases((n == 0, "none"), (n == 1, "one"), else_="several"),
        is_right=(beside["contact_id"] == beside["true_contact_id"]).fill_null(False),
    )
    counts = session.collect(rows.aggregate(by="candidates", n=rows.count(), n_correct=rows["is_right"].sum()))
    for row in counts.sort_by("candidates").to_pylist():
        yield _share(key, row["candidates"], row["n"], row["n_correct"])


def _share(key: str, candidates: str, n: int, n_correct: int) -> dict[str, object]:
    from scipy.stats import binomtest

    row = {"key": key, "candidates": candidates, "n": n, "n_correct": n_correct}
    if candidates == "none":
        return {**row, "status": "not_applicable", "reason": "the key finds no contact for them"}
    interval = binomtest(n_correct, n).proportion_ci(0.95, method="wilson")
    return {**row, "estimate": n_correct / n, "conf_low": interval.low, "conf_high": interval.high, "status": "ok"}


def other_candidates(pairing: Pairing) -> ir.Table:
    """The contacts that a doubtful pair could have been made with instead: ``response_id, reason, contact_id``.

    An id that so many contacts share that no response can be meant to be about one of them (``MOST_CANDIDATES``) is
    left out: it is a placeholder, and would cost the square of its rows.
    """
    plan, contacts = pairing.plan, pairing.contacts
    pairs = pairing.pairs
    doubtful = pairs.filter(pairs["n_candidates"].between(2, MOST_CANDIDATES)).select(
        "response_id", "reason", "n_candidates", chosen="contact_id"
    )
    log = log_of(contacts, plan, around=pairing.around)
    responses = keyed(asked(pairing.surveys), contacts, log, plan)
    responses = compute(pairing.session, responses.semi_join(doubtful, "response_id"))
    eligible = log.filter(log["is_eligible"])
    in_window = met(searches(responses, "customer_id", plan.window), eligible, plan.window)
    placed = places_in_cases(responses, log)
    of_case = placed.filter(placed["place"].notnull()).inner_join(
        responses.filter(responses["key"] == "case_id").select("response_id", "asked_case_id"),
        [("case_id", "asked_case_id")],
    )
    of_case = of_case.inner_join(doubtful.select("response_id", "n_candidates"), "response_id")
    before = of_case.filter(of_case["place"] <= of_case["n_candidates"])
    all_met = ibis.union(in_window.select("response_id", "contact_id"), before.select("response_id", "contact_id"))
    others = all_met.inner_join(doubtful, "response_id")
    return pairing.session.materialize(
        others.filter(others["contact_id"] != others["chosen"], others["reason"].isin(PAIRED)).select(
            "response_id", "reason", "contact_id"
        )
    )
