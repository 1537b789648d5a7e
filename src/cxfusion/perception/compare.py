"""Two groups or periods side by side: by how much they differ, how sure that is, and whether they are alike.

A customer who answered in both counts in both, so the two figures are not independent; what they share is taken off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, UsageError, require_conf_level, require_kind, require_number
from cxfusion.perception.answers import answers_of, given_answers, in_intervals, reached_by, shared_customers
from cxfusion.perception.differences import LEAST_VARIANCE, Known, Side, known, tested, with_readings
from cxfusion.perception.figures import SHOWN, numbered
from cxfusion.perception.linearised import GROUP, residuals_of
from cxfusion.perception.measure import measure, readings_for
from cxfusion.perception.scores import RESPONSE_RATE
from cxfusion.results.base import Result, require_metric
from cxfusion.results.exact import exact_frame
from cxfusion.results.formats import change
from cxfusion.results.formats import interval as interval_in_words
from cxfusion.results.grouping import local_starts
from cxfusion.results.labels import metric_label
from cxfusion.tables.relation import Surveys
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import altair as alt
    import ibis.expr.types as ir

    from cxfusion.pairing import Pairing
    from cxfusion.perception.measure import Measurement
    from cxfusion.perception.scores import Reading
    from cxfusion.perception.weights import ResponseWeights
    from cxfusion.results.grouping import Grouping

__all__ = ["Comparison", "compare"]

SMALLEST: Final = {"score points": 0.0125, "NPS points": 1.0, "share": 0.01}
"""Smallest difference that matters, by unit; for score points as a share of the scale's length (0.05 on 1–5)."""
OF_MEASURE: Final = 0.95  # level of the intervals of measure


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Every two groups of a measurement, and how they differ.

    ``.table`` has ``metric, group, other_group, estimate`` (the first group's figure less the other's), ``std_error,
    conf_low, conf_high, p_value, q_value, unit, n, n_other, reading, status, reason``. ``reading`` is ``similar`` where
    the difference is shown to be smaller than ``smallest_difference`` (two one-sided tests), else ``different`` where
    the false-discovery rate over the metric's rows stays below 1 − ``conf_level``, else ``not told apart``.

    Attributes
    ----------
    differences : pandas.DataFrame
        The same as ``.table``.
    measurement : Measurement
        The figures that are compared.
    smallest_difference : mapping of str to float
        By metric.
    conf_level : float
    """

    differences: pd.DataFrame
    measurement: Measurement
    smallest_difference: dict[str, float]
    conf_level: float

    @property
    def _frame(self) -> pd.DataFrame:
        return self.differences

    def plot(self, metric: str | None = None, *, width: int = 720) -> alt.TopLevelMixin:
        """The figures of the groups with their intervals; as of :meth:`Measurement.plot`."""
        return self.measurement.plot(metric, width=width)

    def of(self, metric: str) -> pd.DataFrame:
        """The rows of one metric.

        Raises
        ------
        UnknownNameError
            The table has no such metric.
        """
        known = list(dict.fromkeys(self.differences["metric"]))
        return self.differences[self.differences["metric"] == require_metric(metric, known)]

    def _lines(self) -> list[str]:
        counts = self.differences["reading"].value_counts()
        told = ", ".join(f"{n} {name}" for name, n in counts.items()) or "none can be told"
        head = f"Comparison by {self.measurement.grouping.title}: of {len(self.differences)} differences {told}"
        shown = self.differences[self.differences["reading"] == "different"].head(8)
        return [head, *(_line(row) for row in shown.itertuples())]


def _line(row: Any) -> str:
    ends = interval_in_words(row.conf_low, row.conf_high, row.unit)
    return f"  {metric_label(row.metric)}: {row.group} less {row.other_group} {change(row.estimate, row.unit)} ({ends})"


def compare(
    pairing: Pairing | Surveys,
    score: str,
    by: str | Sequence[str] | None = None,
    interval: str | None = None,
    *,
    groups: Sequence[str] | None = None,
    smallest_difference: float | None = None,
    weights: ResponseWeights | None = None,
    conf_level: float = 0.95,
) -> Comparison:
    """Compare groups or periods of a score, two by two.

    Parameters
    ----------
    pairing, score, by, interval, weights
        As of :func:`measure`; ``by`` or ``interval`` is needed.
    groups : sequence of str, optional
        Only these, by the names they have in the table (several columns joined by " × "); all of them by default.
    smallest_difference : float, optional
        Smallest difference that matters, in the unit of every metric of the score. By default 0.05 points on 1–5 (as
        much of other scales), 1 NPS point, and one percentage point for shares.
    conf_level : float, default 0.95

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        Neither ``by`` nor ``interval``, unknown groups, a smallest difference that is not positive, or a
        ``conf_level`` that is no share.
    NothingToEstimateError
        Fewer than two groups with enough answers.

    Notes
    -----
    Standard errors are clustered by customer, also across the two groups; t with one degree of freedom less than the
    smaller number of customers. Where the answers of a group are all alike, the end of its own interval that faces the
    other group stands for its error (as in Newcombe's interval): the difference then reaches further to one side than
    to the other, and ``std_error`` is that of the side on which 0 lies. Of shares and NPS such a group takes no degrees
    of freedom, since their intervals take none.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657–680; Benjamini & Hochberg (1995), JRSS B
    57, 289–300; Newcombe (1998), Statistics in Medicine 17, 873–890; Zou & Donner (2008), Statistics in Medicine 27,
    1693–1702.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [
    ...     {"contact_id": str(i), "started_at": "2026-01-05 09:00", "queue": "AB"[i % 2]} for i in range(80)
    ... ]
    >>> answers = [{"contact_id": str(i), "csat": 4 + (i % 2) * (i % 3 > 0)} for i in range(80)]
    >>> pairing = cx.pair(cx.read_contacts(calls), cx.read_surveys(answers))
    >>> cx.compare(pairing, "csat", by="queue").of("csat_mean")[["group", "other_group", "reading"]].values.tolist()
    [['A', 'B', 'different']]
    """
    if by is None and interval is None:
        raise UsageError("Nothing to compare was named. Expected by= a column of the log, or interval= a period.")
    if smallest_difference is not None:
        require_number("smallest_difference", smallest_difference, "a positive number", lambda number: number > 0)
    require_conf_level(conf_level)
    measured = measure(pairing, score, by, interval, weights=weights)
    readings = readings_for(pairing, score, weights)
    frame = measured.groups.assign(_number=np.arange(len(measured.groups)) // len(readings))
    each = measured.groups.iloc[:: len(readings)][list(measured.grouping.names)]
    names = measured.grouping.texts(each).to_list()  # two groups may have one text
    asked = _asked(names, groups, each)
    numbers = {key: number for number, key in enumerate(_keys(each))}
    shared = _shared(pairing, score, measured.grouping, readings, weights, numbers)
    smallest = {reading.metric: smallest_difference or _smallest(reading, measured) for reading in readings}
    parts = [
        _differences(
            frame[frame["metric"] == reading.metric], names, asked, shared[i], smallest[reading.metric], conf_level
        )
        for i, reading in enumerate(readings)
    ]
    return Comparison(pd.concat(parts, ignore_index=True), measured, smallest, conf_level)


def _asked(names: list[str], groups: Sequence[str] | None, keys: pd.DataFrame) -> list[int]:
    """Numbers of the groups to compare; a text that several groups have names none of them."""
    wanted = () if groups is None else groups
    require_kind(wanted, Iterable, "groups", "names of groups, such as ['billing', 'orders'].")
    unknown = [str(name) for name in wanted if name not in names]
    if unknown:
        known = ", ".join(dict.fromkeys(names))
        raise UsageError(f"There is no group {', '.join(unknown)}. Expected some of: {known}.")
    for name in wanted:
        alike = [_told(row) for text, row in zip(names, keys.to_dict("records"), strict=True) if text == name]
        if len(alike) > 1:
            raise UsageError(
                f"{name} names several groups: {'; '.join(alike)}. Expected one; compare all, or write their values"
                " otherwise in the log."
            )
    asked = [number for number, name in enumerate(names) if groups is None or name in groups]
    if len(asked) < 2:
        raise NothingToEstimateError(
            f"There {'is one group' if asked else 'are no groups'}, so nothing can be compared. Expected two or more."
        )
    return asked


def _told(values: dict[Any, Any]) -> str:
    return ", ".join(f"{name} {'missing' if pd.isna(value) else repr(value)}" for name, value in values.items())


def _smallest(reading: Reading, measured: Measurement) -> float:
    length = measured.scale.high - measured.scale.low if measured.scale and reading.unit == "score points" else 1.0
    return SMALLEST[reading.unit] * length


def _shared(
    pairing: Pairing | Surveys,
    score: str,
    grouping: Grouping,
    readings: Sequence[Reading],
    weights: ResponseWeights | None,
    numbers: dict[tuple[Any, ...], int],
) -> list[dict[tuple[int, int], float]]:
    """Per reading, the covariance of two groups' figures by their numbers, from customers who answered in both."""
    if score == RESPONSE_RATE and not isinstance(pairing, Surveys):
        rows = reached_by(pairing, grouping.columns)
    else:
        rows = answers_of(given_answers(pairing, [score], grouping.columns), score, weights)
    keys = [f"key_{i}" for i in range(len(grouping.names))]
    if grouping.interval:
        rows = in_intervals(rows, pairing, grouping.interval, keys[-1])
    if weights is not None and not isinstance(pairing, Surveys):
        through_margins = _through_margins(pairing, rows, grouping, readings, keys, weights, numbers)
        if through_margins is not None:
            return through_margins
    sums, products = shared_customers(pairing.session, rows, [reading.value for reading in readings], keys)
    number = dict(zip(sums["group"], _numbers(sums[keys], grouping, numbers), strict=True))
    total = sums.set_index("group")
    return [
        {
            _pair(number[row["one"]], number[row["other"]]): reading.factor**2 * _covariance(row, total, i)
            for row in products.to_dict("records")
        }
        for i, reading in enumerate(readings)
    ]


def _through_margins(
    pairing: Pairing,
    rows: ir.Table,
    grouping: Grouping,
    readings: Sequence[Reading],
    keys: Sequence[str],
    weights: ResponseWeights,
    numbers: dict[tuple[Any, ...], int],
) -> list[dict[tuple[int, int], float]] | None:
    """The same where weights are calibrated: figures of two groups also move together through the margins."""
    rows = compute(pairing.session, numbered(rows, keys))
    groups = exact_frame(pairing.session.collect(rows.select(GROUP, *keys).distinct().order_by(GROUP)))
    number = _numbers(groups[list(keys)], grouping, numbers)
    residuals = residuals_of(pairing.session, rows, readings, weights.codes, len(groups), is_pairwise=True)
    if residuals is None:
        return None
    found = []
    for reading, products in zip(readings, residuals.products, strict=True):
        covariance = reading.factor**2 * products / np.outer(residuals.total, residuals.total)
        found.append(
            {_pair(number[a], number[b]): float(covariance[a, b]) for a, b in combinations(range(len(number)), 2)}
        )
    return found


def _numbers(keys: pd.DataFrame, grouping: Grouping, numbers: dict[tuple[Any, ...], int]) -> list[int]:
    """Numbers of groups by their keys; engines put missing ones in another order."""
    named = keys.set_axis(list(grouping.names), axis=1)
    if grouping.interval:
        named[grouping.names[-1]] = local_starts(named[grouping.names[-1]], grouping.interval)
    return [numbers[key] for key in _keys(named)]


def _keys(groups: pd.DataFrame) -> list[tuple[Any, ...]]:
    """What a group is, value by value: its text may be that of another."""
    columns = [[None if pd.isna(value) else value for value in groups[name]] for name in groups]
    return list(zip(*columns, strict=True))


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


def _covariance(row: dict[Any, Any], total: pd.DataFrame, i: int) -> float:
    """Covariance of two groups' means, from customers who answered in both."""
    one, other = total.loc[row["one"]], total.loc[row["other"]]
    mean, mean_of_other = one[f"wx_{i}"] / one["w"], other[f"wx_{i}"] / other["w"]
    centred = row[f"xx_{i}"] - mean_of_other * row[f"xw_{i}"] - mean * row[f"wx_{i}"] + mean * mean_of_other * row["ww"]
    return float(centred / (one["w"] * other["w"]))


def _differences(
    rows: pd.DataFrame,
    names: list[str],
    asked: list[int],
    shared: dict[tuple[int, int], float],
    smallest: float,
    conf_level: float,
) -> pd.DataFrame:
    by_number = rows.set_index("_number")
    about = {"metric": rows["metric"].iloc[0], "unit": rows["unit"].iloc[0]}
    found = pd.DataFrame(
        [
            {**about, "group": names[one], "other_group": names[other]}
            | _difference(by_number.loc[one], by_number.loc[other], shared.get((one, other), 0.0), smallest, conf_level)
            for one, other in combinations(asked, 2)
        ]
    )
    return with_readings(found, ["metric"], conf_level)


def _difference(one: Any, other: Any, covariance: float, smallest: float, conf_level: float) -> dict[str, Any]:
    found: dict[str, Any] = {"n": int(one["n"]), "n_other": int(other["n"]), "is_similar": False}
    untold = next((row for row in (one, other) if row["status"] not in SHOWN), None)
    if untold is not None:
        return found | {"status": untold["status"], "reason": untold["reason"]}
    found["estimate"] = gap = float(one["estimate"] - other["estimate"])
    sides = _sides(_known(one), _known(other), covariance)
    if sides is None:
        return found | {
            "status": "not_applicable",
            "reason": "customers who answered in both differ by the same: no interval",
        }
    status = "small" if "small" in (one["status"], other["status"]) else "ok"
    reason = next(_words(one, other), None)
    return found | tested(gap, *sides, smallest, conf_level) | {"status": status, "reason": reason}


def _known(row: Any) -> Known:
    return known(row, float(row["std_error"]), float(row["n_clusters"] - 1), OF_MEASURE)


def _sides(one: Known, other: Known, covariance: float) -> tuple[Side, Side] | None:
    """How well a difference is known to either side; None where customers in both groups leave it no variance."""
    shared = 0.0 if one.is_alike or other.is_alike else 2 * covariance  # answers that are all alike go with nothing
    below, above = one.below**2 + other.above**2 - shared, one.above**2 + other.below**2 - shared
    if not max(below, above) > LEAST_VARIANCE:
        return None
    df = min(one.df, other.df)
    return Side(float(np.sqrt(below)), df), Side(float(np.sqrt(above)), df)


def _words(*rows: Any) -> Iterator[str]:
    yield from (row["reason"] for row in rows if not pd.isna(row["reason"]))
