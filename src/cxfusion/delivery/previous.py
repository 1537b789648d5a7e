"""The run before: what its manifest hands on, so that a run can say what has changed since.

A run over the very same data, asked the same, is a rerun: it compares with what the run before it compared with, and so
writes what that one wrote.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from cxfusion.delivery.directory import MANIFEST, manifest_of
from cxfusion.delivery.plain_json import to_json
from cxfusion.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["handed_on", "required_manifest"]

HANDED_ON: Final = ("counts", "feed", "results")
"""Parts of a manifest that the next run compares its own with."""
TOLD: Final = ("audit", "feed", "config", "inputs", "versions", "results")
"""Parts of a manifest that are the same in a rerun. Scores that were corrected show in its results alone."""


def handed_on(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to compare a run with; empty where nothing is.

    Parameters
    ----------
    before : mapping
        The manifest that lies in the place of the output; empty where there is none.
    now : mapping
        The parts of the new one that are known by now, of :data:`TOLD`.
    """
    if "feed" not in before:
        return {}
    plain = json.loads(to_json(now))
    if all(before.get(part) == plain[part] for part in TOLD if part in plain):
        again: dict[str, Any] = before.get("before", {})
        return again
    return {part: before[part] for part in HANDED_ON if part in before}


def required_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of an output directory of ours.

    Raises
    ------
    UsageError
        There is none.
    """
    found = manifest_of(directory)
    if "feed" not in found:
        raise UsageError(
            f"{directory} holds no {MANIFEST} that a feed could be compared with. Expected the output directory of an"
            " earlier run."
        )
    return found
