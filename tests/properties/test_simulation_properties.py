"""What must hold in every simulated world: truths add up over days, nobody is picked who is not there."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cxfusion.simulation.centre import Centre, Queue, Reason
from cxfusion.simulation.satisfaction import Lived
from cxfusion.simulation.staff import BANDS, draw_staff
from cxfusion.simulation.truth import LEVERS, intervene

CENTRE = Centre()
SEEDS = st.integers(0, 2**32 - 1)


def some_lived(n: int, seed: int) -> Lived:
    rng = np.random.default_rng(seed)
    n_transfers = rng.integers(0, 4, n)
    rewaits = rng.exponential(60, (n, 3)) * (np.arange(3) < n_transfers[:, None])
    last = np.where(n_transfers > 0, rewaits[np.arange(n), n_transfers - 1], 0.0)
    seconds = rng.exponential(120, (4, n))
    n_prior = rng.integers(0, 5, n)
    return Lived(*seconds, n_transfers, n_prior, rewaits.sum(axis=1), last, rng.normal(0, 2, n))


@given(n=st.integers(1, 200), seed=SEEDS, cut=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_truths_of_two_parts_add_up_to_the_truth_of_both(n, seed, cut):
    lived, at = some_lived(n, seed), int(cut * n)
    parts = [intervene(lived.take(rows), CENTRE) for rows in np.split(np.arange(n), [at])]
    np.testing.assert_allclose(parts[0] + parts[1], intervene(lived, CENTRE), rtol=1e-9, atol=1e-9)


@given(n=st.integers(1, 200), seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_only_waits_and_transfers_move_scores_and_only_down(n, seed):
    sums = dict(zip([lever.name for lever in LEVERS], intervene(some_lived(n, seed), CENTRE), strict=True))
    for name in ("hold_seconds", "talk_seconds", "ivr_seconds", "n_prior_contacts"):
        assert sums[name][2:].tolist() == [0.0, 0.0]
    for name in ("wait_seconds", "n_transfers"):
        assert (sums[name][2:] <= 0).all()


@given(n_queues=st.integers(1, 7), more_agents=st.integers(0, 60), seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_somebody_is_always_on_shift_and_only_they_are_picked(n_queues, more_agents, seed):
    centre = Centre(
        queues=tuple(Queue(f"q{number}", 1.0, (1.0,)) for number in range(n_queues)), reasons=(Reason("any", 0.0, 0.0),)
    )
    n_agents = centre.agents_for(1_000) + more_agents
    staff = draw_staff(centre, n_agents, np.random.default_rng(seed))
    queue, band = np.divmod(np.arange(n_queues * BANDS), BANDS)
    for roster in staff.rosters:
        assert (roster.size > 0).all()
        first, last = (
            roster.pick(queue, band, np.zeros(len(queue))),
            roster.pick(queue, band, np.full(len(queue), 1 - 1e-9)),
        )
        assert (first <= last).all()
        assert last.max() < n_agents
        off_early = (first // n_queues) % 2 == 1
        assert not off_early[band == 0].any()
        on_late = (last // n_queues) % 2 == 1
        assert on_late[band == BANDS - 1].all()
