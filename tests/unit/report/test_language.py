"""The language of the page: the catalogue is whole, sentences made in English keep their numbers, own words come"
" first."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from types import SimpleNamespace

import pandas as pd
import pytest

from cxfusion.errors import UnknownNameError
from cxfusion.evidence import between, congestion
from cxfusion.evidence.catalogue import DEFAULT_LEVERS
from cxfusion.evidence.ladder import RungEstimate, Shift
from cxfusion.evidence.spec import LeverSpec
from cxfusion.evidence.testable import alike_within_because, untestable_because, used_up_because
from cxfusion.evidence.verdict import Finding, judge
from cxfusion.pairing.lateness import AnswerLag
from cxfusion.perception.offers import OfferCheck
from cxfusion.report import render_report
from cxfusion.results import language
from cxfusion.results.formats import count, day, duration_in_words, number, plain
from cxfusion.results.labels import lever_label, reason_label, step_in_words
from cxfusion.results.language import LANGUAGES, Untranslated, said, say, speaking
from cxfusion.tables.span import note_on_beyond
from invented_study import invented_content

OTHERS = [code for code in LANGUAGES if code != "en"]
PLACES = re.compile(r"\{\w+\}")


def catalogue(code: str) -> dict[str, dict[str, str]]:
    text = files("cxfusion.results").joinpath("languages", f"{code}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["phrases"]


@pytest.fixture(scope="module")
def asked_for() -> set[str]:
    """English phrases in the source."""
    import importlib.util
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("phrases", Path(__file__).parent / "phrases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.phrases()


@pytest.mark.parametrize("code", OTHERS)
def test_the_catalogue_has_every_phrase_and_no_other(code, asked_for):
    tables = catalogue(code)
    there = {phrase for table in tables.values() for phrase in table}
    assert sorted(asked_for - there) == []
    recognised = {phrase for name in ("sentences", "pieces") for phrase in tables[name]}
    assert sorted(there - asked_for - recognised) == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_phrase_keeps_its_places(code):
    for table in catalogue(code).values():
        for phrase, other in table.items():
            assert set(PLACES.findall(phrase)) - {"{metric}"} == set(PLACES.findall(other)) - {"{metric}"}, phrase
            assert other.strip() == other != ""


class Recorded(dict):
    """A catalogue that notes what it could not say."""

    def __init__(self, phrases):
        super().__init__(phrases)
        self.missed = set()

    def get(self, key, default=None):
        if key not in self:
            self.missed.add(key)
        return super().get(key, default)


def test_a_whole_page_asks_for_nothing_that_the_catalogue_lacks(monkeypatch):
    spanish = language._catalogue("es")
    recorded = Recorded(spanish.phrases)
    monkeypatch.setattr(language, "_catalogue", lambda code: replace(spanish, phrases=recorded))
    content = invented_content()
    html = render_report(replace(content, language="es"))
    reasons = [*content.levers["because"].dropna(), *content.notes, *content.operations["reason"].dropna()]
    made = {reason[:1].upper() + reason[1:] for reason in [*reasons, "fewer than 30 answers", content.title]}
    names = {"Response time", "Mood"}  # columns that are nobody's but the log's
    unknown = {text for text in recorded.missed if "<script>" not in text}
    assert {text for text in unknown if text[:1].upper() + text[1:] not in made | names} == set()
    assert '<html lang="es">' in html
    assert "La respuesta" in html
    assert "The answer" not in html
    assert '<span lang="en">Times carried no zone and were read as UTC.</span>' in html


def rung(name: str, estimate: float, error: float = 0.01) -> RungEstimate:
    ends = (estimate - 1.96 * error, estimate + 1.96 * error)
    return RungEstimate(
        DEFAULT_LEVERS[0], name, None, -30.0, estimate=estimate, std_error=error, conf_low=ends[0], conf_high=ends[1],
        p_value=1e-9 if abs(estimate) > 3 * error else 0.5, n=12_345, n_clusters=500,
    )  # fmt: skip


def finding(raw: float, within: float, corrected: float, error: float = 0.01, **others) -> Finding:
    rungs = {"raw": rung("raw", raw), "adjusted": rung("adjusted", within), "within": rung("within", within, error)}
    rungs["corrected"] = rung("corrected", corrected, error)
    told = {"shift": Shift(within - corrected, 0.01), "control": "silent", "control_reason": None, "is_tied": True}
    told |= {"by_triads": True, "smallest_effect": 0.05, "unit": "CSAT points", "score_sd": 1.1, **others}
    design = told.pop("design", None)
    return Finding(DEFAULT_LEVERS[0], rungs | ({} if design is None else {design.rung: design}), **told)


FINDINGS = {
    "moves": finding(0.3, 0.2, 0.19),
    "proxy": finding(0.2, 0.01, 0.0),
    "no_effect": finding(0.01, 0.01, 0.0),
    "contested": finding(0.3, 0.2, 0.0),
    "unclear": finding(0.1, 0.1, 0.09, error=0.09),
    "contradicted": finding(0.3, 0.2, 0.19, design=rung("congestion", -0.4)),
    "tried": finding(0.3, 0.2, 0.19, design=rung("experiment", -0.4)),
    "picked": finding(0.3, 0.2, 0.19, is_picked=True),
    "of customers": finding(0.3, 0.2, 0.19, later=rung("later_contact", 0.18)),
    "self-chosen": replace(finding(0.3, 0.2, 0.19), lever=DEFAULT_LEVERS[4]),
    "without agents": finding(0.3, 0.2, 0.0, who=None),
    **{
        why: finding(0.3, 0.2, 0.19, control="unusable", control_reason=why)
        for why in (
            "the log has no after-call work",
            "after-call work is missing in too many of the paired contacts",
            "too few contacts have both after-call work and the levers",
            "only 7 agents have both, too few to know how sure it is",
            "after-call work does not vary within the same agent, hour and day",
            "after-call work, talk, hold or transfers do not vary within the same hour and day",
            "the other marks of difficulty disagree on how reliable after-call work is (0.12, 0.35)",
            "after-call work says hardly more than the levers themselves",
        )
    },
}


@pytest.mark.parametrize("kind", FINDINGS)
def test_why_a_verdict_was_given_is_said_in_spanish_with_the_same_numbers(kind):
    (verdict,) = judge([FINDINGS[kind]], 0.01)
    assert verdict.verdict == (kind if kind in ("moves", "proxy", "no_effect", "contested", "unclear") else "contested")
    with speaking("es"):
        told = said(verdict.because)
    assert not isinstance(told, Untranslated), verdict.because
    digits = re.compile(r"\d+")
    assert sorted(digits.findall(told)) == sorted(digits.findall(verdict.because))
    english = set(re.findall(r"[a-z]{4,}", verdict.because)) - {"agent"}
    assert english & set(re.findall(r"[a-zé]{4,}", told)) == set()


def sample(n_agents: int = 40, **facts: float) -> SimpleNamespace:
    """As much of a sample as it takes to say why waits cannot be tested."""
    known = {"n_known": 100, "n_distinct": 9, "low": 0.0, "n_clusters": 40, "n_varying": 40, **facts}
    coding = SimpleNamespace(agents="cluster", groups={"cluster": 40}, n_clusters=n_agents, is_clustered=True)
    return SimpleNamespace(coding=coding, facts={"wait_seconds": SimpleNamespace(**known)}, n=100)


WAIT, SPEC = DEFAULT_LEVERS[0], LeverSpec()
UNTESTABLE = {
    "few agents": untestable_because(WAIT, sample(n_agents=4), SPEC),
    "one agent": untestable_because(WAIT, sample(n_agents=1), SPEC),
    "missing": untestable_because(WAIT, sample(n_known=60), SPEC),
    "all alike": untestable_because(WAIT, sample(n_distinct=1), SPEC),
    "below zero": untestable_because(WAIT, sample(low=-2.0), SPEC),
    "few have any": untestable_because(WAIT, sample(n_clusters=3), SPEC),
    "alike within": alike_within_because(WAIT, sample(), SPEC, 0.0),
    "few differ": alike_within_because(WAIT, sample(n_varying=1), SPEC, 0.5),
    "used up": used_up_because(
        SimpleNamespace(held=SimpleNamespace(moments=SimpleNamespace(n=1_358), system=SimpleNamespace(rank=1_341))),
        SPEC,
    ),
}


@pytest.mark.parametrize("kind", UNTESTABLE)
def test_why_a_lever_could_not_be_tested_is_said_in_spanish(kind):
    because = f"It could not be tested: {UNTESTABLE[kind]}."
    with speaking("es"):
        told = said(because)
    assert not isinstance(told, Untranslated)
    digits = re.compile(r"\d+")
    assert sorted(digits.findall(told)) == sorted(digits.findall(because))
    assert set(re.findall(r"[a-z]{4,}", because)) & set(re.findall(r"[a-zé]{4,}", told)) == set()


REASONS = (
    "it is not sure to move the score, so that no price can be put on a point",
    "the whole step, read along its curve, is not sure to move the score: ask about a smaller one, so that a price can"
    " be put on a point",
    "nothing in the log says what changing it costs: give it in measures",
    "its step takes all waiting away, which no number of agents does: ask about a smaller one",
    "with 40 of them no length of pilot would find it: answers of one are too much alike. At best it would find 0.296",
    "even 100,000 answers in each arm would not find 0.03",
    "others' waits in the same quarter of an hour tell too little of the lever (effective F 2.2, at least 10 is"
    " needed)",
    "all contacts: the log does not say who abandoned",
    "no further attempt within 7 days; known for 10,583 of 12,000 inbound handled contacts",
    "after-call work says hardly more than the levers themselves",
    "it does not vary within the same agent, hour and day",
    "the trial has 1 arm with answers; at least 2 are needed to compare",
    "its arms followed each other, so that whatever else changed in between looks like the trial; read_out compares"
    " before and after with those who did not change",
    "only 3 units were assigned as a whole; at least 10 are needed",
    "one of its two arms was given to 3 of the units; at least 4 are needed",
    "only 5 units are left to compare once the calendar is held equal; at least 8 are needed",
    "the arms of the trial do not differ in the lever, or only as the cells they were drawn in do",
    "the arms of the trial tell too little of the lever (effective F 2.2, at least 10 is needed)",
    "the many arms of the trial tell too little of the lever (strength 1.1, at least 4.14 is needed)",
    "no effect of any size fits both the lever and the scores (the Anderson–Rubin set is empty)",
    "effects of any size fit (the Anderson–Rubin set is unbounded)",
    *(congestion.NOT_APART, congestion.PARTS_NOT_TOLD, congestion.NOT_BEFORE, congestion.ONE_MOMENT),
    *(congestion.TOO_FEW, between.NOT_APART),
    "only 7 agents can be compared, in 3 levers at once",
    "the log has no agent_id, so nobody can be compared",
    "it takes values of −1 or less, of which there is no log1p: give it another shape",
    "the log names no customers",
)
LAG = AnswerLag(100, 34_560.0, datetime(2026, 3, 6), datetime(2026, 1, 6, 8))
NOTES = (
    "Those who answered are weighted to all 790 answered contacts: the largest standardised difference goes from 0.25"
    " to 0.27, and 93 answers are worth 90.",
    *LAG.notes(32, 9),
    *LAG.notes(1, 1),
    "A higher ces score means a worse experience: a negative effect is good.",
    "The log has no queue: cases are compared without it.",
    "The log has no queue: hours and days are compared within the whole site.",
    "The log has no agent_id: every response counts as independent, and nothing is compared within agents.",
    "Waiting time is not held equal: it does not vary within the same agent, hour and day.",
    "Hold: comparing agents' averages points the wrong way. Agents with less of it have higher scores, but with one and"
    " the same agent less of it goes with lower ones (Simpson's paradox).",
    "Hold does not push alike at every point of the scale: its effect is taken from a model that lets its odds differ"
    " (partial proportional odds).",
    "Hold cannot be tested: 41% of the paired contacts lie in the first 30 days of the log, where what came before is"
    " unknown; at most 20% may. Read a longer period.",
    "The weights fail the recontact test: 11.4 % of all answered contacts were followed by another within a week, 9 %"
    " of those answered about, 8.5 % of these weighted. Who answers depends on more than the log's attributes, so every"
    " lever's grade is one lower.",
    "The weights could not be tested by recontact: the log names no customers.",
    "The weights could not be tested by recontact: all contacts are alike in whether another one followed.",
    "The weights could not be tested by recontact: too few answers are known to have been followed by another contact.",
    "Whether agents pick whom to ask could not be checked: the log names no agents.",
    "Whether agents pick whom to ask could not be checked: fewer than two agents to compare.",
    "1,200 of 9,000 pairs (13 %) leave a choice of contact; what wrong links among them do to the effects cannot be"
    " told.",
    "1,200 of 9,000 pairs (13 %) leave a choice of contact; no answers tell how often the chosen one is right. If it"
    " were in 80 % of such pairs, nothing can be compared.",
    "1,200 of 9,000 pairs (13 %) leave a choice of contact; answers that also name their contact tell that the chosen"
    " one is right in 91 % of such pairs. Corrected for that, the effect that changes most is that of hold, from"
    " +0.021 to +0.023.",
    "No lever is sure to move the score: what is shown here is what could be, not what to do.",
    "Without waits and talk times of a log, Erlang cannot tell the agents of a change.",
    "12 of 1,200 contacts lie in hours that tell no wait or no handle time; they are left out of staffing.",
    note_on_beyond(1, "staffing"),
    note_on_beyond(12, "staffing"),
    "1,200 answers about the relationship stand beside what their customers lived in the 90 days before.",
    "No lever is yet known to move the answer about a contact and to leave CSAT of the relationship as it is.",
    "For 12 of them the log does not reach back so far: they count what it knows.",
    "81.2 % of the customers who answered say that it was resolved; 9 % of these were in touch again within 7 days.",
)


NAMES = ("nderson", "ubin", "impson", "rlang", "queue")  # of persons, without their capitals, and of columns


@pytest.mark.parametrize("sentence", [*REASONS, *NOTES])
def test_reasons_and_notes_of_every_page_are_said_in_spanish(sentence):
    with speaking("es"):
        told = reason_label(sentence) if sentence in REASONS else said(sentence)
    assert not isinstance(told, Untranslated)
    digits = re.compile(r"\d")
    assert sorted(digits.findall(told)) == sorted(digits.findall(sentence))
    english = set(re.findall(r"[a-z]{4,}", sentence)) - {"measures", "read", "agent", *NAMES}
    assert english & set(re.findall(r"[a-zé]{4,}", told)) == set()


@pytest.mark.parametrize("sentence", ["Calls of less than 3 hours ago: more may come.", "Of 9 more to go"])
def test_a_sentence_that_the_catalogue_lacks_stays_as_it_is(sentence):
    with speaking("es"):
        told = said(sentence)
    assert isinstance(told, Untranslated)
    assert told == sentence


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("basis", ["asked", "answered"])
@pytest.mark.parametrize("status", ["passed", "failed"])
def test_who_was_offered_the_survey_is_said_in_spanish_of_one_agent_or_several(n, basis, status):
    found = OfferCheck("csat", "agent_id", basis, pd.DataFrame(), 0.0, 0.1, 12, n, 0.4, status, None, None).sentence
    does = {"asked": "asks customers", "answered": "gets answers"}[basis]
    assert (does in found) == (n == 1)
    with speaking("es"):
        told = said(found)
    assert not isinstance(told, Untranslated)
    assert set(re.findall(r"[a-z]{4,}", found)) & set(re.findall(r"[a-zé]{4,}", told)) == set()


def test_numbers_dates_and_durations_are_written_as_the_language_does():
    with speaking("es"):
        assert number(-1234.5) == "−1.234"
        assert number(3.14159, 2) == "3,14"
        assert count(22405) == "22.405"
        assert plain(0.4) == "0,4"
        assert plain(1000) == "1.000"
        assert duration_in_words(90) == "90 segundos"
        assert day("2025-09-01T07:00:48") == "1 de septiembre de 2025"
        assert step_in_words("n_transfers", -1) == "1 transferencia menos por contacto"
    assert number(-1234.5) == "−1,234" or number(-1234.5) == "−1,235"


def test_own_words_come_before_all_others_in_every_language():
    labels = {"wait_seconds": "Queue", "Contested": "To be tried", "no_response": "Silent"}
    for code in LANGUAGES:
        with speaking(code, labels):
            assert lever_label("wait_seconds") == "Queue"
            assert say("Contested") == "To be tried"
            assert reason_label("no_response") == "Silent"
    with speaking("en", labels):
        assert step_in_words("wait_seconds", -30) == "30 seconds less queue"
    assert lever_label("wait_seconds") == "Waiting time"


def test_own_words_stand_on_the_page_and_are_text():
    html = render_report(replace(invented_content(), labels={"wait_seconds": "<b>Queue</b>", "The answer": "In short"}))
    assert "&lt;b&gt;Queue&lt;/b&gt;" in html
    assert "<b>Queue" not in html
    assert ">In short</h2>" in html


def test_abbreviations_in_own_words_keep_their_capitals_inside_a_sentence():
    labels = {"wait_seconds": "CRM search", "queue": "IVR branch"}
    html = render_report(replace(invented_content(), labels=labels))
    assert "What moves satisfaction (CSAT): CRM search (30 seconds less CRM search:" in html
    assert "Scores by IVR branch" in html


def test_a_language_that_there_is_not_is_an_error_and_leaves_english():
    with pytest.raises(UnknownNameError, match="Expected one of: en, es"):
        render_report(replace(invented_content(), language="xx"))
    assert say("Contested") == "Contested"
