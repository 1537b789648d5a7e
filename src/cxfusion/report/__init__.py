"""Many results, one self-contained page: what a manager reads, with nothing fetched from anywhere."""

from __future__ import annotations

from cxfusion.report.content import ReportContent
from cxfusion.report.render import render_report
from cxfusion.report.what_if import WhatIfForm

__all__ = ["ReportContent", "WhatIfForm", "render_report"]
