"""Non-response weights on a small log worked out by hand, and on centres whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cxfusion as cx
from cxfusion.errors import NoScoreError, NothingToEstimateError, UnknownNameError, UsageError
from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.fold import fold_batches
from cxfusion.perception import weights as weighing
from cxfusion.perception.contact_cells import CellRows, count_cells
from cxfusion.perception.weights import EVERYONE, is_everyone_heard, require_weights


def centre_of(log: pd.DataFrame, answers: pd.DataFrame) -> cx.Pairing:
    return cx.pair(cx.read_contacts(log), cx.read_surveys(answers))


def two_channels() -> tuple[pd.DataFrame, pd.DataFrame]:
    """400 calls and 400 chats; 160 callers answer and 40 chatters do. Callers score 5, chatters 2."""
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(800)],
            "started_at": pd.Timestamp("2026-03-02 10:00"),
            "channel": ["call"] * 400 + ["chat"] * 400,
        }
    )
    answered = [*range(160), *range(400, 440)]
    answers = log.loc[answered, ["contact_id"]].assign(csat=[5] * 159 + [4] + [2] * 39 + [1])
    return log, answers


def test_weights_are_those_of_the_hand():
    # shares answering .4 and .1, overall .25: weights .25/.4 and .25/.1
    pairing = centre_of(*two_channels())
    weights = cx.weigh(pairing, "csat")
    merged = weights.to_pandas().merge(pairing.contacts.to_pandas(), on="contact_id")
    by_channel = merged.groupby("channel")["weight"]
    assert by_channel.mean().to_dict() == pytest.approx({"call": 0.25 / 0.4, "chat": 0.25 / 0.1})
    assert by_channel.std().max() == pytest.approx(0.0, abs=1e-12)
    assert weights.effective_n == pytest.approx(200**2 / (160 * 0.625**2 + 40 * 2.5**2))
    channel = weights.balance[weights.balance["column"] == "channel"].set_index("level")
    assert channel["share_of_answers"].to_dict() == pytest.approx({"call": 0.8, "chat": 0.2})
    assert channel["share_weighted"].to_dict() == pytest.approx({"call": 0.5, "chat": 0.5})
    assert channel["difference_before"].to_dict() == pytest.approx({"call": 0.6, "chat": -0.6})


def test_everybody_or_nobody_answered_is_refused():
    log, answers = two_channels()
    everybody = log[["contact_id"]].assign(csat=np.tile([3, 4], 400))
    with pytest.raises(NothingToEstimateError, match="800 of 800"):
        cx.weigh(centre_of(log, everybody))
    with pytest.raises(NothingToEstimateError, match="0 of 800"):
        cx.weigh(centre_of(log, answers.assign(csat=None, nps=7)), "csat")


def test_a_channel_that_never_answers_is_pooled_with_what_is_rare():
    log, answers = two_channels()
    silent = log.head(20).assign(contact_id=[f"s{i}" for i in range(20)], channel="letter")
    weights = cx.weigh(centre_of(pd.concat([log, silent]), answers))
    assert weights.n_contacts == 820
    assert weights.balance["share_weighted"].notna().all()


def test_simulated_answers_become_like_everyone(centre, pairing):
    weights = cx.weigh(pairing, "csat")
    before, after = weights.largest_difference
    assert before > 0.1
    assert after < 0.1  # what is left are hours of the week with few answers, pooled for weighting
    calibrated = weights.balance[weights.balance["column"].isin(["queue", "channel", "wait_seconds", "n_transfers"])]
    assert calibrated["difference_after"].abs().max() < 1e-6
    assert weights.to_pandas()["weight"].mean() == pytest.approx(1.0)
    assert weights.effective_n < weights.n_answers


def test_a_share_of_the_silent_stands_for_all_of_them(pairing, monkeypatch):
    from cxfusion.perception import weights as module

    whole = cx.weigh(pairing, "csat")
    monkeypatch.setattr(module, "MAX_SILENT", 10_000)
    sampled = cx.weigh(pairing, "csat")
    assert sampled.n_contacts == whole.n_contacts
    both = whole.to_pandas().merge(sampled.to_pandas(), on="contact_id")
    assert np.corrcoef(both["weight_x"], both["weight_y"])[0, 1] > 0.9


def test_kinds_of_contacts_fit_as_the_contacts_themselves(pairing, monkeypatch):
    seen = []
    monkeypatch.setattr(weighing, "count_cells", lambda *asked: seen.append(count_cells(*asked)) or seen[0])
    weights = cx.weigh(pairing, "csat")
    cells = weights.session.collect(seen[0].rows)
    n = cells["n"].to_numpy()
    assert n.sum() == weights.n_contacts
    assert n[cells["answered"].to_numpy(zero_copy_only=False)].sum() == weights.n_answers
    assert n.max() > 1
    each = (
        cells.take(np.repeat(np.arange(len(n)), n.astype(int)))
        .drop_columns("n")
        .append_column("n", [np.ones(int(n.sum()))])
    )
    fits = [
        fit_cumulative_logit(lambda fold, rows=rows: fold_batches(fold, rows.to_batches()), CellRows(weights.codes), 2)
        for rows in (cells, each)
    ]
    assert fits[0].cuts == pytest.approx(fits[1].cuts, rel=1e-9)
    assert fits[0].coefficients == pytest.approx(fits[1].coefficients, rel=1e-9, abs=1e-9)


def test_a_weighted_score_is_that_of_everyone():
    # by hand: callers average 4.99375, chatters 1.975; half of all contacts each
    pairing = centre_of(*two_channels())
    weights = cx.weigh(pairing, "csat")
    plain, weighted = cx.measure(pairing, "csat"), cx.measure(pairing, "csat", weights=weights)
    assert plain.table["estimate"][0] == pytest.approx(0.8 * 4.99375 + 0.2 * 1.975)
    assert weighted.table["metric"].to_list() == ["csat_mean_weighted", "csat_top2box_weighted"]
    assert weighted.table["estimate"][0] == pytest.approx(0.5 * 4.99375 + 0.5 * 1.975)
    assert weighted.table["estimate"][1] == pytest.approx(0.5)
    by_channel = cx.measure(pairing, "csat", by="channel", weights=weights).table
    means = by_channel[by_channel["metric"] == "csat_mean_weighted"].set_index("channel")["estimate"]
    assert means.to_dict() == pytest.approx({"call": 4.99375, "chat": 1.975})


def test_weights_of_another_score_are_refused(pairing):
    with pytest.raises(UsageError, match="weigh"):
        cx.measure(pairing, "nps", weights=cx.weigh(pairing, "csat"))


@pytest.mark.parametrize(
    "call",
    [
        lambda pairing, weights: cx.measure(pairing, "csat", weights=weights),
        lambda pairing, weights: cx.compare(pairing, "csat", by="channel", weights=weights),
        lambda pairing, weights: cx.nonresponse_curve(pairing, "csat", weights=weights),
        lambda pairing, weights: cx.fit_levers(pairing, "csat", weights=weights),
        lambda pairing, weights: cx.dose_response(pairing, "wait_seconds", "csat", weights=weights),
        cx.check_weights,
    ],
)
def test_weights_of_other_answers_are_refused_and_leave_none_out(call):
    log, answers = two_channels()
    log = log.assign(wait_seconds=np.arange(800.0) % 90, agent_id=[f"a{i % 20}" for i in range(800)])
    pairing = centre_of(log, answers)
    of_some = cx.weigh(cx.pair(pairing.contacts, cx.read_surveys(answers.iloc[:-30])), "csat")
    with pytest.raises(UsageError, match=r"30 answers have no weight: these are of another pairing.*weigh\(pairing"):
        call(pairing, of_some)


def test_weights_of_the_same_pairing_are_known_without_a_look_at_the_log(pairing, monkeypatch):
    weights = cx.weigh(pairing, "csat")
    again = cx.pair(pairing.contacts, pairing.surveys)
    require_weights(weights, again, "csat")
    monkeypatch.setattr(type(pairing.session), "count", lambda *_: pytest.fail("counted"))
    require_weights(weights, pairing, "csat")


def test_a_score_that_is_none_or_was_not_asked_for_is_named():
    pairing = centre_of(*two_channels())
    with pytest.raises(UnknownNameError, match=r"no score 'queue'.*csat"):
        cx.weigh(pairing, "queue")
    with pytest.raises(NoScoreError, match=r"no nps.*csat"):
        cx.weigh(pairing, "nps")


def test_a_curve_or_an_effect_takes_no_weights_of_another_score(pairing):
    of_csat = cx.weigh(pairing, "csat")
    for call in (cx.dose_response, cx.segment_effects):
        named = {"by": "queue"} if call is cx.segment_effects else {}
        with pytest.raises(UsageError, match=r"weights are for csat"):
            call(pairing, "wait_seconds", outcome="nps", weights=of_csat, **named)


def test_the_study_weights_its_outcome_or_says_why_not(study):
    assert "csat_mean_weighted" in set(study.perception_rows()["metric"])
    assert any("are weighted to all" in note for note in study.notes)
    assert study.balance is not None
    log, _ = two_channels()
    everybody = log.assign(wait_seconds=np.arange(800) % 90, agent_id=[f"a{i % 20}" for i in range(800)])
    scores = everybody[["contact_id"]].assign(csat=np.arange(800) % 5 + 1)
    whole = cx.fuse(cx.read_contacts(everybody), cx.read_surveys(scores))
    assert whole.balance is None
    assert EVERYONE in whole.notes


def told_of(tmp_path, scores, **columns):
    """What the page of a log of 800 contacts and some scores says, its notes among it."""
    log, _ = two_channels()
    named = {"wait_seconds": np.arange(800) % 90, "agent_id": [f"a{i % 20}" for i in range(800)], **columns}
    study = cx.fuse(cx.read_contacts(log.assign(**named)), cx.read_surveys(scores), outcome="csat")
    return study, study.report(tmp_path / "report.html").read_text(encoding="utf-8")


def test_where_everyone_answered_nothing_is_said_of_silence(tmp_path):
    noise = np.random.default_rng(7).normal(0, 0.8, 800)
    csat = np.clip(np.round(5 - np.arange(800) % 90 / 22 + noise), 1, 5)
    scores = two_channels()[0][["contact_id"]].assign(csat=csat)
    study, page = told_of(tmp_path, scores)
    assert "moves" in set(study.evidence.table["verdict"])
    assert EVERYONE in page
    assert "nobody was silent" in page
    assert "no figure here has to be corrected for silence" in page
    for weakness in ("not weighted", "not corrected", "likely to answer", "No figure here is corrected"):
        assert weakness not in page
    some, page = told_of(tmp_path, scores.iloc[:-1])
    assert EVERYONE not in some.notes
    assert "nobody was silent" not in page


def test_contacts_that_are_too_young_do_not_make_others_silent():
    log, _ = two_channels()
    started = pd.Timestamp("2026-03-02") + pd.to_timedelta(np.arange(800), "h")
    named = {"wait_seconds": np.arange(800) % 90, "agent_id": [f"a{i % 20}" for i in range(800)]}
    scores = log[["contact_id"]].assign(csat=np.arange(800) % 5 + 1, answered_at=started + pd.Timedelta("12h"))[:790]
    pairing = centre_of(log.assign(started_at=started, **named), scores)
    assert is_everyone_heard(pairing, "csat")
    assert not is_everyone_heard(centre_of(log.assign(started_at=started, **named), scores.drop(index=5)), "csat")


def test_answers_that_are_like_everyone_already_are_told_from_too_few_of_a_kind(tmp_path):
    log, _ = two_channels()
    hour = pd.Timestamp("2026-03-02 10:00")
    half = log[["contact_id"]].assign(csat=np.arange(800) % 3 + 1)[::2]
    study, _ = told_of(tmp_path, half, started_at=[hour] * 800, wait_seconds=[i // 2 % 90 for i in range(800)])
    assert any("count the same, for they are like everyone already" in note for note in study.notes)


@pytest.mark.parametrize(("n_calls", "n_chats"), [(29, 29), (40, 30)])
def test_answers_too_few_to_weight_by_anything_are_not_said_to_be_weighted(n_calls, n_chats):
    log, answers = two_channels()
    log = log.assign(wait_seconds=np.arange(800) % 90, agent_id=[f"a{i % 20}" for i in range(800)])
    some = answers.iloc[[*range(n_calls), *range(160, 160 + n_chats)]].assign(csat=np.arange(n_calls + n_chats) % 5 + 1)
    study = cx.fuse(cx.read_contacts(log), cx.read_surveys(some))
    is_weighted = n_chats == 30
    assert ("csat_mean_weighted" in set(study.perception_rows()["metric"])) == is_weighted
    assert (study.balance is not None) == is_weighted
    assert any("all 58 answers count the same, for they are too few of" in note for note in study.notes) != is_weighted


def test_a_weighted_figure_varies_by_what_the_margins_leave_of_it():
    # within channels only one answer differs from the others: 5 and 4 among 160, 2 and 1 among 40
    pairing = centre_of(*two_channels())
    mean = cx.measure(pairing, "csat", weights=cx.weigh(pairing)).table.set_index("metric").loc["csat_mean_weighted"]
    of_calls = 159 * (1 / 160) ** 2 + (159 / 160) ** 2
    of_chats = 39 * (1 / 40) ** 2 + (39 / 40) ** 2
    squares = (0.625 * 160 / 159) ** 2 * of_calls + (2.5 * 40 / 39) ** 2 * of_chats  # over one less the leverage
    assert mean["estimate"] == pytest.approx((5 - 1 / 160 + 2 - 1 / 40) / 2)
    assert mean["std_error"] == pytest.approx(np.sqrt(200 / 199 * squares) / 200)
    by_channel = cx.measure(pairing, "csat", by="channel", weights=cx.weigh(pairing)).table
    own = by_channel[by_channel["metric"] == "csat_mean_weighted"].set_index("channel")["std_error"]
    both = np.array([(160 / 159) ** 3 * of_calls / 160**2, (40 / 39) ** 3 * of_chats / 40**2])
    assert own[["call", "chat"]].to_numpy() == pytest.approx(np.sqrt(both))


@pytest.fixture(scope="module")
def teams():
    """A log of repeated customers, whose teams the weights do not know of."""
    rng = np.random.default_rng(3)
    n = 3_000
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i:04d}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 10:00"),
            "customer_id": [f"u{i}" for i in rng.integers(0, 900, n)],
            "queue": rng.choice(["a", "b", "c"], n),
            "channel": rng.choice(["call", "chat"], n),
            "team": rng.choice(["red", "blue", None], n),
        }
    )
    good = 3 + (log["queue"] == "a") - (log["channel"] == "chat") + (log["team"] == "red") * 0.4
    csat = np.clip(np.round(good + rng.normal(0, 0.7, n)), 1, 5)
    answers = log.assign(csat=csat)[rng.random(n) < np.where(log["queue"] == "a", 0.5, 0.2)]
    pairing = centre_of(log, answers[["contact_id", "csat"]])
    weights = cx.weigh(pairing)
    coded = weights.session.collect(weights.coded).to_pandas()
    return pairing, weights, coded.merge(answers, on="contact_id").fillna({"team": "(missing)"})


def products_by_hand(found: pd.DataFrame, groups: list[str]) -> np.ndarray:
    """Of linearised means of groups: residuals on the margins, summed by customer."""
    codes = [name for name in found.columns if name.startswith("code_")]
    margins = pd.get_dummies(found[codes].astype(str), dtype=float).to_numpy()
    weight, is_in = found["weight"].to_numpy(), np.column_stack([found["team"] == group for group in groups])
    mean = (weight[:, None] * is_in * found[["csat"]].to_numpy()).sum(axis=0) / (weight[:, None] * is_in).sum(axis=0)
    value = is_in * (found[["csat"]].to_numpy() - mean) / (weight[:, None] * is_in).sum(axis=0)
    root = np.sqrt(weight)[:, None]
    slopes = np.linalg.lstsq(root * margins, root * value, rcond=1e-10)[0]
    leverage = np.diag(root * margins @ np.linalg.pinv(root * margins, rcond=1e-10))
    without = (weight / (1 - leverage))[:, None] * (value - margins @ slopes)
    residual = pd.DataFrame(without).groupby(found["customer_id"]).sum().to_numpy()
    about = residual - residual.mean(axis=0)
    return about.T @ about


def test_groups_and_their_differences_vary_by_what_the_margins_leave(teams):
    pairing, weights, found = teams
    groups = ["(missing)", "blue", "red"]
    products = products_by_hand(found, groups)
    n_customers = found.groupby("team")["customer_id"].nunique()[groups].to_numpy()
    expected = np.sqrt(n_customers / (n_customers - 1) * np.diag(products))
    measured = cx.measure(pairing, "csat", by="team", weights=weights).table
    own = measured[measured["metric"] == "csat_mean_weighted"].set_index("team")["std_error"]
    own.index = own.index.fillna("(missing)")
    assert own[groups].to_numpy() == pytest.approx(expected, rel=1e-8)
    compared = cx.compare(pairing, "csat", by="team", weights=weights).of("csat_mean_weighted")
    gap = compared[(compared["group"] == "blue") & (compared["other_group"] == "red")].iloc[0]
    assert gap["std_error"] == pytest.approx(
        np.sqrt(expected[1] ** 2 + expected[2] ** 2 - 2 * products[1, 2]), rel=1e-8
    )


def test_known_margins_make_a_weighted_figure_surer(teams):
    pairing, weights, found = teams
    row = cx.measure(pairing, "csat", weights=weights).table.iloc[0]
    about = found["weight"] * (found["csat"] - row["estimate"])
    as_given = np.sqrt((about.groupby(found["customer_id"]).sum() ** 2).sum()) / found["weight"].sum()
    assert 0.5 * as_given < row["std_error"] < 0.9 * as_given
    assert row["conf_high"] - row["conf_low"] == pytest.approx(3.92 * row["std_error"], rel=0.02)


def test_errors_that_take_the_weights_as_given_say_so(teams, monkeypatch):
    pairing, weights, found = teams
    assert not any("as given" in note for note in cx.measure(pairing, "csat", weights=weights).notes)
    monkeypatch.setattr("cxfusion.perception.linearised.FEWEST_PER_MARGIN", 1_000)
    measured = cx.measure(pairing, "csat", weights=weights)
    assert any("take the weights as given" in note for note in measured.notes)
    row = measured.table.iloc[0]
    about = found["weight"] * (found["csat"] - row["estimate"])
    clusters = found["customer_id"].nunique()
    squares = (about.groupby(found["customer_id"]).sum() ** 2).sum() * clusters / (clusters - 1)
    assert row["std_error"] == pytest.approx(np.sqrt(squares) / found["weight"].sum(), rel=1e-9)


def content_chatters(callers: list[int]) -> cx.Pairing:
    """170 of 500 callers answer, and 70 of 300 chatters, who all score 5; their weights are all 0.3 · 300 / 70."""
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(800)],
            "started_at": pd.Timestamp("2026-03-02 10:00"),
            "channel": ["call"] * 500 + ["chat"] * 300,
        }
    )
    answers = log.loc[[*range(170), *range(500, 570)], ["contact_id"]].assign(csat=callers * 85 + [5] * 70)
    return centre_of(log, answers)


def test_a_group_whose_answers_are_all_alike_has_the_interval_of_as_many_equal_weights():
    pairing = content_chatters([4, 2])
    weights = cx.weigh(pairing, "csat")
    by_channel = (cx.measure(pairing, "csat", by="channel", weights=one).table for one in (None, weights))
    plain, weighted = (table[table["channel"] == "chat"].iloc[0] for table in by_channel)  # the means come first
    ends = ["estimate", "conf_low", "conf_high"]
    assert plain["conf_low"] < 5
    assert weighted[ends].to_list() == pytest.approx(plain[ends].to_list(), abs=1e-6)


def test_two_groups_of_equal_answers_are_told_apart_by_their_intervals_and_not_by_rounding():
    pairing = content_chatters([1, 1])
    weights = cx.weigh(pairing)
    (row,) = cx.compare(pairing, "csat", by="channel", weights=weights).of("csat_mean_weighted").itertuples()
    (plain,) = cx.compare(pairing, "csat", by="channel").of("csat_mean").itertuples()
    # fives n times, half a one and half a five; ones as fives upside down
    squares = {n: ((25 * n + 13) / (n + 1) - ((5 * n + 3) / (n + 1)) ** 2) / (n + 1) for n in (70, 170)}
    own = {n: (5 - (5 * n + 3) / (n + 1)) / stats.t.isf(0.025, n - 1) + np.sqrt(v) for n, v in squares.items()}
    assert (row.status, row.estimate) == ("ok", pytest.approx(-4))
    assert [row.std_error, plain.std_error] == pytest.approx([np.hypot(own[70], own[170])] * 2, rel=1e-5)
