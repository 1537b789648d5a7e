"""The linear companion of a rung: the same levers as straight lines, the same controls and groups held fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.moments import LinearRows
from cxfusion.evidence.columns import numbers_of
from cxfusion.evidence.ladder import RungEstimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.columns import Source
    from cxfusion.evidence.design import Design

__all__ = ["LinearDesign", "rung_of_slope"]


@dataclass(frozen=True)
class LinearDesign:
    """Columns of linear models: the score, the levers' bases, then further ones.

    Attributes
    ----------
    design : Design
        Mostly of straight bases, with controls and groups.
    values : tuple of float
        What each answer counts.
    """

    design: Design
    values: tuple[float, ...]

    @property
    def width(self) -> int:
        """The score and the bases: where further columns begin."""
        return 1 + self.design.width

    def places(self, lever: str) -> tuple[int, ...]:
        """Where a lever's basis stands; the score is column 0."""
        own = self.design.columns(lever)
        return tuple(range(1 + own.start, 1 + own.stop))

    @property
    def groupings(self) -> tuple[str, ...]:
        """Names of the groupings, in their order: absorbed groups, then controls."""
        return tuple(name for name, width in (*self.design.groups, *self.design.controls) if width)

    def per_unit(self, lever: str) -> float:
        """From the slope of a straight lever's column to that of its own unit."""
        basis = next(basis for basis in self.design.bases if basis.lever.name == lever)
        return 1 / basis.first_unit

    def rows(self, batch: Source, further: NDArray[np.float64] | None = None, cluster: str = "cluster") -> LinearRows:
        """Rows of one batch, with further columns at the end."""
        rows = LinearRows.of_scores(self.design.make_rows(batch), self.values)
        columns = rows.columns if further is None else np.column_stack([rows.columns, further])
        codes = rows.cluster if cluster == "cluster" else numbers_of(batch, cluster).astype(np.int64)
        return replace(rows, columns=columns, groups=self.design.absorbed(batch), cluster=codes)


def rung_of_slope(
    lever: Lever,
    rung: str,
    step: float,
    slope: tuple[float, float],
    sizes: tuple[int, int, int],
    conf_level: float,
) -> RungEstimate:
    """A rung from the slope of a linear model.

    Parameters
    ----------
    lever : Lever
    rung : str
    step : float
        In the lever's unit.
    slope : (float, float)
        Points of the outcome per unit, and its standard error.
    sizes : (int, int, int)
        Rows, clusters, and degrees of freedom of Student's t.
    conf_level : float
    """
    estimate, std_error = slope[0] * step, slope[1] * abs(step)
    n, n_clusters, dof = sizes
    if not (np.isfinite(estimate) and np.isfinite(std_error) and std_error > 0):
        return RungEstimate(lever, rung, "the model gives no finite estimate for it", step)
    reach = float(student_t.reach(conf_level, dof)) * std_error
    return RungEstimate(
        lever=lever,
        rung=rung,
        reason=None,
        step=step,
        estimate=estimate,
        std_error=std_error,
        conf_low=estimate - reach,
        conf_high=estimate + reach,
        p_value=float(student_t.p_value(estimate / std_error, dof)),
        n=n,
        n_clusters=n_clusters,
        degrees=dof,
    )
