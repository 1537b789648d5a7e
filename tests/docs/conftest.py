"""The files that make the documentation are no package: MkDocs and make run them by path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "made"))
