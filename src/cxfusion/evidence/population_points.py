"""Rows that are alike become points of a population, each of at least five contacts: of all, and of each segment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.estimators.support_points import group_alike
from cxfusion.evidence.population import COUNTED_TO, Points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from cxfusion.evidence.population import LeverForm
    from cxfusion.evidence.population_rows import PopulationRows

__all__ = ["gather_points", "segment_points"]

MAX_GROUPS: Final = 800
MAX_SEGMENT_GROUPS: Final = 100
LEVEL_COUNTS: Final = 3.0
"""How much more than in the linear predictor a group must be alike in its levers: of these it keeps the mean alone."""
TOLD_APART: Final = 8
"""Decimals of a standard deviation: rows that are alike must not be parted by the rounding of an engine's sums."""
MIN_CONTACTS: Final = 5
MIN_SEGMENT_RESPONSES: Final = 30


def gather_points(
    rows: PopulationRows, forms: Sequence[LeverForm], max_groups: int = MAX_GROUPS, min_contacts: int = MIN_CONTACTS
) -> Points:
    """Group rows that are alike in their levers and in what the models expect of them.

    A group becomes two points of its mean levels, one standard deviation below and above its mean linear predictor: the
    expected score is a curve in it, so that a mean alone would make every effect a little too large.
    """
    counts = np.array([form.lever.shape == "count" for form in forms])
    apart = np.where(counts, np.minimum(np.rint(rows.level), COUNTED_TO + 1), rows.level > 0).astype(np.int64)
    expected = np.hstack([base.mean(axis=1, keepdims=True) for base in rows.base])
    coordinates = np.hstack([LEVEL_COUNTS * _standard(_places(rows.level, forms)), _standard(expected)])
    group: NDArray[np.int64] = group_alike(apart, coordinates.round(TOLD_APART), max_groups, min_contacts)
    weight = np.bincount(group, rows.weight).astype(float)
    level = _means(group, rows.weight, weight, rows.level)
    level = np.where(counts & (level <= COUNTED_TO), np.rint(level), level)
    means = [_means(group, rows.weight, weight, base) for base in rows.base]
    squares = [
        _means(group, rows.weight, weight, (base - mean[group]) ** 2)
        for base, mean in zip(rows.base, means, strict=True)
    ]
    return Points(
        weight=np.tile(weight / weight.sum() / 2, 2),
        level=np.tile(level, (2, 1)),
        base=tuple(
            np.vstack([mean - np.sqrt(square), mean + np.sqrt(square)])
            for mean, square in zip(means, squares, strict=True)
        ),
        n=len(group),
    )


def _places(level: NDArray[np.float64], forms: Sequence[LeverForm]) -> NDArray[np.float64]:
    """Levels as places between the knots of their curves, so that points lie dense where a curve may bend."""
    return np.column_stack([_place(column, form.basis.knots) for column, form in zip(level.T, forms, strict=True)])


def _place(level: NDArray[np.float64], knots: tuple[float, ...]) -> NDArray[np.float64]:
    if not knots:
        return level
    return np.interp(level, [0.0, *knots, max(level.max(), knots[-1])], np.arange(len(knots) + 2))


def _standard(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _means(
    group: NDArray[np.int64], weight: NDArray[np.float64], total: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.column_stack([np.bincount(group, weight * column) / total for column in columns.T])


def segment_points(
    rows: PopulationRows, forms: Sequence[LeverForm], levels: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Points]]:
    """The points of each large level of the case mix, where a column has several of these."""
    found: dict[str, dict[str, Points]] = {}
    for column, labels in levels.items():
        codes = rows.codes[column]
        large = [code for code in range(-1, len(labels) - 1) if (codes == code).sum() >= MIN_SEGMENT_RESPONSES]
        if len(large) > 1:
            found[column] = {labels[code + 1]: _segment(rows, codes == code, forms) for code in large}
    return found


def _segment(rows: PopulationRows, is_inside: NDArray[np.bool_], forms: Sequence[LeverForm]) -> Points:
    points = gather_points(rows.where(is_inside), forms, MAX_SEGMENT_GROUPS)
    return replace(points, share=float(rows.weight[is_inside].sum() / rows.weight.sum()))
