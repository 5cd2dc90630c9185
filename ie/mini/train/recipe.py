"""What the recipe of the embedded model says (configs/mini.yaml), and what follows from it alone."""

from pathlib import Path
from typing import Any

import msgspec

from chinchilla.data.documents import Document
from chinchilla.data.schema import Schema, read_schema
from chinchilla.data.yaml_file import read_yaml
from chinchilla.decoding.formats import EMPTY, label_text
from chinchilla.engines.open import TAGGER_FILE
from chinchilla.errors import ConfigError, near_miss
from chinchilla.mini import hints
from chinchilla.prompts.prompt import STYLE_FILE, PromptStyle

from .tune_tagger import Tuning

# What the name of a source of answers to raw text ends with.
FOLLOW = "-follow"


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of configs/mini.yaml; every part is explained there."""

    style: dict[str, Any]
    corpora: dict[str, dict[str, Any]]
    build: dict[str, Any]
    weights: dict[str, float]
    vocabulary: dict[str, Any]
    shape: dict[str, Any]
    train: dict[str, Any]
    more: dict[str, Any] = {}
    start_share: float = 0.0
    tagger: Tuning | None = None
    silver: dict[str, Any] = {}
    unseen: dict[str, dict[str, Any]] = {}
    renamed: dict[str, dict[str, str]] = {}
    substitute: dict[str, Any] = {}
    raw: dict[str, int] = {}
    follow: dict[str, int] = {}
    calibrate: tuple[str, ...] = ()
    seed: int = 0


def read_recipe(path: Path) -> Recipe:
    """Read the YAML of a recipe.

    Raises:
        ConfigError: missing file, invalid YAML, unknown key or wrong type.
    """
    try:
        return msgspec.convert(read_yaml(path, "configs"), Recipe)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None


def check_recipe(recipe: Recipe) -> None:
    """Refuse what would fail after long work."""
    corpora = [*recipe.corpora, *(f"{name}-news" for name in recipe.renamed)]
    corpora += ["silver", "silver-types"] if recipe.silver else []
    sources = [*corpora, "copy", *(f"{name}{FOLLOW}" for name in recipe.follow)]
    heads = recipe.tagger.heads if recipe.tagger else {}
    named = [("weights", name, sources) for name in recipe.weights]
    named += [("follow", name, corpora) for name in recipe.follow]
    named += [(f"tagger, head {h}", name, corpora) for h in heads for name in heads[h]]
    problems = [
        f"{where}: no corpus {name!r}{near_miss(name, known)}"
        for where, name, known in named
        if name not in known
    ]
    problems += [
        f"style, {part}: no head {name!r}{near_miss(name, list(heads))}"
        for part in ("glimpsed", "support")
        for name in recipe.style.get(part, {})
        if name not in heads
    ]
    if recipe.follow and not (recipe.raw and recipe.tagger):
        problems.append("follow: needs a tagger, and raw text for it to mark")
    problems += [
        f"follow: {name} has no names; answers to raw text are marked names"
        for name in recipe.follow
        if name in corpora and not schema_of(name, [], recipe).entities
    ]
    shares = {"start_share": recipe.start_share}
    shares |= {f"{part}, dropout": value.get("dropout", 0.0) for part, value in _settings(recipe)}
    problems += [
        f"{where}: {share}; a share is at least 0 and less than 1"
        for where, share in shares.items()
        if not 0 <= share < 1
    ]
    if problems:
        raise ConfigError("the recipe: " + "\n".join(problems))


def _settings(recipe: Recipe) -> list[tuple[str, dict[str, Any]]]:
    """Return what trains the model and the bodies of its tagger."""
    bodies = recipe.tagger.bodies if recipe.tagger else {}
    told = [(f"tagger, body {name}", body.train) for name, body in bodies.items()]
    return [("train", recipe.train), ("more", recipe.more), *told]


def style_of(recipe: Recipe, work: Path) -> PromptStyle:
    """Return the style of the recipe, whose hints are those of the tuned tagger if it has one."""
    value = recipe.style | ({"hints": TAGGER_FILE} if recipe.tagger else {})
    return PromptStyle.from_dict(value, str(work / STYLE_FILE))


def labels_of(recipe: Recipe) -> list[str]:
    """Return every label that prompts and answers of the trained schemas can hold, in marks."""
    names = dict.fromkeys(corpus["converter"] for corpus in recipe.corpora.values())
    labels: dict[str, None] = {EMPTY: None}
    for name in [*names, "news"]:
        schema = read_schema(name)
        for task in schema.tasks:
            labels |= {label_text(item.label): None for item in schema.types(task)}
        for relation in schema.relations:
            labels |= {label_text(slot): None for slot in relation.qualifiers}
        for event in schema.events:
            labels |= {label_text(role.name): None for role in event.roles}
    kinds = hints.KINDS if recipe.style.get("hints") == hints.JIEBA else (hints.SUBJECT,)
    return list(labels | dict.fromkeys((*map(label_text, kinds), hints.END)))


def schema_of(name: str, documents: list[Document], recipe: Recipe) -> Schema:
    """Return what prompts about the documents of a corpus ask for."""
    if name.endswith("-news"):
        names = tuple(dict.fromkeys(recipe.renamed[name.removesuffix("-news")].values()))
        return read_schema("news").select("ner", names)
    corpus = recipe.corpora.get(name, {})
    schema = read_schema(corpus.get("converter", "duee"))
    if not corpus.get("only_present"):
        return schema
    present = {relation.type for document in documents for relation in document.relations}
    return schema.select("re", [item.label for item in schema.relations if item.name in present])
