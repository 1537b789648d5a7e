"""How strong a factor that nobody recorded would have to be to undo a lever's effect (Cinelli & Hazlett).

Asked of the linear model of the within rung, with the recorded reason of the contact as the yardstick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cxfusion.errors import EstimationError, TooFewResponsesError
from cxfusion.estimators.moments import Block
from cxfusion.estimators.sensitivity import ConfounderBound, NotComputable, Sensitivity, sensitivity_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxfusion.estimators.within import Within
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.linear import LinearDesign

__all__ = ["SENSITIVITY_COLUMNS", "YARDSTICK", "Robustness", "robustness_of"]

YARDSTICK: Final = "control_reason"
SENSITIVITY_COLUMNS: Final = (
    "lever", "partial_r2", "robustness_value", "robustness_value_significant", "benchmark", "multiple",
    "adjusted_estimate", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Robustness:
    """Sensitivity of one lever, or why it has none.

    Attributes
    ----------
    lever : str
    sensitivity : Sensitivity or None
    reason : str or None
    scale : float
        From the linear coefficient to the lever's step.
    """

    lever: str
    sensitivity: Sensitivity | None
    reason: str | None
    scale: float

    def rows(self) -> list[dict[str, Any]]:
        """One row per yardstick and multiple, in ``SENSITIVITY_COLUMNS``; at least one."""
        if self.sensitivity is None:
            return [{"lever": self.lever, "status": "not_applicable", "reason": self.reason}]
        found = self.sensitivity
        known = {
            "lever": self.lever,
            "partial_r2": found.partial_r2,
            "robustness_value": found.robustness_value,
            "robustness_value_significant": found.robustness_value_significant,
        }
        if not found.bounds:
            return [{**known, "status": "ok", "reason": "the log has no reason to compare with"}]
        return [{**known, **_bound(bound, self.scale)} for bound in found.bounds]


def _bound(bound: ConfounderBound | NotComputable, scale: float) -> dict[str, Any]:
    same = {"benchmark": bound.benchmark, "multiple": bound.multiple}
    if isinstance(bound, NotComputable):
        return {**same, "status": "not_computable", "reason": bound.reason}
    return {**same, "adjusted_estimate": bound.adjusted.estimate * scale, "status": "ok"}


def robustness_of(
    within: Within,
    without_reason: Within,
    linear: LinearDesign,
    levers: Sequence[Lever],
    steps: dict[str, float],
    conf_level: float,
) -> list[Robustness]:
    """Sensitivity of each lever of a within design.

    Parameters
    ----------
    within : Within
        The linear design, all its groupings held fixed.
    without_reason : Within
        The same, the recorded reason not held fixed.
    linear : LinearDesign
        Straight bases, with controls and groups.
    levers : sequence of Lever
    steps : dict of str to float
        The step used, by lever.
    conf_level : float
        Of the interval that a hidden factor would have to bring to 0.
    """
    names = linear.groupings
    everything = Block(groupings=tuple(range(len(names))))
    yardsticks = {"reason": Block(groupings=(names.index(YARDSTICK),))} if YARDSTICK in names else {}
    without = dict.fromkeys(yardsticks, without_reason)
    found = []
    for lever in levers:
        (own,) = linear.places(lever.name)
        others = Block(columns=tuple(place for place in range(1, linear.width) if place != own)) + everything
        scale = steps.get(lever.name, lever.step) * linear.per_unit(lever.name)
        try:
            sensitivity = sensitivity_of(within, 0, own, others, yardsticks, conf_level, without)
        except (EstimationError, TooFewResponsesError) as error:
            found.append(Robustness(lever.name, None, error.message, scale))
        else:
            found.append(Robustness(lever.name, sensitivity, None, scale))
    return found
