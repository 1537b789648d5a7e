"""Call centres whose truth is known: drawn day by day, with every lever's effect found by intervention."""

from cxfusion.simulation.centre import Centre, Noise, Queue, Reason
from cxfusion.simulation.simulate import SimulatedCentre, simulate, write_centre

__all__ = ["Centre", "Noise", "Queue", "Reason", "SimulatedCentre", "simulate", "write_centre"]
