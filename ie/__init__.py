"""Chinese information extraction with language models, with exact character offsets.

>>> from chinchilla import extract
>>> result = extract("雀巢宣布裁员4000人")  # doctest: +SKIP
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data.documents import (
        Argument,
        Document,
        Entity,
        Event,
        Extraction,
        Issue,
        Mention,
        Relation,
    )
    from .data.schema import Schema, read_schema
    from .decoding.decode import decode
    from .decoding.encode import encode
    from .errors import ChinchillaError
    from .options import ExtractOptions
    from .pipeline import Extractor, extract

# Name -> module: nothing is imported before it is used, so that `import chinchilla` is light.
_PLACES = {
    "Argument": "data.documents",
    "ChinchillaError": "errors",
    "Document": "data.documents",
    "Entity": "data.documents",
    "Event": "data.documents",
    "ExtractOptions": "options",
    "Extraction": "data.documents",
    "Extractor": "pipeline",
    "Issue": "data.documents",
    "Mention": "data.documents",
    "Relation": "data.documents",
    "Schema": "data.schema",
    "decode": "decoding.decode",
    "encode": "decoding.encode",
    "extract": "pipeline",
    "read_schema": "data.schema",
}

__version__ = metadata.version("chinchilla-ie")

__all__ = [
    "Argument",
    "ChinchillaError",
    "Document",
    "Entity",
    "Event",
    "ExtractOptions",
    "Extraction",
    "Extractor",
    "Issue",
    "Mention",
    "Relation",
    "Schema",
    "decode",
    "encode",
    "extract",
    "read_schema",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'chinchilla' has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
