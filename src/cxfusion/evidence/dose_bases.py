"""How a lever enters where its shape is asked about: a spline of more knots, or one level per band."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np

from cxfusion.errors import NothingToEstimateError, UsageError, require_kind, require_number
from cxfusion.evidence.design import Basis, turn_of
from cxfusion.tables.sums import exact_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from cxfusion.evidence.ground import Ground

__all__ = [
    "Bands",
    "band_edges",
    "bending_of",
    "counted_levels",
    "curve_levels",
    "edges_asked",
    "joined_edges",
    "learn_bands",
    "learn_spline",
]

N_LEVELS: Final = 41
ENDS: Final = (0.01, 0.99)
"""The curve goes from the first to the 99th percentile of the lever: beyond, there is too little to see."""
KNOT_SHARES: Final = (0.05, 0.275, 0.5, 0.725, 0.95)
SEEN: Final = [share / 40 for share in range(1, 40)]
"""Of the positive values: where, and at both ends, the spline's columns are compared with each other."""
N_BANDS: Final = 8
MOST_COUNTED: Final = 20
"""Up to here each count has a band. Beyond, counts are cut as other levers are: one cell out of place would ask for
thousands of bands."""


@dataclass(frozen=True)
class Bands(Basis):
    """One column per band but for the reference; ``knots`` are the inner edges.

    Attributes
    ----------
    reference : int
        The band without a column.
    """

    reference: int

    def raw(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Indicators of the bands."""
        band = np.searchsorted(self.knots, level, side="left")
        return self.columns_of(np.eye(len(self.knots) + 1))[band].T

    def raw_slope(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Steps have no slope."""
        return np.zeros((len(self.knots), len(level)))

    def columns_of(self, bands: NDArray[np.float64]) -> NDArray[np.float64]:
        """Columns of rows of band indicators."""
        return np.delete(bands, self.reference, axis=1)


def edges_asked(name: str, edges: Iterable[float]) -> list[float]:
    """Edges at which a call wants numbers to be cut, in order, each once.

    Raises
    ------
    UsageError
        They are no numbers.
    """
    require_kind(edges, Iterable, name, "numbers, such as [60, 300].")
    for edge in (asked := list(edges)):
        require_number(f"an edge of {name}", edge, "numbers, such as [60, 300]")
    return sorted({float(edge) for edge in asked})


def band_edges(ground: Ground, bands: Sequence[float] | None) -> tuple[list[float], pd.DataFrame]:
    """Inner edges of the bands, without those that would leave a band with too few answers; what was observed in them.

    Raises
    ------
    UsageError
        None of the edges given is left.
    NothingToEstimateError
        No default edge is left.
    """
    if bands is not None:
        edges = edges_asked("bands", bands)
        if not edges:
            raise UsageError("bands is empty. Expected at least one inner edge, such as [60, 300]; or leave it out.")
    elif _is_told_one_by_one(ground):
        edges = [float(edge) for edge in range(int(ground.sample.facts[ground.lever.name].high))]
    else:
        edges = [0.0, *ground.quantiles([k / N_BANDS for k in range(1, N_BANDS)], positive=True)]
        edges = np.floor(edges).tolist() if ground.lever.shape == "count" else edges
    edges = sorted(set(edges))
    fewest = ground.spec.min_level_responses
    observed = _observed_bands(ground, edges)
    kept = joined_edges(edges, _sizes(edges, observed), fewest)
    if kept:
        return kept, observed if kept == edges else _observed_bands(ground, kept)
    told = f"{ground.lever.name} has too few answers for two bands. Expected at least {fewest} on each side of an edge"
    if bands is None:
        raise NothingToEstimateError(f"{told}; read a longer period.")
    raise UsageError(f"{told}; choose another edge, or leave bands out.")


def _is_told_one_by_one(ground: Ground) -> bool:
    """Whether the lever is a count, and none so large that a band for each would be too many."""
    return ground.lever.shape == "count" and ground.sample.facts[ground.lever.name].high <= MOST_COUNTED


def counted_levels(ground: Ground, edges: Sequence[float]) -> NDArray[np.float64]:
    """The count at which each band stands on the curve, shape (bands,): its least, or its median where it holds many.

    Not its mean, which a cell that is out of place would take far away.
    """
    least = np.array([0.0, *(edge + 1 for edge in edges)])
    if _is_told_one_by_one(ground):
        return least
    seen = np.ceil(ground.quantiles(SEEN, positive=True))
    bands = (seen[np.searchsorted(edges, seen, side="left") == k] for k in range(len(least)))
    return np.array([np.median(band) if len(band) else own for band, own in zip(bands, least, strict=True)])


def joined_edges(edges: list[float], sizes: NDArray[np.int64], fewest: int) -> list[float]:
    """The edges above bands with enough answers; the last band is joined with the one before."""
    kept, here = [], 0
    for edge, size in zip(edges, sizes, strict=False):
        here += int(size)
        if here >= fewest:
            kept.append(edge)
            here = 0
    return kept[:-1] if kept and here + sizes[-1] < fewest else kept


def _sizes(edges: Sequence[float], observed: pd.DataFrame) -> NDArray[np.int64]:
    """Responses in each band, shape (bands,)."""
    sizes = np.zeros(len(edges) + 1, dtype=np.int64)
    sizes[observed["band"].to_numpy()] = observed["n"].to_numpy()
    return sizes


def _observed_bands(ground: Ground, edges: Sequence[float]) -> pd.DataFrame:
    """``band, n, level, mean`` of the responses (the mean level and the mean score), bands in order."""
    rows = ground.rows
    band = sum(((rows[ground.lever.name] > edge).cast("int64") for edge in edges), start=ibis.literal(0))
    counts = rows["y"].cases(*enumerate(ground.values), else_=None)
    marked = rows.select(band=band, weight=rows["weight"], value=counts, level=rows[ground.lever.name])
    found = marked.group_by("band").aggregate(
        n=marked.count(),
        level=exact_sum(marked["weight"] * marked["level"]) / exact_sum(marked["weight"]),
        mean=exact_sum(marked["weight"] * marked["value"]) / exact_sum(marked["weight"]),
    )
    return ground.sample.session.collect(found.order_by("band")).to_pandas()


def curve_levels(ground: Ground) -> NDArray[np.float64]:
    """Levels of the curve: evenly from one end to the other, in the log where the lever enters so."""
    low, high = ground.quantiles(ENDS)
    if low == high:  # nearly all are alike: from the least to the most
        facts = ground.sample.facts[ground.lever.name]
        low, high = facts.low, facts.high
    if ground.lever.shape == "log1p":
        return np.asarray(np.expm1(np.linspace(np.log1p(low), np.log1p(high), N_LEVELS)))
    return np.linspace(low, high, N_LEVELS)


def learn_spline(ground: Ground) -> Basis:
    """Five knots at the lever's quantiles; fewer where they coincide, a straight line below three."""
    lever = ground.lever
    found = ground.quantiles([*KNOT_SHARES, *SEEN], positive=True)
    places, facts = np.unique(found[: len(KNOT_SHARES)]), ground.sample.facts[lever.name]
    knots = tuple((np.log1p(places) if lever.shape == "log1p" else places).tolist()) if len(places) >= 3 else ()
    width = max(len(knots) - 1, 1)
    plain = Basis(lever, knots, np.zeros(width), np.eye(width))
    seen = plain.value(np.array([facts.low, *found[len(KNOT_SHARES) :], facts.high]))
    return Basis(lever, knots, seen.mean(axis=0), turn_of(seen))


def bending_of(basis: Basis, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Combinations of a basis's coefficients that are zero where the lever enters as a straight line.

    ``levels`` are those of the curve; of bands, one for each.
    """
    if not isinstance(basis, Bands):
        return np.eye(basis.width)[1:]
    straight = basis.columns_of(np.eye(len(levels))).T @ (levels - levels[basis.reference])
    return np.linalg.svd(straight[None, :])[2][1:]


def learn_bands(ground: Ground, edges: Sequence[float], observed: pd.DataFrame) -> Bands:
    """One level per band; the one with most of the observed answers is the reference."""
    n, largest = len(edges), int(_sizes(edges, observed).argmax())
    return Bands(ground.lever, tuple(edges), np.zeros(n), np.eye(n), largest)
