"""A feed against the run before: what has suddenly become of its volume, its missing values and its categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cxfusion.checks.finding import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cxfusion.checks.catalogue import CheckPlan

__all__ = ["changes"]

FEW: Final = 30
"""Below so many rows, now or before, nothing is said."""
EXPECTED: Final = 5
"""A category is missed only where so many rows of it, or more, were to be expected."""


def changes(now: Mapping[str, Any], before: Mapping[str, Any], plan: CheckPlan) -> list[Finding]:
    """What has changed between two profiles of a feed, as far as the plan takes note of it.

    Parameters
    ----------
    now, before : mapping
        Table to its profile.
    plan : CheckPlan
    """
    both = [kind for kind in now if kind in before]
    return [told for kind in both for told in _of_table(kind, now[kind], before[kind], plan)]


def _of_table(kind: str, now: Mapping[str, Any], before: Mapping[str, Any], plan: CheckPlan) -> Iterator[Finding]:
    yield from _columns(kind, now, before, plan)
    if min(now["rows"], before["rows"]) < FEW:
        return
    yield from _volume(kind, now, before, plan)
    yield from _missing(kind, now, before, plan)
    for name in now["categories"]:
        if name in before["categories"]:
            yield from _categories(kind, name, now, before, plan)


def _volume(kind: str, now: Mapping[str, Any], before: Mapping[str, Any], plan: CheckPlan) -> Iterator[Finding]:
    rate, usual = now.get("per_day"), before.get("per_day")
    if rate and usual and not 1 / plan.volume_factor < rate / usual < plan.volume_factor:
        told = f"{rate:,.4g} {kind} per day instead of {usual:,.4g}"
        yield from finding(plan, "volume_changed", kind, None, now["rows"], now["rows"], told)


def _missing(kind: str, now: Mapping[str, Any], before: Mapping[str, Any], plan: CheckPlan) -> Iterator[Finding]:
    for name, share in now["missing"].items():
        usual = before["missing"].get(name)
        if usual is not None and abs(share - usual) > plan.missing_change:
            told = f"{name} is missing in {share:.1%} of the {kind} instead of {usual:.1%}"
            n = round(share * now["rows"])
            yield from finding(plan, "missing_changed", kind, name, n, now["rows"], told)


def _columns(kind: str, now: Mapping[str, Any], before: Mapping[str, Any], plan: CheckPlan) -> Iterator[Finding]:
    here, there = now["missing"], before["missing"]
    for name in sorted(set(here) - set(there)):
        yield from finding(plan, "column_new", kind, name, now["rows"], now["rows"], f"{name} is new")
    for name in sorted(set(there) - set(here)):
        yield from finding(plan, "column_lost", kind, name, now["rows"], now["rows"], f"{name} is gone")


def _categories(
    kind: str, name: str, now: Mapping[str, Any], before: Mapping[str, Any], plan: CheckPlan
) -> Iterator[Finding]:
    here, there = now["categories"][name], before["categories"][name]
    for value in sorted(set(here) - set(there)):
        if here[value] >= plan.category_share * now["rows"]:
            told = f"{value!r} is new among the values of {name}"
            yield from finding(plan, "category_new", kind, name, here[value], now["rows"], told)
    for value in sorted(set(there) - set(here)):
        share = there[value] / before["rows"]
        if share >= plan.category_share and share * now["rows"] >= EXPECTED:
            told = f"{value!r} is gone from the values of {name}; it had {share:.1%} of the {kind}"
            yield from finding(plan, "category_lost", kind, name, 0, now["rows"], told)
