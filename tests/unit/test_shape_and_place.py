"""What the page shows in detail of the levers that move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.evidence import shape_and_place as module
from cxfusion.evidence.fit import fit_on_field
from cxfusion.evidence.shape_and_place import shape_and_place


@pytest.fixture(scope="module")
def asked(pairing: cx.Pairing):
    return fit_on_field(pairing, cx.LeverSpec(), None, None, ("queue",))


@pytest.fixture(scope="module")
def evidence(asked) -> cx.LeverEvidence:
    return asked[0]


@pytest.fixture(scope="module")
def field(asked):
    return asked[1]


def movers(evidence: cx.LeverEvidence) -> list[str]:
    found = evidence.levers[evidence.levers["verdict"] == "moves"]
    return found.sort_values("rank")["lever"].tolist()


def test_levers_that_move_are_looked_into_the_strongest_first(pairing, field, evidence):
    assert movers(evidence)
    details, notes = shape_and_place(field, evidence, ["queue"])
    assert notes == ()
    assert [type(one) for one in details] == [cx.DoseResponse, cx.SegmentEffects] * len(movers(evidence))
    assert [one.lever.name for one in details[::2]] == movers(evidence)
    alone = cx.segment_effects(pairing, movers(evidence)[0], "queue")
    assert details[1].table.equals(alone.table)
    curve = cx.dose_response(pairing, movers(evidence)[0])
    assert details[0].table.equals(curve.table)
    assert details[0].bands.equals(curve.bands)


def test_without_a_column_of_segments_there_are_curves_alone(field, evidence):
    details, _ = shape_and_place(field, evidence, [])
    assert {type(one) for one in details} == {cx.DoseResponse}


def test_where_nothing_moves_nothing_is_looked_into(field, evidence):
    still = replace(evidence, levers=evidence.levers.assign(verdict="unclear"))
    assert shape_and_place(field, still, ["queue"]) == ((), ())


def test_of_many_responses_a_sample_is_looked_into_and_told(field, evidence, monkeypatch):
    monkeypatch.setattr(module, "MOST_RESPONSES", 1_500)
    details, _ = shape_and_place(field, evidence, [])
    n, whole = details[0].n, field.sample.n
    assert n == pytest.approx(1_500, rel=0.1)
    assert n < whole
    assert f"From a sample of {n:,} of the {whole:,} responses." in details[0].summary()
    again, _ = shape_and_place(field, evidence, [])
    assert again[0].table.equals(details[0].table)


def test_what_cannot_be_told_is_a_note(field, evidence):
    strict = replace(field, spec=cx.LeverSpec(min_clusters=10**6))
    details, notes = shape_and_place(strict, evidence, ["queue"])
    assert details == ()
    assert len(notes) == len(movers(evidence))


def test_bands_that_nobody_asked_for_and_that_cannot_be_are_a_note(field, evidence):
    coarse = replace(field, spec=cx.LeverSpec(min_level_responses=10**6))
    details, notes = shape_and_place(coarse, evidence, [])
    assert details == ()
    assert len(notes) == len(movers(evidence))
    assert all("too few answers for two bands" in note for note in notes)


def test_a_band_whose_answers_are_all_alike_leaves_the_study_whole():
    rng = np.random.default_rng(4)
    n = 2_000
    wait = np.where(rng.random(n) < 0.08, 0, rng.gamma(2.0, 30.0, n).round() + 1)
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 6 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, 30, n)],
            "wait_seconds": wait,
        }
    )
    answers = np.digitize(1.5 - 0.02 * wait + rng.logistic(size=n), [-1, 0, 1, 2]) + 1
    scores = contacts[["contact_id"]].assign(csat=np.where(wait == 0, 5, answers))
    with cx.Session() as session:
        study = cx.fuse(cx.read_contacts(contacts, session=session), cx.read_surveys(scores, session=session))
    assert movers(study.evidence) == ["wait_seconds"]
    told = "wait_seconds cannot be looked at in detail: a column predicts the answers perfectly"
    assert any(note.startswith(told) for note in study.notes)


def test_a_study_asks_by_itself_what_early_experiences_do(tmp_path):
    rng = np.random.default_rng(2)
    n = 2_000
    wait, tenure = rng.gamma(2.0, 30.0, n).round(), rng.integers(1, 1_500, n).astype(float)
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 6 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, 30, n)],
            "wait_seconds": wait,
            "agent_tenure_days": 7.0,
            "tenure_days": tenure,
        }
    )
    hurt = np.where(tenure <= 90, 0.03, 0.01) * wait
    scores = contacts[["contact_id"]].assign(csat=np.digitize(1.5 - hurt + rng.logistic(size=n), [-1, 0, 1, 2]) + 1)
    with cx.Session() as session:
        study = cx.fuse(cx.read_contacts(contacts, session=session), cx.read_surveys(scores, session=session))
    found = [one for one in study.details if isinstance(one, cx.SegmentEffects)]
    assert [(one.lever.name, one.by) for one in found] == [("wait_seconds", "tenure_days")]
    assert found[0].table["segment"].tolist()[0] == "up to 90 days"
    assert "Waiting time by tenure days" in study.report(tmp_path / "page.html").read_text()
