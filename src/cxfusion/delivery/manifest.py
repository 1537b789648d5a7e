"""What a reader needs to repeat a run and to trust it: counts, books, plan, versions and timings."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from cxfusion.delivery.directory import PRODUCT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.books import Books
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["bare_manifest", "log_manifest", "study_manifest"]

PACKAGES: Final = ("cxfusion", "duckdb", "ibis-framework", "numpy", "pandas", "pyarrow", "scipy")


def bare_manifest() -> dict[str, Any]:
    """Who wrote this, and with which versions."""
    versions = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    return {"product": PRODUCT, "manifest_version": 1, "versions": versions}


def log_manifest(contacts: Contacts, books: Books, clock: Mapping[str, float]) -> dict[str, Any]:
    """Of a contact log that was read alone."""
    counts = {"contacts_read": contacts.n_read, "contacts_used": books.n("contacts", "used")}
    return _manifest(counts, books, _reading("contacts", contacts), clock)


def study_manifest(pairing: Pairing, clock: Mapping[str, float], evidence: LeverEvidence | None) -> dict[str, Any]:
    """Of a pairing, and of the evidence where it got that far."""
    contacts, surveys = pairing.contacts, pairing.surveys
    counts = {"contacts_read": contacts.n_read, "responses_read": surveys.n_read, "pairs": pairing.n_pairs}
    plan: dict[str, Any] = {"pairing": str(pairing.plan)}
    plan |= _reading("contacts", contacts) | _reading("surveys", surveys)
    if evidence is not None:
        counts["responses_in_models"] = int(evidence.rungs["n"].max())
        plan |= {"outcome": evidence.spec.outcome, "levers": [lever.name for lever in evidence.spec.levers]}
    return _manifest(counts, pairing.books, plan, clock)


def _manifest(
    counts: Mapping[str, int], books: Books, plan: Mapping[str, Any], clock: Mapping[str, float]
) -> dict[str, Any]:
    return {
        **bare_manifest(),
        "counts": dict(counts),
        "audit": books.audit.to_dict(orient="records"),
        "cells": books.cells.to_dict(orient="records"),
        "plan": dict(plan),
        "seconds": dict(clock),
    }


def _reading(name: str, table: Contacts | Surveys) -> dict[str, Any]:
    return {f"{name}_timezone": table.timezone, f"{name}_columns": dict(table.columns_from)}
