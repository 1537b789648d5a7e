"""What leaves an engine is numbers: no identifier of a contact, customer or answer, and no rows but one sample.

What goes to its workers is folds, each of which can be sent.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import cxfusion as cx
from cxfusion.engine.duckdb import DuckDBEngine
from cxfusion.perception import linearised

if TYPE_CHECKING:
    from collections.abc import Iterator

cloudpickle = pytest.importorskip("pyspark.cloudpickle", reason="pyspark, whose pickles these are, is not installed")

PERSONS_AND_CALLS = ("contact_id", "customer_id", "case_id", "leg_id")
BOUND = 1_000
"""To which the sample is set here; no other answer may have so many rows."""


class WatchedEngine(DuckDBEngine):
    """The embedded engine as if its rows were elsewhere; remembers what came here."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.answers: list[pa.Table] = []

    def supports(self, capability):
        return capability != "rows_here" and super().supports(capability)

    def fold(self, relation, fold):
        return super().fold(relation, cloudpickle.loads(cloudpickle.dumps(fold)))

    def collect(self, relation):
        self.answers.append(super().collect(relation))
        return self.answers[-1]


@pytest.fixture(scope="module")
def study() -> Iterator[tuple[list[pa.Table], dict[str, set[str]], int]]:
    """Every answer of a whole job, the identifiers of its tables, and how many contacts there are."""
    engine = WatchedEngine()
    with pytest.MonkeyPatch.context() as patch, cx.Session(engine) as session:
        patch.setattr(linearised, "MOST_ANSWERS", BOUND)
        centre = cx.simulate(n_contacts=20_000, seed=7, session=session)
        known = defaultdict(set)
        for table in (centre.contacts, centre.surveys):
            for name in (*PERSONS_AND_CALLS, "response_id"):
                if name in table.columns:
                    known[name] |= set(table.to_arrow()[name].drop_null().to_pylist())
        engine.answers.clear()
        cx.fuse(centre.contacts, centre.surveys)
        yield engine.answers, dict(known), centre.contacts.n_read


def test_no_identifier_leaves_the_engine(study):
    answers, known, _ = study
    assert len(answers) > 100
    told = set()
    for answer in answers:
        for column in answer.columns:
            if pa.types.is_string(column.type):
                told |= set(pc.unique(column).to_pylist())
    assert {name: len(ids & told) for name, ids in known.items() if ids & told} == {}
    assert min(map(len, known.values())) > BOUND


def test_answers_do_not_grow_with_the_log(study):
    answers, _, n_contacts = study
    assert max(map(len, answers)) <= 1.5 * BOUND < n_contacts / 8  # a hash takes about as many as it is asked for
