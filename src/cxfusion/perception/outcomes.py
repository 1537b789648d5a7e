"""What became of each survey that was sent, and response rates, in AAPOR's terms.

A known word about the answer outranks its score; a score outranks words that are not known, or tell of the delivery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.perception.answers import CUSTOMER
from cxfusion.perception.asked import disposition_key, is_sent
from cxfusion.results.grouping import TEXT

if TYPE_CHECKING:
    from cxfusion.pairing import Pairing

__all__ = ["aapor_rates", "outcomes_of"]

WORDS: Final = {
    "complete": "complete, completed, submitted, finished, done, answered, responded",
    "partial": "partial, partially complete, partially completed, incomplete, in progress, started",
    "refusal": "opt out, opted out, refusal, refused, declined, unsubscribed",
    "no contact": (
        "no answer, not answered, unanswered, no response, no reply, not responded, non response, sent, delivered,"
        " opened, clicked, pending, expired"
    ),
    "unknown": (
        "undelivered, undeliverable, not delivered, delivery failed, bounce, bounced, failed, invalid, error, unknown"
    ),
}
OUTCOMES: Final = {word.replace(" ", ""): outcome for outcome, words in WORDS.items() for word in words.split(", ")}
"""AAPOR's outcome of each disposition, by its key."""
UNDER_WAY: Final = ("sent", "delivered", "opened", "clicked", "pending", "expired")
"""Dispositions of the invitation, which say nothing against an answer that came."""


def outcomes_of(pairing: Pairing) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Surveys sent to customers by AAPOR outcome, and a note on dispositions that are not known.

    An answer that carries a score is complete unless a known word says otherwise of it. Words that are not known may be
    what a customer wrote: they are counted, and not told.
    """
    surveys = pairing.surveys
    if not surveys.has("disposition"):
        return pd.DataFrame({"outcome": pd.Series(dtype=TEXT), "n": pd.Series(dtype="int64")}), ()
    rows = surveys.rows.filter(surveys.rows["respondent_role"] == CUSTOMER, is_sent(surveys))
    told = rows.select(word=disposition_key(rows["disposition"]), has_score=rows["score_status"].isnull())
    found = pairing.session.collect(told.aggregate(by=["word", "has_score"], n=told.count())).to_pylist()
    counts, unread = dict.fromkeys(WORDS, 0), {True: 0, False: 0}
    for row in found:
        silent = "complete" if row["has_score"] else "unknown"
        gives_way = row["has_score"] and row["word"] in UNDER_WAY
        counts[silent if gives_way else OUTCOMES.get(row["word"], silent)] += int(row["n"])
        if row["word"] and row["word"] not in OUTCOMES:
            unread[row["has_score"]] += int(row["n"])
    return pd.DataFrame({"outcome": list(counts), "n": list(counts.values())}), _notes(unread)


def _notes(unread: dict[bool, int]) -> tuple[str, ...]:
    if not any(unread.values()):
        return ()
    return (
        f"surveys with a disposition that is not known: {unread[True]:,} with a score, taken for complete;"
        f" {unread[False]:,} without, taken for unknown. Expected words such as complete, partial, opt-out, no answer"
        " and undelivered",
    )


def aapor_rates(outcomes: pd.DataFrame, eligible_share: float) -> pd.DataFrame:
    """AAPOR's response rates 1 to 6: ``rate, estimate, status, reason``."""
    names = [f"RR{i}" for i in range(1, 7)]
    if outcomes.empty or not outcomes["n"].sum():
        reason = "the survey file keeps no dispositions: what became of each survey is not known"
        return pd.DataFrame({"rate": names, "estimate": np.nan, "status": "not_applicable", "reason": reason})
    n = dict(zip(outcomes["outcome"], outcomes["n"], strict=True))
    known = n["complete"] + n["partial"] + n["refusal"] + n["no contact"]
    below = [known + n["unknown"], known + eligible_share * n["unknown"], known]
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        above, denominator = n["complete"] + (n["partial"] if i % 2 else 0), below[i // 2]
        is_known = denominator > 0
        rows.append(
            {
                "rate": name,
                "estimate": above / denominator if is_known else np.nan,
                "status": "ok" if is_known else "not_applicable",
                "reason": None if is_known else "no survey of a known outcome",
            }
        )
    return pd.DataFrame(rows)
