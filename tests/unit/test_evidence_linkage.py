"""Wrong links blur effects; the right share of every candidate brings them back (Lahiri & Larsen)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import cxfusion as cx
from cxfusion.evidence.catalogue import Lever
from cxfusion.evidence.linkage import LINKAGE_COLUMNS

LAMBDA, SLOPE, N_CUSTOMERS = 0.9, 0.5, 12_000
STEP = Lever("n_steps", "before", -1, shape="linear")


def world(named_share, *, n=N_CUSTOMERS, seed=5):
    """Customers with two contacts each, answering about the later one nine times in ten; NPS goes with ``n_steps``.

    The score is near the middle of its scale, where the model's curve is straight.
    """
    rng = np.random.default_rng(seed)
    start = np.datetime64("2026-01-05T08:00", "us") + (rng.integers(0, 60 * 24 * 60, n) * 60_000_000).astype("m8[us]")
    steps = rng.integers(0, 5, (n, 2)).astype(float)
    ids = np.array([[f"c{i}-first", f"c{i}-last"] for i in range(n)])
    about = (rng.random(n) < LAMBDA).astype(int)
    lived = steps[np.arange(n), about]
    score = np.rint(5 + SLOPE * (lived - 2) + rng.normal(0, 1.2, n)).clip(0, 10)
    contacts = pa.table(
        {
            "contact_id": ids.ravel(),
            "customer_id": np.repeat([f"u{i}" for i in range(n)], 2),
            "agent_id": [f"a{i}" for i in rng.integers(0, 40, 2 * n)],
            "reason": [("bill", "move", "fault")[i] for i in rng.integers(0, 3, 2 * n)],
            "started_at": np.column_stack([start, start + np.timedelta64(3, "h")]).ravel(),
            "n_steps": steps.ravel(),
        }
    )
    named = rng.random(n) < named_share
    surveys = pa.table(
        {
            "contact_id": [ids[i, about[i]] if named[i] else None for i in range(n)],
            "customer_id": [f"u{i}" for i in range(n)],
            "answered_at": start + np.timedelta64(5, "h"),
            "ces": score,
        }
    )
    return contacts, surveys


def evidence_of(session, named_share, by, **spec):
    contacts, surveys = world(named_share)
    pairing = cx.pair(
        cx.read_contacts(contacts, session=session),
        cx.read_surveys(surveys, map={"ces": {"column": "ces", "scale": [0, 10]}}, session=session),
        by=by,
    )
    return pairing, cx.fit_levers(pairing, spec=cx.LeverSpec(outcome="ces", levers=(STEP,), **spec))


@pytest.fixture(scope="module")
def session():
    with cx.Session(threads=1) as opened:
        yield opened


def effects(evidence, basis):
    rows = evidence.linkage[evidence.linkage["basis"] == basis]
    return dict(zip(rows["link_probability"].fillna(1.0).round(3), -rows["estimate"], strict=True))


def test_a_slope_of_a_half_is_recovered_from_links_of_which_one_in_ten_is_wrong(session):
    pairing, evidence = evidence_of(session, 0.4, "customer_id")
    chance = pairing.check_links().probability("customer_id")
    assert chance == pytest.approx(LAMBDA, abs=0.015)  # from the ids that the plan hides
    _, truth = evidence_of(session, 1.0, "contact_id")
    true = -truth.table["estimate"].iloc[0]
    assert true == pytest.approx(SLOPE, abs=0.02)
    assert len(truth.linkage) == 0  # every pair is named: nothing to weigh, and no cost
    blurred, corrected = effects(evidence, "as_paired")[1.0], effects(evidence, "link_corrected")
    assert blurred == pytest.approx(LAMBDA * SLOPE, abs=0.02)
    assert list(corrected) == [round(chance, 3)]
    assert corrected[round(chance, 3)] == pytest.approx(SLOPE, abs=0.02)
    assert blurred < SLOPE - 0.03
    assert any("leave a choice of contact; answers that also name their contact" in note for note in evidence.notes)


def test_where_nothing_tells_how_often_links_are_right_several_chances_are_assumed(session):
    _, evidence = evidence_of(session, 0.0, "customer_id", link_probabilities=(1.0, 0.9, 0.8))
    assert tuple(evidence.linkage.columns) == LINKAGE_COLUMNS
    blurred, corrected = effects(evidence, "as_paired")[1.0], effects(evidence, "link_corrected")
    assert corrected[1.0] == pytest.approx(blurred, abs=1e-9)  # identity: λ = 1 changes nothing
    assert corrected[0.9] == pytest.approx(SLOPE, abs=0.02)
    assert corrected[0.8] > corrected[0.9]
    clear = evidence.linkage[evidence.linkage["basis"] == "unambiguous"]
    assert clear["status"].to_list() == ["not_applicable"]  # everybody had two contacts
    assert "0 responses" in clear["reason"].iloc[0]
    assert any("no answers tell how often" in note for note in evidence.notes)


def test_it_can_be_refused_and_asked_for(session):
    _, evidence = evidence_of(session, 0.0, "customer_id", with_links=False)
    assert len(evidence.linkage) == 0
    _, evidence = evidence_of(session, 1.0, "contact_id", with_links=True)
    assert evidence.linkage["basis"].to_list() == ["as_paired", "unambiguous"]
    as_paired, unambiguous = evidence.linkage["estimate"]
    assert unambiguous == pytest.approx(as_paired, rel=1e-9)  # the same rows; the optimum is reached from two sides
