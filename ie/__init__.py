"""Chinese information extraction with language models, with exact character offsets.

>>> from chinchilla import extract
>>> result = extract("雀巢宣布裁员4000人")  # doctest: +SKIP
"""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
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

    __version__: str

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

# Modules by the names that they had in 0.1, when all stood side by side.
_MOVED = {
    "align": "decoding.align",
    "backend": "engines.protocol",
    "backend_ct2": "engines.ct2",
    "backend_hf": "engines.hf",
    "backend_http": "engines.http",
    "decoder": "decoding.decode",
    "encoder": "decoding.encode",
    "export": "train.export",
    "formats": "decoding.formats",
    "inputs": "files.inputs",
    "jsonl": "files.jsonl",
    "lexicon": "merge.lexicon",
    "models": "engines.loading",
    "parse": "decoding.parse",
    "prompt": "prompts.prompt",
    "schema": "data.schema",
    "text": "data.text",
    "tokens": "engines.tokens",
}


class _Moved(Loader):
    """Imports a module by its old name, with a warning that tells the new one."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        old = name.removeprefix(f"{__name__}.")
        return ModuleSpec(name, cls()) if old != name and old in _MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        place = f"{__name__}.{_MOVED[module.__name__.removeprefix(f'{__name__}.')]}"
        warnings.warn(f"{module.__name__} is now {place}", DeprecationWarning, stacklevel=2)
        sys.modules[module.__name__] = import_module(place)


if _Moved not in sys.meta_path:
    sys.meta_path.append(_Moved)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # slow to import, and seldom asked for

        return metadata.version("chinchilla-ie")
    if name not in _PLACES:
        raise AttributeError(f"module 'chinchilla' has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
