"""Which segments there are: the levels of a text, or bands of a number, each with enough answers and agents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import UsageError
from cxfusion.evidence.coding import REST
from cxfusion.evidence.dose_bases import edges_asked, joined_edges
from cxfusion.evidence.sample import KEPT
from cxfusion.results.formats import duration_in_words, plain
from cxfusion.tables.coding import MISSING
from cxfusion.tables.sums import exact_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import ibis.expr.types as ir

    from cxfusion.evidence.ground import Ground

__all__ = [
    "MAX_SEGMENTS",
    "SEGMENT",
    "SEGMENT_CONTROL",
    "Segment",
    "Segments",
    "is_tenure",
    "segments_of",
    "with_numbers",
]

SEGMENT: Final = "segment"
SEGMENT_CONTROL: Final = "segment_control"
MAX_SEGMENTS: Final = 20
"""The largest ones; the rest is estimated together."""
TENURE_EDGES: Final = {"days": (90.0, 365.0, 1095.0), "months": (3.0, 12.0, 36.0), "years": (0.25, 1.0, 3.0)}
"""First quarter, first year, first three years: early experiences weigh most."""
COUNT_EDGES: Final = (0.0, 1.0, 2.0)
QUARTERS: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Segment:
    """One segment.

    Attributes
    ----------
    label : str
        As in the data; REST for several that are too small to stand alone.
    n, n_clusters : int
        Responses, and clusters that they come from.
    mean_level : float
        Of the lever.
    place : float or None
        Mean of the number that was cut into bands; None for levels of a text and for missing values.
    is_rest : bool
        Whether it is what is too small to stand alone: it is counted, and no effect is told of it.
    """

    label: str
    n: int
    n_clusters: int
    mean_level: float
    place: float | None
    is_rest: bool = False


@dataclass(frozen=True)
class Segments:
    """All segments of a column.

    Attributes
    ----------
    by : str
    code : ibis integer column
        From 0 in the order of ``segments``; null for rows that belong to none.
    segments : tuple of Segment
        At most one of them is the rest, the last.
    is_banded : bool
        Whether they are bands of a number.
    """

    by: str
    code: ir.IntegerValue
    segments: tuple[Segment, ...]
    is_banded: bool


def segments_of(ground: Ground, by: str, edges: Sequence[float] | None, few: Collection[str] = ()) -> Segments:
    """Cut a column into segments.

    Parameters
    ----------
    ground : Ground
        With the column kept.
    by : str
    edges : sequence of float or None
        Where to cut a number; None for the usual places.
    few : collection of str
        Levels of a text that so few customers tell of that they are not to be shown; they may only be of the rest.

    Raises
    ------
    UsageError
        Edges for a text.
    """
    column = ground.rows[f"{KEPT}{by}"]
    is_banded = column.type().is_numeric()
    if edges is not None and not is_banded:
        raise UsageError(f"{by} is no number, so it cannot be cut at edges. Leave edges out: its levels are segments.")
    level = _banded(ground, by, edges) if is_banded else column.cast("string").fill_null(MISSING)
    facts = _facts(ground, level, column if is_banded else None)
    is_hidden = pd.Series(False, index=facts.index) if is_banded else facts["level"].isin(few)
    is_large = (facts["n"] >= ground.spec.min_level_responses) & (facts["clusters"] >= ground.spec.min_clusters)
    large = facts[is_large & ~is_hidden]
    own = large.head(MAX_SEGMENTS) if not is_banded else large.sort_values("place", na_position="last")
    rest = facts[~facts["level"].isin(own["level"])]
    segments = [
        Segment(str(row["level"]), int(row["n"]), int(row["clusters"]), float(row["mean"]), _place(row["place"]))
        for row in own.to_dict("records")
    ]
    cases = [(str(name), i) for i, name in enumerate(own["level"])]
    if rest["n"].sum() >= ground.spec.min_level_responses and not is_hidden[rest.index].all():
        mean = float(np.average(rest["mean"], weights=rest["n"]))
        name = REST if len(rest) > 1 else str(rest["level"].iloc[0])  # one alone, which is not hidden, is known by name
        segments.append(Segment(name, int(rest["n"].sum()), int(rest["clusters"].sum()), mean, None, is_rest=True))
    others = len(cases) if len(segments) > len(cases) else None
    code = level.cases(*cases, else_=others) if cases else ibis.literal(others, "int64")
    return Segments(by, code, tuple(segments), is_banded)


def is_tenure(name: str) -> bool:
    """Whether a column says how long a customer has been one, in a unit that its name tells: early experiences.

    Examples
    --------
    >>> is_tenure("tenure_days"), is_tenure("customer_tenure_months"), is_tenure("agent_tenure_days"), is_tenure("plan")
    (True, True, False, False)
    """
    words = name.lower().split("_")
    return "tenure" in words and words[-1] in TENURE_EDGES and "agent" not in words


def with_numbers(ground: Ground, by: str) -> Ground:
    """The same ground; a tenure that a file of text holds, whose map says nothing about it, becomes a number."""
    column = f"{KEPT}{by}"
    if not (is_tenure(by) and ground.rows[column].type().is_string()):
        return ground
    rows = ground.rows.mutate(**{column: ground.rows[column].try_cast("float64")})
    return replace(ground, rows=ground.sample.session.materialize(rows))


def _place(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _facts(ground: Ground, level: ir.StringValue, number: ir.NumericValue | None) -> pd.DataFrame:
    """``level, n, clusters, mean, place`` of every level, the most frequent first."""
    rows = ground.rows
    place = ibis.null("float64") if number is None else number.cast("float64")
    marked = rows.select(level=level, cluster=rows["cluster"], lever=rows[ground.lever.name], place=place)
    found = marked.group_by("level").aggregate(
        n=marked.count(),
        clusters=marked["cluster"].nunique(),
        mean=exact_mean(marked["lever"]),
        place=exact_mean(marked["place"]),
    )
    return ground.sample.session.collect(found.order_by(ibis.desc("n"), "level")).to_pandas()


def _banded(ground: Ground, by: str, edges: Sequence[float] | None) -> ir.StringValue:
    """The label of each row's band; bands with few answers are joined with the next."""
    column = ground.rows[f"{KEPT}{by}"].cast("float64")
    wanted = edges_asked("edges", edges) if edges is not None else _usual_edges(ground, by)
    band = sum(((column > edge).cast("int64") for edge in wanted), start=ibis.literal(0))
    marked = ground.rows.filter(column.notnull()).select(band=band, number=column)
    counted = marked.group_by("band").aggregate(n=marked.count(), lowest=marked["number"].min())
    found = ground.sample.session.collect(counted).to_pylist()
    sizes = np.zeros(len(wanted) + 1, dtype=np.int64)
    for row in found:
        sizes[row["band"]] = row["n"]
    kept = joined_edges(wanted, sizes, ground.spec.min_level_responses)
    labels = _labels(by, kept, is_below_zero=any(row["lowest"] < 0 for row in found))
    band = sum(((column > edge).cast("int64") for edge in kept), start=ibis.literal(0))
    return band.cases(*enumerate(labels), else_=None).fill_null(MISSING)


