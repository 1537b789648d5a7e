"""The page of an invented study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from invented_study import invented_content

if TYPE_CHECKING:
    from cxfusion.report import ReportContent


@pytest.fixture(scope="session")
def content() -> ReportContent:
    return invented_content()
