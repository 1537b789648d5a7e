"""The same input gives the same figures to the last digit, however many cores share the work."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.tables.sums import exact_mean, exact_sum

N, N_ANSWERS = 260_000, 4_000  # an engine hands its threads 122,880 rows at a time


def log() -> pa.Table:
    """Contacts whose durations have fractions that floating point cannot hold."""
    rng = np.random.default_rng(11)
    started = np.datetime64("2026-03-02T08:00", "us") + (rng.integers(0, 28 * 86_400, N) * 1_000_000).astype("m8[us]")
    return pa.table(
        {
            "contact_id": [f"c{i}" for i in range(N)],
            "started_at": started,
            "queue": rng.choice(["sales", "service", "orders"], N),
            "agent_id": [f"a{i}" for i in rng.integers(0, 60, N)],
            "customer_id": [f"k{i}" for i in rng.integers(0, N // 2, N)],
            **{name: rng.gamma(2, mean / 2, N) for name, mean in {"wait_seconds": 60, "talk_seconds": 240}.items()},
            "hold_seconds": rng.gamma(0.5, 40, N),
            "wrap_seconds": rng.gamma(2, 20, N),
        }
    )


def answers(contacts: pa.Table) -> pa.Table:
    rng = np.random.default_rng(12)
    mood = rng.normal(0, 1, N_ANSWERS) - contacts["wait_seconds"].to_numpy()[:N_ANSWERS] / 100
    ids = contacts["contact_id"].slice(0, N_ANSWERS)
    return pa.table({"contact_id": ids, "csat": np.digitize(mood, [-2, -1, 0, 1]) + 1.0})


def figures(contacts: pa.Table, surveys: pa.Table, threads: int) -> dict[str, object]:
    with cx.Session(threads=threads) as session:
        pairing = cx.pair(
            cx.read_contacts(contacts, timezone="UTC", session=session),
            cx.read_surveys(surveys, timezone="UTC", session=session),
        )
        weights = cx.weigh(pairing, "csat")
        return {
            "operations": cx.diagnose(pairing.contacts, by="queue", interval="1h").as_rows(),
            "perception": cx.measure(pairing, "csat", by="queue", weights=weights).as_rows(),
            "weights": weights.balance.assign(n=weights.effective_n),
            "levers": cx.fit_levers(pairing, outcome="csat", weights=weights).rungs,
        }


def test_one_core_and_two_give_the_same_figures_to_the_last_digit():
    contacts = log()
    one, two = (figures(contacts, answers(contacts), threads) for threads in (1, 2))
    for name, found in one.items():
        assert found.equals(two[name]), name


@pytest.mark.parametrize("threads", [1, 2])
def test_sums_are_those_of_exact_arithmetic(threads):
    contacts = log()
    with cx.Session(threads=threads) as session:
        rows = cx.read_contacts(contacts, timezone="UTC", session=session).rows
        found = session.collect(
            rows.aggregate(
                total=exact_sum(rows["talk_seconds"]),
                mean=exact_mean(rows["talk_seconds"]),
                nothing=exact_sum(rows["talk_seconds"], where=rows["queue"] == "none"),
                no_mean=exact_mean(rows["talk_seconds"], where=rows["queue"] == "none"),
            )
        ).to_pylist()[0]
    talk = contacts["talk_seconds"].to_numpy()
    assert found["total"] == sum(int(step) for step in np.round(talk * 1e5)) / 1e5
    assert found["total"] == pytest.approx(math.fsum(talk), rel=1e-9)
    assert found["mean"] == pytest.approx(talk.mean(), rel=1e-9)
    assert (found["nothing"], found["no_mean"]) == (None, None)
