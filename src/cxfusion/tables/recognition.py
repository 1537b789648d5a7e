"""Which canonical column each heading of a source bears: by name, by usual name, or by one slip of the pen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxfusion.tables.headings import Heading, canonical_columns, near_heading, read_heading, usual_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cxfusion.tables.canonical import Kind
    from cxfusion.tables.mapping import Section

__all__ = ["match_headings", "near_headings"]


def match_headings(section: Section, free: Sequence[str], open_names: set[str]) -> tuple[dict[str, str], list[str]]:
    """Canonical columns whose name or usual headings a source column bears, and the collisions, in words."""
    matched: dict[str, str] = {}
    collisions: list[str] = []
    usual = usual_names(section)
    headings = {source: read_heading(source) for source in free}
    for column in canonical_columns(section):
        if column.name not in open_names:
            continue
        own_key = read_heading(column.name).key
        tiers = (
            [source for source in free if source == column.name],
            [
                source
                for source in free
                if headings[source].key == own_key
                or (column.kind == "score" and _name_in(headings[source], column.kind) == own_key)
            ],
            [source for source in free if _name_in(headings[source], column.kind) in usual[column.name]],
        )
        found = next((tier for tier in tiers if tier), [])
        if len(found) > 1:
            listed = " and ".join(repr(source) for source in found)
            collisions.append(
                f'{listed} could each be {column.name}; decide with the line  {column.name} = "{found[0]}"'
            )
        elif found:
            matched[column.name] = found[0]
    return matched, collisions


def _name_in(heading: Heading, kind: Kind) -> str:
    """What a heading calls its column: the unit of a length of time and the scale of a score are not of its name."""
    is_beside = kind == "duration" or (kind == "score" and heading.scale is not None)
    return heading.stem if is_beside else heading.key


def near_headings(
    section: Section, free: Sequence[str], open_names: set[str], matched: Mapping[str, str]
) -> dict[str, str]:
    """Columns a letter or two away from one canonical column, and only from one, where no other is as near."""
    usual = usual_names(section)
    keys = {name: {read_heading(name).key, *usual[name]} for name in usual}
    left = {source: read_heading(source) for source in free if source not in matched.values()}
    pulls = {source: [name for name in keys if near_heading(heading, keys[name])] for source, heading in left.items()}
    only = {source: names[0] for source, names in pulls.items() if len(names) == 1 and names[0] in open_names}
    return {name: source for source, name in only.items() if list(only.values()).count(name) == 1}
