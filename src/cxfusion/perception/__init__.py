"""The research approach: how the contacts felt, from those who answered."""

from cxfusion.perception.measure import Measurement, measure

__all__ = ["Measurement", "measure"]
