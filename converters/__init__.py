"""Readers of corpora: one file per format, each yielding documents with gold annotations."""
