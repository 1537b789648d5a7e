"""A tidy frame as people read it in a notebook: names in words, figures in their units, an interval as one cell.

Nothing is computed here: ``.table`` keeps every number under its machine name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.results.formats import DASH, change, confidence, figure, interval, number
from cxfusion.results.labels import (
    block_label,
    column_label,
    grade_label,
    lever_label,
    metric_label,
    rung_label,
    step_in_words,
    verdict_label,
)
from cxfusion.results.language import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["FIGURES", "best_estimates", "by_metric", "mean_level", "readable"]

FIGURES: Final = "figures"
"""Under this name a frame's ``attrs`` tell which columns hold figures as text, to be aligned like numbers."""
_LABELS: Final[dict[str, Callable[[str], str]]] = {
    "block": block_label,
    "grade": grade_label,
    "lever": lever_label,
    "metric": metric_label,
    "rung": rung_label,
    "verdict": verdict_label,
}
_HEADS: Final = {"because": "Why", "n": "n", "p_value": "p"}
_SAID_OTHERWISE: Final = frozenset(
    {"std_error", "conf_low", "conf_high", "outcome_unit", "unit", "pooled_low", "pooled_high"}
)
"""Beside an estimate these are part of its cell, or of the interval's."""


def readable(frame: pd.DataFrame, columns: Sequence[str] = (), conf_level: float = 0.95) -> pd.DataFrame:
    """The frame in words; columns that say nothing are left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        Tidy, with columns such as ``lever, step, metric, estimate, conf_low, conf_high, unit, n, status, reason``.
    columns : sequence of str
        Those to show, in this order; all where empty.
    conf_level : float
        Of the intervals.

    Examples
    --------
    >>> tidy = pd.DataFrame({"metric": ["aht_seconds"], "estimate": [312.0], "unit": ["seconds"], "status": ["ok"]})
    >>> readable(tidy).to_dict("records")
    [{'Metric': 'Average handle time', 'Estimate': '5 min 12 s'}]
    """
    if "corrected_estimate" in frame.columns:
        frame = frame.assign(estimate=best_estimates(frame))
    names = [name for name in columns or frame.columns if name in frame.columns and _says(frame, str(name))]
    cells: dict[str, Any] = {}
    figures: list[str] = []
    for name in names:
        for head, values, is_figure in _cells(frame, str(name), conf_level):
            head = head if head not in cells else str(name)  # noqa: PLW2901  two names may have one label
            cells[head] = values
            figures += [head] * is_figure
    shown = pd.DataFrame(cells, index=frame.index)
    shown.attrs[FIGURES] = tuple(figures)
    return shown


def best_estimates(levers: pd.DataFrame) -> pd.Series:
    """What people read first of a lever: the effect corrected for hard cases, or within where there is none.

    Parameters
    ----------
    levers : pandas.DataFrame
        ``estimate, corrected_estimate``.

    Examples
    --------
    >>> best_estimates(pd.DataFrame({"estimate": [0.08, 0.11], "corrected_estimate": [-0.01, None]})).tolist()
    [-0.01, 0.11]
    """
    return levers["corrected_estimate"].astype(float).fillna(levers["estimate"].astype(float))


def mean_level(value: float | None, unit: str | None) -> str:
    """How much of a lever there is on average; of a count it has decimals.

    Examples
    --------
    >>> mean_level(0.1738, "count"), mean_level(44.08, "seconds")
    ('0.17', '44 s')
    """
    return number(value, 2) if unit == "count" else figure(value, unit)


def by_metric(frame: pd.DataFrame, keys: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """A row for each group and a column for each metric that has any figure.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``metric, estimate, unit`` and the key columns.
    keys, metrics : sequence of str
    """
    told = set(frame.loc[frame["estimate"].notna(), "metric"])
    groups = frame[list(keys)].drop_duplicates().reset_index(drop=True)
    shown = groups.rename(columns={key: column_label(key) for key in keys})
    heads = []
    for metric in [metric for metric in metrics if metric in told]:
        rows = frame[frame["metric"] == metric]
        own = groups.merge(rows, on=list(keys), how="left")
        heads.append(metric_label(metric))
        shown[heads[-1]] = [figure(value, str(rows["unit"].iloc[0])) for value in own["estimate"]]
    shown.attrs[FIGURES] = tuple(heads)
    return shown


def _says(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column tells anything that is not told elsewhere."""
    values = frame[name]
    if "estimate" in frame.columns and name in _SAID_OTHERWISE:
        return False
    if name in ("status", "outcome") and len(frame):
        return bool((values != (values.iloc[0] if name == "outcome" else "ok")).any())
    return bool((values.notna() & (values != "")).any()) or not len(frame)


def _with_ends(value: float | None, low: float | None, high: float | None) -> str:
    return DASH if value is None or pd.isna(value) else f"{change(value)} ({interval(low, high, signed=True)})"


def _units(frame: pd.DataFrame) -> list[Any]:
    """Units of the estimates. Beside a lever, ``unit`` is that of the lever, and the estimate is a score."""
    of_estimate = "outcome_unit" if "outcome_unit" in frame.columns else "unit"
    is_told = of_estimate in frame.columns and (of_estimate != "unit" or "lever" not in frame.columns)
    return list(frame[of_estimate]) if is_told else [None] * len(frame)


def _cells(frame: pd.DataFrame, name: str, conf_level: float) -> Iterator[tuple[str, list[Any], bool]]:
    """Heading, cells, and whether these are figures: of one column, or of an estimate and its interval."""
    values, is_effect = list(frame[name]), {"lever", "step"} <= set(frame.columns)
    if name == "estimate":
        units = _units(frame)
        show = change if is_effect else figure
        one = f" ({units[0]})" if is_effect and "outcome_unit" in frame.columns and len({*units}) == 1 else ""
        yield say("Change" if is_effect else "Estimate") + one, [*map(show, values, units)], True
        if {"conf_low", "conf_high"} <= set(frame.columns):
            ends = zip(frame["conf_low"], frame["conf_high"], units, strict=True)
            head = say("{level} interval", level=confidence(conf_level))
            yield head, [interval(low, high, unit, signed=is_effect) for low, high, unit in ends], True
    elif name == "pooled_estimate":
        ends = zip(values, frame["pooled_low"], frame["pooled_high"], strict=True)
        yield say("With what the others show"), [_with_ends(*one) for one in ends], True
    elif name == "level" and "unit" in frame.columns:
        yield say("Level"), [*map(figure, values, frame["unit"])], True
    elif name == "mean_level" and "unit" in frame.columns:
        yield say("Mean level"), [*map(mean_level, values, frame["unit"])], True
    elif pd.api.types.is_datetime64_any_dtype(frame[name]):
        is_day = bool((frame[name].dropna() == frame[name].dropna().dt.normalize()).all())
        yield column_label(name), list(frame[name].dt.strftime("%Y-%m-%d" if is_day else "%Y-%m-%d %H:%M")), False
    elif name == "step" and is_effect:
        units = list(frame["unit"]) if "unit" in frame.columns else [None] * len(frame)
        yield say("Step"), [*map(step_in_words, frame["lever"], values, units)], False
    else:
        label = _LABELS.get(name)
        told = values if label is None else [value if pd.isna(value) else label(str(value)) for value in values]
        yield _HEADS.get(name) or column_label(name), told, False
