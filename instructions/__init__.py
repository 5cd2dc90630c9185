"""Prompt templates and the one writer of instruction records."""
