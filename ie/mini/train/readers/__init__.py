"""Readers of corpora that have no converter: `read(paths, faults, **options) -> documents`.

A document may say in `meta.part` to which part of its set it belongs: parts are annotated with labels
of their own; and by `meta.present` that only the labels it has are known of it. What cannot be
read is counted in `faults`, by reason.
"""

from collections.abc import Callable, Iterator

from ..kit import Document
from . import columns, events, placed, relations, silver, slots, spans

Reader = Callable[..., Iterator[Document]]

READERS: dict[str, Reader] = {
    "column-file": columns.read,
    "parallel-lines": columns.read_parallel,
    "json-spans": spans.read,
    "csv-spans": spans.read_csv,
    "json-tags": spans.read_tags,
    "brat-files": spans.read_brat,
    "slot-values": slots.read_values,
    "slot-marks": slots.read_marked,
    "token-colon-tag": slots.read_colons,
    "crosswoz": slots.read_crosswoz,
    "dialogue-turns": slots.read_turns,
    "nlupp": slots.read_nlupp,
    "heads-and-tails": relations.read_heads,
    "pair-lines": relations.read_pairs,
    "hidden-names": relations.read_hidden,
    "triples": relations.read_triples,
    "document-graph": relations.read_document_graph,
    "fewrel": relations.read_fewrel,
    "token-graph": relations.read_token_graph,
    "finese": events.read_subjects,
    "oneie": events.read_oneie,
    "rams": events.read_rams,
    "commodity-news": events.read_commodity,
    "casie": events.read_casie,
    "phee": events.read_phee,
    "cec": events.read_cec,
    "duee-fin-windows": events.read_fin,
    "voted-events": silver.read_votes,
    "typed-texts": silver.read_types,
    "relation-ends": silver.read_ends,
    "placed": placed.read,
    "documents": spans.read_documents,
}
