"""Small-sample correction of cluster scores (CR2), in the space of parameters instead of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from cxfusion.fold import SumFold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from cxfusion.estimators.solving import Inverse
    from cxfusion.fold import Sweep

__all__ = ["CR2_BELOW", "adjusted_influence", "cluster_sums", "effective", "half_powers", "is_worth_cr2"]

ROUNDING: Final = 1e-20
CR2_BELOW: Final = 30  # clusters in effect; from there on the correction no longer matters
FEW_ROWS: Final = 20_000
"""With more of them, what a fit takes from its scores is next to nothing, whoever they come from."""
MOST_CLUSTERS: Final = 200  # by each of which the information is kept and decomposed: a third of a second
_Sums: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.float64]]"
_Parts: TypeAlias = "Callable[[pa.RecordBatch], Iterable[tuple[int, NDArray[np.float64], NDArray[np.float64]]]]"


def effective(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many clusters of equal weight would hold as much as these do, shares of shape (n_clusters, m), shape (m,).

    References
    ----------
    Kish (1965), *Survey Sampling*; Carter, Schnepel & Steigerwald (2017), Review of Economics and Statistics 99,
    698–709.
    """
    squares = (shares**2).sum(axis=0)
    known = np.full(len(squares), np.inf)  # where nothing is known, nothing is held by few
    return np.asarray(np.divide(shares.sum(axis=0) ** 2, squares, out=known, where=squares > 0))


def is_worth_cr2(n_effective: float, n_clusters: int, n: int) -> bool:
    """Whether scores of so many clusters, of n rows, are to be corrected.

    The number of parameters has no say: models of the same rows, whose effects are subtracted, are corrected alike.
    """
    is_small = n <= FEW_ROWS and n_clusters <= MOST_CLUSTERS
    return n_clusters < CR2_BELOW or (n_effective < CR2_BELOW and is_small)


def half_powers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eigenvalues to the power −½; 0 for a direction known from one cluster alone, which CR2 leaves uncorrected."""
    return np.where(values > 1e-8, np.maximum(values, 1e-8) ** -0.5, 0.0)


def cluster_sums(sweep: Sweep, parts: _Parts, n_clusters: int, q: int) -> _Sums:
    """Scores of each cluster, shape (n_clusters, q), and its information, shape (n_clusters, q, q); one fold.

    Parameters
    ----------
    sweep : Sweep
    parts : callable
        Record batch to each of its clusters, with the sum of its scores and its information.
    n_clusters, q : int
    """
    return sweep(_ClusterSums(parts, n_clusters, q))


def adjusted_influence(
    scores: NDArray[np.float64],
    information: NDArray[np.float64],
    inverse: Inverse,
    directions: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Influence of clusters, enlarged for what the fit took from their scores, and the degrees of freedom of errors.

    For a linear model, X′(I − XMX′)^(−½)e equals (I − X′XM)^(−½)X′e, so no matrix the size of a cluster is needed;
    here X′X is the cluster's information. The degrees are Satterthwaite's, of rows that vary as the model says: of
    clusters that hold unequal parts of what is known of an average, fewer count than there are.

    Parameters
    ----------
    scores : array, shape (n_clusters, q)
    information : array, shape (n_clusters, q, q)
    inverse : Inverse
        Of the information of all clusters together.
    directions : array, shape (q, m)
        The inverse information times the gradient of each average.

    Returns
    -------
    array, shape (n_clusters, m)
    array, shape (m,)

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181; Pustejovsky & Tipton (2018), JBES 36, 672–683.
    """
    root = inverse.root
    asked = np.linalg.pinv(root) @ directions
    own, held = np.empty((2, len(scores), *asked.shape))  # of a cluster's rows, as they are and as the fit holds them
    influence = np.empty((len(scores), asked.shape[1]))
    for cluster, (score, part) in enumerate(zip(scores, information, strict=True)):
        share = root.T @ part @ root  # of all information that this cluster holds, by direction
        values, vectors = np.linalg.eigh(np.eye(len(share)) - share)
        enlarged = (vectors * half_powers(values)) @ (vectors.T @ asked)
        influence[cluster] = (root.T @ score) @ enlarged
        own[cluster], held[cluster] = enlarged, share @ enlarged
    return influence, np.array([_degrees(own[:, :, j], held[:, :, j]) for j in range(asked.shape[1])])


def _degrees(own: NDArray[np.float64], held: NDArray[np.float64]) -> float:
    """Of the form in independent rows that the squared error is, D − H·H′, from the traces of it and its square.

    The form itself has as many rows as there are clusters, its traces need none of that size.
    """
    alone, lengths, common = (own * held).sum(axis=1), (held**2).sum(axis=1), held.T @ held
    trace = alone.sum() - lengths.sum()
    squares = alone @ alone - 2 * (alone @ lengths) + (common**2).sum()
    is_told = squares > ROUNDING * alone.sum() ** 2  # else one cluster knows it all
    return float(max(trace**2 / squares, 1.0)) if is_told else 1.0


class _ClusterSums(SumFold[_Sums]):
    """Fold: scores and information, cluster by cluster."""

    def __init__(self, parts: _Parts, n_clusters: int, q: int) -> None:
        self._parts = parts
        self._shape = (n_clusters, q)

    def zero(self) -> _Sums:
        return np.zeros(self._shape), np.zeros((*self._shape, self._shape[1]))

    def step(self, state: _Sums, batch: pa.RecordBatch) -> _Sums:
        scores, information = state
        for cluster, score, own in self._parts(batch):
            scores[cluster] += score
            information[cluster] += own
        return state
