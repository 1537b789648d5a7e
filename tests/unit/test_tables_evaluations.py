"""What evaluators heard, joined to contacts: which columns, which marks, what is refused, and its place in a study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.config import load_study
from cxfusion.errors import ConfigError, InputError
from cxfusion.evidence.catalogue import Lever
from cxfusion.job import check, run

CALLS = [{"contact_id": one, "started_at": f"2026-01-05 09:0{i}", "plan": "x"} for i, one in enumerate("abcd")]


def heard(rows):
    table = pd.DataFrame(rows, columns=["contact_id", "item", "score"])
    contacts = cx.add_evaluations(cx.read_contacts(CALLS), table)
    return contacts, contacts.to_pandas().set_index("contact_id")


def test_items_become_columns_and_what_nobody_heard_is_missing():
    contacts, frame = heard(
        [
            ("a", "Greeted by name?", "Yes"),
            ("b", "Greeted by name?", "no"),
            ("a", "Empathy", "4"),
            ("c", "Empathy", "1.5"),
        ]
    )
    assert [one.column for one in contacts.behaviours] == ["qa_empathy", "is_qa_greeted_by_name"]
    assert frame.loc[list("abcd"), "is_qa_greeted_by_name"].tolist()[:2] == [1.0, 0.0]
    assert frame.loc[["c", "d"], "is_qa_greeted_by_name"].isna().all()
    assert frame.loc[["a", "c"], "qa_empathy"].tolist() == [4.0, 1.5]
    assert frame.loc[["b", "d"], "qa_empathy"].isna().all()
    assert "4 evaluations of 3 contacts by 2 items." in contacts.notes


def test_several_evaluations_of_a_contact_are_one():
    rows = [
        ("a", "Empathy", 5),
        ("a", "Empathy", 2),
        ("a", "Summed up", 1),
        ("a", "Summed up", 0),
        ("b", "Summed up", 0),
    ]
    _, frame = heard(rows)
    assert frame.loc["a", "qa_empathy"] == 3.5
    assert frame.loc[["a", "b"], "is_qa_summed_up"].tolist() == [1.0, 0.0]


def test_ids_meet_those_of_the_log_however_they_are_kept():
    calls = [row | {"contact_id": one} for row, one in zip(CALLS, ("17", "a", "b", "c"), strict=True)]
    numbers = pd.DataFrame({"contact_id": [17.0, None], "item": "Empathy", "score": [4, 2]})
    found = cx.add_evaluations(cx.read_contacts(calls), numbers).to_pandas().set_index("contact_id")["qa_empathy"]
    assert found.dropna().to_dict() == {"17": 4.0}
    _, frame = heard([(" a", "Empathy", 3), ("-", "Empathy", 5)])
    assert frame["qa_empathy"].dropna().to_dict() == {"a": 3.0}


@pytest.mark.parametrize("columns", [["contact_id"], ["customer_id"], ["agent_id"]])
def test_ids_are_hidden_where_those_of_the_log_are(columns):
    hidden = cx.Pseudonyms(b"correct horse battery staple", columns=columns)
    given = {"contact_id": "contact_id", "customer_id": "contact_id"}  # one column: who hides one hides both
    contacts = cx.read_contacts(CALLS, map=given, pseudonyms=hidden)
    rows = [{"contact_id": " a", "item": "Empathy", "score": 3}, {"contact_id": "b", "item": "Empathy", "score": 4}]
    found = cx.add_evaluations(contacts, rows, pseudonyms=hidden).to_pandas().set_index("contact_id")["qa_empathy"]
    named = (lambda one: one) if columns == ["agent_id"] else hidden.of
    assert found.dropna().to_dict() == {named("a"): 3.0, named("b"): 4.0}


def test_a_study_that_hides_contacts_finds_their_evaluations(tmp_path):
    pd.DataFrame(CALLS).to_csv(tmp_path / "calls.csv", index=False)
    pd.DataFrame({"contact_id": ["a"], "csat": [4]}).to_csv(tmp_path / "answers.csv", index=False)
    pd.DataFrame({"contact_id": ["a"], "item": ["Empathy"], "score": [3]}).to_csv(tmp_path / "qa.csv", index=False)
    (tmp_path / "key").write_text("correct horse battery staple")
    (tmp_path / "study.toml").write_text(
        '[contacts]\npath = "calls.csv"\n[surveys]\npath = "answers.csv"\n[evaluations]\npath = "qa.csv"\n'
        '[privacy]\nkey_file = "key"\ncolumns = ["contact_id"]\n'
    )
    pairing, _ = check(load_study(tmp_path / "study.toml"))
    assert [one.column for one in pairing.contacts.behaviours] == ["qa_empathy"]


def test_every_row_is_accounted_for():
    rows = [
        ("a", "Empathy", "5"),
        ("a", "Empathy", "n/a"),
        ("b", None, "3"),
        ("z", "Empathy", "2"),
        ("b", "Empathy", "inf"),
    ]
    contacts, frame = heard(rows)
    assert frame.loc["a", "qa_empathy"] == 5.0
    told = "1 evaluations of 1 contacts by 1 items; left out: 3 without an item or a score, 1 of no contact of the log."
    assert told in contacts.notes


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("z", "Empathy", 3)], "none of these a contact"),
        ([("a", "Empathy", "good")], "0 have an item"),
        ([("a", "Sums up", 3), ("a", "Sums-up", 2)], "already"),
        ([("a", "?!", 3)], "already"),
        ([("a", f"Item {i}", 3) for i in range(51)], "51 items"),
    ],
)
def test_what_cannot_be_used_is_refused(rows, told):
    with pytest.raises(InputError, match=told):
        heard(rows)


def test_a_table_without_items_and_contacts_without_evaluations_are_refused():
    with pytest.raises(InputError, match="no item and no score"):
        cx.add_evaluations(cx.read_contacts(CALLS), [{"contact_id": "a", "mark": 3}])
    with pytest.raises(ConfigError, match="add_evaluations"):
        cx.behaviour_levers(cx.read_contacts(CALLS))


def test_items_are_levers_during_the_contact():
    contacts, _ = heard([("a", "Greeted", "yes"), ("a", "Empathy", 4), ("b", "Empathy", 2)])
    assert cx.behaviour_levers(contacts) == (
        Lever("qa_empathy", "during", 0.2, shape="linear", label="Empathy"),
        Lever("is_qa_greeted", "during", 0.1, shape="count", label="Greeted"),
    )


def test_a_study_tells_the_behaviour_that_moves_from_the_one_that_does_not(tmp_path):
    rng = np.random.default_rng(3)
    n = 3_000
    ids = pd.Series([f"c{i}" for i in range(n)])
    greeted, empathy = rng.random(n) < 0.6, rng.integers(1, 6, n)
    score = np.digitize(0.9 * greeted + rng.logistic(size=n), [-1.5, -0.5, 0.5, 1.5]) + 1
    pd.DataFrame(
        {
            "contact_id": ids,
            "started_at": pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 8 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in rng.integers(0, 30, n)],
            "wrap_seconds": rng.gamma(2, 20, n).round(),
            "talk_seconds": rng.gamma(4, 60, n).round(),
        }
    ).to_csv(tmp_path / "calls.csv", index=False)
    pd.DataFrame({"contact_id": ids, "csat": score}).to_csv(tmp_path / "answers.csv", index=False)
    pd.concat(
        [
            pd.DataFrame({"contact_id": ids, "item": "Greeted <by> name", "score": np.where(greeted, "yes", "no")}),
            pd.DataFrame({"contact_id": ids, "item": "Empathy", "score": empathy}),
        ]
    ).to_csv(tmp_path / "qa.csv", index=False)
    (tmp_path / "study.toml").write_text(
        """
[contacts]
path = "calls.csv"
[surveys]
path = "answers.csv"
[evaluations]
path = "qa.csv"
[levers.qa_empathy]
moment = "during"
step = 1
label = "Empathy mark"
"""
    )
    study = run(load_study(tmp_path / "study.toml"), tmp_path / "out")
    table = study.evidence.table.set_index("lever")
    greeting, mark = table.loc["is_qa_greeted_by_name"], table.loc["qa_empathy"]
    assert greeting["step"] == pytest.approx(0.1)
    truth = 0.1 * 0.672  # a tenth of the contacts, 0.672 points each: by drawing a million answers with and without
    assert greeting["conf_low"] < truth < greeting["conf_high"]
    assert greeting["conf_low"] > 0
    assert mark["step"] == 1.0
    assert mark["conf_low"] < 0 < mark["conf_high"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Greeted &lt;by&gt; name" in page
    assert "Empathy mark" in page
