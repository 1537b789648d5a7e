"""Answers given before after-call work ended cannot be its doing: whether the correction is the same by these."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.evidence.alibi import BEFORE_WRAP
from cxfusion.results.language import Untranslated, said, speaking

LEVERS = tuple(lever for lever in cx.DEFAULT_LEVERS if lever.name in ("hold_seconds", "talk_seconds"))


def centre(kept_promise=0.0, early=0.5, n=6_000, seed=2):
    """Hard cases lengthen talk, hold and wrap, and anger; what is done in wrap may please those who are asked later."""
    rng = np.random.default_rng(seed)
    hard, own = rng.normal(size=(2, n))
    wrap = np.rint(60 * np.exp(0.6 * hard + 0.6 * own))
    contacts = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "agent_id": [f"a{i}" for i in rng.integers(0, 40, n)],
            "started_at": pd.Timestamp("2026-01-05 08:00") + pd.to_timedelta(rng.integers(0, 60, n) * 86_400, "s"),
            "talk_seconds": np.rint(200 * np.exp(0.5 * hard + 0.4 * rng.normal(size=n))),
            "hold_seconds": np.rint(30 * np.exp(0.5 * hard + 0.6 * rng.normal(size=n))),
            "wrap_seconds": wrap,
            "queue": "only",
        }
    )
    is_early = rng.random(n) < early
    left = contacts["started_at"] + pd.to_timedelta(contacts["talk_seconds"] + contacts["hold_seconds"], "s")
    gap = np.where(is_early, np.floor(wrap / 2), 20 * 3_600)
    latent = -0.7 * hard + kept_promise * own * ~is_early + rng.logistic(scale=0.6, size=n)
    answers = contacts[["contact_id"]].assign(
        answered_at=left + pd.to_timedelta(gap, "s"), csat=np.searchsorted([-1.5, -0.5, 0.5, 1.5], latent) + 1
    )
    return contacts, answers, is_early & (gap < wrap)


def evidence_of(contacts, answers):
    pairing = cx.pair(cx.read_contacts(contacts, timezone="UTC"), cx.read_surveys(answers, timezone="UTC"))
    return cx.fit_levers(pairing, levers=LEVERS)


def corrections(evidence):
    """What the control takes from each lever."""
    estimate = evidence.rungs.set_index(["lever", "rung"])["estimate"].unstack()
    return estimate["within"] - estimate["corrected"]


def checks_of(evidence):
    return evidence.checks[evidence.checks["check"] == BEFORE_WRAP].set_index("lever")


def test_what_wrap_does_itself_shows_beside_answers_that_it_cannot_have_caused():
    contacts, answers, is_early = centre(kept_promise=0.8)
    evidence = evidence_of(contacts, answers)
    found = checks_of(evidence)
    assert (found["p_value"] < 1e-3).all()
    # wrap goes with better marks later on, so that by all answers next to nothing is taken away; by the early ones more
    apart = corrections(evidence_of(contacts, answers[is_early])) - corrections(evidence)
    for lever in ("talk_seconds", "hold_seconds"):
        assert abs(found.loc[lever, "shift"]) == pytest.approx(abs(apart[lever]), rel=0.1)
    (note,) = [note for note in evidence.notes if "given before it ended" in note]
    assert "may be its own doing" in note
    with speaking("es"):
        assert not isinstance(said(note), Untranslated)


def test_where_wrap_is_only_a_mark_the_correction_is_the_same():
    found = [checks_of(evidence_of(*centre(seed=seed)[:2])) for seed in range(6)]
    assert min(one["p_value"].min() for one in found) > 0.005
    assert not any("given before" in note for note in evidence_of(*centre()[:2]).notes)


@pytest.mark.parametrize(
    ("early", "reason"),
    [(0.005, "only 3[0-9] answers were given before after-call work ended; at least 50 are needed"),
     (1.0, "nearly all answers were given before after-call work ended")],
)  # fmt: skip
def test_with_too_few_early_answers_or_none_but_these_it_says_so(early, reason):
    contacts, answers, is_early = centre(early=early)
    found = checks_of(evidence_of(contacts, answers))
    assert found["status"].eq("not_applicable").all()
    assert found["reason"].str.fullmatch(reason.replace("3[0-9]", str(is_early.sum()))).all()


def test_a_day_without_a_time_is_no_proof():
    contacts, answers, _ = centre()
    found = checks_of(evidence_of(contacts, answers.assign(answered_at=answers["answered_at"].dt.strftime("%Y-%m-%d"))))
    assert found["reason"].str.startswith("only 0 answers").all()
