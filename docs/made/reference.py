"""Parts of the reference that are made from the code when the site is built, so that they cannot go stale.

MkDocs calls ``on_page_markdown`` and ``on_post_page`` (``hooks`` in mkdocs.yml); a comment in a page names the part.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

import typer

from cxfusion import errors
from cxfusion.checks.catalogue import CHECKS, CheckPlan
from cxfusion.cli import app
from cxfusion.delivery.manifest import manifest_schema
from cxfusion.operations.metrics import METRICS
from cxfusion.simulation.worlds import WORLDS
from cxfusion.tables.leg_reading import REASONS
from cxfusion.tables.sources import SOURCES
from cxfusion.tables.sources.contact_logs import CONTACT_LOGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cxfusion.simulation.worlds import World
    from cxfusion.tables.sources import Field, Source

__all__ = ["PARTS", "on_page_markdown", "on_post_page"]

KINDS: Final = {int: "NUMBER", Path: "DIR"}
ROLE: Final = re.compile(r":\w+:(?=<code>)")
FETCHED: Final = re.compile(r"""<(?:link|script|img|iframe|source)\b[^>]*?\b(?:href|src)=["']?(?:https?:)?//[^>]*>""")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with every part in its place."""
    for name, make in PARTS.items():
        if f"<!-- {name} -->" in markdown:
            markdown = markdown.replace(f"<!-- {name} -->", make())
    return markdown


def on_post_page(output: str, **_: Any) -> str:
    """The page without the roles of docstrings; one that would fetch anything from elsewhere is refused."""
    fetched = FETCHED.findall(output)
    if fetched:  # the site works without a network
        raise RuntimeError(f"A page of the site fetches from elsewhere: {fetched[0]}")
    return ROLE.sub("", output)


def commands() -> str:
    """Every command: what it does, how it is called, its arguments and options."""
    group = typer.main.get_command(app)
    return "\n\n".join(_command(name, command) for name, command in group.commands.items())  # type: ignore[attr-defined]


def _command(name: str, command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    needed = [f"{option.opts[0]} {_value(option)}" for option in options if option.required]
    usage = " ".join(["cxfusion", name, *(argument_name(argument) for argument in arguments), *needed, "[OPTIONS]"])
    parts = [f"## {name}", inspect.cleandoc(command.help or ""), f"```text\n{usage}\n```"]
    if arguments:
        named = [(f"`{argument_name(argument)}`", argument.help or "") for argument in arguments]
        parts.append(_table(("Argument", "Meaning"), named))
    if options:
        told = [(_option_name(option), option.help or "", _default(option)) for option in options]
        parts.append(_table(("Option", "Meaning", "Default"), told))
    return "\n\n".join(parts)


def argument_name(argument: Any) -> str:
    """What stands for an argument in a call."""
    return str(argument.metavar or argument.name.upper())


def _option_name(option: Any) -> str:
    spelled = ", ".join(f"`{spelling}`" for spelling in (*option.opts, *option.secondary_opts))
    return spelled if option.is_flag else f"{spelled} `{_value(option)}`"


def _value(option: Any) -> str:
    """What follows an option: its choices, else a word for its kind."""
    kind = option.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return " / ".join(get_args(kind))
    return str(option.metavar or KINDS.get(kind, "TEXT"))


def _default(option: Any) -> str:
    if option.required:
        return "needed"
    return "" if option.default in (None, False, (), []) else f"`{option.default}`"


def error_tree() -> str:
    """The tree of errors, as errors.py draws it."""
    drawing = re.search(r"::\n\n(.*?)\n\n\S", inspect.getdoc(errors) or "", re.DOTALL)
    return f"```text\n{inspect.cleandoc(drawing[1]) if drawing else ''}\n```"


def error_list() -> str:
    """Every error with its meaning and its exit code."""
    kinds: list[Any] = [kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)]
    rows = [
        (f"`{kind.__name__}`", (inspect.getdoc(kind) or "").partition("\n")[0], str(kind.exit_code)) for kind in kinds
    ]
    return _table(("Error", "When", "Exit code"), rows)


def metrics() -> str:
    """Every operational metric: what is taken of which contacts, numerator, denominator, unit, source."""
    return "\n\n".join(
        f"## {metric.name}\n\n*{metric.statistic.capitalize()} over {metric.among}.* {_plain(metric.definition)}"
        for metric in METRICS
    )


def checks() -> str:
    """Every check: its level, its threshold, what it counts, and what to do."""
    rows = [
        (f"`{one.name}`", f"`{one.level}`", f"`{one.threshold}`" if one.threshold else "", one.meaning, one.advice)
        for one in CHECKS
    ]
    return _table(("Check", "Level", "Threshold", "What it counts", "What to do"), rows)


def check_plan() -> str:
    """Every threshold with the value that holds where a study says nothing."""
    shares = {name: field.default for name, field in CheckPlan.model_fields.items() if name != "levels"}
    checks_of = {
        name: [f"`{one.name}`" for one in CHECKS if name in (one.threshold, *_words(one.meaning))] for name in shares
    }
    rows = [(f"`{name}`", f"{value:g}", ", ".join(checks_of[name])) for name, value in shares.items()]
    return _table(("Key", "Default", "Checks"), rows)


def _words(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def manifest() -> str:
    """Every part of a manifest: its type and what it is; one level of parts within."""
    schema = manifest_schema()
    return _table(("Part", "Type", "Meaning"), _parts(schema, schema["properties"], ""))


def _parts(schema: dict[str, Any], parts: dict[str, Any], within: str) -> list[tuple[str, str, str]]:
    rows = []
    for name, part in parts.items():
        told = _resolved(schema, part)
        kind = told.get("type", "string" if isinstance(told.get("const", ""), str) else "integer")
        kinds = " or ".join(kind) if isinstance(kind, list) else kind
        rows.append((f"`{within}{name}`", kinds, told["description"]))
        inner = _resolved(schema, told.get("items", told))
        if not within and "$ref" not in str(inner.get("properties", {})):
            mark = "[]." if kind == "array" else "."
            rows += _parts(schema, inner.get("properties", {}), f"{name}{mark}")
    return rows


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The part that a reference means, with the reference's own words."""
    for step in part.get("$ref", "").removeprefix("#/").split("/") if "$ref" in part else ():
        schema = schema[step]
    return {**schema, **part} if "$ref" in part else part


