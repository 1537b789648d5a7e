"""How much a calibrated figure varies: what is left of each answer once the calibration's margins have explained it.

Margins are known, so whatever they explain of a score does not vary from one set of answers to the next. Residuals are
summed by cluster, of which there may be as many as rows: a cluster whose rows come in one batch is done with there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import sparse

from cxfusion.estimators.held import PART_ROWS, keep_parts, may_keep
from cxfusion.estimators.solving import Inverse, invert_information

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Rows
    from cxfusion.fold import Sweep

__all__ = ["CalibratedRows", "Residuals", "calibration_residuals", "leverages"]

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"


@dataclass(frozen=True)
class CalibratedRows:
    """Some calibrated rows, and what figures make of them.

    Attributes
    ----------
    rows : Rows
        The margins' columns, the constant among them; ``weight`` is that of the regression on them.
    weight : array, shape (n,)
        Calibrated weights.
    values : array, shape (n, figures)
        What each row counts in each figure.
    domains : int array, shape (n, m)
        The domains that each row is in, of m partitions of the rows, from 0; a row's value counts in its own domains
        and is 0 in all others, where its margins still count.
    size : int array, shape (n,)
        Rows of the same cluster, here and elsewhere.
    """

    rows: Rows
    weight: Floats
    values: Floats
    domains: Ints
    size: Ints

    @property
    def n_bytes(self) -> int:
        """About how much memory they take."""
        own = (self.rows.dense, self.weight, self.values, self.domains, self.size)
        return sum(array.nbytes for array in own) + self.rows.groups.n_bytes + 24 * len(self.weight)


PartMaker: TypeAlias = "Callable[[Any], CalibratedRows]"


@dataclass(frozen=True)
class Residuals:
    """Sums of squares of residuals.

    Attributes
    ----------
    n : int
        Rows.
    total : array, shape (domains,)
        Weight of each domain.
    products : array, shape (figures, domains, domains) or (figures, domains)
        Per figure and two domains, the sum over clusters of the product of their Σ weight · residual, about their
        means; or of one domain with itself only.
    n_margins : int
        Independent margins that the residuals are free of.
    """

    n: int
    total: Floats
    products: Floats
    n_margins: int

    @property
    def squares(self) -> Floats:
        """Per figure and domain, shape (figures, domains)."""
        return self.products if self.products.ndim == 2 else np.diagonal(self.products, axis1=1, axis2=2)


def calibration_residuals(
    sweep: Sweep,
    make_part: PartMaker,
    n_domains: int,
    *,
    is_mean: bool = True,
    is_pairwise: bool = False,
    most_leverage: float = 0.0,
) -> Residuals | None:
    """Residuals of linearised figures on the margins of the calibration, summed by cluster.

    Parameters
    ----------
    sweep : Sweep
        Best ordered by cluster: of clusters whose rows do not come in one batch, sums are carried along.
    make_part : callable
        From a batch to :class:`CalibratedRows`.
    n_domains : int
    is_mean : bool
        A figure is the mean of its values, linearised as value less the domain's mean (sums of squares are then those
        of the mean times the domain's weight); else their total.
    is_pairwise : bool
        Also between domains: their figures move together through the margins, and through clusters in both. Of domains
        of one partition.
    most_leverage : float
        Residuals are divided by one less their leverage, which counts as this at most: 0 leaves them as they are.

    Returns
    -------
    Residuals or None
        None where there are no rows.

    References
    ----------
    Deville & Särndal (1992), JASA 87, 376–382, section 3; Deville (1999), Survey Methodology 25, 193–203.
    """
    if may_keep(sweep):
        sweep, make_part = keep_parts(sweep, make_part, part_rows=max(PART_ROWS, 8 * n_domains)), _as_it_is
    margins = sweep(_MarginsFold(make_part, n_domains))
    if not margins.n:
        return None
    slopes = invert_information(margins.information)
    about = margins.values / margins.total if is_mean else np.zeros_like(margins.values)
    clusters = sweep(_ClustersFold(make_part, about, slopes, most_leverage, is_pairwise))
    products = np.array([clusters.products(i, slopes) for i in range(len(about))])
    return Residuals(margins.n, margins.total, products, int(slopes.root.shape[1]))


def leverages(rows: Rows, slopes: Inverse) -> Floats:
    """How much each row decides of its own fitted value in the weighted regression on the margins, shape (n,)."""
    p, q = rows.dense.shape[1], rows.width
    spread = np.zeros((q + 1, q + 1))  # the last row and column stand for a level without a column
    spread[:q, :q] = slopes.matrix
    starts = p + np.concatenate([[0], np.cumsum(rows.groups.widths)])[: rows.groups.codes.shape[1]]
    places = [np.where(code >= 0, start + code, q) for start, code in zip(starts, rows.groups.codes.T, strict=True)]
    total = ((rows.dense @ spread[:p, :p]) * rows.dense).sum(axis=1)
    for i, place in enumerate(places):
        total += spread[place, place] + 2 * (rows.dense * spread[place, :p]).sum(axis=1)
        for other in places[:i]:
            total += 2 * spread[place, other]
    return np.asarray(rows.weight * total)


def _as_it_is(part: Any) -> CalibratedRows:
    found: CalibratedRows = part
    return found


@dataclass
class _Margins:
    """The regression's information, and by domain the rows' weights and weighted values."""

    n: int
    information: Floats  # (width, width)
    total: Floats  # (domains,)
    values: Floats  # (figures, domains)


class _MarginsFold:
    """Fold: what the regression on the margins divides by, and the domains' totals."""

    def __init__(self, make_part: PartMaker, n_domains: int) -> None:
        self._make_part = make_part
        self._n_domains = n_domains

    def zero(self) -> _Margins:
        return _Margins(0, np.zeros((1, 1)), np.zeros(self._n_domains), np.zeros((1, self._n_domains)))

    def step(self, state: _Margins, batch: Any) -> _Margins:
        part, d = self._make_part(batch), self._n_domains
        total = sum(np.bincount(own, part.weight, d) for own in part.domains.T)
        weighted = part.values.T * part.weight
        values = np.array([sum(np.bincount(own, one, d) for own in part.domains.T) for one in weighted])
        information = part.rows.cross_product(part.rows.weight)
        return self.merge(state, _Margins(len(part.weight), information, np.asarray(total), values))

    def merge(self, left: _Margins, right: _Margins) -> _Margins:
        return _Margins(
            left.n + right.n,
            left.information + right.information,
            left.total + right.total,
            left.values + right.values,
        )

    def finish(self, state: _Margins) -> _Margins:
        return state


