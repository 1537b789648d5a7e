"""Rows and sweeps from plain arrays, for estimators under test."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from cxfusion.estimators.moments import LinearRows
from cxfusion.estimators.partial_odds import surface_at
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.fold import Fold, fold_batches

if TYPE_CHECKING:
    from collections.abc import Callable


def sweep_of(n: int, n_batches: int) -> Callable[[Fold], object]:
    """A sweep over row numbers, in batches."""
    edges = np.linspace(0, n, n_batches + 1).astype(int)
    batches = [pa.RecordBatch.from_pydict({"row": np.arange(start, stop)}) for start, stop in itertools.pairwise(edges)]
    return lambda fold: fold_batches(fold, batches)


@dataclass(frozen=True)
class ArraySample:
    """A regression sample in memory, split into batches at will."""

    dense: np.ndarray
    outcome: np.ndarray
    weight: np.ndarray
    cluster: np.ndarray
    codes: np.ndarray
    widths: tuple[int, ...]

    def sweep(self, n_batches: int = 1) -> Callable[[Fold], object]:
        return sweep_of(len(self.outcome), n_batches)

    def rows(self, batch: pa.RecordBatch) -> Rows:
        at = batch["row"].to_numpy()
        return Rows(
            self.dense[at],
            Indicators(self.codes[at], self.widths),
            self.outcome[at],
            self.weight[at],
            self.cluster[at],
        )


@pytest.fixture(scope="session")
def array_sample() -> Callable[..., ArraySample]:
    def build(dense, outcome, weight=None, cluster=None, codes=None, widths=()) -> ArraySample:
        n = len(outcome)
        return ArraySample(
            dense=np.asarray(dense, dtype=float),
            outcome=np.asarray(outcome, dtype=np.int64),
            weight=np.ones(n) if weight is None else np.asarray(weight, dtype=float),
            cluster=np.arange(n) if cluster is None else np.asarray(cluster, dtype=np.int64),
            codes=np.empty((n, 0), dtype=np.int64) if codes is None else np.asarray(codes, dtype=np.int64),
            widths=widths,
        )

    return build


@pytest.fixture(scope="session")
def require_derivatives() -> Callable[..., None]:
    """Gradient, information and scores of a model at its parameters are derivatives of its likelihood."""

    def require(sample, point, bends_within) -> None:
        here = surface_at(sample.sweep(4), sample.rows, point)
        steps = np.eye(len(point.parameters)) * 1e-5
        sides = [
            [surface_at(sample.sweep(), sample.rows, point.at(point.parameters + sign * h)) for sign in (1, -1)]
            for h in steps
        ]
        slope = np.array([(up.log_likelihood - down.log_likelihood) / 2e-5 for up, down in sides])
        assert here.gradient == pytest.approx(slope, abs=1e-4)
        bend = -np.array([(up.gradient - down.gradient) / 2e-5 for up, down in sides])
        assert here.information == pytest.approx(bend, abs=bends_within)
        rows = sample.rows(pa.RecordBatch.from_pydict({"row": np.arange(len(sample.outcome))}))
        scores = point.scores_times(rows, point.predictors(rows), np.eye(len(point.parameters)))
        assert scores.sum(axis=0) == pytest.approx(here.gradient, abs=1e-8)

    return require


@dataclass(frozen=True)
class LinearSample:
    """Columns in memory for linear models, split into batches at will."""

    columns: np.ndarray
    codes: np.ndarray
    widths: tuple[int, ...]
    weight: np.ndarray
    cluster: np.ndarray

    def sweep(self, n_batches: int = 3) -> Callable[[Fold], object]:
        return sweep_of(len(self.columns), n_batches)

    def rows(self, batch: pa.RecordBatch) -> LinearRows:
        at = batch["row"].to_numpy()
        groups = Indicators(self.codes[at], self.widths)
        return LinearRows(self.columns[at], groups, self.weight[at], self.cluster[at])

    def dummies(self, *groupings: int) -> np.ndarray:
        """Dense indicators and the constant, for comparison."""
        each = [(self.codes[:, [g]] == np.arange(self.widths[g])).astype(float) for g in groupings]
        return np.column_stack([np.ones(len(self.columns)), *each])


@pytest.fixture(scope="session")
def linear_sample() -> Callable[..., LinearSample]:
    def build(columns, codes=None, widths=None, weight=None, cluster=None) -> LinearSample:
        columns = np.asarray(columns, dtype=float)
        n = len(columns)
        codes = np.empty((n, 0), dtype=np.int64) if codes is None else np.asarray(codes, dtype=np.int64)
        return LinearSample(
            columns=columns,
            codes=codes,
            widths=tuple(codes.max(axis=0) + 1) if widths is None else widths,
            weight=np.ones(n) if weight is None else np.asarray(weight, dtype=float),
            cluster=np.arange(n) if cluster is None else np.asarray(cluster, dtype=np.int64),
        )

    return build
