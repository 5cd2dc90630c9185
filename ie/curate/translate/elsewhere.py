"""Translations by another tool: what to translate goes out as lines, what it said comes back as lines.

For services that take files (batch requests of a language model, a translation office) and for people.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ...data.documents import Document
from ...errors import InputError
from ...files.jsonl import dumps, read_values, write_bytes
from .carry import translate_documents
from .glossary import Glossary, Terms
from .methods import Projector


class ToldTranslator:
    """Gives the translations of a file, by text; `missing` holds the texts that it does not translate."""

    def __init__(self, path: str | Path) -> None:
        """Read `{"id": …, "translation": …}` lines, with the ids of `write_texts`.

        Raises:
            InputError: a line is something else.
        """
        self.name = Path(path).name
        self.missing: dict[str, None] = {}
        self._told: dict[str, str] = {}
        for number, value in read_values(path, dict[str, Any]):
            id, said = value.get("id"), value.get("translation")
            if not isinstance(id, str) or not isinstance(said, str):
                raise InputError(
                    f'{path}:{number}: expected {{"id": "…", "translation": "…"}} with an id of --prompts'
                )
            self._told[id] = said.strip()

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translation of each text; of one that the file lacks, an empty string."""
        said = [self._told.get(id_of(text), "") for text in texts]
        self.missing.update({t: None for t, s in zip(texts, said, strict=True) if t and not s})
        return said


class _Listener:
    """Takes note of what is to be translated, and says nothing."""

    name = "none"

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def translate(self, texts: Sequence[str]) -> list[str]:
        self.texts.update(dict.fromkeys(filter(str.strip, texts)))
        return [""] * len(texts)


def id_of(text: str) -> str:
    """Return the id of a text: 8 hexadecimal digits of its hash."""
    return blake2b(text.encode(), digest_size=4).hexdigest()


def write_texts(
    path: str | Path,
    documents: Iterable[Document],
    method: str,
    glossary: Glossary,
    *,
    force: bool = False,
) -> int:
    """Write what a method needs translated, for another tool: `{"id": …, "text": …}` lines; their number.

    Raises:
        InputError: the output exists.
        ConfigError: the method needs a translator that gives scores.
    """
    listener = _Listener()
    projector = Projector(listener, method, Terms(listener, glossary.terms))
    translate_documents(list(documents), projector, glossary)
    with write_bytes(path, force=force) as file:
        for text in listener.texts:
            file.write(dumps({"id": id_of(text), "text": text}).encode() + b"\n")
    return len(listener.texts)
