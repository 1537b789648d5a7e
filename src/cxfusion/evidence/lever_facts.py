"""What the sample says about each lever: how many values it has, how high they go, and where they lie.

How a lever enters a model is learned from these facts, and whether it can be tested at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.evidence.surroundings import SLOT
from cxfusion.tables.sums import exact_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.evidence.catalogue import Lever

__all__ = ["KNOT_SHARES", "LeverFacts", "learn_facts"]

KNOT_SHARES: Final = (0.1, 0.4, 0.7, 0.88, 0.97)
"""Five knots, towards the tail: an average over contacts by how much each has of the lever has half its weight there.
With three at 10, 50 and 90 % a straight tail stands for nearly half of all waiting (tests/unit/test_evidence_basis)."""
FEW_SHARES: Final = (0.1, 0.5, 0.9)
"""Three knots, where there is little to tell bends by."""


@dataclass(frozen=True)
class LeverFacts:
    """What the sample says about one lever.

    Attributes
    ----------
    n_known : int
        Responses whose contact has a value.
    n_distinct : int
        Different values.
    mean : float
        Over known values; 0.0 where none is known.
    high : float
        Largest value.
    low : float
        Smallest value.
    n_clusters : int or None
        Clusters on whose answers an effect rests: those with more than the least of it, or those with less than the
        most, whichever are fewer; None: not counted.
    n_varying : int or None
        Clusters with more than one value; None: not counted.
    knots : tuple of float
        Quantiles of the positive values, at ``KNOT_SHARES``; empty where there are none.
    """

    n_known: int
    n_distinct: int
    mean: float
    high: float
    knots: tuple[float, ...]
    low: float = 0.0
    n_clusters: int | None = None
    n_varying: int | None = None

    @property
    def few_knots(self) -> tuple[float, ...]:
        """Three knots instead of five, read off between them."""
        if len(self.knots) != len(KNOT_SHARES):
            return self.knots
        return tuple(float(place) for place in np.interp(FEW_SHARES, KNOT_SHARES, self.knots))


def learn_facts(session: Session, rows: ir.Table, levers: tuple[Lever, ...]) -> tuple[dict[str, LeverFacts], int, int]:
    """Facts of each lever, from one pass over the rows and one by cluster.

    Returns
    -------
    dict of str to LeverFacts
    int
        Rows.
    int
        Slots: queues × quarters of an hour.
    """
    asked: dict[str, ir.Scalar] = {"n": rows.count(), "last_slot": rows[SLOT].max()}
    ends: dict[str, ir.Scalar] = {}
    for i, lever in enumerate(levers):
        column = rows[lever.name]
        asked |= {f"known_{i}": column.count(), f"distinct_{i}": column.nunique(), f"mean_{i}": exact_mean(column)}
        asked |= {f"knots_{i}": column.quantile(KNOT_SHARES, where=column > 0)}
        own = {f"high_{i}": column.max(), f"low_{i}": column.min()}
        asked, ends = asked | own, ends | own
    found = session.collect(rows.aggregate(**asked)).to_pylist()[0]
    found |= _over_clusters(session, rows.group_by("cluster_key").aggregate(**ends), found, len(levers))
    facts = {}
    for i, lever in enumerate(levers):
        knots = tuple(found[f"knots_{i}"] or (None,))
        facts[lever.name] = LeverFacts(
            n_known=int(found[f"known_{i}"]),
            n_distinct=int(found[f"distinct_{i}"]),
            mean=float(found[f"mean_{i}"] or 0.0),
            high=float(found[f"high_{i}"] or 0.0),
            knots=() if None in knots else tuple(float(knot) for knot in knots),
            low=float(found[f"low_{i}"] or 0.0),
            n_clusters=min(int(found[f"more_{i}"] or 0), int(found[f"less_{i}"] or 0)),
            n_varying=int(found[f"varying_{i}"] or 0),
        )
    return facts, int(found["n"]), int(found["last_slot"] or 0) + 1


def _over_clusters(session: Session, clusters: ir.Table, found: Mapping[str, Any], n_levers: int) -> dict[str, Any]:
    """Of each lever the clusters that have more than the least of it, less than the most, and both more and less."""
    asked: dict[str, ir.Scalar] = {}
    for i in range(n_levers):
        high, low = clusters[f"high_{i}"], clusters[f"low_{i}"]
        least, most = found[f"low_{i}"] or 0.0, found[f"high_{i}"] or 0.0
        edge = (most - least) * 1e-9  # an engine may read a number of many digits as its neighbour
        asked |= {f"more_{i}": (high > least + edge).sum(), f"less_{i}": (low < most - edge).sum()}
        asked[f"varying_{i}"] = (high > low).sum()
    told: dict[str, Any] = session.collect(clusters.aggregate(**asked)).to_pylist()[0] if asked else {}
    return told
