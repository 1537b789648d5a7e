"""One verdict per lever, with the sentence that says why.

Without the negative control no lever can be told from hidden case difficulty, so a testable lever is `unclear`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxfusion.results.labels import lever_label, step_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.evidence.rungs import RungEstimate

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True)
class Verdict:
    """What may be said of a lever.

    Attributes
    ----------
    verdict : {"unclear", "untestable"}
    grade : str or None
        Strength of the design behind it.
    because : str
        One plain sentence, made from the numbers.
    """

    verdict: str
    grade: str | None
    because: str


def judge(rungs: Mapping[str, RungEstimate], unit: str, untestable: str | None) -> Verdict:
    """The verdict on one lever.

    Parameters
    ----------
    rungs : mapping of str to RungEstimate
        The lever's rungs by name; may be empty where it is untestable.
    unit : str
        Of the outcome.
    untestable : str or None
        Why nothing can be said.
    """
    if untestable is not None:
        return Verdict("untestable", None, f"It could not be tested: {untestable}.")
    within = rungs["within"]
    if within.reason is not None:
        return Verdict("untestable", None, f"It could not be compared within agents, hours and days: {within.reason}.")
    label = within.lever.label or lever_label(within.lever.name)
    because = (
        f"{label}: {step_in_words(within.lever.name, within.step)} goes with {within.estimate:+.3g} {unit}"
        f" ({within.conf_low:+.3g} to {within.conf_high:+.3g}) within the same agent, hour and day, but the negative"
        " control, which tells a lever from the mark of a hard case, has not been run."
    )
    return Verdict("unclear", "correlational", because)
