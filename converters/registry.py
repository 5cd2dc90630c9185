"""Which converter reads which corpus, by the one name that schema and catalogue use too.

A converter is a module with `read(paths, report, *, name, encoding, …) -> Iterator[Document]`.
Others may add their own: as an entry point of the group `chinchilla.converters`, or by path as
`my_reader.py:read`, whose code then runs because the user named it.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module, util
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.converters.report import Report
from chinchilla.converters.source import is_first_share
from chinchilla.data.configuration import configure_options
from chinchilla.data.documents import Document, check_offsets
from chinchilla.data.yaml_file import Content, read_content
from chinchilla.errors import InputError, near_miss

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

# Modules that read one JSON record after another, so that processes can share the lines.
LINEWISE = frozenset(
    ("cluener", "doccano", "duee", "duee_fin", "duie", "fewfc", "iree", "label_studio")
    + ("spans", "token_spans", "unified")
)

# Names that a file of options cannot give, and what gives them.
_RESERVED = {
    "name": "for the corpus that documents name, give source",
    "paths": "files stand on the command line",
    "report": "use --report",
    "workers": "use --workers",
    "encoding": "use --encoding",
}

Reader = Callable[..., Iterator[Document]]


def names() -> tuple[str, ...]:
    """Return the names of the converters: corpora, formats and installed plug-ins, sorted."""
    plugins = (point.name for point in entry_points(group=ENTRY_POINTS))
    return tuple(sorted({*CONVERTERS, *GENERIC, *plugins}))


def is_linewise(name: str) -> bool:
    """Say whether several processes can share the lines of one file of this corpus or format."""
    module = CONVERTERS[name][0] if name in CONVERTERS else GENERIC.get(name)
    return module in LINEWISE


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
    encoding: str = "utf-8",
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
    files = list(paths)
    if is_first_share():
        _note_namesakes(files, report)
    documents = reader(files, report, **given, **{**fixed, **options})
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


def _option_types(takes: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Return the types of the options of a reader, and of the facts that every one takes."""
    own = {
        key: Any if item.annotation is item.empty else item.annotation
        for key, item in takes.items()
        if item.kind is item.KEYWORD_ONLY and key not in ("name", "encoding")
    }
    return {**own, **dict.fromkeys(("source", "lang", "licence"), str)}


def _note_namesakes(files: Iterable[str | Path], report: Report) -> None:
    """Ids are made of a file's name and the place in it, so those of namesakes are the same."""
    seen: dict[str, str] = {}
    for path in map(str, files):
        other = seen.setdefault(Path(path).stem, path)
        if other != path and not _is_brat_pair(Path(other), Path(path)):
            what = f"as {other}; ids that the corpus does not give are repeated"
            report.note("file of the same name", (path, 1), what)


def _is_brat_pair(first: Path, second: Path) -> bool:
    return first.parent == second.parent and {first.suffix, second.suffix} == {".ann", ".txt"}


def _counted(
    documents: Iterator[Document], report: Report, meta: Mapping[str, Any]
) -> Iterator[Document]:
    for document in documents:
        if meta:
            document = msgspec.structs.replace(document, meta={**document.meta, **meta})
        report.add(document)
        yield document


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
