"""Which levers actually move perception: catalogue, sample, rungs, verdict."""
