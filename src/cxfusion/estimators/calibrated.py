"""How much a calibrated figure varies: what is left of each answer once the calibration's margins have explained it.

Margins are known, so whatever they explain of a score does not vary from one set of answers to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

from cxfusion.estimators.solving import invert_information

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxfusion.estimators.rows import Rows

__all__ = ["Residuals", "calibration_residuals", "leverages"]

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
    slopes = invert_information(rows.cross_product(rows.weight))
    coefficients = slopes.root @ (slopes.root.T @ _by_domain(rows, domain, n_domains, rows.weight * value))
    size = np.bincount(rows.cluster)
    is_alone = size[rows.cluster] == 1
    one, several = rows.where(is_alone), rows.where(~is_alone)
    own = np.bincount(domain[is_alone], (weight * value)[is_alone] ** 2, n_domains)
    own = np.diag(own) if is_pairwise else own
    crossed = _by_domain(one, domain[is_alone], n_domains, (weight**2 * value)[is_alone])
    meat = one.cross_product(weight[is_alone] ** 2)
    if len(several.outcome):
        values, columns = _by_cluster(several, weight[~is_alone], value[~is_alone], domain[~is_alone], n_domains)
        own = own + (values.T @ values if is_pairwise else values.multiply(values).sum(axis=0))
        crossed, meat = crossed + (columns.T @ values).toarray(), meat + (columns.T @ columns).toarray()
    left = np.bincount(domain, weight * value, n_domains) - rows.transposed_times(weight) @ coefficients
    n_clusters, n_margins = len(size), int(slopes.root.shape[1])
    if is_pairwise:
        shared = coefficients.T @ crossed
        explained = coefficients.T @ meat @ coefficients - shared - shared.T
        return Residuals(np.asarray(own + explained - np.outer(left, left) / n_clusters), n_margins)
    squares = own + (coefficients * (meat @ coefficients - 2 * crossed)).sum(axis=0) - left**2 / n_clusters
    return Residuals(np.maximum(np.asarray(squares).ravel(), 0.0), n_margins)


def leverages(rows: Rows) -> Floats:
    """How much each row decides of its own fitted value in the weighted regression on the margins, shape (n,)."""
    p, q = rows.dense.shape[1], rows.width
    spread = np.zeros((q + 1, q + 1))  # the last row and column stand for a level without a column
    spread[:q, :q] = invert_information(rows.cross_product(rows.weight)).matrix
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


def _by_cluster(
    rows: Rows, weight: Floats, value: Floats, domain: Ints, n_domains: int
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Weighted values by cluster and domain, and columns by cluster, of clusters of several rows."""
    cluster = np.unique(rows.cluster, return_inverse=True)[1]
    n, m = len(cluster), int(cluster.max()) + 1
    gather = sparse.csr_array((weight, (cluster, np.arange(n))), shape=(m, n))
    columns = gather @ sparse.hstack([sparse.csr_array(rows.dense), rows.groups.matrix], format="csr")
    return sparse.csr_array((weight * value, (cluster, domain)), shape=(m, n_domains)), columns
