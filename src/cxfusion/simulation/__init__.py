"""Call centres whose truth is known: drawn day by day, with every lever's effect found by intervention."""

from cxfusion.simulation.centre import Centre, Queue, Reason
from cxfusion.simulation.ingredients import Faults, Form, Priority, Repeats, Selection
from cxfusion.simulation.noise import HeavyNoise, MixedNoise, SkewedNoise, UniformNoise
from cxfusion.simulation.simulate import SimulatedCentre, simulate, write_centre
from cxfusion.simulation.worlds import WORLDS, World

__all__ = [
    "WORLDS",
    "Centre",
    "Faults",
    "Form",
    "HeavyNoise",
    "MixedNoise",
    "Priority",
    "Queue",
    "Reason",
    "Repeats",
    "Selection",
    "SimulatedCentre",
    "SkewedNoise",
    "UniformNoise",
    "World",
    "simulate",
    "write_centre",
]
