"""Every command: what it prints, what it writes, how it ends, and that each option is explained."""

from __future__ import annotations

import errno
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

import cxfusion as cx
from cxfusion.cli import app
from cxfusion.cli.progress import StageLines

COMMANDS = {"demo", "fuse", "run", "check", "diagnose", "map", "simulate", "sources", "version"}
PROGRAM = [sys.executable, "-m", "cxfusion"]


def cli(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(word) for word in words])


def answer(result: Result) -> Any:
    """What was printed as JSON; NaN and the like are no JSON."""
    assert result.exit_code == 0, result.output

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(result.stdout, parse_constant=refuse)


@pytest.fixture(scope="module")
def centre_files(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("centre") / "sim"
    assert cli("simulate", "--out", out, "--contacts", 4000, "--seed", 5, "--quiet").exit_code == 0
    return out


def log(n: int = 60) -> pd.DataFrame:
    """A small export: two queues, every tenth call abandoned, times of Berlin."""
    started = pd.Timestamp("2026-03-30 08:00") + pd.to_timedelta(np.arange(n) * 20, "min")
    return pd.DataFrame(
        {
            "Call ID": [f"c{i}" for i in range(n)],
            "Start Time": started.strftime("%d/%m/%Y %H:%M"),
            "Skill": np.where(np.arange(n) % 3 == 0, "sales", "service"),
            "Channel": "phone",
            "Queue Wait Time": np.arange(n) % 50,
            "Talk Time (min)": np.where(np.arange(n) % 10 == 9, np.nan, 1 + np.arange(n) % 5),
            "Abandoned": np.where(np.arange(n) % 10 == 9, "yes", "no"),
        }
    )


def write(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index=False)
    return path


# --- help ------------------------------------------------------------------------------------------------------------


def commands() -> dict[str, Any]:
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_commands_are_those_of_the_design():
    assert set(commands()) == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_explained_and_its_help_reads(name):
    command = commands()[name]
    assert len(command.help) > 10
    for option in command.params:
        assert len(option.help or "") > 10, option.name
        assert option.help[0].isupper(), option.help
        assert option.help.endswith("."), option.help
    options = {word for option in command.params for word in option.opts}
    assert {"--threads", "--memory", "--json", "--debug"} <= options
    shown = cli(name, "--help")
    assert shown.exit_code == 0
    assert all(word in shown.stdout for word in options if word.startswith("--"))


def test_help_comes_at_once():
    def seconds() -> float:  # of the processor: what else runs on the machine does not count
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*PROGRAM, "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

    assert min(seconds() for _ in range(3)) < 1.5  # the goal is 0.5 s on a quiet machine
    loaded = "import sys; from cxfusion.cli import app; print(*{m.partition('.')[0] for m in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout.split()
    assert not {"pandas", "numpy", "duckdb", "ibis", "pydantic", "pyarrow"} & set(modules)


# --- fuse, run, check ------------------------------------------------------------------------------------------------


def test_run_does_what_fuse_does_from_wherever_it_is_called(centre_files, tmp_path, monkeypatch):
    pair = ("--pair-by", "customer_id", "--within", "48h", "--outcome", "nps")
    files = (centre_files / "contacts.parquet", centre_files / "surveys.parquet")
    assert answer(cli("fuse", *files, "--out", tmp_path / "a", *pair, "--no-report", "--json"))["counts"]["pairs"] > 100
    (centre_files.parent / "study.toml").write_text(
        '[contacts]\npath = "sim/contacts.parquet"\n[surveys]\npath = "sim/surveys.parquet"\n'
        '[pairing]\nby = "customer_id"\nwithin = "48h"\n[study]\noutcome = "nps"\n'
    )
    monkeypatch.chdir(tmp_path)
    result = cli("run", centre_files.parent / "study.toml", "--out", "b", "--no-report", "--json")
    assert {row["outcome"] for row in answer(result)["levers"]} == {"nps"}
    for name in ("pairs", "operations", "perception", "evidence", "levers"):
        assert Path("a", f"{name}.parquet").read_bytes() == Path("b", f"{name}.parquet").read_bytes(), name
    assert not Path("b", "report.html").exists()


def test_run_groups_by_what_the_study_says_and_heads_the_page_so(centre_files, tmp_path):
    (tmp_path / "study.toml").write_text(
        f'[contacts]\npath = "{centre_files}/contacts.parquet"\n[surveys]\npath = "{centre_files}/surveys.parquet"\n'
        '[study]\nby = "channel"\ninterval = "1d"\ntitle = "What March taught us"\nsubtitle = "All of March"\n'
    )
    assert cli("run", tmp_path / "study.toml", "--out", tmp_path / "out").exit_code == 0
    operations = pq.read_table(tmp_path / "out" / "operations.parquet").to_pandas()
    assert set(operations["grouping"]) == {"all", "channel", "channel × interval_start"}
    volume = operations[operations["metric"] == "volume"].groupby("grouping")["estimate"].sum()
    assert volume.to_dict() == {"all": 4000, "channel": 4000, "channel × interval_start": 4000}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "What March taught us" in page
    assert "All of March" in page
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())["config"]
    assert told["study"]["by"] == ["channel"]


