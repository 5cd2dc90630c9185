"""LightRAG without a language model for extraction: an extractor answers in its place.

    rag = LightRAG(working_dir=…, llm_model_func=extracting(Extractor()), embedding_func=…,
                   entity_extract_max_gleaning=0)

LightRAG asks its model for entities and relations of each piece of text. These prompts are answered
from the text that stands in them; all others go to the model that you name, if any.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ..data.documents import Document, Entity, Extraction
from ..errors import ModelError
from ..files.sentences import Sentences
from ..pipeline import Extractor

# What LightRAG writes about a piece of text, and how it parts the fields of an answer.
_ASKED = re.compile(r"---Input Text---\n```\n(.*)\n```\n+---Output---\s*\Z", re.DOTALL)
_AGAIN = "Based on the last extraction task"
_DELIMITER, _DONE = "<|#|>", "<|COMPLETE|>"

Model = Callable[..., Awaitable[str]]


def extracting(extractor: Extractor, otherwise: Model | None = None) -> Model:
    """Return what LightRAG takes as `llm_model_func`.

    One text is asked at a time, in a thread beside the event loop.

    Args:
        extractor: answers what is asked about the text of a piece.
        otherwise: is asked everything else, such as summaries and questions; None raises ModelError.
    """
    lock = asyncio.Lock()

    async def answer(prompt: str, system_prompt: str | None = None, **rest: Any) -> str:
        asked = _ASKED.search(prompt)
        if asked:
            if rest.get("response_format"):
                raise ModelError("LightRAG asks for JSON; leave entity_extraction_use_json off")
            async with lock:
                found = await asyncio.to_thread(extractor.extract, asked[1])
            return answer_of(asked[1], found)
        if _AGAIN in prompt[:200]:
            # All that can be found was found the first time.
            return _DONE
        if otherwise is None:
            raise ModelError(
                "LightRAG asks for more than entities and relations; "
                "name a language model: extracting(extractor, otherwise=…)"
            )
        return await otherwise(prompt, system_prompt=system_prompt, **rest)

    return answer


def answer_of(text: str, found: Extraction) -> str:
    """Return entities and relations in the form in which LightRAG reads an answer.

    A mention is described by its sentence. An event is an entity of its trigger, with a relation to each
    argument.
    """
    return "\n".join([*_lines(Document("", text).with_extraction(found)), _DONE])


def _lines(document: Document) -> Iterator[str]:
    sentences = Sentences(document.text)
    told: set[str] = set()
    relations: list[tuple[Any, str, Any]] = []

    def entity(mention: Any, type_: str | None) -> Iterator[str]:
        name = _field(mention.text)
        if name and name not in told:
            told.add(name)
            said = sentences.around([mention]) or mention.text
            yield _DELIMITER.join(("entity", name, _field(type_ or "Other"), _field(said)))

    for mention in document.entities:
        yield from entity(mention, mention.type)
    for relation in document.relations:
        ends: tuple[Entity, ...] = (relation.subject, relation.object)
        for end in ends:
            yield from entity(end, end.type)
        relations.append((relation.subject, relation.type, relation.object))
    for event in document.events:
        if event.trigger is not None and event.arguments:
            yield from entity(event.trigger, event.type)
            for argument in event.arguments:
                yield from entity(argument, argument.role)
                relations.append((event.trigger, argument.role, argument))
    for one, type_, other in relations:
        said = sentences.around([one, other]) or f"{one.text} {type_} {other.text}"
        parts = (one.text, other.text, type_, said)
        yield _DELIMITER.join(("relation", *map(_field, parts)))


def _field(text: str) -> str:
    """Return a text as a field: it holds neither a line end nor what parts fields."""
    return " ".join(text.replace("<|", "< |").split())
