"""What-ifs: against a brute-force recomputation, the lever table, the rows behind the points, and bad questions."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import ibis
import numpy as np
import pytest

import cxfusion as cx
from cxfusion.decisions.answers import answer
from cxfusion.decisions.changes import Change, read_changes
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError
from cxfusion.estimators.support_points import group_alike
from cxfusion.evidence.inquiry import inquire
from cxfusion.evidence.populate import populate
from cxfusion.evidence.population_points import gather_points
from cxfusion.evidence.sample import order_of
from cxfusion.evidence.spec import LeverSpec

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "what-if-form.md"
SETS = (
    {"wait_seconds": -20, "hold_seconds": -30, "n_transfers": -0.1},
    {"hold_seconds": 40, "n_transfers": 0.3},
    {"talk_seconds": -1000},
)


@pytest.fixture(scope="module")
def by_hand():
    """The page's own program: a recomputation point by point from the plain form, which shares no code with ours."""
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S).group(1), names)
    return names["what_if"]


def together(found):
    return found.table[found.table["term"] == "together"]


@pytest.mark.parametrize("changes", SETS)
def test_python_and_a_recomputation_from_the_plain_form_agree(evidence, by_hand, changes):
    form = json.loads(json.dumps(evidence.population.to_plain()))
    expected = by_hand(form, changes)
    for row in together(cx.what_if(evidence, changes)).itertuples():
        assert (row.estimate, row.conf_low, row.conf_high) == pytest.approx(expected[row.metric], abs=1e-9)


def test_odds_that_differ_between_cuts_and_a_second_moment_agree_too(evidence, by_hand):
    """The same with coefficients and linear predictors of their own at every cut."""
    population = evidence.population
    rng, models, first = np.random.default_rng(1), [], 0
    base = [np.hstack([b, b + 0.1, b - 0.05, b]) for b in population.points.base]
    for model in population.models:
        own = {name: c + rng.normal(0, 0.05, (len(c), len(model.cuts))) for name, c in model.coefficients.items()}
        rest = {name: replace(found, place=first) for name, found in model.remainders.items()}
        models.append(replace(model, coefficients=own, remainders=rest, first=first + 1))
        first += 1 + sum(c.size for c in own.values())
    root = rng.normal(0, 0.02, (first, first))
    points = replace(population.points, base=tuple(base))
    freed = replace(population, models=tuple(models), covariance=root @ root.T, points=points)
    changes = {"wait_seconds": -20, "n_transfers": -0.05, "hold_seconds": 10}
    found = answer(freed, freed.points, read_changes(freed.levers, changes))
    expected = by_hand(freed.to_plain(), changes)
    for i, reading in enumerate(freed.readings):
        assert (found.within[i], found.low[i], found.high[i]) == pytest.approx(expected[reading.name], abs=1e-9)


@pytest.mark.parametrize("lever", ["wait_seconds", "hold_seconds", "talk_seconds", "n_transfers"])
def test_a_small_change_is_that_share_of_the_lever_tables_step(evidence, lever):
    row = evidence.table.set_index("lever").loc[lever]
    part = 1e-4
    found = together(cx.what_if(evidence, {lever: row["step"] * part})).iloc[0]
    apart = 0.2 * row["std_error"]
    for ours, theirs in (("estimate", "estimate"), ("corrected_estimate", "corrected_estimate")):
        assert found[ours] / part == pytest.approx(row[theirs], abs=apart)
    assert found["std_error"] / part == pytest.approx(row["std_error"], rel=0.01)
    width = row["conf_high"] - row["conf_low"]
    assert (found["conf_low"] / part, found["conf_high"] / part) == pytest.approx(
        (row["conf_low"], row["conf_high"]), abs=0.06 * width
    )


def test_all_of_a_lever_is_what_the_table_says_of_removing_it(evidence):
    row = evidence.table.set_index("lever").loc["n_transfers"]
    for change in ("-100 %", "−100%", -5):
        found = cx.what_if(evidence, {"n_transfers": change})
        assert together(found).iloc[0]["estimate"] == pytest.approx(row["remove_all"], rel=0.03)
        assert found.changes["mean_after"].iloc[0] == pytest.approx(0, abs=1e-12)
    assert "could be made" in found.summary()


def test_several_changes_are_no_sum_of_single_ones(evidence):
    found = cx.what_if(evidence, {"wait_seconds": "-80 %", "n_transfers": "-100 %", "talk_seconds": "-50 %"}).table
    csat = found[found["metric"] == "csat_mean"].set_index("term")["estimate"]
    assert csat["together"] < csat.drop("together").sum() - 0.001
    assert csat["together"] > csat.drop("together").max()


