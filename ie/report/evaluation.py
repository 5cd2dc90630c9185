"""Evaluate one prediction file: everything that `chinchilla evaluate` shows, as one object."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..data import Document
from ..schema import Schema, read_schema
from ..scoring.canonical import canonical_document
from ..scoring.counts import Result
from ..scoring.pairing import pair_documents
from ..scoring.registry import find_scorers, score_documents


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of all scorers asked for on one prediction file."""

    gold: str
    predicted: str
    documents: int
    results: tuple[Result, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, unrounded, as plain data."""
        return {
            "predicted": self.predicted,
            "documents": self.documents,
            "scorers": {result.scorer: result.to_dict() for result in self.results},
        }


def evaluate(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    scorers: Sequence[str] = ("strict",),
    gold_name: str = "gold",
    predicted_name: str = "predicted",
    schema: Schema | str | None = None,
) -> Evaluation:
    """Pair the documents by id and run the scorers.

    Raises:
        InputError: the two sides do not belong together; see `pair_documents`.
        ConfigError: no scorer has that name.
        SchemaError: the schema cannot be read.
    """
    pairs = pair_documents(gold, predicted, gold_name, predicted_name)
    if schema is not None:
        declared = read_schema(schema)
        pairs = [
            (canonical_document(a, declared), canonical_document(b, declared)) for a, b in pairs
        ]
    chosen = find_scorers(scorers, [pair[0] for pair in pairs])
    results = tuple(score_documents(pairs, scorer) for scorer in chosen)
    return Evaluation(gold_name, predicted_name, len(pairs), results)
