"""Erlang B, C and A against published tables, against the balance equations, and against a simulated queue."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

import cxfusion as cx
from cxfusion.operations.erlang import erlang_a, erlang_c, fewest_between, log_erlang_b


@pytest.mark.parametrize(
    ("blocking", "agents", "load"),
    # from the usual Erlang B tables: traffic offered at a blocking of 1 % and 2 %
    [
        *((0.01, 1, 0.0101), (0.01, 5, 1.361), (0.01, 10, 4.461), (0.01, 20, 12.03), (0.01, 100, 84.06)),
        *((0.02, 1, 0.0204), (0.02, 5, 1.657), (0.02, 10, 5.084), (0.02, 20, 13.18), (0.02, 100, 87.97)),
    ],
)
def test_erlang_b_tables(blocking, agents, load):
    found = np.exp(log_erlang_b(np.array([load]), np.array([float(agents)])))[0]
    slope = np.exp(log_erlang_b(np.array([load + 0.01]), np.array([float(agents)])))[0] - found
    printed = 0.5 * 10.0 ** -(len(str(load).split(".")[1]))
    assert abs(found - blocking) <= slope / 0.01 * printed * 1.05


def test_the_worked_example_of_call_centre_textbooks():
    # 200 calls an hour of 3 minutes: 10 erlangs; 14 agents (Call Centre Helper, "Erlang C formula: a worked example")
    (row,) = cx.staffing(200, 180, 14).table.itertuples()
    assert row.load_erlangs == 10
    assert row.wait_probability == pytest.approx(0.1741, abs=5e-5)
    assert row.service_level == pytest.approx(0.888, abs=5e-4)
    assert row.asa_seconds == pytest.approx(7.8, abs=0.05)
    assert row.occupancy == pytest.approx(0.714, abs=5e-4)
    (eleven,) = cx.staffing(200, 180, 11).table.itertuples()
    assert eleven.wait_probability == pytest.approx(0.682, abs=5e-4)
    assert cx.required_agents(200, 180, service_level=0.8).table["agents"].to_list() == [14]


def test_the_example_of_garnett_mandelbaum_and_reiman():
    # "Designing a call center with impatient customers" (2002), table 1: 48 calls a minute of a minute each, 50 agents,
    # patience of 2 minutes: without and with abandonment
    patient, impatient = cx.staffing(48, 60, 50, interval_seconds=60).table.iloc[0], cx.staffing(
        48, 60, 50, interval_seconds=60, patience_seconds=120
    ).table.iloc[0]  # fmt: skip
    assert patient["asa_seconds"] == pytest.approx(20.8, abs=0.05)
    assert patient["occupancy"] == pytest.approx(0.96, abs=0.005)
    assert impatient["abandonment_rate"] == pytest.approx(0.031, abs=5e-4)
    assert impatient["wait_seconds"] == pytest.approx(3.7, abs=0.05)
    assert impatient["occupancy"] == pytest.approx(0.93, abs=0.005)


def balance(load, agents, aht, patience, target, n_states=4_000):
    """Erlang A from its balance equations, customer by customer in the queue."""
    service, leave = 1 / aht, 1 / patience
    arrive = load * service
    rates = np.minimum(np.arange(1, n_states), agents) * service
    rates = rates + np.maximum(np.arange(1, n_states) - agents, 0) * leave
    log_p = np.concatenate([[0.0], np.cumsum(np.log(arrive) - np.log(rates))])
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    ahead = np.arange(n_states - agents)  # waiting already when a customer joins the queue
    joins = p[agents:]
    is_served = agents * service / (agents * service + (ahead + 1) * leave)
    until = np.cumsum(1 / (agents * service + (ahead + 1) * leave))  # to be served, each step by whatever ends it
    served = p[:agents].sum() + (joins * is_served).sum()
    return {
        "wait_probability": joins.sum(),
        "abandonment_rate": 1 - served,
        "asa_seconds": (joins * is_served * until).sum() / served,
        "wait_seconds": (1 - served) * patience,
        "occupancy": load * served / agents,
    }


@pytest.mark.parametrize(
    ("load", "agents", "aht", "patience"),
    [
        (10, 14, 180, 60),
        (100, 90, 300, 120),
        (100, 105, 300, 20_000),
        (5, 1, 100, 30),
        (900, 910, 240, 100),
        (0.3, 2, 60, 60),
        (0.8, 1, 3_600, 10),
        (4, 1, 14_400, 60),
    ],
)
def test_erlang_a_equals_its_balance_equations(load, agents, aht, patience):
    queue = erlang_a(*(np.array([float(value)]) for value in (load, agents, aht, 20, patience)))
    for name, expected in balance(load, agents, aht, patience, 20).items():
        assert getattr(queue, name)[0] == pytest.approx(expected, rel=1e-9), name


def test_patience_like_handling_makes_everyone_served_at_once_by_somebody():
    # with θ = μ the number present is that of infinitely many agents: Poisson, whatever the number of agents
    from scipy.stats import poisson

    load, agents = 12.0, np.arange(1.0, 31.0)
    same = np.full(30, 200.0)
    queue = erlang_a(np.full(30, load), agents, same, np.full(30, 20.0), same)
    np.testing.assert_allclose(queue.wait_probability, poisson.sf(agents - 1, load), rtol=1e-10)
    present = np.arange(400)
    waiting = [(np.maximum(present - n, 0) * poisson.pmf(present, load)).sum() for n in agents]
    np.testing.assert_allclose(queue.abandonment_rate, np.array(waiting) / load, rtol=1e-9)


def test_endless_patience_is_erlang_c():
    load, agents = np.array([10.0, 10.0, 80.0, 0.5]), np.array([11.0, 14.0, 84.0, 1.0])
    aht, target = np.full(4, 240.0), np.array([0.0, 20.0, 30.0, 60.0])
    patient, endless = erlang_c(load, agents, aht, target), erlang_a(load, agents, aht, target, np.full(4, 1e10))
    for name in ("wait_probability", "asa_seconds", "service_level", "occupancy"):
        np.testing.assert_allclose(getattr(endless, name), getattr(patient, name), rtol=1e-5)


def test_one_agent_is_the_textbook_queue():
    # M/M/1: wait ρ/(μ − λ), P(W > t) = ρ exp(−(μ − λ)t)
    queue = erlang_c(*(np.array([value]) for value in (0.75, 1.0, 100.0, 30.0)))
    assert queue.asa_seconds[0] == pytest.approx(300)
    assert queue.service_level[0] == pytest.approx(1 - 0.75 * np.exp(-0.0025 * 30))


def test_fewest_agents_are_sought_for_each_scenario_by_itself():
    # ranges of all widths: some are settled long before others, and stay so
    needed = np.array([1.0, 2.0, 37.0, 100.0, 4.0, 11.0])
    least, enough = np.array([0.0, 1.0, 0.0, 0.0, 3.0, 10.0]), np.array([1.0, 3.0, 100.0, 100.0, 4.0, 74.0])
    assert fewest_between(least, enough, lambda agents: agents >= needed).tolist() == needed.tolist()


def simulated(load, agents, aht, patience, target, n=150_000, seed=1):
    """First come, first served, one customer after the other."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(aht / load, n))
    work, patience_of = rng.exponential(aht, n), rng.exponential(patience, n)
    free_at = [0.0] * agents
    waits, answered = np.empty(n), np.zeros(n, dtype=bool)
    for i in range(n):
        wait = max(free_at[0] - arrivals[i], 0.0)
        answered[i] = wait <= patience_of[i]
        waits[i] = min(wait, patience_of[i])
        if answered[i]:
            heapq.heapreplace(free_at, arrivals[i] + wait + work[i])
    offered = n - (~answered & (waits <= target)).sum()
    return {
        "asa_seconds": waits[answered].mean(),
        "wait_seconds": waits.mean(),
        "abandonment_rate": 1 - answered.mean(),
        "service_level": (answered & (waits <= target)).sum() / offered,
        "service_level_of_offered": (answered & (waits <= target)).mean(),
        "wait_probability": (waits > 0).mean(),
    }


@pytest.mark.parametrize(("load", "agents", "patience"), [(20.0, 20, 120.0), (20.0, 17, 60.0), (6.0, 8, 300.0)])
def test_a_simulated_queue_agrees(load, agents, patience):
    queue = erlang_a(*(np.array([value]) for value in (load, float(agents), 240.0, 20.0, patience)))
    for name, drawn in simulated(load, agents, 240.0, patience, 20.0).items():
        assert getattr(queue, name)[0] == pytest.approx(drawn, rel=0.05, abs=0.003), name
