"""What the files of a run are called where documents are named after them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .compressed import ending_of


def stem_of(name: str) -> str:
    """Return the name of a file without its ending; `stdin` of `-`."""
    if name == "-":
        return "stdin"
    path = Path(name)
    return (path.stem if ending_of(path) else path.name).rsplit(".", 1)[0]


def tell_apart(names: Iterable[str]) -> dict[str, str]:
    """Return what the ids of each file's documents begin with: its stem, if no other file has it.

    Else it is as much of the end of its path as tells it apart.
    """
    stems = {name: stem_of(name) for name in names}
    parts = {name: Path(name).parts for name in stems}
    for depth in range(1, max(map(len, parts.values()), default=0) + 1):
        number = Counter(stems.values())
        alike = [name for name, stem in stems.items() if number[stem] > 1]
        stems.update((name, "/".join(parts[name][-depth:])) for name in alike)
    return stems
