"""Ratings of many items by several groups: where customers, staff and leaders see the same thing differently."""
