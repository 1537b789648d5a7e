"""The diagnostic approach: what happened on the contacts, from the whole log."""
