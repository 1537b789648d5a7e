"""Sources that other packages bring: found, listed with where they come from, and told where they cannot be used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cxfusion as cx
from cxfusion.cli import app
from cxfusion.errors import ConfigError, UnknownNameError, UsageError
from cxfusion.tables.mapping import load_map

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-source.md"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package into a folder on the path: its metadata, and one module."""

    def installed(package: str, code: str, **points: str) -> Path:
        folder = tmp_path / f"site-{package}"
        module = package.replace("-", "_")
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {module}:{attribute}" for name, attribute in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[cxfusion.sources]", *lines]) + "\n")
        (folder / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, module, raising=False)
        return folder

    return installed


def titled(title: str) -> str:
    """A file of the page that shows how to add a source."""
    return PAGE.read_text().split(f'title="{title}"\n', 1)[1].split("```", 1)[0]


def listed() -> dict:
    answer = json.loads(CliRunner().invoke(app, ["sources", "--json"]).stdout)
    return {source["name"]: source for source in answer["sources"]} | {"notes": answer["notes"]}


def test_the_source_of_the_page_works_when_it_is_installed(install, tmp_path, monkeypatch):
    folder = install("cxfusion-acme", titled("acme_calls.py"), acme_calls="ACME_CALLS")
    (tmp_path / "acme_calls.jsonl").write_text(titled("acme_calls.jsonl"))
    assert listed()["acme_calls"]["origin"] == "cxfusion-acme 1.0"
    contacts = cx.read_contacts(tmp_path / "acme_calls.jsonl", source="acme_calls")
    found = {row["contact_id"]: row for row in contacts.to_arrow().to_pylist()}
    assert found["c1"]["talk_seconds"] == 180 + 60
    assert found["c2"]["is_abandoned"] is True
    (tmp_path / "map.toml").write_text('[contacts]\nsource = "acme_calls"\n')
    assert load_map(tmp_path / "map.toml").table("contacts").source == "acme_calls"
    shown = CliRunner().invoke(app, ["sources"]).stdout
    assert "acme_calls (contacts, of cxfusion-acme 1.0)" in shown
    monkeypatch.chdir(tmp_path)
    (folder / "acme_calls.py").write_text(titled("acme_calls.py"))
    space: dict = {}
    exec(titled("test_acme_calls.py"), space)
    space["test_a_call_with_two_agents_is_one_contact"]()


def test_nothing_is_imported_before_it_is_asked_for(install, tmp_path):
    install("cxfusion-loud", "raise RuntimeError('imported')", loud="SOURCE")
    log = [{"Call ID": 7, "Start Time": "2026-01-05T09:00:00Z"}]
    assert cx.read_contacts(log).count() == 1
    with pytest.raises(UnknownNameError, match="loud"):
        cx.read_contacts(log, source="loudd")
    assert "cxfusion_loud" not in sys.modules


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no licence')", r"RuntimeError: no licence"),
        ("", r"AttributeError"),
        ("SOURCE = 'acme'", r"it is of type str"),
        ("from cxfusion.tables.sources import Source\nSOURCE = Source('other', ('contacts',), 'x')",
         r"its own name is 'other'(.|\n)*neither an export, nor legs"),
        ("from cxfusion.tables.sources import Source\nSOURCE = Source('broken', ('calls',), '', export=print)",
         r"it reads \('calls',\)(.|\n)*no description"),
        ("from cxfusion.tables.sources import ColumnMap, LegExport, Source\n"
         "legs = LegExport('x', {'speed': ColumnMap(column='s')}, {}, iter, True, True)\n"
         "SOURCE = Source('broken', ('surveys',), 'x', legs=legs)",
         r"gives no contacts(.|\n)*speed(.|\n)*contact_id, is_handled, leg_id(.|\n)*started_at"),
    ],
)  # fmt: skip
def test_a_broken_package_is_told_and_hurts_no_other(install, code, said):
    install("cxfusion-broken", code, broken="SOURCE")
    with pytest.raises(UsageError, match=said) as told:
        cx.read_contacts([{"a": 1}], source="broken")
    assert "cxfusion-broken 1.0" in str(told.value)
    shown = listed()
    assert "broken" not in shown
    assert "generic" in shown
    assert any("cxfusion-broken 1.0" in note for note in shown["notes"])


def test_two_packages_with_one_name_are_both_told(install, tmp_path):
    for package in ("cxfusion-one", "cxfusion-two"):
        install(package, titled("acme_calls.py"), acme_calls="ACME_CALLS")
    with pytest.raises(UsageError, match=r"cxfusion-one 1\.0, cxfusion-two 1\.0"):
        cx.read_contacts([{"a": 1}], source="acme_calls")
    assert any("cxfusion-one 1.0, cxfusion-two 1.0" in note for note in listed()["notes"])
    (tmp_path / "map.toml").write_text('[contacts]\nsource = "acme_calls"\n')
    with pytest.raises(ConfigError, match="cxfusion-one"):
        load_map(tmp_path / "map.toml")


def test_a_source_of_ours_goes_before_any_other(install):
    install("cxfusion-greedy", "raise RuntimeError('imported')", generic="SOURCE")
    assert cx.read_contacts([{"Call ID": 7, "Start Time": "2026-01-05T09:00:00Z"}], source="generic").count() == 1
    shown = listed()
    assert shown["generic"]["origin"] == "cxfusion"
    assert any("cxfusion-greedy 1.0 is not used" in note for note in shown["notes"])
