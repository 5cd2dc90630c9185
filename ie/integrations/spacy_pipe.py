"""The spaCy component `chinchilla`.

    nlp = spacy.blank("zh")
    nlp.add_pipe("chinchilla", config={"schema": "news"})

Mentions are in `doc.ents` without overlaps and in `doc.spans["chinchilla"]` with them; `doc._.chinchilla`
is the whole `Extraction`. An installed kit is found by its entry point; else import this module.
"""

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..data.documents import Document, Extraction
from ..files.exports.spacy_docs import mark_doc
from ..options import ExtractOptions
from ..pipeline import Extractor


class ChinchillaPipe:
    """A component that extracts from the text of each Doc."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor

    def __call__(self, doc: Doc) -> Doc:
        """Extract from one Doc."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Extract from each Doc of a stream, in order; `batch_size` is the extractor's own matter."""
        docs, texts = tee(stream)
        documents = (Document(str(number), doc.text) for number, doc in enumerate(texts))
        for doc, document in zip(docs, self.extractor.stream(documents), strict=True):
            mark_doc(doc, document)
            yield doc


def extraction_of(doc: Any) -> Extraction:
    """Return what was extracted from a Doc, also from one that a DocBin brought."""
    import json

    return Extraction.from_dict(json.loads(doc.user_data["chinchilla"]))


@Language.factory(
    "chinchilla",
    default_config={"model": None, "schema": None, "tasks": None, "scores": False},
    assigns=["doc.ents", "doc.spans"],
)
def make_pipe(
    nlp: Language,
    name: str,
    model: str | None,
    schema: str | dict[str, Any] | None,
    tasks: str | list[str] | None,
    scores: bool,
) -> ChinchillaPipe:
    """Return the component; see `Extractor` for what each setting may be."""
    extractor = Extractor(model, schema, tasks, options=ExtractOptions(scores=scores))
    return ChinchillaPipe(extractor)


Doc.set_extension("chinchilla", getter=extraction_of, force=True)
