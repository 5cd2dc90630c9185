"""Read every corpus at hand into the caches that the training reads, and one file of labels.

    OUT/<set>.train.jsonl   examples to train on
    OUT/<set>.dev.jsonl     documents to measure on, of sets that have some
    OUT/labels.json         {label key: label}
    OUT/groups.json         {group: [label keys]}
    OUT/report.json         counts and faults by set

An example is a document in its JSON form, one a line, with two more keys:

    {"id": "…", "text": "…", "set": "duee", "asked": ["@duee"], "entities": […], "relations": […],
     "events": [{"type": "…", "trigger": {…}, "arguments": [{"role": "…", "text": "…", …}]}]}

Every mention has offsets in code points, end-exclusive, and `text[start:end] == mention`. `asked`
lists what may be asked of the text: label keys, or `@group` for all keys of a group. A label that is
asked and has no mention here is a true negative; one of the set that is not asked is unknown here.
`"located": true` says that the annotators gave strings and no places: other occurrences of the same
strings are then unknown, not negative. `"partial": true` says that unmarked spans are unknown for
the labels asked, but for what is marked as another label.

Label keys are `<set>/entity/<type>`, `<set>/relation/<type>`, `<set>/event/<type>` and
`<set>/role/<event type>/<role>`. They are built from the example and never split, since types may
hold a `/`. A label:

    {"kind": "role", "set": "duee", "name": "裁员方", "event": "duee/event/组织关系-裁员",
     "wordings": ["裁员方", "裁员的公司"], "description": "", "examples": ["雀巢"], "broader": [],
     "licence": "research", "lang": "zh", "domain": "news", "count": 123}

A relation has `ends` = {"subject": [wordings], "object": [wordings]}. Examples are mentions of the
training part (of a relation: subject→object). The sets stand in `sets.yaml`, which explains its keys.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from .kit import (
    ConfigError,
    Document,
    Event,
    KnownTexts,
    builtin_schemas,
    convert,
    near_miss,
    parse_yaml,
    read_schema,
    write_values,
)
from .label_words import Gatherer, key, keys_of, wordings
from .readers import READERS
from .readers.tokens import distinct
from .windows import cut, verified

# The encoder reads 512 characters at once.
LIMIT = 450
_SEED = 1
# Characters in a row that long texts may not share with those of another set's dev part.
_RUN = 18
# A label without words needs so many mentions to be asked under its own name.
_RARE = 5


class Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One corpus of sets.yaml."""

    reader: str
    dev_reader: str = ""
    train: list[str]
    dev: list[str] = []
    test: list[str] = []
    holdout: int = 0
    dev_first: int = 0
    options: dict[str, Any] = {}
    schema: str = ""
    rules_of: str = ""
    located: bool = False
    present: bool = False
    partial: bool = False
    limit: int = LIMIT
    drop: list[str] = []
    runs_of: list[str] = []
    optional: bool = False
    words: dict[str, list[str]] = {}
    descriptions: dict[str, str] = {}
    broader: dict[str, list[str]] = {}
    domain: str = "general"
    licence: str = "unknown"
    lang: str = "zh"


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of sets.yaml."""

    sets: dict[str, Set]
    held_out: dict[str, Set]


def read_catalogue(content: str | None = None) -> Catalogue:
    """Return the sets of `sets.yaml`, or of YAML of that form.

    Raises:
        ConfigError: unknown key, wrong type, or a set that is also held out.
    """
    if content is None:
        path = resources.files(__package__).joinpath("sets.yaml")
        content = path.read_text(encoding="utf-8")
    try:
        catalogue = msgspec.convert(parse_yaml(content, "sets.yaml").value, Catalogue)
    except msgspec.ValidationError as error:
        raise ConfigError(f"sets.yaml: {error}") from None
    both = catalogue.sets.keys() & catalogue.held_out.keys()
    if both:
        raise ConfigError(f"sets.yaml: held out and trained on: {', '.join(sorted(both))}")
    return catalogue


def at_hand(catalogue: Catalogue, corpora: Path) -> Catalogue:
    """Return the catalogue without optional sets whose files are not in the folder of corpora."""
    sets = {
        name: spec
        for name, spec in catalogue.sets.items()
        if not spec.optional or any(corpora.glob(spec.train[0]))
    }
    return Catalogue(sets, catalogue.held_out)


def write_caches(
    corpora: Path,
    out: Path,
    names: Iterable[str],
    catalogue: Catalogue,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write the caches of some sets, and bring labels, groups and report up to date.

    Raises:
        ConfigError: a name that is no set.
        InputError: a file that is missing or not of its format.
    """
    names = list(names)
    random.seed(_SEED)
    for name in names:
        if name not in catalogue.sets:
            raise ConfigError(f"no set {name!r}{near_miss(name, list(catalogue.sets))}")
    out.mkdir(parents=True, exist_ok=True)
    known = KnownTexts()
    devs = _keep_apart(corpora, catalogue, known)
    written = {part: _read(out / f"{part}.json") for part in ("labels", "groups", "report")}
    for name in names:
        spec = catalogue.sets[name]
        runs = _runs(document.text for other in spec.runs_of for document in devs[other])
        made = _Made(name, spec, corpora, known, devs.get(name, []), runs)
        for part in ("train", "dev"):
            path = out / f"{name}.{part}.jsonl"
            examples = getattr(made, part)
            if examples:
                write_values(path, examples)
            else:
                path.unlink(missing_ok=True)
        labels = {k: v for k, v in written["labels"].items() if v["set"] != name}
        written["labels"] = labels | made.labels
        groups = {k: v for k, v in written["groups"].items() if k.partition("/")[0] != name}
        written["groups"] = groups | made.groups
        written["report"][name] = made.report
        report(f"{name}: {made.report}")
        for part, value in written.items():
            _write(out / f"{part}.json", value)
    return written["report"]