def _usual_edges(ground: Ground, by: str) -> list[float]:
    if by.startswith("n_"):
        return list(COUNT_EDGES)
    if is_tenure(by):
        return list(TENURE_EDGES[_unit(by)])
    column = ground.rows[f"{KEPT}{by}"].cast("float64")
    asked = {f"q{i}": column.quantile(share, where=column > 0) for i, share in enumerate(QUARTERS)}
    asked["lowest"] = column.min()
    found = ground.sample.session.collect(ground.rows.aggregate(**asked)).to_pylist()[0]
    lowest = found.pop("lowest")
    zero = [0.0] if lowest is not None and lowest <= 0 else []
    return sorted({*zero, *(float(value) for value in found.values() if value is not None)})


def _unit(tenure: str) -> str:
    return tenure.lower().rpartition("_")[2]


def _labels(by: str, edges: Sequence[float], is_below_zero: bool) -> list[str]:
    """Names of the bands, such as "2" or "more than 2 minutes, up to 5 minutes"; below 0 nobody has "none"."""
    if by.startswith("n_") and not is_below_zero and all(edge == int(edge) for edge in edges):
        return _count_labels([int(edge) for edge in edges])
    said = [duration_in_words(edge) if by.endswith("_seconds") and edge else plain(edge) for edge in edges]
    if is_tenure(by):
        said = [f"{edge} {_unit(by)}" for edge in said]
    if not said:
        return ["all"]
    inner = [f"more than {low}, up to {high}" for low, high in pairwise(said)]
    return ["none" if edges[0] == 0 and not is_below_zero else f"up to {said[0]}", *inner, f"more than {said[-1]}"]


def _count_labels(edges: Sequence[int]) -> list[str]:
    if not edges:
        return ["all"]
    starts = [0, *(edge + 1 for edge in edges)]
    closed = [f"{low}" if low == high else f"{low} to {high}" for low, high in zip(starts, edges, strict=False)]
    return [*closed, f"{starts[-1]} or more"]
