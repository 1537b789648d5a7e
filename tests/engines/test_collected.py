"""What leaves an engine is numbers: no identifier of a contact, customer or answer, no rows of the log or of answers.

What goes to its workers is folds, each of which can be sent; what comes back of them is states as long as groups, and
of folds that hold rows the answer alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import cxfusion as cx
from cxfusion.engine.duckdb import DuckDBEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

cloudpickle = pytest.importorskip("pyspark.cloudpickle", reason="pyspark, whose pickles these are, is not installed")

PERSONS_AND_CALLS = ("contact_id", "customer_id", "case_id", "leg_id")
BY_SLOT = {"_ClusterScores"}
"""Folds whose clusters are quarters of an hour of a queue, of which a short log has as many as answers."""


class Watched:
    """A fold, and how long what comes back of it is: the state, or, where it holds rows, the answer."""

    def __init__(self, fold) -> None:
        self.zero, self.step, self.merge = fold.zero, fold.step, fold.merge
        self.fold, self.longest = fold, 0

    def finish(self, state):
        of_state = longest(state)  # before the answer is made of it
        answer = self.fold.finish(state)
        self.longest = longest(answer) if getattr(self.fold, "holds_rows", False) else of_state
        return answer


def longest(thing) -> int:
    """The longest side of all arrays and tables in something, and the most of its lists."""
    if isinstance(getattr(thing, "shape", None), tuple):
        return max(thing.shape, default=0)
    if is_dataclass(thing):
        return max((longest(getattr(thing, field.name)) for field in fields(thing)), default=0)
    if isinstance(thing, dict):
        thing = list(thing.values())
    return max(len(thing), *map(longest, thing), 0) if isinstance(thing, list | tuple) else 0


class WatchedEngine(DuckDBEngine):
    """The embedded engine as if its rows were elsewhere; remembers what came here."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.answers: list[pa.Table] = []
        self.sent: list[tuple[str, int]] = []

    def supports(self, capability):
        return capability != "rows_here" and super().supports(capability)

    def fold(self, relation, fold):
        watched = Watched(cloudpickle.loads(cloudpickle.dumps(fold)))
        answer = super().fold(relation, watched)
        self.sent.append((type(fold).__name__, watched.longest))
        return answer

    def collect(self, relation):
        self.answers.append(super().collect(relation))
        return self.answers[-1]


@pytest.fixture(scope="module")
def study() -> Iterator[tuple[WatchedEngine, dict[str, set[str]], int]]:
    """What came of a whole job, the identifiers of its tables, and how many answers there are."""
    engine = WatchedEngine()
    with cx.Session(engine) as session:
        centre = cx.simulate(n_contacts=20_000, seed=7, session=session)
        known = defaultdict(set)
        for table in (centre.contacts, centre.surveys):
            for name in (*PERSONS_AND_CALLS, "response_id"):
                if name in table.columns:
                    known[name] |= set(table.to_arrow()[name].drop_null().to_pylist())
        engine.answers.clear()
        cx.fuse(centre.contacts, centre.surveys)
        yield engine, dict(known), centre.surveys.n_read


def test_no_identifier_leaves_the_engine(study):
    engine, known, n_answers = study
    assert len(engine.answers) > 100
    told = set()
    for answer in engine.answers:
        for column in answer.columns:
            if pa.types.is_string(column.type):
                told |= set(pc.unique(column).to_pylist())
    assert {name: len(ids & told) for name, ids in known.items() if ids & told} == {}
    assert min(map(len, known.values())) > n_answers / 2


def test_nothing_that_comes_back_is_as_long_as_the_answers(study):
    engine, _, n_answers = study
    assert max(map(len, engine.answers)) < n_answers / 4
    assert len(engine.sent) > 100
    long = Counter(kind for kind, n in engine.sent if n >= n_answers / 2 and kind not in BY_SLOT)
    assert long == {"_MomentsFold": 1}  # once, by agents' days, of which a short log has as many as answers, too
    assert "_RowFold" in dict(engine.sent)
    assert "RowsTogether" in dict(engine.sent)
