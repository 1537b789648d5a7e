"""Scores that are written in words: what each counts is the map's to say, and no word is guessed."""

from __future__ import annotations

import pytest

import cxfusion as cx
from cxfusion.errors import ConfigError, InputError

WORDS = {"Very satisfied": 5, "Satisfied": 4, "So-so": 3, "Dissatisfied, somewhat": 2, "Very dissatisfied": 1}
CELLS = ["very satisfied", " Satisfied ", "So-so", "Dissatisfied, somewhat", "3", "", "Perhaps", None, "2,0"]


def read(answers, cells=CELLS, **how):
    rows = [{"Call ID": i, "How satisfied?": cell} for i, cell in enumerate(cells)]
    given = {"surveys": {"columns": {"csat": {"column": "How satisfied?", "answers": answers, **how}}}}
    with cx.Session(threads=1) as session:
        surveys = cx.read_surveys(rows, map=given, session=session)
        found = surveys.to_arrow().sort_by("contact_id").column("csat").to_pylist()
        aside = [(row["reason"], row["original"]) for row in session.collect(surveys.set_aside).to_pylist()]
    return found, aside


def test_words_count_what_the_map_says_and_others_are_set_aside():
    found, aside = read(WORDS)
    assert found == [5, 4, 3, 2, 3, None, None, None, 2]
    assert aside == [("not_a_number", "Perhaps")]


def test_a_word_may_count_half_beside_decimal_commas():
    assert read({"So-so": 2.5}, ["So-so", "4,5", "1"], scale=[1, 5])[0] == [2.5, 4.5, 1]


def test_a_word_that_counts_what_the_scale_lacks_is_set_aside():
    assert read({"Wow": 6}, ["Wow", "4", "5"]) == ([None, 4, 5], [("score_out_of_scale", "Wow")])


def test_marks_may_be_turned_round_however_they_are_kept():
    turned = {"1": 5, "2": 4, "4": 2, "5": 1}
    for cells in (["1", "2", "3", "5"], [1, 2, 3, 5], [1.0, 2.0, 3.0, 5.0]):
        assert read(turned, cells) == ([5, 4, 3, 1], [])


def test_words_of_a_questionnaire_export_are_not_asked_to_be_numbers(tmp_path):
    (tmp_path / "form.csv").write_text(
        "Timestamp,Call ID,How was it?\n2026-01-05 10:00:00,7,Great\n2026-01-05 11:00:00,8,Bad\n"
    )
    given = {"surveys": {"columns": {"csat": {"column": "How was it?"}}}}
    with pytest.raises(InputError, match=r"answers = "):
        cx.read_surveys(tmp_path / "form.csv", map=given, source="google_forms")
    given["surveys"]["columns"]["csat"]["answers"] = {"Great": 5, "Bad": 1}
    surveys = cx.read_surveys(tmp_path / "form.csv", map=given, source="google_forms")
    assert surveys.to_arrow()["csat"].to_pylist() == [5, 1]


@pytest.mark.parametrize(
    ("column", "words", "said"),
    [
        ("csat", {"Good": 5, "good ": 4}, "holds a word twice"),
        ("csat", {"Good": "five"}, "answers"),
        ("answered_at", {"Good": 5}, "`answers` does not apply"),
    ],
)
def test_answers_that_cannot_be_meant_are_refused(column, words, said):
    rows = [{"Call ID": 7, "CSAT": 5, "Answer": "Good"}]
    with pytest.raises(ConfigError, match=said):
        cx.read_surveys(rows, map={"surveys": {"columns": {column: {"column": "Answer", "answers": words}}}})