@dataclass(frozen=True)
class _Pieces:
    """Sums of clusters, or of pieces of some: their columns and the figures' values, by cluster."""

    cluster: Ints
    columns: sparse.csr_array  # (clusters, width)
    values: tuple[sparse.csr_array, ...]  # of each figure (clusters, domains)

    def where(self, is_kept: NDArray[np.bool_]) -> _Pieces:
        at = np.flatnonzero(is_kept)
        return _Pieces(self.cluster[at], self.columns[at], tuple(one[at] for one in self.values))


@dataclass
class _Clusters:
    """Sums over clusters of products of the sums of their rows, and the pieces of clusters that are not whole yet."""

    n: int
    meat: Floats  # (width, width): of the columns
    totals: Floats  # (width,): of the columns themselves
    crossed: Floats  # (figures, width, domains): of columns and values
    own: Floats  # (figures, domains, domains) or (figures, domains): of values
    left: Floats  # (figures, domains): of the values themselves
    explained: Floats  # (figures, width, domains): what slopes are made of
    pieces: list[_Pieces] = field(default_factory=list)

    def add(self, whole: _Pieces) -> None:
        """Add whole clusters, the sums of their rows apart."""
        self.n += len(whole.cluster)
        self.meat += (whole.columns.T @ whole.columns).toarray()
        for i, values in enumerate(whole.values):
            self.crossed[i] += (whole.columns.T @ values).toarray()
            of_values = values.T @ values if self.own.ndim > 2 else values.multiply(values).sum(axis=0)
            self.own[i] += of_values.toarray() if self.own.ndim > 2 else np.asarray(of_values).ravel()

    def products(self, i: int, slopes: Inverse) -> Floats:
        """Of a figure's residuals, about their means."""
        coefficients = slopes.root @ (slopes.root.T @ self.explained[i])
        left = self.left[i] - self.totals @ coefficients
        if self.own.ndim > 2:
            shared = coefficients.T @ self.crossed[i]
            explained = coefficients.T @ self.meat @ coefficients - shared - shared.T
            return np.asarray(self.own[i] + explained - np.outer(left, left) / self.n)
        explained = (coefficients * (self.meat @ coefficients - 2 * self.crossed[i])).sum(axis=0)
        return np.asarray(np.maximum(self.own[i] + explained - left**2 / self.n, 0.0))


