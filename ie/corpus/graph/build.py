"""`build_graph`: documents in, a folder with the graph out."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...data.documents import Document
from ...errors import InputError
from ...files.jsonl import read_documents
from ..reading import is_run, read_run
from .decisions import Decisions
from .settle import settle
from .store import NAME, Store


def read_annotated(source: str | Path) -> Iterator[Document]:
    """Yield documents of a run folder, or of a file of JSON Lines (also `.gz`)."""
    if is_run(source):
        yield from read_run(source)
    elif Path(source).is_dir():
        raise InputError(f"{source}: holds neither a run nor a graph")
    else:
        yield from read_documents(source)


def is_graph(source: str | Path) -> bool:
    """Return whether a folder holds a graph."""
    return (Path(source) / NAME).is_file()


def build_graph(
    documents: Iterable[Document],
    folder: str | Path,
    decisions: Decisions | None = None,
    *,
    force: bool = False,
) -> Path:
    """Bring names together, count facts, and return the path of the graph in the folder.

    The graph is a file of SQLite, `graph.sqlite`. It gets its name when it is whole.

    Args:
        documents: with annotations and ids of their own; read once, and not kept in memory.
        folder: is made if it is missing.
        decisions: what the user says about names; None lets every reason count.
        force: replace a graph that is there.

    Raises:
        InputError: an id stands twice, or there is a graph already.
    """
    decisions = decisions or Decisions()
    path = Path(folder) / NAME
    if path.exists() and not force:
        raise InputError(f"{path}: exists; pass --force to overwrite it")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{NAME}.partial")
    partial.unlink(missing_ok=True)
    try:
        store = Store(partial, new=True)
        try:
            for document in documents:
                store.add(document, decisions)
            settle(store, decisions)
        finally:
            store.close()
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return path


@contextmanager
def open_graph(folder: str | Path) -> Iterator[Store]:
    """Open the graph of a folder to read it.

    Raises:
        InputError: there is none, or one of another version.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise InputError(f"{folder}: holds no graph (no {NAME}); make one with chinchilla graph")
    store = Store(path)
    try:
        yield store
    finally:
        store.close()
