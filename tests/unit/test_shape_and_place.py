"""What the page shows in detail of the levers that move."""

from __future__ import annotations

from dataclasses import replace

import pytest

import cxfusion as cx
from cxfusion.evidence import shape_and_place as module
from cxfusion.evidence.shape_and_place import shape_and_place


@pytest.fixture(scope="module")
def evidence(pairing: cx.Pairing) -> cx.LeverEvidence:
    return cx.fit_levers(pairing)


def movers(evidence: cx.LeverEvidence) -> list[str]:
    found = evidence.levers[evidence.levers["verdict"] == "moves"]
    return found.sort_values("rank")["lever"].tolist()


def test_levers_that_move_are_looked_into_the_strongest_first(pairing, evidence):
    assert movers(evidence)
    details, notes = shape_and_place(pairing, evidence, "queue")
    assert notes == ()
    assert [type(one) for one in details] == [cx.DoseResponse, cx.SegmentEffects] * len(movers(evidence))
    assert [one.lever.name for one in details[::2]] == movers(evidence)
    alone = cx.segment_effects(pairing, movers(evidence)[0], "queue")
    assert details[1].table.equals(alone.table)


def test_without_a_column_of_segments_there_are_curves_alone(pairing, evidence):
    details, _ = shape_and_place(pairing, evidence, None)
    assert {type(one) for one in details} == {cx.DoseResponse}


def test_where_nothing_moves_nothing_is_looked_into(pairing, evidence):
    still = replace(evidence, levers=evidence.levers.assign(verdict="unclear"))
    assert shape_and_place(pairing, still, "queue") == ((), ())


def test_of_many_pairs_it_is_said_that_they_are_left_out(pairing, evidence, monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 10)
    details, (note,) = shape_and_place(pairing, evidence, "queue")
    assert details == ()
    assert "more than 10 pairs" in note


def test_what_cannot_be_told_is_a_note(pairing, evidence):
    details, notes = shape_and_place(pairing, evidence, "queue", spec=cx.LeverSpec(min_responses=10**6))
    assert details == ()
    assert len(notes) == 2 * len(movers(evidence))
