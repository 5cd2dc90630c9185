"""Documents in the forms of annotation tools and other libraries, each as the bytes of one file."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module

from ...data.documents import Document

# Form -> (module, function) that yields the bytes of a file; what a form cannot hold is counted.
_WRITERS = {
    "brat": ("brat", "render_brat"),
    "conll": ("conll", "render_conll"),
    "doccano": ("label_tools", "render_doccano"),
    "label-studio": ("label_tools", "render_predictions"),
    "label-studio-gold": ("label_tools", "render_annotations"),
    "spacy": ("spacy_docs", "render_docbin"),
    "parquet": ("fact_sheets", "render_parquet"),
    "xlsx": ("fact_sheets", "render_xlsx"),
}
EXPORTS = tuple(_WRITERS)

Writer = Callable[[Iterable[Document], Counter[str]], Iterator[bytes]]


def render_export(
    documents: Iterable[Document], form: str, lost: Counter[str] | None = None
) -> Iterator[bytes]:
    """Yield the bytes of a file in one of the `EXPORTS`.

    `brat` and `spacy` are kept in memory until all documents are there, `xlsx` too; the others are not.

    Args:
        documents: with annotations; read once.
        form: one of `EXPORTS`.
        lost: is filled with how often what could not be written, by reason.

    Raises:
        ModelError: the library of the form is not installed.
    """
    module, name = _WRITERS[form]
    writer: Writer = getattr(import_module(f"{__name__}.{module}"), name)
    return writer(documents, Counter() if lost is None else lost)