def _read(path: Path) -> dict[str, Any]:
    return msgspec.json.decode(path.read_bytes()) if path.exists() else {}


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write JSON under another name first, since a training may be reading the file."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
    new.replace(path)


def _keep_apart(
    corpora: Path, catalogue: Catalogue, known: KnownTexts
) -> dict[str, list[Document]]:
    """Remember all texts of dev, test and held-out parts; return the dev documents by set."""
    for name, spec in catalogue.held_out.items():
        for document in _documents(spec, corpora, spec.train + spec.dev + spec.test, Counter()):
            known.add(document.text, name)
    devs: dict[str, list[Document]] = {}
    for name, spec in catalogue.sets.items():
        as_dev = msgspec.structs.replace(spec, reader=spec.dev_reader or spec.reader)
        devs[name] = list(_documents(as_dev, corpora, spec.dev, Counter()))
        if spec.holdout:
            whole = list(_documents(spec, corpora, spec.train, Counter()))
            devs[name] += whole[-spec.holdout :]
        for document in devs[name]:
            for piece in cut(document, spec.limit):
                known.add(piece.text, name)
        for document in _documents(spec, corpora, spec.test, Counter()):
            for piece in cut(document, spec.limit):
                known.add(piece.text, name)
    return devs


def _documents(
    spec: Set, corpora: Path, files: list[str], faults: Counter[str]
) -> Iterator[Document]:
    paths = [path for pattern in files for path in _paths(corpora, pattern)]
    if not paths:
        return
    if spec.reader in READERS:
        yield from READERS[spec.reader](paths, faults, **spec.options)
        return
    documents, found = convert(spec.reader, paths, **spec.options)
    yield from documents
    faults.update(found)


def _runs(texts: Iterable[str]) -> set[str]:
    """Return every run of `_RUN` characters of the texts, blanks left out."""
    plain = ("".join(text.split()) for text in texts)
    return {text[at : at + _RUN] for text in plain for at in range(len(text) - _RUN + 1)}


def _paths(corpora: Path, pattern: str) -> list[Path]:
    if pattern.startswith("configs/"):
        return [Path(str(resources.files("chinchilla.configs"))) / pattern.partition("/")[2]]
    paths = sorted(corpora.glob(pattern))
    if not paths:
        raise ConfigError(f"{corpora / pattern}: no such file; unpack the corpus there")
    return paths


