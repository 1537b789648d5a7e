"""Direct and total effects in worlds whose paths are known, computed by intervention."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import BadControlError, ConfigError, UnknownNameError, UsageError

CUTS = np.array([-1.0, 0.0, 0.7, 1.4])
N, AGENTS = 14_000, 50
WAIT = 0.006  # latent score per second
TALK = 0.004
LONGER = 0.8  # seconds of talk per second of waiting


def expected(latent: np.ndarray, scale: float = 0.7) -> float:
    return float((1 / (1 + np.exp((CUTS - latent[:, None]) / scale))).sum(axis=1).mean())


@pytest.fixture(scope="module")
def world():
    """A wait annoys, and lengthens talk, which annoys too; and the log it leaves."""
    rng = np.random.default_rng(2)
    wait, noise = rng.gamma(2.0, 40.0, N).round(), rng.gamma(4.0, 30.0, N)
    talk = (100 + LONGER * wait + noise).round()
    chance = rng.logistic(0, 0.7, N)
    latent = 2.0 - WAIT * wait - TALK * talk
    effort = np.clip(np.round(3 + wait / 40 + rng.normal(0, 1, N)), 1, 7)  # a high score is a hard time
    frame = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(N)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, N), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, AGENTS, N)],
            "queue": "q",
            "wait_seconds": wait,
            "talk_seconds": talk,
        }
    )
    answers = frame[["contact_id"]].assign(
        csat=np.digitize(latent + chance, CUTS) + 1,
        ces=effort,
        nps=np.clip(np.round(9 - effort + rng.normal(0, 1.2, N)), 0, 10),  # by effort alone
    )
    surveys = cx.read_surveys(answers, map={"surveys": {"columns": {"ces": {"column": "ces", "scale": [1, 7]}}}})
    return cx.pair(cx.read_contacts(frame), surveys), wait, talk


def test_paths_are_those_of_the_world(world):
    pairing, wait, talk = world
    found = cx.mediate(pairing, "wait_seconds", "talk_seconds", "csat")
    rows = found.table[found.table["basis"] == "within"].set_index("term")

    def moved(direct: float, through: float) -> float:
        """By intervention: the wait a hundredth less or more, in proportion, with or without what it does to talk."""
        ends = [
            expected(2.0 - WAIT * wait * (1 + direct * sign) - TALK * (talk + LONGER * wait * through * sign))
            for sign in (-0.01, 0.01)
        ]
        return (ends[0] - ends[1]) / 0.02 * 30 / wait.mean()

    truth = {"total": moved(1, 1), "direct": moved(1, 0), "indirect": moved(1, 1) - moved(1, 0)}
    for term, effect in truth.items():
        row = rows.loc[term]
        assert row["estimate"] == pytest.approx(effect, abs=2.5 * row["std_error"])
        assert row["p_value"] < 0.001
    assert rows.loc["indirect", "estimate"] == pytest.approx(
        rows.loc["total", "estimate"] - rows.loc["direct", "estimate"], abs=1e-12
    )
    assert truth["indirect"] / truth["total"] == pytest.approx(TALK * LONGER / (WAIT + TALK * LONGER), abs=0.01)
    assert (found.table.loc[found.table["basis"] == "corrected", "status"] == "not_applicable").all()
    assert found.sensitivity["robustness_value"].between(0.05, 0.9).all()
    assert "through talking time" in pickle.loads(pickle.dumps(found)).summary()
    found.plot(width=400)


def test_effort_carries_all_of_it_to_loyalty(world):
    pairing, *_ = world
    found = cx.mediate(pairing, "wait_seconds", ["ces"], "nps")
    rows = found.table[found.table["basis"] == "within"].set_index("term")
    total, direct, indirect = (rows.loc[term] for term in ("total", "direct", "indirect"))
    assert total["conf_low"] > 2  # NPS points
    assert direct["conf_low"] < 0 < direct["conf_high"]
    assert indirect["estimate"] == pytest.approx(total["estimate"], rel=0.15)


def test_effects_stand_where_only_their_correction_has_no_optimum():
    """After-call work that goes with the answer without exception: beside it, nothing else has a finite effect."""
    rng, n = np.random.default_rng(3), 3_000
    hard = rng.normal(size=n)  # what talk, hold and after-call work all show
    frame = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, 40, n)],
            "queue": "q",
            "wait_seconds": rng.gamma(2.0, 40.0, n).round(),
            "talk_seconds": np.exp(5 + 0.5 * hard + 0.4 * rng.normal(size=n)).round(),
            "hold_seconds": np.exp(3 + 0.5 * hard + 0.4 * rng.normal(size=n)).round(),
            "wrap_seconds": np.exp(3.5 + 0.6 * hard + 0.3 * rng.normal(size=n)).round(),
        }
    )
    answers = frame[["contact_id"]].assign(csat=np.where(frame["wrap_seconds"] < frame["wrap_seconds"].median(), 5, 1))

    def asked(log):
        return cx.mediate(cx.pair(cx.read_contacts(log), cx.read_surveys(answers)), "wait_seconds", ["talk_seconds"])

    found, without = asked(frame), asked(frame.drop(columns="wrap_seconds"))
    rows, expected = (table[table["basis"] == "within"] for table in (found.table, without.table))
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    assert rows["term"].tolist() == ["total", "direct", "indirect"]
    assert rows[numbers].to_numpy(float) == pytest.approx(expected[numbers].to_numpy(float), rel=1e-6)
    corrected = found.table[found.table["basis"] == "corrected"]
    because = "a column predicts the answers perfectly, so its effect has no finite estimate"
    assert corrected[["status", "reason"]].to_numpy().tolist() == [["not_applicable", because]] * 3
    assert f"not applicable, because {because}." in found.summary()


@pytest.mark.parametrize(
    ("lever", "through", "error", "told"),
    [
        ("talk_seconds", ["wait_seconds"], BadControlError, "before"),
        ("wait_seconds", ["wait_seconds"], BadControlError, "before"),
        ("wait_seconds", ["csat"], BadControlError, "csat is the outcome"),
        ("wait_seconds", ["talk_second"], UnknownNameError, "talk_seconds"),
        ("wait_seconds", [], UsageError, "one or more"),
        ("wait_seconds", ["queue"], ConfigError, "queue holds text, such as 'q'"),
        ("wait_seconds", ["talk_seconds", "started_at"], ConfigError, "started_at holds values of the type timestamp"),
    ],
)
def test_what_cannot_stand_between(world, lever, through, error, told):
    with pytest.raises(error, match=told):
        cx.mediate(world[0], lever, through, "csat")
