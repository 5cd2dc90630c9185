"""The embedded model: its runtime and its weights."""
