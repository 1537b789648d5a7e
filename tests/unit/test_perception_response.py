"""Who was asked and who answered, against counts by hand and AAPOR's formulas."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cxfusion as cx
from cxfusion.errors import NothingToEstimateError, UnknownNameError, UsageError

N = 200
CALLS = pd.DataFrame(
    {
        "contact_id": [f"c{i}" for i in range(N)],
        "started_at": "2026-01-05 09:00",
        "queue": ["billing", "sales"] * (N // 2 - 2) + [None] * 4,
        "wait_seconds": [float(i) for i in range(N)],
        "is_abandoned": [i >= 190 for i in range(N)],
    }
)
FATES = ["complete"] * 20 + ["partial"] * 5 + ["opt-out"] * 10 + ["no answer"] * 40 + ["undelivered"] * 25
SENT = pd.DataFrame(
    {
        "contact_id": [f"c{i}" for i in range(100)],
        "csat": [4.0] * 20 + [None] * 80,
        "disposition": FATES,
    }
)


@pytest.fixture(scope="module")
def found():
    pairing = cx.pair(cx.read_contacts(CALLS), cx.read_surveys(SENT))
    return cx.response_analysis(pairing, eligible_share=0.8)


def test_aapors_six_rates(found):
    known, unknown = 20 + 5 + 10 + 40, 25
    expected = [
        20 / (known + unknown), 25 / (known + unknown), 20 / (known + 0.8 * unknown), 25 / (known + 0.8 * unknown),
        20 / known, 25 / known,
    ]  # fmt: skip
    assert found.aapor["estimate"].to_list() == pytest.approx(expected)
    assert dict(zip(found.outcomes["outcome"], found.outcomes["n"], strict=True)) == {
        "complete": 20, "partial": 5, "refusal": 10, "no contact": 40, "unknown": 25
    }  # fmt: skip


def test_rates_of_the_whole_and_by_level(found):
    whole = found.table.iloc[0]
    wilson = stats.binomtest(20, 190).proportion_ci(method="wilson")
    assert whole[["attribute", "n", "n_asked", "n_answered"]].to_list() == ["all", 190, 100, 20]
    rates = whole[["response_rate", "conf_low", "conf_high", "asked_rate"]].to_list()
    assert rates == pytest.approx([20 / 190, wilson.low, wilson.high, 100 / 190])
    by_queue = found.table[found.table["attribute"] == "queue"].set_index("level")
    assert by_queue["n_answered"].to_dict() == {"billing": 10, "sales": 10}
    assert by_queue["n"].to_dict() == {"billing": 95, "sales": 95}


def test_durations_are_cut_into_fifths(found):
    waits = found.table[found.table["attribute"] == "wait_seconds"]
    assert waits["n"].to_list() == [38] * 5
    assert set(waits["level"]) >= {"up to 37.8", "above 151.2"}
    assert waits.set_index("level").loc["up to 37.8", "n_answered"] == 20
    assert waits["n_answered"].sum() == 20


def test_fifths_of_long_numbers_are_told_apart():
    calls = CALLS.assign(site=[10_000_001 + i % 10 for i in range(N)])
    rates = cx.response_analysis(cx.pair(cx.read_contacts(calls), cx.read_surveys(SENT)), ["site"]).table
    levels = rates.loc[rates["attribute"] == "site"].set_index("level")["n"]
    assert levels.sort_index().to_dict() == {
        "above 10000002.8 up to 10000004.6": 38, "above 10000004.6 up to 10000006.4": 38,
        "above 10000006.4 up to 10000008.2": 38, "above 10000008.2": 38, "up to 10000002.8": 38,
    }  # fmt: skip


def test_few_contacts_are_not_shown():
    few = CALLS.assign(queue=["rare"] * 4 + ["common"] * (N - 4))
    found = cx.response_analysis(cx.pair(cx.read_contacts(few), cx.read_surveys(SENT)), ["queue"])
    rare = found.table.set_index("level").loc["rare"]
    assert rare["status"] == "suppressed"
    assert rare[["n_asked", "n_answered", "response_rate", "conf_low"]].isna().all()


def test_many_contacts_of_few_customers_are_not_shown():
    customers = [f"k{i % 4}" for i in range(40)] + [f"m{i}" for i in range(40, N)]
    calls = CALLS.assign(queue=["rare"] * 40 + ["common"] * (N - 40), customer_id=customers)
    found = cx.response_analysis(cx.pair(cx.read_contacts(calls), cx.read_surveys(SENT)), ["queue"])
    rare = found.table.set_index("level").loc["rare"]
    assert rare[["n", "status", "reason"]].to_list() == [40, "suppressed", "fewer than 5 customers: not shown"]
    assert rare[["n_asked", "n_answered", "response_rate", "conf_low", "conf_high", "asked_rate"]].isna().all()
    assert found.table.set_index("level").loc["common", "status"] == "ok"


def test_surveys_that_were_never_sent_are_in_no_rate(found):
    words = ["not_sent", "Not asked", "NotInvited", "not-offered"] * 15
    never = pd.DataFrame({"contact_id": [f"c{i}" for i in range(100, 160)], "csat": np.nan, "disposition": words})
    surveys = cx.read_surveys(pd.concat([SENT, never], ignore_index=True))
    again = cx.response_analysis(cx.pair(cx.read_contacts(CALLS), surveys), eligible_share=0.8)
    pd.testing.assert_frame_equal(again.outcomes, found.outcomes)
    pd.testing.assert_frame_equal(again.aapor, found.aapor)
    assert again.table["n_asked"][0] == found.table["n_asked"][0]


def outcomes_of(words, has_score):
    """Outcomes, and what is said, of 40 surveys with these words in turn beside 40 without an answer."""
    fates = [words[i % len(words)] for i in range(40)] + ["no answer"] * 40
    csat = [4.0 if i < 40 and has_score else np.nan for i in range(80)]
    sent = pd.DataFrame({"contact_id": [f"c{i}" for i in range(80)], "csat": csat, "disposition": fates})
    if not has_score:
        sent = pd.concat([sent, SENT.head(1)], ignore_index=True)  # a file has to hold a score
    found = cx.response_analysis(cx.pair(cx.read_contacts(CALLS), cx.read_surveys(sent)), [])
    return found.outcomes.set_index("outcome")["n"][lambda n: n > 0].to_dict(), found


@pytest.mark.parametrize("word", ["Submitted", "FINISHED", "done", "delivered", "yes, thanks"])
def test_a_scored_answer_is_complete_whatever_an_unknown_word_says(word):
    outcomes, found = outcomes_of([word], has_score=True)
    assert outcomes == {"complete": 40, "no contact": 40}
    assert found.aapor["estimate"].to_list() == [0.5] * 6
    assert (found.notes == ()) == (word != "yes, thanks")


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (["Opted out", "opted_out", "OptOut", "opt-out", "Unsubscribed", "declined"], "refusal"),
        (["no_answer", "No-Answer", "NoAnswer", "No response", "Expired", "delivered"], "no contact"),
        (["bounced", "Not_Delivered", "failed"], "unknown"),
        (["In progress", "incomplete"], "partial"),
    ],
)
def test_known_words_rule_in_any_spelling(words, outcome):
    outcomes, found = outcomes_of(words, has_score=outcome != "no contact")
    assert outcomes == (
        {"complete": 1, "no contact": 80} if outcome == "no contact" else {"no contact": 40, outcome: 40}
    )
    assert found.notes == ()


def test_words_that_stay_unread_are_counted_and_not_told():
    words = ["The agent was kind", "my name is Ann"]
    outcomes, found = outcomes_of(words, has_score=True)
    assert outcomes == {"complete": 40, "no contact": 40}
    assert "not known: 40 with a score, taken for complete; 0 without" in found.summary()
    outcomes, found = outcomes_of(words, has_score=False)
    assert outcomes == {"complete": 1, "no contact": 40, "unknown": 40}
    assert "not known: 0 with a score, taken for complete; 40 without, taken for unknown" in found.summary()
    assert "Ann" not in found.summary()


def test_a_file_of_answers_alone_does_not_tell_who_was_asked():
    answers = SENT[SENT["csat"].notna()][["contact_id", "csat"]]
    found = cx.response_analysis(cx.pair(cx.read_contacts(CALLS), cx.read_surveys(answers)))
    assert found.table["asked_rate"].isna().all()
    assert "who was asked is not known" in found.table["reason"][0]
    assert set(found.aapor["status"]) == {"not_applicable"}
    assert "dispositions" in found.aapor["reason"][0]


def test_the_same_customer_asked_again_makes_rates_less_sure():
    calls = CALLS.assign(customer_id=[f"k{i // 10}" for i in range(N)])
    alone, together = (
        cx.response_analysis(cx.pair(cx.read_contacts(log), cx.read_surveys(SENT)), []).table.iloc[0]
        for log in (CALLS, calls)
    )
    assert together["conf_high"] - together["conf_low"] > 1.5 * (alone["conf_high"] - alone["conf_low"])


def test_what_cannot_be_asked_for():
    pairing = cx.pair(cx.read_contacts(CALLS), cx.read_surveys(SENT))
    with pytest.raises(UnknownNameError, match="queue"):
        cx.response_analysis(pairing, ["queu"])
    with pytest.raises(UsageError, match="share"):
        cx.response_analysis(pairing, eligible_share=80)


def test_it_is_shown_drawn_and_kept(found):
    assert found.summary().splitlines()[0] == "10.5 % of 190 contacts that reached an agent were answered about"
    assert "AAPOR RR1" in found.summary()
    assert "billing" in found.plot("queue").to_json()
    assert pickle.loads(pickle.dumps(found)).table.equals(found.table)
    with pytest.raises(UnknownNameError, match="queue"):
        found.plot("queu")


def by_reason(answered, attributes, n_each=1):
    """What is found where of each reason's contacts so many are answered about: ``{reason: (n, answered)}``."""
    contacts = [(reason, i < k) for reason, (n, k) in answered.items() for i in range(n)]
    calls = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(len(contacts))],
            "started_at": "2026-01-05 09:00",
            "queue": ["A", "B"] * (len(contacts) // 2),
            "reason": [reason for reason, _ in contacts],
            "customer_id": [f"k{i // n_each}" for i in range(len(contacts))],
        }
    )
    answers = pd.DataFrame({"contact_id": [f"c{i}" for i, (_, is_so) in enumerate(contacts) if is_so], "csat": 4})
    return cx.response_analysis(cx.pair(cx.read_contacts(calls), cx.read_surveys(answers)), attributes)


