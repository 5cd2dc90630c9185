"""Scores of predicted against gold documents, each by a named, published rule."""

from .by_name import SCORERS, find_scorers, score_documents
from .counts import Macro, Result, Score, Section
from .pairing import pair_documents
from .scorer import Scorer

__all__ = [
    "SCORERS",
    "Macro",
    "Result",
    "Score",
    "Scorer",
    "Section",
    "find_scorers",
    "pair_documents",
    "score_documents",
]
