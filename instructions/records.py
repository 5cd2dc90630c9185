"""The one writer of instruction records: documents in, prompt and answer pairs out.

A record is `{"instruction", "input", "output", "id", "task", "source", "schema", "lang"}`
(design: what every instruction-tuning tool reads, then provenance). Its prompt is rendered by
`chinchilla.prompt`, the code that also asks at inference.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from chinchilla.data import Document, Extraction
from chinchilla.formats import encode
from chinchilla.prompt import PromptStyle, render_prompt
from chinchilla.schema import TASKS, Schema
from chinchilla.text import windows

from .windowing import cut_document


class Record(msgspec.Struct, frozen=True):
    """One training example; `schema` lists the labels asked for, in the order of the prompt."""

    instruction: str
    input: str
    output: str
    id: str
    task: str
    source: str
    schema: tuple[str, ...]
    lang: str


@dataclass(frozen=True)
class BuildOptions:
    """What records to make of a document.

    `subset` is the chance that a prompt asks for a random part of the types only, so that a
    model learns to answer for what is asked; `shuffle` is the chance that types come in random
    order. `types_per_prompt` splits larger schemas over several records.
    """

    style: PromptStyle = field(default_factory=PromptStyle)
    tasks: tuple[str, ...] = TASKS
    subset: float = 0.0
    shuffle: float = 0.0
    seed: int = 0


def build_records(
    documents: Iterable[Document],
    schema_of: Callable[[Document], Schema],
    options: BuildOptions,
    counts: Counter[str] | None = None,
) -> Iterator[Record]:
    """Yield the records of every document, lazily and in order.

    The same documents, options and seed give the same records. Mentions that no window holds
    whole are left out and counted under `cut by a window` in `counts`.
    """
    counts = Counter() if counts is None else counts
    for document in documents:
        schema = schema_of(document)
        # Seeded per document: records do not change when others are added before it.
        rng = random.Random(f"{options.seed}/{document.id}")
        number = 0
        for task in schema.tasks:
            if task not in options.tasks:
                continue
            for piece in _pieces(document, task, options.style.window.get(task), counts):
                for asked in _asked(schema, task, piece, options, rng):
                    yield _record(piece, asked, task, f"{document.id}#{number}", options.style)
                    number += 1


def _record(piece: Document, asked: Schema, task: str, name: str, style: PromptStyle) -> Record:
    prompt = render_prompt(task, asked, piece.text, style)
    return Record(
        prompt.instruction,
        prompt.input,
        encode(piece, asked, style.format, (task,)),
        name,
        task,
        str(piece.meta.get("source", "")),
        tuple(item.label for item in asked.types(task)),
        str(piece.meta.get("lang", "zh")),
    )


def _pieces(
    document: Document, task: str, size: int | None, counts: Counter[str]
) -> Iterator[Document]:
    if size is None or len(document.text) <= size:
        yield document
        return
    # The losses of a task are counted where it is asked, and only there.
    document = document.with_extraction(
        Extraction(
            document.entities if task == "ner" else (),
            document.relations if task == "re" else (),
            document.events if task == "ee" else (),
        )
    )
    for piece, lost in cut_document(document, windows(document.text, size, 0)):
        counts["cut by a window"] += lost
        yield piece


def _asked(
    schema: Schema, task: str, piece: Document, options: BuildOptions, rng: random.Random
) -> Iterator[Schema]:
    labels = [item.label for item in schema.types(task)]
    if rng.random() < options.shuffle:
        rng.shuffle(labels)
    if len(labels) > 1 and rng.random() < options.subset:
        labels = _random_part(labels, _present(piece, task), rng)
    size = options.style.types_per_prompt.get(task) or len(labels)
    for i in range(0, len(labels), size):
        yield schema.select(task, labels[i : i + size])


def _random_part(labels: Sequence[str], present: set[str], rng: random.Random) -> list[str]:
    """Keep about half of the present types and a few absent ones; never none."""
    few = rng.randint(1, min(8, len(labels)))
    absent = [label for label in labels if label not in present]
    keep = {label for label in labels if label in present and rng.random() < 0.7}
    keep.update(rng.sample(absent, min(few, len(absent))))
    return [label for label in labels if label in keep] or [rng.choice(list(labels))]


def _present(piece: Document, task: str) -> set[str]:
    items: Sequence[object] = {
        "ner": piece.entities,
        "re": piece.relations,
        "ee": piece.events,
    }[task]
    return {str(getattr(item, "type", "")) for item in items}