class _ClustersFold:
    """Fold: what residuals, which are linear in columns and values, have as sums of squares by cluster."""

    def __init__(
        self, make_part: PartMaker, about: Floats, slopes: Inverse, most_leverage: float, is_pairwise: bool
    ) -> None:
        self._make_part = make_part
        self._about = about
        self._slopes = slopes
        self._most_leverage = most_leverage
        self._is_pairwise = is_pairwise

    def zero(self) -> _Clusters:
        (f, d), q = self._about.shape, len(self._slopes.root)
        own = np.zeros((f, d, d) if self._is_pairwise else (f, d))
        of_columns = np.zeros((q, q)), np.zeros(q), np.zeros((f, q, d))
        return _Clusters(0, *of_columns, own, np.zeros((f, d)), np.zeros((f, q, d)))

    def step(self, state: _Clusters, batch: Any) -> _Clusters:
        part = self._make_part(batch)
        if not len(part.weight):
            return state
        rows, d = part.rows, self._about.shape[1]
        weight = part.weight / (1 - np.minimum(leverages(rows, self._slopes), self._most_leverage))
        values = part.values.T[:, :, None] - self._about[:, part.domains]  # (figures, n, m)
        state.totals += rows.transposed_times(weight)
        for i, value in enumerate(values):
            for own, one in zip(part.domains.T, value.T, strict=True):
                state.left[i] += np.bincount(own, weight * one, d)
                state.explained[i] += _by_domain(rows, own, d, rows.weight * one)
        is_alone = part.size == 1
        self._add_alone(state, part, weight, values, is_alone)
        if not is_alone.all():
            self._add_others(state, part, weight, values, ~is_alone)
        return state

    def merge(self, left: _Clusters, right: _Clusters) -> _Clusters:
        left.n += right.n
        for name in ("meat", "totals", "crossed", "own", "left", "explained"):
            mine: Floats = getattr(left, name)
            mine += getattr(right, name)
        left.pieces += right.pieces
        return left

    def finish(self, state: _Clusters) -> _Clusters:
        """With the clusters that came in pieces."""
        if state.pieces:
            cluster = np.concatenate([piece.cluster for piece in state.pieces])
            columns = sparse.vstack([piece.columns for piece in state.pieces], format="csr")
            values = zip(*(piece.values for piece in state.pieces), strict=True)
            together = [sparse.vstack(one, format="csr") for one in values]
            state.add(_gathered(cluster, columns, together))
            state.pieces = []
        return state

    def _add_alone(
        self, state: _Clusters, part: CalibratedRows, weight: Floats, values: Floats, at: NDArray[np.bool_]
    ) -> None:
        """Rows that are clusters of their own."""
        rows, domains, d = part.rows.where(at), part.domains[at], self._about.shape[1]
        squared = weight[at] ** 2
        state.n += len(squared)
        state.meat += rows.cross_product(squared)
        for i, value in enumerate(values[:, at]):
            for own, one in zip(domains.T, value.T, strict=True):
                state.crossed[i] += _by_domain(rows, own, d, squared * one)
                of_values = np.bincount(own, squared * one**2, d)
                state.own[i] += np.diag(of_values) if self._is_pairwise else of_values

    def _add_others(
        self, state: _Clusters, part: CalibratedRows, weight: Floats, values: Floats, at: NDArray[np.bool_]
    ) -> None:
        """Rows of clusters of several, of which some may have further rows in other batches."""
        rows, own, n, m = part.rows.where(at), weight[at], int(at.sum()), part.domains.shape[1]
        columns = sparse.hstack([sparse.csr_array(rows.dense), rows.groups.matrix], format="csr")
        places = (np.repeat(np.arange(n), m), part.domains[at].ravel())
        shape = (n, self._about.shape[1])
        by_figure = [sparse.csr_array(((own[:, None] * one).ravel(), places), shape=shape) for one in values[:, at]]
        sums = _gathered(rows.cluster, columns.multiply(own[:, None]).tocsr(), by_figure)
        first, seen = np.unique(rows.cluster, return_index=True, return_counts=True)[1:]
        is_whole = seen == part.size[at][first]
        state.add(sums.where(is_whole))
        if not is_whole.all():
            state.pieces.append(sums.where(~is_whole))


def _gathered(cluster: Ints, columns: sparse.csr_array, values: list[sparse.csr_array]) -> _Pieces:
    """Sums by cluster."""
    named, place = np.unique(cluster, return_inverse=True)
    gather = sparse.csr_array((np.ones(len(place)), (place, np.arange(len(place)))))
    return _Pieces(named, sparse.csr_array(gather @ columns), tuple(sparse.csr_array(gather @ one) for one in values))


def _by_domain(rows: Rows, domain: Ints, n_domains: int, weight: Floats) -> Floats:
    """Weighted sums of the columns by domain, shape (width, domains)."""
    parts = [np.bincount(domain, weight * column, n_domains)[None] for column in rows.dense.T]
    for place, width in enumerate(rows.groups.widths):
        cells = np.bincount(domain * (width + 1) + rows.groups.codes[:, place] + 1, weight, n_domains * (width + 1))
        parts.append(cells.reshape(n_domains, width + 1)[:, 1:].T)
    return np.vstack(parts)