def test_the_points_stand_for_the_rows(pairing):
    """The same what-if on every single row, by points of one row each."""
    inquiry = inquire(pairing, LeverSpec(), None)
    population = populate(inquiry.sample, inquiry.ladder, inquiry.scale, 0.95)
    rows = rows_behind(inquiry)
    assert len(population.points.weight) <= 2 * len(rows.weight) / 5
    every = gather_points(rows, population.levers, max_groups=10**9, min_contacts=1)
    for changes in SETS:
        asked = read_changes(population.levers, changes)
        coarse, fine = (answer(population, points, asked) for points in (population.points, every))
        assert coarse.within[0] == pytest.approx(fine.within[0], abs=0.2 * fine.std_error[0])
        assert coarse.std_error[0] == pytest.approx(fine.std_error[0], rel=0.05)


def test_the_rounding_of_an_engines_sums_parts_no_rows_that_are_alike(pairing):
    inquiry = inquire(pairing, LeverSpec(), None)
    population = populate(inquiry.sample, inquiry.ladder, inquiry.scale, 0.95)
    rows = rows_behind(inquiry)
    rounded = [base.round(1) for base in rows.base]  # many rows are alike then
    noise = 1e-13 * np.random.default_rng(0).normal(size=rounded[0].shape)
    one, other = (
        gather_points(replace(rows, base=tuple(base + times * noise for base in rounded)), population.levers)
        for times in (0, 1)
    )
    np.testing.assert_array_equal(one.weight, other.weight)
    np.testing.assert_array_equal(one.level, other.level)


def test_of_many_responses_the_same_part_stands_for_all_however_the_rows_come(pairing, monkeypatch):
    from cxfusion.engine import duckdb
    from cxfusion.evidence import sample

    monkeypatch.setattr(sample, "MAX_PART", 900)
    inquiry = inquire(pairing, LeverSpec(), None)
    rows = rows_behind(inquiry)
    assert len(rows.weight) == pytest.approx(900, rel=0.15)
    everyone = [inquiry.sample.facts[lever.name].mean for lever in inquiry.asked if lever.name != "n_prior_contacts"]
    assert np.sort(rows.level.mean(axis=0)) == pytest.approx(np.sort(everyone), rel=0.25)
    monkeypatch.setattr(duckdb, "BATCH_ROWS", 257)
    backwards = inquiry.sample.rows.order_by(*(ibis.desc(name) for name in order_of(inquiry.sample.coding)))
    turned = replace(inquiry.sample, rows=pairing.session.materialize(backwards))
    one, other = (populate(some, inquiry.ladder, inquiry.scale, 0.95) for some in (inquiry.sample, turned))
    assert len(one.points.weight) > 100
    for part in ("weight", "level"):
        assert getattr(other.points, part) == pytest.approx(getattr(one.points, part), rel=1e-9)
    for level, points in one.segments["queue"].items():
        assert other.segments["queue"][level].level == pytest.approx(points.level, rel=1e-9)


def rows_behind(inquiry):
    from cxfusion.evidence.population_rows import made_of_rows

    return made_of_rows(inquiry.sample, [model for model in inquiry.ladder.models if model.levers], lambda rows: rows)


def test_no_point_is_of_fewer_than_five_contacts():
    rng = np.random.default_rng(2)
    cells = rng.poisson(0.3, (997, 2))
    group = group_alike(cells, rng.normal(size=(997, 3)), max_groups=120, min_rows=5)
    sizes = np.bincount(group)
    assert sizes.min() >= 5
    assert len(sizes) == 120
    mixed = sum(len(np.unique(cells[group == g], axis=0)) > 1 for g in range(120))
    assert mixed < 10  # cells stay apart, but for the rarest
    assert np.bincount(group_alike(cells[:7], rng.normal(size=(7, 3)), 100, 5)).tolist() == [7]


def test_of_a_segment_alone(evidence):
    levels = evidence.population.segments["queue"]
    assert sum(points.n for points in levels.values()) <= evidence.n
    for level, points in levels.items():
        found = cx.what_if(evidence, {"hold_seconds": "-20 %"}, segment={"queue": level})
        assert (found.table["n"] == points.n).all()
        assert f"in queue {level}" in found.summary()
        assert len(points.weight) <= 2 * points.n / 5


