"""Beliefs beside the evidence: orders that agree, that are turned round, and that nobody can tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, norm

import cxfusion as cx
from cxfusion.config import load_study
from cxfusion.errors import ConfigError, NothingToEstimateError

OTHERS = ("rungs", "sensitivity", "linkage", "decomposition", "checks", "ranks", "associations")
NAMES = ["wait_seconds", "hold_seconds", "talk_seconds", "n_transfers"]


def evidence_of(effects, errors, corrected=None):
    """As much of the evidence as beliefs are laid beside."""
    levers = pd.DataFrame(
        {
            "lever": NAMES, "estimate": effects, "corrected_estimate": effects if corrected is None else corrected,
            "outcome_unit": "CSAT points", "verdict": "moves",
        }
    )  # fmt: skip
    covariance = pd.DataFrame(np.diag(np.square(errors)), index=NAMES, columns=NAMES)
    others = dict.fromkeys(OTHERS, pd.DataFrame())
    return cx.LeverEvidence(spec=cx.LeverSpec(), levers=levers, errors=covariance, notes=(), n=0, **others)


def ranks(*order):
    return {name: place for place, name in enumerate(order, 1)}


def test_orders_that_agree_are_turned_round_or_mixed():
    sure = evidence_of([0.4, -0.3, 0.2, 0.1], [0.001] * 4)
    for order in (NAMES, NAMES[::-1], ["hold_seconds", "wait_seconds", "n_transfers", "talk_seconds"]):
        one = cx.compare_beliefs(sure, ranks(*order)).leaders.iloc[0]
        expected = kendalltau([order.index(name) for name in NAMES], range(4)).statistic
        assert one["agreement"] == pytest.approx(expected)
        assert (one["conf_low"], one["conf_high"]) == pytest.approx((expected, expected))


def test_places_carry_the_doubt_of_the_evidence():
    found = cx.compare_beliefs(evidence_of([0.4, 0.1, 0.1, 0.02], [0.01, 0.05, 0.05, 0.001]), ranks(*NAMES[::-1]))
    table = found.table.set_index("lever")
    assert table.loc["n_transfers", ["believed_place", "belief"]].tolist() == [1, "overrated"]
    assert table.loc["wait_seconds", ["evidence_place", "place_low", "place_high", "belief"]].tolist() == [
        1, 1, 1, "underrated",
    ]  # fmt: skip
    assert table.loc["hold_seconds", ["place_low", "place_high"]].tolist() == [2, 4]
    assert "Transfers: believed place 1, by the evidence place " in found.summary()
    found.plot(width=400)


def test_the_interval_is_that_of_two_levers_changing_places():
    # of three orders two pairs are sure; the third turns with the chance that one normal exceeds another
    found = cx.compare_beliefs(evidence_of([0.4, 0.12, 0.10, 0.001], [0.001, 0.02, 0.02, 0.0001]), ranks(*NAMES))
    one = found.leaders.iloc[0]
    assert norm.sf(0.02 / np.hypot(0.02, 0.02)) > 0.025
    assert (one["agreement"], one["conf_low"], one["conf_high"]) == pytest.approx((1.0, 4 / 6, 1.0))


def test_strength_several_leaders_and_levers_without_an_estimate():
    table = pd.DataFrame(
        {
            "leader": ["A"] * 4 + ["B"] * 2,
            "lever": [*NAMES, "wait_seconds", "is_polite"],
            "strength": [9, 7, 5, 1, 3, 8],
        }
    )
    found = cx.compare_beliefs(evidence_of([0.4, 0.3, 0.2, 0.1], [0.001] * 4), table)
    assert found.unknown == ("is_polite",)
    assert found.leaders["leader"].tolist() == ["A", "B", "all leaders"]
    assert found.leaders["status"].tolist() == ["ok", "not_applicable", "ok"]
    assert "at least 3 levers" in found.leaders["reason"][1]
    assert found.table["n_leaders"].tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("beliefs", "told"),
    [
        (pd.DataFrame({"driver": ["a"]}), "it has driver"),
        (pd.DataFrame({"lever": ["a", "a"], "rank": [1, 2]}), "names a more than once"),
        ({"wait_seconds": "first"}, "wait_seconds: the rank is no number"),
    ],
)
def test_tables_that_cannot_be_read(beliefs, told):
    with pytest.raises(ConfigError, match=told):
        cx.compare_beliefs(evidence_of([1, 1, 1, 1], [1] * 4), beliefs)


def test_nothing_in_common():
    with pytest.raises(NothingToEstimateError, match="'wait_second': nearest are wait_seconds"):
        cx.compare_beliefs(evidence_of([1, 1, 1, 1], [1] * 4), {"wait_second": 1})


def test_a_study_file_tells_beliefs(tmp_path):
    path = tmp_path / "STUDY.toml"
    (tmp_path / "a.csv").write_text("contact_id\n1\n")
    tables = '[contacts]\npath = "a.csv"\n[surveys]\npath = "a.csv"\n'
    path.write_text(tables + '[beliefs."Head of service"]\nwait_seconds = 1\nhold_seconds = 2\n')
    assert load_study(path).beliefs == {"Head of service": {"wait_seconds": 1.0, "hold_seconds": 2.0}}