def test_rates_of_rare_levels_that_chance_alone_spreads_are_not_said_to_differ():
    rare = stats.binom.ppf((np.arange(200) + 0.5) / 200, 10, 0.1).astype(int)  # quantiles of ten contacts at 10 %
    found = by_reason({"common": (4_000, 400)} | {f"r{i}": (10, int(k)) for i, k in enumerate(rare)}, ["reason"])
    rates = found.table[found.table["attribute"] == "reason"]["response_rate"]
    assert rates.max() - rates.min() >= 0.4
    assert "rates differ" not in found.summary()
    assert found.differences.set_index("attribute").loc["reason", "sd_between"] < 0.02


def test_rates_that_differ_are_told_beyond_chance():
    found = by_reason({"bill": (40, 20), "move": (40, 0)}, ["queue", "reason"])
    pearson = stats.chi2_contingency([[20, 20], [0, 40]], correction=False)
    differ = found.differences.set_index("attribute").loc["reason"]
    assert (differ["n_levels"], differ["p_value"]) == (2, pytest.approx(pearson.pvalue))
    sd = np.sqrt((80 / 3 - 1) * 3 / 16 / 40)  # Q is 80/3 with one degree of freedom; p(1 − p) is 3/16
    assert differ["sd_between"] == pytest.approx(sd)
    assert differ["q_value"] == pytest.approx(2 * pearson.pvalue)  # the smaller of two
    said = [line for line in found.summary().splitlines() if "rates differ" in line]
    assert said == [
        "  rates differ between levels of reason, by a standard deviation of 34.7 percentage points beyond chance"
    ]
    assert "move" in found.plot().to_json()  # not queue, by which they hardly differ


