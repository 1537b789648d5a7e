"""Of the levers that move most: how the score follows each level of them, and whether they move it alike everywhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cxfusion.errors import NothingToEstimateError
from cxfusion.evidence.dose import DoseResponse, dose_response
from cxfusion.evidence.segments import SegmentEffects, segment_effects

if TYPE_CHECKING:
    from collections.abc import Callable

    from cxfusion.evidence.fit import LeverEvidence
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights

__all__ = ["MOST_LEVERS", "MOST_PAIRS", "shape_and_place"]

MOST_LEVERS: Final = 3
MOST_PAIRS: Final = 200_000
"""Beyond, each picture costs as much as a fit, and is drawn when asked for."""


def shape_and_place(
    pairing: Pairing,
    evidence: LeverEvidence,
    by: str | None,
    *,
    weights: ResponseWeights | None = None,
    spec: LeverSpec | None = None,
) -> tuple[tuple[DoseResponse | SegmentEffects, ...], tuple[str, ...]]:
    """Dose–response and segments of the levers that move, the strongest first.

    Parameters
    ----------
    pairing : Pairing
    evidence : LeverEvidence
        Of the same pairing, weights and spec.
    by : str or None
        Column of the segments; None: the log has none.
    weights : ResponseWeights, optional
    spec : LeverSpec, optional

    Returns
    -------
    results : tuple
        Two for each lever, fewer where something cannot be told.
    notes : tuple of str
        What is left out, and why.
    """
    levers = evidence.levers
    movers = levers[levers["verdict"] == "moves"].sort_values(["rank", "lever"])["lever"].tolist()
    if pairing.n_pairs > MOST_PAIRS:
        told = (
            f"Curves and segments are left out with more than {MOST_PAIRS:,} pairs; dose_response and segment_effects"
            " give them."
        )
        return (), (told,) if movers else ()
    found: list[DoseResponse | SegmentEffects] = []
    notes: list[str] = []
    for lever in movers[:MOST_LEVERS]:
        _try(found, notes, partial(dose_response, pairing, lever, weights=weights, spec=spec))
        if by is not None:
            _try(found, notes, partial(segment_effects, pairing, lever, by, weights=weights, spec=spec))
    return tuple(found), tuple(notes)


def _try(
    found: list[DoseResponse | SegmentEffects], notes: list[str], ask: Callable[[], DoseResponse | SegmentEffects]
) -> None:
    """Keep a result, or what stands in its way."""
    try:
        found.append(ask())
    except NothingToEstimateError as error:
        notes.append(error.message)
