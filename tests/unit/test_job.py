"""The job from files to a directory: what it writes, what it leaves alone, and what it says when it cannot."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import cxfusion as cx
from cxfusion.cli import app
from cxfusion.results import schemas

FILES = {
    "pairs.parquet", "pairing_audit.csv", "set_aside.parquet", "operations.parquet", "perception.parquet",
    "evidence.parquet", "levers.parquet", "decisions.parquet", "report.html", "manifest.json",
}  # fmt: skip


def frames(n: int = 800, n_agents: int = 20, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two ordinary exports with ordinary headings."""
    rng = np.random.default_rng(seed)
    wait = rng.gamma(2.0, 40.0, n).round()
    started = pd.Timestamp("2026-03-02 08:00") + pd.to_timedelta(rng.integers(0, 14 * 86_400, n), "s")
    calls = pd.DataFrame(
        {
            "Call ID": [f"c{i}" for i in range(n)],
            "Start Time": started.strftime("%Y-%m-%d %H:%M:%S"),
            "Agent Name": [f"agent {i}" for i in rng.integers(0, n_agents, n)],
            "Skill": rng.choice(["sales", "service"], n),
            "Queue Wait Time": wait,
            "Talk Time": rng.gamma(3.0, 80.0, n).round(),
            "Customer ID": [f"k{i}" for i in rng.integers(0, n, n)],
        }
    )
    answers = pd.DataFrame(
        {
            "Call ID": calls["Call ID"],
            "Response Date": (started + pd.Timedelta("1h")).strftime("%Y-%m-%d %H:%M:%S"),
            "CSAT Score": np.digitize(1.5 - wait / 100 + rng.normal(0, 1, n), [-0.5, 0.2, 0.8, 1.4]) + 1,
        }
    )
    return calls, answers


def write(folder: Path, calls: pd.DataFrame, answers: pd.DataFrame) -> tuple[str, str]:
    calls.to_csv(folder / "calls.csv", index=False)
    answers.to_csv(folder / "answers.csv", index=False)
    return str(folder / "calls.csv"), str(folder / "answers.csv")


