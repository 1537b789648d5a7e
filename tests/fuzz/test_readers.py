"""A small share of the campaign in ``benchmarks/fuzz.py``: every reader, a few cases drawn anew from a fixed seed."""

from __future__ import annotations

import pytest

from fuzz.campaign import run
from fuzz.changes import changes_for
from fuzz.readers import READERS

CASES = 2


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_broken_inputs_end_in_clear_errors_or_balanced_books(reader):
    # other readers begin with other changes, so that all changes are among the few cases
    first = READERS.index(reader) * CASES % len(changes_for(reader))
    tally = run(reader, range(first, first + CASES), seed=1)
    assert tally.failures == []
    assert tally.outcomes.total() == CASES
