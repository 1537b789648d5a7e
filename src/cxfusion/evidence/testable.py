"""Whether anything can be said about a lever: enough known values, enough differences, enough clusters to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxfusion.evidence.coding import AGENT_GROUP, CLUSTER
from cxfusion.evidence.spec import AGENT
from cxfusion.results.labels import lever_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.cluster_facts import ClusterCounts
    from cxfusion.evidence.coding import Coding
    from cxfusion.evidence.known_rows import KnownRows
    from cxfusion.evidence.lever_facts import LeverFacts
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec

__all__ = [
    "alike_within_because",
    "inseparable_because",
    "noun_of",
    "same_within",
    "too_few_because",
    "untestable_because",
    "used_up_because",
    "who_is_held",
]

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
    return _unusable_values(lever, facts) or _thin(lever, sample, spec)


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


def _thin(lever: Lever, sample: Sample, spec: LeverSpec) -> str | None:
    """Where few clusters differ from all others in a lever, its error is not known, however many these others are."""
    n = sample.facts[lever.name].n_clusters
    if lever.role == "given" or n is None or n >= spec.min_clusters:
        return None
    answers = f"only {n} answer" + ("s" if n != 1 else "")
    told = f"the answers of {_few(n, spec.cluster)}" if sample.coding.is_clustered else answers
    return f"it is told apart by {told}; at least {spec.min_clusters} are needed to know how sure an estimate is"


def too_few_because(counts: ClusterCounts, spec: LeverSpec) -> str | None:
    """Why answers that tell all that a moment needs are too few for it; None where they are not.

    Each lever may be missing here and there, and what is known of all of them be little.
    """
    if counts.n < spec.min_responses:
        return (
            f"only {counts.n:,} responses tell it and all that it is held against; at least {spec.min_responses} are"
            " needed"
        )
    if counts.n_clusters < spec.min_clusters:
        return (
            f"the responses that tell it and all that it is held against come from"
            f" {_few(counts.n_clusters, spec.cluster)}; at least {spec.min_clusters} are needed to know how sure an"
            " estimate is"
        )
    return None


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
    if sample.coding.agents != CLUSTER or n_varying is None or n_varying >= spec.min_clusters:
        return None
    return (
        f"it differs within {_few(n_varying, spec.cluster)}; at least {spec.min_clusters} are needed to know how sure"
        " an estimate is"
    )


def used_up_because(known: KnownRows, spec: LeverSpec) -> str | None:
    """Why nothing can be told within the groups, whichever the lever; None where enough is left beside them.

    Each group takes one answer to know its own level. Where hardly more are left, a lever follows the answers wherever
    chance leads: effects run to the ends of the scale, where their errors look small.
    """
    n = known.held.moments.n
    left = n - known.held.system.rank
    if left >= spec.min_responses:
        return None
    return (
        f"what is held equal takes up all but {left:,} of the {n:,} responses; at least {spec.min_responses} must be"
        " left"
    )


def inseparable_because(name: str, untold: Sequence[str]) -> str:
    """From what a lever cannot be told apart: from what is held equal, levers that are not told either among it.

    Where answers are few, each of these may be just as hard to tell without the others.
    """
    others = " and ".join(f"“{lever_label(other)}”" for other in untold if other != name)
    if not others:
        return "it cannot be told apart from what is held equal"
    return f"it cannot be told apart from {others} and what else is held equal: leave one out, or wait for more answers"


def who_is_held(coding: Coding, spec: LeverSpec) -> str | None:
    """What one of those is called that contacts are compared within, such as "agent"; None where the log has none."""
    agents = coding.agents
    return None if agents is None else noun_of(AGENT if agents == AGENT_GROUP else spec.cluster)


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
