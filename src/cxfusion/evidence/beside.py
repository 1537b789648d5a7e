"""Rungs that stand beside the ladder, on other ground than adjustment: agents' averages, crowding, trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxfusion.evidence.between import between_rungs
from cxfusion.evidence.congestion import congestion_rung
from cxfusion.evidence.experiment import experiment_rungs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import Ladder, RungEstimate
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec

__all__ = ["beside_ladder"]


def beside_ladder(sample: Sample, spec: LeverSpec, levers: Sequence[Lever], ladder: Ladder) -> list[RungEstimate]:
    """All of them, of all levers that have them.

    Parameters
    ----------
    sample : Sample
    spec : LeverSpec
    levers : sequence of Lever
        Those that can be tested.
    ladder : Ladder
        Whose steps are used.
    """
    crowded = congestion_rung(sample, spec, levers, ladder)
    return [
        *between_rungs(sample, spec, levers, ladder),
        *([] if crowded is None else [crowded]),
        *experiment_rungs(sample, spec, levers, ladder),
    ]
