"""A run as documents: what others read it by."""

from collections.abc import Iterator
from pathlib import Path

from ..data.documents import Document
from ..errors import InputError
from .manifest import MANIFEST, Manifest
from .shard_files import read_shard, shard_name

SHARDS = "shards"


def is_run(folder: str | Path) -> bool:
    """Return whether a folder holds a run, finished or not."""
    return (Path(folder) / MANIFEST).is_file()


def read_run(folder: str | Path, *, unfinished: bool = False) -> Iterator[Document]:
    """Yield the documents of a run with their annotations, in the order of the inputs and lazily.

    Args:
        folder: the folder that `chinchilla extract -o FOLDER/` wrote.
        unfinished: also read a run that is not finished, as far as its shards are written.

    Raises:
        InputError: the folder holds no run, or one that is not finished; a shard is missing or damaged.
    """
    root = Path(folder)
    if not is_run(root):
        raise InputError(f"{folder}: holds no run (no {MANIFEST}); expected a folder of extract -o")
    manifest = Manifest(root / MANIFEST)
    try:
        asked = manifest.asked()
        if asked is None or not (unfinished or manifest.report()):
            raise InputError(f"{folder}: the run is not finished; go on with extract --resume")
        form = asked["shard format"]
        for written in manifest.shards():
            yield from read_shard(root / SHARDS / shard_name(written.number, form))
    finally:
        manifest.close()
