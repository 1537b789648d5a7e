"""The examples of the documentation: run page by page, and what they print written beneath them.

A ``text`` block right after a ``python`` block is what the latter prints; a block with a title is a file that lies
where the page's examples run. ``python docs/made/examples.py`` brings all output up to date, and the tests check it.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["PAGES", "Block", "blocks", "run_page"]

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCED: Final = re.compile(
    r"""^```(?P<language>[\w-]+)(?: title="(?P<title>[^"\n]+)")?\n(?P<text>.*?)^```$""", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes
    ----------
    language, text : str
    title : str or None
        Name of the file that it is.
    start, end : int
        Where its text begins and ends in the page.
    follows : bool
        Nothing but blank lines stands between it and the block before.
    line : int
        The page's line on which its text begins, from 1.
    """

    language: str
    text: str
    title: str | None
    start: int
    end: int
    follows: bool
    line: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found, last = [], None
    for match in FENCED.finditer(page):
        follows = last is not None and not page[last : match.start()].strip()
        start, end = match.span("text")
        line = page.count("\n", 0, start) + 1
        found.append(Block(match["language"], match["text"], match["title"], start, end, follows, line))
        last = match.end()
    return found


def run_page(path: Path, folder: Path) -> str:
    """The page, with what its Python examples print now; they share one namespace and run in ``folder``."""
    page = path.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    pieces, done, printed = [], 0, None
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            printed = _printed_by(block, path, namespace, folder)
        elif block.language == "text" and block.follows and printed is not None:
            pieces += [page[done : block.start], printed]
            done, printed = block.end, None
        else:
            printed = None
    return "".join([*pieces, page[done:]])


def _printed_by(block: Block, path: Path, namespace: dict[str, Any], folder: Path) -> str:
    code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")  # errors name the page's own line
    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        exec(code, namespace)  # noqa: S102  the project's own pages
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def main() -> None:
    """Write into every page what its examples print now."""
    warnings.simplefilter("error")
    for path in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            path.write_text(run_page(path, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
