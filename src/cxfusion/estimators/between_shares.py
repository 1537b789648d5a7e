"""How much shares differ between groups beyond what chance alone makes, from each group's count and share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cxfusion.estimators.distributions import chi2

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BetweenShares", "between_shares"]


class BetweenShares(NamedTuple):
    """How much groups' shares differ; nan where there are fewer than two, or where all shares are 0 or all are 1.

    Attributes
    ----------
    sd : float
        Standard deviation of the groups' true shares: 0 where they differ no more than chance alone makes.
    p_value : float
        Of the chi-squared test that all are the same.
    """

    sd: float
    p_value: float


def between_shares(n: NDArray[np.float64], share: NDArray[np.float64], design_effect: float = 1.0) -> BetweenShares:
    """Spread of groups' shares by the method of moments, and the test that there is none.

    Parameters
    ----------
    n, share : array, shape (k,)
        Observations, and the share of them, by group; each n above zero.
    design_effect : float, default 1
        How many times the variance of a share is that of independent observations.

    Notes
    -----
    With p the common share, d the design effect, v = d·p(1 − p) and N = Σn, Pearson's Q = Σn(share − p)²/v is k − 1 in
    expectation where chance alone is at work, and (N − Σn²/N)/v more for each unit of variance between groups. Groups
    of few observations make Q vary more than a chi-squared does: it is scaled to have the variance that Q has,
    2(k − 1) + d(1/(p(1 − p)) − 6)(Σ1/n − k²/N).

    References
    ----------
    DerSimonian & Laird (1986), Controlled Clinical Trials 7, 177–188; Rao & Scott (1981), JASA 76, 221–230; Haldane
    (1940), Biometrika 31, 346–355.

    Examples
    --------
    >>> found = between_shares(np.array([40.0, 40.0]), np.array([0.5, 0.0]))  # Q is 26.67
    >>> round(found.sd, 3), f"{found.p_value:.0e}"
    (0.347, '2e-07')
    """
    total = n.sum()
    common = float((n * share).sum() / total) if total else 0.0
    one = common * (1 - common)
    if len(n) < 2 or not one > 0:
        return BetweenShares(np.nan, np.nan)
    df = len(n) - 1
    unit = design_effect * one
    q = float((n * (share - common) ** 2).sum() / unit)
    variance = max((q - df) * unit / float(total - (n**2).sum() / total), 0.0)
    uneven = float((1 / n).sum() - len(n) ** 2 / total)
    scale = 1 + max(design_effect * (1 / one - 6) * uneven, 0.0) / (2 * df)
    return BetweenShares(float(np.sqrt(variance)), float(chi2.sf(q / scale, df / scale)))
