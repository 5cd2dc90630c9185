"""Runs over whole corpora: shards that are answered once each, on one machine or many."""
