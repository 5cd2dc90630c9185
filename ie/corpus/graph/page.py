"""A graph as one HTML page: tables to sort and filter, and what stands around an entity."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from ...data.documents import Mention
from ...files.html import table_html, word
from ...files.jsonl import write_bytes
from ...files.page import page_end, page_head
from ...files.sentences import Sentences
from ...files.visible import visible
from .store import Store

# What a page shows at most, so that a browser opens it: the rest is in the tables.
ENTITIES, FACTS, EVENTS, MERGES = 2000, 4000, 1000, 2000
# Places that are shown of a fact, and code points of a sentence.
_PLACES, _SENTENCE = 2, 300


def write_page(store: Store, folder: Path) -> str | None:
    """Write `page.html`, which loads nothing from elsewhere; return what it leaves out."""
    with write_bytes(folder / "page.html") as file:
        file.write(render_page(store).encode("utf-8", "replace"))
    shown = (("entities", ENTITIES), ("facts", FACTS), ("events", EVENTS), ("merges", MERGES))
    totals = [(name, store.count(name), most) for name, most in shown]
    left = [f"{most:,} of {total:,} {name}" for name, total, most in totals if total > most]
    return f"the page shows {', '.join(left)}" if left else None


def render_page(store: Store) -> str:
    """Return the page as HTML. The entities with most facts, then in most documents, come first."""
    entities = list(store.rows(
        "SELECT id, label, type, names, mentions, documents, degree FROM entities"
        " ORDER BY degree DESC, documents DESC, mentions DESC, id LIMIT ?", ENTITIES
    ))  # fmt: skip
    numbers = {row[0]: number for number, row in enumerate(entities)}
    facts = [fact for fact in _facts(store) if {fact[1], fact[3]} <= numbers.keys()]
    data = {
        "names": [visible(row[1]) for row in entities],
        "types": [visible(row[2]) for row in entities],
        "facts": [
            [
                numbers[subject],
                visible(type_),
                numbers[object],
                documents,
                list(_places(store, id_)),
            ]
            for id_, subject, type_, object, documents in facts
        ],
    }
    counts = {
        name: store.count(name) for name in ("documents", "entities", "facts", "events", "merges")
    }
    here = resources.files("chinchilla.corpus.graph")
    style, script = (
        here.joinpath(f"page.{end}").read_text(encoding="utf-8") for end in ("css", "js")
    )
    # `<` begins a tag in a script too, and U+2028 ended a line of older ones.
    told = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    return "".join((
        page_head("chinchilla graph", style=style, script=script),
        f"<p>{', '.join(f'{word(name)} {count:,}' for name, count in counts.items())}</p>\n",
        f'<form class="box bar"><label class="field"><span>{word("filter")}</span>'
        '<input name="text" type="search"></label><output></output></form>\n',
        '<section class="box" id="around" hidden><h2></h2>'
        '<svg viewBox="-500 -260 1000 520" role="img" aria-label="neighbourhood"></svg>'
        "<div></div></section>\n",
        _part("entities", _entity_table(entities)),
        _part("facts", _fact_table(facts, entities, numbers)),
        _part("events", _event_table(store), is_open=False),
        _part("merges", _merge_table(store), "names brought together, and why", is_open=False),
        f'<script type="application/json" id="data">{told}</script>\n',
        page_end(script),
    ))  # fmt: skip


def _facts(store: Store) -> Iterator[tuple[Any, ...]]:
    yield from store.rows(
        "SELECT id, subject, type, object, documents FROM facts"
        " ORDER BY documents DESC, mentions DESC, best_score DESC, id LIMIT ?", FACTS
    )  # fmt: skip


def _places(store: Store, fact: str) -> Iterator[tuple[str, str]]:
    """Yield the document and the sentence of a fact's first mentions."""
    query = (
        'SELECT d.id, d.text, s.text, s."start", s."end", o.text, o."start", o."end"'
        " FROM fact_keys i JOIN said_facts f ON f.n = i.n JOIN documents d ON d.n = f.document"
        " JOIN said_mentions s ON s.n = f.subject JOIN said_mentions o ON o.n = f.object"
        " WHERE i.fact = ? ORDER BY f.score DESC, f.n LIMIT ?"
    )
    for name, text, *ends in store.rows(query, fact, _PLACES):
        mentions = [Mention(*end) for end in (ends[:3], ends[3:])]
        yield visible(name), visible(Sentences(text).around(mentions)[:_SENTENCE])


def _part(name: str, table: str, title: str = "", *, is_open: bool = True) -> str:
    return (
        f'<details class="box" id="{name}"{" open" if is_open else ""}>'
        f"<summary>{word(title or name)}</summary>{table}</details>\n"
    )


def _entity_table(entities: list[tuple[Any, ...]]) -> str:
    rows = []
    for _, label, type_, names, mentions, documents, degree in entities:
        others = "、".join(name for name in json.loads(names) if name != label)
        rows.append((label, type_, others, str(mentions), str(documents), str(degree)))
    return table_html(("entity", "type", "other names", "mentions", "documents", "edges"), rows)


def _fact_table(
    facts: list[tuple[Any, ...]], entities: list[tuple[Any, ...]], numbers: dict[str, int]
) -> str:
    rows = [
        (entities[numbers[subject]][1], type_, entities[numbers[object]][1], str(documents))
        for _, subject, type_, object, documents in facts
    ]
    return table_html(("subject", "relation", "object", "documents"), rows)


def _event_table(store: Store) -> str:
    query = (
        "SELECT e.id, e.type, e.documents, m.trigger, m.said, d.id FROM events e"
        " JOIN event_mentions m ON m.said = (SELECT min(said) FROM event_mentions WHERE event = e.id)"
        " JOIN documents d ON d.n = m.document ORDER BY e.documents DESC, e.mentions DESC, m.said LIMIT ?"
    )
    rows = []
    for _, type_, documents, trigger, said, name in store.rows(query, EVENTS):
        arguments = "；".join(
            f"{role}: {text}"
            for role, text in store.rows(
                "SELECT role, text FROM said_arguments WHERE event = ?", said
            )
        )
        rows.append((type_, trigger or "", arguments, str(documents), name))
    return table_html(("event", "trigger", "arguments", "documents", "first in"), rows)


def _merge_table(store: Store) -> str:
    query = (
        "SELECT name, mention, reason, evidence, documents, example FROM merges"
        " ORDER BY mentions DESC, name, mention LIMIT ?"
    )
    rows = [tuple(map(str, row)) for row in store.rows(query, MERGES)]
    return table_html(("entity", "name", "reason", "stands for", "documents", "example"), rows)
