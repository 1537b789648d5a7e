"""STUDY.toml: what it says becomes one frozen model, and everything wrong with it is told at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cxfusion.config import load_study, study_of_options
from cxfusion.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[contacts]
path = "logs/*.csv"
source = "generic"
timezone = "Asia/Kolkata"
[contacts.columns]
contact_id = "Call ID"
response_seconds = { from = "Asked", to = "Answered" }

[surveys]
path = "answers.csv"
[surveys.columns]
csat = { column = "Stars", scale = [1, 10] }

[levers.response_seconds]
moment = "before"
step = -600
shape = "log1p"

[levers.hold_seconds]
step = -10

[pairing]
by = "customer_id"
within = "3d"
one_per_contact = false
eligible = "all"

[study]
outcome = "nps"
by = ["queue", "channel"]
interval = "30min"
since = 2026-03-01
until = 2026-04-01T08:30:00
title = "March"
case_mix = ["reason"]

[engine]
threads = 2
memory_limit = "2GB"
temp_dir = "spill"
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "march.csv").write_text("Call ID,Asked,Answered\n1,2,3\n")
    (tmp_path / "answers.csv").write_text("Call ID,Stars\n1,5\n")
    return tmp_path


def study(folder: Path, text: str) -> Path:
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_study(study(folder, text))
    assert raised.value.exit_code == 2
    return list(raised.value.problems)


def test_what_is_no_finite_number_is_refused_wherever_it_stands(folder):
    text = GOOD.replace("step = -600", "step = nan").replace("scale = [1, 10]", "scale = [1, inf]")
    text += "[decisions]\npilot_weeks = inf\nmeasures = { wait_seconds = nan }\n[checks]\nlongest_seconds = nan\n"
    assert {problem.partition(" = ")[0] for problem in problems(folder, text)} == {
        "surveys.columns.csat.scale.1",
        "levers.response_seconds.step",
        "decisions.pilot_weeks",
        "decisions.measures.wait_seconds",
        "checks.longest_seconds",
    }


def test_all_it_says_is_in_the_model(folder):
    config = load_study(study(folder, GOOD))
    assert config.path("contacts") == str(folder / "logs" / "*.csv")
    assert config.path("surveys") == str(folder / "answers.csv")
    assert config.table("contacts").timezone == "Asia/Kolkata"
    plan = config.pairing.plan()
    assert (plan.by, plan.window, plan.one_per_contact, plan.eligible) == ("customer_id", timedelta(3), False, "all")
    levers = {lever.name: lever for lever in config.spec().levers}
    assert (levers["response_seconds"].moment, levers["response_seconds"].step) == ("before", -600)
    assert levers["hold_seconds"].step == -10  # in the place of the catalogue's
    assert levers["talk_seconds"].step == -60  # the catalogue's
    assert config.spec().case_mix == ("reason",)
    asked = config.study
    assert (asked.outcome, asked.by, asked.interval) == ("nps", ("queue", "channel"), "30min")
    assert (asked.since, asked.until) == (datetime(2026, 3, 1), datetime(2026, 4, 1, 8, 30))
    assert asked.headings() == {"title": "March"}
    assert (config.engine.threads, config.engine.memory_limit) == (2, "2GB")
    assert config.engine.temp_dir == str(folder / "spill")
    with pytest.raises(ValueError, match="frozen"):
        config.study = asked


def test_the_shortest_study_has_the_defaults(folder):
    config = load_study(study(folder, '[contacts]\npath = "logs/march.csv"\n[surveys]\npath = "answers.csv"\n'))
    assert str(config.pairing.plan()) == str(study_of_options(None).pairing.plan())
    assert config.pairing.plan().window == timedelta(hours=72)
    assert config.study.headings() == {}


def test_every_problem_is_told_at_once_each_with_its_place_and_nearest_name(folder):
    text = """
    [contcts]
    [contacts]
    path = "logs/marsh.csv"
    timezone = "Asia/Kolkatta"
    source = "genric"
    colums = {}
    [contacts.columns]
    talk_seconds = { column = "Talk", units = "min" }
    [surveys]
    [levers.wait_seconds]
    role = "levr"
    moment = "befor"
    shape = "spine"
    [pairing]
    by = "customer"
    withn = "3d"
    one_per_contact = "sometimes"
    [study]
    outcome = "cast"
    interval = "2h"
    since = "yesterday"
    [engine]
    threads = 0
    """
    told = problems(folder, text)
    for words in [
        "contcts is not known; nearest: contacts",
        "contacts.path = 'logs/marsh.csv': no such file; nearest: march.csv",
        "Asia/Kolkata",
        "contacts.source: There is no source 'genric'. Expected one such as: generic.",
        "contacts.colums is not known; nearest: columns",
        "contacts.columns.talk_seconds.units is not known; nearest: unit",
        "surveys.path is missing",
        "levers.wait_seconds.role = 'levr' is not one of the choices; nearest: lever",
        "levers.wait_seconds.moment = 'befor' is not one of the choices; nearest: before",
        "levers.wait_seconds.shape = 'spine' is not one of the choices; nearest: spline",
        "pairing.by.0 = 'customer' is not one of the choices; nearest: customer_id",
        "pairing.withn is not known; nearest: within",
        "pairing.one_per_contact = 'sometimes': input should be a valid boolean",
        "study.outcome = 'cast' is not one of the choices; nearest: csat",
        "study.interval: There is no interval '2h'. Expected one of: 15min",
        "study.since: yesterday is no date",
        "engine.threads = 0: input should be greater than or equal to 1",
    ]:
        assert sum(words in problem for problem in told) == 1, (words, told)
    assert len(told) == 17


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[pairing]\nwithin = "soon"', "pairing: within='soon'; expected a number with its unit"),
        ("[study]\nsince = 2026-03-02\nuntil = 2026-03-02", "is not before until"),
        ("[study]\nsince = 2026-03-02T08:00:00Z", "without an offset"),
        ("[study]\nsince = 7", "no date or time"),
        ("[study]\nby = 7", "study.by = 7"),
        ("[levers.wait_seconds]\nstep = 0", "levers: wait_seconds: step is 0"),
        ('[study]\ncase_mix = ["wrap_seconds"]', "wrap_seconds happens after the contact"),
        ("engine = 3", "engine = 3: expected a table, written as [engine]"),
    ],
)
def test_what_no_single_key_is_to_blame_for_is_told_too(folder, section, words):
    tables = '[contacts]\npath = "logs/march.csv"\n[surveys]\npath = "answers.csv"\n'
    told = problems(folder, f"{section}\n{tables}" if section.startswith("engine") else f"{tables}{section}\n")
    assert len(told) == 1
    assert words in told[0]


def test_an_empty_table_is_a_matter_of_the_data_not_of_the_study(folder):
    (folder / "answers.csv").write_text("")
    load_study(study(folder, '[contacts]\npath = "logs/march.csv"\n[surveys]\npath = "answers.csv"\n'))


@pytest.mark.parametrize(("content", "words"), [(None, "could not be read"), ("[contacts\n", "is not TOML")])
def test_a_study_that_is_no_toml_file(tmp_path, content, words):
    if content is not None:
        (tmp_path / "study.toml").write_text(content)
    with pytest.raises(ConfigError, match=words):
        load_study(tmp_path / "study.toml")


def test_options_go_before_the_map(folder):
    (folder / "map.toml").write_text(
        '[contacts]\ntimezone = "UTC"\npath = "elsewhere.csv"\ndatetime_format = "%d/%m/%Y"'
    )
    config = study_of_options(
        folder / "map.toml",
        contacts={"path": "here.csv", "timezone": "Europe/Berlin", "source": None},
        pairing={"by": None, "within": "1d"},
    )
    assert config.path("contacts") == "here.csv"
    assert config.table("contacts").timezone == "Europe/Berlin"
    assert config.table("contacts").datetime_format == ("%d/%m/%Y",)
    assert config.pairing.plan().window == timedelta(days=1)
    assert config.words()["contacts"]["timezone"] == "Europe/Berlin"


def test_a_map_is_no_whole_study(folder):
    (folder / "map.toml").write_text('[pairing]\nwithin = "1d"\n')
    with pytest.raises(ConfigError) as raised:
        study_of_options(folder / "map.toml")
    assert raised.value.problems == ("pairing is not known; expected one of: contacts, surveys, levers",)


def test_a_vendors_log_may_have_any_ending(tmp_path):
    (tmp_path / "answers.csv").write_text("Call ID,CSAT\n7,5\n")
    study = tmp_path / "STUDY.toml"
    words = '[contacts]\npath = "{}"\nsource = "asterisk_queue_log"\n[surveys]\npath = "answers.csv"\n'
    study.write_text(words.format("queue_log"))
    assert any("queue_log" in problem for problem in problems(tmp_path, words.format("queue_log") + "[studdy]\n"))
    study.write_text(words.format("queue_log"))
    (tmp_path / "queue_log").write_text("1772445600|1772445590.1|sales|NONE|ENTERQUEUE||111|1\n")
    assert load_study(study).path("contacts") == str(tmp_path / "queue_log")
    study.write_text(words.format("queue_log").replace("asterisk_queue_log", "asterisk"))
    with pytest.raises(ConfigError, match="There is no source 'asterisk'"):
        load_study(study)


def test_a_tracker_may_lie_in_a_database(folder):
    text = (
        '[contacts]\npath = "logs/march.csv"\n[surveys]\npath = "answers.csv"\n'
        '[trackers.brand]\npath = "months.csv"\n[trackers.panel]\npath = "postgres://db.example/sales/panel"\n'
        '[trackers.board]\npath = "duckdb://known.db/board"\n'
    )
    assert {name: tracker.path for name, tracker in load_study(study(folder, text)).trackers.items()} == {
        "brand": str(folder / "months.csv"),
        "panel": "postgres://db.example/sales/panel",
        "board": f"duckdb://{folder.as_posix()}/known.db/board",
    }


TABLES = '[contacts]\npath = "logs/march.csv"\n[surveys]\npath = "answers.csv"\n'


def test_an_option_takes_the_place_of_all_that_it_stands_for(folder):
    output = '[output]\ndatabase = "postgres://db.example/sales"\nschema = "cx"\n'
    path = study(folder, f'{TABLES}{output}[privacy]\nkey_variable = "HOUSE_KEY"\ncolumns = ["customer_id", "lead"]\n')
    elsewhere = load_study(path, output={"database": "postgres://db.example/sales/test"}).output.address()
    assert (elsewhere.schema, elsewhere.shown) == ("test", "postgres://db.example/sales/test")
    assert load_study(path, output={"database": "duckdb://here.duckdb"}).output.address().schema is None
    assert load_study(path, output={"database": None, "csv": True}).output.address().schema == "cx"
    privacy = load_study(path, privacy={"key_file": "key"}).privacy
    assert (privacy.key_file, privacy.key_variable, privacy.columns) == ("key", None, ("customer_id", "lead"))
    path.write_text(f'{TABLES}[privacy]\nkey_file = "key"\n')
    privacy = load_study(path, privacy={"key_variable": "HOUSE_KEY"}).privacy
    assert (privacy.key_file, privacy.key_variable) == (None, "HOUSE_KEY")


def test_columns_are_not_to_be_hidden_without_a_key(folder):
    text = f'{TABLES}[privacy]\ncolumns = ["customer_id"]\n'
    told = problems(folder, text)
    assert len(told) == 1
    assert "no key is named, so that nothing would be hidden" in told[0]
    assert load_study(study(folder, text), privacy={"key_file": "key"}).privacy.columns == ("customer_id",)
