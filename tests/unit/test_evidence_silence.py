"""What who is silent does to an effect: against fits under other weights, and in words where it is enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cxfusion as cx
from cxfusion.estimators.tilting import SHAPES, Tilt
from cxfusion.evidence import sample
from cxfusion.evidence.catalogue import DEFAULT_LEVERS
from cxfusion.evidence.inquiry import conclude, inquire
from cxfusion.evidence.ladder import RungEstimate
from cxfusion.evidence.silence import notes_on_silence, pulls_of, with_silence
from cxfusion.evidence.spec import LeverSpec
from cxfusion.evidence.verdict import Finding, Verdict
from cxfusion.results.language import Untranslated, said, speaking

NEAR = (0.95, 1.05)


@pytest.fixture(scope="module")
def found():
    centre = cx.simulate(n_contacts=25_000, seed=5, world="extremes_answer")
    tilts = tuple(Tilt(shape, times) for shape in SHAPES for times in NEAR)
    return tilts, inquire(cx.pair(centre.contacts, centre.surveys), LeverSpec(), None, tilts)


def test_the_first_order_is_that_of_fits_under_other_weights(found):
    tilts, inquiry = found
    pulls = pulls_of(inquiry)
    refitted = {(tilt.shape, tilt.times): ladder for tilt, ladder in zip(tilts, inquiry.ladder.tilted, strict=True)}
    for lever in inquiry.asked:
        error = inquiry.ladder.of(lever)["corrected"].std_error
        if error is None:
            continue
        for shape in SHAPES:
            low, high = (refitted[shape, times].of(lever)["corrected"].estimate for times in NEAR)
            slope = (high - low) / (np.log(NEAR[1]) - np.log(NEAR[0]))
            # raking also holds the sample's own chance ties; both agree far below what chance leaves open
            assert pulls[lever.name, shape] == pytest.approx(slope, abs=0.4 * error), (lever.name, shape)


def test_a_part_of_the_answers_tells_about_as_much(found, monkeypatch):
    _, inquiry = found
    monkeypatch.setattr(sample, "MAX_PART", 1_500)
    few = inquire(inquiry.pairing, LeverSpec(), None)
    assert few.sample.n_part == pytest.approx(1_500, rel=0.1)
    part, whole = pulls_of(few), pulls_of(inquiry)
    error = inquiry.ladder.of(inquiry.asked[0])["corrected"].std_error
    assert part.keys() == whole.keys()
    assert part["wait_seconds", "extremes"] == pytest.approx(whole["wait_seconds", "extremes"], abs=error)


def test_silence_at_both_ends_is_what_pulls_here(found):
    _, inquiry = found
    pulls = pulls_of(inquiry)
    best = inquiry.ladder.of(inquiry.asked[0])["corrected"].estimate
    assert pulls["wait_seconds", "extremes"] < -0.1 * best  # likelier ends make effects look larger than they are


def finding(estimate):
    rung = RungEstimate(
        DEFAULT_LEVERS[0], "within", None, -30.0, estimate, 0.01, estimate - 0.02, estimate + 0.02, 1e-9
    )
    return Finding(DEFAULT_LEVERS[0], {"within": rung}, None, "none", None, False, False, 0.05, "CSAT points", 1.0)


@pytest.mark.parametrize(
    ("estimate", "pulls", "told"),
    [
        (0.08, (0.01, -0.06), "both ends of the scale been 1.65 times as likely"),  # e^(0.03/0.06)
        (-0.08, (0.06, 0.01), "least satisfied been 1.65 times as likely"),
        (0.08, (0.06, -0.05), "least satisfied been 0.61 times as likely"),
        (0.0502, (0.01, -0.06), "both ends of the scale been 1.01 times as likely"),  # e^(0.0002/0.06) is 1.003
        (0.0502, (0.06, 0.01), "least satisfied been 0.99 times as likely"),
        (0.08, (0.01, -0.02), ""),  # not even at twice
        (0.04, (0.06, -0.06), ""),  # it is too little as it is
        (0.08, (0.0, 0.0), ""),
    ],
)
def test_what_is_said_of_a_mover(estimate, pulls, told):
    moves = Verdict("moves", "adjusted", "30 seconds less waiting: +0.08 CSAT points (+0.06 to +0.10), within the same"
                    " agent, hour and day.")  # fmt: skip
    by_shape = {("wait_seconds", shape): pull for shape, pull in zip(SHAPES, pulls, strict=True)}
    (now,) = with_silence({"wait_seconds": moves}, {"wait_seconds": finding(estimate)}, by_shape).values()
    assert told in now.because
    assert (now.because == moves.because) == (told == "")
    with speaking("es"):
        assert not isinstance(said(now.because), Untranslated)
    other = replace(moves, verdict="no_effect")
    assert with_silence({"wait_seconds": other}, {"wait_seconds": finding(estimate)}, by_shape) == {
        "wait_seconds": other
    }


def test_the_note_tells_what_intervals_leave_out():
    moves, still = Verdict("moves", None, ""), Verdict("no_effect", None, "")
    pulls = {("wait_seconds", "dissatisfied"): 0.02, ("wait_seconds", "extremes"): -0.04}
    (note,) = notes_on_silence({"wait_seconds": moves}, {"wait_seconds": finding(0.2)}, pulls)
    assert "up to +7%; " in note  # ln 2 × 0.02 / 0.2
    assert note.endswith("up to −14%.")
    assert list(notes_on_silence({"wait_seconds": still}, {"wait_seconds": finding(0.2)}, pulls)) == []
    with speaking("es"):
        assert not isinstance(said(note), Untranslated)


def test_verdicts_of_the_evidence_carry_it(found):
    _, inquiry = found
    findings, verdicts = conclude(inquiry, inquiry.ladder)
    told = with_silence(verdicts, findings, pulls_of(inquiry))
    assert {name: one.verdict for name, one in told.items()} == {name: one.verdict for name, one in verdicts.items()}
