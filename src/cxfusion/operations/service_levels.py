"""Service levels in their five variants, and abandonment.

All of inbound contacts. Written in the field's letters: AN answered, AB abandoned, a answered and b abandoned within
the target, c abandoned within the cut for short abandons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cxfusion.operations.figures import (
    LACKS,
    Doubt,
    Figure,
    Log,
    NotApplicable,
    Total,
    lacks_for_abandons,
    mean_of,
    unless_marked,
    what_lacks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir

__all__ = [
    "abandonment_rate",
    "abandonment_rate_without_short",
    "service_level",
    "service_level_crediting_abandons",
    "service_level_crediting_short_abandons",
    "service_level_of_answered",
    "service_level_of_offered",
]


def service_level(log: Log) -> Figure | NotApplicable:
    """Service level, abandons within the target left out.

    Numerator: inbound handled contacts that waited at most the target (a). Denominator: inbound handled and abandoned
    contacts but those that abandoned within the target (AN + AB − b). Unit: share. Source: ICMI; "ignore abandons" in
    Cisco.
    """
    return _service_level(
        log,
        lambda met: (Total((met.a,)), Total((met.AN, met.AB), minus=(met.b,))),
        lacks_for_abandons(log),
        _doubt(log),
    )


def service_level_of_offered(log: Log) -> Figure | NotApplicable:
    """Service level over all contacts: whoever abandons was not served.

    Numerator: inbound handled contacts that waited at most the target (a). Denominator: inbound handled and abandoned
    contacts (AN + AB). Unit: share. Source: ICMI; "abandons negative" in Cisco.
    """
    why = what_lacks(log, "wait_seconds", "is_abandoned")
    return _service_level(log, lambda met: (Total((met.a,)), Total((met.AN, met.AB))), why)


def service_level_of_answered(log: Log) -> Figure | NotApplicable:
    """Service level over handled contacts: abandoned ones do not count at all.

    Numerator: inbound handled contacts that waited at most the target (a). Denominator: inbound handled contacts whose
    wait is known (AN). Unit: share. Source: ICMI.
    """
    caveat = unless_marked(log) or ""
    return _service_level(
        log, lambda met: (Total((met.a,)), Total((met.AN,))), what_lacks(log, "wait_seconds"), told=caveat
    )


def service_level_crediting_abandons(log: Log) -> Figure | NotApplicable:
    """Service level, abandons within the target counted as served in time.

    Numerator: inbound handled and abandoned contacts that waited at most the target (a + b). Denominator: inbound
    handled and abandoned contacts (AN + AB). Unit: share. Source: ICMI; "abandons positive" in Cisco, Amazon Connect.
    """
    return _service_level(
        log, lambda met: (Total((met.a, met.b)), Total((met.AN, met.AB))), lacks_for_abandons(log), _doubt(log)
    )


def service_level_crediting_short_abandons(log: Log) -> Figure | NotApplicable:
    """Service level, short abandons counted as served in time.

    Numerator: inbound handled contacts that waited at most the target, and abandoned ones that waited at most the cut
    for short abandons (a + c). Denominator: inbound handled and abandoned contacts (AN + AB). Unit: share. Source:
    ICMI.
    """
    told = f"abandons within {log.limits.short_abandon_seconds:g} s count as met"
    return _service_level(
        log, lambda met: (Total((met.a, met.c)), Total((met.AN, met.AB))), lacks_for_abandons(log), _doubt(log), told
    )


def abandonment_rate(log: Log) -> Figure | NotApplicable:
    """Abandonment rate, short abandons included.

    Numerator: inbound contacts marked abandoned. Denominator: inbound contacts for which that is known. Unit: share.
    Source: Genesys Cloud (abandoned / offered).
    """
    if "is_abandoned" not in log.filled:
        return NotApplicable(LACKS["is_abandoned"])
    return mean_of(log, log.of_inbound(log.value("is_abandoned")), log.inbound)


def abandonment_rate_without_short(log: Log) -> Figure | NotApplicable:
    """Abandonment rate, short abandons left out.

    Numerator: inbound contacts marked abandoned but those that waited at most the cut for short abandons (c).
    Denominator: inbound contacts for which the mark is known, without c. Unit: share. Source: Google CCAI.
    """
    if lacks := lacks_for_abandons(log):
        return NotApplicable(lacks)
    marked = mean_of(log, log.of_inbound(log.value("is_abandoned")), log.inbound)
    short = (_letters(log).c,)
    return Figure(
        total=Total(marked.total.plus, minus=short),
        n=Total(marked.n.plus, minus=short),
        unknown=marked.unknown,
        caveat=f"abandons within {log.limits.short_abandon_seconds:g} s left out",
        doubt=Doubt(_doubt(log).about, "abandoned contacts without a waiting time count as not short"),
    )


class _Letters(NamedTuple):
    """What service levels are made from: contacts answered (their wait known) and abandoned, and those in time."""

    AN: ir.Scalar
    AB: ir.Scalar
    a: ir.Scalar
    b: ir.Scalar
    c: ir.Scalar


def _letters(log: Log) -> _Letters:
    wait, target, cut = log.value("wait_seconds"), log.limits.target_seconds, log.limits.short_abandon_seconds
    return _Letters(
        AN=log.answered.ifelse(wait, None).count(),
        AB=log.lost.sum(),
        a=(log.answered & (wait <= target)).sum(),
        b=(log.lost & (wait <= target)).sum(),
        c=(log.lost & (wait <= cut)).sum(),
    )


def _service_level(
    log: Log,
    ratio: Callable[[_Letters], tuple[Total, Total]],
    lacks: str | None,
    doubt: Doubt | None = None,
    told: str = "",
) -> Figure | NotApplicable:
    """A service level by its numerator and denominator, unless the log lacks something for it."""
    if lacks:
        return NotApplicable(lacks)
    letters = _letters(log)
    total, n = ratio(letters)
    unknown = Total((log.answered.sum(),), minus=(letters.AN,))
    caveat = "; ".join(part for part in (f"within {log.limits.target_seconds:g} s", told) if part)
    return Figure(total, n, unknown, caveat=caveat, doubt=doubt)


def _doubt(log: Log) -> Doubt:
    about = Total(((log.lost & log.value("wait_seconds").isnull()).sum(),))
    return Doubt(about, "abandoned contacts without a waiting time count as not met")
