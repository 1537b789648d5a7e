"""Of the levers that move most: how the score follows each level of them, and whether they move it alike everywhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cxfusion.errors import CxfusionError, NothingToEstimateError
from cxfusion.evidence.dose import DoseResponse, dose_on
from cxfusion.evidence.segments import SegmentEffects, segments_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.evidence.ground import Field

__all__ = ["MOST_LEVERS", "MOST_RESPONSES", "shape_and_place"]

MOST_LEVERS: Final = 3
MOST_RESPONSES: Final = 100_000
"""Of more a sample is looked into, so that pictures cost the same of any log; ``dose_response`` takes all."""


def shape_and_place(
    field: Field, evidence: LeverEvidence, places: Sequence[str]
) -> tuple[tuple[DoseResponse | SegmentEffects, ...], tuple[str, ...]]:
    """Dose–response and segments of the levers that move, the strongest first.

    Parameters
    ----------
    field : Field
        The sample of the evidence, with the columns of the segments kept.
    evidence : LeverEvidence
    places : sequence of str
        Columns of the segments, such as the queue and the customer's tenure.

    Returns
    -------
    results : tuple
        For each lever its curve and its segments by each column, fewer where something cannot be told.
    notes : tuple of str
        What is left out, and why.
    """
    levers = evidence.levers
    movers = levers[levers["verdict"] == "moves"].sort_values(["rank", "lever"])["lever"].tolist()
    if movers:
        field = field.thinned(MOST_RESPONSES)
    found: list[DoseResponse | SegmentEffects] = []
    notes: list[str] = []
    for lever in movers[:MOST_LEVERS]:
        try:
            ground = field.ground(lever)
        except NothingToEstimateError as error:
            notes.append(error.message)
            continue
        _try(found, notes, partial(dose_on, ground))
        for by in places:
            if by != lever:
                _try(found, notes, partial(segments_on, ground, by, few=field.few[by]))
    return tuple(found), tuple(notes)


def _try(
    found: list[DoseResponse | SegmentEffects], notes: list[str], ask: Callable[[], DoseResponse | SegmentEffects]
) -> None:
    """Keep a result, or what stands in its way."""
    try:
        found.append(ask())
    except CxfusionError as error:  # whatever it lacks, the evidence itself is there
        notes.append(error.message)
