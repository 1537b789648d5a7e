"""Columns made once for all models give every model the rows that it would make of a batch itself."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from cxfusion.estimators.held import keep_parts
from cxfusion.estimators.moments import LinearRows, gather_moments
from cxfusion.estimators.within import within_groups
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, WITNESS_LEVER
from cxfusion.evidence.columns import columns_of, levers_of, numbers_of
from cxfusion.evidence.design import Design, learn_basis
from cxfusion.evidence.lever_facts import LeverFacts
from cxfusion.fold import fold_batches
from cxfusion.room import Room

N = 3_000
RNG = np.random.default_rng(11)
LEVERS = (*DEFAULT_LEVERS, WITNESS_LEVER)
SECONDS = {lever.name: RNG.exponential(100, N) for lever in LEVERS if lever.unit == "seconds"}
COUNTS = {lever.name: RNG.poisson(1, N).astype(float) for lever in LEVERS if lever.unit == "count"}
CODES = {"control_reason": RNG.integers(-1, 3, N), "cluster": RNG.integers(0, 20, N), "date": RNG.integers(0, 7, N)}
BATCH = pa.RecordBatch.from_pydict(
    {**SECONDS, **COUNTS, **CODES, "y": RNG.integers(0, 5, N), "weight": RNG.uniform(0.5, 2, N)}
)
CONTROLS, GROUPS = (("control_reason", 3),), (("cluster", 20), ("date", 7))
BASES = tuple(learn_basis(lever, LeverFacts(N, N, 100.0, 900.0, (10.0, 50.0, 120.0, 200.0, 350.0))) for lever in LEVERS)
WHOLE = Design(BASES, CONTROLS, GROUPS)
SWEEP = partial(fold_batches, batches=[BATCH])


def absorbed(batch):
    weight, cluster = (numbers_of(batch, name) for name in ("weight", "cluster"))
    return LinearRows(WHOLE.basis_columns(batch), WHOLE.absorbed(batch), weight, cluster)


PROJECTION = within_groups(gather_moments(SWEEP, absorbed)).projection
CHOICES = {
    "one": [2],
    "those side by side": [0, 1, 2],
    "with gaps": [0, 3, 6],
    "in another order": [4, 1],
    "all": range(7),
}


@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("is_projected", [False, True])
def test_a_choice_of_columns_is_what_the_design_makes_of_a_batch(chosen, is_projected):
    held = columns_of(BATCH, WHOLE.projected(PROJECTION), BASES)
    design = Design(tuple(BASES[j] for j in chosen), CONTROLS, GROUPS)
    if is_projected:
        ends = np.cumsum([basis.width for basis in BASES])
        places = [place for j in chosen for place in range(ends[j] - BASES[j].width, ends[j])]
        design = design.projected(PROJECTION.of_columns(places))
    found, expected = design.make_rows(held), design.make_rows(BATCH)
    np.testing.assert_allclose(found.dense, expected.dense, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.groups.codes, expected.groups.codes)
    for name in ("outcome", "weight", "cluster"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for own, other in zip(levers_of(held, design.bases), levers_of(BATCH, design.bases), strict=True):
        np.testing.assert_array_equal(own.slope, other.slope)


def test_parts_of_kept_columns_are_cut_and_written_like_batches(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    make = partial(columns_of, design=WHOLE.projected(PROJECTION), asked=BASES[:1])
    for budget_bytes in (0, 1 << 40):
        parts = keep_parts(SWEEP, make, Room(budget_bytes), part_rows=700)(_Everything())
        assert [len(part) for part in parts] == [500] * 6
        rows = [WHOLE.projected(PROJECTION).make_rows(part) for part in parts]
        whole = WHOLE.projected(PROJECTION).make_rows(BATCH)
        np.testing.assert_allclose(np.vstack([part.dense for part in rows]), whole.dense, rtol=1e-12, atol=1e-12)
        levels = [levers_of(part, BASES[:1])[0].level for part in parts]
        np.testing.assert_array_equal(np.concatenate(levels), SECONDS["wait_seconds"])


class _Everything:
    """Fold: the parts themselves."""

    def zero(self):
        return []

    def step(self, state, batch):
        return [*state, batch]

    def merge(self, left, right):
        return left + right

    def finish(self, state):
        return state