def test_levels_differ_less_surely_where_few_customers_made_them():
    found = by_reason({"bill": (40, 16), "move": (40, 0)}, ["reason"], n_each=8)
    # Pearson's chi-squared is 20. Customers answer always or never: of bills, a variance of 0.24 within five customers
    # makes a design effect of 5/4 · 39/5 = 9.75; of moves, nobody answers, and each customer speaks with one voice: 8.
    effect = (9.75 + 8) / 2
    assert found.differences["p_value"].tolist() == pytest.approx([stats.chi2.sf(20 / effect, 1)])
    assert "rates differ" not in found.summary()


def test_without_an_attribute_that_has_rates_nothing_is_drawn_or_compared():
    bare = cx.pair(cx.read_contacts(CALLS[["contact_id", "started_at"]]), cx.read_surveys(SENT))
    few = cx.pair(cx.read_contacts(CALLS.head(4)), cx.read_surveys(SENT))
    for pairing in (bare, few):
        found = cx.response_analysis(pairing, None if pairing is bare else ["queue"])
        assert "rates differ" not in found.summary()
        with pytest.raises(NothingToEstimateError):
            found.plot()


@pytest.mark.parametrize(
    ("told", "n_asked"),
    [
        (["Yes"] * 50 + ["no"] * 150, 50),
        ([1] * 50 + [0] * 150, 50),
        (["Ja"] * 50 + ["nein"] * 150, 100),  # no words that we know: the dispositions of the survey file tell it
        ([None] * 200, 100),
    ],
)
def test_a_flag_of_the_log_tells_who_was_asked_where_it_says_yes_or_no(told, n_asked):
    calls = CALLS.assign(is_invited=pd.Series(told, dtype="object"))
    table = cx.response_analysis(cx.pair(cx.read_contacts(calls), cx.read_surveys(SENT)), ["queue"]).table
    assert table["n_asked"][0] == n_asked
