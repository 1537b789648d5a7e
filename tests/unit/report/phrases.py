"""Every English phrase that a page may say, found in the code and in the template."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = {  # modules whose module-level dictionaries and tuples hold phrases: names of these
    "results/labels.py": {"_RUNGS", "_BLOCKS", "VERDICTS", "_GRADES", "_TILTS", "_OUTCOMES", "_METRICS", "_STAGES"}
    | {"_COLUMNS", "_LEVERS"},
    "results/reasons.py": {"REASONS"},
    "results/formats.py": {"_MONTHS"},
    "report/method.py": {"ADVICE", "_COMPARISONS", "_PARAGRAPHS", "_GRADES", "_WORDS", "_WEIGHTED", "_LIMITS"},
    "report/decisions.py": {"_GROUPS", "_DESIGNS", "_BLOCKS"},
    "report/render.py": {"_SPOKEN_FOR", "_HEADINGS"},
    "report/feed.py": {"_LEVELS"},
    "report/evidence_tables.py": {"_MISLED"},
}
BY_NAME = {  # said through a name, so that they cannot be seen in the source
    "What moves our customers", "Contested, for what is known does not settle it",
    "Not yet clear, for want of answers",
    "{size} fewer {noun} per contact", "{size} more {noun} per contact", "{n} in 100 fewer contacts marked “{noun}”",
    "{n} in 100 more contacts marked “{noun}”", "transfer", "hold", "agent", "earlier contact",
    *(f"{unit}{s}" for unit in ("hour", "minute", "second") for s in ("", "s")),
    *(f"{what} {how}" for what in ("Contacts", "Survey answers") for how in ("kept", "per day")),
    *(f"Control {how}" for how in ("passed", "failed", "silent", "unusable", "none")),
    *(f"{what} points" for what in ("CSAT", "NPS", "CES", "percentage", "score")),
    "Comparisons", "What if", "Decisions", "Sources", "Operations", "Cells", "Checks",
    "Queue", "Channel", "Reason", "Direction",
}  # fmt: skip
_IN_TEMPLATE = re.compile(r"""say\((["'])(.+?)\1""")


def phrases() -> set[str]:
    """Phrases of the page as they stand in the source."""
    root = Path(str(files("cxfusion")))
    found = set(BY_NAME)
    for path in [*root.glob("results/*.py"), *root.glob("report/*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.update(_said(tree))
        found.update(_tabled(tree, TABLES.get(path.relative_to(root).as_posix(), set())))
    for path in root.glob("report/*.html"):
        found.update(match[2] for match in _IN_TEMPLATE.finditer(path.read_text(encoding="utf-8")))
    return found


def _said(tree: ast.AST) -> Iterator[str]:
    """First arguments of ``say`` and members of what is mapped with it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "say" or (node.func.id == "map" and ast.unparse(node.args[0]) == "say"):
            yield from _texts(node.args[-1])


def _tabled(tree: ast.Module, names: set[str]) -> Iterator[str]:
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
        if isinstance(target, ast.Name) and target.id in names:
            value = node.value
            yield from _texts(value)
            if target.id == "_WORDS":
                yield from (key.value for key in value.keys)


def _texts(node: ast.AST) -> Iterator[str]:
    """Constants in a value: of a dictionary its values, of a choice both."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value)
    elif isinstance(node, ast.Tuple | ast.List):
        for value in node.elts:
            yield from _texts(value)
