"""How much a calibrated figure varies: what is left of each answer once the calibration's margins have explained it.

Margins are known, so whatever they explain of a score does not vary from one set of answers to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

from cxfusion.estimators.solving import Inverse, invert_information

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Rows

__all__ = ["Calibration", "Residuals", "calibration_residuals", "leverages", "slopes_of"]

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"


@dataclass(frozen=True)
class Residuals:
    """Sums of squares of residuals.

    Attributes
    ----------
    products : array, shape (domains, domains) or (domains,)
        Per two domains, the sum over clusters of the product of their Σ weight · residual, about their means; or of one
        domain with itself only.
    n_margins : int
        Independent margins that the residuals are free of.
    """

    products: Floats
    n_margins: int

    @property
    def squares(self) -> Floats:
        """Per domain, shape (domains,)."""
        return self.products if self.products.ndim == 1 else np.diag(self.products)


@dataclass(frozen=True)
class Calibration:
    """What all figures of the same calibrated rows share: the regression on the margins, and the rows by cluster.

    Attributes
    ----------
    rows : Rows
    weight : array, shape (n,)
        Calibrated weights.
    slopes : Inverse
        Of the regression on the margins.
    """

    rows: Rows
    weight: Floats
    slopes: Inverse

    def residuals(self, value: Floats, domain: Ints, n_domains: int, *, is_pairwise: bool = False) -> Residuals:
        """Residuals of one linearised figure, as of :func:`calibration_residuals`."""
        rows, weight, root = self.rows, self.weight, self.slopes.root
        coefficients = root @ (root.T @ _by_domain(rows, domain, n_domains, rows.weight * value))
        is_alone, meat = self._is_alone, self._meat
        own = np.bincount(domain[is_alone], (weight * value)[is_alone] ** 2, n_domains)
        own = np.diag(own) if is_pairwise else own
        crossed = _by_domain(self._alone, domain[is_alone], n_domains, (weight**2 * value)[is_alone])
        if self._columns is not None:
            values = self._values(value, domain, n_domains)
            own = own + (values.T @ values if is_pairwise else values.multiply(values).sum(axis=0))
            crossed = crossed + (self._columns.T @ values).toarray()
        left = np.bincount(domain, weight * value, n_domains) - self._totals @ coefficients
        n_clusters, n_margins = len(self._size), int(root.shape[1])
        if is_pairwise:
            shared = coefficients.T @ crossed
            explained = coefficients.T @ meat @ coefficients - shared - shared.T
            return Residuals(np.asarray(own + explained - np.outer(left, left) / n_clusters), n_margins)
        squares = own + (coefficients * (meat @ coefficients - 2 * crossed)).sum(axis=0) - left**2 / n_clusters
        return Residuals(np.maximum(np.asarray(squares).ravel(), 0.0), n_margins)

    @cached_property
    def _size(self) -> Ints:
        return np.bincount(self.rows.cluster)

    @cached_property
    def _is_alone(self) -> NDArray[np.bool_]:
        return np.asarray(self._size[self.rows.cluster] == 1)

    @cached_property
    def _alone(self) -> Rows:
        return self.rows.where(self._is_alone)

    @cached_property
    def _totals(self) -> Floats:
        return self.rows.transposed_times(self.weight)

    @cached_property
    def _cluster(self) -> Ints:
        """Of the rows of clusters of several, from 0."""
        return np.unique(self.rows.cluster[~self._is_alone], return_inverse=True)[1]

    @cached_property
    def _columns(self) -> sparse.csr_array | None:
        """Weighted columns by cluster, of clusters of several rows; None where there are none."""
        if self._is_alone.all():
            return None
        rows, n = self.rows.where(~self._is_alone), len(self._cluster)
        gather = sparse.csr_array((self.weight[~self._is_alone], (self._cluster, np.arange(n))))
        return sparse.csr_array(
            gather @ sparse.hstack([sparse.csr_array(rows.dense), rows.groups.matrix], format="csr")
        )

    @cached_property
    def _meat(self) -> Floats:
        """Cross-products of the weighted columns by cluster."""
        of_alone = self._alone.cross_product(self.weight[self._is_alone] ** 2)
        return of_alone if self._columns is None else of_alone + (self._columns.T @ self._columns).toarray()

    def _values(self, value: Floats, domain: Ints, n_domains: int) -> sparse.csr_array:
        """Weighted values by cluster and domain, of clusters of several rows."""
        weighted, shape = (self.weight * value)[~self._is_alone], (int(self._cluster.max()) + 1, n_domains)
        return sparse.csr_array((weighted, (self._cluster, domain[~self._is_alone])), shape=shape)


def calibration_residuals(
    rows: Rows, weight: Floats, value: Floats, domain: Ints, n_domains: int, *, is_pairwise: bool = False
) -> Residuals:
    """Residuals of a linearised figure on the margins of the calibration, summed by cluster.

    Parameters
    ----------
    rows : Rows
        The margins' columns, the constant among them; ``weight`` is that of the regression; ``cluster`` from 0.
    weight : array, shape (n,)
        Calibrated weights.
    value : array, shape (n,)
        The figure's linearised value within its domain: y for a total of y, y less the domain's mean for a mean (the
        sum of squares is then that of the mean times the domain's weight).
    domain : int array, shape (n,)
        From 0; a row's value counts in its own domain and is 0 in all others, where its margins still count.
    n_domains : int
    is_pairwise : bool
        Also between domains: their figures move together through the margins, and through clusters in both.

    References
    ----------
    Deville & Särndal (1992), JASA 87, 376–382, section 3; Deville (1999), Survey Methodology 25, 193–203.
    """
    found = Calibration(rows, weight, slopes_of(rows))
    return found.residuals(value, domain, n_domains, is_pairwise=is_pairwise)


def slopes_of(rows: Rows) -> Inverse:
    """What the weighted regression on the margins divides by."""
    return invert_information(rows.cross_product(rows.weight))


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


def _by_domain(rows: Rows, domain: Ints, n_domains: int, weight: Floats) -> Floats:
    """Weighted sums of the columns by domain, shape (width, domains)."""
    parts = [np.bincount(domain, weight * column, n_domains)[None] for column in rows.dense.T]
    for place, width in enumerate(rows.groups.widths):
        cells = np.bincount(domain * (width + 1) + rows.groups.codes[:, place] + 1, weight, n_domains * (width + 1))
        parts.append(cells.reshape(n_domains, width + 1)[:, 1:].T)
    return np.vstack(parts)
