"""Bring several extractions of one text together: windows, votes, a lexicon."""
