"""Ratings of items by groups: gaps, expectations and priorities against hand computations and SciPy's own tests."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

import cxfusion as cx
from cxfusion.errors import (
    InputError,
    MissingColumnError,
    NothingToEstimateError,
    UnknownNameError,
    UsageError,
)
from cxfusion.perception.ratings.catalogue import CATALOGUES

RNG = np.random.default_rng(5)
LEADERS = {"promptness": RNG.integers(4, 6, 40), "courtesy": RNG.integers(3, 6, 40), "price": RNG.integers(2, 6, 40)}
CUSTOMERS = {"promptness": RNG.integers(1, 4, 60), "courtesy": RNG.integers(3, 6, 60), "price": RNG.integers(1, 5, 60)}


def long(groups, question="rating"):
    return [
        {"respondent_id": f"{group}-{i}", "group": group, "item": item, "question": question, "rating": float(rating)}
        for group, items in groups.items()
        for item, ratings in items.items()
        for i, rating in enumerate(ratings)
    ]


@pytest.fixture(scope="module")
def gaps():
    return cx.perception_gaps(cx.read_ratings(long({"leaders": LEADERS, "customers": CUSTOMERS}), scale=(1, 5)))


@pytest.mark.parametrize("item", ["promptness", "courtesy", "price"])
def test_a_gap_is_welchs_difference(gaps, item):
    row = gaps.table.set_index("item").loc[item]
    welch = stats.ttest_ind(CUSTOMERS[item], LEADERS[item], equal_var=False)
    low, high = welch.confidence_interval()
    assert (row["group"], row["other_group"], row["n"], row["n_other"]) == ("customers", "leaders", 60, 40)
    assert row["estimate"] == pytest.approx(CUSTOMERS[item].mean() - LEADERS[item].mean())
    assert row[["p_value", "conf_low", "conf_high"]].to_list() == pytest.approx([welch.pvalue, low, high])


def test_false_discoveries_are_controlled_over_the_whole_table(gaps):
    p = gaps.table["p_value"].to_numpy(float)
    by_hand = [min(p[j] * len(p) / (p <= p[j]).sum() for j in np.flatnonzero(p >= x)) for x in p]
    assert gaps.table["q_value"].to_list() == pytest.approx(by_hand)


def test_what_is_different_and_what_is_alike(gaps):
    reading = gaps.table.set_index("item")["reading"]
    assert reading["promptness"] == "different"
    alike = long({group: {"courtesy": np.tile([3, 4, 5], 200)} for group in ("staff", "customers")})
    found = cx.perception_gaps(cx.read_ratings(alike, scale=(1, 5))).table
    assert found[["estimate", "reading"]].to_numpy().tolist() == [[0.0, "similar"]]
    few = long({"staff": {"courtesy": [3, 4, 5, 4, 3]}, "customers": {"courtesy": [4, 5, 3, 5, 4]}})
    (row,) = cx.perception_gaps(cx.read_ratings(few, scale=(1, 5))).table.itertuples()
    assert (row.reading, row.status) == ("not told apart", "small")
    assert row.reason == "fewer than 30 people in one of the groups"
    assert found["status"].to_list() == ["ok"]


def test_consensus_is_one_where_all_agree_and_nothing_where_ratings_spread_evenly():
    rows = long({"a": {"alike": [4] * 10, "even": [1, 2, 3, 4, 5] * 2}, "b": {"alike": [4] * 10, "even": [3] * 10}})
    scores = cx.perception_gaps(cx.read_ratings(rows, scale=(1, 5))).scores.set_index(["group", "item"])
    # of two even rounds the variance is 20 / 9; r_wg = 1 − (20 / 9) / 2, and 2 is that of a five-point spread
    assert scores.loc[("a", "even"), "consensus"] == pytest.approx(max(1 - (20 / 9) / 2, 0))
    assert scores.loc[("a", "alike"), "consensus"] == 1
    assert scores.loc[("a", "even"), ["top_share", "bottom_share"]].to_list() == [0.4, 0.4]


def test_marks_are_shares_with_wilsons_interval():
    rows = long({"staff": {"does_well": [1] * 30 + [0] * 20}, "leaders": {"does_well": [1] * 9 + [0]}})
    scores = cx.perception_gaps(cx.read_ratings(rows, scale=(0, 1), catalogue="four_questions")).scores
    row = scores.set_index("group").loc["staff"]
    wilson = stats.binomtest(30, 50).proportion_ci(method="wilson")
    assert row["unit"] == "share"
    assert row[["estimate", "conf_low", "conf_high"]].to_list() == pytest.approx([0.6, wilson.low, wilson.high])


def test_profiles_agree_by_rank():
    ranks = {"a": [1, 2, 3, 4, 5, 6], "b": [2, 1, 4, 3, 6, 5]}
    rows = long({g: {f"item{i}": [v - 0.5, v, v, v, v + 0.5] for i, v in enumerate(r)} for g, r in ranks.items()})
    (row,) = cx.perception_gaps(cx.read_ratings(rows, scale=(0, 7))).agreement.itertuples()
    assert row.estimate == pytest.approx(1 - 6 * 6 / (6 * 35))  # Spearman by hand: Σd² = 6
    assert row.mean_gap == pytest.approx(1)
    assert row.conf_low < row.estimate < row.conf_high <= 1


def test_few_people_are_not_shown_and_few_items_are_not_compared(gaps):
    rows = long({"leaders": {"price": [1, 2, 3]}, "staff": {"price": [1, 2, 3, 4, 5, 5]}})
    found = cx.perception_gaps(cx.read_ratings(rows, scale=(1, 5)))
    assert found.table[["status", "reading"]].isna().to_numpy().tolist() == [[False, True]]
    assert found.table["estimate"].isna().all()
    assert found.scores.set_index("group")["status"].to_dict() == {"leaders": "suppressed", "staff": "small"}
    assert found.agreement["status"].to_list() == ["not_applicable"]
    assert "3 items" in gaps.agreement["reason"][0]


def test_where_all_of_a_group_rate_alike_its_own_interval_is_how_well_that_is_known():
    spread = [1, 2, 2, 3, 3, 3, 4, 5] * 5
    rows = long({"leaders": {"price": [4] * 8}, "staff": {"price": spread}})
    (row,) = cx.perception_gaps(cx.read_ratings(rows, scale=(1, 5))).table.itertuples()
    # eight fours, half a one and half a five: the lower end, which faces the staff, by t with 7 degrees
    centre, t = (8 * 4 + 3) / 9, stats.t.isf(0.025, 7)
    half = t * np.sqrt(((8 * 16 + 13) / 9 - centre**2) / 9)
    parts = np.array([(4 - (centre - half)) ** 2 / t**2, np.var(spread, ddof=1) / 40])
    df = parts.sum() ** 2 / (parts**2 / [7, 39]).sum()
    error = np.sqrt(parts.sum())
    assert (row.estimate, row.std_error) == pytest.approx((4 - np.mean(spread), error))
    assert row.p_value == pytest.approx(2 * stats.t.sf(row.estimate / error, df))
    assert row.conf_low == pytest.approx(row.estimate - stats.t.isf(0.025, df) * error)
    assert row.conf_high - row.estimate < row.estimate - row.conf_low  # fours are nearer to 5 than to 1


@pytest.mark.parametrize("scale", [(1, 5), (0, 1)])
@pytest.mark.parametrize("n", [5, 9])
def test_a_gap_is_significant_exactly_where_its_interval_leaves_out_zero(n, scale):
    low, high = scale
    others = {f"{k}": [high] * k + [low] * (40 - k) for k in range(1, 40)}
    for alike in (low, high):
        rows = long({"leaders": dict.fromkeys(others, [alike] * n), "staff": others})
        found = cx.perception_gaps(cx.read_ratings(rows, scale=scale))
        leaves_out_zero = (found.gaps["conf_low"] > 0) | (found.gaps["conf_high"] < 0)
        assert ((found.gaps["p_value"] < 0.05) == leaves_out_zero).all()
        leaders = found.scores[found.scores["group"] == "leaders"].iloc[0]
        width = leaders["conf_high"] - leaders["conf_low"]
        assert (
            found.gaps.loc[leaves_out_zero, "estimate"].abs().min() > 0.95 * width
        )  # what leaders may think after all
        assert 0 < leaves_out_zero.sum() < 39


def test_ratings_that_are_all_equal_in_both_groups_have_an_interval_too():
    rows = long({"leaders": {"price": [5] * 8}, "staff": {"price": [4] * 8}})
    (row,) = cx.perception_gaps(cx.read_ratings(rows, scale=(1, 5))).table.itertuples()
    assert (row.estimate, row.status, row.reading) == (1, "small", "different")
    assert 0 < row.conf_low < row.estimate < row.conf_high


def test_every_row_read_is_used_or_left_out_with_a_reason():
    bad = [
        {"respondent_id": None, "item": "price", "rating": 1},
        {"respondent_id": "x", "item": None, "rating": 1},
        {"respondent_id": "x", "item": "priec", "rating": 1},
        {"respondent_id": "x", "item": "price", "rating": None},
        {"respondent_id": "y", "item": "price", "rating": 99},
        {"respondent_id": "z", "item": "price", "rating": 2},
        {"respondent_id": "z", "item": "price", "rating": 5},
    ]
    ratings = cx.read_ratings(bad, scale=(1, 5), catalogue="seven_p")
    assert dict(ratings.audit.itertuples(index=False)) == {
        "used": 1, "respondent_missing": 1, "item_missing": 1, "item_unknown": 1, "rating_missing": 1,
        "rating_out_of_scale": 1, "duplicate_rating": 1,
    }  # fmt: skip
    assert ratings.rows["rating"].to_list() == [2.0]
    assert ratings.rows["dimension"].to_list() == ["price"]
    assert ratings.audit["n"].sum() == ratings.n_read == 7


def test_respondents_are_told_apart_by_every_digit():
    ids = pa.array([2**53, 2**53 + 1, None], pa.int64())  # two that a float cannot tell apart, and nobody
    rows = pa.table({"respondent_id": ids, "item": ["price"] * 3, "rating": [3, 4, 5]})
    audit = cx.read_ratings(rows, scale=(1, 5)).audit
    assert audit.to_dict("list") == {"reason": ["used", "respondent_missing"], "n": [2, 1]}


def test_a_person_in_two_groups_speaks_for_neither():
    rows = [{"respondent_id": "x", "group": g, "item": "price", "rating": 3} for g in ("staff", "leaders")]
    with pytest.raises(NothingToEstimateError, match="respondent_in_two_groups: 2"):
        cx.read_ratings(rows, scale=(1, 5))


def test_text_in_a_rating_is_left_out_with_its_reason():
    rows = [{"respondent_id": str(i), "item": "price", "rating": r} for i, r in enumerate(["4", "n/a", "inf"])]
    audit = dict(cx.read_ratings(rows, scale=(1, 5)).audit.itertuples(index=False))
    assert audit == {"used": 1, "rating_not_a_number": 2}


def test_blanks_around_a_cell_mean_nothing_and_blanks_alone_are_missing():
    told = [("x", "price", "staff", 2), ("y", " price", "staff ", 4), (" ", "price", "staff", 1)]
    told += [("z", "price", "staff", " ")]
    names = ("respondent_id", "item", "group", "rating")
    ratings = cx.read_ratings([dict(zip(names, map(str, row), strict=True)) for row in told], scale=(1, 5))
    audit = dict(ratings.audit.itertuples(index=False))
    assert audit == {"used": 2, "respondent_missing": 1, "rating_missing": 1}
    assert ratings.rows[["item", "group"]].drop_duplicates().to_numpy().tolist() == [["price", "staff"]]


def test_expectations_by_hand():
    # four people want 7, 7, 6, 6, would put up with 5, 5, 5, 7 and got 6, 4, 7, 6; the fifth did not say what is enough
    answers = {"expected": [7, 7, 6, 6, 6], "adequate": [5, 5, 5, 7, None], "perceived": [6, 4, 7, 6, 5]}
    rows = [
        {"respondent_id": i, "item": "promptness", "question": question, "rating": rating}
        for question, ratings in answers.items()
        for i, rating in enumerate(ratings)
    ]
    found = cx.expectations(cx.read_ratings(rows * 1, scale=(1, 7)), desired="expected").table.set_index("metric")
    assert found.loc["superiority", ["estimate", "n"]].to_list() == [(-1 - 3 + 1 + 0 - 1) / 5, 5]
    assert found.loc["adequacy", ["n", "status"]].to_list() == [4, "suppressed"]
    more = [row | {"respondent_id": f"{row['respondent_id']}{copy}"} for row in rows for copy in "abc"]
    found = cx.expectations(cx.read_ratings(more, scale=(1, 7)), desired="expected").table.set_index("metric")
    assert found.loc["adequacy", "estimate"] == pytest.approx((1 - 1 + 2 - 1) / 4)
    assert found.loc["zone_of_tolerance", "estimate"] == pytest.approx((2 + 2 + 1 - 1) / 4)
    shares = ["share_below_zone", "share_within_zone", "share_above_zone", "share_contradictory"]
    assert found.loc[shares, "estimate"].to_list() == [0.5, 0.25, 0.25, 0.25]
    assert found["conf_low"].lt(found["conf_high"]).all()


def test_priorities_compare_items_within_persons():
    generous = np.repeat([0, 2], 30)  # people who rate everything two points higher do not decide
    answers = {"promptness": (4, 1), "courtesy": (2, 2), "letters": (1, 4)}
    rows = [
        {"respondent_id": i, "item": item, "question": question, "rating": value + extra}
        for i, extra in enumerate(generous)
        for item, values in answers.items()
        for question, value in zip(("importance", "performance"), values, strict=True)
    ]
    found = cx.priorities(cx.read_ratings(rows, scale=(1, 7))).table.set_index("item")
    assert found["advice"].to_dict() == {
        "promptness": "improve first", "courtesy": "can wait", "letters": "perhaps too much"
    }  # fmt: skip
    assert found.loc["promptness", "importance"] == 5
    assert found["importance_difference"].to_dict() == pytest.approx(
        {"courtesy": 2 - 7 / 3, "letters": 1 - 7 / 3, "promptness": 4 - 7 / 3}
    )


@pytest.mark.parametrize("name", CATALOGUES)
def test_catalogues_that_come_along(name):
    items = cx.load_catalogue(name)
    assert items["item"].is_unique
    assert (items["statement"].str.len() > 5).all()


def test_items_may_have_numbers():
    items = pd.DataFrame({"item": [1, 2], "dimension": ["place", "price"], "statement": ["Parking", "Fair prices"]})
    rows = [{"respondent_id": i, "item": 1 + i % 2, "rating": 3} for i in range(4)]
    for told in (rows, [*rows, {"respondent_id": 9, "item": None, "rating": 3}]):  # with a gap numbers are floats
        found = cx.read_ratings(told, scale=(1, 5), catalogue=items).rows
        assert found["dimension"].to_list() == ["place", "price"] * 2
        assert found["item"].to_list() == ["1", "2"] * 2


def test_a_catalogue_of_ones_own(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("item,dimension,statement\nparking,place,There is room to park\n")
    rows = [{"respondent_id": 1, "item": "parking", "rating": 3}]
    assert cx.read_ratings(rows, scale=(1, 5), catalogue=path).rows["dimension"].to_list() == ["place"]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda rows: cx.load_catalogue("servqal"), UnknownNameError, "servqual"),
        (lambda rows: cx.load_catalogue(pd.DataFrame({"item": ["a"]})), InputError, "dimension, statement"),
        (lambda rows: cx.read_ratings(rows, scale=(5, 1)), UsageError, "5–1"),
        (lambda rows: cx.read_ratings(rows, scale=(1, 5), columns={"grp": "x"}), UsageError, "grp"),
        (lambda rows: cx.read_ratings(rows, scale=(1, 5), columns={"rating": "rate"}), MissingColumnError, "rating"),
        (lambda rows: cx.perception_gaps(cx.read_ratings(rows, scale=(1, 5))), NothingToEstimateError, "one group"),
        (lambda rows: cx.expectations(cx.read_ratings(rows, scale=(1, 5))), NothingToEstimateError, "perceived"),
        (lambda rows: cx.priorities(cx.read_ratings(rows, scale=(1, 5))), NothingToEstimateError, "importance"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(call, error, says):
    with pytest.raises(error, match=says):
        call([{"respondent_id": 1, "item": "price", "rating": 3}])


def test_results_are_drawn_shown_and_kept(gaps):
    assert "leaders" in gaps.plot().to_json()
    assert gaps.summary().splitlines()[0] == "Perception gaps: 3 items, 2 groups; of the gaps 2 different, 1 similar"
    assert pickle.loads(pickle.dumps(gaps)).table.equals(gaps.table)
    assert "<table" in gaps._repr_html_()
    with pytest.raises(UsageError, match="rating"):
        gaps.plot("importance")


@pytest.mark.parametrize("asked", [("desired", "adequate"), ("desired",)])
def test_the_picture_of_expectations_says_what_it_shows_and_begins_with_what_falls_shortest(asked):
    expected = {"desired": 6.0, "adequate": 4.0}
    rows = [
        {"respondent_id": i, "item": item, "question": question, "rating": rating}
        for i in range(8)
        for item, perceived in {"courtesy": 6.0, "promptness": 3.0, "price": 5.0}.items()
        for question, rating in {**{name: expected[name] for name in asked}, "perceived": perceived}.items()
    ]
    drawn = cx.expectations(cx.read_ratings(rows, scale=(1, 7))).plot().to_dict()
    assert drawn["title"]["text"].endswith("Point: as perceived.")
    assert drawn["title"]["text"].startswith("Bar: from adequate to desired" if len(asked) == 2 else "Line: desired")
    assert drawn["layer"][0]["encoding"]["y"]["sort"] == ["promptness", "price", "courtesy"]


def test_pictures_of_few_people_and_of_groups_that_are_not_there_are_refused_in_words():
    questions = {"desired": 6, "perceived": 5, "importance": 4, "performance": 3}
    rows = [
        {"respondent_id": i, "item": item, "question": question, "rating": rating}
        for i in range(4)
        for item in ("price", "courtesy")
        for question, rating in questions.items()
    ]
    ratings = cx.read_ratings(rows, scale=(1, 7))
    for found in (cx.expectations(ratings), cx.priorities(ratings)):
        with pytest.raises(NothingToEstimateError, match="enough people"):
            found.plot()
        with pytest.raises(UsageError, match="Expected one of: everyone"):
            found.plot("leaders")
