"""Ratings of many items by several groups: where customers, staff and leaders see the same thing differently."""

from __future__ import annotations

from cxfusion.perception.ratings.catalogue import CATALOGUES, load_catalogue
from cxfusion.perception.ratings.expectations import Expectations, expectations
from cxfusion.perception.ratings.gaps import PerceptionGaps, perception_gaps
from cxfusion.perception.ratings.priorities import Priorities, priorities
from cxfusion.perception.ratings.read import Ratings, read_ratings

__all__ = [
    "CATALOGUES",
    "Expectations",
    "PerceptionGaps",
    "Priorities",
    "Ratings",
    "expectations",
    "load_catalogue",
    "perception_gaps",
    "priorities",
    "read_ratings",
]
