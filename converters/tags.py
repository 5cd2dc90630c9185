"""Tags of column files: what one says of its token, and the spans that a row of them makes.

`bio` is also BIOES, BILOU, BMES, BMEWO and BMEO, told by the tags themselves; in `iob1` I- starts an
entity, and B- stands only between neighbours of one type; `io` gives types alone; `brackets` is that
of CoNLL-2012, `(PERSON*` to `*)`.
"""

from collections.abc import Callable, Iterable, Sequence

SCHEMES = ("auto", "bio", "iob1", "io", "brackets")
# Type, first token and the one after the last.
TagSpan = tuple[str, int, int]
_PREFIXES = frozenset("BIMESLUW")


def is_outside(tag: str) -> bool:
    """Say whether a tag says that its token is of no entity."""
    return tag in ("O", "o")


def split_tag(tag: str) -> tuple[str, str] | None:
    """Return prefix and type of `B-PER`, `B_PER` or `PER-B`; of a bare `B` no type; else None."""
    if tag[:1] in _PREFIXES and tag[1:2] in ("-", "_") and len(tag) > 2:
        return tag[0], tag[2:]
    if tag[-1:] in _PREFIXES and tag[-2:-1] in ("-", "_") and len(tag) > 2:
        return tag[-1], tag[:-2]
    return (tag, "") if tag in _PREFIXES else None


def find_scheme(tags: Iterable[str]) -> str:
    """Return the scheme that the tags of a file's beginning show."""
    seen = {tag for tag in tags if not is_outside(tag)}
    if "*" in seen and all(tag.endswith(("*", "*)", ")")) for tag in seen):
        return "brackets"
    split = [split_tag(tag) for tag in seen]
    if seen and not any(split):
        return "io"
    prefixes = {one[0] for one in split if one is not None}
    return "iob1" if prefixes == {"I"} else "bio"


def plain_tag(scheme: str, bare_type: str) -> Callable[[str], str | None]:
    """Return what gives a tag as `O` or `B-type`, or None for one that is none of the scheme."""

    def plain(tag: str) -> str | None:
        if is_outside(tag):
            return "O"
        if scheme == "io":
            return f"I-{tag}"
        found = split_tag(tag)
        return None if found is None else f"{found[0]}-{found[1] or bare_type}"

    return plain


def from_brackets(tags: Sequence[str]) -> list[str]:
    """Return the tags of CoNLL-2012 as BIO tags; a type that is open inside another is left out."""
    result, kind = [], ""
    for tag in tags:
        opened = tag.strip("()*").split("(")[0] if tag.startswith("(") else ""
        result.append(f"B-{opened}" if opened and not kind else f"I-{kind}" if kind else "O")
        kind = kind or opened
        if tag.endswith(")"):
            kind = ""
    return result


def decode_tags(
    tags: Sequence[str], scheme: str = "bio"
) -> tuple[list[TagSpan], list[tuple[int, str, str]]]:
    """Return `(type, start, end)` token spans, end-exclusive, and faults `(index, outcome, reason)`.

    An inside or end tag that no begin tag of its type precedes names no entity: corpora count
    begin tags, so it is dropped and counted. In `iob1` it starts one.
    """
    spans: list[TagSpan] = []
    faults: list[tuple[int, str, str]] = []
    open_type: str | None = None
    begin = 0
    for i, tag in enumerate(tags):
        prefix = tag[0]
        if prefix in "Oo":
            if open_type is not None:
                spans.append((open_type, begin, i))
                open_type = None
            continue
        kind = tag[2:]
        if prefix in "BSUW":
            if open_type is not None:
                spans.append((open_type, begin, i))
            open_type, begin = kind, i
            if prefix != "B":
                spans.append((kind, i, i + 1))
                open_type = None
        elif kind == open_type:
            if prefix in "EL":
                spans.append((kind, begin, i + 1))
                open_type = None
        else:
            if open_type is not None:
                spans.append((open_type, begin, i))
                open_type = None
            if scheme == "iob1":
                open_type, begin = kind, i
            else:
                faults.append((i, "dropped", "inside tag without a begin tag"))
    if open_type is not None:
        spans.append((open_type, begin, len(tags)))
    return spans, faults
