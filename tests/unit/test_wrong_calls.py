"""What a newcomer gets wrong is answered in the words of the call, and with what to do instead."""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import MissingColumnError, OutputDirectoryError, UnknownNameError, UnreadableFileError, UsageError
from cxfusion.simulation.ingredients import Faults

NAN = float("nan")
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
        (lambda c, p: cx.compare_beliefs(None, ["wait_seconds"]), "beliefs is a list. Expected DataFrame"),
        (lambda c, p: cx.compare_beliefs(p, {"wait_seconds": 1}), FIT),
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


PLAN_OF_CHECKS = "Expected Mapping: its manifest"
NO_COLUMN = "names no column. Expected the name of one, or a list"
NO_LIMIT = "expected a number of seconds, 0 or more, such as 20"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c, p, e: cx.decide(e, "text"), f"The pairing is a str. {PAIR}"),
        (lambda c, p, e: cx.decide(e, cost_per_hour="text"), "cost_per_hour is text; expected what a paid hour costs"),
        (lambda c, p, e: cx.decide(e, cost_per_hour=True), "cost_per_hour is True; expected what a paid hour costs"),
        (lambda c, p, e: cx.decide(e, shrinkage=None), "shrinkage is None; expected a share from 0 to below 1"),
        (lambda c, p, e: cx.decide(e, measures=5), "measures is an int. Expected Mapping: numbers by lever"),
        (
            lambda c, p, e: cx.decide(e, handle_seconds={"wait_seconds": "5"}),
            "handle_seconds of wait_seconds is 5; exp",
        ),
        (lambda c, p, e: cx.decide(e, handle_seconds={"wait_seconds": NAN}), "handle_seconds of wait_seconds is nan"),
        (lambda c, p, e: cx.decide(e, pilot_weeks=None), "weeks is None; expected more than 0"),
        (lambda c, p, e: cx.decide(e, pilot_weeks=[8]), r"weeks is \[8\]; expected more than 0"),
        (lambda c, p, e: cx.decide(e, power="0.8"), "power is 0.8; expected a share above 0 and below 1"),
        (lambda c, p, e: cx.what_if(e, 5), "changes is an int. Expected Mapping: changes by lever"),
        (lambda c, p, e: cx.what_if(e, None), "changes is a NoneType. Expected Mapping: changes by lever"),
        (
            lambda c, p, e: cx.what_if(e, {"wait_seconds": True}),
            "The change of wait_seconds is True; expected a number",
        ),
        (lambda c, p, e: cx.what_if(e, {"wait_seconds": -30}, segment="queue"), "segment is a str. Expected Mapping"),
        (lambda c, p, e: cx.design_pilot(e, ["wait_seconds"]), "There is no lever"),
        (lambda c, p, e: cx.design_pilot(e, "wait_seconds", effect="0.2"), "effect is 0.2; expected the size to be"),
        (lambda c, p, e: cx.design_pilot(e, "wait_seconds", response_rate="text"), "response_rate is text; expected a"),
        (
            lambda c, p, e: cx.corroborate(e, p, max_contacts=None),
            "max_contacts is None; expected a number of contacts",
        ),
        (
            lambda c, p, e: cx.check_offers(p, max_contacts="many"),
            "max_contacts is many; expected a number of contacts",
        ),
        (lambda c, p, e: cx.check_weights(p, cx.weigh(p), links=5), "links is an int. Expected Links"),
        (lambda c, p, e: cx.check_feed(p, now="today"), "now is a str. Expected datetime"),
        (lambda c, p, e: cx.check_feed(c.contacts, against="before.json"), PLAN_OF_CHECKS),
        (lambda c, p, e: cx.audit_sources(p, "tracker.csv"), "others is a str. Expected Mapping: tables by a name"),
        (lambda c, p, e: cx.audit_sources(p, as_of="2026-03-01"), "as_of is a str. Expected date: a day"),
        (lambda c, p, e: cx.read_out(p, "queue", "q", 5), "since is an int. Expected date: the first day"),
        (lambda c, p, e: cx.read_out(p, ["queue"], "q", "2025-10-01"), r"no column \['queue'\]"),
        (
            lambda c, p, e: cx.read_out(p, "queue", "q", "2025-10-01", period_days="week"),
            "period_days is week; expected",
        ),
        (
            lambda c, p, e: cx.read_out(p, "queue", "q", "2025-10-01", period_days=NAN),
            "period_days is nan; expected at",
        ),
        (
            lambda c, p, e: cx.compare(p, "csat", by="queue", smallest_difference="1"),
            "smallest_difference is 1; expected",
        ),
        (lambda c, p, e: cx.compare(p, "csat", by="queue", groups=5), "groups is an int. Expected Iterable"),
        (lambda c, p, e: cx.measure(p, "csat", by=5), f"5 {NO_COLUMN}"),
        (lambda c, p, e: cx.measure(p, "csat", by=True), f"True {NO_COLUMN}"),
        (lambda c, p, e: cx.diagnose(c.contacts, by=[None]), NO_COLUMN),
        (lambda c, p, e: cx.diagnose(c.contacts, interval=["1h"]), r"There is no interval \['1h'\]"),
        (lambda c, p, e: cx.diagnose(c.contacts, target_seconds="20"), NO_LIMIT),
        (lambda c, p, e: cx.diagnose(c.contacts, target_seconds=True), NO_LIMIT),
        (lambda c, p, e: cx.rank_groups(c.contacts, "aht_seconds", short_abandon_seconds=None), NO_LIMIT),
        (lambda c, p, e: cx.rank_groups(c.contacts, "aht_seconds", adjust_for=5), f"5 {NO_COLUMN}"),
        (lambda c, p, e: cx.control_chart(c.contacts, "aht_seconds", rules=5), "rules is an int. Expected Iterable"),
        (lambda c, p, e: cx.mediate(p, "wait_seconds", through=5), f"5 {NO_COLUMN}"),
        (lambda c, p, e: cx.dose_response(p, "wait_seconds", bands=5), "bands is an int. Expected Iterable"),
        (lambda c, p, e: cx.dose_response(p, "wait_seconds", bands=["a"]), "an edge of bands is a; expected numbers"),
        (lambda c, p, e: cx.fit_levers(p, levers=5), "levers is an int. Expected Iterable"),
        (lambda c, p, e: cx.segment_effects(p, "wait_seconds", by=["queue"]), r"no column \['queue'\]"),
        (lambda c, p, e: cx.response_analysis(p, eligible_share="half"), "eligible_share is half; expected a share"),
        (lambda c, p, e: cx.nonresponse_curve(p, times=2), "times is an int. Expected Iterable"),
        (lambda c, p, e: cx.nonresponse_curve(p, times=["x"]), "times holds x; expected positive numbers"),
        (lambda c, p, e: cx.nonresponse_curve(p, target="four"), "target is four; expected a value of the metric"),
        (lambda c, p, e: cx.required_agents(["a"], 180), r"arrivals is \['a'\]. Expected a number, or a sequence"),
        (lambda c, p, e: cx.required_agents(100, "text"), "aht_seconds is 'text'. Expected a number, or a sequence"),
        (lambda c, p, e: cx.required_agents(100, 180, service_level="0.8"), "service_level is 0.8; expected a number"),
        (lambda c, p, e: cx.required_agents(100, 180, interval_seconds="h"), "interval_seconds is h; expected more"),
        (lambda c, p, e: cx.required_agents(100, 180, shrinkage="0.3"), "shrinkage is 0.3; expected a share"),
        (lambda c, p, e: cx.EpisodePlan(repeat_days="7"), "repeat_days='7'; expected a number above zero"),
        (lambda c, p, e: cx.EpisodePlan(shared_above=None), "shared_above=None; expected a number of contacts"),
        (lambda c, p, e: cx.PairingPlan(by=5), "by=5; expected one of"),
        (lambda c, p, e: cx.LeverSpec(min_responses="50"), "min_responses is 50; expected at least 1"),
        (lambda c, p, e: cx.LeverSpec(max_missing_share=None), "max_missing_share is None; expected a share"),
        (lambda c, p, e: cx.LeverSpec(link_probabilities=0.9), "link_probabilities are 0.9; expected chances"),
        (lambda c, p, e: cx.LeverSpec(outcome=["csat"]), r"There is no outcome \['csat'\]"),
        (lambda c, p, e: cx.Session(threads="two"), "threads=two was asked for; expected at least 1"),
        (lambda c, p, e: cx.pair(c.contacts, c.surveys, "72h"), "The plan is a str. Expected PairingPlan"),
        (lambda c, p, e: cx.fuse(c.contacts, c.surveys, costs=30), "costs is an int. Expected Mapping"),
        (lambda c, p, e: cx.fuse(c.contacts, c.surveys, costs={"cost": 30}), "There is no cost cost. Expected some of"),
        (lambda c, p, e: cx.fuse(c.contacts, c.surveys, on_stage="loud"), "on_stage is 'loud'. Expected a function"),
        (lambda c, p, e: cx.simulate("many"), "n_contacts=many was asked for; expected at least 1,000"),
        (lambda c, p, e: cx.simulate(NAN), "n_contacts=nan was asked for; expected at least 1,000"),
        (lambda c, p, e: cx.simulate(2_000, seed=None), "seed=None was asked for; expected a whole number"),
        (lambda c, p, e: cx.simulate(2_000, world=["demo"]), r"There is no world \['demo'\]"),
        (lambda c, p, e: cx.Lever("x_seconds", "before", "-30"), "step is -30; expected the change to ask about"),
        (lambda c, p, e: cx.Lever("x_seconds", "before", True), "step is True; expected the change to ask about"),
        (
            lambda c, p, e: cx.Lever("x_seconds", "before", -30, smallest_effect="0.1"),
            "smallest_effect must be positive",
        ),
        (lambda c, p, e: cx.Pseudonyms("a secret of the house"), "The key for pseudonyms is a str. Expected bytes"),
        (lambda c, p, e: cx.Pseudonyms(b"a secret of the house", None), "columns is a NoneType. Expected Iterable"),
        (lambda c, p, e: cx.staffing(100, 180, []), r"agents is \[\]. Expected a number, or a sequence"),
        (lambda c, p, e: c.contacts.head("five"), "n is five; expected a number of rows"),
        (lambda c, p, e: p.to_pandas(limit=NAN), "limit is nan; expected a number of rows"),
        (lambda c, p, e: e.plot(["ladder"]), r"There is no picture \['ladder'\]"),
        (lambda c, p, e: cx.simulate(2_000, out=5), "out is 5. Expected a path"),
        (lambda c, p, e: cx.Session(temp_dir=5), "temp_dir is 5. Expected a path"),
        (lambda c, p, e: cx.Pseudonyms.from_file(None), "path is None. Expected a path"),
        (lambda c, p, e: cx.Pseudonyms.from_environment(5), "variable is an int. Expected str"),
        (lambda c, p, e: cx.Pseudonyms(b"a secret of the house").of(5), "identifier is an int. Expected str"),
        (lambda c, p, e: cx.LeverSpec(case_mix=(None,)), "a column of case_mix is a NoneType. Expected str"),
        (lambda c, p, e: cx.LeverSpec(experiments=("arm",)), "a trial of experiments is a str. Expected Experiment"),
        (
            lambda c, p, e: cx.worth(p, [{"customer_id": "a"}], 5),
            "outcome is an int. Expected str: the name of a column",
        ),
        (lambda c, p, e: cx.staffing(100, float("inf"), 5), "aht_seconds is inf; expected a number"),
        (lambda c, p, e: p.value(5), "name is an int. Expected str"),
        (lambda c, p, e: e.plot(width="wide"), "width is wide; expected pixels, such as 960, and at least 200"),
        (lambda c, p, e: e.plot(width=None), "width is None; expected pixels"),
        (lambda c, p, e: cx.measure(p, "csat", by="queue").plot(width=-720), "width is -720; expected pixels"),
        (lambda c, p, e: cx.diagnose(c.contacts, by="queue").plot(width=NAN), "width is nan; expected pixels"),
        (lambda c, p, e: cx.Lever(5, "before", -30), "name is 5; expected a text"),
        (lambda c, p, e: cx.Lever("x_seconds", "before", -30, label=5), "label is 5; expected a text"),
        (lambda c, p, e: cx.Experiment("arm", 5), "lever is an int. Expected str: the name of a column"),
        (lambda c, p, e: cx.Experiment("arm", "wait_seconds", "queue"), r"within is 'queue'. Expected a tuple"),
        (lambda c, p, e: cx.Experiment("arm", "wait_seconds", (5,)), "a column of within is an int. Expected str"),
        (lambda c, p, e: cx.Experiment("arm", "wait_seconds", unit=5), "unit is an int. Expected str"),
        (lambda c, p, e: cx.LeverSpec(cluster=5), "cluster is an int. Expected str: the name of a column"),
        (lambda c, p, e: cx.PairingPlan(one_per_contact="no"), "one_per_contact='no'; expected one of True, False"),
        (lambda c, p, e: cx.Centre(n_days="60"), "n_days is 60; expected a whole number, more than 0"),
        (lambda c, p, e: cx.Centre(n_days=2.5), "n_days is 2.5; expected a whole number, more than 0"),
        (lambda c, p, e: cx.Centre(first_day="2025-09-01"), "first_day is '2025-09-01'; expected a date"),
        (lambda c, p, e: cx.Centre(talk_seconds=-240), "talk_seconds is -240; expected 0 or more"),
        (lambda c, p, e: cx.Centre(wait_effect=NAN), "wait_effect is nan; expected a number"),
        (lambda c, p, e: cx.Centre(response_rate=10.8), "response_rate is 10.8; expected a share from 0 to 1"),
        (lambda c, p, e: cx.Centre(noise_link=2), "noise_link is 2; expected a correlation from -1 to 1"),
        (lambda c, p, e: cx.Centre(noise=0.8), "noise is 0.8; expected a noise, such as MixedNoise"),
        (lambda c, p, e: cx.Centre(queues=["billing"]), r"queues is \['billing'\]; expected a tuple of Queue"),
        (lambda c, p, e: cx.Centre(reasons=("bill",)), r"reasons\[1\] is 'bill'; expected Reason"),
        (lambda c, p, e: cx.Centre(repeats=0.1), "repeats is 0.1; expected Repeats"),
        (lambda c, p, e: cx.Centre(faults=None), "faults is None; expected Faults"),
        (lambda c, p, e: cx.Centre(faults=Faults(dirty_share="1")), "faults.dirty_share is 1; expected a share"),
        (lambda c, p, e: cx.Centre(csat_cuts=(1.0, 0.0, 2.0, 3.0)), "csat_cuts is .* expected 4 numbers, each above"),
        (
            lambda c, p, e: cx.Centre(opening_hour=22),
            "opening_hour is 22 and closing_hour 21; expected the later second",
        ),
        (lambda c, p, e: cx.Centre(weekday_volumes=(1.0,)), "weekday_volumes is .* expected seven, not all of them 0"),
        (lambda c, p, e: cx.load_map(5), "A map is read from a file, and 5 was given"),
        (lambda c, p, e: cx.load_catalogue(5), "catalogue is an int. Expected str"),
        (lambda c, p, e: cx.read_ratings([], scale=(None, 5)), "Expected its lowest and its highest rating"),
        (lambda c, p, e: cx.read_contacts([{"a": 1}], session="duckdb"), "session is a str. Expected Session"),
        (lambda c, p, e: cx.read_contacts([{"a": 1}], pseudonyms=b"key"), "pseudonyms is a bytes. Expected Pseudonyms"),
    ],
)
def test_what_is_no_number_no_mapping_and_no_list_of_names_is_told_as_that(centre, pairing, evidence, call, words):
    with pytest.raises(UsageError, match=words):
        call(centre, pairing, evidence)


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
    with pytest.raises(UsageError, match=r"path is 5\. Expected a path"):
        study.report(5)
    with pytest.raises(UsageError, match=r"folder is None\. Expected a path"):
        study.charts(None)
    with pytest.raises(UsageError, match="width is wide; expected pixels, such as 960"):
        study.charts(tmp_path, width="wide")
    with pytest.raises(OutputDirectoryError, match="there is no folder"):
        study.report(tmp_path / "not there" / "report.html")
    with pytest.raises(OutputDirectoryError, match="there is no folder"):
        study.to_excel(tmp_path / "not there" / "tables.xlsx")
    with pytest.raises(UnknownNameError, match="Expected one of: ladder, control"):
        study.evidence.plot("staircase")
