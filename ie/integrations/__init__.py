"""Chinchilla inside other libraries' pipelines: each module is a few lines over `Extractor`."""
