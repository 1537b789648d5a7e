"""Every fold of the house, found by looking for it: as a study runs it, with the rows it ran over and what it told."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np

import cxfusion as cx
from cxfusion.engine.duckdb import DuckDBEngine
from cxfusion.estimators.held import _KeepFold
from cxfusion.estimators.robust import _RowScores

if TYPE_CHECKING:
    import pyarrow as pa

LAWS = ("zero", "step", "merge", "finish")
KEEPS_ROWS_HERE = {_KeepFold}
"""Asked for only where an engine's rows are in this process: elsewhere models make their rows anew in every sweep."""


@dataclass(frozen=True)
class Case:
    """A fold, the rows it was run over (by a number: many share them), and its answer."""

    fold: Any
    rows: pa.Table
    number: int
    answer: Any


class RecordingEngine(DuckDBEngine):
    """The embedded engine as if its rows were elsewhere; remembers the first fold of each kind."""

    def __init__(self, cases: dict[type, Case]) -> None:
        super().__init__(threads=1)
        self._cases = cases
        self._rows: dict[str, tuple[int, pa.Table]] = {}

    def supports(self, capability):
        return capability != "rows_here" and super().supports(capability)

    def fold(self, relation, fold):
        kinds = set(kinds_in(fold)) - set(self._cases)
        answer = super().fold(relation, fold)
        if kinds:
            number, rows = self._rows.setdefault(repr(relation), (len(self._rows), self.collect(relation)))
            self._cases |= dict.fromkeys(kinds, Case(fold, rows, number, answer))
        return answer


class OwnScores:
    """Scores of rows that stand for themselves, for the one fold that no study of calls needs."""

    def __call__(self, batch):
        return batch.column("weight").to_numpy()[:, None], np.zeros(len(batch), dtype=np.int64)


@cache
def fold_classes() -> frozenset[type]:
    """All classes of the house that are folds."""
    names = [module.name for module in pkgutil.walk_packages(cx.__path__, "cxfusion.") if "__main__" not in module.name]
    found = (
        kind
        for name in names
        for kind in vars(importlib.import_module(name)).values()
        if inspect.isclass(kind) and kind.__module__ == name and not getattr(kind, "_is_protocol", False)
    )
    return frozenset(kind for kind in found if is_fold(kind))


def is_fold(thing) -> bool:
    return all(callable(getattr(thing, law, None)) for law in LAWS)


def kinds_in(fold):
    """Of a fold, and of those that it runs within itself."""
    yield type(fold)
    for part in getattr(fold, "__dict__", {}).values():
        for inner in part if isinstance(part, tuple | list) else (part,):
            if is_fold(inner):
                yield from kinds_in(inner)


def tables_of(session, centre):
    """Contacts and surveys of a part of a centre, in a session."""
    contacts = centre.contacts.to_arrow().slice(0, 6000).drop_columns(["source_file", "source_row"])
    surveys = centre.surveys.to_arrow().drop_columns(["source_file", "source_row", "score_status"])
    return cx.read_contacts(contacts, session=session), cx.read_surveys(surveys, session=session)


def ask_further(session, cases) -> None:
    """What neither a study nor an analysis asks, and a fold of the house answers."""
    weighed = next(case for case in cases.values() if "weight" in case.rows.column_names)
    session.fold(session.materialize(ibis.memtable(weighed.rows)), _RowScores(OwnScores(), 1))


def numbers_of(answer: Any) -> list[np.ndarray]:
    """All numbers of an answer, array by array."""
    if isinstance(answer, np.ndarray):
        return [answer.astype(float)]
    if isinstance(answer, int | float | np.number):
        return [np.array([float(answer)])]
    if is_dataclass(answer):
        parts = [getattr(answer, field.name) for field in fields(answer)]
    elif isinstance(answer, dict):
        parts = [answer[key] for key in sorted(answer, key=str)]
    elif isinstance(answer, tuple | list):
        parts = list(answer)
    elif hasattr(answer, "__dict__"):
        parts = [vars(answer)]
    elif answer is None or isinstance(answer, str):
        return []
    else:
        raise TypeError(f"an answer of a kind that this does not know: {type(answer)}")
    return [found for part in parts for found in numbers_of(part)]


def apart(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """How far two answers are apart, beside the largest number of each array."""
    if [array.shape for array in one] != [array.shape for array in other]:
        return np.inf
    return max(
        (
            float(np.abs(a - b).max(initial=0) / (np.abs(b).max(initial=0) or 1))
            for a, b in zip(one, other, strict=True)
        ),
        default=np.inf,
    )
