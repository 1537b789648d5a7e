"""Writes what was measured into ``docs/explanation/scale.md``: the tables between its marks, from JSON files.

``python benchmarks/scale_page.py`` reads ``benchmarks/measured/``: ``whole.json`` of ``benchmarks/whole.py``, and
``moved.json`` and ``spark.json`` of ``benchmarks/moved.py`` (embedded, and on Spark at two sizes). Measure again,
put the files there, run this. A file that is not there leaves its table as it is. ``--check`` only tells whether
the page says what the files say.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGE: Final = Path(__file__).parents[1] / "docs" / "explanation" / "scale.md"
MEASURED: Final = Path(__file__).with_name("measured")
BILLION: Final = 1e9
CLUSTERS: Final = (16, 100, 256)
SETTLED: Final = {"look into levers": 1e6}
"""Contacts from which on a stage costs no more, since it takes a sample of the answers: a tenth of them answered."""
Log = dict[str, Any]


def whole_job(logs: Sequence[Log]) -> str:
    """Growth of the whole job."""
    lines = [
        "| Contacts | Responses | Seconds by the clock | Processor seconds | per million contacts | Peak memory, GB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for log in sorted(logs, key=lambda log: log["cxfusion"]["counts"]["contacts_read"]):
        used, counts = log["cxfusion"], log["cxfusion"]["counts"]
        spent, n = used["processor_seconds"], counts["contacts_read"]
        lines.append(
            f"| {n:,} | {counts['responses_read']:,} | {used['seconds']:,.0f} | {spent:,.0f} | {spent / n * 1e6:,.0f}"
            f" | {used['peak_bytes'] / 1e9:.1f} |"
        )
    return "\n".join(lines)


def bytes_moved(logs: Sequence[Log]) -> str:
    """What comes back, stage by stage."""
    return "\n\n".join(map(_of_one_log, logs))


def _of_one_log(log: Log) -> str:
    lines = [
        f"Of {log['contacts']:,} contacts and {log['responses']:,} responses:",
        "",
        "| Stage | Queries | Answers, kB | the largest | Folds | States of a worker, kB | the largest | Tables kept |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    stages = {name: one for name, one in log["stages"].items() if one["queries"] or one["folds"] or one["kept"]}
    for name, one in {**stages, "all": _added(stages)}.items():
        answers, states = (f"{_kb(one[k])} | {_kb(one[m])}" for k, m in SIZES)
        lines.append(
            f"| {name.capitalize()} | {one['queries']} | {answers} | {one['folds']} | {states} | {one['kept']} |"
        )
    return "\n".join(lines)


SIZES: Final = (("answer_bytes", "largest_answer"), ("state_bytes", "largest_state"))


def _added(stages: dict[str, Log]) -> Log:
    """All stages together."""
    names = next(iter(stages.values()))
    return {name: (max if name.startswith("largest") else sum)(one[name] for one in stages.values()) for name in names}


def _kb(n_bytes: int) -> str:
    return f"{n_bytes / 1000:,.1f}"


def projection(logs: Sequence[Log]) -> str:
    """Processor seconds on Spark at two sizes, a line through them by stage, and where it leads."""
    small, large = sorted(logs, key=lambda log: log["contacts"])
    lines = [
        f"Measured at {small['contacts']:,} and {large['contacts']:,} contacts, each in a process of its own on two"
        " cores of one machine,\nin seconds of the processor of Python, Java and their workers. A line through the two"
        " says what a stage costs\nwhatever the log, to plan, compile and start its jobs, and what each million of"
        " contacts adds:",
        "",
        f"| Stage | Seconds of {small['contacts']:,} | of {large['contacts']:,} | whatever the log | of each million |"
        " of a billion, hours of one core |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    shown = [name for name, one in large["stages"].items() if one["queries"]]
    rows = [_line_through(small, large, name) for name in shown]
    for name, row in zip([*shown, "all"], [*rows, tuple(map(sum, zip(*rows, strict=True)))], strict=True):
        lines.append(f"| {name.capitalize()} | {' | '.join(f'{value:,.1f}' for value in row)} |")
    hours = sum(row[-1] for row in rows)
    spread = ", ".join(f"{hours / n * 60:,.0f} minutes on {n} cores" for n in CLUSTERS)
    told = f"Shared evenly that is {spread}, and no less than what is done in one place:"
    return "\n".join([*lines, "", told, _states_of(large)])


def _line_through(small: Log, large: Log, name: str) -> tuple[float, ...]:
    """Of a stage: both measurements, where the line begins, its slope by million, and hours of a billion."""
    less, more = (log["stages"][name]["processor_seconds"] for log in (small, large))
    slope = max((more - less) / (large["contacts"] - small["contacts"]), 0.0)
    fixed = more - slope * large["contacts"]
    return less, more, fixed, slope * 1e6, (fixed + slope * SETTLED.get(name, BILLION)) / 3600


def _states_of(log: Log) -> str:
    moved = _added(log["stages"])
    return (
        f"of {log['contacts']:,} contacts {moved['answer_bytes'] / 1e3:,.0f} kB of answers came back and, in"
        f" {moved['folds']} sweeps, {moved['state_bytes'] / 1e6:,.0f} MB of states from a task,\nwhich of 100 tasks are"
        f" {moved['state_bytes'] / 1e7:,.1f} GB: those of ten neighbours are merged over there, and"
        f" {moved['state_bytes'] / 1e8:,.1f} GB come here."
    )


TABLES: Final[dict[str, Callable[[Sequence[Log]], str]]] = {
    "whole": whole_job,
    "moved": bytes_moved,
    "spark": projection,
}


def written(page: str, measured: Path) -> str:
    """The page with what was measured between its marks."""
    for name, table in TABLES.items():
        file = measured / f"{name}.json"
        if file.exists():
            told = table(json.loads(file.read_text())["logs"])
            marks = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            page, n = marks.subn(lambda found, told=told: f"{found[1]}\n{told}\n\n{found[2]}", page)
            if n != 1:
                raise ValueError(f"the page has no one place for {name}.json: expected <!-- measured: {name} -->")
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--measured", type=Path, default=MEASURED)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 where the page says otherwise")
    given = parser.parse_args(arguments)
    page = given.page.read_text(encoding="utf-8")
    told = written(page, given.measured)
    if given.check:
        return int(told != page)
    given.page.write_text(told, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
