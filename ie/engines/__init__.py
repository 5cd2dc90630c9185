"""Engines that answer prompts, and how one is opened by name."""
