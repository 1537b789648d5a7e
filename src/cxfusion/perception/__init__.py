"""The research approach: how the contacts felt, from those who answered."""
