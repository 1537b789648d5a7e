"""What a reader needs to repeat a run and to trust it: counts, books, plan, versions and timings."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from cxfusion.delivery.directory import PRODUCT
from cxfusion.results.labels import LADDER
from cxfusion.results.schemas import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.checks.feed import FeedCheck
    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.measure import Measurement
    from cxfusion.tables.books import Books
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["bare_manifest", "log_manifest", "manifest_schema", "results_of", "study_manifest"]

PACKAGES: Final = ("cxfusion", "duckdb", "ibis-framework", "numpy", "pandas", "pyarrow", "scipy")


def manifest_schema() -> dict[str, Any]:
    """What every manifest keeps to, as a JSON Schema (draft 2020-12).

    Examples
    --------
    >>> manifest_schema()["title"]
    'cxfusion manifest'
    """
    text = files("cxfusion.delivery").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def bare_manifest() -> dict[str, Any]:
    """Who wrote this, and with which versions."""
    versions = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    return {"product": PRODUCT, "manifest_version": 1, "versions": versions}


def log_manifest(
    contacts: Contacts, books: Books, feed: FeedCheck | None, clock: Mapping[str, float]
) -> dict[str, Any]:
    """Of a contact log that was read alone, and of its checks where it got that far."""
    counts = {"contacts_read": contacts.n_read, "contacts_used": books.n("contacts", "used")}
    return _manifest(counts, books, _reading("contacts", contacts), feed, clock)


def study_manifest(
    pairing: Pairing, feed: FeedCheck | None, clock: Mapping[str, float], evidence: LeverEvidence | None
) -> dict[str, Any]:
    """Of a pairing, and of its checks and the evidence where it got that far."""
    contacts, surveys = pairing.contacts, pairing.surveys
    counts = {"contacts_read": contacts.n_read, "responses_read": surveys.n_read, "pairs": pairing.n_pairs}
    plan: dict[str, Any] = {"pairing": str(pairing.plan)}
    plan |= _reading("contacts", contacts) | _reading("surveys", surveys)
    if evidence is not None:
        of_answers = evidence.rungs["rung"].isin(LADDER)  # other designs count contacts
        counts["responses_in_models"] = int(evidence.rungs.loc[of_answers, "n"].max())
        plan |= {"outcome": evidence.spec.outcome, "levers": [lever.name for lever in evidence.spec.levers]}
    return _manifest(counts, pairing.books, plan, feed, clock)


def results_of(
    evidence: LeverEvidence, measurements: Mapping[str, Measurement], answered_share: float
) -> dict[str, Any]:
    """What a run found, in so few figures that the next can say what has changed."""
    outcome = evidence.spec.outcome
    score = evidence.spec.score
    headline = measurements.get(f"{score}_weighted") or measurements[score]
    row = headline.overall.iloc[0]
    figures = {name: rounded(float(row[name])) for name in ("estimate", "conf_low", "conf_high")}
    return {
        "outcome": outcome,
        "metric": str(row["metric"]),
        "unit": str(row["unit"]),
        **figures,
        "contacts_answered_share": rounded(answered_share),
        "verdicts": dict(zip(evidence.levers["lever"], evidence.levers["verdict"], strict=True)),
    }


def _manifest(
    counts: Mapping[str, int],
    books: Books,
    plan: Mapping[str, Any],
    feed: FeedCheck | None,
    clock: Mapping[str, float],
) -> dict[str, Any]:
    checked = {} if feed is None else {"checks": feed.table.to_dict(orient="records"), "feed": feed.profile}
    return {
        **bare_manifest(),
        "counts": dict(counts),
        "audit": books.audit.to_dict(orient="records"),
        "cells": books.cells.to_dict(orient="records"),
        **checked,
        "plan": dict(plan),
        "seconds": dict(clock),
    }


def _reading(name: str, table: Contacts | Surveys) -> dict[str, Any]:
    return {f"{name}_timezone": table.timezone, f"{name}_columns": dict(table.columns_from)}