def leg_reasons() -> str:
    """Every reason for which a leg of any source may be set aside."""
    return _table(("Code", "Meaning"), [(f"`{reason}`", meaning) for reason, meaning in REASONS.items()])


def contact_logs() -> str:
    """Every vendor's contact log: what its fields mean, its rule, its reasons, and what is not confirmed."""
    return "\n\n".join(map(_contact_log, CONTACT_LOGS))


def _contact_log(source: Source) -> str:
    export = source.legs
    fields = [(f"`{column}`", words) for column, words in export.words.items()]
    total = " + ".join(f"`{name}`" for name in export.total_of)
    checks = [
        f"Talk {'without' if export.talk_excludes_hold else 'includes'} hold.",
        "The wait holds the ringing" if export.wait_includes_ring else "Ringing is added to the wait",
        "and the menu, which is taken off." if export.wait_includes_ivr else "and does not hold the menu.",
        f"`total_seconds` is checked against {total}." if total else "The export has no total of its own.",
    ]
    parts = [f"## {source.name}", source.description, export.rule, " ".join(checks), _table(("Leg", "Field"), fields)]
    if export.reasons:
        parts.append(
            _table(("Set aside as", "Meaning"), [(f"`{code}`", told) for code, told in export.reasons.items()])
        )
    return "\n\n".join([*parts, "Not confirmed by the vendor's documentation:", _list(source.unconfirmed)])


def exports() -> str:
    """Every export that is read as a whole: what its fields mean, and what is not confirmed."""
    return "\n\n".join(_export(source) for source in SOURCES if source.export)


def _export(source: Source) -> str:
    rows = [
        (f"`{field.source}`", f"`{field.canonical}`" if field.canonical else "", _told(field))
        for field in source.fields
    ]
    parts = [f"## {source.name}", source.description, _table(("Field", "Column", "Meaning"), rows)]
    doubts = ["Not confirmed by the vendor's documentation:", _list(source.unconfirmed)] if source.unconfirmed else []
    return "\n\n".join([*parts, *doubts])


def _told(field: Field) -> str:
    how = [f"in {field.how['unit']}"] if "unit" in field.how else []
    how += [f"on {field.how['scale'][0]:g}–{field.how['scale'][1]:g}"] if "scale" in field.how else []
    return "; ".join([field.meaning, *how])


def worlds() -> str:
    """Every named centre: its story, and what no method could tell from its log."""
    rows = []
    for world in WORLDS.values():
        reasons = dict.fromkeys(why for _, why in world.centre.cannot_tell)
        untold = [f"{_levers_of(world, why)}: {why}" for why in reasons]
        rows.append((f"`{world.name}`", world.story, "; ".join(untold)))
    return _table(("World", "What is special", "Cannot be told"), rows)


def _levers_of(world: World, why: str) -> str:
    return ", ".join(f"`{lever}`" for lever, reason in world.centre.cannot_tell if reason == why)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _plain(docstring: str) -> str:
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", inspect.cleandoc(docstring))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )


PARTS: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "error tree": error_tree,
    "error list": error_list,
    "metrics": metrics,
    "checks": checks,
    "check plan": check_plan,
    "manifest": manifest,
    "leg reasons": leg_reasons,
    "contact logs": contact_logs,
    "exports": exports,
    "worlds": worlds,
}
