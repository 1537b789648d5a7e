"""The main job on one page: pair → diagnose ∥ measure → evidence → study; a study becomes a report."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cxfusion.errors import NoScoreError, NothingPairedError, UnknownNameError
from cxfusion.evidence.fit import LeverEvidence, fit_levers
from cxfusion.evidence.spec import OUTCOMES, LeverSpec
from cxfusion.operations.diagnose import Diagnosis, diagnose
from cxfusion.pairing.pair import pair
from cxfusion.perception.measure import Measurement, measure
from cxfusion.results.base import Result

if TYPE_CHECKING:
    import pandas as pd

    from cxfusion.pairing.plan import PairingPlan
    from cxfusion.pairing.result import Pairing
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["OnStage", "Study", "fuse", "stage_clock", "study_of"]

OnStage: TypeAlias = Callable[[str, int | None], None]
"""Told the name of each stage as it begins, and how many rows it starts from, where that is known."""

GROUPINGS: Final = ("queue", "channel", "reason")
"""The first of these that the log has is the grouping of the page."""


@dataclass(frozen=True, eq=False)
class Study(Result):
    """Everything one run found. Holds numbers, plan and names only; pickles, and outlives its session.

    Attributes
    ----------
    evidence : LeverEvidence
    diagnosis : Diagnosis
    measurements : mapping of str to Measurement
        By score.
    audit, cells : pandas.DataFrame
        The pairing's books.
    notes : tuple of str
    manifest : mapping
        Counts, plan, versions and timings in seconds.
    """

    evidence: LeverEvidence
    diagnosis: Diagnosis
    measurements: Mapping[str, Measurement]
    audit: pd.DataFrame
    cells: pd.DataFrame
    notes: tuple[str, ...]
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def _frame(self) -> pd.DataFrame:
        return self.evidence.levers

    def _lines(self) -> list[str]:
        counts = self.manifest["counts"]
        head = (
            f"{counts['contacts_read']:,} contacts and {counts['responses_read']:,} responses read,"
            f" {counts['pairs']:,} paired"
        )
        return [head, "", *self.evidence.summary().splitlines(), "", *self.diagnosis.summary().splitlines()]

    def perception_rows(self) -> pd.DataFrame:
        """All measurements in the columns of ``perception.parquet``."""
        import pandas as pd

        return pd.concat([found.as_rows() for found in self.measurements.values()], ignore_index=True)

    def report(self, path: str | Path, *, title: str = "What moves our customers", subtitle: str = "") -> Path:
        """Write the study as one self-contained HTML page.

        Parameters
        ----------
        path : path
            File to write; its folder must exist.
        title, subtitle : str
            Of the page.
        """
        from cxfusion.report import ReportContent, render_report

        outcome = self.evidence.spec.outcome
        content = ReportContent(
            title=title,
            subtitle=subtitle or self._lines()[0],
            outcome=outcome,
            outcome_unit=OUTCOMES[outcome].unit,
            levers=self.evidence.levers,
            rungs=self.evidence.rungs,
            audit=self.audit,
            cells=self.cells,
            perception=self.perception_rows(),
            operations=self.diagnosis.as_rows(),
            notes=self.notes,
            manifest=self.manifest,
        )
        Path(path).write_text(render_report(content), encoding="utf-8")
        return Path(path)


def fuse(
    contacts: Contacts,
    surveys: Surveys,
    *,
    plan: PairingPlan | None = None,
    spec: LeverSpec | None = None,
    outcome: str | None = None,
    by: str | Sequence[str] | None = None,
    on_stage: OnStage | None = None,
) -> Study:
    """Do the whole job on two tables.

    Parameters
    ----------
    contacts, surveys : Contacts, Surveys
        Of one session.
    plan : PairingPlan, optional
    spec : LeverSpec, optional
    outcome : {"csat", "nps", "ces"}, optional
        The score to be moved; by default the first of these that the surveys have.
    by : str or list of str, optional
        Grouping of both halves; by default queue, channel or reason, whichever the log has first.
    on_stage : callable, optional
        Told each stage as it begins.

    Returns
    -------
    Study

    Raises
    ------
    NothingPairedError
        No response found its contact; the message counts why.
    CxfusionError
        As of :func:`pair`, :func:`diagnose`, :func:`measure` and :func:`fit_levers`.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> study = cx.fuse(centre.contacts, centre.surveys)
    >>> study.evidence.table[["lever", "verdict"]].head(2).values.tolist()
    [['wait_seconds', 'unclear'], ['hold_seconds', 'unclear']]
    """
    clock: dict[str, float] = {}
    with stage_clock(clock, on_stage, "pair", surveys.n_read):
        pairing = pair(contacts, surveys, plan)
    return study_of(pairing, spec=spec, outcome=outcome, by=by, on_stage=on_stage, clock=clock)


def study_of(
    pairing: Pairing,
    *,
    spec: LeverSpec | None = None,
    outcome: str | None = None,
    by: str | Sequence[str] | None = None,
    on_stage: OnStage | None = None,
    clock: dict[str, float] | None = None,
) -> Study:
    """The study of a pairing that is already made; parameters as of :func:`fuse`."""
    clock = {} if clock is None else clock
    if pairing.n_pairs == 0:
        raise NothingPairedError(
            "No response could be paired with a contact, so nothing can be said about levers. Expected a key that both"
            " tables share; where the responses ended:",
            [f"{row.reason}: {row.n:,}" for row in pairing.audit.itertuples() if row.stage == "responses"],
        )
    spec = replace(spec or LeverSpec(), outcome=_outcome(pairing, outcome or (spec.outcome if spec else None)))
    grouping = _grouping(pairing, by)
    with stage_clock(clock, on_stage, "diagnose", pairing.contacts.n_read):
        diagnosis = diagnose(pairing.contacts, by=grouping)
    with stage_clock(clock, on_stage, "measure", pairing.n_pairs):
        measurements = {score: measure(pairing, score, by=grouping) for score in pairing.surveys.scales}
    with stage_clock(clock, on_stage, "fit levers", pairing.n_pairs):
        evidence = fit_levers(pairing, spec=spec)
    notes = (*pairing.contacts.notes, *pairing.surveys.notes, *evidence.notes)
    return Study(
        evidence=evidence,
        diagnosis=diagnosis,
        measurements=measurements,
        audit=pairing.audit,
        cells=pairing.cells,
        notes=tuple(dict.fromkeys(notes)),
        manifest=manifest_of(pairing, clock, evidence=evidence),
    )


@contextmanager
def stage_clock(clock: dict[str, float], on_stage: OnStage | None, name: str, n: int | None = None) -> Iterator[None]:
    """Announce a stage and note how long it took."""
    if on_stage is not None:
        on_stage(name, n)
    began = time.perf_counter()
    yield
    clock[name] = round(time.perf_counter() - began, 3)


def manifest_of(pairing: Pairing, clock: Mapping[str, float], *, evidence: LeverEvidence | None) -> dict[str, Any]:
    """What a reader needs to repeat a run and to trust it."""
    contacts, surveys = pairing.contacts, pairing.surveys
    counts = {"contacts_read": contacts.n_read, "responses_read": surveys.n_read, "pairs": pairing.n_pairs}
    plan: dict[str, Any] = {"pairing": str(pairing.plan), "contacts_timezone": contacts.timezone}
    plan |= {"surveys_timezone": surveys.timezone}
    plan |= {"contacts_columns": dict(contacts.columns_from), "surveys_columns": dict(surveys.columns_from)}
    if evidence is not None:
        counts["responses_in_models"] = int(evidence.rungs["n"].max())
        plan |= {"outcome": evidence.spec.outcome, "levers": [lever.name for lever in evidence.spec.levers]}
    return {
        "product": "cxfusion",
        "manifest_version": 1,
        "counts": counts,
        "audit": pairing.audit.to_dict(orient="records"),
        "cells": pairing.cells.to_dict(orient="records"),
        "plan": plan,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "seconds": dict(clock),
    }


PACKAGES: Final = ("cxfusion", "duckdb", "ibis-framework", "numpy", "pandas", "pyarrow", "scipy")


def _outcome(pairing: Pairing, outcome: str | None) -> str:
    """The score asked for, else the first that the surveys have."""
    present = [name for name in OUTCOMES if name in pairing.surveys.scales]
    if not present:
        raise NoScoreError(f"The surveys have no score. Expected at least one of: {', '.join(OUTCOMES)}.")
    wanted = outcome or present[0]
    if wanted not in present:
        raise UnknownNameError(
            f"The surveys have no {wanted!r} score. They have: {', '.join(present)}; ask for one of these, or map a"
            f" column to {wanted}."
        )
    return wanted


def _grouping(pairing: Pairing, by: str | Sequence[str] | None) -> str | Sequence[str] | None:
    if by is not None:
        return by
    return next((name for name in GROUPINGS if pairing.contacts.has(name)), None)