def test_what_lies_outside_of_support_is_told(evidence):
    found = cx.what_if(evidence, {"talk_seconds": "+900 %"})
    row = found.changes.iloc[0]
    high = next(form.high for form in evidence.population.levers if form.lever.name == "talk_seconds")
    assert 0 < row["made"] < row["asked"]
    assert row["mean_after"] <= high * 1.05
    assert any("outside of what has been seen" in note for note in found.notes)


def test_a_share_that_grows_reaches_those_who_lack_it():
    form = SimpleNamespace(lever=cx.Lever("is_prepared", "before", 1, shape="count"), is_share=True, low=0, high=1)
    points = SimpleNamespace(weight=np.array([0.5, 0.5]), level=np.array([[0.0], [1.0]]))
    from cxfusion.decisions.changes import states_of

    states = states_of(points, [0], [Change(form, 0.2, None)])
    mean = (points.weight[states.point] * states.chance * states.level["is_prepared"]).sum()
    assert mean == pytest.approx(0.7)
    assert states.chance[(states.point == 0) & (states.level["is_prepared"] == 1)].sum() == pytest.approx(0.4)
    assert np.bincount(states.point, states.chance) == pytest.approx([1, 1])


def test_a_share_that_grows_leaves_alone_who_has_it_twice(evidence, by_hand):
    """As a column of 0 and 1 in which a few stand at 2: nobody is lost on the way."""
    from cxfusion.decisions.changes import states_of

    form = SimpleNamespace(lever=cx.Lever("is_prepared", "before", 1, shape="count"), is_share=True, low=0, high=1)
    points = SimpleNamespace(weight=np.array([0.6, 0.3, 0.1]), level=np.array([[0.0], [1.0], [2.0]]))
    states = states_of(points, [0], [Change(form, 0.2, None)])
    assert np.bincount(states.point, states.chance) == pytest.approx([1, 1, 1])
    assert states.level["is_prepared"][states.point == 2].tolist() == [2]
    lever = {"shape": "count", "is_share": True, "low": 0, "high": 1}
    assert by_hand.__globals__["states"](lever, 2, 0.5, 0.2) == [(1, 2)]


def test_nps_speaks_of_promoters_and_detractors(pairing):
    found = cx.what_if(cx.fit_levers(pairing, "nps"), {"n_transfers": "-50 %"})
    nps, promoters, detractors = found.table["estimate"]
    assert found.table["metric"].tolist() == ["nps", "promoters", "detractors"]
    assert nps == pytest.approx(promoters - detractors, abs=1e-9)
    assert nps > 0 > detractors


def test_it_outlives_everything_and_names_no_one(evidence):
    again = pickle.loads(pickle.dumps(evidence))
    changes = {"hold_seconds": -10}
    assert cx.what_if(again, changes).table.equals(cx.what_if(evidence, changes).table)
    text = json.dumps(evidence.population.to_plain(segments=True))
    assert "agent" not in text
    assert "billing" in text


@pytest.mark.parametrize(
    ("changes", "segment", "error", "says"),
    [
        ({}, None, UsageError, "No change"),
        ({"hold_seconds": "much"}, None, UsageError, "'-20 %'"),
        ({"hold_seconds": float("nan")}, None, UsageError, "expected a number"),
        ({"hold": -3}, None, UnknownNameError, "hold_seconds"),
        ({"wrap_seconds": -3}, None, UnknownNameError, "no model of wrap_seconds"),
        ({"hold_seconds": -3}, {"queue": "biling"}, UnknownNameError, "billing"),
        ({"hold_seconds": -3}, {"agent_id": "a"}, UnknownNameError, "case mix"),
        ({"hold_seconds": -3}, {"queue": "a", "reason": "b"}, UsageError, "expected one"),
    ],
)
def test_questions_that_cannot_be_answered_say_what_can(evidence, changes, segment, error, says):
    with pytest.raises(error) as caught:
        cx.what_if(evidence, changes, segment=segment)
    assert says in str(caught.value)


def test_a_lever_that_could_not_be_tested_says_why(evidence):
    levers = evidence.levers.copy()
    levers.loc[len(levers)] = {"lever": "n_agents", "because": "It is the same for every paired contact."}
    with pytest.raises(NothingToEstimateError, match="the same for every paired contact"):
        cx.what_if(replace(evidence, levers=levers), {"n_agents": -1})
    with pytest.raises(NothingToEstimateError, match="No lever has a model"):
        cx.what_if(replace(evidence, population=None), {"hold_seconds": -1})
