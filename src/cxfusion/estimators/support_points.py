"""Many rows as few groups of rows that are alike: small enough to carry along, never about fewer than some rows.

Rows of different cells stay apart as far as their cells are large enough; within a cell, the group that differs most in
some coordinate is halved along it, until there are as many groups as allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["group_alike"]

NEGLIGIBLE: Final = 1e-12
SPLIT_FROM: Final = 0.2
"""Of the largest scatter of a group: those nearly as bad are halved in the same round."""


def group_alike(
    cells: NDArray[np.int64], coordinates: NDArray[np.float64], max_groups: int, min_rows: int
) -> NDArray[np.int64]:
    """Group rows that are alike.

    Parameters
    ----------
    cells : int array, shape (n, c)
        Kept apart; cells of fewer than ``min_rows`` rows join the next one in their order.
    coordinates : array, shape (n, d)
        By which a group is halved, in units of the same importance.
    max_groups : int
        Aimed at; more only where there are more cells.
    min_rows : int
        Fewest rows of a group; fewer than that in all make one group.

    Returns
    -------
    int array, shape (n,)
        Each row's group, from 0.

    Examples
    --------
    >>> cells = np.zeros((4, 1), dtype=np.int64)
    >>> group_alike(cells, np.array([[0.0], [9.0], [1.0], [8.0]]), max_groups=2, min_rows=2).tolist()
    [0, 1, 0, 1]
    """
    group = _merged_cells(cells, min_rows)
    while True:
        scatter = _scatter(group, coordinates)
        n_groups, worst = len(scatter), scatter.max(axis=1, initial=0.0)
        may_split = (np.bincount(group, minlength=n_groups) >= 2 * min_rows) & (worst > NEGLIGIBLE)
        room = max_groups - n_groups
        if room <= 0 or not may_split.any():
            return group
        chosen = np.flatnonzero(may_split & (worst >= SPLIT_FROM * worst[may_split].max()))
        chosen = chosen[np.argsort(-worst[chosen], kind="stable")[:room]]
        group = _halved(group, coordinates, chosen, scatter.argmax(axis=1), n_groups)


def _merged_cells(cells: NDArray[np.int64], min_rows: int) -> NDArray[np.int64]:
    """Cells in their order as groups; one that is too small joins the next, the last one that before."""
    _, cell, sizes = np.unique(_as_one(cells), return_inverse=True, return_counts=True)
    place, group_of, gathered = 0, np.zeros(len(sizes), dtype=np.int64), 0
    for i, size in enumerate(sizes):
        group_of[i] = place
        gathered += size
        if gathered >= min_rows:
            place, gathered = place + 1, 0
    if gathered:
        group_of = np.minimum(group_of, max(place - 1, 0))
    return group_of[cell.reshape(-1)]


def _as_one(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each cell, in the cells' order: rows of numbers take a sort ten times as long."""
    number = np.zeros(len(cells), dtype=np.int64)
    for column in cells.T:
        levels, code = np.unique(column, return_inverse=True)
        number = np.unique(number * len(levels) + code, return_inverse=True)[1]  # so that it never overflows
    return number


def _scatter(group: NDArray[np.int64], coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of squares of each coordinate about its mean in each group, shape (groups, d)."""
    sizes = np.bincount(group)
    found = np.empty((len(sizes), coordinates.shape[1]))
    for j, column in enumerate(coordinates.T):
        mean = np.bincount(group, column) / sizes
        found[:, j] = np.bincount(group, (column - mean[group]) ** 2)
    return found


def _halved(
    group: NDArray[np.int64],
    coordinates: NDArray[np.float64],
    chosen: NDArray[np.int64],
    along: NDArray[np.intp],
    n_groups: int,
) -> NDArray[np.int64]:
    """The chosen groups halved, each along its own coordinate; the upper halves get numbers from ``n_groups``."""
    new_number = np.full(n_groups, -1, dtype=np.int64)
    new_number[chosen] = n_groups + np.arange(len(chosen))
    rows = np.flatnonzero(new_number[group] >= 0)
    own = group[rows]
    order = np.lexsort((coordinates[rows, along[own]], own))
    sizes = np.bincount(own, minlength=n_groups)
    begins = np.cumsum(sizes) - sizes
    rank = np.empty(len(rows), dtype=np.int64)
    rank[order] = np.arange(len(rows)) - begins[own[order]]
    is_upper = rank >= sizes[own] // 2
    halved = group.copy()
    halved[rows[is_upper]] = new_number[own[is_upper]]
    return halved
