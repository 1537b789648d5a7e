"""The page of an invented study."""

from __future__ import annotations

import pytest
from invented_study import invented_content

from cxfusion.report import ReportContent


@pytest.fixture(scope="session")
def content() -> ReportContent:
    return invented_content()
