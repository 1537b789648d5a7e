"""Every reader against inputs that were broken on purpose: a clear error, or books that balance and no wrong number."""
