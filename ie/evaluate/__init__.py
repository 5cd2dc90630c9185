"""Evaluation: scorers, reports, the benchmark grid."""
