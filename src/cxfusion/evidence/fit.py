"""The evidence as one piece of work: spec → sample → rungs → verdicts → result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxfusion.errors import NothingToEstimateError
from cxfusion.evidence.rungs import RUNGS, RungEstimate, climb, untestable_because
from cxfusion.evidence.sample import draw_sample
from cxfusion.evidence.spec import LeverSpec, usable_levers
from cxfusion.evidence.verdict import judge
from cxfusion.results.base import Result
from cxfusion.results.labels import lever_label, step_in_words, verdict_label
from cxfusion.results.schemas import EVIDENCE, LEVERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import altair as alt
    import pyarrow as pa

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.sample import Sample
    from cxfusion.pairing.result import Pairing

__all__ = ["LeverEvidence", "fit_levers"]


@dataclass(frozen=True, eq=False)
class LeverEvidence(Result):
    """Which levers move one outcome, by how much, and how sure.

    Attributes
    ----------
    spec : LeverSpec
        What was asked.
    levers : pandas.DataFrame
        One row per lever; the same as :attr:`table`.
    rungs : pandas.DataFrame
        One row per lever and rung: ``outcome, lever, rung, unit, step, estimate, std_error, conf_low, conf_high,
        p_value, n, n_clusters, status, reason``.
    notes : tuple of str
        What a reader should know about the sample.
    n : int
        Responses in the sample.
    """

    spec: LeverSpec
    levers: pd.DataFrame
    rungs: pd.DataFrame
    notes: tuple[str, ...]
    n: int

    @property
    def _frame(self) -> pd.DataFrame:
        return self.levers

    def _lines(self) -> list[str]:
        head = f"{len(self.levers)} levers of {self.spec.outcome} from {self.n:,} responses"
        return [head, *(_line(row) for row in self.levers.itertuples()), *self.notes]

    def to_arrow(self) -> pa.Table:
        """The levers as an Arrow table in the columns of ``levers.parquet``."""
        from cxfusion.results.schemas import as_arrow

        return as_arrow(self.levers, LEVERS)

    def plot(self) -> alt.TopLevelMixin:
        """The ladder: per lever, the rungs as points with intervals."""
        from cxfusion.results.charts import ladder

        return ladder(self.rungs, self.levers)


def _line(row: Any) -> str:
    name = lever_label(row.lever)
    if row.estimate is None or pd.isna(row.estimate):
        return f"  {name}: {verdict_label(row.verdict).lower()}. {row.because}"
    return (
        f"  {name}: {step_in_words(row.lever, row.step)} → {row.estimate:+.3f} {row.outcome_unit}"
        f" ({row.conf_low:+.3f} to {row.conf_high:+.3f}), {verdict_label(row.verdict).lower()}"
    )


def fit_levers(
    pairing: Pairing,
    outcome: str | None = None,
    *,
    levers: Iterable[Lever] | None = None,
    spec: LeverSpec | None = None,
) -> LeverEvidence:
    """Estimate what each lever does to an outcome, rung by rung.

    Parameters
    ----------
    pairing : Pairing
    outcome : {"csat", "nps", "ces"}, optional
        CSAT by default.
    levers : iterable of Lever, optional
        Instead of the catalogue's.
    spec : LeverSpec, optional
        Everything explicit; ``outcome`` and ``levers`` replace what it says.

    Returns
    -------
    LeverEvidence

    Raises
    ------
    UnknownNameError
        An outcome or lever that does not exist.
    BadControlError
        A spec that would hide an effect.
    TooFewResponsesError, NothingToEstimateError
        Nothing can be estimated, and why.

    Notes
    -----
    The effect of a step is taken in proportion to where the lever is: one cannot take 30 seconds of hold from a
    contact that had none.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), outcome="csat")
    >>> sorted(evidence.rungs["rung"].unique())
    ['adjusted', 'raw', 'within']
    """
    spec = spec or LeverSpec()
    spec = replace(spec, outcome=outcome or spec.outcome, levers=spec.levers if levers is None else tuple(levers))
    present = usable_levers(spec, pairing.contacts)
    sample = draw_sample(pairing, spec, present)
    untestable = {lever.name: untestable_because(lever, sample, spec) for lever in present if lever.role != "given"}
    tested = [lever for lever in present if untestable.get(lever.name) is None]
    estimates = list(climb(sample, spec, tested))
    if not any(estimate.reason is None for estimate in estimates):
        raise NothingToEstimateError(
            "No lever could be estimated on any rung. The reasons:",
            [f"{name}: {reason}" for name, reason in untestable.items() if reason]
            + [f"{estimate.lever.name}, {estimate.rung}: {estimate.reason}" for estimate in estimates],
        )
    scale = pairing.surveys.scales.get(spec.outcome)
    direction = () if scale is None or scale.higher_is_better else (
        f"A higher {spec.outcome} score means a worse experience: a negative effect is good.",
    )  # fmt: skip
    return LeverEvidence(
        spec=spec,
        levers=_lever_frame(sample, present, estimates, untestable),
        rungs=_rung_frame(sample, estimates),
        notes=(*sample.notes, *direction),
        n=sample.n,
    )


def _rung_frame(sample: Sample, estimates: list[RungEstimate]) -> pd.DataFrame:
    rows = [
        {
            "outcome": sample.outcome.name, "lever": found.lever.name, "rung": found.rung, "unit": found.lever.unit,
            "step": found.step, "estimate": found.estimate, "std_error": found.std_error,
            "conf_low": found.conf_low, "conf_high": found.conf_high, "p_value": found.p_value,
            "n": found.n, "n_clusters": found.n_clusters,
            "status": "ok" if found.reason is None else "not_applicable", "reason": found.reason,
        }
        for found in sorted(estimates, key=lambda one: RUNGS.index(one.rung))
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=EVIDENCE.names)
    order = {name: place for place, name in enumerate(dict.fromkeys(found.lever.name for found in estimates))}
    return frame.sort_values("lever", key=lambda name: name.map(order), kind="stable", ignore_index=True)


def _lever_frame(
    sample: Sample, levers: Iterable[Lever], estimates: list[RungEstimate], untestable: dict[str, str | None]
) -> pd.DataFrame:
    rows = []
    for lever in levers:
        if lever.role not in ("lever", "influenceable"):
            continue
        rungs = {found.rung: found for found in estimates if found.lever is lever}
        rows.append(_lever_row(sample, lever, rungs, untestable[lever.name]))
    return pd.DataFrame(rows, columns=LEVERS.names)


def _lever_row(sample: Sample, lever: Lever, rungs: dict[str, RungEstimate], untestable: str | None) -> dict[str, Any]:
    verdict = judge(rungs, sample.outcome.unit, untestable)
    none = RungEstimate(lever, "within", untestable, lever.step)
    within = rungs.get("within", none)
    return {
        "outcome": sample.outcome.name, "lever": lever.name, "outcome_unit": sample.outcome.unit, "unit": lever.unit,
        "step": within.step, "estimate": within.estimate, "std_error": within.std_error,
        "conf_low": within.conf_low, "conf_high": within.conf_high,
        "verdict": verdict.verdict, "grade": verdict.grade, "because": verdict.because, "rung": "within",
        "raw_estimate": rungs.get("raw", none).estimate, "adjusted_estimate": rungs.get("adjusted", none).estimate,
        "within_estimate": within.estimate, "local_estimate": within.local_estimate,
        "remove_all": within.remove_all, "n": within.n,
    }  # fmt: skip
