"""How alike the answers of one cluster are, how many a cluster gives, and how many clusters some answers come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxfusion.evidence.coding import AGENT_GROUP, CLUSTER
from cxfusion.evidence.testable import noun_of
from cxfusion.results.labels import AGENT

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cxfusion.evidence.sample import Sample

__all__ = ["ClusterCounts", "ClusterFacts", "cluster_facts", "clusters_among", "who_is_compared"]


@dataclass(frozen=True)
class ClusterCounts:
    """Some answers and their clusters.

    Attributes
    ----------
    n : int
        Answers.
    n_clusters : int
        Clusters that they come from.
    n_within : int
        Clusters whose answers can be compared with each other, as they have several of them; all clusters where
        nothing is compared within these.
    """

    n: int
    n_clusters: int
    n_within: int

    def told(self, *, is_within: bool) -> int:
        """Clusters on whose answers an effect rests, at least 2."""
        return max(self.n_within if is_within else self.n_clusters, 2)


def clusters_among(sample: Sample, rows: ir.Table) -> ClusterCounts:
    """Count some of a sample's rows."""
    table = rows.group_by("cluster").aggregate(n=rows.count())
    asked = table.aggregate(n=table["n"].sum(), clusters=table.count(), several=(table["n"] > 1).sum())
    found = {name: int(value or 0) for name, value in sample.session.collect(asked).to_pylist()[0].items()}
    within = found["several"] if sample.coding.agents == CLUSTER else found["clusters"]
    return ClusterCounts(found["n"], found["clusters"], within)


@dataclass(frozen=True)
class ClusterFacts:
    """Answers by cluster.

    Attributes
    ----------
    column : str or None
        Of the clusters, such as ``agent_id``; None where the log has none, so that every contact stands alone.
    n_clusters : int
    mean_size : float
        Answers per cluster.
    size_cv : float
        Standard deviation of the sizes over their mean.
    icc : float
        Share of the variance of what an answer counts that lies between clusters; 0 where it is below.
    sd : float
        Standard deviation of what an answer counts.
    held : str or None
        What one of those is called that contacts are compared within; None where the log has none.
    """

    column: str | None
    n_clusters: int
    mean_size: float
    size_cv: float
    icc: float
    sd: float
    held: str | None = AGENT


def cluster_facts(sample: Sample, column: str | None) -> ClusterFacts:
    """Sizes and intraclass correlation of the sample's clusters, by the analysis of variance.

    References
    ----------
    Donner & Koval (1980), Biometrics 36, 19–25.
    """
    rows = sample.rows
    marked = rows.select(cluster=rows["cluster"], value=sample.counted(rows))
    table = marked.group_by("cluster").aggregate(
        n=marked.count(), total=marked["value"].sum(), squares=(marked["value"] * marked["value"]).sum()
    )
    found = sample.session.collect(table.order_by("cluster")).to_pydict()
    n, total, squares = (np.asarray(found[name], dtype=float) for name in ("n", "total", "squares"))
    g, everything = len(n), n.sum()
    mean = total.sum() / everything
    between = (n * (total / n - mean) ** 2).sum() / max(g - 1, 1)
    within = (squares - total**2 / n).sum() / max(everything - g, 1)
    typical = (everything - (n**2).sum() / everything) / max(g - 1, 1)
    icc = (between - within) / (between + (typical - 1) * within) if typical > 1 and between + within > 0 else 0.0
    return ClusterFacts(
        column=column,
        n_clusters=g,
        mean_size=float(everything / g),
        size_cv=float(n.std() / n.mean()),
        icc=float(np.clip(icc, 0.0, 1.0)),
        sd=sample.score_sd,
        held=AGENT if sample.coding.agents == AGENT_GROUP else None if column is None else noun_of(column),
    )


def who_is_compared(facts: ClusterFacts | None) -> str | None:
    """Within what contacts are compared, such as "agent"; None where the log has no such column."""
    if facts is None:
        return AGENT
    return facts.held
