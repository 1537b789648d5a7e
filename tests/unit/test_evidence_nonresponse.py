"""Effects under other beliefs about who did not answer, in a world where the dissatisfied truly answer more often."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.errors import ConvergenceError, UsageError
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.effect_averages import LeverRows, LeverTerm
from cxfusion.estimators.effects import estimate_effects
from cxfusion.estimators.held import ModelRows
from cxfusion.estimators.raking import fit_raking
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.estimators.tilting import Tilt
from cxfusion.evidence import reweighted
from cxfusion.evidence.reweighted import TiltPlan, reweighted_effects
from cxfusion.fold import fold_batches

N_AGENTS = 40


def world(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, N_AGENTS, n)
    style = np.linspace(-1, 1, N_AGENTS)[agent]
    wait, hold = rng.gamma(2.0, 40.0, n).round(), rng.gamma(1.0, 40.0, n).round()
    latent = 1.6 - 0.012 * wait - 0.002 * hold - 0.5 * style + rng.logistic(0, 0.7, n)
    return pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"agent {i}" for i in agent],
            "queue": "sales",
            "wait_seconds": wait,
            "hold_seconds": hold,
            "csat": np.digitize(latent, [-1, 0, 0.7, 1.4]) + 1,
        }
    )


def paired(log: pd.DataFrame, answers: pd.DataFrame) -> cx.Pairing:
    contacts = cx.read_contacts(log.drop(columns=["csat"]))
    return cx.pair(contacts, cx.read_surveys(answers[["contact_id", "csat"]]))


@pytest.fixture(scope="module")
def found():
    log = world(30_000)
    chance = np.minimum(0.1 * 4.0 ** ((5 - log["csat"]) / 4), 1)
    answers = log[np.random.default_rng(1).random(len(log)) < chance]
    pairing = paired(log, answers)
    return log, pairing, cx.nonresponse_effects(pairing, times=(0.5, 1, 4))


def of(effects: cx.NonresponseEffects, lever: str, shape: str) -> pd.DataFrame:
    rows = effects.table
    return rows[(rows["lever"] == lever) & (rows["shape"] == shape)].set_index("times")


def test_at_one_everything_is_as_fitted(found):
    _, pairing, effects = found
    evidence = cx.fit_levers(pairing, "csat").table.set_index("lever")
    for lever in ("wait_seconds", "hold_seconds"):
        for shape in ("dissatisfied", "extremes"):
            row = of(effects, lever, shape).loc[1.0]
            for column in ("estimate", "conf_low", "conf_high", "step"):
                assert row[column] == pytest.approx(evidence.loc[lever, column], rel=1e-6)
            assert row["verdict"] == evidence.loc[lever, "verdict"]


def test_at_the_true_factor_the_effect_is_that_on_everybody(found):
    log, _, effects = found
    # exactly, by intervention: scaling all waits, everything else as it is
    style = np.linspace(-1, 1, N_AGENTS)[log["agent_id"].str.removeprefix("agent ").astype(int)]
    wait, hold = log["wait_seconds"].to_numpy(), log["hold_seconds"].to_numpy()

    def mean(scale):
        latent = 1.6 - 0.012 * wait * scale - 0.002 * hold - 0.5 * style
        return (1 / (1 + np.exp((np.array([-1, 0, 0.7, 1.4]) - latent[:, None]) / 0.7))).sum(axis=1).mean()

    truth = (mean(0.99) - mean(1.01)) / 0.02 * 30 / wait.mean()
    rows = of(effects, "wait_seconds", "dissatisfied")
    error = (rows["conf_high"] - rows["conf_low"]) / 4
    assert abs(rows.loc[4.0, "estimate"] - truth) < 2.5 * error[4.0]
    assert abs(rows.loc[4.0, "estimate"] - truth) < abs(rows.loc[1.0, "estimate"] - truth)


def test_flips_and_orders_are_read_off_the_effects(found):
    _, _, effects = found
    flips = effects.flips.set_index(["lever", "shape"])
    for (lever, shape), row in flips.iterrows():
        verdicts = of(effects, lever, shape)["verdict"]
        assert row["verdict"] == verdicts[1.0]
        changed = [times for times in verdicts.index if verdicts[times] != verdicts[1.0]]
        assert (row["status"] == "ok") == bool(changed)
        if changed:
            assert row["becomes"] == verdicts[row["times"]]
    assert flips.loc[("wait_seconds", "dissatisfied"), "verdict"] == "moves"
    order = effects.orders.set_index("shape").loc["dissatisfied"]
    assert (order["larger"], order["smaller"]) == ("wait_seconds", "hold_seconds")
    assert (order["status"], order["reason"]) == ("not_applicable", "the order stays")
    assert pickle.loads(pickle.dumps(effects)).table.equals(effects.table)
    assert len(effects.plot().to_dict()["vconcat"]) == 2
    assert "Waiting time: moves the score" in effects.summary()


def test_what_cannot_be_fitted_under_other_weights_flips_nothing(monkeypatch):
    pairing = paired(world(2_000), world(2_000))
    tried = cx.nonresponse_effects(pairing, times=(0.5, 1))

    def refuse_from(most):
        def tilted(sweep, make_rows, factors, totals, n_dense):
            if factors.max() >= most * factors.min():
                raise ConvergenceError("The weights found no way nearer. Expected somebody to have answered.")
            return reweighted_at(sweep, make_rows, factors, totals, n_dense)

        monkeypatch.setattr(reweighted, "tilted", tilted)

    reweighted_at = reweighted.tilted
    refuse_from(3)
    found = cx.nonresponse_effects(pairing, times=(0.5, 1, 1e4))
    assert found.flips.equals(tried.flips)
    assert found.orders.equals(tried.orders)
    there = found.table[found.table["times"] == 1e4]
    assert (there["status"] == "not_applicable").all()
    assert there["reason"].str.contains("the weights found no way nearer").all()
    refuse_from(1)
    alone = cx.nonresponse_effects(pairing, times=(0.5, 2))  # nothing is fitted again where all are as likely
    assert alone.table.query("status == 'ok'")["times"].unique().tolist() == [1.0]
    assert (alone.flips["verdict"] == tried.flips["verdict"]).all()
    assert (alone.flips["status"] == "not_applicable").all()
    assert (alone.orders["larger"] == "wait_seconds").all()


def test_effects_are_those_of_fitting_with_the_tilted_weights():
    rng = np.random.default_rng(3)
    n = 3_000
    x = np.column_stack([rng.gamma(2.0, 0.5, n), rng.normal(size=n)])
    code = rng.integers(-1, 3, (n, 1))
    outcome = np.digitize(x @ [-0.8, 0.4] + 0.3 * code[:, 0] + rng.logistic(size=n), [-2.0, -1.0, 0.0, 1.0])
    cluster = rng.integers(0, 40, n)

    def sweep(fold):
        return fold_batches(fold, [pa.RecordBatch.from_pydict({"row": np.arange(n)})])

    def rows(_):
        return Rows(np.hstack([x, np.zeros((n, 2))]), Indicators(code, (3,)), outcome, np.ones(n), cluster)

    def levers(_):
        return [LeverRows(x[:, 0], np.ones((n, 1)))]

    terms, values = [LeverTerm(slice(0, 1), -0.3, np.zeros(1))], (1, 2, 3, 4, 5)
    fit = fit_cumulative_logit(sweep, rows, 5)
    worth = np.linspace(0, 1, 5)
    tilts = (Tilt("dissatisfied", 2.0), Tilt("dissatisfied", 1.0), Tilt("extremes", 0.5))
    plan = TiltPlan(tilts, worth)
    found = reweighted_effects(ModelRows(sweep, rows, levers), fit, 2, terms, values, 40, 40, plan)
    now = estimate_effects(sweep, rows, levers, terms, fit, values, 40)
    assert found[1].estimate == pytest.approx(now.estimate, rel=1e-7)
    assert found[1].std_error == pytest.approx(now.std_error, rel=1e-6)
    plain = rows(None)
    margins = replace(plain, dense=x)
    totals = np.concatenate([[float(n)], margins.transposed_times(np.ones(n))])
    for tilt, moved in zip(tilts, found, strict=True):
        base = replace(margins, weight=tilt.factors(worth)[outcome])
        weight = fit_raking(sweep, lambda _, base=base: base, totals).weights(base)
        assert weight @ x[:, 0] == pytest.approx(x[:, 0].sum(), rel=1e-8)
        whole = replace(plain, weight=weight)
        again = fit_cumulative_logit(sweep, lambda _, whole=whole: whole, 5)
        settled = estimate_effects(sweep, lambda _, whole=whole: whole, levers, terms, again, values, 40)
        assert moved.estimate == pytest.approx(settled.estimate, rel=1e-5)
        assert moved.std_error == pytest.approx(settled.std_error, rel=1e-5)


def test_times_must_be_positive():
    log = world(400)
    with pytest.raises(UsageError, match="positive"):
        cx.nonresponse_effects(paired(log, log), times=(-1, 1))


def test_agents_who_pick_leave_no_definite_verdict():
    log = world(3_000, seed=5)
    pairing = paired(log, log)
    honest = cx.check_offers(pairing)
    picked = replace(honest, status="failed")
    free = cx.nonresponse_effects(pairing, times=(1,), offers=replace(honest, status="passed"))
    found = cx.nonresponse_effects(pairing, times=(1,), offers=picked)
    whole = cx.fit_levers(pairing, offers=picked).table.set_index("lever")
    assert of(free, "wait_seconds", "extremes").loc[1.0, "verdict"] == "moves"
    for lever in ("wait_seconds", "hold_seconds"):
        row = of(found, lever, "extremes").loc[1.0]
        assert row["verdict"] == whole.loc[lever, "verdict"] in ("contested", "unclear")
