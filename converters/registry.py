"""Which converter reads which corpus, by the one name that schema and catalogue use too.

A converter is a module with `read(paths, report, *, name, encoding, …) -> Iterator[Document]`.
Others may add their own: as an entry point of the group `chinchilla.converters`, or by path as
`my_reader.py:read`, whose code then runs because the user named it.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib import import_module, util
from importlib.metadata import entry_points
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.converters.report import Report
from chinchilla.data.configuration import configure_options
from chinchilla.data.documents import Document, check_offsets
from chinchilla.data.yaml_file import Content, read_content
from chinchilla.errors import InputError, near_miss
from chinchilla.files.jsonl import encode_batches
from chinchilla.files.names import tell_apart

ENTRY_POINTS = "chinchilla.converters"
_ENGLISH = {"joiner": " "}

# Corpus -> module of this package and the options that make it read this corpus.
CONVERTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "boson": ("boson", {}),
    "ccks2019": (
        "spans",
        {
            "fields": {
                "text": "originalText",
                "start": "start_pos",
                "end": "end_pos",
                "type": "label_type",
            }
        },
    ),
    "cluener": ("cluener", {}),
    "cmeee": ("cmeee", {}),
    "cmeie": ("duie", {}),
    "conll03": ("columns", {"scheme": "iob1", **_ENGLISH}),
    "conll04": ("token_spans", {}),
    "deepke-ae": ("offset_facts", {}),
    "deepke-re": ("offset_facts", {}),
    "dgre": ("offset_facts", {}),
    "duee": ("duee", {}),
    "duee-fin": ("duee_fin", {}),
    "duie": ("duie", {}),
    "duie1": ("duie", {}),
    "fewfc": ("fewfc", {}),
    "finre": ("pairs", {}),
    "general-events": ("general_events", {}),
    "iflytek2020": ("iflytek2020", {}),
    "iree": ("iree", {}),
    "msra": ("msra", {}),
    "nyt": ("duie", {}),
    "people-daily": ("columns", {}),
    "resume": ("columns", {}),
    "sanwen": ("pairs", {}),
    "sciie": ("columns", {"scheme": "iob1", **_ENGLISH}),
    "semeval2010": ("semeval2010", {}),
    "video-music-book": ("columns", {}),
    "weibo": ("weibo", {}),
    "wnut17": ("columns", _ENGLISH),
}

# Readers of a format rather than of a corpus.
GENERIC = {
    "brat": "brat",
    "columns": "columns",
    "doccano": "doccano",
    "label-studio": "label_studio",
    "pairs": "pairs",
    "spans": "spans",
    "token-spans": "token_spans",
    "unified": "unified",
}

# Names that a file of options cannot give, and what gives them.
_RESERVED = {
    "name": "for the corpus that documents name, give source",
    "paths": "files stand on the command line",
    "report": "use --report",
    "encoding": "use --encoding",
}

Reader = Callable[..., Iterator[Document]]


def names() -> tuple[str, ...]:
    """Return the names of the converters: corpora, formats and installed plug-ins, sorted."""
    plugins = (point.name for point in entry_points(group=ENTRY_POINTS))
    return tuple(sorted({*CONVERTERS, *GENERIC, *plugins}))


def load(name: str) -> tuple[Reader, dict[str, Any]]:
    """Return the `read` function of a converter and the options that go with the name.

    Raises:
        InputError: no converter of that name, or no such function in the file.
    """
    if name in CONVERTERS:
        module, options = CONVERTERS[name]
        return import_module(f"{__package__}.{module}").read, options
    if name in GENERIC:
        return import_module(f"{__package__}.{GENERIC[name]}").read, {}
    if ".py:" in name:
        return _from_path(name), {}
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return _checked(point.load()), {}
    raise InputError(
        f"no converter {name!r}{near_miss(name, names())}; converters are {', '.join(names())}"
    )


def read(
    name: str,
    paths: Iterable[str | Path],
    *,
    report: Report | None = None,
    encoding: str = "auto",
    **options: Any,
) -> Iterator[Document]:
    """Yield the documents of corpus files lazily, in file order, counted in `report`.

    `options` are those of the converter, such as `canonical=True` of finre; and for every one
    `source`, `lang` and `licence`, which documents carry in `meta`.

    Raises:
        InputError: unknown converter, or (while reading) a file that is not of the format.
        ConfigError: the converter has no such option, or another type of value for it.
    """
    if ".py:" not in name:
        name = name if name in names() else name.replace("_", "-")
    reader, fixed = load(name)
    takes = inspect.signature(reader).parameters
    options = configure_options(Content(f"converter {name!r}", options), _option_types(takes))
    given: dict[str, Any] = {"name": options.pop("source", name), "encoding": encoding}
    meta: dict[str, Any] = {key: options.pop(key) for key in ("lang", "licence") if key in options}
    report = Report() if report is None else report
    report.name = str(given["name"])
    given = {key: value for key, value in given.items() if key in takes}
    documents = _read_apart(reader, list(map(str, paths)), report, {**given, **fixed, **options})
    return _counted(documents, report, meta)


def read_options(
    name: str, mapping: str | Path | None = None, assignments: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the options of a converter that a YAML file gives, `key=value` laid over them.

    Raises:
        InputError: unknown converter.
        ConfigError: the file cannot be read, or a line for each fault in it.
    """
    content = read_content(mapping) if mapping else Content(f"converter {name!r}", {})
    content.override(assignments)
    for key, instead in _RESERVED.items():
        if isinstance(content.value, dict) and content.value.pop(key, None) is not None:
            content.faults.append(f"{key!r} is no option of a converter; {instead}")
    return configure_options(content, _option_types(inspect.signature(load(name)[0]).parameters))


