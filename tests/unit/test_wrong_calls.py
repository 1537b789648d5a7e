"""What a newcomer gets wrong is answered in the words of the call, and with what to do instead."""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import MissingColumnError, OutputDirectoryError, UnknownNameError, UnreadableFileError, UsageError

READ = "Expected Contacts: read it first, contacts = cx.read_contacts"
FIT = "The evidence is a Pairing. Expected LeverEvidence: fit it first"
DAY = date(2025, 10, 1)
PAIR = "Expected Pairing: pair the two tables first"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c, p: cx.fuse("calls.csv", "answers.csv"), f"The contact log is a str. {READ}"),
        (lambda c, p: cx.pair("calls.csv", "answers.csv"), f"The contact log is a str. {READ}"),
        (lambda c, p: cx.pair(c.surveys, c.contacts), f"The contact log is a Surveys. {READ}"),
        (lambda c, p: cx.pair(c.contacts, "answers.csv"), "The survey is a str. Expected Surveys: read it first"),
        (lambda c, p: cx.diagnose(pd.DataFrame()), f"The contact log is a DataFrame. {READ}"),
        (lambda c, p: cx.diagnose(p), f"The contact log is a Pairing. {READ}"),
        (lambda c, p: cx.measure(c.contacts, "csat"), f"The pairing is a Contacts. {PAIR}"),
        (lambda c, p: cx.weigh(c), f"The pairing is a SimulatedCentre. {PAIR}"),
        (lambda c, p: cx.fit_levers(c.contacts), f"The pairing is a Contacts. {PAIR}"),
        (lambda c, p: cx.dose_response(c.contacts, "wait_seconds"), f"The pairing is a Contacts. {PAIR}"),
        (lambda c, p: cx.segment_effects(c.contacts, "wait_seconds", by="queue"), PAIR),
        (lambda c, p: cx.mediate(c.contacts, "wait_seconds", through=["talk_seconds"]), PAIR),
        (lambda c, p: cx.check_weights(c.contacts, None), PAIR),
        (lambda c, p: cx.check_weights(p, None), "weights is a NoneType. Expected ResponseWeights: weigh"),
        (lambda c, p: cx.read_contacts(pd.Series(["a"])), "A Series was given. Expected a path"),
        (lambda c, p: cx.weigh(p, "queue"), "There is no score 'queue'. Expected one of: csat"),
        (lambda c, p: cx.check_offers(c.contacts), PAIR),
        (lambda c, p: cx.response_analysis(c.contacts), PAIR),
        (lambda c, p: cx.resolution(c.contacts), PAIR),
        (lambda c, p: cx.corroborate(p, p), FIT),
        (lambda c, p: cx.compare_levels(p, p), FIT),
        (lambda c, p: cx.decide(p, p), FIT),
        (lambda c, p: cx.what_if(p, {"wait_seconds": -30}), FIT),
        (lambda c, p: cx.design_pilot(p, "wait_seconds"), FIT),
        (lambda c, p: cx.follow(p), f"The contact log is a Pairing. {READ}"),
        (lambda c, p: cx.with_history(p), f"The contact log is a Pairing. {READ}"),
        (lambda c, p: cx.rank_groups(c.surveys, "aht_seconds"), f"The contact log is a Surveys. {READ}"),
        (lambda c, p: cx.what_changed(None, "aht_seconds", by="queue", since="2025-10-01"), READ),
        (lambda c, p: cx.per_leg(p), READ),
        (lambda c, p: cx.add_context(p, []), READ),
        (lambda c, p: cx.add_evaluations(p, []), READ),
        (lambda c, p: cx.behaviour_levers(p), READ),
        (lambda c, p: cx.read_out(pd.DataFrame(), "queue", "q", "2025-10-01"), READ),
        (lambda c, p: cx.audit_sources(c.contacts), PAIR),
        (lambda c, p: cx.pair_legs(c.contacts), PAIR),
        (lambda c, p: cx.pair_relationship(c.contacts), PAIR),
        (lambda c, p: cx.worth(c.contacts, [], "stayed"), PAIR),
        (lambda c, p: cx.nonresponse_curve(c.contacts), PAIR),
        (
            lambda c, p: cx.compare_beliefs(None, ["wait_seconds"]),
            "beliefs is a list. Expected DataFrame",
        ),
        (
            lambda c, p: cx.perception_gaps(pd.DataFrame()),
            "The table of ratings is a DataFrame. Expected Ratings",
        ),
        (lambda c, p: cx.expectations(p), "The table of ratings is a Pairing. Expected Ratings"),
        (lambda c, p: cx.priorities(p), "The table of ratings is a Pairing. Expected Ratings"),
        (lambda c, p: cx.read_ratings([], scale=5), r"scale is 5. Expected its lowest and its highest rating"),
        (lambda c, p: cx.read_ratings([], scale="1-5"), r"scale is '1-5'. Expected its lowest"),
        (lambda c, p: cx.measure(p, "csat", weights=True), "weights is a bool. Expected ResponseWeights: weigh"),
        (lambda c, p: cx.nonresponse_curve(p, weights=True), "weights is a bool. Expected ResponseWeights: weigh"),
        (lambda c, p: cx.diagnose(c.contacts, episodes=True), "The plan of episodes is a bool. Expected EpisodePlan"),
        (lambda c, p: cx.with_history(c.contacts, 7), "The plan of episodes is an int. Expected EpisodePlan"),
        (
            lambda c, p: cx.control_chart(c.contacts, "aht_seconds", interval=None),
            "Expected one, such as interval='1d'",
        ),
        (
            lambda c, p: cx.what_changed(c.contacts, "aht_seconds", by="reason", groups=("billing", "orders")),
            r"groups is \('billing', 'orders'\). Expected a column and two of its values",
        ),
        (
            lambda c, p: cx.what_changed(c.contacts, "aht_seconds", by="reason", periods=("2025-09-01", "2025-10-01")),
            r"periods is \('2025-09-01', '2025-10-01'\). Expected two, each with its beginning and its end",
        ),
        (
            lambda c, p: cx.what_changed(c.contacts, "aht_seconds", by="reason", periods=(DAY, DAY)),
            r"periods is \(datetime.date\(2025, 10, 1\), datetime.date.* Expected two, each with its beginning",
        ),
        (
            lambda c, p: cx.what_changed(c.contacts, "aht_seconds", by="reason", groups=5),
            "groups is 5. Expected a column",
        ),
        (
            lambda c, p: cx.read_contacts([{"contact_id": 1, "started_at": "2026-01-05"}], timezone=ZoneInfo("UTC")),
            "timezone is a ZoneInfo. Expected str: the name of a zone",
        ),
        (lambda c, p: cx.LeverSpec(case_mix="reason"), r"case_mix is 'reason'. Expected a tuple"),
        (lambda c, p: cx.LeverSpec(levers=cx.DEFAULT_LEVERS[0]), "levers is Lever"),
        (lambda c, p: cx.fit_levers(p, spec=cx.LeverSpec(case_mix=("raeson",))), "raeson"),
        (lambda c, p: cx.fit_levers(p, spec=cx.LeverSpec(cluster="agnet_id")), "agnet_id"),
        (lambda c, p: cx.fit_levers(p, levers="wait_seconds"), "take it from the catalogue"),
        (lambda c, p: cx.fit_levers(p, weights=p), "weights is a Pairing. Expected ResponseWeights: weigh"),
        (lambda c, p: cx.fit_levers(p, spec={}), "spec is a dict. Expected LeverSpec"),
        (lambda c, p: cx.fit_levers(p, offers=p), "offers is a Pairing. Expected OfferCheck"),
        (lambda c, p: cx.fit_levers(p, levers=["wait_seconds"]), "take it from the catalogue"),
        (lambda c, p: cx.fit_levers(p, levers=["tenure"]), r"cx.Lever\('tenure', moment=…, step=…\)"),
    ],
)
def test_an_argument_of_another_kind_is_refused_before_anything_is_done(centre, pairing, call, words):
    with pytest.raises(UsageError, match=words):
        call(centre, pairing)


