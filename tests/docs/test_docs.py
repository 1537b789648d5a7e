"""The documentation is true: its examples run and print what it says, its maps load, its commands and links exist."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import tomllib
from itertools import takewhile
from pathlib import Path

import examples
import pytest
import typer

import cxfusion as cx
from cxfusion.cli import app
from cxfusion.config import StudyConfig
from cxfusion.tables.mapping import Map, load_map

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def page_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def pages_with(*languages: str) -> list[Path]:
    return [path for path in examples.PAGES if blocks_of(path, *languages)]


def blocks_of(path: Path, *languages: str) -> list[str]:
    return [block.text for block in examples.blocks(path.read_text()) if block.language in languages]


@pytest.mark.parametrize("path", pages_with("python"), ids=page_name)
def test_the_examples_of_a_page_run_and_print_what_it_says(path, tmp_path):
    assert examples.run_page(path, tmp_path) == path.read_text(), "bring it up to date with `make examples`"


@pytest.mark.parametrize("path", pages_with("toml"), ids=page_name)
def test_the_maps_and_studies_of_a_page_can_be_used(path, tmp_path):
    for number, text in enumerate(blocks_of(path, "toml")):
        content = tomllib.loads(text)
        assert content
        if set(content) <= set(Map.model_fields):
            (tmp_path / f"{number}.toml").write_text(text)
            load_map(tmp_path / f"{number}.toml")
        else:
            StudyConfig.model_validate(content)


@pytest.mark.parametrize("path", pages_with("sh"), ids=page_name)
def test_the_commands_of_a_page_exist(path):
    group = typer.main.get_command(app)
    for text in blocks_of(path, "sh"):
        for line in text.replace("\\\n", " ").splitlines():
            words = list(takewhile(lambda word: word not in (">", "<", "|"), shlex.split(line, comments=True)))
            if words[:1] == ["cxfusion"] and words[1:] != ["--help"]:
                group.commands[words[1]].make_context(words[1], words[2:])


@pytest.mark.parametrize("path", examples.PAGES, ids=page_name)
def test_the_links_of_a_page_lead_somewhere(path):
    prose = examples.FENCED.sub("", path.read_text())
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(#[^)\s]+)?\)", prose):
        if target.startswith("http"):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in {f"#{slug(heading)}" for heading in re.findall(r"^#+ (.+)$", file.read_text(), re.M)}


def slug(heading: str) -> str:
    """A heading's anchor, as MkDocs and GitHub make it for plain words."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()))


def test_only_known_languages_are_fenced_so_that_no_example_escapes():
    languages = {block.language for path in examples.PAGES for block in examples.blocks(path.read_text())}
    assert languages <= {"python", "py", "text", "toml", "sh", "csv", "json", "ini"}
    for path in examples.PAGES:
        text = path.read_text()
        assert len(re.findall(r"^\s*```", text, re.M)) == 2 * len(examples.blocks(text)), f"{path}: a bare fence"


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text())
    assert sorted(listed) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


MODULES = [found.name for found in pkgutil.walk_packages(cx.__path__, "cxfusion.") if "__main__" not in found.name]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert failed == 0
    assert tried or ">>>" not in (Path(module.__file__).read_text())
