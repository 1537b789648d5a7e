"""The reference is complete: every name, command, option, file, column, reason and error of the code is on its page."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import reference
import typer

import cxfusion as cx
from cxfusion import errors
from cxfusion.checks.catalogue import CHECKS, LEVELS, CheckPlan
from cxfusion.cli import app
from cxfusion.config import (
    ContextSection,
    DecisionsSection,
    EngineSection,
    EvaluationsSection,
    ExperimentSection,
    OutputSection,
    PairingSection,
    PrivacySection,
    ReportSection,
    StudyConfig,
    StudySection,
    TrackerSection,
)
from cxfusion.delivery.manifest import manifest_schema
from cxfusion.evidence.verdict import GRADES
from cxfusion.job import diagnose_log
from cxfusion.operations.metrics import METRICS
from cxfusion.pairing.reasons import PAIRED, RESPONSE_REASONS
from cxfusion.results import schemas
from cxfusion.results.labels import LADDER, VERDICTS, grade_label, rung_label
from cxfusion.tables.canonical import CONTACT_COLUMNS, KIND_TYPES, SURVEY_COLUMNS
from cxfusion.tables.leg_reading import REASONS as LEG_REASONS
from cxfusion.tables.mapping import ColumnMap, LeverMap, TableMap

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = {name.lower(): schema for name, schema in vars(schemas).items() if isinstance(schema, pa.Schema)}
COMMANDS = typer.main.get_command(app).commands


def tables(page: str, heading: str) -> list[list[str]]:
    """Rows of the tables under a heading, without their heads; a cell that is all code without its backticks."""
    text = (DOCS / page).read_text()
    section = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"{page} has no heading {heading!r}"
    lines = [line for line in section[2].splitlines() if line.startswith("|")]
    rows = [[plain(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    heads = [i for i, row in enumerate(rows) if set(row[0]) == {"-"}]
    return [row for i, row in enumerate(rows) if i not in heads and i + 1 not in heads]


def plain(cell: str) -> str:
    code = re.fullmatch(r"`([^`]*)`", cell)
    return code[1] if code else cell


def first_cells(page: str, heading: str) -> list[str]:
    return [row[0] for row in tables(page, heading)]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_column_of_every_file_has_its_meaning(name):
    rows = tables("reference/files.md", f"{name}.parquet")
    assert [row[0] for row in rows] == SCHEMAS[name].names
    assert all(row[2].endswith(".") for row in rows)


def test_the_audit_has_the_columns_of_its_page(pairing):
    assert first_cells("reference/files.md", "pairing_audit.csv") == list(pairing.audit.columns)


@pytest.mark.parametrize(("heading", "columns"), [("Contacts", CONTACT_COLUMNS), ("Surveys", SURVEY_COLUMNS)])
def test_every_canonical_column_is_listed_with_its_kind(heading, columns):
    rows = tables("reference/columns.md", heading)
    assert [(row[0], row[1], row[2] == "needed") for row in rows] == [(c.name, c.kind, c.required) for c in columns]
    assert all(len(row[3]) > 4 for row in rows)


def test_every_kind_of_column_is_explained():
    assert first_cells("reference/columns.md", "Kinds") == list(KIND_TYPES)


def dirty_contacts() -> list[dict[str, object]]:
    """A log with everything wrong that a contact can have."""
    fine = {"started_at": "2026-01-05 09:00:00", "customer_id": "kim", "is_abandoned": "no"}
    wrong = {"talk_seconds": "-4", "hold_seconds": "soon", "n_transfers": "-1", "wrap_seconds": str(math.inf)}
    wrong["wait_seconds"] = "1e12"
    return [
        {"contact_id": "a", **fine, **wrong, "is_resolved": "perhaps", "ended_at": "tomorrow"},
        {"contact_id": "a", **fine},
        {"contact_id": "b", **fine, "customer_id": "lou", "is_abandoned": "yes"},
        {"contact_id": "c", **fine, "customer_id": "max"},
        {"contact_id": "d", **fine},
        {"contact_id": "", **fine},
        {"contact_id": "e", "started_at": "one day"},
        {"contact_id": "f", **fine, "customer_id": "zoe", "case_id": "open"},
        {"contact_id": "g", **fine, "customer_id": "ann"},
        {"contact_id": "h", **fine, "customer_id": "ann"},
        {"contact_id": "i", **fine, "customer_id": "anonymous"},
    ]


def dirty_responses() -> list[dict[str, object]]:
    """A survey with everything wrong that a response can have."""
    soon, late, early = "2026-01-05 12:00:00", "2026-03-05 12:00:00", "2026-01-01 12:00:00"
    return [
        {"response_id": "1", "contact_id": "a", "csat": "5", "answered_at": soon},
        {"response_id": "2", "contact_id": "a", "csat": "4", "answered_at": late},
        {"response_id": "3", "contact_id": "zzz", "csat": "4"},
        {"response_id": "4", "contact_id": "c", "csat": "4", "answered_at": early},
        {"response_id": "5", "csat": "4"},
        {"response_id": "6", "customer_id": "kim", "csat": "4"},
        {"response_id": "7", "customer_id": "nobody", "csat": "4", "answered_at": soon},
        {"response_id": "8", "customer_id": "lou", "csat": "4", "answered_at": soon},
        {"response_id": "9", "customer_id": "max", "csat": "4", "answered_at": late},
        {"response_id": "10", "customer_id": "max", "csat": "4", "answered_at": soon},
        {"response_id": "11", "contact_id": "c"},
        {"response_id": "12", "contact_id": "c", "csat": "9"},
        {},
        {"response_id": "14", "leg_id": "a", "csat": "4"},
        {"response_id": "15", "case_id": "closed", "csat": "4"},
        {"response_id": "16", "case_id": "open", "csat": "4"},
        {"response_id": "17", "customer_id": "max", "csat": "4", "answered_at": soon, "survey_level": "relationship"},
        {"response_id": "18", "customer_id": "ann", "csat": "4", "answered_at": soon},
    ]


def audit_of_legs(session) -> pd.DataFrame:
    """Where a log of legs and an answer about one of them end."""
    leg = {"ContactId": "k", "InitiationTimestamp": "2026-01-05T09:00:00Z"}
    contacts = cx.read_contacts([leg], source="amazon_connect", session=session)
    return cx.pair(contacts, cx.read_surveys([{"leg_id": "k", "csat": 4}], session=session)).audit


def test_every_reason_is_documented_and_every_documented_reason_occurs(tmp_path):
    pd.DataFrame(dirty_contacts()).to_csv(tmp_path / "contacts.csv", index=False)
    alone = StudyConfig.model_validate({"contacts": {"path": str(tmp_path / "contacts.csv"), "timezone": "UTC"}})
    _, books = diagnose_log(alone, tmp_path / "out")
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(dirty_contacts(), timezone="UTC", session=session)
        pairing = cx.pair(contacts, cx.read_surveys(dirty_responses(), timezone="UTC", session=session))
        calls = [{"contact_id": str(day), "started_at": f"2026-01-0{day} 09:00"} for day in (5, 6)]
        later = cx.read_contacts(calls, timezone="UTC", since="2026-01-06", session=session)
        of_period = cx.pair(later, cx.read_surveys([{"contact_id": "5", "csat": 4}], session=session))
        other = of_period.audit.query("stage == 'responses'")  # that of contacts stands under "What was asked for"
        audits = [pairing.audit, pairing.unambiguous().audit, other, audit_of_legs(session)]
    audit = pd.concat([*audits, books.audit])
    found = {stage: set(rows["reason"]) for stage, rows in audit.groupby("stage")}
    assert found["responses"] == set(first_cells("reference/reasons.md", "Responses"))
    assert found["contacts"] == set(first_cells("reference/reasons.md", "Contacts"))
    assert found["contact_cells"] | found["response_cells"] == set(first_cells("reference/reasons.md", "Cells"))


def test_every_reason_of_a_leg_is_documented():
    assert first_cells("reference/reasons.md", "Legs") == ["in_contact", *LEG_REASONS]


def test_the_reasons_of_a_response_are_listed_in_the_order_in_which_they_are_tried():
    listed = first_cells("reference/reasons.md", "Responses")
    assert [reason for reason in listed if reason in RESPONSE_REASONS] == list(RESPONSE_REASONS)
    assert set(PAIRED) <= set(first_cells("reference/reasons.md", "Contacts"))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_of_a_command_has_its_meaning_on_the_page(name):
    page = reference.commands()
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]
    assert COMMANDS[name].help
    for parameter in COMMANDS[name].params:
        assert len(parameter.help or "") > 5, f"cxfusion {name}: {parameter.name} has no help"
        shown = parameter.opts[0] if parameter.param_type_name == "option" else reference.argument_name(parameter)
        assert f"| `{shown}`" in section
        assert parameter.help.split("`")[0] in section


def test_every_error_is_on_the_page():
    kinds = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]
    assert all(f"`{name}`" in reference.error_list() and name in reference.error_tree() for name in kinds)
    assert len(kinds) == len(reference.error_list().splitlines()) - 2


def test_every_metric_is_on_the_page(pairing):
    assert [line for line in reference.metrics().splitlines() if line.startswith("## ")] == [
        f"## {metric.name}" for metric in METRICS
    ]
    measured = pd.concat([cx.measure(pairing, score).table for score in (*pairing.surveys.scales, "response_rate")])
    assert set(measured["metric"]) <= set(first_cells("reference/metrics.md", "Scores"))


def test_the_api_page_has_every_public_name_once():
    shown = re.findall(r"^::: cxfusion\.(\w+)$", (DOCS / "reference/api.md").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(set(cx.__all__) - {"__version__"})


def test_every_part_of_the_manifest_is_on_its_page():
    rows = re.findall(r"^\| `([\w.\[\]]+)` \| ([\w ]+) \|", reference.manifest(), re.MULTILINE)
    parts = [name for name, _ in rows]
    assert set(manifest_schema()["properties"]) <= set(parts)
    assert {"audit[].reason", "results.verdicts", "error.message"} <= set(parts)
    assert len(parts) == len(set(parts)) == len(reference.manifest().splitlines()) - 2


def test_every_section_of_a_study_lists_its_keys():
    rows = {
        row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in tables("how-to/nightly-job.md", "The study as a file")
    }
    assert rows == {
        "`[contacts]`, `[surveys]`": set(TableMap.model_fields) - {"columns"},
        "[levers.NAME]": set(LeverMap.model_fields),
        "[pairing]": set(PairingSection.model_fields),
        "[study]": set(StudySection.model_fields),
        "[context]": set(ContextSection.model_fields),
        "[evaluations]": set(EvaluationsSection.model_fields),
        "[experiments.COLUMN]": set(ExperimentSection.model_fields),
        "[trackers.NAME]": set(TrackerSection.model_fields),
        "[beliefs.LEADER]": set(),  # its keys are levers
        "[decisions]": set(DecisionsSection.model_fields),
        "[engine]": set(EngineSection.model_fields),
        "[output]": {field.alias or name for name, field in OutputSection.model_fields.items()},
        "[report]": set(ReportSection.model_fields) - {"labels"},
        "[privacy]": set(PrivacySection.model_fields),
        "[checks]": set(CheckPlan.model_fields) - {"levels"},
    }


def test_every_word_of_a_map_is_explained():
    text = (DOCS / "how-to/map-a-file.md").read_text()
    words = {field.alias or name for name, field in ColumnMap.model_fields.items()}
    assert [word for word in sorted(words) if f"{word} = " not in text] == []
    assert set(first_cells("how-to/own-levers.md", "What a lever says")) == set(LeverMap.model_fields)
    assert set(first_cells("how-to/pair.md", "Which key is used")) == set(PairingSection.model_fields)


def test_every_check_is_on_the_page_with_its_level_and_its_threshold():
    assert set(first_cells("reference/checks.md", "Checks of the data")) == set(LEVELS)
    listed = {row.split(" | ")[0].strip("|` ") for row in reference.checks().splitlines()[2:]}
    assert listed == {one.name for one in CHECKS}
    keys = reference.check_plan().splitlines()[2:]
    assert len(keys) == len(CheckPlan.model_fields) - 1
    assert all(line.rstrip("| ").endswith("`") for line in keys)  # each names a check


def test_rungs_verdicts_and_grades_are_explained_in_the_words_of_the_page():
    ladder = tables("explanation/ladder.md", "The ladder")
    assert [(row[0], row[1]) for row in ladder] == [(rung, rung_label(rung)) for rung in LADDER]
    verdicts = tables("how-to/read-the-report.md", "The verdict")
    assert {row[0]: row[1] for row in verdicts if row[0] in VERDICTS} == VERDICTS
    assert [row[0] for row in verdicts if row[0] not in VERDICTS] == [grade_label(grade) for grade in GRADES]
    assert set(first_cells("explanation/ladder.md", "From the ladder to the verdict")) == set(VERDICTS)


def test_the_glossary_is_in_alphabetical_order():
    terms = [term.lower() for term in first_cells("reference/glossary.md", "Glossary")]
    assert terms == sorted(set(terms))


def test_a_page_that_fetches_from_elsewhere_is_refused():
    for tag in ('<script src="https://cdn.example/x.js">', "<link rel=stylesheet href=//fonts.example/css>"):
        with pytest.raises(RuntimeError, match="example"):
            reference.on_post_page(f"<p>{tag}</p>")
    page = '<a href="https://example.org">a link is fine</a><script src="assets/x.js"></script>'
    assert reference.on_post_page(page) == page
    assert reference.on_post_page("as :func:<code>pair</code>") == "as <code>pair</code>"
