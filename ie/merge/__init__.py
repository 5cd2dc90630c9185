"""Bring several extractions of one text together: windows, parts of a schema, a lexicon."""
