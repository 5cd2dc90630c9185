"""CoNLL columns: a character and its BIO tag a line, a blank line at the end of each line of text.

The columns have no place for blanks, nor for mentions within others: of those that overlap, the
longest is written.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ...data.documents import Document, Entity


def render_conll(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield the lines of each document, below a comment with its id."""
    for document in documents:
        if document.relations or document.events:
            lost["relation or event"] += len(document.relations) + len(document.events)
        tags = ["O"] * len(document.text)
        for entity in flat(document.entities, lost):
            assert entity.start is not None
            assert entity.end is not None
            begin = "B"
            for at in range(entity.start, entity.end):
                if document.text[at] in "\r\n":
                    # A sentence of the columns begins here.
                    begin = "B"
                elif not document.text[at].isspace():
                    tags[at] = f"{begin}-{_plain(entity.type)}"
                    begin = "I"
        shown = " ".join(document.id.split())
        yield f"# document = {shown}\n".encode()
        yield from _sentences(document.text, tags, lost)


def _sentences(text: str, tags: list[str], lost: Counter[str]) -> Iterator[bytes]:
    rows: list[str] = []
    for character, tag in zip(text, tags, strict=True):
        if character in "\r\n":
            if rows:
                yield ("".join(rows) + "\n").encode()
            rows = []
        elif character.isspace():
            lost["blank of a text"] += 1
        else:
            rows.append(f"{character}\t{tag}\n")
    yield ("".join(rows) + "\n").encode()


def flat(entities: Sequence[Entity], lost: Counter[str]) -> list[Entity]:
    """Return mentions of which no two overlap, the longest first chosen; the others are counted."""
    chosen: list[Entity] = []
    taken: set[int] = set()
    located = [entity for entity in entities if entity.span is not None]
    lost["mention that is not in the text"] += len(entities) - len(located)
    for entity in sorted(located, key=lambda e: ((e.start or 0) - (e.end or 0), e.start)):
        places = range(entity.start or 0, entity.end or 0)
        if taken.isdisjoint(places):
            taken.update(places)
            chosen.append(entity)
        else:
            lost["mention that overlaps a longer one"] += 1
    return sorted(chosen, key=lambda e: e.start or 0)


def _plain(type_: str | None) -> str:
    return "_".join((type_ or "entity").split())
