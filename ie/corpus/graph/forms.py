"""The forms in which a graph leaves: `GRAPH/NAME` for each, written whole or not at all."""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from .store import Store

# Form -> (module, function) that writes into a folder and returns what it could not, in words.
_WRITERS = {
    "page": ("page", "write_page"),
    "csv": ("tables", "write_csv"),
    "parquet": ("tables", "write_parquet"),
    "xlsx": ("tables", "write_xlsx"),
    "neo4j": ("graph_files", "write_neo4j"),
    "rdf": ("graph_files", "write_rdf"),
    "graphml": ("graph_files", "write_graphml"),
    "lightrag": ("retrieval", "write_lightrag"),
    "graphrag": ("retrieval", "write_graphrag"),
}
FORMS = tuple(_WRITERS)


def write_forms(store: Store, folder: str | Path, forms: Iterable[str]) -> list[str]:
    """Write a graph in each form, and return notes on what a form could not hold.

    Files that are there are replaced.

    Raises:
        ModelError: a library is not installed; the message names the extra.
        InputError: a form cannot hold so much.
    """
    notes = []
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for form in forms:
        module, name = _WRITERS[form]
        writer: Callable[[Store, Path], str | None] = getattr(
            import_module(f"{__package__}.{module}"), name
        )
        if note := writer(store, root):
            notes.append(f"{form}: {note}")
    return notes
