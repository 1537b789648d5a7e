"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxfusion.checks.catalogue import LEVELS

if TYPE_CHECKING:
    from cxfusion.checks.catalogue import CheckPlan, Level

__all__ = ["Finding", "finding"]


@dataclass(frozen=True)
class Finding:
    """One check that has something to say.

    Attributes
    ----------
    level : {"stop", "warn", "set_aside", "note"}
    check : str
        Of the catalogue.
    table : {"contacts", "surveys", "legs", "pairs"}
    column : str or None
    n : int
        Rows or cells that it is about.
    of : int
        Of how many.
    told : str
        In one sentence.
    examples : tuple of str
        Up to a few places in the source, with what stands there where that is a number or a time.
    """

    level: Level
    check: str
    table: str
    column: str | None
    n: int
    of: int
    told: str
    examples: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[Any, ...]:
        """The loudest first, then by place."""
        return LEVELS.index(self.level), self.table, self.check, self.column or ""


def finding(
    plan: CheckPlan, check: str, table: str, column: str | None, n: int, of: int, told: str, *, is_minor: bool = False
) -> list[Finding]:
    """One finding, or none where the plan has switched its check off; a minor one is a note, whatever its check is."""
    level = plan.level_of(check, "note" if is_minor else None)
    return [] if level is None else [Finding(level, check, table, column, n, of, told)]
