"""Whether anything can be said about a lever: enough known values, enough differences, enough clusters to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.sample import LeverFacts, Sample
    from cxfusion.evidence.spec import LeverSpec

__all__ = ["untestable_because"]


def untestable_because(lever: Lever, sample: Sample, spec: LeverSpec) -> str | None:
    """Why nothing can be said about a lever in this sample; None where something can."""
    facts = sample.facts[lever.name]
    share = 1 - facts.n_known / sample.n
    if sample.coding.n_clusters < spec.min_clusters:
        return (
            f"the responses come from {_few(sample.coding.n_clusters, spec.cluster)}; at least {spec.min_clusters}"
            " are needed to know how sure an estimate is"
        )
    if share > spec.max_missing_share:
        return f"it is missing in {share:.1%} of the paired contacts; at most {spec.max_missing_share:.0%} may be"
    if facts.n_distinct < 2:
        return "it is the same for every paired contact, so there is nothing to compare"
    return _unusable_values(lever, facts) or _thin(lever, facts, spec)


def _unusable_values(lever: Lever, facts: LeverFacts) -> str | None:
    """A step in proportion to where a lever is needs a zero to count from; givens take no step."""
    if facts.low < 0 and lever.role != "given":
        return (
            "it takes values below 0, and a step is taken in proportion to how much of the lever there is: map it so"
            " that 0 means none of it"
        )
    if facts.low <= -1 and lever.shape == "log1p":
        return "it takes values of −1 or less, of which there is no log1p: give it another shape"
    return None


def _thin(lever: Lever, facts: LeverFacts, spec: LeverSpec) -> str | None:
    """Where few clusters have any of a lever, its error is not known, however many clusters have none."""
    if lever.role == "given" or facts.n_clusters is None or facts.n_clusters >= spec.min_clusters:
        return None
    return (
        f"it is told apart by the answers of {_few(facts.n_clusters, spec.cluster)}; at least {spec.min_clusters} are"
        " needed to know how sure an estimate is"
    )


def _few(n: int, column: str) -> str:
    noun = column.removesuffix("_id").replace("_", " ")
    return f"only {n} {noun}" + ("s" if n != 1 else "")
