"""Column files, word by word or character by character, also those that converters refuse.

    感 B-症状          a token and its tag; a line of a tag alone stands for a blank
    B-town 龙          other orders of columns by `token` and `tag`

A row that has no tag counts as a fault and leaves its sentence out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..kit import Document, decode_tags
from .tokens import Laid


def read(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    separator: str | None = None,
    joiner: str = "",
    token: int = 0,
    tag: int = -1,
    scheme: str = "bio",
    comments: Sequence[str] = (),
    skip: Sequence[str] = (),
    rename: dict[str, str] | None = None,
    part: str = "",
) -> Iterator[Document]:
    """Yield a document per block of lines.

    `separator` None: any blank. `scheme` is bio (BIOES, BMES too), iob1 or io, where neighbours of one
    tag are one mention. Lines that begin with one of `comments` are passed over, and blocks whose
    first token is in `skip`. `rename` maps types, to "" for none. `part` says what names the part of
    the set: "folder" or "stem".
    """
    for path in paths:
        for number, block in enumerate(blocks(path), 1):
            rows = [line for line in block if not line.startswith(tuple(comments) or ("\0",))]
            cells = [row.split(separator) for row in rows]
            columns = [_columns(one, token, tag, separator) for one in cells if one]
            if not columns or columns[0] is not None and columns[0][0] in skip:
                continue
            if None in columns:
                faults["row without a tag"] += 1
                continue
            good = [column for column in columns if column is not None]
            tokens, tags = [one for one, _ in good], [two for _, two in good]
            meta = part_of(path, part)
            yield tagged(
                f"{path.stem}-{number}", tokens, tags, faults, joiner, scheme, rename, meta
            )


def _columns(
    cells: list[str], token: int, tag: int, separator: str | None
) -> tuple[str, str] | None:
    least = max(token, tag, -tag - 1) + 1
    if len(cells) == 1 and separator is None and is_tag(cells[0]):
        return " ", cells[0]
    if len(cells) < max(least, 2) or not is_tag(cells[tag].strip()):
        return None
    return cells[token] or " ", cells[tag].strip()


def is_tag(text: str) -> bool:
    """Say whether this may be a tag: O, or a letter of BIOES and a type."""
    return text in ("O", "o") or (len(text) > 2 and text[0] in "BIESMLU" and text[1] in "-_")


def tagged(
    id: str,
    tokens: Sequence[str],
    tags: Sequence[str],
    faults: Counter[str],
    joiner: str = "",
    scheme: str = "bio",
    rename: dict[str, str] | None = None,
    meta: dict[str, str] | None = None,
) -> Document:
    """Return the document of tokens and their tags."""
    if scheme == "io":
        tags = ["O" if tag == "O" else f"I-{tag.removeprefix('I-')}" for tag in tags]
        scheme = "iob1"
    spans, wrong = decode_tags(tags, scheme)
    faults.update(reason for _, _, reason in wrong)
    rename = rename or {}
    named = [(rename.get(kind, kind), first, end) for kind, first, end in spans]
    laid = Laid(tokens, joiner)
    entities = laid.entities(span for span in named if span[0])
    return Document(id, laid.text, entities, meta=meta or {})


def blocks(path: Path) -> Iterator[list[str]]:
    """Yield the runs of lines between empty ones; a line of a blank and a tag is no empty one."""
    block: list[str] = []
    with path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file:
        for line in file:
            line = line.rstrip("\r\n")
            if line.strip():
                block.append(line)
            elif block:
                yield block
                block = []
    if block:
        yield block


def part_of(path: Path, part: str) -> dict[str, str]:
    """Return the `meta` that tells a file's part of its set."""
    name = {"folder": path.parent.name, "stem": path.stem}.get(part, "")
    return {"part": name} if name else {}


def read_parallel(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    text: str,
    tags: str,
    joiner: str = "",
    label: str = "",
    part: str = "",
) -> Iterator[Document]:
    """Yield a document per line of two files in one folder: tokens, and tags of the same number.

    Paths are the folders; `text` and `tags` name the files. `label` is a file whose line names the
    part of the set, `part` one name for all.
    """
    for folder in paths:
        lines = [_lines(folder / name) for name in (text, tags)]
        labels = _lines(folder / label) if label else [part or ""] * len(lines[0])
        for number, (words, marks, name) in enumerate(zip(*lines, labels, strict=False), 1):
            tokens, kinds = words.split(), marks.split()
            if not tokens and not kinds:
                continue
            if len(tokens) != len(kinds):
                faults["tokens and tags differ in number"] += 1
                continue
            meta = {"part": name.strip()} if name.strip() else {}
            yield tagged(f"{folder.name}-{number}", tokens, kinds, faults, joiner, meta=meta)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8-sig").split("\n")
