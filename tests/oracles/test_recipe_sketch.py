"""The within rung and the correction beside a rough sketch of the same recipe: dummies, no folds, one moment."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import cxfusion as cx

SKETCH = Path(__file__).parents[3] / "shared" / "reference" / "recipe_sketch.py"


@pytest.fixture(scope="module")
def sketch():
    if not SKETCH.exists():
        pytest.skip("the sketch is not here")
    spec = importlib.util.spec_from_file_location("recipe_sketch", SKETCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_estimates_are_those_of_the_sketch_up_to_what_it_leaves_out(sketch):
    with cx.Session(threads=1) as session:
        drawn = cx.simulate(20_000, 77, session=session)
        pairing = cx.pair(drawn.contacts, drawn.surveys)
        ours = cx.fit_levers(pairing, "csat", weights=cx.weigh(pairing, "csat")).levers.set_index("lever")
        log, surveys = drawn.contacts.to_pandas(), drawn.surveys.to_pandas()
    levers = {name: float(row["step"]) for name, row in ours.iterrows()}
    theirs = sketch.verdicts(log[~log["is_abandoned"]], surveys, levers).set_index("lever")
    # The sketch takes the median over pairs of marks, we the one surely lowest; with nothing shared they lie together.
    median = theirs["reliability"].iloc[0]
    assert ours["reliability"].iloc[0] == pytest.approx(median, rel=0.1)
    for lever, row in ours.iterrows():
        expected = theirs.loc[lever]
        assert row["within_estimate"] == pytest.approx(expected["estimate"], abs=0.8 * expected["std_error"]), lever
        assert 0.8 < row["std_error"] / expected["std_error"] < 1.6, lever  # it absorbs hours, not hours of the week
        spread = expected["std_error_corrected"]
        assert row["corrected_estimate"] == pytest.approx(expected["corrected"], abs=spread), lever