class _Made:
    """The examples, labels and report of one set."""

    def __init__(
        self,
        name: str,
        spec: Set,
        corpora: Path,
        known: KnownTexts,
        dev: list[Document],
        runs: set[str],
    ) -> None:
        self.name, self.spec, self.runs = name, spec, runs
        self.faults: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.groups: dict[str, list[str]] = {}
        documents = list(_documents(spec, corpora, spec.train, self.faults))
        if spec.holdout:
            del documents[-spec.holdout :]
        train = list(self._kept(_united(documents) if spec.present else documents, known))
        measured = [verified(document, Counter()) for document in dev[: spec.dev_first or None]]
        rare = self._wordless([document for document, _ in train])
        train, measured = (
            [_pruned(*pair, name, rare) for pair in part] for part in (train, measured)
        )
        gatherer = Gatherer(name)
        if spec.schema in builtin_schemas():
            gatherer.declare(read_schema(spec.schema))
        for document, _ in train:
            gatherer.add(document)
        for document, _ in measured:
            gatherer.name(document)
        self.labels = gatherer.labels(spec, _SEED)
        self._group([document for document, _ in [*train, *measured]])
        examples = [self._example(document, lost) for document, lost in train]
        self.train = [example for example in examples if example["asked"]]
        self.left["nothing to ask"] = len(examples) - len(self.train)
        self.dev = [self._example(document, lost) for document, lost in measured]
        self.report = self._report()

    def _kept(
        self, documents: list[Document], known: KnownTexts
    ) -> Iterator[tuple[Document, set[tuple[str, ...]]]]:
        seen: set[str] = set()
        for whole in documents:
            located, lost = verified(_without(whole, self.spec.drop), self.faults)
            for document in cut(located, self.spec.limit):
                if not document.text.strip() or document.text in seen:
                    self.left["empty or repeated"] += 1
                    continue
                seen.add(document.text)
                if self.runs and not self.runs.isdisjoint(_runs([document.text])):
                    self.left["shares a run of characters with a dev text"] += 1
                    continue
                source = known.find(document.text)
                if source:
                    self.left[f"like one of {source}"] += 1
                    continue
                yield document, lost

    def _wordless(self, documents: list[Document]) -> set[str]:
        """Return the rare labels that nobody gave words: programmers' names teach nothing."""
        gatherer = Gatherer(self.name)
        for document in documents:
            gatherer.add(document)
        return {
            label
            for label, (kind, *path) in gatherer.names.items()
            if gatherer.counts[label] < _RARE and not wordings(path[-1], self.spec.words, kind)
        }

    def _group(self, documents: list[Document]) -> None:
        """Make a group of all labels, and one of the labels of each part of the set."""
        self.groups[self.name] = list(self.labels)
        parts: dict[str, set[str]] = {}
        for document in documents:
            if "part" in document.meta:
                group = f"{self.name}/{document.meta['part']}"
                parts.setdefault(group, set()).update(keys_of(document, self.name))
        for group, keys in sorted(parts.items()):
            self.groups[group] = [label for label in self.labels if label in keys]

    def _example(self, document: Document, lost: set[tuple[str, ...]]) -> dict[str, Any]:
        value = document.to_dict()
        meta = value.pop("meta", {})
        asked = self._asked(document, meta, lost)
        value = {"id": value.pop("id"), "text": value.pop("text"), "set": self.name} | value
        value["asked"] = asked
        value |= {mark: True for mark in ("located", "partial") if getattr(self.spec, mark)}
        return value

    def _asked(
        self, document: Document, meta: dict[str, Any], lost: set[tuple[str, ...]]
    ) -> list[str]:
        present = keys_of(document, self.name)
        if self.spec.present or meta.get("present"):
            return sorted(present)
        group = f"{self.name}/{meta['part']}" if "part" in meta else self.name
        missing = {key(self.name, *label) for label in lost} - present
        if not missing:
            return [f"@{group}"]
        # Of an event that is unknown the roles are unknown too.
        return [
            label
            for label in self.groups[group]
            if label not in missing and self.labels[label].get("event") not in missing
        ]

    def _report(self) -> dict[str, Any]:
        counts = Counter(label["kind"] for label in self.labels.values())
        return {
            "train": len(self.train),
            "characters": sum(len(example["text"]) for example in self.train),
            "dev": len(self.dev),
            "labels": dict(counts),
            "mentions": sum(label["count"] for label in self.labels.values()),
            "left out": dict(+self.left),
            "faults": dict(self.faults),
        }


def _united(documents: list[Document]) -> list[Document]:
    """Return one document a text, with what all documents of that text say of it."""
    groups: dict[str, list[Document]] = {}
    for document in documents:
        groups.setdefault(document.text, []).append(document)
    return [
        Document(
            group[0].id,
            text,
            tuple(dict.fromkeys(item for document in group for item in document.entities)),
            distinct(item for document in group for item in document.relations),
            tuple(dict.fromkeys(item for document in group for item in document.events)),
            meta=group[0].meta,
        )
        for text, group in groups.items()
    ]


def _pruned(
    document: Document, lost: set[tuple[str, ...]], set_name: str, labels: set[str]
) -> tuple[Document, set[tuple[str, ...]]]:
    """Return the document without annotations of some labels."""
    if not labels or not labels & keys_of(document, set_name):
        return document, lost

    def is_kept(kind: str, *name: str) -> bool:
        return key(set_name, kind, *name) not in labels

    events = tuple(
        Event(
            event.type,
            event.trigger,
            tuple(item for item in event.arguments if is_kept("role", event.type, item.role)),
        )
        for event in document.events
        if is_kept("event", event.type)
    )
    entities = tuple(item for item in document.entities if is_kept("entity", str(item.type)))
    relations = tuple(item for item in document.relations if is_kept("relation", item.type))
    kept = Document(document.id, document.text, entities, relations, events, meta=document.meta)
    return kept, lost


def _without(document: Document, types: list[str]) -> Document:
    if not types:
        return document
    return Document(
        document.id,
        document.text,
        tuple(entity for entity in document.entities if entity.type not in types),
        tuple(relation for relation in document.relations if relation.type not in types),
        tuple(event for event in document.events if event.type not in types),
        meta=document.meta,
    )
