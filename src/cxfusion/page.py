"""A study as others take it along: one page, its pictures for slides, its tables as a workbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cxfusion.decisions.steps import in_steps
from cxfusion.decisions.what_if import TOGETHER
from cxfusion.evidence.cluster_facts import who_is_compared
from cxfusion.evidence.spec import OUTCOMES
from cxfusion.perception.weights import EVERYONE
from cxfusion.report.content import ReportContent
from cxfusion.report.what_if import WhatIfForm

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.study import Study

__all__ = ["content_of", "sheets_of", "words_of"]


def words_of(study: Study, labels: Mapping[str, str] | None) -> dict[str, str]:
    """The names that the levers were given, and the user's own words before them."""
    return study.evidence.spec.labels | dict(labels or {})


def content_of(study: Study, labels: Mapping[str, str] | None, **asked: Any) -> ReportContent:
    """Everything that the page shows of a study.

    Parameters
    ----------
    study : Study
    labels : mapping of str to str, optional
    **asked
        Title, subtitle, period, details, language: as of :class:`ReportContent`.
    """
    evidence = study.evidence
    outcome = evidence.spec.outcome
    return ReportContent(
        outcome=outcome,
        outcome_unit=OUTCOMES[outcome].unit,
        levers=evidence.levers,
        rungs=evidence.rungs,
        audit=study.audit,
        cells=study.cells,
        perception=study.perception_rows(),
        operations=study.diagnosis.as_rows(),
        notes=study.notes,
        decomposition=evidence.decomposition,
        associations=evidence.associations,
        checks=study.feed.table,
        offers=study.offers,
        decisions=study.decisions,
        sources=study.sources.table,
        followed=study.followed,
        manifest=study.manifest,
        balance=study.balance,
        what_if=_what_if(evidence),
        who=who_is_compared(evidence.clusters),
        conf_level=evidence.spec.conf_level,
        labels=words_of(study, labels),
        is_everyone_heard=EVERYONE in evidence.notes,
        **asked,
    )


def _what_if(evidence: LeverEvidence) -> WhatIfForm | None:
    """For the sliders; None where no lever has a model, or one that nobody can say how sure it is."""
    population = evidence.population
    if population is None or not np.isfinite(population.covariance).all():
        return None
    return WhatIfForm(population.to_plain(), in_steps(evidence))


def sheets_of(study: Study) -> dict[str, pd.DataFrame]:
    """The tables of a study by the name of their sheet; counts and estimates, no row of a person."""
    told = study.feed.table.drop(columns="examples", errors="ignore")
    steps = in_steps(study.evidence)
    return {
        "Levers": study.evidence.levers,
        "Comparisons": study.evidence.rungs,
        "What if": steps.assign(lever=steps["lever"].replace("", TOGETHER)),
        "Decisions": study.decisions.as_rows(),
        "Scores": study.perception_rows(),
        "Operations": study.operations_rows(),
        "Sources": study.sources.table,
        "Pairing": study.audit,
        "Cells": study.cells,
        "Checks": told,
    }
