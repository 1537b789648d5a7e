"""What took the raw effect away: parts that sum, Gelbach's formula in plain matrices, and the word in the verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.evidence.catalogue import Lever
from cxfusion.results.labels import block_label


def centre(n=2_500, seed=4):
    """Two queues with their own agents; hold goes with reason, agent, hour, day and wait, each in its own measure."""
    rng = np.random.default_rng(seed)
    queue, reason = rng.integers(0, 2, n), rng.integers(0, 3, n)
    agent = queue * 12 + rng.integers(0, 12, n)
    start = pd.Timestamp("2026-03-02 09:00") + pd.to_timedelta(
        rng.integers(0, 12, n) * 86_400 + rng.integers(0, 5, n) * 3600, "s"
    )
    day, hour = start.day.to_numpy() % 5, start.hour.to_numpy() - 11
    wait = rng.gamma(2, 20, n) + 8 * day
    hold = rng.gamma(2, 15, n) + 20 * reason + 6 * (agent % 3) + 5 * hour + 10 + 0.3 * wait
    score = 3 - 0.01 * wait - 0.4 * reason - 0.3 * (agent % 3) - 0.1 * hour - 0.1 * day + rng.normal(0, 1, n)
    return pd.DataFrame(
        {
            "contact_id": [f"c{i:05}" for i in range(n)],
            "started_at": start,
            "agent_id": [f"a{i:02}" for i in agent],
            "queue": np.where(queue == 0, "sales", "help"),
            "reason": np.array(["bill", "fault", "move"])[reason],
            "wait_seconds": wait.round(1),
            "hold_seconds": hold.round(1),
            "csat": np.clip(score.round(), 1, 5),
        }
    )


LEVERS = (Lever("wait_seconds", "before", -30, shape="linear"), Lever("hold_seconds", "during", -30, shape="linear"))


def evidence_of(frame, levers=LEVERS):
    contacts = cx.read_contacts(frame.drop(columns=["csat"]))
    return cx.fit_levers(cx.pair(contacts, cx.read_surveys(frame[["contact_id", "csat"]])), levers=levers)


def parts(evidence, lever="hold_seconds"):
    frame = evidence.decomposition
    return frame[frame["lever"] == lever].set_index("block")["estimate"].to_dict()


def test_parts_sum_to_what_lies_between_raw_and_within():
    evidence = evidence_of(centre())
    table = evidence.table.set_index("lever")
    for lever in ("wait_seconds", "hold_seconds"):
        lost = table.loc[lever, "raw_estimate"] - table.loc[lever, "within_estimate"]
        assert sum(parts(evidence, lever).values()) == pytest.approx(lost, abs=1e-12)
    assert "levers" not in parts(evidence, "wait_seconds")  # nothing comes before it


def test_parts_are_gelbachs_with_queues_counted_as_kind_of_case():
    frame = centre()
    found = parts(evidence_of(frame))
    hour = frame["queue"] + frame["started_at"].dt.strftime("%w %H")
    keys = {
        "agent": frame["agent_id"],
        "hour": hour,
        "day": frame["queue"] + frame["started_at"].dt.strftime("%F"),
        "case_mix": frame["reason"],
    }
    dummies = {name: pd.get_dummies(key).to_numpy(float) for name, key in keys.items()}
    y, hold, wait = (frame[name].to_numpy(float) for name in ("csat", "hold_seconds", "wait_seconds"))
    design = np.column_stack([hold, wait, *dummies.values()])
    full = np.linalg.lstsq(design, y, rcond=None)[0]
    split = np.split(full[2:], np.cumsum([width.shape[1] for width in dummies.values()])[:-1])
    fitted = {name: dummies[name] @ own for name, own in zip(dummies, split, strict=True)}

    def mean_by(values, key):
        return pd.Series(values).groupby(key.to_numpy()).transform("mean").to_numpy()

    usual = fitted["hour"] + mean_by(fitted["day"], hour)
    blocks = {
        "agent": fitted["agent"] - mean_by(fitted["agent"], frame["queue"]),
        "hour": usual - mean_by(usual, frame["queue"]),
        "day": fitted["day"] - mean_by(fitted["day"], hour),
        "levers": wait * full[1],
    }
    blocks["case_mix"] = y * 0 + sum(fitted.values()) + blocks["levers"] - sum(blocks.values())
    centred = hold - hold.mean()
    for name, column in blocks.items():
        assert found[name] == pytest.approx(-30 * centred @ column / (centred @ centred), abs=1e-8), name


def test_a_single_cause_takes_it_all_and_is_named():
    frame = centre(n=6_000)
    rng = np.random.default_rng(1)
    kind = frame["reason"].map({"bill": 0, "fault": 1, "move": 2}).to_numpy()
    frame["hold_seconds"] = rng.gamma(2, 10, len(frame)) + 30 * kind
    frame["csat"] = np.clip((4 - 0.8 * kind + rng.normal(0, 0.5, len(frame))).round(), 1, 5)
    evidence = evidence_of(frame)
    found = parts(evidence)
    assert found["case_mix"] > 0.9 * sum(found.values()) > 0.1
    others = [abs(part) for block, part in found.items() if block not in ("case_mix", "link")]
    assert max(others) < 0.02


def test_agents_who_share_nothing_are_told_apart_by_no_one():
    frame = centre()
    frame["agent_id"] = frame["started_at"].dt.strftime("%F")  # each day is one agent
    evidence = evidence_of(frame)
    row = evidence.decomposition[evidence.decomposition["lever"] == "hold_seconds"].iloc[0]
    assert (row["status"], row["block"]) == ("not_applicable", "all")
    assert "repeat one another" in row["reason"]


def test_blocks_have_words():
    assert block_label("case_mix") == "Kind of case"
    assert block_label("link") == "Curves instead of lines"
