"""Invented frames of a small study, with names as hostile and as long as an export can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import cxfusion as cx
from cxfusion.report import ReportContent
from cxfusion.results.schemas import LEVERS

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>]]>&{{7*7}}"
LONG = "Retentions and win-back, second line, evenings and week-ends, outsourced partner " * 4
QUEUES = ("Billing", "Technical support", HOSTILE, LONG)
RIGHT_TO_LEFT = "\u202eقسم الشكاوى \u2066שירות לקוחות\u2069"
EMOJI = "📞👩🏽‍💻 VIP 🇮🇳"
ENDLESS = "x" * 10_000
SPOILED = (HOSTILE, RIGHT_TO_LEFT, EMOJI, ENDLESS, "--></style></title></textarea>", "{% raw %}${1}`")
"""Names that somebody, or some system, has put into a log."""
RUNGS = ("raw", "adjusted", "within", "corrected")
VERDICTS = {"wait_seconds": "moves", "n_transfers": "contested", "hold_seconds": "proxy"}
_ESTIMATES = {  # lever: unit, step, raw, adjusted, within, corrected, standard error
    "wait_seconds": ("seconds", -30.0, 0.141, 0.096, 0.082, 0.079, 0.014),
    "n_transfers": ("count", -0.38, 0.173, 0.088, 0.061, 0.022, 0.018),
    "hold_seconds": ("seconds", -30.0, 0.119, 0.048, 0.021, 0.004, 0.013),
}


def _sizes(*largest: int) -> list[int]:
    """Sizes of groups, the last one again and again, each a little smaller."""
    return [*largest, *(largest[-1] - 100 * i for i in range(1, 9))]


def levers() -> pd.DataFrame:
    rows = [
        {
            "outcome": "csat", "lever": lever, "outcome_unit": "score points", "unit": unit, "step": step,
            "estimate": within, "std_error": se, "conf_low": within - 1.96 * se, "conf_high": within + 1.96 * se,
            "verdict": VERDICTS[lever], "grade": "adjusted", "because": f"Because of {HOSTILE}", "rung": "within",
            "raw_estimate": raw, "adjusted_estimate": adjusted, "within_estimate": within,
            "corrected_estimate": corrected, "n": 16547,
        }
        for lever, (unit, step, raw, adjusted, within, corrected, se) in _ESTIMATES.items()
    ]  # fmt: skip
    untestable = {
        "outcome": "csat", "lever": f"mood {HOSTILE}", "outcome_unit": "score points", "unit": "units",
        "verdict": "untestable", "because": "missing in 41 % of the pairs",
    }  # fmt: skip
    return pd.DataFrame([*rows, untestable], columns=LEVERS.names)


def rungs() -> pd.DataFrame:
    rows = [
        {
            "outcome": "csat", "lever": lever, "rung": rung, "unit": unit, "step": step, "estimate": estimate,
            "std_error": se, "conf_low": estimate - 1.96 * se, "conf_high": estimate + 1.96 * se, "p_value": 0.01,
            "n": 16547, "n_clusters": 240, "status": "ok", "reason": None,
        }
        for lever, (unit, step, *estimates, se) in _ESTIMATES.items()
        for rung, estimate in zip(RUNGS, estimates, strict=True)
    ]  # fmt: skip
    missing = {
        **rows[0], "lever": f"mood {HOSTILE}", "estimate": np.nan, "conf_low": np.nan, "conf_high": np.nan,
        "status": "not_applicable", "reason": "missing in 41 % of the pairs", "n": 0,
    }  # fmt: skip
    return pd.DataFrame([*rows, missing])


def perception(queues: Sequence[str] = QUEUES) -> pd.DataFrame:
    sizes = {"all": 16547, **dict(zip(queues, _sizes(6000, 5000, 3000, 2547), strict=False)), "Tiny": 22, "Nano": 3}
    scores = {
        "csat_mean": ("score points", 4.2, 1.1),
        "csat_top2box": ("share", 0.78, 0.4),
        "nps": ("NPS points", 31, 75),
    }
    rows = []
    for place, (group, n) in enumerate(sizes.items()):
        status = "ok" if n >= 30 else "small" if n >= 5 else "suppressed"
        for metric, (unit, level, spread) in scores.items():
            estimate = np.nan if status == "suppressed" else level * (1 - 0.01 * place)
            half = 1.96 * spread / n**0.5
            rows.append({
                "grouping": "all" if group == "all" else "queue", "group": group, "metric": metric,
                "estimate": estimate, "std_error": half / 1.96, "conf_low": estimate - half,
                "conf_high": estimate + half, "unit": unit, "n": n, "status": status,
                "reason": None if status == "ok" else "fewer than 30 answers",
            })  # fmt: skip
    return pd.DataFrame(rows)


def operations(queues: Sequence[str] = QUEUES) -> pd.DataFrame:
    sizes = {"all": 200000, **dict(zip(queues, _sizes(80000, 60000, 40000, 20000), strict=False))}
    rows = [
        {
            "grouping": "all" if group == "all" else "queue", "group": group, "metric": metric, "estimate": estimate,
            "unit": unit, "n": n, "status": "ok", "reason": reason,
        }
        for group, n in sizes.items()
        for metric, unit, estimate, reason in (
            ("volume", "contacts", float(n), None),
            ("aht_seconds", "seconds", 312.0 + n / 1000, "without wrap: the log has none"),
            ("abandonment_rate", "share", 0.041, None),
        )
    ]  # fmt: skip
    no_hold = {**rows[0], "metric": "hold_seconds", "estimate": np.nan, "status": "not_applicable",
               "reason": "the log has no hold_seconds"}  # fmt: skip
    return pd.DataFrame([*rows, no_hold])


def audit() -> pd.DataFrame:
    counts = [
        ("responses", "paired_contact_id", 16547),
        ("responses", "unknown_contact", 311),
        ("responses", "score_missing", 95),
        ("contacts", "paired_contact_id", 16547),
        ("contacts", "no_response", 183430),
        ("contacts", "duplicate_contact", 23),
        ("contact_cells", "negative_duration", 635),
    ]
    return pd.DataFrame(counts, columns=["stage", "reason", "n"])


def cells() -> pd.DataFrame:
    counts = [
        ("contact_cells", "response_seconds", "negative_duration", 635),
        ("contact_cells", HOSTILE, "not_a_number", 2),
    ]
    return pd.DataFrame(counts, columns=["stage", "column", "reason", "n"])


def invented_content() -> ReportContent:
    """A page of all of these."""
    return ReportContent(
        title=f"What moves satisfaction {HOSTILE}",
        subtitle=f"24 July to 31 August · {HOSTILE}",
        outcome="csat",
        outcome_unit="score points",
        levers=levers(),
        rungs=rungs(),
        audit=audit(),
        cells=cells(),
        perception=perception(),
        operations=operations(),
        notes=["Times carried no zone and were read as UTC.", HOSTILE],
        manifest={
            "product": "cxfusion", "inputs": {HOSTILE: {"rows": 200000, "path": HOSTILE}}, "plan": {"by": None},
            "levers": ["wait_seconds", HOSTILE], "timings": {"read": 1.25},
        },
    )  # fmt: skip


HOSTILE_NAME = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def segments_in_detail() -> cx.SegmentEffects:
    """Effects of two segments, one of them with a hostile name."""
    estimate = pd.Series([0.12, 0.04])
    frame = pd.DataFrame({"segment": ["call", HOSTILE_NAME], "estimate": estimate, "pooled_estimate": estimate})
    frame = frame.assign(outcome="csat", lever="wait_seconds", by="queue", unit="seconds", step=-30.0, status="ok")
    ends = {"conf_low": estimate - 0.05, "conf_high": estimate + 0.05, "mean_level": 60.0, "n": 400, "n_clusters": 30}
    frame = frame.assign(**ends, pooled_low=estimate - 0.04, pooled_high=estimate + 0.04, std_error=0.02, reason=None)
    tests = pd.DataFrame([{"test": "heterogeneity", "p_value": 0.01, "status": "ok"}])
    wait = cx.DEFAULT_LEVERS[0]
    return cx.SegmentEffects(cx.LeverSpec(), wait, "queue", frame, tests, (), 800)
