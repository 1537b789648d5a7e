"""From numbers per group to the tidy frame: one row per group and metric, each with what to know about it.

Drawn column by column, not row by row: a year of hours in a dozen queues is a million rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cxfusion.operations.figures import NotApplicable
from cxfusion.results.grouping import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from cxfusion.operations.figures import Figure
    from cxfusion.operations.metrics import Metric
    from cxfusion.operations.tallies import Numbers

__all__ = ["tidy"]

_NOTHING: Final = -1  # code of a missing text


def tidy(
    rows: pd.DataFrame, numbers: Numbers, figures: Mapping[Metric, Figure | NotApplicable], names: Sequence[str]
) -> pd.DataFrame:
    """One row per group and metric, group by group.

    Parameters
    ----------
    rows : pandas.DataFrame
        The groups or the whole of ``numbers``.
    numbers : Numbers
    figures : mapping of Metric to Figure or NotApplicable
    names : sequence of str
        What the first columns of ``rows``, the keys, are called in the frame.

    Returns
    -------
    pandas.DataFrame
        The keys, then ``metric, estimate, unit, n, status, reason``.
    """
    parts = [_Column(rows, numbers, metric, figure) for metric, figure in figures.items()]
    metrics = list(figures)
    keys = rows[rows.columns[: len(names)]].set_axis(list(names), axis=1)
    estimate = np.stack([part.estimate for part in parts], axis=1).ravel()
    which = np.tile(np.arange(len(metrics)), len(rows))
    said = _Texts()
    reasons = np.stack([part.reasons(said) for part in parts], axis=1).ravel()
    own = pd.DataFrame(
        {
            "metric": _taken([metric.name for metric in metrics], which),
            "estimate": estimate,
            "unit": _taken([metric.unit for metric in metrics], which),
            "n": np.stack([part.n for part in parts], axis=1).ravel().astype(np.int64),
            "status": _taken(["ok", "not_applicable"], np.isnan(estimate).astype(np.intp)),
            "reason": _taken(said.texts, reasons),
        }
    )
    groups = keys.take(np.repeat(np.arange(len(rows)), len(metrics))).reset_index(drop=True)
    return pd.concat([groups, own], axis=1)


class _Texts:
    """Texts by code, each once."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        return list(self._codes)

    def code(self, text: str) -> int:
        return self._codes.setdefault(text, len(self._codes)) if text else _NOTHING


class _Column:
    """One metric in every group: ``estimate``, ``n``, and what is unknown or in doubt about it."""

    def __init__(self, rows: pd.DataFrame, numbers: Numbers, metric: Metric, figure: Figure | NotApplicable) -> None:
        self._metric, self._figure = metric, figure
        self.n = self._unknown = self._doubt = np.zeros(len(rows))
        self.estimate = np.full(len(rows), np.nan)
        if isinstance(figure, NotApplicable):
            return
        self.n = numbers.total(rows, figure.n)
        if metric.statistic == "total":
            self.estimate = self.n
        elif metric.is_quantile:
            self.estimate = rows[metric.name].to_numpy(dtype=float)
        else:
            np.divide(numbers.total(rows, figure.total), self.n, out=self.estimate, where=self.n > 0)
        if figure.unknown:
            self._unknown = numbers.total(rows, figure.unknown)
        if figure.doubt:
            self._doubt = numbers.total(rows, figure.doubt.about)

    def reasons(self, said: _Texts) -> NDArray[np.intp]:
        """Code of what each group's figure must say about itself."""
        if isinstance(self._figure, NotApplicable):
            return np.full(len(self.n), said.code(self._figure.reason))
        codes = np.full(len(self.n), said.code(self._figure.caveat or ""))
        if self._metric.statistic != "total":
            at = np.flatnonzero((self.n == 0) | (self._unknown > 0) | (self._doubt > 0))
            which, first = _alike(self.n[at], self._unknown[at], self._doubt[at])
            told = [said.code("; ".join(self._remarks(self._figure, int(i)))) for i in at[first]]
            codes[at] = np.array(told, dtype=np.intp)[which]
        return codes

    def _remarks(self, figure: Figure, i: int) -> Iterator[str]:
        """Why there is no figure, or what a reader of it should know."""
        n, unknown, doubt, who = self.n[i], self._unknown[i], self._doubt[i], self._metric.among
        if n == 0:
            yield f"known for none of {unknown:,.0f} {who}" if unknown else f"no {who}"
            return
        if figure.caveat:
            yield figure.caveat
        if unknown:
            yield f"known for {n:,.0f} of {n + unknown:,.0f} {who}"
        if figure.doubt and doubt:
            yield f"{doubt:,.0f} {figure.doubt.words}"


def _alike(*counts: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places with the same counts: the number of each one's kind, and where each kind comes first."""
    kind = np.zeros(len(counts[0]), dtype=np.int64)
    for count in counts:
        code, levels = pd.factorize(count)
        kind = pd.factorize(kind * len(levels) + code)[0]
    return kind, np.unique(kind, return_index=True)[1]


def _taken(texts: Sequence[str], codes: NDArray[np.intp]) -> pd.Series[str]:
    """A column of texts by their codes; null where the code is of nothing."""
    return pd.Series([*texts, None], dtype=TEXT).take(codes).reset_index(drop=True)  # −1 is the last: null
