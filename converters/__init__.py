"""Readers of corpora: one file per format, each yielding documents with gold annotations."""

from .fields import read_mapping
from .parallel import convert
from .registry import load, names, read
from .report import Report

__all__ = ["Report", "convert", "load", "names", "read", "read_mapping"]
