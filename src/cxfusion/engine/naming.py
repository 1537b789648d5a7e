"""Names for what engines make and nobody else may meet: tables, views and streams."""

from __future__ import annotations

import uuid

__all__ = ["new_name"]


def new_name(kind: str) -> str:
    """A name that nothing has yet."""
    return f"{kind}_{uuid.uuid4().hex}"
