"""The notebooks of ``examples/`` run from top to bottom, warn of nothing, and are kept without outputs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from postgres_server import find_binaries, running_server

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))


def cells_of(name: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(EXAMPLES / name, as_version=4).cells


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a notebook of ours in an empty folder beside a copy of the maps; its outputs, cell by cell."""
    shutil.copytree(EXAMPLES / "maps", tmp_path / "maps")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")

    def run_notebook(name: str) -> list[list[nbformat.NotebookNode]]:
        book = nbformat.read(EXAMPLES / name, as_version=4)
        where = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(book, timeout=240, kernel_name="python3", resources=where).execute()
        shown = [cell.outputs for cell in book.cells if cell.cell_type == "code"]
        told = [output for outputs in shown for output in outputs if output.output_type == "stream"]
        assert [output.text for output in told if output.name == "stderr"] == []
        return shown

    return run_notebook


def pictures(shown):
    return [
        output.data["image/svg+xml"]
        for outputs in shown
        for output in outputs
        if "image/svg+xml" in output.get("data", {})
    ]


def texts(shown):
    return "\n".join(output.get("text", "") or str(output.get("data", "")) for outputs in shown for output in outputs)


def test_the_tour(run, tmp_path):
    shown = run("ten_minute_tour.ipynb")
    assert len(pictures(shown)) == 3
    assert "Waiting time" in texts(shown)
    assert (tmp_path / "report.html").stat().st_size > 50_000


def test_a_real_support_centre(run, ecommerce, monkeypatch):
    monkeypatch.setenv("CXFUSION_ECOMMERCE", str(ecommerce))
    shown = run("real_support_centre.ipynb")
    assert len(pictures(shown)) == 2
    assert "17,182 of 17,182 responses paired" in texts(shown)
    assert re.search(r"within 2 minutes\s+4\.5", texts(shown))  # counted: 4.52 within two minutes


def test_from_vendors_exports_to_a_verdict(run):
    shown = run("vendor_exports.ipynb")
    assert "contacts rolled up from legs: 8,000" in texts(shown)
    assert len(pictures(shown)) == 1


def test_the_nightly_job(run, monkeypatch):
    binaries = find_binaries()
    with contextlib.ExitStack() as stack:
        if binaries is not None:
            monkeypatch.setenv("CXFUSION_EXAMPLE_POSTGRES", stack.enter_context(running_server(binaries)))
        shown = texts(run("nightly_etl.ipynb"))
    assert "exit code 3" in shown
    assert shown.count("PASS") == 3
    assert shown.count("exit code 0") == (1 if binaries is None else 2)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_kept_without_outputs(name):
    for cell in cells_of(name):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert not cell.metadata


def test_every_notebook_is_run_and_listed():
    source = Path(__file__).read_text()
    listed = (EXAMPLES.parent / "docs" / "notebooks.md").read_text()
    assert [name for name in NOTEBOOKS if f'run("{name}")' not in source or f"examples/{name}" not in listed] == []
