"""Readers of corpora: one file per format, each yielding documents with gold annotations."""

from chinchilla.converters.registry import convert, load, names, read, read_options
from chinchilla.converters.report import Report

__all__ = ["Report", "convert", "load", "names", "read", "read_options"]