@pytest.mark.parametrize("conf_level", [95, 1, 0, float("nan"), "95%"])
@pytest.mark.parametrize(
    "call",
    [
        lambda pairing, ratings, level: cx.worth(pairing, [], "stayed", conf_level=level),
        lambda pairing, ratings, level: cx.read_out(pairing, "queue", "q", "2025-10-01", conf_level=level),
        lambda pairing, ratings, level: cx.compare(pairing, "csat", by="queue", conf_level=level),
        lambda pairing, ratings, level: cx.perception_gaps(ratings, conf_level=level),
        lambda pairing, ratings, level: cx.priorities(ratings, conf_level=level),
        lambda pairing, ratings, level: cx.expectations(ratings, conf_level=level),
    ],
)
def test_a_confidence_level_that_is_no_share_is_refused(pairing, call, conf_level):
    ratings = cx.read_ratings([{"respondent_id": "a", "item": "promptness", "rating": 4}], scale=(1, 5))
    with pytest.raises(UsageError, match=f"conf_level is {conf_level}; expected a share above 0 and below 1, such as"):
        call(pairing, ratings, conf_level)


def test_several_scores_at_once_are_refused_by_the_names_there_are(pairing):
    with pytest.raises(UnknownNameError, match=r"There is no score \['csat', 'nps'\]. Expected one of: "):
        cx.measure(pairing, ["csat", "nps"])


def test_a_column_that_resembles_none_is_told_with_those_there_are(centre):
    with pytest.raises(UnknownNameError) as refused:
        cx.diagnose(centre.contacts, by="zzz")
    assert refused.value.problems == ()
    assert "queue" in refused.value.message
    assert "source_row" not in refused.value.message


def test_a_misspelt_file_is_answered_with_its_neighbours(tmp_path):
    (tmp_path / "answers.csv").write_text("contact_id,csat\na,5\n")
    with pytest.raises(UnreadableFileError, match=r"matches no file. Nearest there: answers.csv"):
        cx.read_surveys(tmp_path / "answer.csv")


def test_a_survey_in_the_place_of_the_log_is_recognised():
    with pytest.raises(
        MissingColumnError, match=re.escape("is this the survey, and are the two in each other's place?")
    ):
        cx.read_contacts([{"Call ID": "a", "CSAT": 5}])
    with pytest.raises(MissingColumnError) as refused:
        cx.read_contacts([{"Call ID": "a", "Remarks": "x"}])
    assert "in each other's place" not in str(refused.value)


def test_a_report_needs_a_folder_that_is_there(study, pairing, tmp_path):
    with pytest.raises(OutputDirectoryError, match="there is no folder"):
        study.report(tmp_path / "not there" / "report.html")
    with pytest.raises(OutputDirectoryError, match="there is no folder"):
        study.to_excel(tmp_path / "not there" / "tables.xlsx")
    with pytest.raises(UnknownNameError, match="Expected one of: ladder, control"):
        study.evidence.plot("staircase")
