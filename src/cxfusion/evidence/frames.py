"""The tables of the evidence, made from the ladder and the verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from cxfusion.evidence.checks import CHECK_COLUMNS
from cxfusion.evidence.decomposition import DECOMPOSITION_COLUMNS
from cxfusion.evidence.ladder import RUNGS, Ladder, RungEstimate
from cxfusion.evidence.robustness import SENSITIVITY_COLUMNS
from cxfusion.results.schemas import EVIDENCE, LEVERS, typed_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.inquiry import Inquiry
    from cxfusion.evidence.ranks import Ranks
    from cxfusion.evidence.verdict import Finding, Verdict

__all__ = ["check_frame", "decomposition_frame", "lever_frame", "rung_frame", "sensitivity_frame"]


def check_frame(ladder: Ladder, outcome: str) -> pd.DataFrame:
    """One row per lever and check of the within model."""
    return pd.DataFrame([check.row(outcome) for check in ladder.checks], columns=list(CHECK_COLUMNS))


def sensitivity_frame(ladder: Ladder) -> pd.DataFrame:
    """One row per lever and strength of a hidden factor."""
    rows = [row for found in ladder.robustness for row in found.rows()]
    return pd.DataFrame(rows, columns=list(SENSITIVITY_COLUMNS))


def decomposition_frame(ladder: Ladder, outcome: str) -> pd.DataFrame:
    """One row per lever and block that took some of its raw effect."""
    rows = [row for found in ladder.breakdowns for row in found.rows(outcome)]
    return pd.DataFrame(rows, columns=list(DECOMPOSITION_COLUMNS))


def rung_frame(ladder: Ladder, outcome: str) -> pd.DataFrame:
    """One row per lever and rung."""
    rows = [found.row(outcome) for found in sorted(ladder.rungs, key=lambda one: RUNGS.index(one.rung))]
    frame = typed_frame(rows, EVIDENCE.names, EVIDENCE)
    order = {name: place for place, name in enumerate(dict.fromkeys(found.lever.name for found in ladder.rungs))}
    return frame.sort_values("lever", key=lambda name: name.map(order), kind="stable", ignore_index=True)


def lever_frame(
    found: Inquiry, verdicts: Mapping[str, Verdict], findings: Mapping[str, Finding | None], ranks: Ranks
) -> pd.DataFrame:
    """One row per lever that gets a verdict."""
    ladder = found.ladder
    tests = {check.lever.name: check.test for check in ladder.checks if check.check == "proportional_odds"}
    sensitivities = {one.lever: one.sensitivity for one in ladder.robustness}
    rows = []
    for lever in found.asked:
        test, sensitivity = tests.get(lever.name), sensitivities.get(lever.name)
        rows.append(
            {
                "outcome": found.sample.outcome.name,
                "outcome_unit": found.sample.outcome.unit,
                **_estimates(lever, ladder, findings[lever.name]),
                **_standing(verdicts[lever.name], findings[lever.name]),
                "reliability": found.witness.reliability,
                "robustness": None if sensitivity is None else sensitivity.robustness_value,
                **ranks.of(lever.name),
                "proportional_odds_p_value": None if test is None else test.p_value,
            }
        )
    return typed_frame(rows, LEVERS.names, LEVERS)


def _estimates(lever: Lever, ladder: Ladder, finding: Finding | None) -> dict[str, Any]:
    """What the rungs of a lever say, the within rung first."""
    rungs, none = ladder.of(lever), RungEstimate(lever, "within", "untestable", lever.step)
    within = rungs.get("within", none)
    low, high = (None, None) if finding is None else finding.hull
    return {
        "lever": lever.name, "unit": lever.unit, "step": within.step, "rung": "within",
        "estimate": within.estimate, "std_error": within.std_error, "conf_low": low, "conf_high": high,
        **{f"{rung}_estimate": rungs.get(rung, none).estimate for rung in ("raw", "adjusted", "within", "corrected")},
        "design_estimate": None if finding is None or finding.design is None else finding.design.estimate,
        "local_estimate": within.local_estimate, "remove_all": within.remove_all, "n": within.n,
    }  # fmt: skip


def _standing(verdict: Verdict, finding: Finding | None) -> dict[str, Any]:
    """What may be said of a lever, and how its negative control came out."""
    return {
        "verdict": verdict.verdict,
        "grade": verdict.grade,
        "because": verdict.because,
        "control": None if finding is None else finding.control,
    }
