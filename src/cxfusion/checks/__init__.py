"""Is the feed what it should be? Checks of canonical tables, and of a feed against the run before."""
