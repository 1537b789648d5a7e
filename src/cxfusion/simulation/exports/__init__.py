"""A simulated centre as raw exports: what vendors' systems would have written of it."""
