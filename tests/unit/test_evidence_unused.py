"""Columns that nobody named: the one that routes is told, noise, marks of one side only and ids are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.evidence.spec import LeverSpec
from cxfusion.evidence.unused import unused_columns
from cxfusion.results.language import Untranslated, said, speaking

LEVELS = np.array(["gold", "plain", "basic", "trial"])


def routed_centre(seed=0, n=4_000):
    """What a customer has bought settles how long he waits and how pleased he is; the wait itself does nothing."""
    rng = np.random.default_rng(seed)
    plan, vip = rng.integers(0, 4, n), rng.random(n) < 0.3
    wait = rng.gamma(2, 40, n) * (1 + 0.6 * plan) + 30 * vip
    own = rng.logistic(size=n)
    latent = 0.5 - 0.4 * plan + own
    start = pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 20 * 86_400, n), "s")
    noise = {f"noise_{i}": rng.integers(0, 3 + i, n).astype(str) for i in range(10)}
    agent = rng.integers(0, 30, n)
    return pd.DataFrame(
        {
            "contact_id": [f"c{i:05}" for i in range(n)], "started_at": start, "queue": "one",
            "agent_id": [f"a{i}" for i in agent], "wait_seconds": wait.round(1), "plan": LEVELS[plan],
            "slow_lane": vip, "mood": np.where(own + rng.logistic(size=n) > 0, "fine", "sour"),
            "team": [f"t{i % 3}" for i in agent], "remark": [f"word {i}" for i in rng.permutation(n)],
            "csat": np.digitize(latent, [-2.0, -1.0, 0.0, 1.0]) + 1, **noise,
        }
    )  # fmt: skip


def evidence_of(frame, **spec):
    contacts = cx.read_contacts(frame.drop(columns="csat"))
    pairing = cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]]))
    return cx.fit_levers(pairing, spec=LeverSpec(**spec))


@pytest.fixture(scope="module")
def routed():
    return routed_centre()


def told(evidence):
    return [note for note in evidence.notes if "case_mix" in note]


def test_the_column_that_routes_is_named_and_nothing_else(routed):
    found = evidence_of(routed)
    (note,) = told(found)  # not the ten of noise, not the lane (no tie to the score), nor the mood (none to the wait)
    assert note.startswith("plan is not held equal, and goes with Waiting time as well as with the score")
    with speaking("es"):
        assert not isinstance(said(note), Untranslated)
    effect = found.table.set_index("lever").loc["wait_seconds", "estimate"]
    held = evidence_of(routed, case_mix=("plan",))
    assert told(held) == []
    change = held.table.set_index("lever").loc["wait_seconds", "estimate"] - effect
    assert effect > 0.03
    by = float(note.split("by about ")[1].split(" ")[0].replace("−", "-"))
    assert by == pytest.approx(change, abs=0.02)  # the linear model's, to two digits


def test_without_a_tie_nothing_is_said(routed):
    rng = np.random.default_rng(1)
    alone = routed.assign(plan=LEVELS[rng.integers(0, 4, len(routed))])
    assert told(evidence_of(alone)) == []


def test_columns_are_looked_at_by_what_they_can_be(routed):
    contacts = cx.read_contacts(routed.drop(columns="csat").assign(case_id="x", tenure=1.5, direction="inbound"))
    found = unused_columns(contacts, LeverSpec(case_mix=("plan",)), ())
    assert {"slow_lane", "mood", "team", "remark", "direction", "queue"} <= set(found)
    assert not {"plan", "case_id", "agent_id", "tenure", "started_at", "wait_seconds", "source_file"} & set(found)


def test_of_many_responses_a_part_tells_it_too(routed, monkeypatch):
    monkeypatch.setattr("cxfusion.evidence.unused.MOST_RESPONSES", 3_000)
    (note,) = told(evidence_of(routed))
    assert note.startswith("plan is not held equal, and goes with Waiting time as well as with the score")


def test_columns_of_one_level_tell_nothing(routed):
    kept = routed[["contact_id", "started_at", "queue", "agent_id", "wait_seconds", "csat"]]
    assert not told(evidence_of(kept.assign(site="north", rare=np.where(np.arange(len(kept)) < 3, "a", "b"))))


def test_where_no_lever_can_be_tested_there_is_nothing_to_go_with(routed):
    """After-call work is a placebo: it has rungs, and no column can have made it look as if it worked."""
    wrap = np.random.default_rng(3).gamma(2, 20, len(routed)).round()
    found = evidence_of(routed.assign(wait_seconds=0.0, wrap_seconds=wrap))
    assert found.table["verdict"].tolist() == ["untestable"]
    assert "ok" in set(found.rungs.loc[found.rungs["lever"] == "wrap_seconds", "status"])
    assert told(found) == []