def test_a_bad_study_is_exit_code_2_and_touches_nothing(tmp_path):
    (tmp_path / "study.toml").write_text('[contacts]\npath = "nowhere.csv"\n[studdy]\n')
    result = cli("run", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert result.exit_code == 2
    for words in ("contacts.path = 'nowhere.csv'", "studdy is not known; nearest: study", "surveys.path is missing"):
        assert words in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_an_unknown_source_or_column_names_the_nearest(centre_files, tmp_path):
    files = (centre_files / "contacts.parquet", centre_files / "surveys.parquet")
    result = cli("check", *files, "--contacts-source", "generci", "--surveys-source", "generic", "--timezone", "Utopia")
    assert result.exit_code == 2
    assert "contacts.source: There is no source 'generci'. Expected one such as: generic." in result.stderr
    assert "'Utopia'" in result.stderr
    (tmp_path / "study.toml").write_text(
        f'[contacts]\npath = "{files[0]}"\n[surveys]\npath = "{files[1]}"\n[study]\nby = ["chanel"]\n'
    )
    result = cli("run", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert (result.exit_code, "nearest are channel" in result.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_without_a_wish_the_first_score_there_is_is_the_outcome(centre_files, tmp_path):
    surveys = pd.read_parquet(centre_files / "surveys.parquet").drop(columns="csat")
    write(tmp_path / "nps.csv", surveys)
    result = cli(
        "fuse",
        centre_files / "contacts.parquet",
        tmp_path / "nps.csv",
        "--out",
        tmp_path / "out",
        "--no-report",
        "--json",
    )
    assert {row["outcome"] for row in answer(result)["levers"]} == {"nps"}


def test_check_prints_the_books_even_where_nothing_was_paired_and_says_so(tmp_path):
    contacts = write(tmp_path / "calls.csv", log())
    surveys = write(tmp_path / "answers.csv", pd.DataFrame({"Call ID": ["x1", "x2"], "CSAT": [4, 5]}))
    result = cli("check", contacts, surveys, "--timezone", "Europe/Berlin")
    assert result.exit_code == 4
    assert "0 of 2 responses paired" in result.stdout
    assert "surveys: the source has no response id: a response is known by its row number" in result.stdout
    assert "unknown_contact: 2" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"calls.csv", "answers.csv"}


# --- diagnose --------------------------------------------------------------------------------------------------------


def test_diagnose_counts_what_is_in_the_log_and_where_every_row_went(tmp_path):
    frame = log()
    frame["Queue Wait Time"] = frame["Queue Wait Time"].astype(object)
    frame.loc[5, "Queue Wait Time"] = "long"
    frame.loc[7, "Call ID"] = None
    contacts = write(tmp_path / "calls.csv", pd.concat([frame, frame.iloc[[3, 4]]]))
    out = tmp_path / "out"
    result = cli("diagnose", contacts, "--out", out, "--by", "queue,channel", "--by", "direction", "--json")
    assert result.exit_code == 2  # the log has no direction
    words = ("diagnose", contacts, "--out", out, "--timezone", "Europe/Berlin")
    told = answer(cli(*words, "--by", "queue,channel", "--json"))
    audit = {(row["stage"], row["reason"]): row["n"] for row in told["audit"]}
    assert audit == {
        ("contacts", "used"): 59,
        ("contacts", "contact_id_missing"): 1,
        ("contacts", "duplicate_contact"): 2,
        ("contact_cells", "not_a_number"): 1,
    }
    assert {path.name for path in out.iterdir()} == {
        "operations.parquet", "set_aside.parquet", "contacts_audit.csv", "manifest.json",
    }  # fmt: skip
    assert pd.read_csv(out / "contacts_audit.csv").to_dict("records") == told["audit"]
    operations = pq.read_table(out / "operations.parquet").to_pandas().set_index(["group", "metric"])["estimate"]
    kept = frame[frame["Call ID"].notna()]
    for skill, calls in kept.groupby("Skill"):
        assert operations[(f"{skill} × phone", "volume")] == len(calls)
        handled = calls[calls["Abandoned"] == "no"]
        assert operations[(f"{skill} × phone", "aht_seconds")] == pytest.approx(60 * handled["Talk Time (min)"].mean())
        assert operations[(f"{skill} × phone", "abandonment_rate")] == pytest.approx(1 - len(handled) / len(calls))
    aside = pq.read_table(out / "set_aside.parquet").to_pandas()
    assert len(aside) == 4
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"] == {"contacts_read": 62, "contacts_used": 59}
    assert set(manifest["files"]) == {path.name for path in out.iterdir()}


def test_repeated_and_comma_separated_groupings_are_the_same(tmp_path):
    contacts = write(tmp_path / "calls.csv", log())
    assert (
        cli("diagnose", contacts, "--out", tmp_path / "a", "--by", "queue, channel", "--interval", "1h").exit_code == 0
    )
    words = ("--by", "queue", "--by", "channel", "--interval", "1h")
    assert cli("diagnose", contacts, "--out", tmp_path / "b", *words).exit_code == 0
    tables = [pq.read_table(tmp_path / out / "operations.parquet") for out in "ab"]
    assert tables[0].equals(tables[1])
    assert set(tables[0]["grouping"].to_pylist()) == {"all", "queue × channel × interval_start"}


def test_diagnose_counts_hours_on_the_clock_of_the_site(tmp_path):
    contacts = write(tmp_path / "calls.csv", log(6).assign(**{"Start Time": "2026-03-30T22:30:00Z"}))
    for zone, hour in [("Europe/Berlin", "2026-03-31 00:00"), ("Asia/Kolkata", "2026-03-31 04:00")]:
        words = ("--interval", "1h", "--timezone", zone)
        assert cli("diagnose", contacts, "--out", tmp_path / "out", *words).exit_code == 0
        groups = pq.read_table(tmp_path / "out" / "operations.parquet")["group"].to_pylist()
        assert set(groups) == {"all", hour}


def test_a_log_that_cannot_be_used_is_explained_beside_the_directory(tmp_path):
    contacts = write(tmp_path / "calls.csv", log().drop(columns="Start Time"))
    result = cli("diagnose", contacts, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert not (tmp_path / "out").exists()
    told = json.loads((tmp_path / "out.rejected" / "manifest.json").read_text())
    assert told["error"]["type"] == "MissingColumnError"
    assert told["inputs"] == {"contacts": str(contacts)}


def test_a_period_is_counted_on_the_clock_of_the_site_and_the_books_still_balance(tmp_path):
    frame = log()  # every 20 minutes from 08:00 on 30 March, 60 calls: 20:00 of Berlin is 18:00 UTC
    contacts = write(tmp_path / "calls.csv", pd.concat([frame, frame.iloc[[30]]]))
    period = ("--since", "2026-03-30T10:00", "--until", "2026-03-30T20:00", "--timezone", "Europe/Berlin")
    told = answer(cli("diagnose", contacts, "--out", tmp_path / "out", *period, "--json"))
    audit = {row["reason"]: row["n"] for row in told["audit"] if row["stage"] == "contacts"}
    assert audit == {"used": 30, "outside_period": 30, "duplicate_contact": 1}
    surveys = write(tmp_path / "answers.csv", pd.DataFrame({"Call ID": frame["Call ID"], "CSAT": 4}))
    checked = answer(cli("check", contacts, surveys, *period, "--json"))
    books = {(row["stage"], row["reason"]): row["n"] for row in checked["audit"]}
    assert books == {
        ("contacts", "paired_contact_id"): 30,
        ("contacts", "outside_period"): 30,
        ("contacts", "duplicate_contact"): 1,
        ("responses", "paired_contact_id"): 30,
        ("responses", "outside_period"): 30,
    }
    study = f'[contacts]\npath = "{contacts}"\ntimezone = "Europe/Berlin"\n[surveys]\npath = "{surveys}"\n'
    (tmp_path / "study.toml").write_text(f"{study}[study]\nsince = 2026-03-30T18:00:00\n")
    result = cli("run", tmp_path / "study.toml", "--out", tmp_path / "run")
    assert result.exit_code == 4  # 30 calls are too few
    books = pd.read_csv(tmp_path / "run.rejected" / "pairing_audit.csv").set_index(["stage", "reason"])["n"]
    assert books["contacts", "outside_period"] == 30


@pytest.mark.parametrize("words", [("--by", "quue"), ("--interval", "2h"), ("--since", "soon"), ("--threads", "0")])
def test_bad_words_to_diagnose_are_exit_code_2(tmp_path, words):
    contacts = write(tmp_path / "calls.csv", log())
    result = cli("diagnose", contacts, "--out", tmp_path / "out", *words)
    assert result.exit_code == 2, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"calls.csv"}


# --- map -------------------------------------------------------------------------------------------------------------


def proposed(folder: Path, *words: object) -> Path:
    result = cli("map", *words)
    assert result.exit_code == 0, result.output
    (folder / "map.toml").write_text(result.stdout)
    return folder / "map.toml"


def same(one: Any, other: Any) -> None:
    assert one.n_read == other.n_read
    pd.testing.assert_frame_equal(one.to_pandas(), other.to_pandas())
    aside = [table.session.collect(table.set_aside) for table in (one, other)]
    assert aside[0].equals(aside[1])


def test_a_proposed_map_of_a_log_reads_it_as_without_one(tmp_path):
    frame = log().assign(**{'Odd "name" #1 \\ ': "x", "Qeueu Name": "y", "Talk Time (min)": "00:02:30"})
    contacts = write(tmp_path / "calls.csv", frame)
    path = proposed(tmp_path, contacts)
    given = cx.load_map(path)
    assert given.surveys is None
    assert given.contacts is not None
    assert given.contacts.columns["talk_seconds"].unit == "min"
    assert given.contacts.columns["started_at"].format == ("%d/%m/%Y %H:%M",)
    same(cx.read_contacts(contacts, map=path), cx.read_contacts(contacts))
    text = path.read_text()
    assert "# Times have no offset" in text
    assert '# Kept as they are: "Odd' in text


def test_a_proposed_map_of_a_survey_reads_it_as_without_one(tmp_path):
    frame = pd.DataFrame(
        {"Call ID": ["a", "b"], "Response Date": ["31/12/2025", "01/01/2026"], "CSAT Score": [4, 5], "NPS": [9, 10]}
    )
    surveys = write(tmp_path / "answers.csv", frame)
    path = proposed(tmp_path, surveys)
    assert cx.load_map(path).contacts is None
    same(cx.read_surveys(surveys, map=path), cx.read_surveys(surveys))


def test_a_file_with_durations_and_a_score_is_both_a_log_and_a_survey(tmp_path):
    both = write(tmp_path / "all.csv", log().assign(CSAT=5))
    path = proposed(tmp_path, both)
    assert cx.pair(cx.read_contacts(both, map=path), cx.read_surveys(both, map=path)).n_pairs == 60
    assert set(tomllib.loads(proposed(tmp_path, both, "--kind", "surveys").read_text())) == {"surveys"}


def test_what_is_doubtful_or_missing_is_said_and_left_to_the_owner(tmp_path):
    frame = log().rename(columns={"Skill": "Skil Group"}).assign(**{"Contact ID": "x"}).drop(columns="Start Time")
    contacts = write(tmp_path / "calls.csv", frame.rename(columns={"Call ID": "Call Key"}))
    result = cli("map", contacts, "--json")
    told = json.loads(result.stdout)
    cx.load_map(write_text(tmp_path / "map.toml", told["map"]))
    assert any("started_at was not found" in problem for problem in told["to_decide"])
    assert "# To decide: started_at was not found" in told["map"]
    assert '# Doubtful: "Skil Group" was taken for queue' in told["map"]
    assert '# Not recognised: "Call Key"\n' in told["map"]


def write_text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_two_columns_for_one_name_and_an_odd_scale_are_to_decide(tmp_path):
    frame = log().rename(columns={"Call ID": "Interaction ID"}).assign(**{"Conversation ID": "x"})
    text = proposed(tmp_path, write(tmp_path / "calls.csv", frame)).read_text()
    assert "# To decide: 'Interaction ID' and 'Conversation ID' could each be contact_id" in text
    assert "\ncontact_id" not in text
    surveys = pd.DataFrame({"Call ID": range(20), "CSAT": range(80, 100)})
    text = proposed(tmp_path, write(tmp_path / "answers.csv", surveys)).read_text()
    assert "scale = [80, 99]" in text


def test_a_day_and_month_that_cannot_be_told_apart_are_to_decide(tmp_path):
    frame = log(4).assign(
        **{"Start Time": ["01/02/2026 08:00", "03/04/2026 08:00", "02/02/2026 08:00", "05/06/2026 09:00"]}
    )
    assert "# To decide: The times of 'Start Time'" in proposed(tmp_path, write(tmp_path / "c.csv", frame)).read_text()


def test_map_of_no_file_is_exit_code_3(tmp_path):
    assert cli("map", tmp_path / "nowhere.csv").exit_code == 3


# --- simulate, sources, version --------------------------------------------------------------------------------------


def test_simulate_writes_a_centre_and_replaces_only_its_own(centre_files, tmp_path):
    assert {path.name for path in centre_files.iterdir()} == {
        "contacts.parquet", "surveys.parquet", "truth.csv", "manifest.json",
    }  # fmt: skip
    out = tmp_path / "sim"
    told = answer(cli("simulate", "--out", out, "--contacts", 4000, "--seed", 5, "--json"))
    assert set(told["files"].values()) == {str(out / name) for name in told["files"]}
    for name in told["files"]:
        assert (out / name).read_bytes() == (centre_files / name).read_bytes()
    (out / "mine.txt").write_text("mine")
    result = cli("simulate", "--out", out, "--contacts", 4000)
    assert (result.exit_code, "'mine.txt'" in result.stderr) == (2, True)
    assert cli("simulate", "--out", tmp_path / "few", "--contacts", 10).exit_code == 2
    assert not (tmp_path / "few").exists()


def test_sources_lists_the_registry(tmp_path):
    from cxfusion.tables.sources import SOURCES

    told = answer(cli("sources", "--json"))
    assert [source["name"] for source in told["sources"]] == [source.name for source in SOURCES]
    assert {source["origin"] for source in told["sources"]} == {"cxfusion"}
    assert "CSV" in told["accepted"]
    shown = cli("sources").stdout
    assert all(source.name in shown and source.description in shown for source in SOURCES)


def test_version():
    assert answer(cli("version", "--json")) == {"version": cx.__version__}


# --- how commands end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["", "--debug", "variable"])
def test_a_fault_is_one_line_and_a_traceback_only_where_asked_for(tmp_path, monkeypatch, asked):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr("cxfusion.job.diagnose_log", fail)
    if asked == "variable":
        monkeypatch.setenv("CXFUSION_DEBUG", "1")
    words = ["--debug"] if asked == "--debug" else []
    result = cli("diagnose", "calls.csv", "--out", tmp_path / "out", *words)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("cxfusion failed (ZeroDivisionError: first line). This is a fault")
    assert "report it" in result.stderr
    assert ("Traceback" in result.stderr) == bool(asked)
    assert bool(asked) or len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "does not fit into the memory of this process. Free some; or give less to --memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "no room to write a file: No space left on device. Free"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/tmp/x"), "no room to write /tmp/x: Disk quota exceeded. Free"),
        (OSError(errno.EFBIG, "File too large", "/tmp/x"), "name another folder for temporary files: temp_dir"),
    ],
)
@pytest.mark.parametrize(("command", "job"), [("fuse", "run"), ("diagnose", "diagnose_log")])
def test_memory_and_disk_that_give_out_are_no_fault(tmp_path, monkeypatch, command, job, error, told):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(f"cxfusion.job.{job}", fail)
    files = ["calls.csv", "answers.csv"] if command == "fuse" else ["calls.csv"]
    result = cli(command, *files, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert told in result.stderr
    assert "fault" not in result.stderr


def test_other_errors_of_files_stay_faults(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("cxfusion.job.diagnose_log", fail)
    result = cli("diagnose", "calls.csv", "--out", tmp_path / "out")
    assert (result.exit_code, "This is a fault of cxfusion" in result.stderr) == (1, True)


def test_an_interrupted_query_is_an_interruption(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()  # as the engine does

    monkeypatch.setattr("cxfusion.job.diagnose_log", fail)
    result = cli("diagnose", "calls.csv", "--out", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_ctrl_c_leaves_the_directory_as_it_was(tmp_path):
    files = tmp_path / "sim"
    assert cli("simulate", "--out", files, "--contacts", 60_000, "--quiet").exit_code == 0
    out = tmp_path / "out"
    assert cli("diagnose", files / "contacts.parquet", "--out", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    words = ["diagnose", str(files / "contacts.parquet"), "--out", str(out), "--by", "customer_id"]
    with subprocess.Popen([*PROGRAM, *words], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("read contacts")
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert (process.returncode, told.splitlines()[-1]) == (130, "Interrupted.")
    assert "Traceback" not in told
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"sim", "out"}


@pytest.mark.parametrize("words", [["sources"], ["--help"], ["fuse", "--help"]])
def test_a_closed_pipe_is_no_error(words):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*PROGRAM, *words], text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals here")
def test_on_a_terminal_progress_spins_and_elsewhere_it_is_plain_lines(tmp_path):
    contacts = write(tmp_path / "calls.csv", log())
    words = ["diagnose", str(contacts), "--out", str(tmp_path / "out")]
    plain = cli(*words).stderr
    assert [line.split("  ")[0] for line in plain.splitlines()] == ["read contacts", "check", "diagnose", "write"]
    assert "60 rows" in plain
    assert "\x1b" not in plain
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    subprocess.run([*PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=theirs, check=True, env=environment)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "\x1b" in shown
    assert "read contacts" in shown
    assert cli(*words, "--quiet").stderr == ""


def test_a_stage_that_failed_is_not_told_as_done(capsys):
    def job() -> None:
        with StageLines() as on_stage:
            on_stage("read", None)
            on_stage("read", 2_000)
            on_stage("fit", 5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        job()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].split()[:3] == ["read", "2,000", "rows"]


def ended_unheard(*words: object, stream: str) -> tuple[int, str]:
    """How a command ends that nobody listens to on one of its streams, and what it says on the other."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*PROGRAM, *map(str, words)], text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        closed, open_ = (process.stdout, process.stderr)[:: 1 if stream == "stdout" else -1]
        closed.close()
        told = open_.read()
    return process.returncode, told


@pytest.mark.parametrize("words", [[], ["--json"]])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_check_reaches_its_verdict_whoever_listens(tmp_path, stream, words):
    contacts = write(tmp_path / "calls.csv", log())
    strangers = pd.DataFrame({"Call ID": [f"x{i}" for i in range(60)], "CSAT": 4})
    surveys = write(tmp_path / "answers.csv", strangers)
    code, told = ended_unheard("check", contacts, surveys, *words, stream=stream)
    assert code == 4
    assert ("paired with a contact" if stream == "stdout" else "unknown_contact") in told
    assert "Traceback" not in told
    assert ended_unheard("check", contacts, tmp_path / "nowhere.csv", *words, stream=stream)[0] == 3
    fine = write(tmp_path / "answers.csv", strangers.assign(**{"Call ID": [f"c{i}" for i in range(60)]}))
    assert ended_unheard("check", contacts, fine, *words, stream=stream)[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the shell's way to close a stream")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_were_closed_from_the_start_change_no_exit_code(tmp_path, closed):
    contacts = write(tmp_path / "calls.csv", log())

    def ended(*words: object) -> subprocess.CompletedProcess[str]:
        command = f"{shlex.join([*PROGRAM, *map(str, words)])} {closed}"
        return subprocess.run(command, shell=True, capture_output=True, text=True, check=False)

    done = ended("diagnose", contacts, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0
    assert done.stdout == "" if closed.startswith(">") else json.loads(done.stdout)["out"] == str(tmp_path / "out")
    assert ended("check", contacts, tmp_path / "nowhere.csv").returncode == 3


def test_a_job_whose_progress_nobody_reads_is_done_all_the_same(tmp_path):
    contacts = write(tmp_path / "calls.csv", log())
    code, told = ended_unheard("diagnose", contacts, "--out", tmp_path / "out", stream="stderr")
    assert code == 0
    assert "Written to" in told
    assert (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_progress_that_finds_no_room_stops_no_job_and_an_answer_that_finds_none_is_told(tmp_path):
    contacts = write(tmp_path / "calls.csv", log())
    words = [*PROGRAM, "diagnose", contacts, "--out", str(tmp_path / "out"), "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=full, text=True, check=False)
        assert done.returncode == 0
        assert json.loads(done.stdout)["out"] == str(tmp_path / "out")
        unheard = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert unheard.returncode == 2
    last = unheard.stderr.splitlines()[-1]
    assert last.startswith("The answer could not be written to standard output: No space left on device.")
    assert last.endswith("The files that the command was to write are written.")


def test_a_line_that_breaks_while_the_work_is_done_is_not_told_as_done(tmp_path):
    """A server's, not the reader's: whoever reads the answer has not gone."""
    program = (
        "import sys, cxfusion.job\n"
        "def fail(*_, **__):\n"
        "    raise BrokenPipeError(32, 'Broken pipe')\n"
        "cxfusion.job.diagnose_log = fail\n"
        f"sys.argv = ['cxfusion', 'diagnose', 'calls.csv', '--out', {str(tmp_path / 'out')!r}]\n"
        "from cxfusion.cli import main\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "BrokenPipeError" in ended.stderr
