"""Small-sample correction of cluster scores (CR2), in the space of parameters instead of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxfusion.estimators.solving import Inverse

__all__ = ["CR2_BELOW", "adjusted_scores", "half_powers"]

CR2_BELOW: Final = 30  # clusters; from there on the correction no longer matters


def half_powers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eigenvalues to the power −½; 0 for a direction known from one cluster alone, which CR2 leaves uncorrected."""
    return np.where(values > 1e-8, np.maximum(values, 1e-8) ** -0.5, 0.0)


def adjusted_scores(
    scores: NDArray[np.float64], information: NDArray[np.float64], inverse: Inverse
) -> NDArray[np.float64]:
    """Scores of clusters, enlarged for what the fit took from them.

    For a linear model, X′(I − XMX′)^(−½)e equals (I − X′XM)^(−½)X′e, so no matrix the size of a cluster is needed;
    here X′X is the cluster's information.

    Parameters
    ----------
    scores : array, shape (n_clusters, q)
    information : array, shape (n_clusters, q, q)
    inverse : Inverse
        Of the information of all clusters together.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169–181; Pustejovsky & Tipton (2018), JBES 36, 672–683.
    """
    root = inverse.root
    back = np.linalg.pinv(root)
    adjusted = np.empty_like(scores)
    for cluster, (score, own) in enumerate(zip(scores, information, strict=True)):
        share = root.T @ own @ root  # of all information that this cluster holds, by direction
        values, vectors = np.linalg.eigh(np.eye(len(share)) - share)
        adjusted[cluster] = ((root.T @ score) @ vectors * half_powers(values)) @ vectors.T @ back
    return adjusted