def _read_apart(
    reader: Reader, files: list[str], report: Report, options: dict[str, Any]
) -> Iterator[Document]:
    """Read files one by one if some have the same name: ids are made of it, and must differ."""
    stems = tell_apart(files)
    if reader.__module__ == f"{__package__}.brat" or all(
        stem == Path(path).stem for path, stem in stems.items()
    ):
        yield from reader(files, report, **options)
        return
    name = options.get("name", "")
    for path in files:
        before, after = f"{name}-{Path(path).stem}", f"{name}-{stems[path]}"
        for document in reader([path], report, **options):
            if document.id.startswith(before):
                identifier = after + document.id[len(before) :]
                document = msgspec.structs.replace(document, id=identifier)
            yield document


def convert(
    name: str, paths: Iterable[str | Path], *, report: Report | None = None, **options: Any
) -> Iterator[bytes]:
    """Yield the documents of corpus files as JSON lines, several at a time; see `read`."""
    documents = read(name, paths, report=report, **options)
    return (lines for _, lines in encode_batches(documents))


def _option_types(takes: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Return the types of the options of a reader, and of the facts that every one takes."""
    own = {
        key: Any if item.annotation is item.empty else item.annotation
        for key, item in takes.items()
        if item.kind is item.KEYWORD_ONLY and key not in ("name", "encoding")
    }
    return {**own, **dict.fromkeys(("source", "lang", "licence"), str)}


def _counted(
    documents: Iterator[Document], report: Report, meta: Mapping[str, Any]
) -> Iterator[Document]:
    """Count documents, lay `meta` over theirs, and give an id that came before a number."""
    seen: set[str] = set()
    for document in documents:
        if meta:
            document = msgspec.structs.replace(document, meta={**document.meta, **meta})
        if document.id in seen:
            document = _renamed(document, seen, report)
        seen.add(document.id)
        report.add(document)
        yield document


def _renamed(document: Document, seen: Collection[str], report: Report) -> Document:
    place = (str(document.meta.get("file", report.name)), 1)
    report.note("repeated id", place, f"{document.id!r}, document {report.documents + 1}")
    numbered = (f"{document.id}-{number}" for number in count(2))
    identifier = next(one for one in numbered if one not in seen)
    return msgspec.structs.replace(document, id=identifier)


def _from_path(name: str) -> Reader:
    path, _, function = name.rpartition(":")
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; a converter by path is given as my_reader.py:read")
    spec = util.spec_from_file_location(f"chinchilla_converter_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reader = getattr(module, function, None)
    if not callable(reader):
        raise InputError(
            f"{path}: has no function {function!r}; name the one that yields documents"
        )
    return _checked(reader)


def _checked(reader: Reader) -> Reader:
    """Let a foreign reader's documents through only with offsets that fit."""

    def read(paths: list[str], report: Report, **options: Any) -> Iterator[Document]:
        for document in reader(paths, report, **options):
            check_offsets(document)
            yield document

    read.__signature__ = inspect.signature(reader)  # type: ignore[attr-defined]
    return read