def cxfusion(*words: object) -> Result:
    """The command line in this process: another would spend most of its time on imports."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(word) for word in words])


def program(*words: object) -> subprocess.CompletedProcess[str]:
    """The command line as people start it, in a process of its own."""
    environment = {**os.environ, "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "error"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "cxfusion", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    result = program("fuse", *write(folder, *frames()), "--out", folder / "out")
    assert result.returncode == 0, result.stderr
    assert "Waiting time" in result.stdout
    assert "Traceback" not in result.stderr
    return folder / "out"


def test_ordinary_headings_need_no_map_and_every_file_is_there(done):
    assert {path.name for path in done.iterdir()} == FILES
    manifest = json.loads((done / "manifest.json").read_text())
    assert manifest["counts"] == {
        "contacts_read": 800, "responses_read": 800, "pairs": 800, "responses_in_models": 800,
    }  # fmt: skip
    assert set(manifest["files"]) == FILES
    assert manifest["product"] == "cxfusion"


@pytest.mark.parametrize("name", ["pairs", "set_aside", "operations", "perception", "evidence", "levers", "decisions"])
def test_files_have_the_declared_columns_and_types(done, name):
    declared = getattr(schemas, name.upper())
    schema = pq.read_schema(done / f"{name}.parquet")
    assert schema.equals(declared)
    assert schema.metadata[b"cxfusion.schema_version"] == b"1"


def test_the_audit_adds_up_to_the_rows_read(done):
    audit = pd.read_csv(done / "pairing_audit.csv")
    assert audit.groupby("stage")["n"].sum().to_dict() == {"contacts": 800, "responses": 800}


def test_a_rerun_writes_the_same_bytes(done, tmp_path):
    again = tmp_path / "out"
    assert program("fuse", *write(tmp_path, *frames()), "--out", again, "--threads", 1).returncode == 0
    for name in FILES - {"manifest.json", "report.html", "set_aside.parquet"}:  # these name the input's folder
        assert (again / name).read_bytes() == (done / name).read_bytes(), name


def test_check_prints_the_books_and_writes_nothing(tmp_path):
    calls, answers = frames(200)
    answers.loc[0, "Call ID"] = "elsewhere"
    result = cxfusion("check", *write(tmp_path, calls, answers), "--json")
    audit = {(row["stage"], row["reason"]): row["n"] for row in json.loads(result.stdout)["audit"]}
    assert audit[("responses", "unknown_contact")] == 1
    assert audit[("responses", "paired_contact_id")] == 199
    assert {path.name for path in tmp_path.iterdir()} == {"calls.csv", "answers.csv"}


def with_columns(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    return frame.assign(**{name.replace("_", " "): value for name, value in columns.items()})


@pytest.mark.parametrize(
    ("case", "code", "told"),
    [
        ("empty file", 3, "empty"),
        ("header only", 3, "no rows"),
        ("no contact id", 3, "contact_id"),
        ("no score column", 3, "score"),
        ("all scores missing", 4, "score_missing"),
        ("no key in common", 4, "unknown_contact"),
        ("few responses", 4, "at least 50"),
        ("one agent", 4, "only 1 agent"),
        ("missing file", 3, "nowhere.csv"),
    ],
)
def test_bad_input_has_its_exit_code_and_words(tmp_path, case, code, told):
    calls, answers = frames(40 if case == "few responses" else 200, n_agents=1 if case == "one agent" else 20)
    if case == "header only":
        calls = calls.head(0)
    elif case == "no contact id":
        calls = calls.drop(columns=["Call ID"]).rename(columns={"Agent Name": "Somebody"})
    elif case == "no score column":
        answers = answers.drop(columns=["CSAT Score"])
    elif case == "all scores missing":
        answers["CSAT Score"] = None
    elif case == "no key in common":
        answers["Call ID"] = "x" + answers["Call ID"]
    contacts, surveys = write(tmp_path, calls, answers)
    if case == "empty file":
        Path(contacts).write_text("")
    elif case == "missing file":
        contacts = str(tmp_path / "nowhere.csv")
    out = tmp_path / "out"
    result = cxfusion("fuse", contacts, surveys, "--out", out)
    assert result.exit_code == code, result.stderr
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()
    error = json.loads((tmp_path / "out.rejected" / "manifest.json").read_text())["error"]
    assert error["message"] in result.stderr


@pytest.mark.parametrize("absent", [("calls",), ("answers",), ("calls", "answers")])
def test_a_study_whose_export_has_not_come_ends_as_a_call_with_the_same_files(tmp_path, absent):
    write(tmp_path, *frames(200))
    (tmp_path / "STUDY.toml").write_text('[contacts]\npath = "calls.csv"\n[surveys]\npath = "answers*.csv"\n')
    out = tmp_path / "out"
    assert cxfusion("run", tmp_path / "STUDY.toml", "--out", out).exit_code == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    for name in absent:
        (tmp_path / f"{name}.csv").unlink()
    result = cxfusion("run", tmp_path / "STUDY.toml", "--out", out)
    assert result.exit_code == 3, result.stderr
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    error = json.loads((tmp_path / "out.rejected" / "manifest.json").read_text())["error"]
    told = " ".join([error["message"], *error["problems"]])
    assert error["type"] == "UnreadableFileError"
    assert all(name in told and name in result.stderr for name in absent)
    assert "read contacts" not in result.stderr  # nothing was read for it
    shutil.rmtree(tmp_path / "out.rejected")
    (tmp_path / "STUDY.toml").write_text((tmp_path / "STUDY.toml").read_text() + "[studdy]\n")
    result = cxfusion("run", tmp_path / "STUDY.toml", "--out", out)  # a mistake of its own goes first, and tells both
    assert result.exit_code == 2
    assert all(words in result.stderr for words in (*absent, "nearest: study"))
    assert not (tmp_path / "out.rejected").exists()


def test_text_and_scores_out_of_scale_become_cells_with_reasons(tmp_path):
    calls, answers = frames(300)
    calls["Queue Wait Time"] = calls["Queue Wait Time"].astype(object)
    calls.loc[0, "Queue Wait Time"] = "long"
    calls.loc[1, "Queue Wait Time"] = -5
    calls = pd.concat([calls, calls.iloc[[7]]])
    answers.loc[2, "CSAT Score"] = 9
    assert cxfusion("fuse", *write(tmp_path, calls, answers), "--out", tmp_path / "out").exit_code == 0
    aside = pq.read_table(tmp_path / "out" / "set_aside.parquet").to_pandas()
    found = {(row.reason, row.column, row.original) for row in aside.itertuples()}
    assert ("not_a_number", "wait_seconds", "long") in found
    assert any(reason == "negative_duration" and original.startswith("-5") for reason, _, original in found if original)
    assert ("score_out_of_scale", "csat", "9") in found
    assert any(row.reason == "duplicate_contact" and row.original == "c7" for row in aside.itertuples())
    audit = pd.read_csv(tmp_path / "out" / "pairing_audit.csv").set_index(["stage", "reason"])["n"]
    assert audit["contacts"].sum() == 301
    assert audit["responses"].sum() == 300


def test_what_cannot_be_used_leaves_the_last_good_directory(tmp_path):
    contacts, surveys = write(tmp_path, *frames())
    out = tmp_path / "out"
    assert cxfusion("fuse", contacts, surveys, "--out", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    Path(surveys).write_text("Call ID,CSAT Score\n")
    told = program("fuse", contacts, surveys, "--out", out)
    assert told.returncode == 3
    assert "Traceback" not in told.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_where_only_the_surveys_are_bad_the_books_of_the_log_are_told(tmp_path):
    calls, answers = frames(100)
    contacts, surveys = write(tmp_path, pd.concat([calls, calls.head(3)]), answers.head(0))
    assert cxfusion("fuse", contacts, surveys, "--out", tmp_path / "out").exit_code == 3
    audit = pd.read_csv(tmp_path / "out.rejected" / "contacts_audit.csv").set_index("reason")["n"]
    assert audit.to_dict() == {"used": 100, "duplicate_contact": 3}
    assert pq.read_metadata(tmp_path / "out.rejected" / "set_aside.parquet").num_rows == 3


def test_nobody_else_can_look_into_what_explains_a_private_directory(tmp_path):
    contacts, surveys = write(tmp_path, *frames(100))
    Path(surveys).write_text("Call ID,CSAT Score\n")
    out, rejected = tmp_path / "out", tmp_path / "out.rejected"
    before = os.umask(0o022)
    try:
        assert cxfusion("fuse", contacts, surveys, "--out", out).exit_code == 3
        assert stat.S_IMODE(rejected.stat().st_mode) == 0o755  # there is nothing yet that could be private
        assert cxfusion("diagnose", contacts, "--out", out).exit_code == 0
        out.chmod(0o700)
        assert cxfusion("fuse", contacts, surveys, "--out", out).exit_code == 3
    finally:
        os.umask(before)
    assert (rejected / "set_aside.parquet").exists()
    assert stat.S_IMODE(rejected.stat().st_mode) == 0o700


def test_what_cannot_be_explained_is_told_all_the_same(tmp_path):
    contacts, surveys = write(tmp_path, *frames(100))
    Path(surveys).write_text("Call ID,CSAT Score\n")
    rejected = tmp_path / "out.rejected"
    rejected.mkdir()
    (rejected / "thesis.txt").write_text("mine")
    result = cxfusion("fuse", contacts, surveys, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "The surveys have a header but no rows" in result.stderr
    assert "out.rejected could not say why:" in result.stderr
    assert "is not empty and has no manifest.json of cxfusion; found 'thesis.txt'" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in rejected.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("case", ["holds something else", "is a file", "unknown option value", "bad window", "bad map"])
def test_bad_usage_is_exit_code_2_and_touches_nothing(tmp_path, case):
    words = ["fuse", *write(tmp_path, *frames(100)), "--out", tmp_path / "out"]
    if case == "holds something else":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.txt").write_text("mine")
    elif case == "is a file":
        (tmp_path / "out").write_text("mine")
    elif case == "unknown option value":
        words += ["--outcome", "joy"]
    elif case == "bad window":
        words += ["--within", "soon"]
    else:
        (tmp_path / "map.toml").write_text('[contacts]\ntimezone = "Asia/Kolkatta"\n[contacts.colums]\na = 1\n')
        words += ["--map", tmp_path / "map.toml"]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = cxfusion(*words)
    assert result.exit_code == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    if case == "bad map":
        assert "Asia/Kolkata" in result.stderr
        assert "colums" in result.stderr


@pytest.mark.parametrize(
    ("days", "key", "wanted"),
    [
        (-30, "Call ID", "Expected answers that come after their contacts: look at the time zones of both tables"),
        (30, "Customer ID", "Expected contacts within the window before the answer: widen it"),
        (0, "Case Number", "Expected a key that both tables share"),
    ],
)
def test_where_nothing_is_paired_the_message_asks_for_what_is_wrong(tmp_path, days, key, wanted):
    calls, answers = frames(100)
    answered = pd.to_datetime(answers["Response Date"]) + pd.Timedelta(days=days)
    keys = calls.get(key, "x" + calls["Call ID"])
    told = answers.drop(columns="Call ID").assign(**{"Response Date": answered.astype(str), key: keys})
    calls["Case Number"] = calls["Call ID"]
    result = cxfusion("fuse", *write(tmp_path, calls, told), "--out", tmp_path / "out")
    assert result.exit_code == 4, result.stderr
    assert wanted in " ".join(result.stderr.split())


def test_where_another_key_than_the_one_asked_for_is_there_the_message_names_it(tmp_path):
    calls, answers = frames(100)
    told = answers.drop(columns="Call ID").assign(**{"Customer ID": calls["Customer ID"]})
    words = ["fuse", *write(tmp_path, calls, told), "--out", tmp_path / "out"]
    result = cxfusion(*words, "--pair-by", "contact_id")
    assert result.exit_code == 4, result.stderr
    wanted = "Both tables have customer_id, and pairing was to go by contact_id only: pair by customer_id"
    assert wanted in " ".join(result.stderr.split())
    contacts, surveys = cx.read_contacts(calls), cx.read_surveys(told)
    assert wanted in cx.pair(contacts, surveys, by="contact_id").summary()
    assert "Both tables" not in cx.pair(contacts, surveys).summary()
    assert "Both tables" not in cx.pair(contacts, surveys, by="customer_id", within="1s").summary()


@pytest.mark.parametrize("given", ["files", "a pattern", "a folder"])
def test_a_directory_that_holds_what_is_read_is_left_alone(tmp_path, given):
    centre = tmp_path / "centre"
    assert cxfusion("simulate", "--out", centre, "--contacts", 1000).exit_code == 0  # ours, and so replaceable
    before = {path: path.read_bytes() for path in centre.iterdir()}
    contacts, surveys = centre / "contacts.parquet", centre / "surveys.parquet"
    if given == "a pattern":
        contacts = centre / "cont*.parquet"
    elif given == "a folder":
        contacts = centre
    for words in (["fuse", contacts, surveys], ["diagnose", contacts]):
        result = cxfusion(*words, "--out", centre)
        assert result.exit_code == 2, result.stderr
        assert f"{centre} holds what is to be read, {contacts}" in " ".join(result.stderr.split())
        assert {path: path.read_bytes() for path in centre.iterdir()} == before
    assert cxfusion("diagnose", centre / "contacts.parquet", "--out", tmp_path / "out").exit_code == 0


def test_the_real_centre_through_its_shipped_map(ecommerce, tmp_path):
    words = ["fuse", ecommerce / "contacts.csv", ecommerce / "surveys.csv", "--out", tmp_path / "out"]
    shipped = Path(__file__).parents[2] / "examples" / "maps" / "ecommerce_support.toml"
    result = cxfusion(*words, "--map", shipped)
    assert result.exit_code == 0, result.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counts"] == {
        "contacts_read": 17_182, "responses_read": 17_182, "pairs": 17_182, "responses_in_models": 16_547,
    }  # fmt: skip
    assert {"stage": "contacts", "column": "response_seconds", "reason": "negative_duration", "n": 635} in [
        {**cell, "stage": cell["stage"].replace("contact_cells", "contacts")} for cell in manifest["cells"]
    ]
    rungs = pq.read_table(tmp_path / "out" / "evidence.parquet").to_pandas().set_index("rung")["estimate"]
    assert rungs["raw"] > rungs["within"] > 0  # a slower answer sours; part of it is the agents


def test_mean_csat_by_response_time_comes_out_of_the_shipped_map(ecommerce):
    import cxfusion as cx

    shipped = Path(__file__).parents[2] / "examples" / "maps" / "ecommerce_support.toml"
    contacts = cx.read_contacts(ecommerce / "contacts.csv", map=shipped)
    pairing = cx.pair(contacts, cx.read_surveys(ecommerce / "surveys.csv", map=shipped))
    paired = pairing.to_pandas().merge(contacts.to_pandas()[["contact_id", "response_seconds"]], on="contact_id")
    assert paired.loc[paired["response_seconds"] <= 120, "csat"].mean() == pytest.approx(4.52, abs=0.005)
    assert paired.loc[paired["response_seconds"] > 86_400, "csat"].mean() == pytest.approx(3.31, abs=0.005)


def test_demo_and_version(tmp_path):
    result = program("demo", "--out", tmp_path / "demo", "--contacts", 6000, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["counts"]["contacts_read"] == 6000
    assert {path.name for path in (tmp_path / "demo").iterdir()} == FILES
    assert program("version").stdout.strip() == "0.1.0"


def test_a_job_tells_its_stages_through_logging(tmp_path, caplog, capfd):
    from cxfusion.config import load_study
    from cxfusion.errors import FeedRefusedError
    from cxfusion.job import diagnose_log

    contacts, surveys = write(tmp_path, *frames())
    study = f'[contacts]\npath = "{contacts}"\n[surveys]\npath = "{surveys}"\n[checks]\nlongest_seconds = 100\n'
    levels = ("", '[checks.levels]\nabsurd_duration = "stop"\n')
    out = tmp_path / "out"
    for level in levels:
        (tmp_path / "STUDY.toml").write_text(study + level)
        with caplog.at_level("INFO", logger="cxfusion"), contextlib.suppress(FeedRefusedError):
            diagnose_log(load_study(tmp_path / "STUDY.toml"), out)
    lines = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
    assert lines[0].startswith("INFO read contacts: 800 rows, ")
    assert f"INFO {out} is new" in lines
    assert {line.split(",")[0] for line in lines} >= {"WARNING absurd_duration", "ERROR absurd_duration"}
    assert lines[-1].startswith(f"ERROR {out} stays as it was; {out}.rejected says why: The feed cannot be used")
    assert capfd.readouterr() == ("", "")


def test_nothing_is_logged_where_nobody_listens():
    program = (
        "import logging, cxfusion.job as job; from cxfusion.stages import LOGGER; LOGGER.error('x');"
        " print(logging.getLogger().handlers, LOGGER.level, job.LOUDNESS['stop'] == logging.ERROR)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("[] 0 True\n", "")
