"""Whether anything can be said about a lever: enough known values, enough differences, enough clusters to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.coding import Coding
    from cxfusion.evidence.sample import LeverFacts, Sample
    from cxfusion.evidence.spec import LeverSpec

__all__ = ["alike_within_because", "noun_of", "same_within", "untestable_because", "who_is_held"]

NO_VARIATION_BELOW: Final = 1e-6  # share of a lever's variance left within the groups


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


def alike_within_because(lever: Lever, sample: Sample, spec: LeverSpec, residual_share: float) -> str | None:
    """Why a lever has no estimate within the groups; None where it has.

    Parameters
    ----------
    lever : Lever
    sample : Sample
    spec : LeverSpec
    residual_share : float
        Of its variance, what is left within the groups.
    """
    who, n_varying = who_is_held(sample.coding, spec), sample.facts[lever.name].n_varying
    if residual_share <= NO_VARIATION_BELOW:
        return f"it does not vary {same_within(who)}"
    if who is None or n_varying is None or n_varying >= spec.min_clusters:
        return None
    return (
        f"it differs within {_few(n_varying, spec.cluster)}; at least {spec.min_clusters} are needed to know how sure"
        " an estimate is"
    )


def who_is_held(coding: Coding, spec: LeverSpec) -> str | None:
    """What one of those is called that contacts are compared within, such as "agent"; None where the log has none."""
    return noun_of(spec.cluster) if "cluster" in coding.groups else None


def same_within(who: str | None) -> str:
    """What the within rung compares, in words.

    Examples
    --------
    >>> same_within("agent"), same_within(None)
    ('within the same agent, hour and day', 'within the same hour and day')
    """
    return f"within the same {who}, hour and day" if who else "within the same hour and day"


def _few(n: int, column: str) -> str:
    return f"only {n} {noun_of(column)}" + ("s" if n != 1 else "")


def noun_of(column: str) -> str:
    """What one of those is called that a column names: "agent" for ``agent_id``."""
    return column.removesuffix("_id").replace("_", " ")
